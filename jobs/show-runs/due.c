/* The rules.
 *
 * A job's data is older than two runs when the last good end is more than two intervals ago, plus what a run usually takes, plus
 * a minute of grace: clocks, splay and a run that takes a little longer must not cry wolf. The interval is the one that the
 * settings give, else the median between the starts of runs by cron, which neither one night without a run nor some runs by
 * hand change. */
#include "due.h"

#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "nightshift/base/random.h"

/* How many runs the medians are taken of, the newest; and how far apart two hosts begin the same slot. */
enum { SPAN_RUNS = 100, GRACE = 60000, SAME_START = 30000 };

const char *due_state_word(enum due_state state) {
    static const char *const words[] = {
        [DUE_KILLED] = "killed",       [DUE_FAILING] = "failing",
        [DUE_OVERDUE] = "overdue",     [DUE_MISSING] = "never ran",
        [DUE_ATTENTION] = "attention", [DUE_STARTED] = "first run",
        [DUE_ELSEWHERE] = "elsewhere", [DUE_FINE] = "ok",
        [DUE_NEVER] = "never ran",
    };
    return words[state];
}

bool due_is_failure(enum due_state state) {
    return state <= DUE_MISSING;
}

static int compare_times(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left;
    int64_t b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

/* Of an even number the mean of the middle two. Sorts the values. */
static int64_t median(int64_t *values, size_t count) {
    qsort(values, count, sizeof *values, compare_times);
    int64_t upper = values[count / 2];
    return count % 2 == 1 ? upper : values[count / 2 - 1] + (upper - values[count / 2 - 1]) / 2;
}

static bool by_cron(const struct seen *run) {
    return run->trigger != NULL && strcmp(run->trigger, "cron") == 0;
}

/* Two records of one scheduled time: the host that worked and the one that left it the slot, or took it over. */
static bool same_time(const struct seen *a, const struct seen *b) {
    if (a->slot != NULL && b->slot != NULL)
        return strcmp(a->slot, b->slot) == 0;
    bool same_host = a->host != NULL && b->host != NULL && strcmp(a->host, b->host) == 0;
    return !same_host && llabs(a->started_at - b->started_at) < SAME_START;
}

/* A run by cron, to be sorted by its start. */
struct start {
    const struct seen *run;
};

static int compare_starts(const void *left, const void *right) {
    int64_t a = ((const struct start *)left)->run->started_at;
    int64_t b = ((const struct start *)right)->run->started_at;
    return (a > b) - (a < b);
}

int64_t due_usual_interval(const struct seen_list *runs) {
    struct start starts[SPAN_RUNS];
    int64_t intervals[SPAN_RUNS] = {0};
    size_t count = 0;
    size_t found = 0;
    for (size_t i = runs->count; i > 0 && count < SPAN_RUNS; i--)
        if (by_cron(&runs->items[i - 1]))
            starts[count++].run = &runs->items[i - 1];
    if (count > 0)
        qsort(starts, count, sizeof starts[0], compare_starts);
    const struct seen *before = count > 0 ? starts[0].run : NULL;
    for (size_t i = 1; i < count; i++) {
        if (same_time(before, starts[i].run))
            continue;
        intervals[found++] = starts[i].run->started_at - before->started_at;
        before = starts[i].run;
    }
    return found >= DUE_INTERVALS ? median(intervals, found) : 0;
}

/* Of the runs before the last one, so that it can be compared with them. */
static int64_t usual_duration(const struct seen_list *runs, const struct seen *last) {
    int64_t durations[SPAN_RUNS] = {0};
    size_t count = 0;
    for (size_t i = runs->count; i > 0 && count < SPAN_RUNS; i--)
        if (seen_done(&runs->items[i - 1]) && &runs->items[i - 1] != last)
            durations[count++] = runs->items[i - 1].duration;
    return count > 0 ? median(durations, count) : DUE_NOT_SAID;
}

static void find_running(const struct due_input *input, struct due *due) {
    const char *id = input->held && input->holder != NULL ? input->holder : input->elsewhere;
    /* The lease was looked at before the records: a run with a record has ended meanwhile. */
    if (id == NULL || seen_list_find(input->runs, id) != NULL)
        return;
    due->running_id = id;
    due->running_since = random_uuid7_time(id);
}

/* When a run began that held the lease of this host, does so no longer, and left no record: nothing but the end of its
 * supervisor (or of the disk's space) does that. If older lines were not read, its record may be among them. 0: there is none. */
static int64_t find_lost(const struct due_input *input) {
    const struct seen_list *runs = input->runs;
    int64_t began = input->holder != NULL ? random_uuid7_time(input->holder) : -1;
    if (input->held || began < 0 || seen_list_find(runs, input->holder) != NULL)
        return 0;
    bool known_since = input->whole || (runs->count > 0 && began > runs->items[0].ended_at);
    return known_since ? began : 0;
}

/* A run that only found that another one has the lease says nothing of the job. */
static bool was_in_the_way(const struct seen *run, int64_t held_since) {
    return run->exit_code == EXIT_LATER && held_since > 0 && run->started_at >= held_since;
}

static void find_last(const struct due_input *input, int64_t held_since, struct due *due) {
    const struct seen_list *runs = input->runs;
    for (size_t i = 0; i < runs->count; i++) {
        const struct seen *run = &runs->items[i];
        if (!seen_skipped(run) && !was_in_the_way(run, held_since))
            due->last = run;
        int64_t data_at = seen_done(run) ? run->ended_at : run->success_at;
        if (data_at > due->data_at)
            due->data_at = data_at;
    }
}

static int64_t last_start(const struct due_input *input) {
    int64_t by_anybody = 0;
    int64_t scheduled = 0;
    for (size_t i = 0; i < input->runs->count; i++) {
        const struct seen *run = &input->runs->items[i];
        if (run->started_at > by_anybody)
            by_anybody = run->started_at;
        if (by_cron(run) && run->started_at > scheduled)
            scheduled = run->started_at;
    }
    return scheduled > 0 ? scheduled : by_anybody;
}

static void find_due(const struct due_input *input, int64_t now, struct due *due) {
    const struct seen_list *runs = input->runs;
    due->interval = input->every != DUE_NOT_SAID ? input->every : due_usual_interval(runs);
    if (due->interval == 0)
        return;
    int64_t start = last_start(input);
    due->next = start > 0 ? start + due->interval : 0;
    int64_t since = due->data_at > 0 ? due->data_at : runs->count > 0 ? runs->items[0].started_at : now;
    int64_t usual = due->usual != DUE_NOT_SAID ? due->usual : 0;
    due->overdue = now - since > 2 * due->interval + usual + GRACE;
}

static enum due_state state_of(const struct due_input *input, const struct due *due) {
    if (due->killed_id != NULL)
        return DUE_KILLED;
    if (input->runs->count == 0 && due->running_since == 0)
        return input->every > 0 ? DUE_MISSING : DUE_NEVER;
    if (due->last != NULL && !seen_done(due->last))
        return DUE_FAILING;
    if (due->overdue)
        return DUE_OVERDUE;
    if (due->last == NULL)
        return due->running_since > 0 ? DUE_STARTED : DUE_ELSEWHERE;
    return due->last->exit_code == EXIT_ATTENTION ? DUE_ATTENTION : DUE_FINE;
}

void due_judge(const struct due_input *input, int64_t now, struct due *due) {
    *due = (struct due){0};
    find_running(input, due);
    int64_t lost = find_lost(input);
    find_last(input, lost > 0 ? lost : due->running_since, due);
    if (lost > 0 && (due->last == NULL || due->last->started_at <= lost)) {
        due->killed_id = input->holder;
        due->killed_at = lost;
    }
    due->usual = usual_duration(input->runs, due->last);
    find_due(input, now, due);
    due->state = state_of(input, due);
}
