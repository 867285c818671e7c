/* The part of --check that all jobs share. */
#ifndef NIGHTSHIFT_JOB_CHECK_H
#define NIGHTSHIFT_JOB_CHECK_H

#include <stdbool.h>

#include "nightshift/job/job.h"

/* Prints whether the directories of [suite] can be written and Redis answers. Changes nothing. Returns 0, EXIT_CANNOT_WRITE, or what Redis
 * says. */
int check_house(struct run *run);

/* One directory, `what` it is for; one that is missing may be made later if its parent can be written. NULL is none, and fine. */
int check_directory(const char *what, const char *path, bool made_when_missing);

#endif
