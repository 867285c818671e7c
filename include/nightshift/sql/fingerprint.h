/* Fingerprints of queries: what is left of a query when its values are taken out, so that the same query with other
 * values is the same. Pure code, on bytes: no character set is assumed, a query may hold NUL and invalid UTF-8.
 *
 * The dialect is pt-query-digest's, percona-toolkit 3 (checked byte for byte against 3.2.1, the one in Debian
 * 12), so that one id finds a query in both tools. Where that dialect is odd ("utf8mb4" becomes "utf?m?", ON
 * DUPLICATE KEY is lost behind several rows) it is odd here too. fingerprint.c lists the oddities that matter, and the
 * two places where we differ.
 *
 * Releases since 2021 (PT-1900) read backslashes and doubled quotes in literals in another way: a query with \\ or ''
 * inside a literal can have another id there, and shows part of its literal. */
#ifndef NIGHTSHIFT_SQL_FINGERPRINT_H
#define NIGHTSHIFT_SQL_FINGERPRINT_H

#include <stddef.h>

#include "nightshift/base/text.h"

/* The room that fingerprint_make() needs for any query of `length` bytes. A fingerprint itself is nearly always shorter
 * than its query; it is longer at most by half, and an empty list "in()" makes it so. The rest is working space. */
#define FINGERPRINT_SIZE(length) (2 * (size_t)(length) + 16)

enum {
    FINGERPRINT_ID_SIZE = 33,    /* 32 upper-case hexadecimal digits and NUL */
    FINGERPRINT_TABLES_MAX = 64, /* of one query; more are left out */
    FINGERPRINT_TABLE_MAX = 520, /* bytes of "database.table"; a longer name cannot be one and is left out */
};

/* Writes the fingerprint of a query to `out`, and a NUL behind it; returns its length without the NUL. It may hold NUL
 * bytes itself.
 *
 * With size < FINGERPRINT_SIZE(length) the query is cut to the length that fits, and the result is the fingerprint of
 * what is left; a bulk INSERT is shortened to its first row before that, and so keeps its true fingerprint whatever its
 * length. With size < 16 the result is empty. `out` must not overlap the query. */
size_t fingerprint_make(const char *query, size_t length, char *out, size_t size);

/* The id of a fingerprint, as pt-query-digest 3 prints it ("ID 0x..."): its MD5 in upper-case hexadecimal. */
void fingerprint_id(const char *fingerprint, size_t length, char out[FINGERPRINT_ID_SIZE]);

/* Adds the tables that a query names, in the order of their first appearance, each once, as "table" or "database.table"
 * without quotes and with digits kept. Names of common table expressions, aliases, and names in literals and comments
 * are no tables; what stands in a version comment counts. A query that is cut, or is no SQL, yields what could be made
 * out. */
void fingerprint_tables(const char *query, size_t length, struct strings *tables);

#endif
