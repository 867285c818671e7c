/* Publishing many items to all nodes at once, so that nothing is lost in silence. Every set waits for its reply; every
 * item ends with an outcome; and what counts is the read-back: every key came back, over a new connection, with the
 * expected bytes and flags.
 *
 * Each node gets up to `connections` threads with a connection of their own. A node that fails twice in a row on fresh
 * connections is down from then on: its items become unreachable at once instead of waiting for a timeout each. It
 * stays down for the life of the pool. */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_POOL_H
#define NIGHTSHIFT_STORES_MEMCACHED_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/stores/memcached.h"

struct memcached_pool;

/* Connects to nothing yet. Both arguments must outlive the pool. Never fails. */
struct memcached_pool *memcached_pool_open(const struct memcached_settings *settings,
                                           const struct memcached_nodes *nodes);
void memcached_pool_close(struct memcached_pool *pool); /* NULL is fine; the `reason`s given out end with the pool */

/* Called from the thread that called publish, verify or get: a few times a second and at the end. */
struct memcached_progress {
    void (*report)(void *context, size_t done, size_t count);
    void *context;
};

enum memcached_outcome {
    OUTCOME_NOT_TRIED,   /* stopped before its turn */
    OUTCOME_STORED,      /* .written: memcached said STORED */
    OUTCOME_TOO_LARGE,   /* .written: over the node's item size; the old value is gone too (memcached drops it) */
    OUTCOME_REFUSED,     /* .written, .read: the node answered with an error, again and again */
    OUTCOME_UNREACHABLE, /* .written, .read: no answer; a set may nevertheless have arrived */
    OUTCOME_VERIFIED,    /* .read: came back as it should */
    OUTCOME_DIFFERENT,   /* .read: came back with other bytes or flags */
    OUTCOME_FOUND,       /* get: there is a value */
    OUTCOME_MISSING,     /* .read, get: the node answered, and has no such key */
};

/* "stored", "too large", ... */
const char *memcached_outcome_word(enum memcached_outcome outcome);

struct memcached_item {
    const char *key; /* as memcached_key_make() made it */
    size_t node;     /* as memcached_placement_node() said */
    const char *bytes;
    size_t length;
    uint32_t flags;
    uint32_t expiry;                /* as memcached_value_expiry() made it */
    enum memcached_outcome written; /* set by publish */
    enum memcached_outcome read;    /* set by verify */
    const char
        *reason; /* set by both when not stored or not verified (verify keeps publish's reason, if there is one) */
};

/* Sets all items. A failed set is tried again at once on a new connection, up to three times in all. Returns 0 when
 * every item has an outcome (look at them), EXIT_LATER when asked to stop (the rest is OUTCOME_NOT_TRIED), EXIT_SYSTEM
 * when no thread can be started, logged. */
int memcached_pool_publish(struct memcached_pool *pool, struct memcached_item *items, size_t count,
                           const struct memcached_progress *progress);

/* Reads all items back over new connections, whatever publish said of them, and sets `read`. Returns as above. */
int memcached_pool_verify(struct memcached_pool *pool, struct memcached_item *items, size_t count,
                          const struct memcached_progress *progress);

struct memcached_lookup {
    const char *key;
    size_t node;
    enum memcached_outcome outcome; /* FOUND, MISSING, UNREACHABLE, REFUSED or NOT_TRIED */
    char *bytes;                    /* NUL-terminated; NULL unless found */
    size_t length;
    uint32_t flags;
    const char *reason;
};

/* Fetches values. Returns as above. Release with memcached_lookups_free(). */
int memcached_pool_get(struct memcached_pool *pool, struct memcached_lookup *lookups, size_t count);
void memcached_lookups_free(struct memcached_lookup *lookups, size_t count); /* the bytes, not the array */

/* Asks every node for its version, all at once, for --check and for the record. Returns as above; see
 * memcached_pool_health(). */
int memcached_pool_probe(struct memcached_pool *pool);

struct memcached_health {
    const char *node;   /* its name for people */
    bool asked;         /* something was sent to it, or tried to be */
    bool reached;       /* it answered at least once */
    bool down;          /* it was given up */
    const char *reason; /* of the last failure; NULL when there was none */
    char version[16];   /* after memcached_pool_probe(), else "" */
};

void memcached_pool_health(struct memcached_pool *pool, size_t node, struct memcached_health *out);

#endif
