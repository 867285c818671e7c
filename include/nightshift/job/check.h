/* The part of --check that all jobs share. */
#ifndef NIGHTSHIFT_JOB_CHECK_H
#define NIGHTSHIFT_JOB_CHECK_H

#include "nightshift/job/job.h"

/* Prints whether the directories of [suite] can be written and Redis answers. Changes nothing. Returns 0, EXIT_CANNOT_WRITE, or what Redis
 * says. */
int check_house(struct run *run);

#endif
