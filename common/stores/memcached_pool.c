/* The pool: what is known of the nodes, and the four things that can be done with them all at once (memcached_batch.c does them). */
#include <stdlib.h>
#include <string.h>

#include "memcached_pool_private.h"

enum {
    STRIKES = 2, /* elements given up in a row, after which a node that did answer before is down */
};

struct memcached_pool *memcached_pool_open(const struct memcached_settings *settings,
                                           const struct memcached_nodes *nodes) {
    struct memcached_pool *pool = xcalloc(1, sizeof *pool);
    pool->settings = settings;
    pool->nodes = nodes;
    pool->states = xcalloc(nodes->count, sizeof *pool->states);
    pthread_mutex_init(&pool->lock, NULL);
    return pool;
}

void memcached_pool_close(struct memcached_pool *pool) {
    if (pool == NULL)
        return;
    pthread_mutex_destroy(&pool->lock);
    strings_free(&pool->reasons);
    free(pool->states);
    free(pool);
}

const char *memcached_pool_keep_reason(struct memcached_pool *pool, const char *reason) {
    const char *kept = NULL;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->reasons.count && kept == NULL; i++)
        if (strcmp(pool->reasons.items[i], reason) == 0)
            kept = pool->reasons.items[i];
    if (kept == NULL) {
        strings_add(&pool->reasons, reason);
        kept = pool->reasons.items[pool->reasons.count - 1];
    }
    pthread_mutex_unlock(&pool->lock);
    return kept;
}

bool memcached_pool_begin(struct memcached_pool *pool, size_t node, const char **reason) {
    pthread_mutex_lock(&pool->lock);
    struct node_state *state = &pool->states[node];
    state->asked = true;
    bool down = state->down;
    *reason = state->reason;
    pthread_mutex_unlock(&pool->lock);
    return !down;
}

void memcached_pool_answered(struct memcached_pool *pool, size_t node) {
    pthread_mutex_lock(&pool->lock);
    pool->states[node].reached = true;
    pool->states[node].strikes = 0;
    pthread_mutex_unlock(&pool->lock);
}

void memcached_pool_failed(struct memcached_pool *pool, size_t node, const char *reason) {
    pthread_mutex_lock(&pool->lock);
    struct node_state *state = &pool->states[node];
    state->strikes++;
    state->reason = reason;
    state->down = state->down || !state->reached || state->strikes >= STRIKES;
    pthread_mutex_unlock(&pool->lock);
}

void memcached_pool_health(struct memcached_pool *pool, size_t node, struct memcached_health *out) {
    pthread_mutex_lock(&pool->lock);
    const struct node_state *state = &pool->states[node];
    *out = (struct memcached_health){.node = pool->nodes->items[node].name,
                                     .asked = state->asked,
                                     .reached = state->reached,
                                     .down = state->down,
                                     .reason = state->reason};
    memcpy(out->version, state->version, sizeof out->version);
    pthread_mutex_unlock(&pool->lock);
}

int memcached_pool_publish(struct memcached_pool *pool, struct memcached_item *items, size_t count,
                           const struct memcached_progress *progress) {
    struct memcached_batch batch = {.pool = pool, .items = items, .count = count, .per_turn = 1};
    return memcached_batch_run(&batch, progress);
}

int memcached_pool_verify(struct memcached_pool *pool, struct memcached_item *items, size_t count,
                          const struct memcached_progress *progress) {
    struct memcached_batch batch = {
        .pool = pool, .items = items, .verify = true, .count = count, .per_turn = MEMCACHED_KEYS_PER_GET};
    return memcached_batch_run(&batch, progress);
}

int memcached_pool_get(struct memcached_pool *pool, struct memcached_lookup *lookups, size_t count) {
    struct memcached_batch batch = {
        .pool = pool, .lookups = lookups, .count = count, .per_turn = MEMCACHED_KEYS_PER_GET};
    for (size_t i = 0; i < count; i++)
        lookups[i] = (struct memcached_lookup){.key = lookups[i].key, .node = lookups[i].node};
    return memcached_batch_run(&batch, NULL);
}

void memcached_lookups_free(struct memcached_lookup *lookups, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(lookups[i].bytes);
        lookups[i].bytes = NULL;
    }
}

int memcached_pool_probe(struct memcached_pool *pool) {
    struct memcached_batch batch = {.pool = pool, .count = pool->nodes->count, .per_turn = 1};
    return memcached_batch_run(&batch, NULL);
}

const char *memcached_outcome_word(enum memcached_outcome outcome) {
    static const char *const words[] = {
        [OUTCOME_NOT_TRIED] = "not tried",     [OUTCOME_STORED] = "stored",
        [OUTCOME_TOO_LARGE] = "too large",     [OUTCOME_REFUSED] = "refused",
        [OUTCOME_UNREACHABLE] = "unreachable", [OUTCOME_VERIFIED] = "verified",
        [OUTCOME_DIFFERENT] = "different",     [OUTCOME_FOUND] = "found",
        [OUTCOME_MISSING] = "missing",
    };
    return words[outcome];
}
