/* Getting the counts out of the database: all of them in one snapshot on one server. */
#ifndef COUNT_CATEGORIES_COLLECT_H
#define COUNT_CATEGORIES_COLLECT_H

#include "baseline.h"
#include "counts.h"
#include "guards.h"
#include "nightshift/job/job.h"
#include "settings.h"

/* One [count NAME] on its way from the query to the cache. */
struct collected {
    const char *name;
    const struct count_settings *settings;
    struct counts counts;
    const char *circle; /* see counts_finish() */
    int64_t independent_total;
    bool has_independent_total;
    struct guards guards;
};

struct collection {
    struct collected *items;
    size_t count;
    int64_t taken_at; /* of the snapshot, by the server's clock; milliseconds since 1970 */
};

/* Counts everything that --only leaves in, and reports server, times, rows read and plan warnings to the record. */
int collect(struct run *run, struct collection *collection);

/* --check: runs EXPLAIN for every statement and prints what it found. */
int collect_check(struct run *run);

void collection_free(struct collection *collection);

#endif
