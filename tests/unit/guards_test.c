/* Every guard on both sides of its limit, and which of them apply to a first run. */
#include "../../jobs/count-categories/guards.h"
#include "support.h"

/* What the tables of settings.c set. */
static struct count_settings default_limits(void) {
    return (struct count_settings){
        .min_total = 1, .max_drop = 20, .max_rise = 50, .many = 10, .changed_by = 50, .max_changed = 30};
}

/* Counts written as "id=count ...", all of them from the query. */
static struct counts make_counts(const char *rows, bool closed) {
    struct counts counts = {0};
    struct strings words = {0};
    const char *circle = NULL;
    strings_split(&words, rows, " ");
    for (size_t i = 0; i < words.count; i++) {
        char *count = strchr(words.items[i], '=');
        *count++ = '\0';
        if (closed)
            assert_null(counts_add_category(&counts, words.items[i], NULL));
    }
    assert_null(counts_seal(&counts, closed));
    for (size_t i = 0; i < words.count; i++)
        assert_null(counts_add_row(&counts, words.items[i], words.items[i] + strlen(words.items[i]) + 1));
    assert_true(counts_finish(&counts, false, &circle));
    strings_free(&words);
    return counts;
}

static struct baseline_count make_baseline(const char *rows) {
    struct baseline_count baseline = {0};
    struct counts counts = make_counts(rows, true);
    const char **ids = xcalloc(counts.count, sizeof *ids);
    int64_t *numbers = xcalloc(counts.count, sizeof *numbers);
    for (size_t i = 0; i < counts.count; i++) {
        ids[i] = counts.items[i].id;
        numbers[i] = counts.items[i].count;
    }
    baseline.total = counts.total;
    baseline_replace(&baseline, ids, numbers, counts.count);
    free(ids);
    free(numbers);
    counts_free(&counts);
    return baseline;
}

static void baseline_count_free(struct baseline_count *baseline) {
    baseline_replace(baseline, NULL, NULL, 0);
    free(baseline->entries);
}

/* The verdict of one guard: 1 it passes, 0 it refuses, -1 it does not apply. */
static int verdict(const struct guard_input *input, const char *name) {
    struct guards guards = {0};
    int result = -1;
    assert_true(guard_exists(name));
    guards_judge(input, &guards);
    for (size_t i = 0; i < guards.count; i++) {
        assert_non_null(guards.items[i].finding);
        assert_lacks(guards.items[i].finding, "nan");
        assert_true(guard_exists(guards.items[i].name));
        if (strcmp(guards.items[i].name, name) != 0)
            continue;
        assert_int_equal(result, -1); /* one verdict each */
        result = guards.items[i].ok;
    }
    guards_free(&guards);
    return result;
}

/* The verdict on new counts after old ones (NULL: a first run). */
static int judge(const struct count_settings *limits, const char *old, const char *new, const char *name) {
    struct counts counts = make_counts(new, true);
    struct baseline_count baseline = {0};
    if (old != NULL)
        baseline = make_baseline(old);
    const struct guard_input input = {.limits = limits, .counts = &counts, .baseline = old != NULL ? &baseline : NULL};
    int result = verdict(&input, name);
    if (old != NULL)
        baseline_count_free(&baseline);
    counts_free(&counts);
    return result;
}

struct judgement {
    const char *old, *new;
    int verdict;
};

static void check_guard(const struct count_settings *limits, const char *name, const struct judgement *cases,
                        size_t count) {
    for (size_t i = 0; i < count; i++) {
        int result = judge(limits, cases[i].old, cases[i].new, name);
        if (result != cases[i].verdict)
            print_error("%s, from \"%s\" to \"%s\":\n", name, cases[i].old, cases[i].new);
        assert_int_equal(result, cases[i].verdict);
    }
}

static void a_first_run_has_only_absolute_guards(void **state) {
    (void)state;
    static const char *const relative[] = {"drop", "rise", "zero", "changed"};
    struct count_settings limits = default_limits();
    for (size_t i = 0; i < LENGTH_OF(relative); i++)
        assert_int_equal(judge(&limits, NULL, "1=1000000 2=0", relative[i]), -1);
    assert_int_equal(judge(&limits, NULL, "1=1", "minimum"), 1);
    assert_int_equal(judge(&limits, NULL, "1=1", "unknown"), 1);
    assert_int_equal(judge(&limits, NULL, "1=1", "total"), -1);
    assert_int_equal(judge(&limits, NULL, "1=1", "circle"), -1);
}

static void minimum(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    static const struct judgement cases[] = {{NULL, "1=0 2=0", 0}, {NULL, "1=0 2=1", 1}, {NULL, "", 0}};
    check_guard(&limits, "minimum", cases, LENGTH_OF(cases));
    limits.min_total = 100;
    static const struct judgement hundred[] = {{NULL, "1=50 2=49", 0}, {NULL, "1=50 2=50", 1}};
    check_guard(&limits, "minimum", hundred, LENGTH_OF(hundred));
    limits.min_total = 0;
    assert_int_equal(judge(&limits, NULL, "1=0", "minimum"), 1);
}

static void drop(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    static const struct judgement cases[] = {{"1=100", "1=80", 1},  {"1=100", "1=79", 0}, {"1=100", "1=0", 0},
                                             {"1=100", "1=500", 1}, {"1=0", "1=0", 1},    {"1=0", "1=5", 1}};
    check_guard(&limits, "drop", cases, LENGTH_OF(cases));
    limits.max_drop = 0;
    static const struct judgement none[] = {{"1=1000000000", "1=999999999", 0}, {"1=1000000000", "1=1000000000", 1}};
    check_guard(&limits, "drop", none, LENGTH_OF(none));
    limits.max_drop = 100;
    assert_int_equal(judge(&limits, "1=100", "1=0", "drop"), 1);
}

static void rise(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    static const struct judgement cases[] = {{"1=100", "1=150", 1},
                                             {"1=100", "1=151", 0},
                                             {"1=100", "1=0", 1},
                                             /* from nothing any rise is right: the guard does not apply */
                                             {"1=0", "1=1", -1}};
    check_guard(&limits, "rise", cases, LENGTH_OF(cases));
}

static void zero(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    static const struct judgement cases[] = {{"1=10 2=90", "1=0 2=90", 0},
                                             {"1=9 2=91", "1=0 2=91", 1},
                                             {"1=10 2=90", "1=1 2=90", 1},
                                             {"1=0 2=90", "1=0 2=90", 1},
                                             /* a category that is gone is as good as empty */
                                             {"1=10 2=90", "2=100", 0},
                                             {"1=9 2=91", "2=100", 1}};
    check_guard(&limits, "zero", cases, LENGTH_OF(cases));
    limits.max_zeroed = 1;
    static const struct judgement one[] = {{"1=10 2=90", "1=0 2=90", 1}, {"1=10 2=10 3=80", "1=0 2=0 3=80", 0}};
    check_guard(&limits, "zero", one, LENGTH_OF(one));
}

static void changed(void **state) {
    (void)state;
    struct count_settings limits = default_limits(); /* at most 30 % may differ by more than 50 % and by 10 */
    static const struct judgement cases[] = {
        {"1=100 2=100 3=100", "1=100 2=100 3=150", 1}, /* by 50 %, which is not more */
        {"1=100 2=100 3=100", "1=100 2=100 3=151", 0}, /* one of three is 33 % */
        {"1=100 2=100 3=100", "1=100 2=100 3=49", 0},
        {"1=100 2=100 3=100 4=1", "1=100 2=100 3=151 4=1", 1}, /* one of four is 25 % */
        {"1=5 2=5 3=5", "1=14 2=14 3=14", 1},                  /* by less than `many` */
        {"1=5 2=5 3=5", "1=15 2=15 3=15", 0},
        {"1=0 2=0", "1=9 2=9", 1},
        {"1=0 2=0", "1=10 2=10", 0},
        {"1=5", "1=5 2=1000 3=1000 4=1000", 1}, /* new categories have nothing to be compared with */
        {"8=5 9=5", "1=100 2=100", 1},
    };
    check_guard(&limits, "changed", cases, LENGTH_OF(cases));
    limits.max_changed = 100;
    assert_int_equal(judge(&limits, "1=100", "1=1000", "changed"), 1);
    limits.max_changed = 0;
    assert_int_equal(judge(&limits, "1=100 2=1 3=1 4=1", "1=1000 2=1 3=1 4=1", "changed"), 0);
}

static void unknown(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    for (int64_t allowed = 0; allowed <= 2; allowed++) {
        limits.max_unknown = allowed;
        for (int rows = 0; rows <= 3; rows++) {
            struct counts counts = make_counts("1=1", true);
            for (int i = 0; i < rows; i++)
                assert_null(counts_add_row(&counts, i == 0 ? NULL : "elsewhere", "5"));
            const struct guard_input input = {.limits = &limits, .counts = &counts};
            assert_int_equal(verdict(&input, "unknown"), rows <= allowed);
            counts_free(&counts);
        }
    }
}

static void unknown_needs_a_list_of_categories(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    struct counts counts = make_counts("1=1", false);
    const struct guard_input input = {.limits = &limits, .counts = &counts};
    assert_int_equal(verdict(&input, "unknown"), -1);
    /* A row that names no category at all is unknown with or without a list. */
    assert_null(counts_add_row(&counts, NULL, "5"));
    assert_int_equal(verdict(&input, "unknown"), 0);
    counts_free(&counts);
}

static void total(void **state) {
    (void)state;
    static const struct {
        int64_t independent;
        double allowed;
        int verdict;
    } cases[] = {{105, 0, 1}, {104, 0, 0},   {106, 0, 0}, {0, 100, 1},    {0, 99.9, 0},
                 {100, 5, 1}, {100, 4.9, 0}, {110, 5, 1}, {-105, 100, 0}, {INT64_MAX, 99, 0}};
    struct count_settings limits = default_limits();
    limits.max_unknown = 1;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct counts counts = make_counts("1=60 2=40", true);
        assert_null(counts_add_row(&counts, "elsewhere", "5")); /* it is in the other total as well */
        limits.max_total_difference = cases[i].allowed;
        const struct guard_input input = {
            .limits = &limits, .counts = &counts, .independent_total = &cases[i].independent};
        assert_int_equal(verdict(&input, "total"), cases[i].verdict);
        counts_free(&counts);
    }
}

static void two_totals_of_nothing_agree(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    struct counts counts = make_counts("1=0", true);
    int64_t nothing = 0;
    const struct guard_input input = {.limits = &limits, .counts = &counts, .independent_total = &nothing};
    assert_int_equal(verdict(&input, "total"), 1);
    counts_free(&counts);
}

static void circle(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    struct counts counts = make_counts("1=1", true);
    struct guard_input input = {.limits = &limits, .counts = &counts, .circle = "1"};
    assert_int_equal(verdict(&input, "circle"), -1); /* nothing is rolled up */
    limits.roll_up = true;
    assert_int_equal(verdict(&input, "circle"), 0);
    input.circle = NULL;
    assert_int_equal(verdict(&input, "circle"), 1);
    counts_free(&counts);
}

/* All verdicts, with value and limit as they go into the record. */
static void assert_findings(const struct guard_input *input, const char *wanted) {
    struct guards guards = {0};
    struct text all = {0};
    guards_judge(input, &guards);
    for (size_t i = 0; i < guards.count; i++)
        text_printf(&all, "%s %s %g/%g: %s\n", guards.items[i].name, guards.items[i].ok ? "ok" : "no",
                    guards.items[i].value, guards.items[i].limit, guards.items[i].finding);
    assert_string_equal(text_string(&all), wanted);
    text_free(&all);
    guards_free(&guards);
}

static void findings_name_what_was_found(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    limits.roll_up = true;
    struct counts counts = make_counts("7=0 8=100", true);
    struct baseline_count baseline = make_baseline("7=400 8=100");
    int64_t independent = 200;
    assert_null(counts_add_row(&counts, NULL, "6"));
    assert_null(counts_add_row(&counts, "99", "4"));
    const struct guard_input input = {
        .limits = &limits, .counts = &counts, .baseline = &baseline, .circle = "7", .independent_total = &independent};
    assert_findings(
        &input, "circle no 1/0: category \"7\" is below itself\n"
                "unknown no 2/0: 2 unknown categories with a count of 10, such as NULL, 99; at most 0 are allowed\n"
                "minimum ok 100/1: the sum is 100; at least 1 is expected\n"
                "total no 45/0: the sum is 110 and the independent total 200, 45.0% apart; at most 0.0% is allowed\n"
                "drop no 80/20: the sum went from 500 to 100 (-80.0%); a drop of at most 20.0% is allowed\n"
                "rise ok 0/50: the sum went from 500 to 100 (-80.0%); a rise of at most 50.0% is allowed\n"
                "zero no 1/0: 1 categories fell from 10 or more to zero or are gone, such as 7; at most 0 may\n"
                "changed no 50/30: 1 of 2 categories (50.0%) changed by more than 50.0%; at most 30.0% may\n");
    baseline_count_free(&baseline);
    counts_free(&counts);
}

static void findings_of_good_counts_say_so(void **state) {
    (void)state;
    struct count_settings limits = default_limits();
    limits.roll_up = true;
    struct counts counts = make_counts("7=440 8=100", true);
    struct baseline_count baseline = make_baseline("7=400 8=100");
    const struct guard_input input = {.limits = &limits, .counts = &counts, .baseline = &baseline};
    assert_findings(&input,
                    "circle ok 0/0: the categories form a tree\n"
                    "unknown ok 0/0: 0 unknown categories with a count of 0; at most 0 are allowed\n"
                    "minimum ok 540/1: the sum is 540; at least 1 is expected\n"
                    "drop ok 0/20: the sum went from 500 to 540 (+8.0%); a drop of at most 20.0% is allowed\n"
                    "rise ok 8/50: the sum went from 500 to 540 (+8.0%); a rise of at most 50.0% is allowed\n"
                    "zero ok 0/0: 0 categories fell from 10 or more to zero or are gone; at most 0 may\n"
                    "changed ok 0/30: 0 of 2 categories (0.0%) changed by more than 50.0%; at most 30.0% may\n");
    baseline_count_free(&baseline);
    counts_free(&counts);
}

static void guard_names(void **state) {
    (void)state;
    static const char *const names[] = {"circle", "unknown", "minimum", "total", "drop", "rise", "zero", "changed"};
    static const char *const others[] = {"", "Drop", "drop,", "drop, rise", "all", " drop"};
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        assert_true(guard_exists(names[i]));
    for (size_t i = 0; i < LENGTH_OF(others); i++)
        assert_false(guard_exists(others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_first_run_has_only_absolute_guards),
        cmocka_unit_test(minimum),
        cmocka_unit_test(drop),
        cmocka_unit_test(rise),
        cmocka_unit_test(zero),
        cmocka_unit_test(changed),
        cmocka_unit_test(unknown),
        cmocka_unit_test(unknown_needs_a_list_of_categories),
        cmocka_unit_test(total),
        cmocka_unit_test(two_totals_of_nothing_agree),
        cmocka_unit_test(circle),
        cmocka_unit_test(findings_name_what_was_found),
        cmocka_unit_test(findings_of_good_counts_say_so),
        cmocka_unit_test(guard_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
