/* Bytes and flags against what the real PHP extensions store, and the limits of expiries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "golden/golden.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/memcached_value.h"

enum { MAX_ENTRIES = 32 };

static const struct memcached_settings ext_memcached = {.client = PHP_MEMCACHED_KETAMA};
static const struct memcached_settings ext_memcache = {.client = PHP_MEMCACHE_STANDARD};

/* "int 42", "string 42", "map int 1=42 012=1": see golden/make-vectors.php. */
static void encode(const char *description, const struct memcached_settings *settings, struct text *bytes,
                   uint32_t *flags) {
    struct strings words = {0};
    strings_split(&words, description, " ");
    bool map = strcmp(words.items[0], "map") == 0;
    enum value_format format = strcmp(words.items[map ? 1 : 0], "int") == 0 ? VALUE_INT : VALUE_STRING;
    struct memcached_entry entries[MAX_ENTRIES];
    size_t count = 0;
    int64_t number = 0;
    if (!map) {
        assert_null(parse_integer(words.items[1], &number));
        memcached_value_count(format, settings, number, bytes, flags);
    } else {
        for (size_t i = 2; i < words.count; i++) {
            char *equals = strrchr(words.items[i], '=');
            *equals = '\0';
            assert_in_range(count, 0, MAX_ENTRIES - 1);
            entries[count].id = words.items[i];
            assert_null(parse_integer(equals + 1, &entries[count++].count));
        }
        assert_null(memcached_value_map(format, settings, entries, count, bytes, flags));
    }
    strings_free(&words);
}

static void values_are_what_php_stores(void **state) {
    (void)state;
    struct golden lines;
    size_t compared = 0;
    golden_open(&lines, "values.txt");
    for (; golden_next(&lines) == 4; compared++) {
        struct text bytes = {0};
        uint32_t flags = 99;
        char expected_flags[16];
        encode(lines.columns[1], strcmp(lines.columns[0], "ext-memcache") == 0 ? &ext_memcache : &ext_memcached, &bytes,
               &flags);
        snprintf(expected_flags, sizeof expected_flags, "%u", (unsigned)flags);
        assert_string_equal(expected_flags, lines.columns[2]);
        assert_string_equal(text_string(&bytes), lines.columns[3]);
        text_free(&bytes);
    }
    assert_int_equal(compared, 18);
    golden_close(&lines);
}

static void check_count(enum value_format format, const struct memcached_settings *settings, const char *expected,
                        uint32_t expected_flags) {
    struct text bytes = {0};
    uint32_t flags = 99;
    memcached_value_count(format, settings, -42, &bytes, &flags);
    assert_string_equal(text_string(&bytes), expected);
    assert_int_equal(flags, expected_flags);
    text_free(&bytes);
}

static void serialized_and_json_counts(void **state) {
    (void)state;
    check_count(VALUE_SERIALIZED, &ext_memcached, "i:-42;", 4);
    check_count(VALUE_SERIALIZED, &ext_memcache, "i:-42;", 1);
    check_count(VALUE_JSON, &ext_memcached, "-42", 0);
    check_count(VALUE_JSON, &ext_memcache, "-42", 0);
}

static void json_maps_are_objects_with_string_keys(void **state) {
    (void)state;
    static const struct memcached_entry entries[] = {{"0", 5}, {"1", -6}, {"a\"b\\c\n", 7}, {"\xe6\x97\xa5", 8}};
    struct text bytes = {0};
    uint32_t flags = 99;
    assert_null(memcached_value_map(VALUE_JSON, &ext_memcached, entries, LENGTH_OF(entries), &bytes, &flags));
    assert_string_equal(text_string(&bytes), "{\"0\":5,\"1\":-6,\"a\\\"b\\\\c\\u000a\":7,\"\xe6\x97\xa5\":8}");
    assert_int_equal(flags, 0);
    text_clear(&bytes);
    assert_null(memcached_value_map(VALUE_JSON, &ext_memcached, NULL, 0, &bytes, &flags));
    assert_string_equal(text_string(&bytes), "{}");
    static const struct memcached_entry broken[] = {{"\xe6\x97", 1}};
    assert_non_null(memcached_value_map(VALUE_JSON, &ext_memcached, broken, 1, &bytes, &flags));
    text_free(&bytes);
}

static void serialized_maps_take_any_bytes(void **state) {
    (void)state;
    static const struct memcached_entry entries[] = {{"\xe6\x97", 1}, {"12", 2}};
    struct text bytes = {0};
    uint32_t flags = 99;
    assert_null(memcached_value_map(VALUE_SERIALIZED, &ext_memcache, entries, 2, &bytes, &flags));
    assert_string_equal(text_string(&bytes), "a:2:{s:2:\"\xe6\x97\";i:1;i:12;i:2;}");
    assert_int_equal(flags, 1);
    text_free(&bytes);
}

static void expiries(void **state) {
    (void)state;
    static const int64_t now = 1800000000123, day = 86400000;
    uint32_t expiry = 99;
    assert_null(memcached_value_expiry(0, now, &expiry));
    assert_int_equal(expiry, 0);
    assert_null(memcached_value_expiry(2000, now, &expiry));
    assert_int_equal(expiry, 2);
    assert_null(memcached_value_expiry(2001, now, &expiry));
    assert_int_equal(expiry, 3);
    assert_null(memcached_value_expiry(30 * day, now, &expiry));
    assert_int_equal(expiry, 2592000);
    assert_null(memcached_value_expiry(30 * day + 1, now, &expiry));
    assert_int_equal(expiry, 1800000000 + 2592001);
    assert_null(memcached_value_expiry(31 * day, now, &expiry));
    assert_int_equal(expiry, 1800000000 + 2678400);
    expiry = 99;
    assert_non_null(memcached_value_expiry(-1, now, &expiry));
    assert_non_null(memcached_value_expiry(1999, now, &expiry));
    assert_non_null(memcached_value_expiry(20 * 365 * day, now, &expiry));
    assert_non_null(memcached_value_expiry(INT64_MAX, now, &expiry));
    assert_int_equal(expiry, 99);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_what_php_stores),
        cmocka_unit_test(serialized_and_json_counts),
        cmocka_unit_test(json_maps_are_objects_with_string_keys),
        cmocka_unit_test(serialized_maps_take_any_bytes),
        cmocka_unit_test(expiries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
