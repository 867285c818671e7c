/* What stays of a run when it is over: the record in state_dir/runs, metrics, pings. Private to job/. */
#ifndef NIGHTSHIFT_JOB_OUTCOME_H
#define NIGHTSHIFT_JOB_OUTCOME_H

#include "nightshift/base/log.h"
#include "nightshift/job/job.h"
#include "nightshift/run/suite.h"

struct outcome_context {
    const struct run *run;
    const struct suite_settings *suite;
    int argc;
    char **argv;
    const char *slot;      /* NULL: none */
    int64_t started_at;    /* milliseconds since 1970 */
    int64_t started_clock; /* monotonic */
};

/* Fills in who, where and how, before the work begins. */
void outcome_begin(const struct outcome_context *context, struct record_builder *builder);

/* Log listener that puts the first error (as "reason"), its hint and the warnings into the builder that is its context. */
void outcome_listen(void *builder, enum log_level level, bool hint, const char *message);

/* Completes the record with result and times, writes the metrics, appends the record to runs/JOB.jsonl and replaces runs/JOB.last.json.
 * `result` NULL: the word of the exit code. Returns the exit code of the run: the one given, or EXIT_CANNOT_WRITE when it was a good one and
 * one of these could not be written. */
int outcome_write(const struct outcome_context *context, struct record_builder *builder, int exit_code,
                  const char *result);

#endif
