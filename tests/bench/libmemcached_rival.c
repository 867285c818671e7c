/* The plain way to publish with libmemcached, to be measured against ours: one handle over all nodes, one memcached_set() after the other,
 * then one memcached_mget() over all keys and a comparison. libmemcached_rival KEYS NODE... prints milliseconds as the median of nine runs. */
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/memory.h"

enum { RUNS = 9, VALUE_LENGTH = 40 };

static const char value[] = "7777777777777777777777777777777777777777";

static int by_size(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static size_t publish(memcached_st *cache, char *const *keys, size_t count) {
    size_t stored = 0;
    for (size_t i = 0; i < count; i++)
        stored += memcached_set(cache, keys[i], strlen(keys[i]), value, VALUE_LENGTH, 0, 1) == MEMCACHED_SUCCESS;
    return stored;
}

static size_t verify(memcached_st *cache, char *const *keys, size_t count) {
    size_t *lengths = xcalloc(count, sizeof *lengths);
    size_t good = 0;
    memcached_return_t status = MEMCACHED_SUCCESS;
    memcached_result_st *result = NULL;
    for (size_t i = 0; i < count; i++)
        lengths[i] = strlen(keys[i]);
    if (memcached_mget(cache, (const char *const *)keys, lengths, count) == MEMCACHED_SUCCESS)
        while ((result = memcached_fetch_result(cache, NULL, &status)) != NULL) {
            good += memcached_result_length(result) == VALUE_LENGTH && memcached_result_flags(result) == 1 &&
                    memcmp(memcached_result_value(result), value, VALUE_LENGTH) == 0;
            memcached_result_free(result);
        }
    free(lengths);
    return good;
}

int main(int count, char **arguments) {
    int64_t publishing[RUNS], verifying[RUNS], whole[RUNS];
    if (count < 3) {
        fprintf(stderr, "usage: libmemcached_rival KEYS NODE...\n");
        return 64;
    }
    size_t key_count = strtoul(arguments[1], NULL, 10);
    char **keys = xcalloc(key_count, sizeof *keys);
    for (size_t i = 0; i < key_count; i++)
        keys[i] = xasprintf("rival_category_count_%zu", i);
    for (int run = 0; run < RUNS; run++) {
        memcached_st *cache = memcached_create(NULL);
        for (int i = 2; i < count; i++) {
            char *host = xstrdup(arguments[i]), *port = strrchr(host, ':');
            if (port != NULL) {
                *port = '\0';
                memcached_server_add(cache, host, (in_port_t)strtoul(port + 1, NULL, 10));
            }
            free(host);
        }
        int64_t start = clock_monotonic();
        size_t stored = publish(cache, keys, key_count);
        int64_t middle = clock_monotonic();
        size_t good = verify(cache, keys, key_count);
        int64_t end = clock_monotonic();
        memcached_free(cache);
        if (stored != key_count || good != key_count) {
            fprintf(stderr, "libmemcached_rival: %zu stored and %zu verified of %zu keys\n", stored, good, key_count);
            return 1;
        }
        publishing[run] = middle - start;
        verifying[run] = end - middle;
        whole[run] = end - start;
    }
    qsort(publishing, RUNS, sizeof *publishing, by_size);
    qsort(verifying, RUNS, sizeof *verifying, by_size);
    qsort(whole, RUNS, sizeof *whole, by_size);
    printf("keys=%zu nodes=%d publish_ms=%d verify_ms=%d whole_ms=%d worst_ms=%d\n", key_count, count - 2,
           (int)publishing[RUNS / 2], (int)verifying[RUNS / 2], (int)whole[RUNS / 2], (int)whole[RUNS - 1]);
    for (size_t i = 0; i < key_count; i++)
        free(keys[i]);
    free(keys);
    return 0;
}
