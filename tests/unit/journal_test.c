/* The journal: what it says comes back, a torn end says nothing, and everything else that is not right is damage. */
#include <xxhash.h>

#include "../../jobs/push-lancers/journal_format.h"
#include "../../jobs/push-lancers/settle.h"
#include "support.h"

static const struct hash fingerprint = {"0123456789abcde"};

static void add(struct batch *batch, enum operation_kind kind, const char *key) {
    struct operation operation = {.kind = kind,
                                  .key = (const unsigned char *)key,
                                  .key_length = strlen(key),
                                  .json = kind == OPERATION_FORGET ? "" : "{}",
                                  .json_length = kind == OPERATION_FORGET ? 0 : 2};
    if (kind == OPERATION_ADD)
        memset(operation.hash.bytes, key[0], sizeof operation.hash.bytes);
    assert_int_equal(batch_add(batch, &operation), 0);
}

/* Two batches: a (add, applied), b (delete, applied), c (forget, applied), d (add, refused); e (add, never answered), f (delete, not sent). The
 * second is on disk before all is known of the first. A third one, of g, is never reported on. */
static char *write_journal(void *const *state) {
    char *path = scene_path(state, "push-lancers.x.journal");
    const struct manifest_info base = {0};
    struct journal *journal = NULL;
    struct batch batch;
    struct batch next;
    batch_init(&batch, BATCH_BYTES);
    batch_init(&next, BATCH_BYTES);
    assert_int_equal(journal_create(path, &fingerprint, &base, 7, &journal), 0);
    add(&batch, OPERATION_ADD, "a");
    add(&batch, OPERATION_DELETE, "b");
    add(&batch, OPERATION_FORGET, "c");
    add(&batch, OPERATION_ADD, "d");
    assert_int_equal(journal_intent(journal, &batch), 0);
    assert_int_equal(journal_outcome(journal, &batch, (const unsigned char *)"\1\1\0\0"), 0);
    add(&next, OPERATION_ADD, "e");
    add(&next, OPERATION_DELETE, "f");
    assert_int_equal(journal_intent(journal, &next), 0);
    assert_int_equal(journal_outcome(journal, &batch, (const unsigned char *)"\0\0\1\2"), 0);
    assert_int_equal(journal_outcome(journal, &next, (const unsigned char *)"\0\3"), 0);
    batch_clear(&batch);
    add(&batch, OPERATION_ADD, "g");
    assert_int_equal(journal_intent(journal, &batch), 0);
    assert_int_equal(journal_outcome(journal, &next, (const unsigned char *)"\0\0"), 0);
    journal_close(journal);
    batch_free(&batch);
    batch_free(&next);
    return path;
}

/* All operations as "a+1 b-1 ...", and the status. */
static int read_journal(const char *path, struct text *out) {
    struct journal_reader *reader = NULL;
    struct journal_header header;
    const struct journal_item *item = NULL;
    int status = journal_open(path, &reader, &header);
    while (status == 0 && (status = journal_next(reader, &item)) == 0 && item != NULL) {
        text_append(out, item->key, item->key_length);
        text_printf(out, "%c%d ", "?+-x"[item->kind], (int)item -> outcome);
        if (item->kind == OPERATION_ADD && item->hash.bytes[9] != item->key[0])
            abort();
    }
    journal_reader_free(reader);
    return status;
}

static void what_was_written_comes_back(void **state) {
    char *path = write_journal(state);
    struct text text = {0};
    assert_int_equal(read_journal(path, &text), 0);
    assert_string_equal(text_string(&text), "a+1 b-1 cx1 d+2 e+0 f-3 g+0 ");
    text_clear(&text);
    char *none = scene_path(state, "none");
    assert_int_equal(read_journal(none, &text), 0);
    assert_int_equal(text.length, 0);
    text_free(&text);
    free(none);
    free(path);
}

/* What kill -9 leaves of a file that is written from its beginning to its end. */
static void a_torn_end_says_what_was_whole(void **state) {
    static const char *const possible[] = {"",
                                           "a+0 b-0 cx0 d+0 ",
                                           "a+1 b-1 cx0 d+0 ",
                                           "a+1 b-1 cx0 d+0 e+0 f-0 ",
                                           "a+1 b-1 cx1 d+2 e+0 f-0 ",
                                           "a+1 b-1 cx1 d+2 e+0 f-3 ",
                                           "a+1 b-1 cx1 d+2 e+0 f-3 g+0 "};
    char *path = write_journal(state);
    struct stat info;
    size_t stage = 0;
    assert_int_equal(stat(path, &info), 0);
    size_t length = (size_t)info.st_size;
    char *bytes = xmalloc(length + 64);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(bytes, 1, length, file), length);
    fclose(file);
    for (size_t cut = 0; cut <= length; cut++) {
        for (size_t zeros = 0; zeros <= 64; zeros += 32) {
            struct text text = {0};
            char *torn = xcalloc(cut + zeros, 1);
            memcpy(torn, bytes, cut);
            free(scene_put_bytes(state, "torn", torn, cut + zeros));
            char *torn_path = scene_path(state, "torn");
            struct capture capture = capture_start();
            int status = read_journal(torn_path, &text);
            free(capture_end(&capture));
            /* Zeros after half a record can be told from nothing: that is damage, unless the half is of zeros too. */
            assert_true(status == 0 || (status == EXIT_GUARD && zeros > 0));
            if (status == 0 && zeros == 0) {
                if (strcmp(text_string(&text), possible[stage]) != 0)
                    stage++;
                assert_true(stage < LENGTH_OF(possible));
                assert_string_equal(text_string(&text), possible[stage]);
            }
            free(torn_path);
            free(torn);
            text_free(&text);
        }
    }
    assert_int_equal(stage, LENGTH_OF(possible) - 1);
    free(bytes);
    free(path);
}

static void every_flipped_bit_is_found(void **state) {
    char *path = write_journal(state);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    size_t length = (size_t)info.st_size;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    setvbuf(file, NULL, _IONBF, 0);
    bool all = true;
    struct capture capture = capture_start();
    for (size_t bit = 0; all && bit < length * 8; bit++) {
        struct text text = {0};
        fseek(file, (long)(bit / 8), SEEK_SET);
        int byte = fgetc(file);
        fseek(file, (long)(bit / 8), SEEK_SET);
        fputc(byte ^ 1 << bit % 8, file);
        all = read_journal(path, &text) == EXIT_GUARD;
        fseek(file, (long)(bit / 8), SEEK_SET);
        fputc(byte, file);
        text_free(&text);
    }
    free(capture_end(&capture));
    fclose(file);
    assert_true(all);
    struct text text = {0};
    assert_int_equal(read_journal(path, &text), 0);
    text_free(&text);
    free(path);
}

/* A first record with right checksums over wrong content: damage, or at least operations that rise and are within bounds (ASan watches). */
static void nonsense_with_right_checksums_is_found(void **state) {
    char *path = write_journal(state);
    unsigned char whole[2048];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t length = fread(whole, 1, sizeof whole, file);
    fclose(file);
    uint64_t identity = unpack_number(whole + JOURNAL_HEADER - 8, 8);
    unsigned char *frame = whole + JOURNAL_HEADER;
    size_t payload = (size_t)unpack_number(frame + 4, 4);
    uint64_t seed = 99;
    bool all = true;
    struct capture capture = capture_start();
    for (int i = 0; all && i < 20000; i++) {
        unsigned char wrong[sizeof whole];
        memcpy(wrong, whole, length);
        frame = wrong + JOURNAL_HEADER;
        seed = seed * 6364136223846793005U + 1442695040888963407U;
        frame[JOURNAL_FRAME + (seed >> 33) % payload] = (unsigned char)(seed >> 20);
        pack_number(frame + 16, XXH3_64bits_withSeed(frame + JOURNAL_FRAME, payload, identity), 8);
        pack_number(frame + 24, XXH3_64bits_withSeed(frame, JOURNAL_FRAME - 8, identity), 8);
        free(scene_put_bytes(state, "wrong", wrong, length));
        char *wrong_path = scene_path(state, "wrong");
        struct journal_reader *reader = NULL;
        struct journal_header header;
        const struct journal_item *item = NULL;
        struct rowkey last = {.length = 0};
        int status = journal_open(wrong_path, &reader, &header);
        while (status == 0 && (status = journal_next(reader, &item)) == 0 && item != NULL) {
            all = all && item->key_length <= ROWKEY_STORED &&
                  (last.length == 0 || rowkey_compare(last.bytes, last.length, item->key, item->key_length) < 0);
            last.length = item->key_length;
            memcpy(last.bytes, item->key, item->key_length);
        }
        all = all && (status == 0 || status == EXIT_GUARD);
        journal_reader_free(reader);
        free(wrong_path);
    }
    free(capture_end(&capture));
    assert_true(all);
    free(path);
}

static struct settle settle_in(void *const *state) {
    struct settle paths;
    settle_init(&paths, *state, "x", &fingerprint);
    return paths;
}

/* The manifest as "aH@7 ...": key, state, version. */
static void print_manifest(const struct settle *paths, struct text *out) {
    struct manifest *manifest = NULL;
    struct manifest_info info;
    const struct manifest_entry *entry = NULL;
    assert_int_equal(manifest_open(paths->manifest, &fingerprint, &manifest, &info), 0);
    while (manifest_next(manifest, &entry) == 0 && entry != NULL) {
        text_append(out, entry->key, entry->key_length);
        text_printf(out, "%c@%d ", "HURN"[entry->state], (int)entry -> version);
    }
    manifest_close(manifest);
}

static void settling_twice_is_settling_once(void **state) {
    free(write_journal(state));
    struct settle paths = settle_in(state);
    struct manifest_info info;
    struct text text = {0};
    char *left_behind = scene_put(state, ".push-lancers.x.manifest.AbCdEf", "half");
    for (int i = 0; i < 3; i++) {
        assert_int_equal(settle(&paths, &info), 0);
        assert_int_equal(info.generation, 7);
        assert_int_equal(info.entries, 4);
        text_clear(&text);
        print_manifest(&paths, &text);
        assert_string_equal(text_string(&text), "aH@7 dR@7 eU@7 gU@7 ");
        assert_int_equal(access(paths.journal, F_OK), -1);
    }
    assert_int_equal(access(left_behind, F_OK), -1);
    free(left_behind);
    text_free(&text);
    settle_free(&paths);
}

/* The table of settle.h: each state of an entry, each operation, each outcome. */
static void what_each_outcome_makes_of_each_entry(void **state) {
    static const char *const wanted[4][3][4] = {
        /* unknown, applied, refused, not sent; for add, delete, forget; from held, unsure, refused, refused anew */
        {{"aU@9 ", "aH@9 ", "aN@9 ", "aH@1 "}, {"aU@9 ", "", "aH@1 ", "aH@1 "}, {"aH@1 ", "", "aH@1 ", "aH@1 "}},
        {{"aU@9 ", "aH@9 ", "aN@9 ", "aU@1 "}, {"aU@9 ", "", "aU@1 ", "aU@1 "}, {"aU@1 ", "", "aU@1 ", "aU@1 "}},
        {{"aU@9 ", "aH@9 ", "aR@9 ", "aR@1 "}, {"aU@9 ", "", "aR@1 ", "aR@1 "}, {"aR@1 ", "", "aR@1 ", "aR@1 "}},
        {{"aU@9 ", "aH@9 ", "aN@9 ", "aN@1 "}, {"aU@9 ", "", "aN@1 ", "aN@1 "}, {"aN@1 ", "", "aN@1 ", "aN@1 "}},
    };
    struct settle paths = settle_in(state);
    for (unsigned i = 0; i < 4 * 3 * 4; i++) {
        struct manifest_writer *writer = NULL;
        struct manifest_info info;
        struct journal *journal = NULL;
        struct batch batch;
        struct text text = {0};
        unsigned char outcome = (unsigned char)(i % 4);
        unsigned kind = i / 4 % 3;
        struct manifest_entry entry = {
            .state = (enum manifest_state)(i / 12), .version = 1, .key_length = 1, .key = "a"};
        assert_int_equal(manifest_create(paths.manifest, &fingerprint, 1, &writer), 0);
        assert_int_equal(manifest_put(writer, &entry), 0);
        assert_int_equal(manifest_seal(writer, &info), 0);
        assert_int_equal(manifest_commit(writer), 0);
        manifest_writer_free(writer);
        batch_init(&batch, BATCH_BYTES);
        add(&batch, (enum operation_kind)(kind + 1), "a");
        assert_int_equal(journal_create(paths.journal, &fingerprint, &info, 9, &journal), 0);
        assert_int_equal(journal_intent(journal, &batch), 0);
        assert_int_equal(journal_outcome(journal, &batch, &outcome), 0);
        journal_close(journal);
        batch_free(&batch);
        assert_int_equal(settle(&paths, &info), 0);
        print_manifest(&paths, &text);
        assert_string_equal(text_string(&text), wanted[i / 12][kind][outcome]);
        text_free(&text);
    }
    settle_free(&paths);
}

static void a_journal_of_another_manifest_is_damage(void **state) {
    struct settle paths = settle_in(state);
    struct manifest_info info;
    struct manifest_writer *writer = NULL;
    struct text before = {0};
    assert_int_equal(manifest_create(paths.manifest, &fingerprint, 6, &writer), 0);
    assert_int_equal(manifest_seal(writer, &info), 0);
    assert_int_equal(manifest_commit(writer), 0);
    manifest_writer_free(writer);
    free(write_journal(state)); /* goes on from no manifest */
    struct capture capture = capture_start();
    int status = settle(&paths, &info);
    struct journal *journal = NULL;
    int second = journal_create(paths.journal, &fingerprint, &info, 9, &journal);
    settle_give_up(&paths);
    int afterwards = settle(&paths, &info);
    char *log = capture_end(&capture);
    assert_int_equal(status, EXIT_GUARD);
    assert_contains(log, "does not belong to the manifest beside it");
    assert_int_equal(second, EXIT_BUG);
    assert_int_equal(afterwards, 0);
    assert_false(info.exists);
    text_free(&before);
    free(log);
    settle_free(&paths);
}

static void generations_only_rise(void **state) {
    (void)state;
    assert_int_equal(journal_generation(0, 1764000000000), 1764000000000);
    assert_int_equal(journal_generation(1764000000000, 1764000000000), 1764000000001);
    assert_int_equal(journal_generation(1764000000005, 17), 1764000000006);
}

static void keys_must_rise_from_batch_to_batch(void **state) {
    const struct manifest_info base = {0};
    struct settle paths = settle_in(state);
    struct journal *journal = NULL;
    struct batch batch;
    batch_init(&batch, BATCH_BYTES);
    add(&batch, OPERATION_ADD, "b");
    assert_int_equal(journal_create(paths.journal, &fingerprint, &base, 7, &journal), 0);
    assert_int_equal(journal_intent(journal, &batch), 0);
    struct capture capture = capture_start();
    int again = journal_intent(journal, &batch);
    batch_clear(&batch);
    int wrong = journal_outcome(journal, &batch, (const unsigned char *)"");
    free(capture_end(&capture));
    assert_int_equal(again, EXIT_BUG);
    assert_int_equal(wrong, EXIT_BUG);
    journal_close(journal);
    batch_free(&batch);
    settle_free(&paths);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(what_was_written_comes_back),
        scene_test(a_torn_end_says_what_was_whole),
        scene_test(every_flipped_bit_is_found),
        scene_test(nonsense_with_right_checksums_is_found),
        scene_test(settling_twice_is_settling_once),
        scene_test(what_each_outcome_makes_of_each_entry),
        scene_test(a_journal_of_another_manifest_is_damage),
        cmocka_unit_test(generations_only_rise),
        scene_test(keys_must_rise_from_batch_to_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
