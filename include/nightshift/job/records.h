/* Run records on all hosts. Each host keeps its own in state_dir/runs; with Redis the end of every run also puts a copy there,
 * from which show-runs tells on one host what happened on the other. The copy is for people: nothing depends on it.
 *
 * In Redis, under {JOB}: "runs", a hash of the hosts that have written and when; and "runs:HOST", a list of that host's last
 * RECORDS_KEPT records, newest first. Both end by themselves when nobody has written for RECORDS_DAYS. Slots that the other
 * host owns leave no copy. */
#ifndef NIGHTSHIFT_JOB_RECORDS_H
#define NIGHTSHIFT_JOB_RECORDS_H

#include <jansson.h>
#include <stddef.h>

#include "nightshift/stores/redis.h"

enum { RECORDS_KEPT = 50, RECORDS_DAYS = 35, RECORDS_LINE_LIMIT = 32 * 1024 };

/* The record, which is not changed, as one line of at most RECORDS_LINE_LIMIT bytes, freed by the caller: of a longer one the largest members are
 * left out until it fits, and their names are listed in "left_out". NULL if it does not encode. */
char *records_line(json_t *record);

/* Puts a copy of the record into Redis, under its job ("batch") and "host". A failure is a warning: the run has ended. */
void records_mirror(const struct redis_settings *settings, json_t *record);

/* Calls `take` with every line of every host, newest first; lines are of any content. Quiet; returns what redis_command()
 * does. */
int records_fetch(struct redis *redis, const char *job, void (*take)(void *context, const char *line, size_t length),
                  void *context);

#endif
