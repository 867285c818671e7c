/* The query of the settings, with {after} and {limit}, as the statement that fetches one page. Pure code. */
#ifndef PUSH_LANCERS_QUERY_H
#define PUSH_LANCERS_QUERY_H

#include <stdint.h>

#include "nightshift/base/text.h"
#include "rowkey.h"

/* NULL, or what is wrong with the template (freed by the caller). */
char *query_check(const char *query);

/* The statement that returns no rows, but the names and kinds of the columns. */
void query_describe(const char *query, struct text *sql);

/* The page behind `after`, a value of the key's column as the server sent it; NULL: the first page. */
void query_page(const char *query, enum rowkey_kind kind, const struct text *after, int64_t limit, struct text *sql);

#endif
