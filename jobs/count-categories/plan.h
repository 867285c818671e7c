/* What is to be written where: every key of a run with its node, bytes, flags and expiry. Pure code. */
#ifndef COUNT_CATEGORIES_PLAN_H
#define COUNT_CATEGORIES_PLAN_H

#include "collect.h"
#include "nightshift/stores/memcached_placement.h"
#include "nightshift/stores/memcached_pool.h"

/* In the order of writing: readers that use the map switch over when the single keys have been written, and the time of the counts is told
 * last. */
enum key_kind { KEY_COUNT, KEY_MAP, KEY_TIME, KEY_KINDS };

struct planned_key {
    enum key_kind kind;
    const struct collected *count;
    size_t category; /* index into its counts; for KEY_COUNT */
    char *name;      /* as the application names it */
    char *key;       /* as memcached gets it */
    struct text bytes;
    char *refused; /* why it cannot be written at all; it is then not among the items */
};

struct publish_plan {
    struct planned_key *keys;
    size_t count;
    struct memcached_item *items; /* one per key that can be written, all of one kind next to each other */
    size_t *item_keys;            /* the key of each item */
    size_t item_count;
    size_t first[KEY_KINDS + 1]; /* items of a kind: from first[kind] to before first[kind + 1] */
    size_t refused;
};

struct plan_input {
    const struct memcached_settings *memcached;
    struct memcached_placement *placement;
    const struct collection *collection;
    int64_t now; /* milliseconds since 1970 */
};

/* Returns 0, or EXIT_SETTINGS when a ttl cannot be expressed or two values want the same key, logged. */
int publish_plan_make(const struct plan_input *input, struct publish_plan *plan);
void publish_plan_free(struct publish_plan *plan);

#endif
