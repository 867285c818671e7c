/* The page of slow queries: the right figures in the right order, and no text of any origin becomes markup. */
#include "../../jobs/watch-slow-queries/page.h"

#include "../../jobs/watch-slow-queries/history.h"
#include "markup.h"
#include "nightshift/base/clock.h"

enum { SECOND = 1000000 };

static const int64_t now = 1795402800000; /* 2026-11-23 12:00 in Tokyo */

struct scene {
    struct ledger ledger;
    struct site_instance instances[5];
    struct site site;
    struct mute mutes[3];
    struct judge_rules rules;
    struct strings gaps;
    struct page_input input;
};

static int enter(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    if (clock_set_zone("Asia/Tokyo") != 0)
        return -1;
    scene->rules = (struct judge_rules){.today = clock_day(now), .worse_factor = 2, .mutes = scene->mutes};
    scene->site = (struct site){.instances = scene->instances};
    scene->input = (struct page_input){
        .ledger = &scene->ledger, .site = &scene->site, .rules = &scene->rules, .gaps = &scene->gaps, .now = now};
    *state = scene;
    return 0;
}

static int leave(void **state) {
    struct scene *scene = *state;
    for (size_t i = 0; i < scene->ledger.known_count; i++) {
        free(scene->ledger.known[i].fingerprint);
        strings_free(&scene->ledger.known[i].tables);
        free(scene->ledger.known[i].days.items);
    }
    free(scene->ledger.known);
    strings_free(&scene->ledger.gaps);
    strings_free(&scene->gaps);
    free(scene);
    return 0;
}

#define page_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

/* A fingerprint with one query of `total` microseconds `ago` days before today. Valid until the next call. */
static struct known *give(struct scene *scene, const char *fingerprint, int64_t ago, int64_t total) {
    struct ledger *ledger = &scene->ledger;
    ledger->known = xgrow(ledger->known, ledger->known_count, sizeof *ledger->known);
    struct known *known = &ledger->known[ledger->known_count++];
    *known = (struct known){.fingerprint = xstrdup(fingerprint),
                            .first_seen = now - ago * 86400000,
                            .last_seen = now - ago * 86400000,
                            .all = {1, total, total}};
    snprintf(known->id, sizeof known->id, "%032zX", ledger->known_count);
    known->days.items = xcalloc(1, sizeof *known->days.items);
    known->days.items[known->days.count++] = (struct day){scene->rules.today - ago, known->all};
    return known;
}

static void give_day(struct scene *scene, struct known *known, int64_t ago, int64_t count, int64_t total) {
    struct days *days = &known->days;
    days->items = xreallocarray(days->items, days->count + 1, sizeof *days->items);
    days->items[days->count++] = (struct day){scene->rules.today - ago, {count, total, total / count}};
    tally_add(&known->all, &days->items[days->count - 1].tally);
    known->last_seen = now - ago * 86400000;
}

static char *page_of(const struct scene *scene) {
    struct text out = {0};
    page_make(&scene->input, &out);
    assert_false(out.full);
    assert_well_formed(text_string(&out));
    return text_take(&out);
}

static void an_empty_ledger_makes_a_page(void **state) {
    struct scene *scene = *state;
    char *page = page_of(scene);
    assert_contains(page, "<h1>Slow queries</h1>");
    assert_contains(page, "No slow query has been seen yet.");
    assert_contains(page, "0 ms · 0 queries");
    assert_lacks(page, "<svg");
    assert_lacks(page, "class=\"note\"");
    assert_lacks(page, "id=\"muted\"");
    free(page);
}

static void a_query_with_all_its_figures(void **state) {
    struct scene *scene = *state;
    struct known *known = give(scene, "select * from works where id = ?", 70, 5 * SECOND);
    strings_add(&known->tables, "works");
    strings_add(&known->tables, "clients");
    give_day(scene, known, 14, 1000, 5000 * (int64_t)SECOND); /* one day too long ago for the sums */
    give_day(scene, known, 13, 2, 6 * SECOND);
    give_day(scene, known, 0, 2, 3 * SECOND);
    char *page = page_of(scene);
    assert_contains(page, "<tbody id=\"q-00000000000000000000000000000001\">");
    assert_contains(page, "<strong>works, clients</strong>");
    assert_contains(page, "data-l=\"Total 14 d\" data-s=\"9000000\">9.0 s</td>");
    assert_contains(page, "data-l=\"Queries\" data-s=\"4\">4</td>");
    assert_contains(page, "data-l=\"Mean\" data-s=\"2250000\">2.2 s</td>");
    assert_contains(page, "data-l=\"Worst\" data-s=\"3000000\">3.0 s</td>");
    assert_contains(page, ">2026-09-14</td>");
    assert_contains(page, ">2026-11-23 12:00</time>");
    assert_contains(page, "<code>select * from works where id = ?</code>");
    assert_contains(page, "ID 00000000000000000000000000000001 · since the first: 1,005 queries, 1 h 23 min, worst");
    assert_contains(page, "aria-label=\"Time per day until 2026-11-23: at most 1 h 23 min, on 2026-11-09\"");
    assert_contains(page, "aria-label=\"Queries per day until 2026-11-23: at most 1,000, on 2026-11-09\"");
    assert_contains(page, "<dd>9.0 s · 4 queries</dd>"); /* 14 days */
    assert_contains(page, "<dd>3.0 s · 2 queries</dd>"); /* today */
    free(page);
}

static void days_before_the_first_are_unknown(void **state) {
    struct scene *scene = *state;
    struct known *known = give(scene, "a", 2, 4 * SECOND);
    give_day(scene, known, 0, 1, 2 * SECOND);
    char *page = page_of(scene);
    /* Three days of 62 have a ground: the first of them with a whole bar, the second with none, today with half. */
    assert_contains(page, "<path class=\"ground\" d=\"M177 19.5H186\"/>");
    assert_contains(page, "<path class=\"recent\" d=\"M178 20v-19.0M184 20v-9.5\"/>");
    assert_contains(page, "<title>2026-11-20: unknown</title>");
    assert_contains(page, "<title>2026-11-21: 4.0 s</title>");
    assert_contains(page, "<title>2026-11-22: 0 ms</title>");
    free(page);
}

static void the_longest_in_all_comes_first(void **state) {
    struct scene *scene = *state;
    give(scene, "second", 1, 5 * SECOND);
    give(scene, "old and huge", 20, 5000 * (int64_t)SECOND);
    give(scene, "first", 13, 9 * SECOND);
    give(scene, "older and small", 40, SECOND);
    char *page = page_of(scene);
    const char *at = page;
    static const char *const wanted[] = {"<code>first<", "<code>second<", "<code>old and huge<",
                                         "<code>older and small<"};
    for (size_t i = 0; i < LENGTH_OF(wanted); i++) {
        at = strstr(at, wanted[i]);
        assert_non_null(at);
    }
    /* A query that was not seen lately has no mean. */
    assert_contains(page, "data-l=\"Mean\" data-s=\"\">–</td>");
    free(page);
}

static void states_are_those_of_today(void **state) {
    struct scene *scene = *state;
    int64_t today = scene->rules.today;
    give(scene, "new", 0, 9 * SECOND)->told_day = today;
    struct known *known = give(scene, "worse", 5, 8 * SECOND);
    give_day(scene, known, 0, 1, SECOND);
    known->told_day = today;
    give(scene, "told yesterday", 1, 7 * SECOND)->told_day = today - 1;
    give(scene, "muted", 0, 6 * SECOND)->told_day = today;
    give(scene, "heard again", 3, 5 * SECOND);
    scene->mutes[0] = (struct mute){scene->ledger.known[3].id, "known <slow> batch", today + 1};
    scene->mutes[1] = (struct mute){scene->ledger.known[4].id, "over", today};
    scene->mutes[2] = (struct mute){"abcdefabcdefabcdefabcdefabcdefab", "never seen", today + 9};
    scene->rules.mute_count = 3;
    char *page = page_of(scene);
    struct history_row *rows = history_rows(&scene->ledger, &scene->rules);
    static const int wanted[] = {VERDICT_NEW, VERDICT_WORSE, VERDICT_KNOWN, VERDICT_MUTED, VERDICT_KNOWN};
    for (size_t i = 0; i < LENGTH_OF(wanted); i++)
        assert_int_equal(rows[i].verdict, wanted[i]);
    assert_ptr_equal(rows[3].mute, &scene->mutes[0]);
    assert_null(rows[4].mute);
    free(rows);
    assert_contains(page, "data-s=\"3\"><span class=\"badge strong\">new</span>");
    assert_contains(page, "data-s=\"2\"><span class=\"badge strong\">worse</span>");
    assert_int_equal(count_of(page, "data-s=\"1\"><span class=\"muted\">known</span>"), 2);
    assert_contains(page, "data-s=\"0\"><span class=\"badge quiet\">muted</span>");
    assert_contains(page, "<dd>1 new · 1 worse</dd>");
    assert_contains(page, "<dd>5 (1 muted)</dd>");
    assert_contains(page,
                    "known &lt;slow&gt; batch</td><td class=\"date\" data-l=\"Until\" data-s=\"20780\">2026-11-23");
    assert_contains(page, ">ended</td><td class=\"text\" data-l=\"Reason\">over</td>");
    assert_contains(page, "ID abcdefabcdefabcdefabcdefabcdefab · not seen, or forgotten");
    free(page);
}

static void ids_of_mutes_are_found_in_either_case(void **state) {
    struct scene *scene = *state;
    struct known *known = give(scene, "select 1", 0, SECOND);
    snprintf(known->id, sizeof known->id, "ABCDEFABCDEFABCDEFABCDEFABCDEFAB");
    scene->mutes[0] = (struct mute){"abcdefabcdefabcdefabcdefabcdefab", "r", scene->rules.today + 1};
    scene->rules.mute_count = 1;
    char *page = page_of(scene);
    assert_contains(page, "<span class=\"badge quiet\">muted</span>");
    assert_lacks(page, "not seen, or forgotten");
    free(page);
}

static void find_feature(void *context, const struct strings *tables, const char **feature, const char **owner) {
    (void)context;
    *feature = tables->count > 0 ? "<work> search" : NULL;
    *owner = tables->count > 0 ? "team & co" : NULL;
}

static void it_says_whose_a_query_is(void **state) {
    struct scene *scene = *state;
    strings_add(&give(scene, "a", 0, SECOND)->tables, "works");
    give(scene, "b", 0, SECOND);
    scene->site.feature_of = find_feature;
    char *page = page_of(scene);
    assert_contains(page,
                    "<strong>works</strong><br>&lt;work&gt; search <span class=\"muted\">· team &amp; co</span></th>");
    assert_contains(page, "<strong>no table</strong></th>");
    free(page);
}

static void hostile_queries_stay_text(void **state) {
    struct scene *scene = *state;
    char long_one[2001];
    memset(long_one, 'x', sizeof long_one - 1);
    long_one[sizeof long_one - 1] = '\0';
    struct known *known =
        give(scene, "select '</script><script>alert(1)</script>]]> <img src=x onerror=alert(1)>'", 0, SECOND);
    strings_add(&known->tables, "<b>\" onclick=\"x");
    give(scene, "a \xE2\x80\xAE\xFF\x1B[2J\n -- </pre>", 0, SECOND);
    give(scene, long_one, 0, SECOND);
    scene->mutes[0] = (struct mute){"</div><script>", "<script>\"'", scene->rules.today + 1};
    scene->rules.mute_count = 1;
    scene->instances[0] = (struct site_instance){.name = "<u1>", .server = "<script>db1", .reached = true};
    scene->site.instance_count = 1;
    strings_add(&scene->gaps, "<script>gap");
    char *page = page_of(scene);
    assert_int_equal(count_of(page, "<script"), 1);
    assert_lacks(page, "<img");
    assert_contains(page, "\\xE2\\x80\\xAE\\xFF\\x1B[2J");
    assert_contains(page, "<summary>");
    free(page);
}

static void of_two_thousand_the_worst_are_shown(void **state) {
    struct scene *scene = *state;
    for (int i = 0; i < 2000; i++)
        give(scene, "select ? from works", 0, (i + 1) * SECOND);
    char *page = page_of(scene);
    assert_int_equal(count_of(page, "<tbody id=\"q-"), PAGE_ROWS);
    assert_contains(page, "<dd>2,000</dd>");
    /* 1 to 1,800 s */
    assert_contains(page, "<p>And 1,800 fingerprints more, with 1,800 queries and 18 d 18 h in the last 14 days: ");
    assert_true(strlen(page) < 2 * 1024 * 1024);
    free(page);
}

static void one_more_is_said_in_the_singular(void **state) {
    struct scene *scene = *state;
    for (int i = 0; i < PAGE_ROWS; i++)
        give(scene, "a", 0, 2 * SECOND);
    char *page = page_of(scene);
    assert_lacks(page, "<p>And ");
    free(page);
    give(scene, "b", 0, SECOND);
    page = page_of(scene);
    assert_contains(page, "<p>And 1 fingerprint more, with 1 query and 1.0 s in the last 14 days: ");
    free(page);
}

static void what_needs_somebody_is_said(void **state) {
    struct scene *scene = *state;
    scene->site.instance_count = 5;
    scene->instances[0] = (struct site_instance){.name = "u1",
                                                 .server = "fine:3306",
                                                 .reached = true,
                                                 .writer = true,
                                                 .logging = true,
                                                 .rate_limit = 1,
                                                 .long_query_time = 500000,
                                                 .rows = 182345,
                                                 .read_at = now};
    scene->instances[1] = (struct site_instance){.name = "u2", .server = "off", .reached = true, .rate_limit = 1};
    scene->instances[2] =
        (struct site_instance){.name = "u3", .server = "part", .reached = true, .logging = true, .rate_limit = 10};
    scene->instances[3] = (struct site_instance){
        .name = "u4", .server = "late", .reached = true, .logging = true, .backlog = 23456, .advise_rotation = true};
    scene->instances[4] = (struct site_instance){.server = "gone", .long_query_time = -1, .backlog = -1};
    strings_add(&scene->gaps, "told: lost");
    strings_add(&scene->ledger.gaps, "not told: lost");
    struct group group = {.all = {1, SECOND, SECOND}};
    scene->ledger.pending = (struct groups){.items = &group, .count = 1};
    char *page = page_of(scene);
    assert_int_equal(count_of(page, "class=\"note\""), 8);
    assert_contains(page, "<strong>Gap:</strong> told: lost</p>");
    assert_contains(page, "<strong>Gap:</strong> not told: lost</p>");
    assert_contains(page, "<strong>off</strong> writes no slow log to a table");
    assert_contains(page, "<strong>part</strong> logs one slow query in 10 only");
    assert_contains(page, "<strong>late</strong> has 23,456 rows that are not read yet");
    assert_contains(page, "<strong>late</strong> has a large slow log");
    assert_contains(page, "<strong>gone</strong> was not read by the last run");
    assert_contains(page, "<p class=\"note\">1 query was read that is not in here yet");
    assert_contains(page,
                    "<th scope=\"row\" class=\"text\">fine:3306</th><td class=\"text\" data-l=\"Role\">writer</td>"
                    "<td class=\"text\" data-l=\"Log\">on</td>");
    assert_contains(page, "data-s=\"182345\">182,345</td>");
    assert_contains(page, "data-l=\"Threshold\" data-s=\"500000\">500 ms</td>");
    assert_contains(page, "<span class=\"badge strong\">off</span>");
    assert_contains(page, "<span class=\"badge strong\">1 in 10</span>");
    assert_contains(page, "<span class=\"badge strong\">not read</span>");
    assert_contains(page, "data-l=\"Backlog\" data-s=\"\">–</td>");
    free(page);
}

static void days_to_come_are_left_out(void **state) {
    struct scene *scene = *state;
    struct known *known = give(scene, "a", 0, SECOND);
    give_day(scene, known, -1, 7, 7 * SECOND); /* a server's clock is ahead */
    char *page = page_of(scene);
    assert_contains(page, "data-l=\"Queries\" data-s=\"1\">1</td>");
    free(page);
    scene->ledger.known[0].days.items[0].day = scene->rules.today + 1;
    page = page_of(scene);
    assert_contains(page, "aria-label=\"Time per day until 2026-11-23: none\"");
    free(page);
}

static void a_query_of_long_ago_has_an_empty_chart(void **state) {
    struct scene *scene = *state;
    give(scene, "a", 70, SECOND);
    char *page = page_of(scene);
    assert_contains(page, "aria-label=\"Queries per day until 2026-11-23: none\"");
    assert_contains(page, "<path class=\"ground\" d=\"M0 19.5H186\"/><path class=\"older\" d=\"\"/>");
    free(page);
}

static void links_are_on_the_page(void **state) {
    struct scene *scene = *state;
    static const struct html_link links[] = {{"Runs", "index.html"}};
    scene->input.links = links;
    scene->input.link_count = 1;
    scene->input.gaps = NULL;
    char *page = page_of(scene);
    assert_contains(page, "<a href=\"index.html\">Runs</a>");
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        page_test(an_empty_ledger_makes_a_page),
        page_test(a_query_with_all_its_figures),
        page_test(days_before_the_first_are_unknown),
        page_test(the_longest_in_all_comes_first),
        page_test(states_are_those_of_today),
        page_test(ids_of_mutes_are_found_in_either_case),
        page_test(it_says_whose_a_query_is),
        page_test(hostile_queries_stay_text),
        page_test(of_two_thousand_the_worst_are_shown),
        page_test(one_more_is_said_in_the_singular),
        page_test(what_needs_somebody_is_said),
        page_test(days_to_come_are_left_out),
        page_test(a_query_of_long_ago_has_an_empty_chart),
        page_test(links_are_on_the_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
