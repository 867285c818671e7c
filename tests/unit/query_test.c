/* The query of push-lancers as statements. */
#include "../../jobs/push-lancers/query.h"
#include "support.h"

static const char template[] = "SELECT id, {x} FROM t WHERE id > {after} AND 1 < {limit} ORDER BY id LIMIT {limit}";

static void assert_page(enum rowkey_kind kind, const char *after, int64_t limit, const char *wanted) {
    struct text value = {0};
    struct text sql = {0};
    if (after != NULL)
        text_add(&value, after);
    text_add(&sql, "old");
    query_page("a {after} b {limit}", kind, after != NULL ? &value : NULL, limit, &sql);
    assert_string_equal(text_string(&sql), wanted);
    text_free(&value);
    text_free(&sql);
}

static void pages_begin_behind_a_key(void **state) {
    (void)state;
    assert_page(ROWKEY_INTEGER, NULL, 10, "a -9223372036854775808 b 10");
    assert_page(ROWKEY_INTEGER, "-12", 1, "a -12 b 1");
    assert_page(ROWKEY_BYTES, NULL, 5000, "a '' b 5000");
    assert_page(ROWKEY_BYTES, "a'\\\xE3\x81\x82", 7, "a _utf8mb4 X'61275CE38182' b 7");
}

static void all_placeholders_are_filled_and_other_braces_stay(void **state) {
    (void)state;
    struct text sql = {0};
    query_describe(template, &sql);
    assert_string_equal(text_string(&sql), "SELECT id, {x} FROM t WHERE id > NULL AND 1 < 0 ORDER BY id LIMIT 0");
    text_free(&sql);
}

static void both_placeholders_are_asked_for(void **state) {
    (void)state;
    assert_null(query_check(template));
    char *problem = query_check("SELECT id FROM t WHERE id > {after}");
    assert_non_null(strstr(problem, "{limit}"));
    free(problem);
    problem = query_check("SELECT id FROM t LIMIT {limit}");
    assert_non_null(strstr(problem, "{after}"));
    free(problem);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pages_begin_behind_a_key),
        cmocka_unit_test(all_placeholders_are_filled_and_other_braces_stay),
        cmocka_unit_test(both_placeholders_are_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
