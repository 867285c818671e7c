/* The rows of the query, page by page, fetched by a thread of its own while the last page is being worked on. Memory is that of two pages. */
#ifndef PUSH_LANCERS_ROWS_H
#define PUSH_LANCERS_ROWS_H

#include <stddef.h>
#include <stdint.h>

#include "nightshift/stores/mysql.h"
#include "document.h"

enum {
    PAGE_BYTES = 4 * 1024 * 1024, /* of one page; a single row may be longer */
};

struct row_columns {
    struct document_column *items;
    size_t count;
    struct strings names; /* what the items point to */
};

/* The query's columns, from a page without rows. Free with row_columns_free(), also when it failed. */
int row_columns_load(struct database *database, const char *query, const char *origin, struct row_columns *columns);
void row_columns_free(struct row_columns *columns);

struct row_source {
    struct database *database; /* nobody else may use it until row_stream_stop() */
    const char *query;
    const char *origin; /* for messages: "[push-lancers] query" */
    size_t columns;
    size_t key_column;
    enum rowkey_kind key_kind;
    int64_t page_rows;
};

struct row_stream;

/* Begins to fetch. `source` is copied, what it points to must outlive the stream. EXIT_SYSTEM when there is no thread to be had. */
int row_stream_start(const struct row_source *source, struct row_stream **out);

/* The next row, valid until the next call; *row is NULL after the last one. Fails as the query does. */
int row_stream_next(struct row_stream *stream, const struct field **row);

/* Waits for the thread; a page that is being fetched is fetched to its end first. NULL is allowed. */
void row_stream_stop(struct row_stream *stream);

#endif
