/* The part of the page about one job. */
#include <string.h>

#include "describe.h"
#include "nightshift/report/chart.h"
#include "nightshift/report/format.h"
#include "outputs.h"
#include "runs_page.h"

enum { COUNTS = 3, RECENT = 10 };

static void add_duration(struct text *out, double milliseconds) {
    format_duration(out, (int64_t)milliseconds * 1000);
}

static void add_number(struct text *out, double number) {
    format_number(out, (int64_t)number);
}

/* What a chart is drawn of: good runs, oldest first. */
struct course {
    const struct seen *runs[PAGE_CHART_RUNS];
    size_t count;
    struct strings names; /* when they began */
};

static void follow(const struct job_runs *job, struct course *course) {
    *course = (struct course){0};
    size_t first = job->runs.count;
    for (size_t good = 0; first > 0 && good < PAGE_CHART_RUNS; first--)
        good += seen_done(&job->runs.items[first - 1]);
    for (size_t i = first; i < job->runs.count; i++) {
        struct text name = {0};
        if (!seen_done(&job->runs.items[i]))
            continue;
        course->runs[course->count++] = &job->runs.items[i];
        format_time(&name, job->runs.items[i].started_at);
        strings_add(&course->names, text_string(&name));
        text_free(&name);
    }
}

static void add_chart(struct text *out, const struct course *course, const char *title, const char *output) {
    double values[PAGE_CHART_RUNS];
    for (size_t i = 0; i < course->count; i++) {
        int64_t value = course->runs[i]->duration;
        bool known = output == NULL || outputs_of(course->runs[i], output, &value);
        values[i] = known && value >= 0 ? (double)value : (double)0;
    }
    const struct chart_bars chart = {.title = title,
                                     .names = (const char *const *)course->names.items,
                                     .values = values,
                                     .count = course->count,
                                     .recent = RECENT,
                                     .format = output == NULL ? add_duration : add_number};
    chart_add_bars(out, &chart);
}

static void add_charts(struct text *out, const struct job_runs *job) {
    struct course course;
    struct output_names names;
    follow(job, &course);
    outputs_choose(course.runs, course.count, 1, &names);
    if (course.count > 1)
        add_chart(out, &course, "Duration of good runs", NULL);
    if (course.count > 1 && names.count > 0) {
        char *title = xasprintf("%s of good runs", names.items[0]);
        add_chart(out, &course, title, names.items[0]);
        free(title);
    }
    outputs_free(&names);
    strings_free(&course.names);
}

static void add_run(struct html_table *table, const struct seen *run, const struct output_names *names) {
    struct text exit = {0};
    describe_add_exit(&exit, run->exit_code);
    html_row(table, NULL);
    html_cell_begin(table, run->started_at);
    html_add_time(table->out, run->started_at);
    html_cell_end(table);
    html_cell_begin(table, run->exit_code);
    text_printf(table->out, "<span class=\"badge%s\">", seen_done(run) ? "" : " strong");
    html_add_bytes(table->out, text_string(&exit), exit.length);
    text_add(table->out, "</span>");
    html_cell_end(table);
    html_cell_duration(table, run->duration * 1000);
    for (size_t i = 0; i < names->count; i++) {
        int64_t value = 0;
        if (outputs_of(run, names->items[i], &value))
            html_cell_number(table, value);
        else
            html_cell_none(table);
    }
    html_cell_text(table, run->trigger);
    html_cell_text(table, run->host);
    html_cell_text(table, run->run_id);
    if (run->reason != NULL) {
        html_wide_begin(table);
        html_add_text(table->out, run->reason);
        html_wide_end(table);
    }
    text_free(&exit);
}

static void add_runs(struct text *out, const struct job_runs *job) {
    const struct seen *shown[PAGE_TABLE_RUNS];
    size_t count = 0;
    struct output_names names;
    struct html_table table;
    struct html_column columns[3 + COUNTS + 3] = {
        {"Began", HTML_RAW, NULL}, {"Exit", HTML_RAW, NULL}, {"Took", HTML_DURATION, NULL}};
    size_t width = 3;
    for (size_t i = job->runs.count; i > 0 && count < PAGE_TABLE_RUNS; i--)
        if (!seen_skipped(&job->runs.items[i - 1]))
            shown[count++] = &job->runs.items[i - 1];
    outputs_choose(shown, count, COUNTS, &names);
    for (size_t i = 0; i < names.count; i++)
        columns[width++] = (struct html_column){names.items[i], HTML_NUMBER, NULL};
    columns[width++] = (struct html_column){"Started by", HTML_TEXT, "cron or manual, as --trigger says"};
    columns[width++] = (struct html_column){"Host", HTML_TEXT, NULL};
    columns[width++] = (struct html_column){"Run", HTML_TEXT, "show-runs --run ID shows all of it"};
    text_printf(out, "<details><summary>The last %zu runs</summary>", count);
    html_table_begin(&table, out, "The last runs, newest first.", columns, width, 1);
    for (size_t i = 0; i < count; i++)
        add_run(&table, shown[i], &names);
    html_table_end(&table);
    text_add(out, "</details>\n");
    outputs_free(&names);
}

void runs_page_add_job(const struct job_runs *job, struct text *out) {
    html_section_begin(out, job->name, job->name);
    add_charts(out, job);
    add_runs(out, job);
    html_section_end(out);
}
