/* The servers of [mysql], each once, whatever names lead to it, with what they say of their slow log. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_INSTANCES_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_INSTANCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/job/job.h"
#include "nightshift/stores/mysql.h"

struct instance {
    struct database *database;
    const char *server; /* as in the settings: of the first name that led here */
    char *name;    /* what the server itself is, stable over restarts, fail-overs and changes of address: @@server_uuid,
                         * "aurora:INSTANCE", on MariaDB "HOST:PORT/SERVER_ID" */
    bool writer;   /* it is the one under `writer` */
    bool enabled;  /* slow_query_log is on */
    bool to_table; /* log_output names TABLE */
    int64_t rate_limit;      /* MariaDB's log_slow_rate_limit: one query in so many is logged; 1: all */
    int64_t long_query_time; /* global, microseconds */
};

struct instances {
    struct instance *items;
    size_t count;
    struct strings unreachable; /* "db2:3306" */
};

/* Connects to all of them, and sees to it that nothing of this session gets into the slow log. One that cannot be reached is logged and
 * left out: *worst gets its exit code (EXIT_UNAVAILABLE before EXIT_DENIED before others), else 0. Returns 0, or EXIT_LATER when
 * asked to stop. */
int instances_open(const struct run *run, struct instances *instances, int *worst);
void instances_close(struct instances *instances);

#endif
