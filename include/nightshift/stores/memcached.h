/* The [memcached] settings: which nodes there are, and how the PHP application that reads them places and names its
 * keys. Nothing here is guessed: a key that PHP looks for on another node, or under another name, is a published value
 * that nobody ever sees.
 *
 * The parts, in reading order: memcached_key.h (names), memcached_placement.h (which node), memcached_value.h (bytes
 * and flags), memcached_discovery.h (ElastiCache), memcached_pool.h (publish, verify, get). */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_H
#define NIGHTSHIFT_STORES_MEMCACHED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/run/settings.h"

/* The PHP side, by its extension and its way to spread keys over nodes. The order is that of the words of the setting
 * `client`. */
enum php_client {
    PHP_MEMCACHED,            /* ext-memcached without options: modulo */
    PHP_MEMCACHED_CONSISTENT, /* ext-memcached, Memcached::OPT_DISTRIBUTION = DISTRIBUTION_CONSISTENT */
    PHP_MEMCACHED_KETAMA,  /* ext-memcached, OPT_LIBKETAMA_COMPATIBLE: what CakePHP's Memcached engine sets since 2.5 */
    PHP_MEMCACHE_STANDARD, /* ext-memcache, memcache.hash_strategy = standard */
    PHP_MEMCACHE_CONSISTENT, /* ext-memcache, memcache.hash_strategy = consistent (its default) */
};

/* The order is that of the words of the setting `hash`. */
enum php_hash {
    PHP_HASH_DEFAULT, /* what the extension does when nobody sets one */
    PHP_HASH_MD5,     /* ext-memcached, OPT_HASH = HASH_MD5 */
    PHP_HASH_CRC,     /* ext-memcached, OPT_HASH = HASH_CRC */
    PHP_HASH_CRC32,   /* ext-memcache, memcache.hash_function = crc32 (its default) */
    PHP_HASH_FNV,     /* ext-memcache, memcache.hash_function = fnv */
};

/* How the application makes its key into the one it hands to the extension. The order is that of the words of
 * `key_rule`. */
enum key_rule {
    KEY_RULE_RAW,   /* as it is */
    KEY_RULE_CAKE1, /* CakePHP 1.3, 2.0 and 2.1 */
    KEY_RULE_CAKE2, /* CakePHP 2.2 to 3 */
    KEY_RULE_CAKE4, /* CakePHP 4 and 5 */
};

struct memcached_settings {
    /* host:port, host:port:weight, [IPv6]:port, /path/to/socket; in the order of the PHP application */
    struct strings nodes;
    char *discovery;  /* host:port of an ElastiCache configuration endpoint; exactly one of the two is set */
    int client;       /* enum php_client */
    int hash;         /* enum php_hash */
    char *key_prefix; /* may be NULL */
    int key_rule;     /* enum key_rule */
    bool prefix_hashed;
    int64_t connect_timeout; /* milliseconds */
    int64_t timeout;         /* milliseconds, per operation */
    int64_t connections;     /* per node */
};

extern const struct section memcached_section;

/* True for the two ext-memcache clients, whose keys, flags and node names differ from those of ext-memcached. */
bool memcached_is_ext_memcache(const struct memcached_settings *settings);

struct memcached_node {
    char *host;      /* name, IPv4 address, IPv6 address without brackets, or the path of a socket */
    uint16_t port;   /* 0: a socket */
    uint32_t weight; /* 1 to 1000 */
    char *name;      /* for people: host:port, [host]:port or the path */
};

struct memcached_nodes {
    struct memcached_node *items;
    size_t count;
    uint64_t version; /* of a discovered list (it grows with every change); 0 for one from the settings */
};

/* The nodes, from `nodes` or by asking `discovery`. Returns 0, or EXIT_SETTINGS or EXIT_UNAVAILABLE, logged; *nodes is
 * then empty. */
int memcached_nodes_load(const struct memcached_settings *settings, struct memcached_nodes *nodes);

/* Adds the node that `string` describes ("host:port:weight", ...): NULL, or the reason why it does not describe one. */
const char *memcached_nodes_parse(struct memcached_nodes *nodes, const char *string);
void memcached_nodes_add(struct memcached_nodes *nodes, const char *host, uint16_t port, uint32_t weight);
void memcached_nodes_free(struct memcached_nodes *nodes); /* empties it; the struct itself is the caller's */

#endif
