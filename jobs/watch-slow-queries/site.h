/* What page, message and terminal table need beside findings and ledger: the instances by the names that people give
 * them, and whose query it is. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SITE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

/* One instance, as this run met it. For one that was not reached: name, server, rows and read_at of its last
 * position. */
struct site_instance {
    const char *name;   /* as in struct position and struct group; NULL: unknown, it was never reached */
    const char *server; /* as in the settings: "db1.internal:3306" */
    bool reached;
    bool writer;
    bool logging;            /* slow_query_log is on, and to a table */
    int64_t rate_limit;      /* one query in so many is logged; 0 or 1: all */
    int64_t long_query_time; /* microseconds; < 0: unknown */
    int64_t rows;            /* read of this generation of the log */
    int64_t read_at;         /* milliseconds since 1970; 0: never */
    int64_t backlog;         /* rows left to read; < 0: unknown */
    bool advise_rotation;
};

/* The feature that a query on these tables belongs to, and its owner: strings that live as long as the site, or
 * NULL. */
typedef void site_feature(void *context, const struct strings *tables, const char **feature, const char **owner);

struct site {
    const struct site_instance *instances;
    size_t instance_count;
    site_feature *feature_of; /* NULL: no features are declared */
    void *context;
};

/* The server as in the settings; where none is known, the instance's own name. Never NULL. */
const char *site_server(const struct site_instance *instance);

/* The server of an instance without domain and the usual port where that is clear ("db1"), for people; the name itself
 * when the instance is not there. */
void site_add_server(const struct site *site, const char *name, struct text *out);

/* "works, lancers.clients"; nothing for none. */
void site_add_tables(struct text *out, const struct strings *tables);

/* Both NULL when unknown. */
void site_find_feature(const struct site *site, const struct strings *tables, const char **feature, const char **owner);

#endif
