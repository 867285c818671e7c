/* The baseline there and back, and what is no baseline. */
#include "../../jobs/count-categories/baseline.h"
#include "support.h"

static const char *decode(const char *json, struct baseline *baseline) {
    struct text body = {0};
    text_add(&body, json);
    const char *reason = baseline_decode(&body, baseline);
    text_free(&body);
    return reason;
}

static void what_is_encoded_is_decoded(void **state) {
    (void)state;
    static const char *const ids[] = {"9", "10", "caf\xC3\xA9 \"x\"", "", "a.b[]"};
    static const int64_t counts[] = {1, INT64_MAX, 0, 4, 5};
    struct baseline before = {0};
    struct baseline after = {0};
    struct text body = {0};
    struct baseline_count *works = baseline_take(&before, "works");
    works->total = INT64_MAX;
    works->at = 1700000000123;
    baseline_replace(works, ids, counts, LENGTH_OF(ids));
    baseline_take(&before, "empty")->total = 0;
    baseline_encode(&before, &body);
    assert_null(baseline_decode(&body, &after));
    assert_int_equal(after.count, 2);
    const struct baseline_count *back = baseline_of(&after, "works");
    assert_int_equal(back->total, INT64_MAX);
    assert_int_equal(back->at, 1700000000123);
    assert_int_equal(back->entry_count, LENGTH_OF(ids));
    for (size_t i = 0; i < LENGTH_OF(ids); i++)
        assert_int_equal(baseline_find(back, ids[i]), counts[i]);
    assert_int_equal(baseline_find(back, "1"), -1);
    assert_int_equal(baseline_of(&after, "empty")->entry_count, 0);
    assert_int_equal(baseline_find(baseline_of(&after, "empty"), "9"), -1);
    assert_null(baseline_of(&after, "other"));
    baseline_free(&before);
    baseline_free(&after);
    text_free(&body);
}

static void nothing_is_a_baseline_too(void **state) {
    (void)state;
    struct baseline baseline = {0};
    struct text body = {0};
    baseline_encode(&baseline, &body);
    assert_string_equal(text_string(&body), "{}");
    assert_null(baseline_decode(&body, &baseline));
    assert_int_equal(baseline.count, 0);
    text_free(&body);
}

static void what_is_no_baseline_leaves_it_empty(void **state) {
    (void)state;
    static const char *const cases[] = {
        "",
        "garbage",
        "null",
        "[]",
        "7",
        "{",
        "{}x",
        "{\"a\":1}",
        "{\"a\":{}}",
        "{\"a\":{\"total\":1}}",
        "{\"a\":{\"total\":\"1\",\"counts\":{}}}",
        "{\"a\":{\"total\":1.5,\"counts\":{}}}",
        "{\"a\":{\"total\":1,\"counts\":[]}}",
        "{\"a\":{\"total\":1,\"counts\":{\"1\":\"x\"}}}", /* read as 0 it would blind the guards */
        "{\"a\":{\"total\":1,\"counts\":{\"1\":null}}}",
        "{\"a\":{\"total\":1,\"counts\":{\"1\":-5}}}",
        "{\"a\":{\"total\":-1,\"counts\":{}}}",
        "{\"good\":{\"total\":1,\"at\":1,\"counts\":{\"1\":1}},\"bad\":{}}",
        "{\"a\":{\"total\":99999999999999999999,\"counts\":{}}}",
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct baseline baseline = {0};
        if (decode(cases[i], &baseline) == NULL)
            print_error("%s is taken\n", cases[i]);
        assert_non_null(decode(cases[i], &baseline));
        assert_int_equal(baseline.count, 0);
        assert_null(baseline.items);
    }
}

static void a_count_is_made_once(void **state) {
    (void)state;
    struct baseline baseline = {0};
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%d", i % 10);
        baseline_take(&baseline, name)->total = i;
    }
    assert_int_equal(baseline.count, 10);
    assert_int_equal(baseline_of(&baseline, "c3")->total, 93);
    baseline_free(&baseline);
}

static void replacing_forgets_what_was_there(void **state) {
    (void)state;
    static const char *const old[] = {"1", "2"};
    static const char *const new[] = {"3"};
    static const int64_t counts[] = {5, 6};
    struct baseline baseline = {0};
    struct baseline_count *count = baseline_take(&baseline, "works");
    baseline_replace(count, old, counts, 2);
    baseline_replace(count, new, counts, 1);
    assert_int_equal(baseline_find(count, "1"), -1);
    assert_int_equal(baseline_find(count, "3"), 5);
    baseline_replace(count, NULL, NULL, 0);
    assert_int_equal(baseline_find(count, "3"), -1);
    baseline_free(&baseline);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),          cmocka_unit_test(nothing_is_a_baseline_too),
        cmocka_unit_test(what_is_no_baseline_leaves_it_empty), cmocka_unit_test(a_count_is_made_once),
        cmocka_unit_test(replacing_forgets_what_was_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
