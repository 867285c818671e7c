/* The history of one job: every run a line, its duration and the first of its counts a bar, so that the column reads as a
 * plot with time going down. */
#include <string.h>

#include "describe.h"
#include "nightshift/base/clock.h"
#include "nightshift/report/format.h"
#include "nightshift/report/table.h"
#include "outputs.h"
#include "overview.h"

enum { BAR = 16, COUNTS = 4, CELLS = 6 + COUNTS + 1 };

/* The runs that are shown, newest first, with what their bars are measured by. */
struct story {
    const struct seen *runs[STORY_RUNS];
    size_t count;
    struct output_names names;
    int64_t longest;
    int64_t most; /* of the first output */
};

static void choose(const struct job_runs *job, struct story *story) {
    *story = (struct story){0};
    for (size_t i = job->runs.count; i > 0 && story->count < STORY_RUNS; i--)
        if (!seen_skipped(&job->runs.items[i - 1]))
            story->runs[story->count++] = &job->runs.items[i - 1];
    outputs_choose(story->runs, story->count, COUNTS, &story->names);
    for (size_t i = 0; i < story->count; i++) {
        int64_t value = 0;
        if (story->runs[i]->duration > story->longest)
            story->longest = story->runs[i]->duration;
        if (story->names.count > 0 && outputs_of(story->runs[i], story->names.items[0], &value) && value > story->most)
            story->most = value;
    }
}

static void add_bar(struct table *table, int64_t value, int64_t most) {
    struct text *cell = table_cell(table);
    if (most > 0)
        format_bar(cell, (double)value / (double)most, BAR);
}

static void add_run(struct table *table, const struct story *story, const struct seen *run) {
    format_time(table_cell(table), run->started_at);
    describe_add_exit(table_cell(table), run->exit_code);
    clock_add_span(table_cell(table), run->duration);
    add_bar(table, run->duration, story->longest);
    for (size_t i = 0; i < story->names.count; i++) {
        int64_t value = 0;
        struct text *cell = table_cell(table);
        bool known = outputs_of(run, story->names.items[i], &value);
        if (known)
            format_number(cell, value);
        if (i == 0)
            add_bar(table, known ? value : 0, story->most);
    }
    text_add(table_cell(table), run->host != NULL ? run->host : "");
    text_add(table_cell(table), run->run_id);
}

static void print_table(const struct story *story, FILE *out) {
    const char *heads[CELLS] = {"began", "exit", ">took", ""};
    char *titles[COUNTS] = {NULL};
    size_t count = 4;
    for (size_t i = 0; i < story->names.count; i++) {
        titles[i] = xasprintf(">%s", story->names.items[i]);
        heads[count++] = titles[i];
        if (i == 0)
            heads[count++] = "";
    }
    heads[count++] = "host";
    heads[count++] = "run";
    struct table *table = table_open(heads, count);
    for (size_t i = 0; i < story->count; i++)
        add_run(table, story, story->runs[i]);
    if (story->count > 0)
        table_print(table, out);
    table_free(table);
    for (size_t i = 0; i < COUNTS; i++)
        free(titles[i]);
}

static void print_facts(const struct job_runs *job, FILE *out) {
    const struct due *due = &job->due;
    struct text line = {0};
    if (due->usual != DUE_NOT_SAID) {
        text_add(&line, "usually takes ");
        clock_add_span(&line, due->usual);
    }
    if (due->interval > 0) {
        text_add(&line, line.length > 0 ? ", every " : "every ");
        clock_add_span(&line, due->interval);
        text_add(&line, job->every != DUE_NOT_SAID ? " (by the settings)" : " (as cron has run it)");
    }
    if (due->next > 0) {
        text_add(&line, ", next ");
        format_time(&line, due->next);
    }
    if (line.length > 0)
        fprintf(out, "  %s\n", text_string(&line));
    text_free(&line);
}

void story_print(const struct gathered *gathered, const struct job_runs *job, FILE *out) {
    struct story story;
    choose(job, &story);
    fprintf(out, "%s: %s\n", job->name, due_state_word(job->due.state));
    overview_print_remarks(job, gathered->now, "  ", out);
    print_facts(job, out);
    if (story.count > 0)
        fputc('\n', out);
    print_table(&story, out);
    outputs_free(&story.names);
}
