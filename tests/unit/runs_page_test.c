/* The page of runs and the words on it: what needs somebody first, nothing of any origin becomes markup; and the way from one directory
 * to another. */
#include "../../jobs/show-runs/runs_page.h"

#include "../../jobs/show-runs/describe.h"
#include "../../jobs/show-runs/outputs.h"
#include "markup.h"
#include "nightshift/base/clock.h"

enum { MINUTE = 60000, HOUR = 3600000 };
static const int64_t DAY = 86400000;
static const int64_t now = 1795402800000; /* 2026-11-23 12:00 in Tokyo */

struct scene {
    struct job_runs jobs[2];
    struct gathered gathered;
};

static int enter(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    if (clock_set_zone("Asia/Tokyo") != 0)
        return -1;
    scene->jobs[0] = (struct job_runs){.every = DUE_NOT_SAID};
    scene->jobs[0].due = (struct due){.state = DUE_NEVER, .usual = DUE_NOT_SAID};
    scene->gathered = (struct gathered){.jobs = scene->jobs, .count = 1, .now = now};
    scene->jobs[0].name = xstrdup("push-lancers");
    *state = scene;
    return 0;
}

static int leave(void **state) {
    struct scene *scene = *state;
    seen_list_free(&scene->jobs[0].runs);
    free(scene->jobs[0].name);
    free(scene->gathered.redis_problem);
    free(scene);
    return 0;
}

#define page_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

static struct seen *give(struct scene *scene, int64_t ago, int64_t duration, int exit_code) {
    struct seen_list *runs = &scene->jobs[0].runs;
    struct seen run = {.run_id = xasprintf("run%03zu", runs->count),
                       .started_at = now - ago,
                       .ended_at = now - ago + duration,
                       .duration = duration,
                       .exit_code = exit_code};
    seen_list_add(runs, &run);
    return &runs->items[runs->count - 1];
}

static void add_output(struct seen *run, const char *name, int64_t value) {
    run->outputs[run->output_count++] = (struct seen_output){xstrdup(name), value};
}

static char *page_of(struct scene *scene) {
    struct text out = {0};
    struct job_runs *job = &scene->jobs[0];
    seen_list_sort(&job->runs);
    const struct due_input input = {.runs = &job->runs, .whole = true, .every = job->every};
    due_judge(&input, now, &job->due);
    runs_page_make(&scene->gathered, NULL, 0, &out);
    assert_false(out.full);
    assert_well_formed(text_string(&out));
    return text_take(&out);
}

static void a_job_that_never_ran(void **state) {
    char *page = page_of(*state);
    assert_contains(page, "<span class=\"badge quiet\">never ran</span>");
    assert_contains(page, "<dt>Failing or overdue</dt><dd>0</dd>");
    assert_lacks(page, "id=\"push-lancers\"");
    assert_lacks(page, "<svg");
    assert_lacks(page, "class=\"note\"");
    free(page);
}

static void a_failing_job_with_reason_and_next_step(void **state) {
    struct scene *scene = *state;
    for (int i = 5; i > 0; i--)
        add_output(give(scene, i * DAY, i * MINUTE, 0), "added", i * 1000);
    struct seen *run = give(scene, HOUR, MINUTE, EXIT_UNAVAILABLE);
    run->reason = xstrdup("cannot connect to MySQL \"db1\": <script>alert(1)</script>");
    run->host = xstrdup("batch\"1\"");
    run->trigger = xstrdup("cron");
    char *page = page_of(scene);
    assert_contains(page, "<a href=\"#push-lancers\"><strong>push-lancers</strong></a>");
    assert_contains(page, "<span class=\"badge strong\">failing</span>");
    assert_contains(page, "<dt>Failing or overdue</dt><dd>1</dd>");
    assert_contains(page,
                    "exit 69 (a server or service cannot be reached or failed after all retries): cannot connect");
    assert_contains(page, "<strong>Next:</strong> bring &quot;db1&quot; back, then run push-lancers again");
    assert_lacks(page, "<script>alert");
    assert_contains(page, "&lt;script&gt;alert(1)");
    assert_contains(page, "batch&quot;1&quot;");
    assert_contains(page, "data-l=\"Data age\" data-s=\"86340000000\">23 h 59 min</td>");
    assert_contains(page, "data-l=\"Usual\" data-s=\"180000000\">3 min 00 s</td>");
    assert_contains(page, "aria-label=\"Durations of the last 5 good runs: at most 5 min 00 s\"");
    assert_contains(page, "<figcaption>added of good runs</figcaption>");
    assert_contains(page, "<title>2026-11-18 12:00: 5,000</title>");
    assert_contains(page, "<summary>The last 6 runs</summary>");
    free(page);
}

static void many_runs_are_cut(void **state) {
    struct scene *scene = *state;
    for (int i = 300; i > 0; i--)
        give(scene, i * DAY, MINUTE, i % 2 == 0 ? 0 : EXIT_GUARD);
    char *page = page_of(scene);
    assert_int_equal(count_of(page, "<rect class=\"room\""), PAGE_CHART_RUNS);
    assert_contains(page, "<summary>The last 20 runs</summary>");
    assert_int_equal(count_of(page, "data-l=\"Run\""), PAGE_TABLE_RUNS);
    free(page);
}

static void doubts_are_said(void **state) {
    struct scene *scene = *state;
    scene->jobs[0].unreadable = 2;
    scene->jobs[0].newer = true;
    scene->gathered.redis_problem = xstrdup("cannot connect to Redis \"r:1\": refused");
    char *page = page_of(scene);
    assert_contains(page,
                    "2 lines of its history are no run records and were passed over; some records were written by");
    assert_contains(page, "Only this host&#39;s runs are shown:</strong> cannot connect to Redis &quot;r:1&quot;");
    free(page);
}

static void a_killed_and_a_running_job(void **state) {
    struct scene *scene = *state;
    struct job_runs *job = &scene->jobs[0];
    struct text out = {0};
    job->due = (struct due){.state = DUE_KILLED,
                            .killed_id = "01a2",
                            .killed_at = now - HOUR,
                            .overdue = true,
                            .data_at = now - 3 * DAY,
                            .interval = DAY};
    describe_add_reason(&out, job, now);
    assert_string_equal(text_string(&out),
                        "run 01a2 began at 2026-11-23 11:00 and left no record; its data is 3 d 00 h "
                        "old, and a run is expected every 1 d 00 h");
    text_clear(&out);
    describe_add_last_exit(&out, job);
    assert_string_equal(text_string(&out), "no record");
    text_clear(&out);
    job->due = (struct due){.state = DUE_OVERDUE, .running_since = now - 2 * HOUR, .running_id = "x"};
    job->elsewhere.host = (char[]){"batch2"};
    describe_add_running(&out, job, now);
    assert_string_equal(text_string(&out), "running since 2026-11-23 10:00 (2 h 00 min) on batch2");
    text_clear(&out);
    describe_add_next(&out, job);
    assert_contains(text_string(&out), "look whether the run that is going on hangs");
    job->elsewhere.host = NULL;
    text_free(&out);
}

static void due_in_and_late_by(void **state) {
    struct scene *scene = *state;
    struct job_runs *job = &scene->jobs[0];
    struct text out = {0};
    describe_add_due(&out, job, now);
    assert_string_equal(text_string(&out), "");
    job->due.next = now + 90 * MINUTE;
    describe_add_due(&out, job, now);
    assert_string_equal(text_string(&out), "in 1 h 30 min");
    text_clear(&out);
    job->due.next = now - 5 * MINUTE;
    describe_add_due(&out, job, now);
    assert_string_equal(text_string(&out), "late by 5 min 00 s");
    text_clear(&out);
    describe_add_sum(&out, &scene->gathered);
    assert_string_equal(text_string(&out), "1 never ran");
    text_free(&out);
}

static void the_largest_outputs_are_shown(void **state) {
    struct scene *scene = *state;
    struct output_names names;
    int64_t value = 0;
    struct seen *run = give(scene, HOUR, 1, 0);
    add_output(run, "unchanged", 900);
    add_output(run, "missing", 0);
    add_output(run, "set", 10);
    add_output(run, "verified", 10);
    const struct seen *runs[] = {run};
    outputs_choose(runs, 1, 3, &names);
    assert_int_equal(names.count, 3);
    assert_string_equal(names.items[0], "set");
    assert_string_equal(names.items[1], "verified");
    assert_string_equal(names.items[2], "missing");
    outputs_free(&names);
    struct seen other = {.outputs = {{(char[]){"set"}, 10}, {(char[]){"verified"}, 7}}, .output_count = 2};
    const struct seen *both[] = {run, &other};
    outputs_choose(both, 2, 1, &names);
    assert_string_equal(names.items[0], "verified"); /* the one that changes */
    outputs_free(&names);
    outputs_choose(runs, 0, 3, &names);
    assert_int_equal(names.count, 0);
    outputs_free(&names);
    assert_true(outputs_of(run, "unchanged", &value));
    assert_int_equal(value, 900);
    assert_false(outputs_of(run, "nodes", &value));
}

static void the_way_to_another_directory(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"/a/b", "/a/b", ""},     {"/a/b", "/a/c", "../c/"}, {"/a/b", "/a", "../"},
        {"/a", "/a/b/c", "b/c/"}, {"/ab", "/a", "../a/"},    {"/a", "/ab", "../ab/"},
        {"/", "/x", "x/"},        {"/x/y", "/", "../../"},   {"/a/b/c", "/d", "../../../d/"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text out = {0};
        runs_page_add_way(&out, cases[i][0], cases[i][1]);
        assert_string_equal(text_string(&out), cases[i][2]);
        text_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        page_test(a_job_that_never_ran),
        page_test(a_failing_job_with_reason_and_next_step),
        page_test(many_runs_are_cut),
        page_test(doubts_are_said),
        page_test(a_killed_and_a_running_job),
        page_test(due_in_and_late_by),
        page_test(the_largest_outputs_are_shown),
        cmocka_unit_test(the_way_to_another_directory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
