/* One slow log table, read row by row in the order of its file: the table itself, or one that a rotation made of it.
 *
 * The CSV engine keeps rows in the order in which statements ended, and writes start_time as text in the time zone of the session that ran
 * the statement (MySQL bug 34612). Hence the order is that of the rows, never of their times; a row's hash is over its text as it
 * stands; and its time is a guess in need of a check: the text taken to be in the server's own zone. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SLOW_LOG_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SLOW_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"
#include "nightshift/stores/mysql.h"
#include "slow_row.h"

enum slow_table {
    SLOW_LIVE,   /* mysql.slow_log */
    SLOW_DRAIN,  /* mysql.nightshift_slow_log: what mode rotate moves away */
    SLOW_BACKUP, /* mysql.slow_log_backup: what RDS, and the example in MySQL's manual, move away */
    SLOW_NEXT,   /* mysql.nightshift_slow_log_next: empty, about to become the live one */
};

const char *slow_table_name(int table); /* "mysql.slow_log" */

/* A row and who it is. */
struct slow_entry {
    struct slow_row row;         /* `finished` is as the table says, not checked; 0: it says nothing of use */
    char hash[LEDGER_HASH_SIZE]; /* of all columns as text, of the query its length and checksum */
    bool readable;               /* false: a value cannot be understood; only the hash is of use then */
    bool own;                    /* it is the statement by which slow_log_open() reads */
};

struct slow_log;

struct slow_log_range {
    int table;         /* enum slow_table */
    int64_t skip;      /* rows */
    int64_t limit;     /* rows */
    int64_t max_query; /* bytes */
};

/* Starts reading. *out is NULL, with 0 returned, if there is no such table or we may not read it; the live table always is, or that is
 * logged and EXIT_DENIED or EXIT_UNAVAILABLE. Somebody who swaps the live table in two steps is waited for, up to two seconds. */
int slow_log_open(struct database *database, const struct slow_log_range *range, struct slow_log **out);

/* The next row, valid until the next call; *entry is NULL after the last. All rows are of the moment in which slow_log_open() ran. */
int slow_log_next(struct slow_log *log, const struct slow_entry **entry);

void slow_log_close(struct slow_log *log); /* NULL is allowed */

/* What a table begins with. */
struct slow_peek {
    bool exists; /* and may be read */
    bool denied;
    char first[LEDGER_HASH_SIZE]; /* "": it is empty */
    int64_t newest;               /* the latest time among its first rows; 0: none can be understood */
};

int slow_log_peek(struct database *database, int table, struct slow_peek *peek);

/* How many rows a table has, by counting them: TABLE_ROWS of a CSV table is what the last scan by the same handler saw (measured: 1 and 2
 * for a million). That takes as long as reading to its end. */
int slow_log_count(struct database *database, int table, int64_t *count);

/* "838:59:59.000000" in microseconds; what is less than nothing counts as nothing. False if it is no time. */
bool slow_log_parse_time(const char *string, int64_t *microseconds);

#endif
