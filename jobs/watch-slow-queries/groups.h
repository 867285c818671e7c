/* Slow queries in groups: one per fingerprint and instance. Pure code: rows go in, and no server or clock is asked.
 *
 * Groups live in the ledger from the moment their rows are read until people were told of them, so that a run that dies
 * in between loses nothing. No literal of a query is in them but in `sample`, which is kept only on request.
 *
 * Memory is bounded whatever the rows are: when there are GROUPS_LIMIT groups, or GROUPS_BYTES_LIMIT bytes in them, rows
 * of further fingerprints are counted in one group per instance, whose fingerprint is GROUPS_FURTHER and whose id is that
 * text's; samples take at most half of the bytes; of more than GROUPS_TIMES_TOTAL times, those of the largest groups are
 * thinned. No row goes uncounted. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_GROUPS_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/sql/fingerprint.h"
#include "slow_row.h"
#include "tally.h"

enum {
    GROUPS_FINGERPRINT_LIMIT = 2000, /* bytes of a fingerprint that are kept */
    GROUPS_SAMPLE_LIMIT = 4000,      /* bytes of a sample */
    GROUPS_NAMES_LIMIT = 16,         /* tables, and users, that are kept per group */
    GROUPS_NAME_LIMIT = 520,         /* bytes of a table's or user's name */
    GROUPS_LIMIT = 2000,
    GROUPS_BYTES_LIMIT = 2 * 1024 * 1024,
    GROUPS_TIMES_TOTAL = 32768,
};

#define GROUPS_FURTHER "(further fingerprints)"

struct group {
    char id[FINGERPRINT_ID_SIZE];
    char *fingerprint; /* without literals, see masked.h */
    char *instance;    /* name of the instance, as in struct position */
    struct tally all;
    struct days days;
    struct times times;
    int64_t lock_time;
    int64_t rows_sent;
    int64_t rows_examined;
    int64_t first, last; /* when queries of it finished, milliseconds since 1970 */
    struct strings tables;
    struct strings users;
    char *sample; /* the slowest query as it was, but NUL and invalid UTF-8 as \xNN; NULL: samples are not wanted */
};

struct groups {
    struct group *items; /* in the order of their first row */
    size_t count;
    struct groups_index *index; /* groups.c */
};

struct groups_input {
    const char *instance;
    const struct slow_row *row;
    int64_t day; /* that row->finished falls on */
    bool sample; /* keep one; otherwise one that the group has is dropped */
};

/* Counts a row. The fingerprint is made here, in `scratch`, which is the caller's and grows as needed. Times and numbers
 * of rows that are negative count as 0. */
void groups_add(struct groups *groups, const struct groups_input *input, struct text *scratch);

/* Adds a finished group as it stands (the ledger reads them back so); takes over what it owns. */
void groups_put(struct groups *groups, struct group *group);

void group_free(struct group *group);
void groups_free(struct groups *groups); /* leaves it empty and usable */

#endif
