/* The forms for the terminal: all jobs, one job, one run. */
#ifndef NIGHTSHIFT_SHOW_RUNS_OVERVIEW_H
#define NIGHTSHIFT_SHOW_RUNS_OVERVIEW_H

#include <stdio.h>

#include "gather.h"

/* All jobs: a table, then what to know and do about those that are not well. */
void overview_print(const struct gathered *gathered, FILE *out);

/* Why a job is as it is and what to do, a line each; nothing for one that is fine. `indent` before each line. */
void overview_print_remarks(const struct job_runs *job, int64_t now, const char *indent, FILE *out);

enum { STORY_RUNS = 30 };

/* One job: its last STORY_RUNS runs, newest first, with their durations and counts as bars. */
void story_print(const struct gathered *gathered, const struct job_runs *job, FILE *out);

#endif
