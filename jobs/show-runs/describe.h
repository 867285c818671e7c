/* Words for people about a job and its runs, the same on terminal, page and in --check. Pure code. */
#ifndef NIGHTSHIFT_SHOW_RUNS_DESCRIBE_H
#define NIGHTSHIFT_SHOW_RUNS_DESCRIBE_H

#include "gather.h"

/* "69 unavailable", "1 attention", "0 done"; "143 signal". */
void describe_add_exit(struct text *out, int exit_code);

/* The same of a job's last run: "no record" when it was killed, nothing when there was none. */
void describe_add_last_exit(struct text *out, const struct job_runs *job);

/* Why a job is as it is: "exit 69, a server or service cannot be reached or failed after all retries: cannot connect to
 * ...". Nothing for one that is fine. */
void describe_add_reason(struct text *out, const struct job_runs *job, int64_t now);

/* The next step for a job that needs somebody; nothing for others. */
void describe_add_next(struct text *out, const struct job_runs *job);

/* "running since 2026-11-24 04:10 (12.3 s) on batch2"; nothing if no run is going on. */
void describe_add_running(struct text *out, const struct job_runs *job, int64_t now);

/* "in 3 h 20 min", "late by 12 min 04 s"; nothing if it is not known. */
void describe_add_due(struct text *out, const struct job_runs *job, int64_t now);

/* How many jobs are in which state: "1 failing, 5 ok, 2 never ran". */
void describe_add_sum(struct text *out, const struct gathered *gathered);

#endif
