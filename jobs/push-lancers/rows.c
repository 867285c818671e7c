/* Two pages go round between two threads: one is filled while the other is read. A page has room for a fixed number of bytes, and the limit that
 * the next query gets follows from how long rows were so far, so that pages are rarely cut. One that is cut all the same ends its statement at
 * once and the next one begins behind the last row that found room: no statement is ever left open while somebody waits for the domain. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "query.h"
#include "rows.h"

enum { PAGES = 2 };

struct page {
    char *bytes;
    size_t capacity;
    size_t used;
    struct field *fields; /* rows one after the other */
    size_t field_count;
    size_t field_capacity;
    bool last;  /* no row follows this page */
    int status; /* of the query that ended the fetching */
    bool full;  /* handed over; else free to be filled */
};

struct row_stream {
    struct row_source source;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    struct page pages[PAGES];
    /* The fetching thread's own. */
    struct text after;
    bool begun;
    int64_t limit;
    /* The reader's own. */
    size_t reading; /* index of the page */
    bool holding;   /* that page is known to be full */
    size_t at;      /* index of the next row's first field */
};

int row_columns_load(struct database *database, const char *query, const char *origin, struct row_columns *columns) {
    struct text sql = {0};
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    query_describe(query, &sql);
    int status = database_query(database, sql.data, origin, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    if (status == 0 && fields != NULL)
        status = fail(EXIT_SETTINGS,
                      "%s returns rows where {after} is NULL and {limit} 0; it must return those whose key is greater "
                      "than {after}, up to {limit}",
                      origin);
    if (status == 0) {
        columns->count = rows_columns(rows);
        columns->items = xcalloc(columns->count, sizeof *columns->items);
        for (size_t i = 0; i < columns->count; i++)
            strings_add(&columns->names, rows_column_name(rows, i));
        for (size_t i = 0; i < columns->count; i++)
            columns->items[i] = (struct document_column){.name = columns->names.items[i],
                                                         .kind = rows_column_kind(rows, i),
                                                         .utc = rows_column_is_timestamp(rows, i)};
    }
    rows_close(rows);
    text_free(&sql);
    return status;
}

void row_columns_free(struct row_columns *columns) {
    strings_free(&columns->names);
    free(columns->items);
}

/* --- the fetching thread --- */

static void page_reset(struct page *page) {
    page->used = 0;
    page->field_count = 0;
    page->last = false;
    page->status = 0;
    if (page->capacity == PAGE_BYTES)
        return;
    free(page->bytes);
    page->bytes = xmalloc(PAGE_BYTES);
    page->capacity = PAGE_BYTES;
}

static size_t row_bytes(const struct field *fields, size_t columns) {
    size_t bytes = 0;
    for (size_t i = 0; i < columns; i++)
        bytes += fields[i].bytes != NULL ? fields[i].length + 1 : 0;
    return bytes;
}

/* False if there is no room for this row; there always is for the first one. */
static bool page_add(struct page *page, const struct field *fields, size_t columns) {
    size_t bytes = row_bytes(fields, columns);
    if (page->used + bytes > page->capacity) {
        if (page->field_count > 0)
            return false;
        free(page->bytes);
        page->bytes = xmalloc(bytes);
        page->capacity = bytes;
    }
    if (page->field_count + columns > page->field_capacity) {
        page->field_capacity = 2 * (page->field_count + columns);
        page->fields = xreallocarray(page->fields, page->field_capacity, sizeof *page->fields);
    }
    for (size_t i = 0; i < columns; i++) {
        struct field *field = &page->fields[page->field_count++];
        *field = fields[i];
        if (field->bytes == NULL)
            continue;
        field->bytes = memcpy(page->bytes + page->used, fields[i].bytes, field->length + 1);
        page->used += field->length + 1;
    }
    return true;
}

/* Where the next page begins. What the server sends for an integer goes into the next statement as it is, so it has to be one. */
static int remember_key(struct row_stream *stream, const struct page *page) {
    const struct row_source *source = &stream->source;
    const struct field *key = &page->fields[page->field_count - source->columns + source->key_column];
    if (key->bytes == NULL)
        return fail(EXIT_SETTINGS, "%s returns a row whose key is NULL", source->origin);
    if (source->key_kind == ROWKEY_INTEGER && strspn(key->bytes, "-0123456789") != key->length)
        return fail(EXIT_SETTINGS, "%s returns a key that is no whole number", source->origin);
    text_clear(&stream->after);
    text_append(&stream->after, key->bytes, key->length);
    stream->begun = true;
    return 0;
}

/* The next limit: so many rows that a page of their average length is filled to three quarters. */
static void adapt_limit(struct row_stream *stream, const struct page *page) {
    size_t rows = page->field_count / stream->source.columns;
    if (rows == 0)
        return;
    int64_t fitting = (int64_t)(PAGE_BYTES / 4 * 3 / (page->used / rows + 1));
    stream->limit = fitting < 1 ? 1 : fitting < stream->source.page_rows ? fitting : stream->source.page_rows;
}

static int fetch_page(struct row_stream *stream, struct page *page) {
    const struct row_source *source = &stream->source;
    struct text sql = {0};
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    page_reset(page);
    query_page(source->query, source->key_kind, stream->begun ? &stream->after : NULL, stream->limit, &sql);
    int status = database_query(source->database, sql.data, source->origin, &rows);
    if (status == 0 && rows_columns(rows) != source->columns)
        status = fail(EXIT_LATER, "%s has other columns than a moment ago", source->origin);
    while (status == 0) {
        status = rows_next(rows, &fields);
        if (status != 0 || fields == NULL || !page_add(page, fields, source->columns))
            break;
    }
    rows_close(rows);
    text_free(&sql);
    page->last = status == 0 && page->field_count == 0;
    if (status == 0 && !page->last)
        status = remember_key(stream, page);
    adapt_limit(stream, page);
    return status;
}

static bool wait_until_free(struct row_stream *stream, const struct page *page) {
    pthread_mutex_lock(&stream->lock);
    while (page->full && !stream->stopping)
        pthread_cond_wait(&stream->changed, &stream->lock);
    bool go_on = !stream->stopping;
    pthread_mutex_unlock(&stream->lock);
    return go_on;
}

static void set_full(struct row_stream *stream, struct page *page, bool full) {
    pthread_mutex_lock(&stream->lock);
    page->full = full;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
}

static void *fetch_all(void *context) {
    struct row_stream *stream = context;
    for (size_t i = 0;; i = (i + 1) % PAGES) {
        struct page *page = &stream->pages[i];
        if (!wait_until_free(stream, page))
            return NULL;
        page->status = fetch_page(stream, page);
        bool over = page->last || page->status != 0;
        set_full(stream, page, true);
        if (over)
            return NULL;
    }
}

int row_stream_start(const struct row_source *source, struct row_stream **out) {
    struct row_stream *stream = xcalloc(1, sizeof *stream);
    stream->source = *source;
    stream->limit = source->page_rows;
    pthread_mutex_init(&stream->lock, NULL);
    pthread_cond_init(&stream->changed, NULL);
    int problem = pthread_create(&stream->thread, NULL, fetch_all, stream);
    if (problem != 0) {
        free(stream);
        return fail(EXIT_SYSTEM, "cannot start a thread: %s", strerror(problem));
    }
    *out = stream;
    return 0;
}

/* --- the reader --- */

static void wait_until_full(struct row_stream *stream, const struct page *page) {
    pthread_mutex_lock(&stream->lock);
    while (!page->full)
        pthread_cond_wait(&stream->changed, &stream->lock);
    pthread_mutex_unlock(&stream->lock);
}

int row_stream_next(struct row_stream *stream, const struct field **row) {
    for (;;) {
        struct page *page = &stream->pages[stream->reading];
        if (!stream->holding)
            wait_until_full(stream, page);
        stream->holding = true;
        if (stream->at < page->field_count) {
            *row = &page->fields[stream->at];
            stream->at += stream->source.columns;
            return 0;
        }
        *row = NULL;
        if (page->last || page->status != 0)
            return page->status;
        stream->at = 0;
        stream->holding = false;
        stream->reading = (stream->reading + 1) % PAGES;
        set_full(stream, page, false);
    }
}

void row_stream_stop(struct row_stream *stream) {
    if (stream == NULL)
        return;
    pthread_mutex_lock(&stream->lock);
    stream->stopping = true;
    pthread_cond_broadcast(&stream->changed);
    pthread_mutex_unlock(&stream->lock);
    pthread_join(stream->thread, NULL);
    for (size_t i = 0; i < PAGES; i++) {
        free(stream->pages[i].bytes);
        free(stream->pages[i].fields);
    }
    text_free(&stream->after);
    pthread_mutex_destroy(&stream->lock);
    pthread_cond_destroy(&stream->changed);
    free(stream);
}
