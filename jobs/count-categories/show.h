/* What count-categories prints for people: --dry-run, --verify, --explain and --check. */
#ifndef COUNT_CATEGORIES_SHOW_H
#define COUNT_CATEGORIES_SHOW_H

#include "plan.h"

struct show_input {
    const struct memcached_nodes *nodes;
    struct memcached_pool *pool;
    struct publish_plan *plan;
};

/* --dry-run: one line per key whose value would change, with old and new value, node and flags. Returns 0, or EXIT_UNAVAILABLE when no node
 * answers. */
int show_changes(const struct show_input *input);

/* --verify: one line per key that is not in the cache as it should be. EXIT_ATTENTION if there is one. */
int show_verification(const struct show_input *input);

/* --explain KEY. */
int show_key(const struct memcached_settings *settings, struct memcached_placement *placement,
             struct memcached_pool *pool, const struct memcached_nodes *nodes, const char *name);

/* The memcached part of --check: EXIT_UNAVAILABLE unless every node answers. */
int show_health(struct memcached_pool *pool, const struct memcached_nodes *nodes);

#endif
