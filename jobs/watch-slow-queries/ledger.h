/* All that watch-slow-queries remembers, in one blob that is written whole: how far each slow log was read, the groups
 * of queries that people have not been told of yet, and the history of every fingerprint. Positions and groups are
 * in one blob because a row counts exactly once only if "read" and "to be told" become true in the same moment.
 *
 * Pure code: ledger_encode() and ledger_decode() on bytes. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_LEDGER_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "groups.h"
#include "nightshift/base/text.h"
#include "nightshift/sql/fingerprint.h"

#define LEDGER_HEAD "nightshift-slow-queries 1\n" /* how its text begins: format and version */

enum {
    LEDGER_HASH_SIZE = 33, /* XXH3-128 in hexadecimal and NUL */
    LEDGER_GAPS_LIMIT = 10,
    LEDGER_DONE_LIMIT = 8, /* earlier generations that an instance remembers */
    LEDGER_DAYS_LIMIT = DAYS_LIMIT,
};

/* How far the slow log of one instance was read. A "generation" is one life of the table, from empty to its rotation or
 * truncation. */
struct position {
    char *instance;               /* the server itself, whatever name or address leads to it: see instances.h */
    char *server;                 /* the address it was last read at, as in the settings */
    int64_t rows;                 /* of this generation that were read */
    char first[LEDGER_HASH_SIZE]; /* hash of its first row; "" while rows is 0 */
    char last[LEDGER_HASH_SIZE];  /* hash of row number `rows` */
    struct strings done;          /* `first` of earlier generations that were read to their end, newest last */
    int64_t read_at;              /* when it was last read to its end, milliseconds since 1970; 0: never */
    int64_t newest; /* the latest `finished` of any row, to tell a shifted clock or zone from a real one */
};

/* A fingerprint that was seen before, on any instance. */
struct known {
    char id[FINGERPRINT_ID_SIZE];
    char *fingerprint; /* as in struct group */
    struct strings tables;
    int64_t first_seen, last_seen; /* milliseconds since 1970 */
    struct tally all;              /* since first_seen */
    struct days days;              /* the newest LEDGER_DAYS_LIMIT days that had any */
    int64_t told_day;              /* the day on which it was last told as new or worse */
    struct tally told;             /* that day's tally when it was told */
};

struct ledger {
    struct position *positions;
    size_t position_count;
    struct groups pending;    /* read, and not told yet */
    char *sealed;             /* the key under which `pending` is being told; NULL: it still grows */
    struct strings gaps;      /* sentences: rows that were lost since people were last told; belongs to pending */
    struct strings told_gaps; /* the last LEDGER_GAPS_LIMIT that people were told of, newest last */
    struct known *known;      /* sorted by id */
    size_t known_count;
};

/* The position of an instance; made, with 0 rows, if there is none. Valid until the next call. */
struct position *ledger_position(struct ledger *ledger, const char *instance);
void position_free(struct position *position);

/* NULL if the fingerprint was never seen. */
const struct known *ledger_known(const struct ledger *ledger, const char *id);

/* Moves `pending` into the history: afterwards there are no pending groups and gaps, and it is not sealed. For the
 * fingerprints in `told` (ids; NULL: none), told_day and told become those of `today`. */
void ledger_settle(struct ledger *ledger, const struct strings *told, int64_t today);

/* Forgets fingerprints that were last seen before `before` (milliseconds since 1970), and of the rest, those that were seen longest
 * ago, until `limit` are left. Returns how many. Instances that were last read before `before` are forgotten too. */
size_t ledger_forget(struct ledger *ledger, size_t limit, int64_t before);

/* Appends. The result is a ledger only while out->full is not set. The format is described in ledger.c. */
void ledger_encode(const struct ledger *ledger, struct text *out);

/* NULL, or why these bytes are no ledger (a string literal); *ledger is filled on success only, and is empty before. */
const char *ledger_decode(const struct text *body, struct ledger *ledger);

void ledger_free(struct ledger *ledger); /* leaves it empty and usable */

#endif
