/* Keys of all kinds and lengths come back sorted, from memory and from runs; a disk that fails is noticed. */
#include "../../jobs/push-lancers/id_sort.h"
#include "../../jobs/push-lancers/rowkey.h"
#include "support.h"

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Any bytes, zeros among them; no key twice, because each ends with its number. */
static void make_key(struct rowkey *key, size_t i) {
    uint64_t seed = 88172645463325252U + i * 977;
    uint64_t length = next_random(&seed) % 8 == 0 ? ROWKEY_STORED - 4 : next_random(&seed) % 5;
    for (size_t j = 0; j < length; j++)
        key->bytes[j] = next_random(&seed) % 3 == 0 ? (unsigned char)next_random(&seed) : 0;
    key->length = (size_t)length;
    for (size_t j = 0; j < 4; j++)
        key->bytes[key->length++] = (unsigned char)(i >> (8 * j));
}

static int compare(const void *a, const void *b) {
    const struct rowkey *first = a;
    const struct rowkey *second = b;
    return rowkey_compare(first->bytes, first->length, second->bytes, second->length);
}

static void sort_and_check(const char *directory, size_t count, size_t memory) {
    struct id_sort *sort = id_sort_new(directory, memory);
    struct rowkey *wanted = xcalloc(count + 1, sizeof *wanted);
    const unsigned char *key = NULL;
    size_t length = 0;
    for (size_t i = 0; i < count; i++) {
        make_key(&wanted[i], i);
        assert_int_equal(id_sort_add(sort, wanted[i].bytes, wanted[i].length), 0);
    }
    qsort(wanted, count, sizeof *wanted, compare);
    assert_int_equal(id_sort_start(sort), 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(id_sort_next(sort, &key, &length), 0);
        assert_non_null(key);
        assert_int_equal(length, wanted[i].length);
        assert_memory_equal(key, wanted[i].bytes, length);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(id_sort_next(sort, &key, &length), 0);
        assert_null(key);
    }
    id_sort_free(sort);
    free(wanted);
}

static void keys_come_back_in_order(void **state) {
    static const size_t counts[] = {0, 1, 2, 7, 8, 100, 3000};
    for (size_t i = 0; i < LENGTH_OF(counts); i++) {
        sort_and_check(*state, counts[i], ID_SORT_MEMORY);
        sort_and_check(*state, counts[i], 1024);
    }
    /* Nothing is left in the directory: rmdir() in scene_leave() is not enough, as it removes what it finds. */
    assert_int_equal(rmdir(*state), 0);
    assert_int_equal(mkdir(*state, 0700), 0);
}

/* Every way in which the last key may fill the memory. */
static void the_memory_may_end_anywhere(void **state) {
    for (size_t memory = 1024; memory < 1024 + 2 * ROWKEY_STORED; memory += 4)
        sort_and_check(*state, 60, memory);
}

static void equal_keys_are_kept(void **state) {
    struct id_sort *sort = id_sort_new(*state, 1024);
    const unsigned char *key = NULL;
    size_t length = 0;
    for (size_t i = 0; i < 1000; i++)
        assert_int_equal(id_sort_add(sort, i % 2 == 0 ? "a" : "b", 1), 0);
    assert_int_equal(id_sort_start(sort), 0);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(id_sort_next(sort, &key, &length), 0);
        assert_int_equal(length, 1);
        assert_int_equal(*key, i < 500 ? 'a' : 'b');
    }
    id_sort_free(sort);
}

static void what_cannot_be_written_is_an_error(void **state) {
    char *missing = scene_path(state, "missing");
    struct id_sort *sort = id_sort_new(missing, 1024);
    unsigned char key[ROWKEY_STORED + 1] = {0};
    int status = 0;
    struct capture capture = capture_start();
    int too_long = id_sort_add(sort, key, sizeof key);
    for (size_t i = 0; status == 0 && i < 1000; i++)
        status = id_sort_add(sort, key, ROWKEY_STORED);
    char *said = capture_end(&capture);
    assert_int_equal(too_long, EXIT_BUG);
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_contains(said, "missing");
    id_sort_free(sort);
    id_sort_free(NULL);
    free(said);
    free(missing);
}

int main(void) {
    log_start("test", LOG_LEVEL_INFO);
    const struct CMUnitTest tests[] = {
        scene_test(keys_come_back_in_order),
        scene_test(the_memory_may_end_anywhere),
        scene_test(equal_keys_are_kept),
        scene_test(what_cannot_be_written_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
