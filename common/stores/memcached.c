/* The table of the [memcached] section. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/stores/memcached.h"

#define VALUE(member) offsetof(struct memcached_settings, member)

static const struct setting settings[] = {
    {.key = "nodes",
     .type = SETTING_LIST,
     .offset = VALUE(nodes),
     .help =
         "The memcached nodes, in the order and with the spelling of the PHP application: host:port, host:port:weight, "
         "[IPv6 address]:port or /path/to/socket."},
    {.key = "discovery",
     .type = SETTING_TEXT,
     .offset = VALUE(discovery),
     .help = "host:port of an ElastiCache configuration endpoint, which is asked for the nodes. Instead of nodes."},
    {.key = "client",
     .type = SETTING_CHOICE,
     .offset = VALUE(client),
     .choices =
         "ext-memcached|ext-memcached-consistent|ext-memcached-ketama|ext-memcache-standard|ext-memcache-consistent",
     .flags = SETTING_REQUIRED,
     .help =
         "The PHP extension that reads the values, and how it spreads keys over nodes. CakePHP's Memcached engine is "
         "ext-memcached-ketama; for ext-memcache see memcache.hash_strategy in the output of php -i."},
    {.key = "hash",
     .type = SETTING_CHOICE,
     .offset = VALUE(hash),
     .fallback = "default",
     .choices = "default|md5|crc|crc32|fnv",
     .help = "The hash of that extension: default, md5 or crc (OPT_HASH of ext-memcached), crc32 or fnv "
             "(memcache.hash_function)."},
    {.key = "key_prefix",
     .type = SETTING_TEXT,
     .offset = VALUE(key_prefix),
     .help = "Put before every key, as the application's cache configuration does."},
    {.key = "key_rule",
     .type = SETTING_CHOICE,
     .offset = VALUE(key_rule),
     .fallback = "raw",
     .choices = "raw|cake1|cake2|cake4",
     .help = "How the application changes a key: raw (not at all), cake1 (CakePHP 1.3 to 2.1), cake2 (2.2 to 3), cake4 "
             "(4 and 5)."},
    {.key = "prefix_hashed",
     .type = SETTING_FLAG,
     .offset = VALUE(prefix_hashed),
     .fallback = "yes",
     .help = "Whether the prefix counts when the node is chosen: yes for CakePHP, no when it is ext-memcached's "
             "OPT_PREFIX_KEY."},
    {.key = "connect_timeout",
     .type = SETTING_DURATION,
     .offset = VALUE(connect_timeout),
     .fallback = "1s",
     .min = 10,
     .max = 60000,
     .help = "How long connecting to a node may take."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = VALUE(timeout),
     .fallback = "1s",
     .min = 10,
     .max = 60000,
     .help = "How long a node may take to answer one command."},
    {.key = "connections",
     .type = SETTING_INTEGER,
     .offset = VALUE(connections),
     .fallback = "8",
     .min = 1,
     .max = 32,
     .help = "Parallel connections to each node while publishing."},
    {.key = NULL},
};

bool memcached_is_ext_memcache(const struct memcached_settings *values) {
    return values->client == PHP_MEMCACHE_STANDARD || values->client == PHP_MEMCACHE_CONSISTENT;
}

static char *check_nodes(const struct memcached_settings *values) {
    struct memcached_nodes nodes = {0};
    char *problem = NULL;
    for (size_t i = 0; i < values->nodes.count && problem == NULL; i++) {
        const char *reason = memcached_nodes_parse(&nodes, values->nodes.items[i]);
        if (reason != NULL)
            problem = xasprintf("node \"%s\": %s", values->nodes.items[i], reason);
        for (size_t j = 0; j + 1 < nodes.count && problem == NULL; j++)
            if (strcmp(nodes.items[j].name, nodes.items[nodes.count - 1].name) == 0)
                problem = xasprintf("node \"%s\" is listed twice", nodes.items[j].name);
    }
    memcached_nodes_free(&nodes);
    return problem;
}

static char *check(const void *section) {
    const struct memcached_settings *values = section;
    bool ext_memcache = memcached_is_ext_memcache(values);
    if ((values->nodes.count == 0) == (values->discovery == NULL))
        return xstrdup("exactly one of nodes and discovery must be set");
    if (ext_memcache && (values->hash == PHP_HASH_MD5 || values->hash == PHP_HASH_CRC))
        return xstrdup("ext-memcache has no such hash: use crc32 or fnv");
    if (!ext_memcache && (values->hash == PHP_HASH_CRC32 || values->hash == PHP_HASH_FNV))
        return xstrdup("ext-memcached has no such hash: use default, md5 or crc");
    if (ext_memcache && !values->prefix_hashed)
        return xstrdup("prefix_hashed = no is for ext-memcached: ext-memcache hashes the whole key");
    return check_nodes(values);
}

const struct section memcached_section = {
    .name = "memcached",
    .size = sizeof(struct memcached_settings),
    .settings = settings,
    .help = "The memcached nodes to publish to, and the PHP application that reads them.",
    .check = check,
};
