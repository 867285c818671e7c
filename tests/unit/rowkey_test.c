/* Keys sort as their values do, and come back as they were. */
#include "../../jobs/push-lancers/rowkey.h"
#include "support.h"

static struct rowkey key_of(enum rowkey_kind kind, const char *value) {
    struct rowkey key = {0};
    assert_null(rowkey_set(&key, kind, value, strlen(value)));
    return key;
}

/* Ascending; around every power of 256, both signs, and both ends. */
static const char *const integers[] = {"-9223372036854775808",
                                       "-9223372036854775807",
                                       "-72057594037927937",
                                       "-72057594037927936",
                                       "-65537",
                                       "-65536",
                                       "-257",
                                       "-256",
                                       "-255",
                                       "-2",
                                       "-1",
                                       "0",
                                       "1",
                                       "127",
                                       "128",
                                       "255",
                                       "256",
                                       "257",
                                       "65535",
                                       "65536",
                                       "16777215",
                                       "16777216",
                                       "4294967295",
                                       "4294967296",
                                       "72057594037927935",
                                       "72057594037927936",
                                       "9223372036854775807",
                                       "9223372036854775808",
                                       "18446744073709551615"};

static void integers_sort_by_value_and_come_back(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(integers); i++) {
        struct rowkey a = key_of(ROWKEY_INTEGER, integers[i]);
        struct text again = {0};
        assert_true(rowkey_add(&again, ROWKEY_INTEGER, a.bytes, a.length));
        assert_string_equal(text_string(&again), integers[i]);
        text_free(&again);
        for (size_t j = 0; j < LENGTH_OF(integers); j++) {
            struct rowkey b = key_of(ROWKEY_INTEGER, integers[j]);
            int order = rowkey_compare(a.bytes, a.length, b.bytes, b.length);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

static void one_number_is_one_key(void **state) {
    (void)state;
    static const char *const same[][2] = {{"0", "-0"}, {"7", "007"}, {"7", "+7"}, {"-7", "-07"}};
    for (size_t i = 0; i < LENGTH_OF(same); i++) {
        struct rowkey a = key_of(ROWKEY_INTEGER, same[i][0]);
        struct rowkey b = key_of(ROWKEY_INTEGER, same[i][1]);
        assert_int_equal(rowkey_compare(a.bytes, a.length, b.bytes, b.length), 0);
    }
}

static void what_is_no_integer_is_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "1.0",
                                      "1e3",
                                      "x",
                                      " 1",
                                      "1 ",
                                      "0x10",
                                      "18446744073709551616",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    struct rowkey key;
    for (size_t i = 0; i < LENGTH_OF(bad); i++)
        assert_non_null(rowkey_set(&key, ROWKEY_INTEGER, bad[i], strlen(bad[i])));
    assert_string_equal(rowkey_set(&key, ROWKEY_INTEGER, NULL, 0), "is NULL");
    assert_string_equal(rowkey_set(&key, ROWKEY_BYTES, NULL, 0), "is NULL");
}

static void strings_sort_by_their_bytes(void **state) {
    (void)state;
    static const char *const sorted[] = {"", "A", "Z", "a", "aa", "ab", "b", "\x7F", "\xC3\xA9", "\xE3\x81\x82"};
    for (size_t i = 0; i + 1 < LENGTH_OF(sorted); i++) {
        struct rowkey a = key_of(ROWKEY_BYTES, sorted[i]);
        struct rowkey b = key_of(ROWKEY_BYTES, sorted[i + 1]);
        assert_true(rowkey_compare(a.bytes, a.length, b.bytes, b.length) < 0);
    }
    char *longest = xcalloc(ROWKEY_LIMIT + 1, 1);
    struct rowkey key;
    assert_null(rowkey_set(&key, ROWKEY_BYTES, longest, ROWKEY_LIMIT));
    assert_string_equal(rowkey_set(&key, ROWKEY_BYTES, longest, ROWKEY_LIMIT + 1), "is too long");
    free(longest);
}

static void bytes_that_are_no_key_are_told_apart(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
    } bad[] = {{"", 0},        {"\x81", 1},         {"\x80\x01", 2}, {"\x82\x00\x05", 3},
               {"\x89", 1},    {"\x7D\xFF\x05", 3}, {"\x00", 1},     {"\x77\x00\x00\x00\x00\x00\x00\x00\x00", 9},
               {"\xFF\x01", 2}};
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct text text = {0};
        assert_false(rowkey_add(&text, ROWKEY_INTEGER, bad[i].bytes, bad[i].length));
        text_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_sort_by_value_and_come_back), cmocka_unit_test(one_number_is_one_key),
        cmocka_unit_test(what_is_no_integer_is_refused),        cmocka_unit_test(strings_sort_by_their_bytes),
        cmocka_unit_test(bytes_that_are_no_key_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
