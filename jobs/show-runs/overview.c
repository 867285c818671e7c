/* The table of all jobs. */
#include "overview.h"

#include "describe.h"
#include "nightshift/base/clock.h"
#include "nightshift/report/format.h"
#include "nightshift/report/table.h"

/* Strings out of records are of any content. */
static void print_line(const char *indent, const char *head, struct text *line, FILE *out) {
    struct text clean = {0};
    text_append_printable(&clean, text_string(line), line->length);
    if (line->length > 0)
        fprintf(out, "%s%s%s\n", indent, head, text_string(&clean));
    text_clear(line);
    text_free(&clean);
}

void overview_print_remarks(const struct job_runs *job, int64_t now, const char *indent, FILE *out) {
    struct text line = {0};
    describe_add_running(&line, job, now);
    print_line(indent, "", &line, out);
    describe_add_reason(&line, job, now);
    print_line(indent, "", &line, out);
    describe_add_next(&line, job);
    print_line(indent, "next: ", &line, out);
    bool told = job->due.state == DUE_FAILING || job->due.state == DUE_ATTENTION;
    if (told)
        text_printf(&line, "show-runs --run %s", job->due.last->run_id);
    print_line(indent, "more: ", &line, out);
    gathered_add_doubts(&line, job);
    print_line(indent, "note: ", &line, out);
    text_free(&line);
}

/* What is not known is a dash. */
static void end_cell(struct text *cell) {
    if (cell->length == 0)
        text_add(cell, "–");
}

static void add_duration(struct table *table, int64_t milliseconds) {
    struct text *cell = table_cell(table);
    if (milliseconds != DUE_NOT_SAID)
        clock_add_span(cell, milliseconds);
    end_cell(cell);
}

static void add_row(struct table *table, const struct job_runs *job, int64_t now) {
    const struct due *due = &job->due;
    const struct seen *last = due->last;
    bool running = due->running_since > 0 && due->state != DUE_STARTED;
    text_add(table_cell(table), job->name);
    text_printf(table_cell(table), "%s%s", due_state_word(due->state), running ? ", running" : "");
    struct text *cell = table_cell(table);
    if (last != NULL)
        format_time(cell, last->ended_at);
    end_cell(cell);
    add_duration(table, last != NULL ? last->duration : DUE_NOT_SAID);
    add_duration(table, due->usual);
    add_duration(table, due->data_at > 0 ? now - due->data_at : DUE_NOT_SAID);
    cell = table_cell(table);
    describe_add_due(cell, job, now);
    end_cell(cell);
    cell = table_cell(table);
    describe_add_last_exit(cell, job);
    end_cell(cell);
}

static bool has_remarks(const struct job_runs *job) {
    const struct due *due = &job->due;
    bool well = due->state == DUE_FINE || due->state == DUE_NEVER;
    return !well || due->running_since > 0 || job->unreadable > 0 || job->newer;
}

void overview_print(const struct gathered *gathered, FILE *out) {
    static const char *const heads[] = {"job",    "state",     "last run ended", ">took",
                                        ">usual", ">data age", "next due",       "exit"};
    struct text sum = {0};
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < gathered->count; i++)
        add_row(table, &gathered->jobs[i], gathered->now);
    table_print(table, out);
    table_free(table);
    for (size_t i = 0; i < gathered->count; i++) {
        const struct job_runs *job = &gathered->jobs[i];
        if (!has_remarks(job))
            continue;
        fprintf(out, "\n%s: %s\n", job->name, due_state_word(job->due.state));
        overview_print_remarks(job, gathered->now, "  ", out);
    }
    describe_add_sum(&sum, gathered);
    fprintf(out, "\n%s\n", text_string(&sum));
    text_free(&sum);
}
