/* What people are told of slow queries: what is said, in which order, and when nothing is. */
#include "markup.h"
#include "../../jobs/watch-slow-queries/message.h"
#include "nightshift/base/clock.h"
#include "nightshift/web/notify_message.h"

enum { MS = 1000, SECOND = 1000000 };

static const int64_t noon = 1795402800000; /* 2026-11-23 12:00 in Tokyo */

/* One finding with as many groups as there are instances in it. */
static void give_group(struct finding *finding, struct group *group, const char *instance, int64_t count,
                       int64_t total) {
    *group = (struct group){.instance = xstrdup(instance),
                            .fingerprint = xstrdup("select * from works where id = ?"),
                            .all = {count, total, total / (count > 0 ? count : 1)}};
    strings_add(&group->tables, "works");
    strings_add(&group->tables, "clients");
    finding->groups = xreallocarray((void *)finding->groups, finding->group_count + 1, sizeof *finding->groups);
    finding->groups[finding->group_count++] = group;
    tally_add(&finding->all, &group->all);
}

static void find_feature(void *context, const struct strings *tables, const char **feature, const char **owner) {
    const char *const *names = context;
    assert_string_equal(tables->items[0], "works");
    *feature = names[0];
    *owner = names[1];
}

struct scene {
    struct watch_settings settings;
    struct finding items[8];
    struct group groups[16];
    size_t group_count;
    struct findings findings;
    struct strings gaps;
    struct site_instance instances[4];
    struct site site;
    struct message_input input;
};

static struct finding *give(struct scene *scene, int verdict, const char *instance, int64_t count, int64_t total) {
    struct finding *finding = &scene->items[scene->findings.count++];
    finding->id = "0123456789ABCDEF0123456789ABCDEF";
    finding->fingerprint = "select * from works where id = ?";
    finding->verdict = verdict;
    finding->median = 2100 * MS;
    finding->first_seen = noon;
    scene->findings.of[verdict]++;
    give_group(finding, &scene->groups[scene->group_count++], instance, count, total);
    return finding;
}

static int enter(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->settings.max_groups = 10;
    strings_add(&scene->settings.tell, "new");
    strings_add(&scene->settings.tell, "worse");
    for (size_t i = 0; i < 4; i++) {
        static const char *const names[] = {"u1", "u2", "u3", "u4"};
        static const char *const servers[] = {"db1.internal:3306", "db2.internal:3306", "db3.internal:3306",
                                              "db4.internal:3306"};
        scene->instances[i] = (struct site_instance){.name = names[i], .server = servers[i], .reached = true};
    }
    scene->site = (struct site){.instances = scene->instances, .instance_count = 4};
    scene->findings.items = scene->items;
    scene->input = (struct message_input){
        .settings = &scene->settings, .findings = &scene->findings, .gaps = &scene->gaps, .site = &scene->site};
    *state = scene;
    return clock_set_zone("Asia/Tokyo");
}

static int leave(void **state) {
    struct scene *scene = *state;
    for (size_t i = 0; i < scene->group_count; i++) {
        free(scene->groups[i].instance);
        free(scene->groups[i].fingerprint);
        free(scene->groups[i].sample);
        strings_free(&scene->groups[i].tables);
    }
    for (size_t i = 0; i < LENGTH_OF(scene->items); i++)
        free((void *)scene->items[i].groups);
    strings_free(&scene->settings.tell);
    strings_free(&scene->gaps);
    free(scene);
    return 0;
}

#define message_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

/* The whole message as text: title; of each section "# heading", lines, "> code"; and the number that is left out. */
static char *told(const struct scene *scene) {
    struct notify_message *message = message_make(&scene->input);
    struct text out = {0};
    if (message == NULL)
        return NULL;
    text_printf(&out, "[%s] %s\n", notify_message_severity(message), message->title);
    for (size_t i = 0; i < message->count; i++) {
        const struct notify_section *section = &message->sections[i];
        text_printf(&out, "# %s (%d)\n", section->heading, (int)section->items);
        for (size_t j = 0; j < section->lines.count; j++)
            text_printf(&out, "%s\n", section->lines.items[j]);
        if (section->code != NULL)
            text_printf(&out, "> %s\n", section->code);
    }
    text_printf(&out, "more %d\n", (int)message->more);
    notify_message_free(message);
    return text_take(&out);
}

static void assert_told(const struct scene *scene, const char *wanted) {
    char *shown = told(scene);
    assert_non_null(shown);
    assert_string_equal(shown, wanted);
    free(shown);
}

static void assert_title(const struct scene *scene, const char *wanted) {
    char *shown = told(scene);
    assert_non_null(shown);
    *strchr(shown, '\n') = '\0';
    assert_string_equal(shown, wanted);
    free(shown);
}

static void nothing_to_tell_is_no_message(void **state) {
    struct scene *scene = *state;
    assert_null(told(scene));
    give(scene, VERDICT_KNOWN, "u1", 5, SECOND);
    give(scene, VERDICT_MUTED, "u1", 5, SECOND);
    assert_null(told(scene));
    scene->input.gaps = NULL;
    assert_null(told(scene));
    /* Neither is what the site looks like a reason to speak up every minute. */
    scene->instances[0].rate_limit = 10;
    scene->instances[0].backlog = 10;
    scene->instances[0].advise_rotation = true;
    assert_null(told(scene));
}

static void what_is_not_to_be_told_is_only_counted(void **state) {
    struct scene *scene = *state;
    strings_free(&scene->settings.tell);
    strings_add(&scene->settings.tell, "worse");
    give(scene, VERDICT_NEW, "u1", 1, SECOND);
    assert_null(told(scene));
    give(scene, VERDICT_WORSE, "u1", 1, SECOND);
    char *shown = told(scene);
    assert_contains(shown, "[warning] 1 worse slow query on db1\n");
    assert_lacks(shown, "# NEW");
    assert_contains(shown, "new: 1 query of 1 fingerprint, 1.0 s\n");
    free(shown);
}

static void a_muted_one_is_never_told(void **state) {
    struct scene *scene = *state;
    strings_add(&scene->settings.tell, "muted");
    give(scene, VERDICT_MUTED, "u1", 1, SECOND);
    assert_null(told(scene));
}

static void one_new_query(void **state) {
    struct scene *scene = *state;
    struct finding *finding = give(scene, VERDICT_NEW, "u1", 1, 9800 * MS);
    finding->rows_examined = 1;
    assert_told(scene, "[warning] 1 new slow query on db1\n"
                       "# NEW · 1 × · 9.8 s (1)\n"
                       "works, clients\n"
                       "on db1\n"
                       "1 row examined, 0 sent\n"
                       "first seen 2026-11-23 12:00 · ID 0123456789ABCDEF0123456789ABCDEF\n"
                       "> select * from works where id = ?\n"
                       "more 0\n");
}

static void the_only_instance_goes_without_saying(void **state) {
    struct scene *scene = *state;
    give(scene, VERDICT_NEW, "u1", 1, SECOND);
    scene->site.instance_count = 1;
    char *shown = told(scene);
    assert_lacks(shown, "\non db1\n");
    free(shown);
}

static void all_of_it(void **state) {
    struct scene *scene = *state;
    static const char *const feature[] = {"work search", "matching team"};
    scene->site.feature_of = find_feature;
    scene->site.context = (void *)(uintptr_t)feature;
    struct finding *finding = give(scene, VERDICT_NEW, "u1", 8, 30 * SECOND);
    give_group(finding, &scene->groups[scene->group_count++], "u2", 4, 4500 * MS);
    finding->all.worst = 9800 * MS;
    finding->rows_examined = 12 * 1234567;
    finding->rows_sent = 12 * 20;
    finding = give(scene, VERDICT_WORSE, "u2", 1200, 600 * SECOND);
    finding->reason = xstrdup("1,200 today, at most 120 on any of the 14 days before");
    give(scene, VERDICT_KNOWN, "u1", 340, 56 * SECOND);
    give(scene, VERDICT_KNOWN, "u1", 1, SECOND);
    give(scene, VERDICT_MUTED, "u1", 1, SECOND);
    strings_add(&scene->gaps, "db3.internal:3306: the slow log was emptied");
    scene->instances[1].rate_limit = 10;
    scene->instances[2].backlog = 1;
    scene->instances[3].backlog = 23456;
    scene->instances[3].advise_rotation = true;
    assert_told(scene, "[warning] 1 new and 1 worse slow queries on db1, db2\n"
                       "# rows may be lost (0)\n"
                       "db3.internal:3306: the slow log was emptied\n"
                       "# NEW · 12 × · 34.5 s in all · median 2.1 s · worst 9.8 s (1)\n"
                       "works, clients · work search (matching team)\n"
                       "db1 8 ×, 30.0 s · db2 4 ×, 4.5 s\n"
                       "1,234,567 rows examined, 20 sent per query\n"
                       "first seen 2026-11-23 12:00 · ID 0123456789ABCDEF0123456789ABCDEF\n"
                       "> select * from works where id = ?\n"
                       "# WORSE · 1,200 × · 10 min 00 s in all · median 2.1 s · worst 500 ms (1)\n"
                       "1,200 today, at most 120 on any of the 14 days before\n"
                       "works, clients · work search (matching team)\n"
                       "on db2\n"
                       "0 rows examined, 0 sent per query\n"
                       "first seen 2026-11-23 12:00 · ID 0123456789ABCDEF0123456789ABCDEF\n"
                       "> select * from works where id = ?\n"
                       "#  (0)\n"
                       "known: 341 queries of 2 fingerprints, 57.0 s\n"
                       "muted: 1 query of 1 fingerprint, 1.0 s\n"
                       "db2.internal:3306 logs one slow query in 10 only: its counts are that much too low\n"
                       "db3.internal:3306: 1 row is still to be read\n"
                       "db4.internal:3306: 23,456 rows are still to be read\n"
                       "the slow log of db4.internal:3306 is large and makes every run slow: rotate it\n"
                       "more 0\n");
    free(finding->reason);
}

static void a_feature_needs_no_owner(void **state) {
    struct scene *scene = *state;
    static const char *const feature[] = {"work search", NULL};
    give(scene, VERDICT_NEW, "u1", 1, SECOND);
    scene->site.feature_of = find_feature;
    scene->site.context = (void *)(uintptr_t)feature;
    char *shown = told(scene);
    assert_contains(shown, "\nworks, clients · work search\n");
    free(shown);
}

static void titles_agree_with_their_numbers(void **state) {
    struct scene *scene = *state;
    give(scene, VERDICT_NEW, "u1", 1, SECOND);
    give(scene, VERDICT_NEW, "u1", 1, SECOND);
    assert_title(scene, "[warning] 2 new slow queries on db1");
    give(scene, VERDICT_WORSE, "u3", 1, SECOND);
    give(scene, VERDICT_WORSE, "u2", 1, SECOND);
    assert_title(scene, "[warning] 2 new and 2 worse slow queries on db1, db3, db2");
    strings_add(&scene->settings.tell, "known");
    give(scene, VERDICT_KNOWN, "u4", 1, SECOND);
    assert_title(scene, "[warning] 2 new, 2 worse and 1 known slow queries on db1, db3, db2 and 1 more");
}

static void only_known_ones_are_no_warning(void **state) {
    struct scene *scene = *state;
    strings_add(&scene->settings.tell, "known");
    give(scene, VERDICT_KNOWN, "u1", 1, SECOND);
    assert_title(scene, "[info] 1 known slow query on db1");
}

static void a_gap_is_told_by_itself(void **state) {
    struct scene *scene = *state;
    strings_add(&scene->gaps, "db1: the slow log was emptied");
    assert_told(scene, "[warning] 1 gap in a slow log: rows may be lost\n"
                       "#  (0)\n"
                       "db1: the slow log was emptied\n"
                       "more 0\n");
    strings_add(&scene->gaps, "db2: too");
    assert_title(scene, "[warning] 2 gaps in slow logs: rows may be lost");
}

static void what_does_not_fit_is_counted(void **state) {
    struct scene *scene = *state;
    scene->settings.max_groups = 2;
    for (int i = 0; i < 5; i++)
        give(scene, VERDICT_NEW, "u1", 1, (9 - i) * SECOND);
    char *shown = told(scene);
    assert_contains(shown, "5 new slow queries");
    assert_contains(shown, "# NEW · 1 × · 9.0 s");
    assert_contains(shown, "# NEW · 1 × · 8.0 s");
    assert_lacks(shown, "7.0 s");
    assert_int_equal(count_of(shown, "# "), 2);
    assert_contains(shown, "more 3\n");
    free(shown);
    struct notify_message *message = message_make(&scene->input);
    assert_string_equal(message->note, "... and {more} more: watch-slow-queries --list has them all");
    notify_message_free(message);
}

static void samples_are_shown_on_request_only(void **state) {
    struct scene *scene = *state;
    struct finding *finding = give(scene, VERDICT_NEW, "u1", 10, 20 * SECOND);
    give_group(finding, &scene->groups[scene->group_count++], "u2", 1, 5 * SECOND);
    give_group(finding, &scene->groups[scene->group_count++], "u3", 1, 9 * SECOND);
    scene->groups[0].sample = xstrdup("select * from works\nwhere id = 'fast'");
    scene->groups[1].sample = xstrdup("select * from works\nwhere id = 'slow'");
    char *shown = told(scene);
    assert_lacks(shown, "'");
    free(shown);
    scene->settings.samples = true;
    shown = told(scene);
    assert_contains(shown, "> select * from works\nwhere id = 'slow'\n");
    free(shown);
}

static void hostile_text_stays_text(void **state) {
    struct scene *scene = *state;
    struct finding *finding = give(scene, VERDICT_NEW, "u9 %s%n", 1, SECOND);
    finding->reason = NULL;
    finding->fingerprint = "select %s%n \x1B[2J \xE2\x80\xAE [To:1] <!channel>";
    strings_add(&scene->gaps, "%s%n");
    char *shown = told(scene);
    assert_contains(shown, "on u9 %s%n\n");
    assert_contains(shown, "\n%s%n\n");
    assert_contains(shown, "> select %s%n \\x1B[2J \\xE2\\x80\\xAE");
    free(shown);
}

static void a_finding_without_groups_is_survived(void **state) {
    struct scene *scene = *state;
    struct finding *finding = give(scene, VERDICT_NEW, "u1", 0, 0);
    finding->group_count = 0;
    assert_told(scene, "[warning] 1 new slow query\n"
                       "# NEW · 0 × · 0 ms (1)\n"
                       "0 rows examined, 0 sent\n"
                       "first seen 2026-11-23 12:00 · ID 0123456789ABCDEF0123456789ABCDEF\n"
                       "> select * from works where id = ?\n"
                       "more 0\n");
}

static void the_ledger_learns_what_was_told_as_new_or_worse(void **state) {
    struct scene *scene = *state;
    static const char *const ids[] = {"N", "W", "K", "M", "X"};
    static const int verdicts[] = {VERDICT_NEW, VERDICT_WORSE, VERDICT_KNOWN, VERDICT_MUTED, VERDICT_NEW};
    struct strings told_ids = {0};
    scene->settings.max_groups = 1; /* left out is told too: it was counted */
    strings_add(&scene->settings.tell, "known");
    for (size_t i = 0; i < LENGTH_OF(ids); i++)
        give(scene, verdicts[i], "u1", 1, SECOND)->id = ids[i];
    message_told(&scene->input, &told_ids);
    assert_int_equal(told_ids.count, 3);
    assert_true(strings_contain(&told_ids, "N") && strings_contain(&told_ids, "W") && strings_contain(&told_ids, "X"));
    strings_free(&told_ids);
    strings_free(&scene->settings.tell);
    message_told(&scene->input, &told_ids);
    assert_int_equal(told_ids.count, 0);
}

/* --- Names of servers --- */

static void servers_are_short_where_that_is_clear(void **state) {
    (void)state;
    static const struct {
        const char *server, *other, *wanted;
    } cases[] = {
        {"db1.internal:3306", "db2.internal:3306", "db1"},
        {"db1.internal:3307", "db2.internal:3306", "db1:3307"},
        {"db1", "db2", "db1"},
        {"db1.a.internal:3306", "db1.b.internal:3306", "db1.a.internal:3306"},
        {"db1.internal:3306", "db1.internal:3306", "db1"}, /* two servers, one after the other, behind one name */
        {"10.0.1.5:3306", "10.0.1.6:3306", "10.0.1.5"},
        {"10.0.1.5:3307", "10.0.1.6:3306", "10.0.1.5:3307"},
        {"[::1]:3306", "db2", "[::1]:3306"},
        {"/run/mysqld.sock", "db2", "/run/mysqld.sock"},
        {"", "db2", "u1"}, /* nothing better is known */
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        const struct site_instance instances[] = {{.server = "unknown.internal:3306"},
                                                  {.name = "u1", .server = cases[i].server},
                                                  {.name = "u2", .server = cases[i].other}};
        const struct site site = {.instances = instances, .instance_count = 3};
        struct text out = {0};
        site_add_server(&site, "u1", &out);
        assert_string_equal(text_string(&out), cases[i].wanted);
        text_clear(&out);
        site_add_server(&site, "gone", &out);
        assert_string_equal(text_string(&out), "gone");
        text_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        message_test(nothing_to_tell_is_no_message),
        message_test(what_is_not_to_be_told_is_only_counted),
        message_test(a_muted_one_is_never_told),
        message_test(one_new_query),
        message_test(the_only_instance_goes_without_saying),
        message_test(all_of_it),
        message_test(a_feature_needs_no_owner),
        message_test(titles_agree_with_their_numbers),
        message_test(only_known_ones_are_no_warning),
        message_test(a_gap_is_told_by_itself),
        message_test(what_does_not_fit_is_counted),
        message_test(samples_are_shown_on_request_only),
        message_test(hostile_text_stays_text),
        message_test(a_finding_without_groups_is_survived),
        message_test(the_ledger_learns_what_was_told_as_new_or_worse),
        cmocka_unit_test(servers_are_short_where_that_is_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
