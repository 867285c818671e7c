/* Which node a key lives on, exactly as the PHP client computes it. Never connects to anything.
 *
 * The list must have the order and the spelling of the application's: plain modulo goes by the order, rings go by the strings "host:port". For
 * sockets on ext-memcached's rings, that is the string which addServers() makes (CakePHP calls that one; addServer() makes another). */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_PLACEMENT_H
#define NIGHTSHIFT_STORES_MEMCACHED_PLACEMENT_H

#include <stddef.h>

#include "nightshift/stores/memcached.h"
#include "nightshift/stores/memcached_key.h"

struct memcached_placement;

/* `nodes` is copied as far as needed. Returns 0, or EXIT_BUG when libmemcached refuses the node list, logged. */
int memcached_placement_open(const struct memcached_settings *settings, const struct memcached_nodes *nodes,
                             struct memcached_placement **out);
void memcached_placement_free(struct memcached_placement *placement);

/* The index in the node list. Not for two threads at once. */
size_t memcached_placement_node(struct memcached_placement *placement, const struct memcached_key *key);

/* The client's 32-bit hash of the key, from which it chose the node: to compare with what another client says. */
uint32_t memcached_placement_hash(struct memcached_placement *placement, const struct memcached_key *key);

#endif
