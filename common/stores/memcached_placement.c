/* Key -> node for the five PHP clients. ext-memcached is libmemcached underneath, so libmemcached itself answers for
 * it, on a handle that never connects. ext-memcache has its own two strategies (memcache_standard_hash.c and
 * memcache_consistent_hash.c of pecl-memcache), written out below. tests/unit/golden holds what the real extensions
 * did. */
#include <stdlib.h>
#include <string.h>

#include <libmemcached/memcached.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/stores/memcached_placement.h"

enum { POINTS_PER_WEIGHT = 160, BUCKETS = 1024 };

struct memcached_placement {
    memcached_st *handle; /* for ext-memcached */
    uint32_t (*hash)(const char *bytes, size_t length);
    bool consistent;
    size_t node_count;
    size_t *slots; /* for ext-memcache: what a hash leads to */
    size_t slot_count;
};

static uint32_t hash_crc32(const char *bytes, size_t length) {
    uint32_t crc = 0xffffffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= (unsigned char)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320 : 0);
    }
    return ~crc;
}

/* ext-memcache takes the bytes from a plain char: on x86 those above 0x7f are negative, and change the upper bits of the hash too. */
static uint32_t hash_fnv1a(const char *bytes, size_t length) {
    uint32_t hash = 0x811c9dc5;
    for (size_t i = 0; i < length; i++) {
        uint32_t byte = (unsigned char)bytes[i];
        hash = (hash ^ (byte < 0x80 ? byte : byte | 0xffffff00)) * 0x01000193;
    }
    return hash;
}

/* Strategy "standard": as many slots as a node has weight. */
static void fill_standard(struct memcached_placement *placement, const struct memcached_nodes *nodes) {
    size_t count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        count += nodes->items[i].weight;
    placement->slots = xcalloc(count, sizeof *placement->slots);
    placement->slot_count = count;
    size_t next = 0;
    for (size_t i = 0; i < nodes->count; i++)
        for (uint32_t j = 0; j < nodes->items[i].weight; j++)
            placement->slots[next++] = i;
}

struct point {
    uint32_t at;
    size_t node;
    size_t number; /* keeps points at the same place in their order */
};

static int compare_points(const void *left, const void *right) {
    const struct point *a = left, *b = right;
    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* The name of a node as ext-memcache knows it, which its ring is made of. */
static char *ring_name(const struct memcached_node *node) {
    if (node->port == 0)
        return xasprintf("unix://%s:0", node->host);
    return xstrdup(node->name);
}

static struct point *make_points(uint32_t (*hash)(const char *, size_t), const struct memcached_nodes *nodes,
                                 size_t *count) {
    size_t next = 0;
    *count = 0;
    for (size_t i = 0; i < nodes->count; i++)
        *count += (size_t)nodes->items[i].weight * POINTS_PER_WEIGHT;
    struct point *points = xcalloc(*count, sizeof *points);
    for (size_t i = 0; i < nodes->count; i++) {
        char *name = ring_name(&nodes->items[i]);
        for (size_t j = 0; j < (size_t)nodes->items[i].weight * POINTS_PER_WEIGHT; j++) {
            char *label = xasprintf("%s-%zu", name, j);
            points[next] = (struct point){.at = hash(label, strlen(label)), .node = i, .number = next};
            next++;
            free(label);
        }
        free(name);
    }
    return points;
}

/* Strategy "consistent": the circle is cut into 1024 buckets of equal width, each of which belongs to the first point
 * at or behind its beginning. */
static void fill_consistent(struct memcached_placement *placement, const struct memcached_nodes *nodes) {
    size_t count = 0;
    struct point *points = make_points(placement->hash, nodes, &count);
    qsort(points, count, sizeof *points, compare_points);
    placement->slots = xcalloc(BUCKETS, sizeof *placement->slots);
    placement->slot_count = BUCKETS;
    size_t next = 0;
    for (uint32_t i = 0; i < BUCKETS; i++) {
        uint32_t at = UINT32_MAX / BUCKETS * i;
        while (next < count && points[next].at < at)
            next++;
        placement->slots[i] = points[next < count ? next : 0].node;
    }
    free(points);
}

static memcached_return_t set_behaviours(memcached_st *handle, const struct memcached_settings *settings) {
    memcached_return_t code = MEMCACHED_SUCCESS;
    if (settings->client == PHP_MEMCACHED_CONSISTENT)
        code = memcached_behavior_set(handle, MEMCACHED_BEHAVIOR_DISTRIBUTION, MEMCACHED_DISTRIBUTION_CONSISTENT);
    else if (settings->client == PHP_MEMCACHED_KETAMA)
        code = memcached_behavior_set(handle, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    if (code == MEMCACHED_SUCCESS && settings->hash == PHP_HASH_MD5)
        code = memcached_behavior_set(handle, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5);
    if (code == MEMCACHED_SUCCESS && settings->hash == PHP_HASH_CRC)
        code = memcached_behavior_set(handle, MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_CRC);
    return code;
}

/* The same calls that ext-memcached makes for setOption() and addServers(). */
static int fill_handle(struct memcached_placement *placement, const struct memcached_settings *settings,
                       const struct memcached_nodes *nodes) {
    placement->handle = memcached_create(NULL);
    if (placement->handle == NULL)
        return fail(EXIT_SYSTEM, "out of memory");
    memcached_return_t code = set_behaviours(placement->handle, settings);
    memcached_server_list_st list = NULL;
    for (size_t i = 0; i < nodes->count && code == MEMCACHED_SUCCESS; i++)
        list = memcached_server_list_append_with_weight(list, nodes->items[i].host, nodes->items[i].port,
                                                        nodes->items[i].weight, &code);
    if (code == MEMCACHED_SUCCESS)
        code = memcached_server_push(placement->handle, list);
    memcached_server_list_free(list);
    if (code != MEMCACHED_SUCCESS)
        return fail(EXIT_BUG, "cannot place keys on the memcached nodes: %s", memcached_strerror(NULL, code));
    return 0;
}

int memcached_placement_open(const struct memcached_settings *settings, const struct memcached_nodes *nodes,
                             struct memcached_placement **out) {
    struct memcached_placement *placement = xcalloc(1, sizeof *placement);
    int status = 0;
    placement->node_count = nodes->count;
    placement->consistent = settings->client == PHP_MEMCACHE_CONSISTENT;
    placement->hash = settings->hash == PHP_HASH_FNV ? hash_fnv1a : hash_crc32;
    if (nodes->count == 0)
        status = fail(EXIT_BUG, "cannot place keys: there is no memcached node");
    else if (!memcached_is_ext_memcache(settings))
        status = fill_handle(placement, settings, nodes);
    else if (placement->consistent)
        fill_consistent(placement, nodes);
    else
        fill_standard(placement, nodes);
    if (status != 0) {
        memcached_placement_free(placement);
        placement = NULL;
    }
    *out = placement;
    return status;
}

void memcached_placement_free(struct memcached_placement *placement) {
    if (placement == NULL)
        return;
    if (placement->handle != NULL)
        memcached_free(placement->handle);
    free(placement->slots);
    free(placement);
}

size_t memcached_placement_node(struct memcached_placement *placement, const struct memcached_key *key) {
    const char *bytes = key->string + key->hashed_from;
    size_t length = key->length - key->hashed_from;
    if (placement->node_count == 1)
        return 0;
    if (placement->handle != NULL)
        return memcached_generate_hash(placement->handle, bytes, length);
    uint32_t hash = placement->hash(bytes, length);
    if (!placement->consistent) {
        hash = (hash >> 16) & 0x7fff;
        hash = hash != 0 ? hash : 1;
    }
    return placement->slots[hash % placement->slot_count];
}

uint32_t memcached_placement_hash(struct memcached_placement *placement, const struct memcached_key *key) {
    const char *bytes = key->string + key->hashed_from;
    size_t length = key->length - key->hashed_from;
    if (placement->handle != NULL)
        return memcached_generate_hash_value(
            bytes, length, (memcached_hash_t)memcached_behavior_get(placement->handle, MEMCACHED_BEHAVIOR_HASH));
    return placement->hash(bytes, length);
}
