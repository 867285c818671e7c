/* Counting along the tree. GROUP BY has no row for an empty category, so the list of categories comes first and every one of them starts at
 * zero. */
#include <stdlib.h>
#include <string.h>

#include "counts.h"
#include "nightshift/base/parse.h"

enum { SAMPLE = 5 };

const char *counts_add_category(struct counts *counts, const char *id, const char *parent) {
    if (id == NULL || *id == '\0')
        return "a category without an id";
    counts->items = xgrow(counts->items, counts->count, sizeof *counts->items);
    counts->items[counts->count++] = (struct category){
        .id = xstrdup(id),
        .parent_id = parent != NULL ? xstrdup(parent) : NULL,
        .parent = NO_CATEGORY,
    };
    return NULL;
}

static int compare_by_id(const void *a, const void *b, void *context) {
    const struct counts *counts = context;
    return strcmp(counts->items[*(const size_t *)a].id, counts->items[*(const size_t *)b].id);
}

/* Where `id` stands in the sorted list, or where it would have to be put. */
static size_t lower_bound(const struct counts *counts, const char *id) {
    size_t low = 0;
    size_t high = counts->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(counts->items[counts->by_id[middle]].id, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t counts_find(const struct counts *counts, const char *id) {
    size_t at = lower_bound(counts, id);
    bool found = at < counts->count && strcmp(counts->items[counts->by_id[at]].id, id) == 0;
    return found ? counts->by_id[at] : NO_CATEGORY;
}

const char *counts_seal(struct counts *counts, bool closed) {
    counts->closed = closed;
    counts->by_id = xcalloc(counts->count, sizeof *counts->by_id);
    for (size_t i = 0; i < counts->count; i++)
        counts->by_id[i] = i;
    qsort_r(counts->by_id, counts->count, sizeof *counts->by_id, compare_by_id, counts);
    for (size_t i = 1; i < counts->count; i++)
        if (strcmp(counts->items[counts->by_id[i - 1]].id, counts->items[counts->by_id[i]].id) == 0)
            return "the same category id twice";
    for (size_t i = 0; i < counts->count; i++)
        if (counts->items[i].parent_id != NULL)
            counts->items[i].parent = counts_find(counts, counts->items[i].parent_id);
    return NULL;
}

/* For an open list: the new category in its sorted place. */
static size_t insert(struct counts *counts, const char *id) {
    size_t at = lower_bound(counts, id);
    counts_add_category(counts, id, NULL);
    counts->by_id = xreallocarray(counts->by_id, counts->count, sizeof *counts->by_id);
    memmove(counts->by_id + at + 1, counts->by_id + at, (counts->count - 1 - at) * sizeof *counts->by_id);
    counts->by_id[at] = counts->count - 1;
    return counts->count - 1;
}

const char *counts_add_row(struct counts *counts, const char *id, const char *count) {
    int64_t value = 0;
    if (count == NULL || parse_integer(count, &value) != NULL || value < 0)
        return "the second column is not a whole number from 0 on";
    /* Of known and unknown together, because a guard adds them up. */
    int64_t sum = 0;
    if (__builtin_add_overflow(counts->total + counts->unknown_total, value, &sum))
        return "the sum of its counts is too large";
    size_t at = id != NULL && *id != '\0' ? counts_find(counts, id) : NO_CATEGORY;
    if (at == NO_CATEGORY && !counts->closed && id != NULL && *id != '\0')
        at = insert(counts, id);
    if (at == NO_CATEGORY) {
        counts->unknown++;
        counts->unknown_total += value;
        if (counts->unknown_sample.count < SAMPLE)
            strings_add(&counts->unknown_sample, id != NULL ? id : "NULL");
        return NULL;
    }
    if (counts->items[at].counted)
        return "it returns the same category twice; GROUP BY the id alone";
    counts->items[at].counted = true;
    counts->items[at].own = value;
    counts->total += value;
    return NULL;
}

/* Roll-up by counting children: a category is passed on to its parent when all below it have been. What is never reached is on a circle, or
 * above one. */
bool counts_finish(struct counts *counts, bool roll_up, const char **circle) {
    size_t *open_children = xcalloc(counts->count, sizeof *open_children);
    size_t *ready = xcalloc(counts->count, sizeof *ready);
    size_t ready_count = 0;
    for (size_t i = 0; i < counts->count; i++) {
        counts->items[i].count = counts->items[i].own;
        if (roll_up && counts->items[i].parent != NO_CATEGORY)
            open_children[counts->items[i].parent]++;
    }
    for (size_t i = 0; i < counts->count; i++)
        if (open_children[i] == 0)
            ready[ready_count++] = i;
    for (size_t at = 0; at < ready_count; at++) {
        const struct category *category = &counts->items[ready[at]];
        if (!roll_up || category->parent == NO_CATEGORY)
            continue;
        counts->items[category->parent].count += category->count;
        if (--open_children[category->parent] == 0)
            ready[ready_count++] = category->parent;
    }
    bool whole = ready_count == counts->count;
    for (size_t i = 0; !whole && i < counts->count; i++)
        if (open_children[i] > 0) {
            *circle = counts->items[i].id;
            break;
        }
    free(open_children);
    free(ready);
    return whole;
}

void counts_free(struct counts *counts) {
    for (size_t i = 0; i < counts->count; i++) {
        free(counts->items[i].id);
        free(counts->items[i].parent_id);
    }
    free(counts->items);
    free(counts->by_id);
    strings_free(&counts->unknown_sample);
    *counts = (struct counts){0};
}
