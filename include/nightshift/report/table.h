/* A table for the terminal: columns as wide as their widest cell, measured in terminal columns (Japanese characters take two). */
#ifndef NIGHTSHIFT_REPORT_TABLE_H
#define NIGHTSHIFT_REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include "nightshift/base/text.h"

struct table;

/* `heads` are the column titles; a title that begins with '>' (not printed) makes its column flush right. Copied. */
struct table *table_open(const char *const *heads, size_t columns);

/* Adds a row; cells are copied and made printable. NULL cells are empty. */
void table_add(struct table *table, const char *const *cells);

/* The next cell of a row that is made cell by cell: what is appended to it is shown. The row is added by the first cell of the next one, or
 * by table_print(). Valid until the next call. */
struct text *table_cell(struct table *table);

size_t table_rows(const struct table *table);
void table_print(struct table *table, FILE *out);
void table_free(struct table *table); /* NULL is allowed */

#endif
