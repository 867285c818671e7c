/* A manifest comes back as it was written, or not at all: every byte flipped, every length cut. */
#include "../../jobs/push-lancers/manifest_format.h"
#include "support.h"

static const struct hash fingerprint = {"0123456789abcde"};

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* The i-th entry of a manifest that is the same every time; keys of many lengths and long shared beginnings. */
static struct manifest_entry entry_at(size_t i) {
    uint64_t seed = 88172645463325252U + i;
    struct manifest_entry entry = {.state = (enum manifest_state)(next_random(&seed) % MANIFEST_STATES)};
    entry.version = i % 5 == 0 ? 1000 : (int64_t)(next_random(&seed) >> (1 + i % 63));
    int start = i % 3 == 0 ? 60 : 0;
    entry.key_length = (size_t)snprintf((char *)entry.key, sizeof entry.key, "%08zu%0*d", i, start, 0);
    if (i % 7 == 0)
        entry.key_length = ROWKEY_STORED;
    if (entry.state != MANIFEST_UNSURE)
        for (size_t j = 0; j < sizeof entry.hash.bytes; j++)
            entry.hash.bytes[j] = (unsigned char)next_random(&seed);
    return entry;
}

static struct manifest_info write_entries(const char *path, size_t count) {
    struct manifest_writer *writer = NULL;
    struct manifest_info info;
    assert_int_equal(manifest_create(path, &fingerprint, 1000, &writer), 0);
    for (size_t i = 0; i < count; i++) {
        struct manifest_entry entry = entry_at(i);
        assert_int_equal(manifest_put(writer, &entry), 0);
    }
    assert_int_equal(manifest_seal(writer, &info), 0);
    assert_int_equal(manifest_commit(writer), 0);
    manifest_writer_free(writer);
    return info;
}

static void check_entries(const char *path, size_t count, const struct manifest_info *written) {
    struct manifest *manifest = NULL;
    struct manifest_info info;
    const struct manifest_entry *entry = NULL;
    assert_int_equal(manifest_open(path, &fingerprint, &manifest, &info), 0);
    assert_true(info.exists);
    assert_int_equal(info.generation, 1000);
    assert_int_equal(info.entries, count);
    assert_int_equal(info.checksum, written->checksum);
    assert_memory_equal(info.states, written->states, sizeof info.states);
    for (size_t i = 0; i < count; i++) {
        struct manifest_entry wanted = entry_at(i);
        assert_int_equal(manifest_next(manifest, &entry), 0);
        assert_non_null(entry);
        assert_int_equal(entry->state, wanted.state);
        assert_int_equal(entry->version, wanted.version);
        assert_int_equal(entry->key_length, wanted.key_length);
        assert_memory_equal(entry->key, wanted.key, wanted.key_length);
        assert_true(hash_equal(&entry->hash, &wanted.hash));
    }
    assert_int_equal(manifest_next(manifest, &entry), 0);
    assert_null(entry);
    manifest_close(manifest);
}

static void what_was_written_comes_back(void **state) {
    static const size_t counts[] = {0, 1, 2, 500, 20000};
    char *path = scene_path(state, "m");
    for (size_t i = 0; i < LENGTH_OF(counts); i++) {
        struct manifest_info info = write_entries(path, counts[i]);
        check_entries(path, counts[i], &info);
    }
    char *log = scene_path(state, "none");
    struct manifest_info info;
    assert_int_equal(manifest_verify(log, &fingerprint, &info), 0);
    assert_false(info.exists);
    assert_int_equal(info.entries, 0);
    free(log);
    free(path);
}

/* Reads what it can; the number of entries that were handed out, each of which must be a right one. */
static int read_damaged(const char *path, size_t count, size_t *read) {
    struct manifest *manifest = NULL;
    struct manifest_info info;
    const struct manifest_entry *entry = NULL;
    int status = manifest_open(path, &fingerprint, &manifest, &info);
    for (*read = 0; status == 0;) {
        status = manifest_next(manifest, &entry);
        if (status != 0 || entry == NULL)
            break;
        struct manifest_entry wanted = entry_at(*read);
        if (*read >= count || entry->key_length != wanted.key_length || !hash_equal(&entry->hash, &wanted.hash) ||
            entry->state != wanted.state || memcmp(entry->key, wanted.key, wanted.key_length) != 0)
            abort();
        (*read)++;
    }
    manifest_close(manifest);
    return status;
}

static char *read_bytes(const char *path, size_t *length) {
    struct stat info;
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fstat(fileno(file), &info), 0);
    *length = (size_t)info.st_size;
    char *bytes = xmalloc(*length);
    assert_int_equal(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}

static void every_flipped_bit_is_found(void **state) {
    char *path = scene_path(state, "m");
    size_t length = 0;
    size_t read = 0;
    write_entries(path, 60);
    char *bytes = read_bytes(path, &length);
    struct capture capture = capture_start();
    bool all = true;
    for (size_t bit = 0; all && bit < length * 8; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
        free(scene_put_bytes(state, "m", bytes, length));
        /* One block: not a single entry may come out of it. */
        all = read_damaged(path, 60, &read) == EXIT_GUARD && read == 0;
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ (1 << bit % 8));
    }
    free(capture_end(&capture));
    assert_true(all);
    free(bytes);
    free(path);
}

static void every_cut_and_every_tail_is_found(void **state) {
    char *path = scene_path(state, "m");
    size_t length = 0;
    size_t read = 0;
    write_entries(path, 60);
    char *bytes = read_bytes(path, &length);
    struct capture capture = capture_start();
    bool all = true;
    for (size_t cut = 0; all && cut < length; cut++) {
        free(scene_put_bytes(state, "m", bytes, cut));
        all = read_damaged(path, 60, &read) == EXIT_GUARD && read == 0;
    }
    bytes = xreallocarray(bytes, length * 2, 1);
    memcpy(bytes + length, bytes, length);
    for (size_t tail = 1; all && tail <= length; tail++) {
        free(scene_put_bytes(state, "m", bytes, length + tail));
        all = read_damaged(path, 60, &read) == EXIT_GUARD && (read == 0 || tail == length);
    }
    free(capture_end(&capture));
    assert_true(all);
    free(bytes);
    free(path);
}

/* Blocks that are whole but swapped, missing, doubled, or of the same manifest at another time. */
static void blocks_out_of_place_are_found(void **state) {
    char *path = scene_path(state, "m");
    size_t length = 0;
    size_t read = 0;
    write_entries(path, 6000);
    char *bytes = read_bytes(path, &length);
    size_t first = 64;
    size_t size = 32 + ((size_t)(unsigned char)bytes[first] | (size_t)(unsigned char)bytes[first + 1] << 8);
    struct text swapped = {0};
    struct text missing = {0};
    struct text doubled = {0};
    text_append(&missing, bytes, first);
    text_append(&missing, bytes + first + size, length - first - size);
    text_append(&doubled, bytes, first + size);
    text_append(&doubled, bytes + first, length - first);
    size_t second = first + size;
    size_t second_size = 32 + ((size_t)(unsigned char)bytes[second] | (size_t)(unsigned char)bytes[second + 1] << 8);
    assert_true(second + second_size < length - 80);
    text_append(&swapped, bytes, first);
    text_append(&swapped, bytes + second, second_size);
    text_append(&swapped, bytes + first, size);
    text_append(&swapped, bytes + second + second_size, length - second - second_size);
    const struct text *const wrong[] = {&swapped, &missing, &doubled};
    struct capture capture = capture_start();
    bool all = true;
    for (size_t i = 0; i < LENGTH_OF(wrong); i++) {
        free(scene_put_bytes(state, "m", wrong[i]->data, wrong[i]->length));
        all = all && read_damaged(path, 6000, &read) == EXIT_GUARD;
    }
    free(capture_end(&capture));
    assert_true(all);
    text_free(&swapped);
    text_free(&missing);
    text_free(&doubled);
    free(bytes);
    free(path);
}

/* Blocks with right checksums over wrong content, which only a bug of ours could write: no reading past a buffer (ASan watches), no entry out
 * of order, and never a whole manifest. */
static void nonsense_with_right_checksums_is_found(void **state) {
    char *path = scene_path(state, "m");
    size_t length = 0;
    uint64_t seed = 4711;
    write_entries(path, 40);
    char *bytes = read_bytes(path, &length);
    unsigned char *wrong = xmalloc(length);
    bool all = true;
    struct capture capture = capture_start();
    for (int i = 0; all && i < 20000; i++) {
        unsigned char *block = wrong + HEADER_SIZE;
        size_t payload = length - HEADER_SIZE - BLOCK_HEADER_SIZE - TRAILER_SIZE;
        memcpy(wrong, bytes, length);
        for (uint64_t left = 1 + next_random(&seed) % 3; left > 0; left--)
            block[BLOCK_HEADER_SIZE + next_random(&seed) % payload] = (unsigned char)next_random(&seed);
        pack_number(block + 4, 1 + next_random(&seed) % 60, 4);
        pack_number(block + 24, manifest_block_checksum(block, payload, unpack_number(wrong + HEADER_SIZE - 8, 8)), 8);
        free(scene_put_bytes(state, "m", wrong, length));
        struct manifest *manifest = NULL;
        struct manifest_info info;
        const struct manifest_entry *entry = NULL;
        struct manifest_entry last = {0};
        int status = manifest_open(path, &fingerprint, &manifest, &info);
        for (bool any = false; status == 0 && (status = manifest_next(manifest, &entry)) == 0 && entry != NULL;
             any = true) {
            all = all && entry->key_length <= ROWKEY_STORED &&
                  (!any || rowkey_compare(last.key, last.key_length, entry->key, entry->key_length) < 0);
            last = *entry;
        }
        manifest_close(manifest);
        all = all && (status == EXIT_GUARD || memcmp(wrong, bytes, length) == 0);
    }
    free(capture_end(&capture));
    assert_true(all);
    free(wrong);
    free(bytes);
    free(path);
}

static void another_domain_is_refused(void **state) {
    char *path = scene_path(state, "m");
    static const struct hash other = {"0123456789abcdf"};
    struct manifest_info info;
    write_entries(path, 3);
    struct capture capture = capture_start();
    int status = manifest_verify(path, &other, &info);
    char *log = capture_end(&capture);
    assert_int_equal(status, EXIT_GUARD);
    assert_contains(log, "belongs to another domain");
    assert_contains(log, "--reconcile");
    assert_int_equal(manifest_verify(path, NULL, &info), 0);
    assert_memory_equal(info.fingerprint.bytes, fingerprint.bytes, 16);
    free(log);
    free(path);
}

static void keys_out_of_order_are_not_written(void **state) {
    char *path = scene_path(state, "m");
    struct manifest_writer *writer = NULL;
    assert_int_equal(manifest_create(path, &fingerprint, 1, &writer), 0);
    struct manifest_entry two = entry_at(2);
    struct manifest_entry one = entry_at(1);
    struct manifest_entry long_key = entry_at(9);
    long_key.key_length = ROWKEY_STORED + 1;
    struct capture capture = capture_start();
    int first = manifest_put(writer, &two);
    int twice = manifest_put(writer, &two);
    int down = manifest_put(writer, &one);
    int too_long = manifest_put(writer, &long_key);
    free(capture_end(&capture));
    assert_int_equal(first, 0);
    assert_int_equal(twice, EXIT_BUG);
    assert_int_equal(down, EXIT_BUG);
    assert_int_equal(too_long, EXIT_BUG);
    manifest_writer_free(writer);
    free(path);
}

static void what_is_not_committed_leaves_the_old_one(void **state) {
    char *path = scene_path(state, "m");
    struct manifest_info old = write_entries(path, 10);
    struct manifest_writer *writer = NULL;
    struct manifest_info info;
    assert_int_equal(manifest_create(path, &fingerprint, 2, &writer), 0);
    assert_int_equal(manifest_seal(writer, &info), 0);
    manifest_writer_free(writer);
    check_entries(path, 10, &old);
    struct capture capture = capture_start();
    char *nowhere = scene_path(state, "none/m");
    int status = manifest_create(nowhere, &fingerprint, 2, &writer);
    manifest_set_aside(path);
    free(capture_end(&capture));
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    char *aside = scene_path(state, "m.bad");
    check_entries(aside, 10, &old);
    assert_int_equal(access(path, F_OK), -1);
    /* Nothing but the file that was set aside is left. */
    assert_int_equal(unlink(aside), 0);
    assert_int_equal(rmdir(*state), 0);
    assert_int_equal(mkdir(*state, 0700), 0);
    free(aside);
    free(nowhere);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(what_was_written_comes_back),
        scene_test(every_flipped_bit_is_found),
        scene_test(every_cut_and_every_tail_is_found),
        scene_test(blocks_out_of_place_are_found),
        scene_test(nonsense_with_right_checksums_is_found),
        scene_test(another_domain_is_refused),
        scene_test(keys_out_of_order_are_not_written),
        scene_test(what_is_not_committed_leaves_the_old_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
