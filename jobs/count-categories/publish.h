/* Writing a plan to the cache and proving that it is there. */
#ifndef COUNT_CATEGORIES_PUBLISH_H
#define COUNT_CATEGORIES_PUBLISH_H

#include "plan.h"

struct publish_result {
    size_t planned, set, verified, missing, different, unreachable, refused, too_large;
};

/* Writes kind by kind, reads everything back over fresh connections, and tries once more what did not come back as it should. Reports outcomes and
 * nodes to the record and names what failed in the log. Returns 0 when everything has an outcome (look at the result), or a status. */
int publish(struct run *run, struct memcached_pool *pool, const struct memcached_nodes *nodes,
            struct publish_plan *plan);

/* Counts the outcomes of a plan that was published or verified. */
struct publish_result publish_count(const struct publish_plan *plan);

/* What a finished publish or verify means for the exit code: 0, EXIT_ATTENTION or EXIT_UNAVAILABLE. */
int publish_status(const struct publish_result *result);

/* Logs and records every key that is not as it should be, grouped by node. */
void publish_report(struct run *run, const struct memcached_nodes *nodes, const struct publish_plan *plan);

#endif
