/* A run as its record tells it: what show-runs needs of the JSON, and no more. Pure code. */
#ifndef NIGHTSHIFT_SHOW_RUNS_SEEN_H
#define NIGHTSHIFT_SHOW_RUNS_SEEN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SEEN_SCHEMA = 1, SEEN_OUTPUTS = 12 };

/* A whole number among the record's outputs: "verified", 310. */
struct seen_output {
    char *name;
    int64_t value;
};

struct seen {
    char *run_id;
    char *host;    /* this and the following are NULL when the record does not have them */
    char *trigger; /* "cron", "manual", "unsaid" */
    char *slot;
    char *result; /* "done", "skipped", ... */
    char *reason;
    char *hint;
    char *warning;      /* the first of them */
    char *guard;        /* the first guard that refused, was not accepted and may be */
    int64_t started_at; /* milliseconds since 1970 */
    int64_t ended_at;
    int64_t duration;   /* milliseconds */
    int64_t success_at; /* end of the last run that was done, this one or one before; 0: none is known */
    int exit_code;
    int signal; /* that ended the worker; 0: none */
    size_t warnings;
    struct seen_output outputs[SEEN_OUTPUTS];
    size_t output_count;
};

/* Reads one line. False for what is no run record: broken or cut JSON, or one without id, times or exit code. Members that are
 * not known are passed over; *newer is set when the record's format is a later one than ours. */
bool seen_read(const char *line, size_t length, struct seen *seen, bool *newer);
void seen_free(struct seen *seen);

/* The slot was the other host's: no run in the sense of the word. */
bool seen_skipped(const struct seen *seen);
/* It ended with 0 or 1: what it had to bring up to date is. */
bool seen_done(const struct seen *seen);

/* Runs of one job from several places, each once. */
struct seen_list {
    struct seen *items;
    size_t count;
};

/* Takes over *seen; one that is there already by its id is dropped. */
void seen_list_add(struct seen_list *list, struct seen *seen);
/* By the time of their ends, oldest first. */
void seen_list_sort(struct seen_list *list);
const struct seen *seen_list_find(const struct seen_list *list, const char *run_id);
void seen_list_free(struct seen_list *list);

#endif
