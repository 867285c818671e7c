/* What is new, worse, known and muted, and how it is said. */
#include "../../jobs/watch-slow-queries/findings.h"
#include "support.h"

enum { TODAY = 20000, NEVER = TODAY };

struct point {
    int64_t day; /* before today */
    struct tally tally;
};

#define POINTS 6
#define S *1000000LL

/* A fingerprint with this history and this day, by rules of factor 2 and 10 queries. */
struct story {
    const char *name;
    struct point history[POINTS]; /* up to a count of 0 */
    struct point fresh[POINTS];
    int64_t told_before; /* days before today; NEVER: on day 0 */
    struct tally told;
    const char *reason; /* NULL: known */
};

static void add_points(struct days *days, const struct point *points) {
    for (size_t i = 0; i < POINTS && points[i].tally.count > 0; i++)
        days_add(days, TODAY - points[i].day, &points[i].tally);
}

static char *judge(const struct story *story, double factor, int64_t worse_count) {
    struct known known = {.told_day = TODAY - story->told_before, .told = story->told};
    struct days fresh = {0};
    struct text reason = {0};
    const struct judge_rules rules = {.today = TODAY, .worse_factor = factor, .worse_count = worse_count};
    add_points(&known.days, story->history);
    add_points(&fresh, story->fresh);
    int verdict = judge_history(&known, &fresh, &rules, &reason);
    assert_int_equal(verdict == VERDICT_WORSE, reason.length > 0);
    assert_true(verdict == VERDICT_WORSE || verdict == VERDICT_KNOWN);
    days_free(&known.days);
    days_free(&fresh);
    return reason.length > 0 ? text_take(&reason) : NULL;
}

static void check_stories(const struct story *stories, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char *reason = judge(&stories[i], 2, 10);
        const char *wanted = stories[i].reason != NULL ? stories[i].reason : "(known)";
        if (strcmp(reason != NULL ? reason : "(known)", wanted) != 0)
            print_error("%s:\n", stories[i].name);
        assert_string_equal(reason != NULL ? reason : "(known)", wanted);
        free(reason);
    }
}

static void a_day_is_worse_by_a_factor(void **state) {
    (void)state;
    static const struct story stories[] = {
        {"number",
         {{14, {120, 120 S, 2 S}}, {3, {90, 90 S, 1 S}}},
         {{0, {412, 412 S, 2 S}}},
         NEVER,
         {0},
         "412 today, at most 120 on any of the 14 days before"},
        {"number, exactly",
         {{14, {120, 120 S, 2 S}}},
         {{0, {240, 120 S, 2 S}}},
         NEVER,
         {0},
         "240 today, at most 120 on any of the 14 days before"},
        {"number, not quite", {{14, {120, 120 S, 2 S}}}, {{0, {239, 120 S, 2 S}}}, NEVER, {0}, NULL},
        {"number, but few", {{14, {2, 2 S, 2 S}}}, {{0, {9, 3 S, 2 S}}}, NEVER, {0}, NULL},
        {"number, just enough",
         {{14, {2, 2 S, 2 S}}},
         {{0, {10, 3 S, 2 S}}},
         NEVER,
         {0},
         "10 today, at most 2 on any of the 14 days before"},
        {"number, of the worst day",
         {{9, {10, 10 S, 1 S}}, {8, {300, 300 S, 1 S}}, {7, {10, 10 S, 1 S}}},
         {{0, {500, 500 S, 1 S}}},
         NEVER,
         {0},
         NULL},
        {"total",
         {{5, {100, 125 S, 3 S}}},
         {{0, {150, 400 S, 4 S}}},
         NEVER,
         {0},
         "6 min 40 s in all today, at most 2 min 05 s on any of the 5 days before"},
        {"total, not quite", {{5, {100, 125 S, 3 S}}}, {{0, {150, 249 S, 4 S}}}, NEVER, {0}, NULL},
        {"total, but few", {{5, {8, 10 S, 8 S}}}, {{0, {9, 21 S, 9 S}}}, NEVER, {0}, NULL},
        {"total, but little", {{5, {100, 300000, 8000}}}, {{0, {150, 1200000, 9000}}}, NEVER, {0}, NULL},
        {"total, by a second",
         {{5, {100, 300000, 8000}}},
         {{0, {150, 1300000, 9000}}},
         NEVER,
         {0},
         "1.3 s in all today, at most 300 ms on any of the 5 days before"},
        {"slowest",
         {{3, {100, 125 S, 12300000}}},
         {{0, {1, 40 S, 40 S}}},
         NEVER,
         {0},
         "40.0 s for one query today, at most 12.3 s on any of the 3 days before"},
        {"slowest, not quite", {{3, {100, 125 S, 12300000}}}, {{0, {1, 24 S, 24 S}}}, NEVER, {0}, NULL},
        {"slowest, 5.6", {{3, {100, 125 S, 1 S}}}, {{0, {1, 2 S, 2 S}}}, NEVER, {0}, NULL},
        {"slowest, 5.6",
         {{3, {100, 125 S, 1 S}}},
         {{0, {1, 3 S, 3 S}}},
         NEVER,
         {0},
         "3.0 s for one query today, at most 1.0 s on any of the 3 days before"},
        {"mean",
         {{3, {100, 150 S, 6 S}}, {2, {100, 50 S, 6 S}}},
         {{0, {5, 10 S, 4 S}}},
         NEVER,
         {0},
         "2.0 s on average today, 1.0 s over the 3 days before"},
        {"mean, but few", {{3, {100, 150 S, 6 S}}, {2, {100, 50 S, 6 S}}}, {{0, {4, 16 S, 4 S}}}, NEVER, {0}, NULL},
        {"mean, not quite", {{3, {100, 150 S, 6 S}}}, {{0, {5, 14 S, 4 S}}}, NEVER, {0}, NULL},
        {"mean, but little", {{3, {100, 100000, 50000}}}, {{0, {6, 300000, 60000}}}, NEVER, {0}, NULL},
        {"no time at all", {{3, {100, 0, 0}}}, {{0, {150, 0, 0}}}, NEVER, {0}, NULL},
        {"nothing overflows",
         {{3, {INT64_MAX, INT64_MAX, INT64_MAX}}},
         {{0, {INT64_MAX, INT64_MAX, INT64_MAX}}},
         NEVER,
         {0},
         NULL},
    };
    check_stories(stories, LENGTH_OF(stories));
}

static void one_whole_day_is_needed(void **state) {
    (void)state;
    static const struct story stories[] = {
        {"the first day", {{0, {10, 10 S, 1 S}}}, {{0, {1000, 1000 S, 50 S}}}, NEVER, {0}, NULL},
        {"the day after", {{1, {10, 10 S, 1 S}}}, {{0, {1000, 1000 S, 50 S}}}, NEVER, {0}, NULL},
        {"the second day after",
         {{2, {10, 10 S, 1 S}}},
         {{0, {1000, 1000 S, 50 S}}},
         NEVER,
         {0},
         "1000 today, at most 10 on any of the 2 days before"},
        {"a history that came with the same groups",
         {{9, {10, 10 S, 1 S}}},
         {{9, {900, 10 S, 1 S}}, {0, {1000, 1000 S, 1 S}}},
         NEVER,
         {0},
         "16 min 40 s in all today, at most 20.0 s on any of the 9 days before"},
        {"no history at all", {{0}}, {{0, {1000, 1000 S, 1 S}}}, NEVER, {0}, NULL},
    };
    check_stories(stories, LENGTH_OF(stories));
}

/* What was told already is in the history by then: 100 before, and so many that were told of as 250. */
static void a_day_is_told_once_unless_it_grows(void **state) {
    (void)state;
    static const struct story stories[] = {
        {"today goes on",
         {{9, {100, 100 S, 1 S}}, {0, {150, 150 S, 1 S}}},
         {{0, {100, 100 S, 1 S}}},
         NEVER,
         {0},
         "250 today, at most 100 on any of the 9 days before"},
        {"told",
         {{9, {100, 100 S, 1 S}}, {0, {250, 250 S, 1 S}}},
         {{0, {100, 100 S, 1 S}}},
         0,
         {250, 250 S, 1 S},
         NULL},
        {"grown",
         {{9, {100, 100 S, 1 S}}, {0, {250, 250 S, 1 S}}},
         {{0, {250, 250 S, 1 S}}},
         0,
         {250, 250 S, 1 S},
         "500 today, at most 100 on any of the 9 days before"},
        {"slower than was told",
         {{9, {100, 100 S, 1 S}}, {0, {250, 250 S, 1 S}}},
         {{0, {1, 9 S, 9 S}}},
         0,
         {250, 250 S, 4 S},
         "9.0 s for one query today, at most 1.0 s on any of the 9 days before"},
        {"not by a factor",
         {{9, {100, 100 S, 1 S}}, {0, {250, 250 S, 1 S}}},
         {{0, {1, 7 S, 7 S}}},
         0,
         {250, 250 S, 4 S},
         NULL},
        {"told yesterday",
         {{9, {100, 100 S, 1 S}}, {1, {250, 250 S, 1 S}}},
         {{0, {510, 510 S, 1 S}}},
         1,
         {250, 250 S, 1 S},
         "510 today, at most 250 on any of the 9 days before"},
        {"told yesterday, and the same today",
         {{9, {100, 100 S, 1 S}}, {1, {250, 250 S, 1 S}}},
         {{0, {300, 300 S, 1 S}}},
         1,
         {250, 250 S, 1 S},
         NULL},
        {"told long ago",
         {{9, {100, 100 S, 1 S}}},
         {{0, {250, 250 S, 1 S}}},
         500,
         {999, 999 S, 9 S},
         "250 today, at most 100 on any of the 9 days before"},
        {"told as new today", {{0, {250, 250 S, 1 S}}}, {{0, {900, 900 S, 9 S}}}, 0, {10, 10 S, 1 S}, NULL},
        {"told tomorrow, by a wrong clock",
         {{9, {100, 100 S, 1 S}}},
         {{0, {250, 250 S, 1 S}}},
         -5,
         {999, 999 S, 1 S},
         "250 today, at most 100 on any of the 9 days before"},
    };
    check_stories(stories, LENGTH_OF(stories));
}

static void days_before_today_are_judged_too(void **state) {
    (void)state;
    static const struct story stories[] = {
        {"the last minute of yesterday",
         {{9, {100, 100 S, 1 S}}, {1, {200, 200 S, 1 S}}},
         {{1, {50, 50 S, 1 S}}},
         NEVER,
         {0},
         "250 yesterday, at most 100 on any of the 8 days before"},
        {"a backlog",
         {{99, {100, 100 S, 1 S}}},
         {{61, {250, 250 S, 1 S}}, {60, {90, 90 S, 1 S}}},
         NEVER,
         {0},
         "250 on 2024-08-04, at most 100 on any of the 38 days before"},
        {"the newest first",
         {{9, {100, 100 S, 1 S}}},
         {{1, {250, 250 S, 1 S}}, {0, {600, 600 S, 1 S}}},
         NEVER,
         {0},
         "600 today, at most 250 on any of the 9 days before"},
        {"not behind what was told", {{9, {100, 100 S, 1 S}}}, {{1, {250, 250 S, 1 S}}}, 0, {5, 5 S, 1 S}, NULL},
        {"yesterday, told yesterday", {{9, {100, 100 S, 1 S}}}, {{1, {450, 450 S, 1 S}}}, 1, {250, 250 S, 1 S}, NULL},
        {"yesterday, grown",
         {{9, {100, 100 S, 1 S}}},
         {{1, {550, 550 S, 1 S}}},
         1,
         {250, 250 S, 1 S},
         "550 yesterday, at most 100 on any of the 8 days before"},
        {"today is not worse than a bad yesterday",
         {{9, {100, 100 S, 1 S}}, {1, {300, 300 S, 1 S}}},
         {{0, {400, 400 S, 1 S}}},
         NEVER,
         {0},
         NULL},
    };
    check_stories(stories, LENGTH_OF(stories));
}

static void the_rules_are_those_of_the_settings(void **state) {
    (void)state;
    const struct story story = {"", {{9, {100, 100 S, 1 S}}}, {{0, {250, 250 S, 1 S}}}, NEVER, {0}, NULL};
    char *reason = judge(&story, 3, 10);
    assert_null(reason);
    reason = judge(&story, 2.5, 250);
    assert_non_null(reason);
    free(reason);
    assert_null(judge(&story, 2.5, 251));
    assert_null(judge(&story, 2.500001, 250));
}

static void a_full_history_still_counts(void **state) {
    (void)state;
    struct known known = {0};
    struct days fresh = {0};
    struct text reason = {0};
    const struct judge_rules rules = {.today = TODAY, .worse_factor = 2, .worse_count = 10};
    for (int64_t day = 1; day <= DAYS_LIMIT; day++)
        days_add(&known.days, TODAY - day, &(struct tally){100, 100 S, 1 S});
    /* Too old to be compared with anything. */
    days_add(&fresh, TODAY - 100, &(struct tally){10000, 10000 S, 1 S});
    assert_int_equal(judge_history(&known, &fresh, &rules, &reason), VERDICT_KNOWN);
    days_add(&fresh, TODAY, &(struct tally){200, 100 S, 1 S});
    assert_int_equal(judge_history(&known, &fresh, &rules, &reason), VERDICT_WORSE);
    assert_string_equal(reason.data, "200 today, at most 100 on any of the 61 days before");
    days_free(&known.days);
    days_free(&fresh);
    text_free(&reason);
}

static void put(struct ledger *ledger, char id, const char *instance, int64_t day, int64_t count, int64_t time) {
    struct group group = {.fingerprint = xasprintf("select %c", id),
                          .instance = xstrdup(instance),
                          .rows_sent = 10 * count,
                          .rows_examined = 100 * count,
                          .first = day * 86400000 + time,
                          .last = day * 86400000 + time};
    memset(group.id, '0', sizeof group.id);
    group.id[FINGERPRINT_ID_SIZE - 2] = id;
    group.id[FINGERPRINT_ID_SIZE - 1] = '\0';
    for (int64_t i = 0; i < count; i++) {
        const struct tally one = {1, time + i, time + i};
        tally_add(&group.all, &one);
        days_add(&group.days, day, &one);
        times_add(&group.times, time + i);
    }
    groups_put(&ledger->pending, &group);
}

static void findings_are_sorted_and_summed(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct findings findings = {0};
    static const struct mute mutes[] = {
        {"0000000000000000000000000000000e", "batch", TODAY + 1},
        {"0000000000000000000000000000000C", "expired", TODAY},
        {"0000000000000000000000000000000F", "also new", TODAY + 100},
    };
    const struct judge_rules rules = {TODAY, 2, 10, mutes, LENGTH_OF(mutes)};
    for (const char *id = "ABCE8"; *id != '\0'; id++)
        put(&ledger, *id, "a", TODAY - 3, 100, 1000);
    put(&ledger, '6', "a", TODAY - 3, 10, 1000);
    ledger_settle(&ledger, NULL, TODAY - 3);
    put(&ledger, 'A', "b", TODAY, 500, 2000);     /* worse */
    put(&ledger, '7', "b", TODAY, 3, 100);        /* new */
    put(&ledger, 'C', "b", TODAY, 250, 1000);     /* worse, no longer muted */
    put(&ledger, 'E', "b", TODAY, 900, 1000);     /* muted */
    put(&ledger, '8', "b", TODAY, 20, 1000);      /* known */
    put(&ledger, 'D', "b", TODAY, 1, 5);          /* new */
    put(&ledger, 'B', "reader", TODAY, 1, 301);   /* known before: */
    put(&ledger, 'F', "b", TODAY, 9000, 1000);    /* new, but muted */
    put(&ledger, '6', "b", TODAY, 3, 1000);       /* known */
    put(&ledger, 'B', "writer", TODAY, 300, 900); /* worse, over two instances */
    put(&ledger, '7', "a", TODAY - 1, 4, 200);
    findings_make(&ledger, &rules, &findings);
    char order[16] = "";
    for (size_t i = 0; i < findings.count; i++)
        order[i] = findings.items[i].id[FINGERPRINT_ID_SIZE - 2];
    assert_string_equal(order, "7DABC86FE");
    assert_int_equal(findings.of[VERDICT_NEW], 2);
    assert_int_equal(findings.of[VERDICT_WORSE], 3);
    assert_int_equal(findings.of[VERDICT_KNOWN], 2);
    assert_int_equal(findings.of[VERDICT_MUTED], 2);

    const struct finding *seven = &findings.items[0];
    assert_int_equal(seven->verdict, VERDICT_NEW);
    assert_null(seven->reason);
    assert_null(seven->known);
    assert_int_equal(seven->group_count, 2);
    assert_string_equal(seven->groups[0]->instance, "a");
    assert_string_equal(seven->groups[1]->instance, "b");
    assert_string_equal(seven->fingerprint, "select 7");
    assert_int_equal(seven->all.count, 7);
    assert_int_equal(seven->all.total, 100 + 101 + 102 + 200 + 201 + 202 + 203);
    assert_int_equal(seven->all.worst, 203);
    assert_int_equal(seven->median, 200);
    assert_int_equal(seven->rows_sent, 70);
    assert_int_equal(seven->rows_examined, 700);
    assert_int_equal(seven->first_seen, (TODAY - 1) * 86400000LL + 200);

    const struct finding *b = &findings.items[3];
    assert_int_equal(b->verdict, VERDICT_WORSE);
    assert_string_equal(b->reason, "301 today, at most 100 on any of the 3 days before");
    assert_ptr_equal(b->known, ledger_known(&ledger, b->id));
    assert_int_equal(b->first_seen, (TODAY - 3) * 86400000LL + 1000);
    assert_string_equal(b->groups[0]->instance, "writer");

    assert_null(findings.items[5].reason);
    assert_int_equal(findings.items[7].verdict, VERDICT_MUTED);
    assert_string_equal(findings.items[7].reason, "also new");
    assert_string_equal(findings.items[8].reason, "batch");
    findings_free(&findings);
    assert_int_equal(findings.count, 0);
    findings_free(&findings);
    ledger_free(&ledger);
}

static void no_groups_are_no_findings(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct findings findings = {.count = 7};
    findings_make(&ledger, &(struct judge_rules){.today = TODAY, .worse_factor = 2}, &findings);
    assert_int_equal(findings.count, 0);
    findings_free(&findings);
}

static void verdicts_have_names(void **state) {
    (void)state;
    assert_string_equal(verdict_name(VERDICT_NEW), "new");
    assert_string_equal(verdict_name(VERDICT_WORSE), "worse");
    assert_string_equal(verdict_name(VERDICT_KNOWN), "known");
    assert_string_equal(verdict_name(VERDICT_MUTED), "muted");
}

/* Told at 10:00, the spike goes on to midnight: one message that day, and one the day after only if it is above that. */
static void one_spike_is_told_once(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct strings told = {0};
    size_t messages = 0;
    put(&ledger, 'A', "a", TODAY - 10, 100, 1000);
    ledger_settle(&ledger, NULL, TODAY - 10);
    strings_add(&told, ledger.known[0].id);
    for (int64_t minute = 0; minute < 60; minute++) {
        struct findings findings = {0};
        const int64_t day = TODAY + (minute >= 30);
        const struct judge_rules rules = {.today = day, .worse_factor = 2, .worse_count = 10};
        put(&ledger, 'A', "a", day, 25, 1000);
        findings_make(&ledger, &rules, &findings);
        const bool worse = findings.items[0].verdict == VERDICT_WORSE;
        messages += worse;
        /* 200 at the 8th minute, 400 at the 16th; the next day has to have more than 750 for that. */
        assert_int_equal(worse, minute == 7 || minute == 15);
        findings_free(&findings);
        ledger_settle(&ledger, worse ? &told : NULL, day);
    }
    assert_int_equal(messages, 2);
    strings_free(&told);
    ledger_free(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_day_is_worse_by_a_factor),
        cmocka_unit_test(one_whole_day_is_needed),
        cmocka_unit_test(a_day_is_told_once_unless_it_grows),
        cmocka_unit_test(days_before_today_are_judged_too),
        cmocka_unit_test(the_rules_are_those_of_the_settings),
        cmocka_unit_test(a_full_history_still_counts),
        cmocka_unit_test(findings_are_sorted_and_summed),
        cmocka_unit_test(no_groups_are_no_findings),
        cmocka_unit_test(verdicts_have_names),
        cmocka_unit_test(one_spike_is_told_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
