/* Sums that do not overflow, days that are bounded, medians. */
#include "../../jobs/watch-slow-queries/tally.h"
#include "support.h"

static void sums_stop_at_the_largest_number(void **state) {
    (void)state;
    struct tally tally = {.count = 1, .total = INT64_MAX - 5, .worst = 7};
    tally_add(&tally, &(struct tally){.count = 2, .total = 5, .worst = 9});
    assert_int_equal(tally.count, 3);
    assert_int_equal(tally.total, INT64_MAX);
    assert_int_equal(tally.worst, 9);
    tally_add(&tally, &(struct tally){.count = INT64_MAX, .total = INT64_MAX, .worst = 8});
    assert_int_equal(tally.count, INT64_MAX);
    assert_int_equal(tally.total, INT64_MAX);
    assert_int_equal(tally.worst, 9);
    assert_int_equal(tally_sum(INT64_MIN, -1), INT64_MIN);
    assert_int_equal(tally_sum(-3, 5), 2);
}

static void days_stay_in_order_and_each_once(void **state) {
    (void)state;
    static const int64_t added[] = {10, 12, 11, 12, 9, 10, 20};
    static const struct day wanted[] = {
        {9, {1, 5, 5}}, {10, {2, 7, 6}}, {11, {1, 3, 3}}, {12, {2, 6, 4}}, {20, {1, 7, 7}}};
    struct days days = {0};
    for (size_t i = 0; i < LENGTH_OF(added); i++)
        days_add(&days, added[i], &(struct tally){1, (int64_t)i + 1, (int64_t)i + 1});
    assert_int_equal(days.count, LENGTH_OF(wanted));
    assert_memory_equal(days.items, wanted, sizeof wanted);
    assert_int_equal(days_tally(&days, 12).total, 6);
    assert_int_equal(days_tally(&days, 13).count, 0);
    assert_int_equal(days_tally(&days, 8).count, 0);
    days_free(&days);
    assert_int_equal(days_tally(&days, 12).count, 0);
}

static void only_the_newest_days_are_kept(void **state) {
    (void)state;
    struct days days = {0};
    for (int64_t day = 1000; day < 1000 + 2 * DAYS_LIMIT; day += 2)
        days_add(&days, day, &(struct tally){1, day, day});
    days_add(&days, 999, &(struct tally){5, 5, 5});
    assert_int_equal(days.count, DAYS_LIMIT);
    assert_int_equal(days.items[0].day, 1000);
    days_add(&days, 1005, &(struct tally){1, 1005, 1005});
    assert_int_equal(days.count, DAYS_LIMIT);
    assert_int_equal(days.items[0].day, 1002);
    assert_int_equal(days.items[1].day, 1004);
    assert_int_equal(days.items[2].day, 1005);
    assert_int_equal(days.items[3].day, 1006);
    days_add(&days, 2000, &(struct tally){1, 2000, 2000});
    assert_int_equal(days.items[0].day, 1004);
    assert_int_equal(days.items[DAYS_LIMIT - 1].day, 2000);
    for (size_t i = 0; i < DAYS_LIMIT; i++)
        assert_int_equal(days.items[i].tally.total, days.items[i].day);
    days_free(&days);
}

static void the_median_is_exact_while_all_times_are_kept(void **state) {
    (void)state;
    static const struct {
        int64_t times[6];
        size_t count;
        int64_t median;
    } cases[] = {
        {{0}, 0, 0},
        {{7}, 1, 7},
        {{9, 4}, 2, 6},
        {{9, 1, 5}, 3, 5},
        {{4, 1, 3, 2}, 4, 2},
        {{40, 10, 30, 20}, 4, 25},
        {{5, 5, 5, 1, 9, 5}, 6, 5},
        {{INT64_MAX, INT64_MAX}, 2, INT64_MAX},
        {{INT64_MAX, INT64_MAX - 2}, 2, INT64_MAX - 1},
        {{1, 1000000, 1000000, 1, 1000000}, 5, 1000000},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct times times = {0};
        for (size_t j = 0; j < cases[i].count; j++)
            times_add(&times, cases[i].times[j]);
        assert_int_equal(times_median(&times), cases[i].median);
        assert_int_equal(times.count, cases[i].count);
        free(times.items);
    }
}

static void the_median_of_instances_is_that_of_all_their_times(void **state) {
    (void)state;
    struct times a = {0};
    struct times b = {0};
    struct times none = {0};
    const struct times *list[] = {&a, &none, &b};
    for (int64_t i = 1; i <= 7; i++)
        times_add(i <= 2 ? &a : &b, i * i);
    assert_int_equal(times_median_of(list, 3), 16);
    times_add(&a, 100);
    assert_int_equal(times_median_of(list, 3), (16 + 25) / 2);
    assert_int_equal(times_median_of(list, 0), 0);
    free(a.items);
    free(b.items);
}

/* Of 100,000 queries 1,000 times are kept: each weighs as much as a hundred of another instance. */
static void a_thinned_instance_keeps_its_weight(void **state) {
    (void)state;
    struct times many = {0};
    struct times few = {0};
    const struct times *list[] = {&few, &many};
    for (int64_t i = 0; i < 100000; i++)
        times_add(&many, 500);
    for (int64_t i = 0; i < 900; i++)
        times_add(&few, 10);
    assert_int_equal(many.count, TIMES_LIMIT);
    assert_int_equal(many.seen, 100000);
    times_thin(&many, 20);
    assert_int_equal(times_median_of(list, 2), 500);
    free(many.items);
    free(few.items);
}

/* A program that runs four queries in turns, three of them fast: every 4th would be one of them only. */
static void queries_in_turns_do_not_mislead_the_choice(void **state) {
    (void)state;
    for (int64_t turn = 2; turn <= 64; turn *= 2) {
        struct times times = {0};
        int64_t slow = 0;
        for (int64_t i = 0; i < 64000; i++)
            times_add(&times, i % turn == 0);
        assert_int_equal(times.count, TIMES_LIMIT);
        for (size_t i = 0; i < times.count; i++)
            slow += times.items[i];
        assert_in_range(slow, TIMES_LIMIT / turn * 6 / 10, TIMES_LIMIT / turn * 14 / 10);
        free(times.items);
    }
}

static void late_queries_are_as_likely_as_early_ones(void **state) {
    (void)state;
    struct times times = {0};
    for (int64_t i = 0; i < 50000; i++)
        times_add(&times, i);
    assert_in_range(times_median(&times), 22500, 27500);
    times_thin(&times, 400);
    assert_int_equal(times.count, 400);
    assert_int_equal(times.seen, 50000);
    assert_in_range(times_median(&times), 21000, 29000);
    /* It goes on with the places that it has. */
    for (int64_t i = 0; i < 450000; i++)
        times_add(&times, 1000000);
    assert_int_equal(times.count, 400);
    assert_int_equal(times_median(&times), 1000000);
    free(times.items);
}

/* Also of times that arrived in order. */
static void thinning_chooses_from_all(void **state) {
    (void)state;
    struct times times = {0};
    for (int64_t i = 0; i < TIMES_LIMIT; i++)
        times_add(&times, i);
    times_thin(&times, 100);
    assert_in_range(times_median(&times), 300, 700);
    free(times.items);
}

static void thinning_leaves_small_ones_alone(void **state) {
    (void)state;
    struct times times = {0};
    for (int64_t i = 0; i < 5; i++)
        times_add(&times, i * 10);
    times_thin(&times, 5);
    assert_int_equal(times.count, 5);
    times_thin(&times, 1);
    assert_int_equal(times.count, 1);
    assert_int_equal(times.seen, 5);
    times_add(&times, 1);
    assert_int_equal(times.count, 1);
    assert_int_equal(times.seen, 6);
    free(times.items);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_stop_at_the_largest_number),
        cmocka_unit_test(days_stay_in_order_and_each_once),
        cmocka_unit_test(only_the_newest_days_are_kept),
        cmocka_unit_test(the_median_is_exact_while_all_times_are_kept),
        cmocka_unit_test(the_median_of_instances_is_that_of_all_their_times),
        cmocka_unit_test(a_thinned_instance_keeps_its_weight),
        cmocka_unit_test(queries_in_turns_do_not_mislead_the_choice),
        cmocka_unit_test(late_queries_are_as_likely_as_early_ones),
        cmocka_unit_test(thinning_chooses_from_all),
        cmocka_unit_test(thinning_leaves_small_ones_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
