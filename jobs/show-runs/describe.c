/* Words for people. */
#include "describe.h"

#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/report/format.h"
#include "nightshift/run/advice.h"

void describe_add_exit(struct text *out, int exit_code) {
    text_printf(out, "%d %s", exit_code, exit_word(exit_code));
}

void describe_add_last_exit(struct text *out, const struct job_runs *job) {
    if (job->due.killed_id != NULL)
        text_add(out, "no record");
    else if (job->due.last != NULL)
        describe_add_exit(out, job->due.last->exit_code);
}

static void add_last_run(struct text *out, const struct seen *last) {
    text_printf(out, "exit %d (", last->exit_code);
    advice_add_words(out, last->exit_code);
    text_add(out, ")");
    if (last->reason != NULL) {
        text_add(out, ": ");
        text_add(out, last->reason);
    }
    if (last->warning != NULL) {
        text_add(out, "; ");
        format_count(out, (int64_t)last->warnings, "warning", "warnings");
        text_printf(out, "%s: %s", last->warnings > 1 ? ", the first" : "", last->warning);
    }
}

static void add_age(struct text *out, const struct job_runs *job, int64_t now) {
    if (job->due.data_at == 0) {
        text_add(out, "no run is known that was done");
        return;
    }
    text_add(out, "its data is ");
    clock_add_span(out, now - job->due.data_at);
    text_add(out, " old");
}

static void add_overdue(struct text *out, const struct job_runs *job, int64_t now) {
    add_age(out, job, now);
    text_add(out, ", and a run is expected every ");
    clock_add_span(out, job->due.interval);
}

void describe_add_reason(struct text *out, const struct job_runs *job, int64_t now) {
    const struct due *due = &job->due;
    switch (due->state) {
    case DUE_KILLED:
        text_printf(out, "run %s began at ", due->killed_id);
        format_time(out, due->killed_at);
        text_add(out, " and left no record");
        break;
    case DUE_FAILING:
        add_last_run(out, due->last);
        break;
    case DUE_OVERDUE:
        add_overdue(out, job, now);
        return;
    case DUE_MISSING:
        text_add(out, "a run is expected every ");
        clock_add_span(out, job->every);
        return;
    case DUE_ATTENTION:
        add_last_run(out, due->last);
        return;
    case DUE_ELSEWHERE:
        text_add(out, "this host has only records of slots that another host owned");
        return;
    case DUE_STARTED:
    case DUE_FINE:
    case DUE_NEVER:
        return;
    }
    if (due->overdue) {
        text_add(out, "; ");
        add_overdue(out, job, now);
    }
}

void describe_add_next(struct text *out, const struct job_runs *job) {
    const struct due *due = &job->due;
    const struct seen *last = due->last;
    if (due->state == DUE_KILLED) {
        advice_add_next_killed(out, job->name);
    } else if (due->state == DUE_FAILING || due->state == DUE_ATTENTION) {
        const struct advice_case run = {.job = job->name,
                                        .exit_code = last->exit_code,
                                        .signal = last->signal,
                                        .reason = last->reason,
                                        .warning = last->warning,
                                        .hint = last->hint,
                                        .guard = last->guard};
        advice_add_next(out, &run);
    } else if (due->state == DUE_OVERDUE && due->running_since > 0) {
        text_add(out, "look whether the run that is going on hangs; a --deadline would end it");
    } else if (due->state == DUE_OVERDUE || due->state == DUE_MISSING) {
        text_printf(out,
                    "look whether cron starts it, and at what cron has mailed: a run that ends because of its options "
                    "or settings leaves no record; try %s --check, then run it",
                    job->name);
    }
}

void describe_add_running(struct text *out, const struct job_runs *job, int64_t now) {
    const struct due *due = &job->due;
    bool here = job->here.run_id != NULL && due->running_id != NULL && strcmp(job->here.run_id, due->running_id) == 0;
    if (due->running_since == 0)
        return;
    text_add(out, "running since ");
    format_time(out, due->running_since);
    text_add(out, " (");
    clock_add_span(out, now > due->running_since ? now - due->running_since : 0);
    text_add(out, ")");
    if (!here && job->elsewhere.host != NULL)
        text_printf(out, " on %s", job->elsewhere.host);
}

void describe_add_due(struct text *out, const struct job_runs *job, int64_t now) {
    if (job->due.next == 0)
        return;
    text_add(out, job->due.next >= now ? "in " : "late by ");
    clock_add_span(out, job->due.next >= now ? job->due.next - now : now - job->due.next);
}

void describe_add_sum(struct text *out, const struct gathered *gathered) {
    size_t counts[DUE_NEVER + 1] = {0};
    size_t running = 0;
    for (size_t i = 0; i < gathered->count; i++) {
        counts[gathered->jobs[i].due.state]++;
        running += gathered->jobs[i].due.running_since > 0;
    }
    counts[DUE_NEVER] += counts[DUE_MISSING];
    counts[DUE_MISSING] = 0;
    const char *separator = "";
    for (int state = DUE_KILLED; state <= DUE_NEVER; state++) {
        if (counts[state] == 0)
            continue;
        text_printf(out, "%s%zu %s", separator, counts[state], due_state_word((enum due_state)state));
        separator = ", ";
    }
    if (running > 0)
        text_printf(out, "; %zu running", running);
}
