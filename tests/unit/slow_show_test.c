/* What watch-slow-queries prints: tables for people, documents for programs. */
#include <jansson.h>

#include "../../jobs/watch-slow-queries/show.h"
#include "nightshift/base/clock.h"
#include "support.h"

enum { SECOND = 1000000 };

static const int64_t now = 1795402800000; /* 2026-11-23 12:00 in Tokyo */

struct scene {
    struct group groups[2];
    const struct group *chosen[2];
    struct finding items[2];
    struct findings findings;
    struct known known[2];
    struct day days[2];
    struct ledger ledger;
    struct site_instance instances[2];
    struct site site;
    struct judge_rules rules;
    struct mute mute;
    struct strings gaps;
    struct show_input input;
};

static void find_feature(void *context, const struct strings *tables, const char **feature, const char **owner) {
    (void)context;
    *feature = tables->count > 0 ? "work search" : NULL;
    *owner = NULL;
}

static void fill_findings(struct scene *scene) {
    scene->groups[0] = (struct group){.instance = xstrdup("u1"),
                                      .all = {8, 30 * SECOND, 9800000},
                                      .lock_time = 500,
                                      .rows_examined = 800,
                                      .sample = xstrdup("select 'b\n'")};
    scene->groups[1] =
        (struct group){.instance = xstrdup("u2"), .all = {4, 4500000, 2 * SECOND}, .sample = xstrdup("select 'a'")};
    strings_add(&scene->groups[0].tables, "works");
    strings_add(&scene->groups[0].users, "app");
    scene->chosen[0] = &scene->groups[1];
    scene->chosen[1] = &scene->groups[0];
    scene->items[0] = (struct finding){.id = "0123456789ABCDEF0123456789ABCDEF",
                                       .fingerprint = "select * from works where id = ?",
                                       .verdict = VERDICT_WORSE,
                                       .reason = xstrdup("12 today, at most 3 before"),
                                       .groups = scene->chosen,
                                       .group_count = 2,
                                       .all = {12, 34500000, 9800000},
                                       .median = 2100000,
                                       .rows_sent = 24,
                                       .rows_examined = 12000,
                                       .first_seen = now - 86400000};
    scene->findings = (struct findings){.items = scene->items, .count = 1, .of = {[VERDICT_WORSE] = 1}};
}

static void fill_ledger(struct scene *scene) {
    scene->days[0] = (struct day){scene->rules.today - 20, {1, SECOND, SECOND}};
    scene->days[1] = (struct day){scene->rules.today, {3, 7500001, 5 * SECOND}};
    scene->known[0] = (struct known){.id = "AAAA",
                                     .fingerprint = xstrdup("select 1"),
                                     .first_seen = now - 20 * INT64_C(86400000),
                                     .last_seen = now,
                                     .all = {1, SECOND, SECOND},
                                     .days = {scene->days, 1}};
    scene->known[1] = (struct known){.id = "BBBB",
                                     .fingerprint = xstrdup("select `work`.`id` from works as `work` where id in(?+)"),
                                     .first_seen = now - 20 * INT64_C(86400000),
                                     .last_seen = now,
                                     .all = {4, 8500001, 5 * SECOND},
                                     .days = {scene->days, 2},
                                     .told_day = scene->rules.today};
    strings_add(&scene->known[1].tables, "works");
    scene->mute = (struct mute){"aaaa", "a batch", scene->rules.today + 1};
    scene->rules.mutes = &scene->mute;
    scene->rules.mute_count = 1;
    scene->ledger = (struct ledger){.known = scene->known, .known_count = 2};
}

static int enter(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    if (clock_set_zone("Asia/Tokyo") != 0)
        return -1;
    scene->rules.today = clock_day(now);
    fill_findings(scene);
    fill_ledger(scene);
    scene->instances[0] = (struct site_instance){.name = "u1",
                                                 .server = "db1.internal:3306",
                                                 .reached = true,
                                                 .writer = true,
                                                 .logging = true,
                                                 .long_query_time = 500000,
                                                 .rows = 182345,
                                                 .read_at = now};
    scene->instances[1] =
        (struct site_instance){.name = "u2", .server = "db2.internal:3306", .long_query_time = -1, .backlog = -1};
    scene->site = (struct site){.instances = scene->instances, .instance_count = 2, .feature_of = find_feature};
    scene->input = (struct show_input){.site = &scene->site, .rules = &scene->rules, .gaps = &scene->gaps, .now = now};
    *state = scene;
    return 0;
}

static int leave(void **state) {
    struct scene *scene = *state;
    for (size_t i = 0; i < 2; i++) {
        free(scene->groups[i].instance);
        free(scene->groups[i].sample);
        strings_free(&scene->groups[i].tables);
        strings_free(&scene->groups[i].users);
        free(scene->known[i].fingerprint);
        strings_free(&scene->known[i].tables);
    }
    free(scene->items[0].reason);
    strings_free(&scene->gaps);
    free(scene);
    return 0;
}

#define show_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static char *shown(const struct scene *scene, bool history) {
    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (history)
        show_history(&scene->input, &scene->ledger, out);
    else
        show_findings(&scene->input, &scene->findings, out);
    fclose(out);
    return text;
}

static void assert_shown(const struct scene *scene, bool history, const char *wanted) {
    char *text = shown(scene, history);
    assert_string_equal(text, wanted);
    free(text);
}

/* --- Tables --- */

static void findings_in_a_table(void **state) {
    struct scene *scene = *state;
    strings_add(&scene->groups[1].tables, "works");
    strings_add(&scene->gaps, "db1: \x1B[2Jlost");
    assert_shown(scene, false,
                 "gap: db1: \\x1B[2Jlost\n"
                 "state  queries   total  median  worst  examined  server    tables  id                                "
                 "query\n"
                 "worse       12  34.5 s   2.1 s  9.8 s     1,000  db2, db1  works   0123456789ABCDEF0123456789ABCDEF  "
                 "select * from works where id = ?\n"
                 "1 worse\n");
}

static void nothing_found_is_said(void **state) {
    struct scene *scene = *state;
    scene->findings = (struct findings){0};
    scene->input.gaps = NULL;
    assert_shown(scene, false, "no slow queries that people have not been told of\n");
}

static void verdicts_are_counted(void **state) {
    struct scene *scene = *state;
    scene->findings.of[VERDICT_NEW] = 3;
    scene->findings.of[VERDICT_MUTED] = 2;
    char *text = shown(scene, false);
    assert_contains(text, "\n3 new, 1 worse, 2 muted\n");
    free(text);
}

static void long_queries_are_cut_by_width(void **state) {
    struct scene *scene = *state;
    struct text query = {0};
    struct text wanted = {0};
    text_add(&wanted, "ABCDEF  ");
    for (int i = 0; i < 60; i++)
        text_add(&query, "\xE6\x9C\x88"); /* two columns each */
    for (int i = 0; i < 29; i++)
        text_add(&wanted, "\xE6\x9C\x88");
    text_add(&wanted, "…\n");
    scene->items[0].fingerprint = text_string(&query);
    char *text = shown(scene, false);
    assert_contains(text, text_string(&wanted));
    assert_lacks(text, "\\x");
    free(text);
    char exact[61];
    memset(exact, 'x', 60);
    exact[60] = '\0';
    scene->items[0].fingerprint = exact;
    text = shown(scene, false);
    assert_contains(text, exact);
    assert_lacks(text, "…");
    free(text);
    text_free(&query);
    text_free(&wanted);
}

static void the_history_in_a_table(void **state) {
    struct scene *scene = *state;
    assert_shown(
        scene, true,
        "state  queries  total   mean  worst  first seen        last seen         feature      tables  id    query\n"
        "worse        3  7.5 s  2.5 s  5.0 s  2026-11-03 12:00  2026-11-23 12:00  work search  works   BBBB  select "
        "`work`.`id` from works as `work` where id in(?+)\n"
        "muted        0   0 ms   0 ms   0 ms  2026-11-03 12:00  2026-11-23 12:00                       AAAA  select 1\n"
        "2 fingerprints; figures are of the last 14 days\n"
        "\n"
        "server             rows read  read at\n"
        "db1.internal:3306    182,345  2026-11-23 12:00\n"
        "db2.internal:3306          0  never\n");
}

static void an_empty_history(void **state) {
    struct scene *scene = *state;
    scene->ledger.known_count = 0;
    scene->site.instance_count = 0;
    assert_shown(scene, true, "0 fingerprints; figures are of the last 14 days\n\n");
}

/* --- JSON --- */

static json_t *document(struct scene *scene, bool history) {
    scene->input.json = true;
    char *text = shown(scene, history);
    json_error_t fault;
    json_t *parsed = json_loads(text, 0, &fault);
    assert_non_null(parsed);
    free(text);
    return parsed;
}

static void assert_json(const json_t *value, const char *wanted) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    assert_non_null(text);
    assert_string_equal(text, wanted);
    free(text);
}

static void findings_as_a_document(void **state) {
    struct scene *scene = *state;
    strings_add(&scene->gaps, "lost");
    json_t *root = document(scene, false);
    assert_json(json_object_get(root, "kind"), "\"findings\"");
    assert_json(json_object_get(root, "at"), "\"2026-11-23T12:00:00.000+09:00\"");
    assert_json(json_object_get(root, "gaps"), "[\"lost\"]");
    assert_json(
        json_object_get(root, "instances"),
        "[{\"server\":\"db1.internal:3306\",\"instance\":\"u1\",\"reached\":true,\"writer\":true,\"logging\":true,"
        "\"rate_limit\":1,\"long_query_time\":0.5,\"rows\":182345,\"read_at\":\"2026-11-23T12:00:00.000+09:00\","
        "\"backlog\":0,\"advise_rotation\":false},"
        "{\"server\":\"db2.internal:3306\",\"instance\":\"u2\",\"reached\":false,\"writer\":null,\"logging\":null,"
        "\"rate_limit\":null,\"long_query_time\":null,\"rows\":0,\"read_at\":null,\"backlog\":null,"
        "\"advise_rotation\":false}]");
    assert_json(
        json_object_get(root, "findings"),
        "[{\"id\":\"0123456789ABCDEF0123456789ABCDEF\",\"verdict\":\"worse\",\"reason\":\"12 today, at most 3 "
        "before\",\"fingerprint\":\"select * from works where id = ?\",\"tables\":[],\"feature\":null,\"owner\":null,"
        "\"count\":12,\"total\":34.5,\"worst\":9.8,\"median\":2.1,\"rows_examined\":12000,\"rows_sent\":24,"
        "\"first_seen\":\"2026-11-22T12:00:00.000+09:00\",\"instances\":["
        "{\"server\":\"db2.internal:3306\",\"instance\":\"u2\",\"count\":4,\"total\":4.5,\"worst\":2.0,"
        "\"lock_time\":0.0,\"rows_examined\":0,\"rows_sent\":0,\"users\":[]},"
        "{\"server\":\"db1.internal:3306\",\"instance\":\"u1\",\"count\":8,\"total\":30.0,\"worst\":9.8,"
        "\"lock_time\":0.0005,\"rows_examined\":800,\"rows_sent\":0,\"users\":[\"app\"]}]}]");
    json_decref(root);
}

static void a_sample_is_in_the_document_on_request_only(void **state) {
    struct scene *scene = *state;
    json_t *root = document(scene, false);
    assert_null(json_object_get(json_array_get(json_object_get(root, "findings"), 0), "sample"));
    json_decref(root);
    scene->input.samples = true;
    root = document(scene, false);
    assert_json(json_object_get(json_array_get(json_object_get(root, "findings"), 0), "sample"), "\"select 'b\\n'\"");
    json_decref(root);
}

static void no_findings_are_a_document_too(void **state) {
    struct scene *scene = *state;
    scene->findings = (struct findings){0};
    scene->input.gaps = NULL;
    json_t *root = document(scene, false);
    assert_json(json_object_get(root, "findings"), "[]");
    assert_json(json_object_get(root, "gaps"), "[]");
    json_decref(root);
}

static void the_history_as_a_document(void **state) {
    struct scene *scene = *state;
    json_t *root = document(scene, true);
    assert_json(json_object_get(root, "kind"), "\"history\"");
    assert_json(
        json_object_get(root, "fingerprints"),
        "[{\"id\":\"BBBB\",\"verdict\":\"worse\",\"reason\":null,\"fingerprint\":\"select `work`.`id` from works as "
        "`work` where id in(?+)\",\"tables\":[\"works\"],\"feature\":\"work search\",\"owner\":null,\"count\":4,"
        "\"total\":8.500001,\"worst\":5.0,\"first_seen\":\"2026-11-03T12:00:00.000+09:00\","
        "\"last_seen\":\"2026-11-23T12:00:00.000+09:00\","
        "\"recent\":{\"days\":14,\"count\":3,\"total\":7.500001,\"worst\":5.0},"
        "\"days\":[{\"day\":\"2026-11-03\",\"count\":1,\"total\":1.0,\"worst\":1.0},"
        "{\"day\":\"2026-11-23\",\"count\":3,\"total\":7.500001,\"worst\":5.0}]},"
        "{\"id\":\"AAAA\",\"verdict\":\"muted\",\"reason\":\"a batch\",\"fingerprint\":\"select 1\",\"tables\":[],"
        "\"feature\":null,\"owner\":null,\"count\":1,\"total\":1.0,\"worst\":1.0,"
        "\"first_seen\":\"2026-11-03T12:00:00.000+09:00\",\"last_seen\":\"2026-11-23T12:00:00.000+09:00\","
        "\"recent\":{\"days\":14,\"count\":0,\"total\":0.0,\"worst\":0.0},"
        "\"days\":[{\"day\":\"2026-11-03\",\"count\":1,\"total\":1.0,\"worst\":1.0}]}]");
    json_decref(root);
}

static void what_is_no_utf8_is_still_a_document(void **state) {
    struct scene *scene = *state;
    scene->items[0].fingerprint = "select \xFF\x1B \"\\ \xE6\x9C\x88";
    json_t *root = document(scene, false);
    assert_json(json_object_get(json_array_get(json_object_get(root, "findings"), 0), "fingerprint"),
                "\"select \\\\xFF\\\\x1B \\\"\\\\ \xE6\x9C\x88\"");
    json_decref(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        show_test(findings_in_a_table),
        show_test(nothing_found_is_said),
        show_test(verdicts_are_counted),
        show_test(long_queries_are_cut_by_width),
        show_test(the_history_in_a_table),
        show_test(an_empty_history),
        show_test(findings_as_a_document),
        show_test(a_sample_is_in_the_document_on_request_only),
        show_test(no_findings_are_a_document_too),
        show_test(the_history_as_a_document),
        show_test(what_is_no_utf8_is_still_a_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
