/* How long publishing and verifying takes: memcached_bench KEYS [CONNECTIONS] NODE... prints milliseconds of both, as the median of nine runs.
 * One process for all runs; every run opens its connections anew, as a job does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "nightshift/base/clock.h"
#include "nightshift/stores/memcached_placement.h"
#include "nightshift/stores/memcached_pool.h"

enum { RUNS = 9, VALUE_LENGTH = 40 };

struct bench {
    struct memcached_settings settings;
    struct memcached_nodes nodes;
    struct memcached_item *items;
    size_t count;
};

static int make_items(struct bench *bench) {
    static char value[VALUE_LENGTH + 1];
    struct memcached_placement *placement = NULL;
    int status = memcached_placement_open(&bench->settings, &bench->nodes, &placement);
    memset(value, '7', VALUE_LENGTH);
    bench->items = xcalloc(bench->count, sizeof *bench->items);
    for (size_t i = 0; i < bench->count && status == 0; i++) {
        struct memcached_key key;
        char *name = xasprintf("app_category_count_%zu", i);
        if (memcached_key_make(&bench->settings, name, &key) == NULL)
            bench->items[i] = (struct memcached_item){.key = name,
                                                      .node = memcached_placement_node(placement, &key),
                                                      .bytes = value,
                                                      .length = VALUE_LENGTH,
                                                      .flags = 1};
    }
    memcached_placement_free(placement);
    return status;
}

static int by_size(const void *left, const void *right) {
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

static int run(struct bench *bench, int64_t *publish, int64_t *verify) {
    struct memcached_pool *pool = memcached_pool_open(&bench->settings, &bench->nodes);
    int64_t start = clock_monotonic();
    int status = memcached_pool_publish(pool, bench->items, bench->count, NULL);
    int64_t middle = clock_monotonic();
    if (status == 0)
        status = memcached_pool_verify(pool, bench->items, bench->count, NULL);
    *publish = middle - start;
    *verify = clock_monotonic() - middle;
    for (size_t i = 0; i < bench->count && status == 0; i++)
        if (bench->items[i].read != OUTCOME_VERIFIED) {
            fprintf(stderr, "%s: %s\n", bench->items[i].key, memcached_outcome_word(bench->items[i].read));
            status = 1;
        }
    memcached_pool_close(pool);
    return status;
}

int main(int count, char **arguments) {
    struct bench bench = {.settings = {.client = PHP_MEMCACHED_KETAMA,
                                       .prefix_hashed = true,
                                       .connect_timeout = 1000,
                                       .timeout = 1000,
                                       .connections = 4}};
    int64_t publish[RUNS], verify[RUNS], whole[RUNS];
    int status = 0, first = 2;
    if (count < 3) {
        fprintf(stderr, "usage: memcached_bench KEYS [CONNECTIONS] NODE...\n");
        return 64;
    }
    bench.count = (size_t)strtoul(arguments[1], NULL, 10);
    if (strchr(arguments[2], ':') == NULL)
        bench.settings.connections = strtol(arguments[first++], NULL, 10);
    for (int i = first; i < count; i++)
        if (memcached_nodes_parse(&bench.nodes, arguments[i]) != NULL)
            return 64;
    status = make_items(&bench);
    for (int i = 0; i < RUNS && status == 0; i++) {
        status = run(&bench, &publish[i], &verify[i]);
        whole[i] = publish[i] + verify[i];
    }
    if (status != 0)
        return status;
    qsort(publish, RUNS, sizeof *publish, by_size);
    qsort(verify, RUNS, sizeof *verify, by_size);
    qsort(whole, RUNS, sizeof *whole, by_size);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("keys=%zu nodes=%zu connections=%d publish_ms=%d verify_ms=%d whole_ms=%d worst_ms=%d peak_rss_kb=%ld\n",
           bench.count, bench.nodes.count, (int)bench.settings.connections, (int)publish[RUNS / 2],
           (int)verify[RUNS / 2], (int)whole[RUNS / 2], (int)whole[RUNS - 1], usage.ru_maxrss);
    return 0;
}
