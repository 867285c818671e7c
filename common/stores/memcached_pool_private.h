/* What memcached_pool.c (the nodes, and what callers see) and memcached_batch.c (the threads) share. */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_POOL_PRIVATE_H
#define NIGHTSHIFT_STORES_MEMCACHED_POOL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "nightshift/stores/memcached_pool.h"

enum { MEMCACHED_KEYS_PER_GET = 100 };

struct node_state {
    bool asked, reached, down;
    int strikes;
    const char *reason;
    char version[16];
};

struct memcached_pool {
    const struct memcached_settings *settings;
    const struct memcached_nodes *nodes;
    pthread_mutex_t lock; /* for all below */
    struct node_state *states;
    struct strings reasons; /* each text once; they live as long as the pool */
};

/* A copy that lives as long as the pool. */
const char *memcached_pool_keep_reason(struct memcached_pool *pool, const char *reason);

/* Whether to go on with this node; if not, *reason is why. */
bool memcached_pool_begin(struct memcached_pool *pool, size_t node, const char **reason);
void memcached_pool_answered(struct memcached_pool *pool, size_t node);

/* An element was given up for want of an answer. A node that never answered at all is down at once; one that did gets a second chance, in case
 * the fault is with the element. */
void memcached_pool_failed(struct memcached_pool *pool, size_t node, const char *reason);

/* Exactly one of the two arrays is set, or neither: then the elements are the nodes themselves, to be probed. */
struct memcached_batch {
    struct memcached_pool *pool;
    struct memcached_item *items;
    bool verify; /* read the items back instead of storing them */
    struct memcached_lookup *lookups;
    size_t count;
    size_t per_turn; /* how many elements a worker takes at once */
    atomic_size_t done;
    atomic_bool stop;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    size_t running; /* workers; under the lock */
};

/* Fills in the rest of `batch`, works through it, and returns as memcached_pool_publish() does. */
int memcached_batch_run(struct memcached_batch *batch, const struct memcached_progress *progress);

#endif
