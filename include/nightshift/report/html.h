/* One self-contained HTML page: no request goes out from it, and it looks the same from a file, a mail or a web server.
 *
 * Everything is appended to a struct text, which must not have overflowed in the end (out->full; give it a limit that
 * fits). Style and script are part of the page; its Content-Security-Policy allows these two by their SHA-256 and
 * nothing else, so that markup that slipped through could neither run nor load anything. For the same reason no element
 * may have a style or on... attribute: use the classes below.
 *
 * The script sorts tables by a click on a column's title; without it the page only lacks that. Light and dark follow
 * the reader's system. Up to 640 px of width the rows of a table are cards. Classes for use in raw markup:
 *   badge, badge strong, badge quiet   a word in a box: for a state. The word says it, the colour only repeats it.
 *   muted                              less important
 *   facts                              on <dl>: a row of figures
 *   note                               on <p>: something to know before reading on
 *   number                             digits of equal width, no line break */
#ifndef NIGHTSHIFT_REPORT_HTML_H
#define NIGHTSHIFT_REPORT_HTML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

/* --- Text --- */

/* Appends text of any origin, fit for an element's content and for an attribute in double quotes: & < > " ' become
 * entities; control characters (line breaks and tabs too), bidirectional controls and invalid UTF-8 come out as \xNN.
 * NULL is no string. */
void html_add_text(struct text *out, const char *string);
void html_add_bytes(struct text *out, const char *bytes, size_t length);

/* The same with line breaks and tabs kept: for <pre>. */
void html_add_lines(struct text *out, const char *bytes, size_t length);

/* SQL or a plan: in one line, wrapped, when it is short; else its beginning, which opens to the whole. */
void html_add_code(struct text *out, const char *code);

/* <time>: date and time to the minute, the exact time with zone in its attributes. In the process's time zone. */
void html_add_time(struct text *out, int64_t milliseconds);

/* --- Page --- */

/* A link to another page. Only relative addresses ("features.html") are links; others are left out. */
struct html_link {
    const char *title;
    const char *href;
};

struct html_head {
    const char *title;
    const char *program;  /* "watch-slow-queries", for the line at the end */
    int64_t generated_at; /* milliseconds since 1970 */
    const struct html_link *links;
    size_t link_count;
};

void html_page_begin(struct text *out, const struct html_head *head);
void html_page_end(struct text *out, const struct html_head *head);

/* <section> with a heading. `id` is for links to it (#id) and must be unique on the page: letters, digits, hyphens. */
void html_section_begin(struct text *out, const char *id, const char *title);
void html_section_end(struct text *out);

/* Writes the page as DIRECTORY/NAME, whole or not at all, for all to read; makes the directory (not its parents). EXIT_CANNOT_WRITE, also for
 * a page that has overflowed. */
int html_page_write(const struct text *page, const char *directory, const char *name);

/* --- Tables --- */

enum html_type {
    HTML_TEXT,     /* flush left, sorted as text */
    HTML_NUMBER,   /* these are flush right and sorted by value, largest first at the first click */
    HTML_DURATION, /* " */
    HTML_BYTES,    /* " */
    HTML_DATE,     /* sorted by value, flush left */
    HTML_RAW,      /* the caller's markup: sorted by the key it gives */
    HTML_PLAIN,    /* the caller's markup, not sortable: charts */
};

struct html_column {
    const char *title;
    enum html_type type;
    const char *hint; /* shown when pointed at; NULL: none */
};

/* A table that is being written. Rows are written in the order in which they shall first be seen. */
struct html_table {
    struct text *out;
    const struct html_column *columns; /* must live until html_table_end() */
    size_t count;
    int sorted;
    size_t at; /* column of the next cell */
    bool in_row;
    bool wide; /* the row has its second line */
};

/* `caption` says what the rows are. `sorted`: 1 + the column whose order the rows come in, largest or latest first;
 * negative: smallest first; 0: none. */
void html_table_begin(struct html_table *table, struct text *out, const char *caption,
                      const struct html_column *columns, size_t count, int sorted);
void html_table_end(struct html_table *table);

/* Begins a row (and ends the one before). `id` as for html_section_begin(), or NULL. */
void html_row(struct html_table *table, const char *id);

/* Each writes the next cell of the row. A cell without a value is "–" and is sorted last. */
void html_cell_text(struct html_table *table, const char *string); /* NULL: no value */
void html_cell_number(struct html_table *table, int64_t number);
void html_cell_duration(struct html_table *table, int64_t microseconds);
void html_cell_bytes(struct html_table *table, int64_t bytes);
void html_cell_time(struct html_table *table, int64_t milliseconds); /* since 1970; 0: no value */
void html_cell_day(struct html_table *table, int64_t day);           /* days since 1970; 0: no value */
void html_cell_none(struct html_table *table);

/* A cell of the caller's own markup, which goes into table->out between the two. `key`: what it is sorted by; of
 * HTML_RAW, larger keys come first at the first click. */
void html_cell_begin(struct html_table *table, int64_t key);
void html_cell_end(struct html_table *table);

/* A second line of the row, as wide as the table, that moves with it. At most one; no cells of the row may follow. */
void html_wide_begin(struct html_table *table);
void html_wide_end(struct html_table *table);

#endif
