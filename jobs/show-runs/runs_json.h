/* --json: all jobs, or one with its history. Times are ISO 8601 with zone, durations seconds; null is what is not known. */
#ifndef NIGHTSHIFT_SHOW_RUNS_RUNS_JSON_H
#define NIGHTSHIFT_SHOW_RUNS_RUNS_JSON_H

#include <stdio.h>

#include "gather.h"

void runs_json_print(const struct gathered *gathered, FILE *out);
void runs_json_print_job(const struct gathered *gathered, const struct job_runs *job, FILE *out);

#endif
