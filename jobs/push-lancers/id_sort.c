/* One block of memory: keys grow from its beginning, each after a byte with its length; their places grow from its end, and are what is sorted.
 * Looking at the first key of every run for each key is fine for the few runs that there are. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "id_sort.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/memory.h"
#include "rowkey.h"
#include "spool.h"

struct run_of_keys {
    struct spool *spool;
    struct operation first; /* the one that comes next; only its key has a meaning */
    bool any;
};

struct id_sort {
    char *directory;
    uint32_t *slots;
    size_t slot_count;
    size_t used;  /* bytes, from the beginning */
    size_t count; /* places, from the end */
    size_t at;    /* reading from memory */
    struct run_of_keys *runs;
    size_t run_count;
    struct run_of_keys *last; /* that the last key was taken from */
};

struct id_sort *id_sort_new(const char *directory, size_t memory) {
    struct id_sort *sort = xcalloc(1, sizeof *sort);
    sort->directory = xstrdup(directory);
    sort->slot_count = memory / sizeof *sort->slots;
    sort->slots = xcalloc(sort->slot_count, sizeof *sort->slots);
    return sort;
}

void id_sort_free(struct id_sort *sort) {
    if (sort == NULL)
        return;
    for (size_t i = 0; i < sort->run_count; i++)
        spool_free(sort->runs[i].spool);
    free(sort->runs);
    free(sort->slots);
    free(sort->directory);
    free(sort);
}

static uint32_t *places_of(const struct id_sort *sort) {
    return sort->slots + sort->slot_count - sort->count;
}

static const unsigned char *record_at(const struct id_sort *sort, size_t index) {
    return (const unsigned char *)sort->slots + places_of(sort)[index];
}

static int compare_places(const void *a, const void *b, void *context) {
    const unsigned char *first = (const unsigned char *)context + *(const uint32_t *)a;
    const unsigned char *second = (const unsigned char *)context + *(const uint32_t *)b;
    return rowkey_compare(first + 1, *first, second + 1, *second);
}

static void sort_memory(struct id_sort *sort) {
    qsort_r(places_of(sort), sort->count, sizeof *sort->slots, compare_places, sort->slots);
}

static int write_run(struct id_sort *sort) {
    sort->runs = xreallocarray(sort->runs, sort->run_count + 1, sizeof *sort->runs);
    struct run_of_keys *run = &sort->runs[sort->run_count];
    *run = (struct run_of_keys){0};
    int status = spool_create(sort->directory, INT64_MAX, &run->spool);
    if (status != 0)
        return status;
    sort->run_count++;
    sort_memory(sort);
    for (size_t i = 0; status == 0 && i < sort->count; i++) {
        const unsigned char *record = record_at(sort, i);
        const struct operation key = {.kind = OPERATION_FORGET, .key = record + 1, .key_length = *record, .json = ""};
        status = spool_add(run->spool, &key);
    }
    sort->used = 0;
    sort->count = 0;
    return status;
}

int id_sort_add(struct id_sort *sort, const void *key, size_t length) {
    if (length > ROWKEY_STORED)
        return fail(EXIT_BUG, "a key of %zu bytes cannot be sorted", length);
    if (sort->used + 1 + length + (sort->count + 1) * sizeof *sort->slots > sort->slot_count * sizeof *sort->slots) {
        int status = write_run(sort);
        if (status != 0)
            return status;
    }
    unsigned char *record = (unsigned char *)sort->slots + sort->used;
    *record = (unsigned char)length;
    memcpy(record + 1, key, length);
    sort->count++;
    *places_of(sort) = (uint32_t)sort->used;
    sort->used += 1 + length;
    return 0;
}

static int advance(struct run_of_keys *run) {
    return spool_next(run->spool, &run->first, &run->any);
}

int id_sort_start(struct id_sort *sort) {
    int status = 0;
    if (sort->run_count == 0) {
        sort_memory(sort);
        return 0;
    }
    if (sort->count > 0)
        status = write_run(sort);
    free(sort->slots);
    sort->slots = NULL;
    for (size_t i = 0; status == 0 && i < sort->run_count; i++) {
        status = spool_rewind(sort->runs[i].spool);
        if (status == 0)
            status = advance(&sort->runs[i]);
    }
    return status;
}

static int next_of_runs(struct id_sort *sort, const unsigned char **key, size_t *length) {
    int status = sort->last != NULL ? advance(sort->last) : 0;
    struct run_of_keys *least = NULL;
    for (size_t i = 0; i < sort->run_count; i++) {
        struct run_of_keys *run = &sort->runs[i];
        if (run->any && (least == NULL || rowkey_compare(run->first.key, run->first.key_length, least->first.key,
                                                         least->first.key_length) < 0))
            least = run;
    }
    sort->last = least;
    if (status != 0 || least == NULL)
        return status;
    *key = least->first.key;
    *length = least->first.key_length;
    return 0;
}

int id_sort_next(struct id_sort *sort, const unsigned char **key, size_t *length) {
    *key = NULL;
    *length = 0;
    if (sort->run_count > 0)
        return next_of_runs(sort, key, length);
    if (sort->at < sort->count) {
        const unsigned char *record = record_at(sort, sort->at++);
        *key = record + 1;
        *length = *record;
    }
    return 0;
}
