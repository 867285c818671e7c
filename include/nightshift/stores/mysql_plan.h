/* What a query costs the server: rows read, and what its plan gives away. */
#ifndef NIGHTSHIFT_STORES_MYSQL_PLAN_H
#define NIGHTSHIFT_STORES_MYSQL_PLAN_H

#include "nightshift/stores/mysql.h"

/* The sum of this session's Handler_read_* counters. The difference between two calls is the number of requests to read
 * a row or an index entry that the storage engines got in between, including those on internal temporary tables: the
 * work done, whatever the cache state. SHOW STATUS does not count itself. An engine that counts by itself (COUNT(*)
 * over a whole InnoDB table on MySQL >= 8.0.13, index condition pushdown) reads rows that no counter shows. */
int database_handler_reads(struct database *database, int64_t *sum);

/* Plans with a full scan of fewer estimated rows than this are not worth a warning. */
enum { PLAN_SCAN_ROWS = 10000 };

struct plan {
    bool temporary;          /* an internal temporary table */
    bool filesort;           /* rows sorted outside of an index */
    int64_t scanned;         /* estimated rows of the largest full table scan; 0: none */
    struct strings warnings; /* "reads all of categorizations (about 12672606 rows)", "filesort on works", "temporary
                                table for works" */
};

/* EXPLAINs a SELECT. Fails as the statement itself would. plan_free() afterwards, also on failure. */
int database_explain(struct database *database, const char *sql, const char *origin, struct plan *plan);
void plan_free(struct plan *plan);

#endif
