/* Counting along the tree of categories. */
#include "../../jobs/count-categories/counts.h"
#include "support.h"

/* A list written as "id<parent id<parent ...": "1 2<1 3<1". */
static void add_list(struct counts *counts, const char *list) {
    struct strings words = {0};
    strings_split(&words, list, " ");
    for (size_t i = 0; i < words.count; i++) {
        char *parent = strchr(words.items[i], '<');
        if (parent != NULL)
            *parent++ = '\0';
        assert_null(counts_add_category(counts, words.items[i], parent));
    }
    strings_free(&words);
}

/* Rows written as "id=count id=count ...". */
static void add_rows(struct counts *counts, const char *rows) {
    struct strings words = {0};
    strings_split(&words, rows, " ");
    for (size_t i = 0; i < words.count; i++) {
        char *count = strchr(words.items[i], '=');
        *count++ = '\0';
        assert_null(counts_add_row(counts, words.items[i], count));
    }
    strings_free(&words);
}

/* The published counts in the order of adding, written as "id=count id=count ...". */
static void assert_counts(const struct counts *counts, const char *wanted) {
    struct text text = {0};
    for (size_t i = 0; i < counts->count; i++)
        text_printf(&text, "%s%s=%lld", i > 0 ? " " : "", counts->items[i].id, (long long)counts->items[i].count);
    assert_string_equal(text_string(&text), wanted);
    text_free(&text);
}

static void check(const char *list, bool closed, const char *rows, bool roll_up, const char *wanted) {
    struct counts counts = {0};
    const char *circle = NULL;
    add_list(&counts, list);
    assert_null(counts_seal(&counts, closed));
    add_rows(&counts, rows);
    assert_true(counts_finish(&counts, roll_up, &circle));
    assert_null(circle);
    assert_counts(&counts, wanted);
    counts_free(&counts);
}

static void empty_categories_are_counted_as_zero(void **state) {
    (void)state;
    check("1 2 3", true, "2=5", false, "1=0 2=5 3=0");
    check("1 2", true, "", false, "1=0 2=0");
    check("", true, "", false, "");
}

static void an_open_list_grows_with_the_rows(void **state) {
    (void)state;
    check("", false, "7=1 10=2 3=3 a=4", false, "7=1 10=2 3=3 a=4");
    check("", false, "", false, "");
}

static void counts_roll_up_along_the_tree(void **state) {
    (void)state;
    check("1 2<1 3<1 4<3 5<4", true, "1=1 2=10 3=100 4=1000 5=10000", true, "1=11111 2=10 3=11100 4=11000 5=10000");
    check("5<4 4<3 3<1 2<1 1", true, "5=1", true, "5=1 4=1 3=1 2=0 1=1");
    check("1 2<1", true, "1=1 2=10", false, "1=1 2=10");
}

static void a_category_whose_parent_is_not_there_is_a_root(void **state) {
    (void)state;
    check("1<0 2<1 3<99", true, "1=1 2=2 3=3", true, "1=3 2=2 3=3"); /* 0: how many applications say "none" */
    struct counts counts = {0};
    assert_null(counts_add_category(&counts, "1", ""));
    assert_null(counts_add_category(&counts, "2", NULL));
    assert_null(counts_seal(&counts, true));
    assert_int_equal(counts.items[0].parent, NO_CATEGORY);
    assert_int_equal(counts.items[1].parent, NO_CATEGORY);
    counts_free(&counts);
}

static void a_circle_is_found_and_named(void **state) {
    (void)state;
    static const struct {
        const char *list, *on_circle;
    } cases[] = {
        {"1<1", "1"},
        {"1<2 2<1", "1 2"},
        {"1 2<1 3<5 4<3 5<4", "3 4 5"},
        {"9<3 1 3<5 4<3 5<4 8<9", "3 4 5"}, /* with branches below it, which are not on it */
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct counts counts = {0};
        struct strings on_circle = {0};
        const char *circle = NULL;
        strings_split(&on_circle, cases[i].on_circle, " ");
        add_list(&counts, cases[i].list);
        assert_null(counts_seal(&counts, true));
        assert_false(counts_finish(&counts, true, &circle));
        assert_non_null(circle);
        assert_true(strings_contain(&on_circle, circle));
        circle = NULL;
        assert_true(counts_finish(&counts, false, &circle)); /* who does not roll up does not care */
        assert_null(circle);
        counts_free(&counts);
        strings_free(&on_circle);
    }
}

static void a_list_with_an_id_twice_is_none(void **state) {
    (void)state;
    struct counts counts = {0};
    add_list(&counts, "1 2 10 2");
    assert_non_null(counts_seal(&counts, true));
    counts_free(&counts);
}

static void a_category_without_an_id_is_none(void **state) {
    (void)state;
    struct counts counts = {0};
    assert_non_null(counts_add_category(&counts, NULL, NULL));
    assert_non_null(counts_add_category(&counts, "", "1"));
    assert_int_equal(counts.count, 0);
    counts_free(&counts);
}

static void a_row_twice_means_that_the_query_is_wrong(void **state) {
    (void)state;
    for (int closed = 0; closed < 2; closed++) {
        struct counts counts = {0};
        add_list(&counts, "1");
        assert_null(counts_seal(&counts, closed));
        assert_null(counts_add_row(&counts, "1", "0"));
        assert_contains(counts_add_row(&counts, "1", "5"), "same category twice");
        assert_int_equal(counts.total, 0);
        counts_free(&counts);
    }
}

static void a_count_that_is_no_count_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {NULL, "", "-1", "1.0", "1e3", "x", "5 ", "9223372036854775808"};
    struct counts counts = {0};
    assert_null(counts_seal(&counts, false));
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_non_null(counts_add_row(&counts, "1", cases[i]));
    assert_int_equal(counts.count, 0);
    counts_free(&counts);
}

static void rows_for_unknown_categories_are_counted_and_sampled(void **state) {
    (void)state;
    struct counts counts = {0};
    add_list(&counts, "1");
    assert_null(counts_seal(&counts, true));
    add_rows(&counts, "1=1 a=2 b=3 c=4 d=5");
    assert_null(counts_add_row(&counts, NULL, "6"));
    assert_null(counts_add_row(&counts, "", "7"));
    assert_null(counts_add_row(&counts, "e", "8"));
    assert_int_equal(counts.total, 1);
    assert_int_equal(counts.unknown, 7);
    assert_int_equal(counts.unknown_total, 35);
    assert_int_equal(counts.unknown_sample.count, 5);
    assert_string_equal(counts.unknown_sample.items[4], "NULL");
    counts_free(&counts);
}

static void a_row_without_category_is_unknown_in_an_open_list_too(void **state) {
    (void)state;
    struct counts counts = {0};
    assert_null(counts_seal(&counts, false));
    assert_null(counts_add_row(&counts, NULL, "6"));
    assert_null(counts_add_row(&counts, "1", "1"));
    assert_int_equal(counts.count, 1);
    assert_int_equal(counts.total, 1);
    assert_int_equal(counts.unknown, 1);
    counts_free(&counts);
}

static void sums_that_are_too_large_are_refused(void **state) {
    (void)state;
    static const char largest[] = "9223372036854775807";
    struct counts counts = {0};
    add_list(&counts, "1 2");
    assert_null(counts_seal(&counts, true));
    assert_null(counts_add_row(&counts, "1", largest));
    assert_non_null(counts_add_row(&counts, "2", "1"));
    counts_free(&counts);
    /* among the unknown, and of both together, which the guard "total" adds up */
    add_list(&counts, "1");
    assert_null(counts_seal(&counts, true));
    assert_null(counts_add_row(&counts, "a", largest));
    assert_non_null(counts_add_row(&counts, "b", "1"));
    assert_non_null(counts_add_row(&counts, "1", "1"));
    counts_free(&counts);
}

static void ids_are_bytes_and_not_numbers(void **state) {
    (void)state;
    check("1 01 A a", true, "01=1 a=2", false, "1=0 01=1 A=0 a=2");
}

static void five_thousand_categories(void **state) {
    (void)state;
    struct counts counts = {0};
    const char *circle = NULL;
    char id[16];
    char parent[16];
    for (int i = 4999; i >= 0; i--) {
        snprintf(id, sizeof id, "%d", i);
        snprintf(parent, sizeof parent, "%d", i - 1);
        assert_null(counts_add_category(&counts, id, i > 0 ? parent : NULL)); /* one long chain */
    }
    assert_null(counts_seal(&counts, true));
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "%d", i);
        assert_int_equal(counts_find(&counts, id), 4999 - i);
        assert_null(counts_add_row(&counts, id, "2"));
    }
    assert_int_equal(counts_find(&counts, "5000"), NO_CATEGORY);
    assert_true(counts_finish(&counts, true, &circle));
    assert_int_equal(counts.total, 10000);
    assert_int_equal(counts.items[counts_find(&counts, "0")].count, 10000);
    assert_int_equal(counts.items[counts_find(&counts, "4999")].count, 2);
    counts_free(&counts);
}

static void five_thousand_rows_without_a_list(void **state) {
    (void)state;
    struct counts counts = {0};
    char id[16];
    assert_null(counts_seal(&counts, false));
    for (int i = 0; i < 5000; i++) {
        snprintf(id, sizeof id, "%d", i * 7919 % 5000);
        assert_null(counts_add_row(&counts, id, "1"));
    }
    assert_int_equal(counts.count, 5000);
    for (size_t i = 1; i < counts.count; i++)
        assert_true(strcmp(counts.items[counts.by_id[i - 1]].id, counts.items[counts.by_id[i]].id) < 0);
    counts_free(&counts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_categories_are_counted_as_zero),
        cmocka_unit_test(an_open_list_grows_with_the_rows),
        cmocka_unit_test(counts_roll_up_along_the_tree),
        cmocka_unit_test(a_category_whose_parent_is_not_there_is_a_root),
        cmocka_unit_test(a_circle_is_found_and_named),
        cmocka_unit_test(a_list_with_an_id_twice_is_none),
        cmocka_unit_test(a_category_without_an_id_is_none),
        cmocka_unit_test(a_row_twice_means_that_the_query_is_wrong),
        cmocka_unit_test(a_count_that_is_no_count_is_refused),
        cmocka_unit_test(rows_for_unknown_categories_are_counted_and_sampled),
        cmocka_unit_test(a_row_without_category_is_unknown_in_an_open_list_too),
        cmocka_unit_test(sums_that_are_too_large_are_refused),
        cmocka_unit_test(ids_are_bytes_and_not_numbers),
        cmocka_unit_test(five_thousand_categories),
        cmocka_unit_test(five_thousand_rows_without_a_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
