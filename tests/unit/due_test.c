/* How a job stands: failing, killed, overdue, late, running; and what is usual for it. */
#include "../../jobs/show-runs/due.h"

#include "nightshift/base/random.h"
#include "support.h"

enum { MINUTE = 60000, HOUR = 3600000 };
static const int64_t DAY = 86400000;
static const int64_t now = 1795402800000;

struct scene {
    struct seen_list runs;
    struct due_input input;
    struct due due;
    size_t made;
};

static int enter(void **state) {
    struct scene *scene = xcalloc(1, sizeof *scene);
    scene->input = (struct due_input){.runs = &scene->runs, .whole = true, .every = DUE_NOT_SAID};
    *state = scene;
    return 0;
}

static int leave(void **state) {
    struct scene *scene = *state;
    seen_list_free(&scene->runs);
    free(scene);
    return 0;
}

#define due_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

/* A run by cron on host a that began `ago` before now and took `duration`. Valid until the next call. */
static struct seen *give(struct scene *scene, int64_t ago, int64_t duration, int exit_code) {
    struct seen run = {.run_id = xasprintf("run%03zu", scene->made++),
                       .host = xstrdup("a"),
                       .trigger = xstrdup("cron"),
                       .started_at = now - ago,
                       .ended_at = now - ago + duration,
                       .duration = duration,
                       .exit_code = exit_code};
    seen_list_add(&scene->runs, &run);
    return &scene->runs.items[scene->runs.count - 1];
}

static void give_nights(struct scene *scene, int from, int to) {
    for (int i = from; i >= to; i--)
        give(scene, i * DAY + HOUR, 10 * MINUTE, 0);
}

static const struct due *judge(struct scene *scene) {
    seen_list_sort(&scene->runs);
    due_judge(&scene->input, now, &scene->due);
    return &scene->due;
}

static void never_ran_is_a_failure_only_when_expected(void **state) {
    struct scene *scene = *state;
    assert_int_equal(judge(scene)->state, DUE_NEVER);
    scene->input.every = 0;
    assert_int_equal(judge(scene)->state, DUE_NEVER);
    scene->input.every = DAY;
    assert_int_equal(judge(scene)->state, DUE_MISSING);
    assert_true(due_is_failure(DUE_MISSING));
    assert_false(due_is_failure(DUE_NEVER));
    assert_int_equal(scene->due.data_at, 0);
    assert_int_equal(scene->due.next, 0);
}

static void a_good_night(void **state) {
    struct scene *scene = *state;
    give_nights(scene, 5, 0);
    const struct due *due = judge(scene);
    assert_int_equal(due->state, DUE_FINE);
    assert_int_equal(due->data_at, now - HOUR + 10 * MINUTE);
    assert_int_equal(due->usual, 10 * MINUTE);
    assert_int_equal(due->interval, DAY);
    assert_int_equal(due->next, now - HOUR + DAY);
    assert_false(due->overdue);
}

static void the_state_is_that_of_the_last_run(void **state) {
    struct scene *scene = *state;
    give_nights(scene, 5, 1);
    give(scene, HOUR, MINUTE, EXIT_ATTENTION);
    assert_int_equal(judge(scene)->state, DUE_ATTENTION);
    give(scene, HOUR / 2, MINUTE, EXIT_UNAVAILABLE);
    assert_int_equal(judge(scene)->state, DUE_FAILING);
    assert_int_equal(scene->due.data_at, now - HOUR + MINUTE);
    /* The other host took over. */
    give(scene, HOUR / 3, MINUTE, 0);
    assert_int_equal(judge(scene)->state, DUE_FINE);
}

static void the_last_to_end_counts_not_the_last_to_begin(void **state) {
    struct scene *scene = *state;
    give(scene, 3 * HOUR, 2 * HOUR, 0);
    give(scene, 2 * HOUR, MINUTE, EXIT_LATER); /* found the lease held */
    assert_int_equal(judge(scene)->state, DUE_FINE);
}

static void data_is_overdue_after_two_runs(void **state) {
    struct scene *scene = *state;
    /* Ended 50 minutes before "now" plus two days, so the limit is at 2 d + 10 min + 1 min from then. */
    give_nights(scene, 7, 3);
    struct seen *last = give(scene, 2 * DAY, 0, 0);
    last->duration = 10 * MINUTE;
    last->ended_at = now - 2 * DAY - 11 * MINUTE;
    scene->input.every = DAY;
    assert_int_equal(judge(scene)->state, DUE_FINE);
    for (size_t i = 0; i < scene->runs.count; i++)
        scene->runs.items[i].ended_at--;
    assert_int_equal(judge(scene)->state, DUE_OVERDUE);
    assert_true(due_is_failure(DUE_OVERDUE));
    /* A failing job says that first, and is overdue all the same. */
    give(scene, HOUR, MINUTE, EXIT_GUARD);
    assert_int_equal(judge(scene)->state, DUE_FAILING);
    assert_true(scene->due.overdue);
    scene->input.every = 0;
    assert_false(judge(scene)->overdue);
    assert_int_equal(scene->due.next, 0);
}

static void success_is_known_from_later_records_too(void **state) {
    struct scene *scene = *state;
    scene->input.every = DAY;
    give(scene, HOUR, MINUTE, EXIT_GUARD)->success_at = now - 5 * HOUR;
    assert_int_equal(judge(scene)->data_at, now - 5 * HOUR);
    assert_false(scene->due.overdue);
}

static void a_job_that_never_was_done_is_overdue_from_its_first_run_on(void **state) {
    struct scene *scene = *state;
    scene->input.every = HOUR;
    give(scene, 2 * HOUR, MINUTE, EXIT_GUARD);
    assert_false(judge(scene)->overdue);
    give(scene, 3 * HOUR, MINUTE, EXIT_GUARD);
    assert_true(judge(scene)->overdue);
    assert_int_equal(scene->due.data_at, 0);
}

static void the_interval_is_the_usual_one_between_runs_by_cron(void **state) {
    struct scene *scene = *state;
    give_nights(scene, 10, 8);
    assert_int_equal(due_usual_interval(&scene->runs), 0); /* two intervals are too few */
    give_nights(scene, 7, 7);
    assert_int_equal(due_usual_interval(&scene->runs), DAY);
    /* Neither a lost night nor runs by hand change it. */
    give_nights(scene, 5, 0);
    for (int i = 0; i < 20; i++) {
        struct seen *run = give(scene, i * MINUTE, 1000, 0);
        free(run->trigger);
        run->trigger = xstrdup("manual");
    }
    assert_int_equal(due_usual_interval(&scene->runs), DAY);
    assert_int_equal(judge(scene)->next, now - HOUR + DAY);
}

static void two_hosts_with_one_schedule_are_one_schedule(void **state) {
    struct scene *scene = *state;
    for (int i = 9; i >= 0; i--) {
        give(scene, i * DAY + HOUR, MINUTE, 0)->slot = xasprintf("slot%d", i);
        struct seen *other = give(scene, i * DAY + HOUR - 7 * MINUTE, 1000, 0);
        other->slot = xasprintf("slot%d", i); /* waited as standby */
        other->result = xstrdup("skipped");
        other->host[0] = 'b';
        /* Without slots: nearly the same moment on another host. */
        give(scene, i * DAY + 13 * HOUR, MINUTE, 0);
        give(scene, i * DAY + 13 * HOUR - 2000, MINUTE, 0)->host[0] = 'b';
    }
    assert_int_equal(due_usual_interval(&scene->runs), 12 * HOUR);
}

static void skipped_slots_are_no_runs(void **state) {
    struct scene *scene = *state;
    for (int i = 5; i >= 0; i--)
        give(scene, i * HOUR, 100, 0)->result = xstrdup("skipped");
    assert_int_equal(judge(scene)->state, DUE_OVERDUE);
    scene->input.every = 0;
    assert_int_equal(judge(scene)->state, DUE_ELSEWHERE);
    assert_null(scene->due.last);
    assert_false(due_is_failure(DUE_ELSEWHERE));
}

static void the_usual_duration_is_that_of_good_runs_before(void **state) {
    struct scene *scene = *state;
    give(scene, 9 * HOUR, 1000, 0);
    assert_int_equal(judge(scene)->usual, DUE_NOT_SAID);
    give(scene, 8 * HOUR, 50000, EXIT_GUARD);
    give(scene, 7 * HOUR, 3000, EXIT_ATTENTION);
    give(scene, 6 * HOUR, 90000, 0);
    assert_int_equal(judge(scene)->usual, 2000); /* of an even number the middle of both */
    give(scene, 5 * HOUR, 90000, 0);
    assert_int_equal(judge(scene)->usual, 3000);
}

static char *id_of(int64_t ago) {
    char id[UUID_LENGTH + 1];
    random_uuid7(id, now - ago);
    return xstrdup(id);
}

static void a_run_that_is_going_on(void **state) {
    struct scene *scene = *state;
    char *id = id_of(5 * MINUTE);
    scene->input.held = true;
    scene->input.holder = id;
    assert_int_equal(judge(scene)->state, DUE_STARTED);
    assert_int_equal(scene->due.running_since, now - 5 * MINUTE);
    give_nights(scene, 5, 0);
    /* What found the lease held meanwhile says nothing of the job. */
    give(scene, MINUTE, 10, EXIT_LATER);
    assert_int_equal(judge(scene)->state, DUE_FINE);
    assert_int_equal(scene->due.running_since, now - 5 * MINUTE);
    /* It ended while we looked. */
    struct seen *run = give(scene, 5 * MINUTE, MINUTE, 0);
    free(run->run_id);
    run->run_id = xstrdup(id);
    assert_int_equal(judge(scene)->running_since, 0);
    free(id);
}

static void a_run_that_is_going_on_elsewhere(void **state) {
    struct scene *scene = *state;
    char *here = id_of(3 * DAY);
    char *there = id_of(MINUTE);
    struct seen *run = give(scene, 3 * DAY, MINUTE, 0);
    free(run->run_id);
    run->run_id = xstrdup(here);
    scene->input.holder = here;
    scene->input.elsewhere = there;
    assert_int_equal(judge(scene)->state, DUE_FINE);
    assert_ptr_equal(scene->due.running_id, there);
    assert_int_equal(scene->due.running_since, now - MINUTE);
    free(here);
    free(there);
}

static void a_run_without_a_record_was_killed(void **state) {
    struct scene *scene = *state;
    char *id = id_of(HOUR / 2);
    scene->input.holder = id;
    assert_int_equal(judge(scene)->state, DUE_KILLED);
    assert_ptr_equal(scene->due.killed_id, id);
    assert_int_equal(scene->due.killed_at, now - HOUR / 2);
    give_nights(scene, 5, 0);
    assert_int_equal(judge(scene)->state, DUE_KILLED);
    assert_true(due_is_failure(DUE_KILLED));
    /* What found the lease held before does not hide it. */
    give(scene, HOUR / 2 - MINUTE, 10, EXIT_LATER);
    assert_int_equal(judge(scene)->state, DUE_KILLED);
    /* The other host did it afterwards. */
    give(scene, HOUR / 3, MINUTE, 0);
    assert_int_equal(judge(scene)->state, DUE_FINE);
    free(id);
}

static void a_record_that_was_not_read_is_no_missing_record(void **state) {
    struct scene *scene = *state;
    char *id = id_of(6 * DAY);
    scene->input.holder = id;
    scene->input.whole = false;
    assert_int_equal(judge(scene)->state, DUE_NEVER);
    give_nights(scene, 3, 0);
    assert_int_equal(judge(scene)->state, DUE_FINE);
    free(id);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        due_test(never_ran_is_a_failure_only_when_expected),
        due_test(a_good_night),
        due_test(the_state_is_that_of_the_last_run),
        due_test(the_last_to_end_counts_not_the_last_to_begin),
        due_test(data_is_overdue_after_two_runs),
        due_test(success_is_known_from_later_records_too),
        due_test(a_job_that_never_was_done_is_overdue_from_its_first_run_on),
        due_test(the_interval_is_the_usual_one_between_runs_by_cron),
        due_test(two_hosts_with_one_schedule_are_one_schedule),
        due_test(skipped_slots_are_no_runs),
        due_test(the_usual_duration_is_that_of_good_runs_before),
        due_test(a_run_that_is_going_on),
        due_test(a_run_that_is_going_on_elsewhere),
        due_test(a_run_without_a_record_was_killed),
        due_test(a_record_that_was_not_read_is_no_missing_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
