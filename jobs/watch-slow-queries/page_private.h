/* What the parts of the page share. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_PAGE_PRIVATE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_PAGE_PRIVATE_H

#include "history.h"
#include "page.h"

enum { PAGE_SHOWN_DAYS = LEDGER_DAYS_LIMIT };

/* The section with the table of queries: the first PAGE_ROWS of history_rows(). */
void page_add_queries(const struct page_input *input, const struct history_row *rows, struct text *out);

#endif
