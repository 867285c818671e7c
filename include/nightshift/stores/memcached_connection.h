/* One connection to one node: the only place that sends anything through libmemcached. Plain commands, each of which
 * waits for its reply. After anything but REPLY_DONE the connection must be closed: a late reply would be taken for
 * that of the next command. */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_CONNECTION_H
#define NIGHTSHIFT_STORES_MEMCACHED_CONNECTION_H

#include <stddef.h>
#include <stdint.h>

#include "nightshift/stores/memcached.h"
#include "nightshift/stores/memcached_pool.h"

struct memcached_connection;

enum memcached_reply {
    REPLY_DONE,
    REPLY_TOO_LARGE, /* set only */
    REPLY_REFUSED,   /* the node answered with an error */
    REPLY_LOST,      /* no connection, or it broke */
    REPLY_TIMEOUT,   /* no connection or no answer in time */
};

/* Connects at the first command. Resolving a host name is not covered by the timeouts (it is getaddrinfo(3), inside
 * libmemcached). */
struct memcached_connection *memcached_connection_open(const struct memcached_settings *settings,
                                                       const struct memcached_node *node);
void memcached_connection_close(struct memcached_connection *connection); /* NULL is fine */

enum memcached_reply memcached_connection_set(struct memcached_connection *connection,
                                              const struct memcached_item *item);

/* Called for each key that has a value; the bytes are valid during the call. */
typedef void memcached_found(void *context, size_t key, const char *bytes, size_t length, uint32_t flags);

/* Fetches up to a few hundred keys in one go. REPLY_DONE says that the keys `found` was not called for are not there;
 * after any other reply nothing is known about them. */
enum memcached_reply memcached_connection_get(struct memcached_connection *connection, const char *const *keys,
                                              size_t count, memcached_found *found, void *context);

enum memcached_reply memcached_connection_version(struct memcached_connection *connection, char *out, size_t size);

/* Why the last command failed: one clause, valid until the next command. */
const char *memcached_connection_reason(const struct memcached_connection *connection);

#endif
