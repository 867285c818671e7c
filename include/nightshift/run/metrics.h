/* Metrics for node_exporter's textfile collector: one file per job, replaced whole, mode 0644, no timestamps, label "batch" because
 * Prometheus uses "job" itself. The HELP texts are the same in every job's file, or the collector refuses them. */
#ifndef NIGHTSHIFT_RUN_METRICS_H
#define NIGHTSHIFT_RUN_METRICS_H

#include <jansson.h>

/* Writes DIR/JOB.prom from a finished run record (see run/record.h): its times, exit code, phases, the integers of "outputs" and the guards.
 * Returns 0 or EXIT_CANNOT_WRITE. */
int metrics_write(const char *directory, const json_t *record);

#endif
