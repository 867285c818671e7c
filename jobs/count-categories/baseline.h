/* What was published last, as far as it was seen in the cache: the state of count-categories. Guards compare with this and not with what
 * memcached returns, which may have lost or evicted anything. Pure code. */
#ifndef COUNT_CATEGORIES_BASELINE_H
#define COUNT_CATEGORIES_BASELINE_H

#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

struct baseline_entry {
    char *id;
    int64_t count;
};

/* One [count NAME]. */
struct baseline_count {
    char *name;
    int64_t total;                  /* sum over the query's rows */
    int64_t at;                     /* milliseconds since 1970 */
    struct baseline_entry *entries; /* sorted by id */
    size_t entry_count;
};

struct baseline {
    struct baseline_count *items;
    size_t count;
};

/* Reads the state's body. NULL, or the reason why it is none; the baseline is then empty. */
const char *baseline_decode(const struct text *body, struct baseline *baseline);
void baseline_encode(const struct baseline *baseline, struct text *body);

/* The count's entry, or NULL. baseline_take() makes one where there is none. */
const struct baseline_count *baseline_of(const struct baseline *baseline, const char *name);
struct baseline_count *baseline_take(struct baseline *baseline, const char *name);

/* The published count of a category, or -1. */
int64_t baseline_find(const struct baseline_count *count, const char *id);

/* Replaces all entries; `ids` need not be sorted. */
void baseline_replace(struct baseline_count *count, const char *const *ids, const int64_t *counts, size_t length);

void baseline_free(struct baseline *baseline);

#endif
