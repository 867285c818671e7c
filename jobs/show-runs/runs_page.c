/* The page. At the top what a person at 4 a.m. has to know, then all jobs in one table, then each job with its course. */
#include "runs_page.h"

#include <math.h>

#include "describe.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/report/chart.h"
#include "nightshift/report/format.h"

enum { SPARK_RUNS = 40, SPARK_RECENT = 10 };

/* --- Head --- */

static void add_note(struct text *out, const char *subject, const struct text *what) {
    text_add(out, "<p class=\"note\"><strong>");
    html_add_text(out, subject);
    text_add(out, "</strong> ");
    html_add_bytes(out, text_string(what), what->length);
    text_add(out, "</p>\n");
}

static void add_fact(struct text *out, const char *name, size_t count) {
    text_add(out, "<div><dt>");
    html_add_text(out, name);
    text_printf(out, "</dt><dd>%zu</dd></div>\n", count);
}

static void add_facts(struct text *out, const struct gathered *gathered) {
    size_t failing = 0;
    size_t attention = 0;
    size_t fine = 0;
    size_t running = 0;
    for (size_t i = 0; i < gathered->count; i++) {
        const struct due *due = &gathered->jobs[i].due;
        failing += due_is_failure(due->state);
        attention += due->state == DUE_ATTENTION;
        fine += due->state == DUE_FINE;
        running += due->running_since > 0;
    }
    text_add(out, "<dl class=\"facts\">\n");
    add_fact(out, "Failing or overdue", failing);
    add_fact(out, "Need attention", attention);
    add_fact(out, "OK", fine);
    add_fact(out, "Running now", running);
    text_add(out, "</dl>\n");
}

static void add_notes(struct text *out, const struct gathered *gathered) {
    struct text what = {0};
    if (gathered->redis_problem != NULL) {
        text_add(&what, gathered->redis_problem);
        add_note(out, "Only this host's runs are shown:", &what);
        text_clear(&what);
    }
    for (size_t i = 0; i < gathered->count; i++) {
        gathered_add_doubts(&what, &gathered->jobs[i]);
        if (what.length > 0)
            add_note(out, gathered->jobs[i].name, &what);
        text_clear(&what);
    }
    text_free(&what);
}

/* --- All jobs --- */

static const struct html_column job_columns[] = {
    {"Job", HTML_TEXT, NULL},
    {"State", HTML_RAW, "Worst first. Overdue: the data is older than two runs"},
    {"Last run ended", HTML_DATE, NULL},
    {"Took", HTML_DURATION, "The last run"},
    {"Usual", HTML_DURATION, "The median of the good runs before it"},
    {"Data age", HTML_DURATION, "Since the end of the last run that was done (exit code 0 or 1)"},
    {"Next due", HTML_DATE, "One usual interval after the last start"},
    {"Exit", HTML_TEXT, NULL},
    {"Durations", HTML_PLAIN, "Of the last 40 good runs, each job by its own scale"},
};

static void add_state(struct html_table *table, const struct due *due) {
    const char *class = due_is_failure(due->state)                               ? "badge strong"
                        : due->state == DUE_NEVER || due->state == DUE_ELSEWHERE ? "badge quiet"
                                                                                 : "badge";
    html_cell_begin(table, DUE_NEVER - (int)due->state);
    text_printf(table->out, "<span class=\"%s\">%s</span>", class, due_state_word(due->state));
    if (due->running_since > 0 && due->state != DUE_STARTED)
        text_add(table->out, " <span class=\"badge quiet\">running</span>");
    html_cell_end(table);
}

static void add_duration(struct html_table *table, int64_t milliseconds) {
    if (milliseconds == DUE_NOT_SAID)
        html_cell_none(table);
    else
        html_cell_duration(table, milliseconds * 1000);
}

static void add_spark(struct html_table *table, const struct job_runs *job) {
    double values[SPARK_RUNS];
    size_t free = SPARK_RUNS; /* places from the left that no run takes */
    struct text label = {0};
    int64_t longest = 0;
    for (size_t i = job->runs.count; i > 0 && free > 0; i--)
        if (seen_done(&job->runs.items[i - 1])) {
            int64_t duration = job->runs.items[i - 1].duration;
            values[--free] = (double)duration;
            longest = duration > longest ? duration : longest;
        }
    text_printf(&label, "Durations of the last %zu good runs: at most ", SPARK_RUNS - free);
    clock_add_span(&label, longest);
    html_cell_begin(table, 0);
    if (SPARK_RUNS - free > 1) {
        while (free > 0)
            values[--free] = NAN;
        const struct chart_spark spark = {.kind = CHART_BARS,
                                          .values = values,
                                          .count = SPARK_RUNS,
                                          .recent = SPARK_RECENT,
                                          .label = text_string(&label)};
        chart_add_spark(table->out, &spark);
    }
    html_cell_end(table);
    text_free(&label);
}

static void add_remarks(struct html_table *table, const struct job_runs *job, int64_t now) {
    struct text running = {0};
    struct text reason = {0};
    struct text next = {0};
    describe_add_running(&running, job, now);
    describe_add_reason(&reason, job, now);
    describe_add_next(&next, job);
    if (running.length + reason.length > 0) {
        html_wide_begin(table);
        html_add_bytes(table->out, text_string(&running), running.length);
        text_add(table->out, running.length > 0 && reason.length > 0 ? "<br>" : "");
        html_add_bytes(table->out, text_string(&reason), reason.length);
        if (next.length > 0) {
            text_add(table->out, "<br><strong>Next:</strong> ");
            html_add_bytes(table->out, text_string(&next), next.length);
        }
        html_wide_end(table);
    }
    text_free(&running);
    text_free(&reason);
    text_free(&next);
}

static void add_job_row(struct html_table *table, const struct job_runs *job, int64_t now) {
    const struct due *due = &job->due;
    struct text exit = {0};
    html_row(table, NULL);
    html_cell_begin(table, 0);
    if (job->runs.count > 0)
        text_printf(table->out, "<a href=\"#%s\"><strong>%s</strong></a>", job->name, job->name);
    else
        text_add(table->out, job->name);
    html_cell_end(table);
    add_state(table, due);
    html_cell_time(table, due->last != NULL ? due->last->ended_at : 0);
    add_duration(table, due->last != NULL ? due->last->duration : DUE_NOT_SAID);
    add_duration(table, due->usual);
    add_duration(table, due->data_at > 0 ? now - due->data_at : DUE_NOT_SAID);
    html_cell_time(table, due->next);
    describe_add_last_exit(&exit, job);
    html_cell_text(table, exit.length > 0 ? text_string(&exit) : NULL);
    add_spark(table, job);
    add_remarks(table, job, now);
    text_free(&exit);
}

static void add_jobs(struct text *out, const struct gathered *gathered) {
    struct html_table table;
    html_section_begin(out, "jobs", "Jobs");
    html_table_begin(&table, out, "Every job of the suite, worst first.", job_columns, LENGTH_OF(job_columns), 0);
    for (size_t i = 0; i < gathered->count; i++)
        add_job_row(&table, &gathered->jobs[i], gathered->now);
    html_table_end(&table);
    html_section_end(out);
}

void runs_page_make(const struct gathered *gathered, const struct html_link *links, size_t link_count,
                    struct text *out) {
    const struct html_head head = {.title = "Runs",
                                   .program = "show-runs",
                                   .generated_at = gathered->now,
                                   .links = links,
                                   .link_count = link_count};
    html_page_begin(out, &head);
    add_notes(out, gathered);
    add_facts(out, gathered);
    add_jobs(out, gathered);
    for (size_t i = 0; i < gathered->count; i++)
        if (gathered->jobs[i].runs.count > 0)
            runs_page_add_job(&gathered->jobs[i], out);
    html_page_end(out, &head);
}
