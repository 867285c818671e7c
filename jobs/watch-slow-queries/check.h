/* --check of watch-slow-queries. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_CHECK_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_CHECK_H

#include "instances.h"
#include "nightshift/job/job.h"

/* Connects to every server and reads a row of its slow log, says what is logged there, and examines [notify]; changes and sends nothing. */
int watch_check(struct run *run);

/* Whether an instance logs to the table: 0, or EXIT_ATTENTION after saying what is missing. */
int check_logging(const struct instance *instance);

#endif
