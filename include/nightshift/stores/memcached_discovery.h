/* The node list of an ElastiCache cluster, from its configuration endpoint (or any of its nodes). ElastiCache for
 * Memcached user guide, "Adding auto discovery to your client library". */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_DISCOVERY_H
#define NIGHTSHIFT_STORES_MEMCACHED_DISCOVERY_H

#include <stddef.h>

#include "nightshift/stores/memcached.h"

/* Asks settings->discovery: "config get cluster", and where that is unknown "get AmazonElastiCache:cluster". Nodes are taken by host name (as
 * AWS's own clients hash them), in the order given. Connecting has connect_timeout per address, each of the two commands `timeout`; resolving
 * the name is up to getaddrinfo(3). To notice a change in mid-run, ask again afterwards and compare the versions. Returns 0 with at least one
 * node, or EXIT_UNAVAILABLE, logged. */
int memcached_discovery_ask(const struct memcached_settings *settings, struct memcached_nodes *nodes);

/* Reads the payload: a version line, then "host|ip|port host|ip|port ...", the ip possibly empty. NULL, or the reason
 * why it is not one. Pure code. */
const char *memcached_discovery_parse(const char *payload, size_t length, struct memcached_nodes *nodes);

#endif
