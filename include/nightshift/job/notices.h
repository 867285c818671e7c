/* A run's notices: web/notify.h with what a run knows of itself. */
#ifndef NIGHTSHIFT_JOB_NOTICES_H
#define NIGHTSHIFT_JOB_NOTICES_H

#include "nightshift/job/job.h"
#include "nightshift/web/notify.h"

/* Opens the outbox in state_dir under this run's name; notify_section must be among the job's sections. Returns what notify_open() does. */
int notices_open(const struct run *run, struct notify **out);

#endif
