/* Counts per category: filled with zeros, rolled up along the tree. Pure code. */
#ifndef COUNT_CATEGORIES_COUNTS_H
#define COUNT_CATEGORIES_COUNTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

#define NO_CATEGORY ((size_t)-1)

struct category {
    char *id;
    char *parent_id; /* NULL: a root */
    size_t parent;   /* index, or NO_CATEGORY */
    int64_t own;     /* from the query */
    int64_t count;   /* what is published: own, or with all below when rolled up */
    bool counted;    /* the query has a row for it */
};

struct counts {
    struct category *items; /* in the order in which they were added */
    size_t count;
    size_t *by_id;  /* indexes, sorted by id; NULL until counts_seal() */
    bool closed;    /* the ids are given: rows for others are unknown */
    int64_t total;  /* sum of what the query returned for known categories */
    size_t unknown; /* rows for categories that do not exist, or for none (NULL) */
    int64_t unknown_total;
    struct strings unknown_sample; /* the first few of their ids */
};

/* Adds a category of the given list. `parent` NULL: a root. NULL, or the reason why not. */
const char *counts_add_category(struct counts *counts, const char *id, const char *parent);

/* The list is complete. With `closed` false any id that the query returns becomes a category. NULL, or the reason (a string literal) why the
 * list is none: an id twice. */
const char *counts_seal(struct counts *counts, bool closed);

/* Adds a row of the query. `id` NULL stands for SQL NULL. NULL, or the reason why the query cannot be right: an id twice, a count that is not
 * a whole number from 0 on. */
const char *counts_add_row(struct counts *counts, const char *id, const char *count);

/* Sets the published counts: own, or rolled up. False when the parents form a circle; *circle is then the id of a category on it. */
bool counts_finish(struct counts *counts, bool roll_up, const char **circle);

/* The category's index, or NO_CATEGORY. */
size_t counts_find(const struct counts *counts, const char *id);

void counts_free(struct counts *counts);

#endif
