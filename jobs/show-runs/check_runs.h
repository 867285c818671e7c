/* --check of show-runs: the dead man's switch. */
#ifndef NIGHTSHIFT_SHOW_RUNS_CHECK_RUNS_H
#define NIGHTSHIFT_SHOW_RUNS_CHECK_RUNS_H

#include "nightshift/job/job.h"

/* Tries what show-runs reads (state_dir, Redis), and beyond what --check of other jobs does judges the jobs themselves: EXIT_ATTENTION,
 * with one line on stderr for each job that is failing or overdue. Says what is in order only on a terminal or with -v, because
 * cron runs it. */
int check_runs(struct run *run);

#endif
