/* A table for the terminal: columns as wide as their widest cell, measured in terminal columns (Japanese characters take two). */
#ifndef NIGHTSHIFT_REPORT_TABLE_H
#define NIGHTSHIFT_REPORT_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

/* `heads` are the column titles; a title that begins with '>' (not printed) makes its column flush right. Copied. */
struct table *table_open(const char *const *heads, size_t columns);

/* Adds a row; cells are copied and made printable. NULL cells are empty. */
void table_add(struct table *table, const char *const *cells);

size_t table_rows(const struct table *table);
void table_print(const struct table *table, FILE *out);
void table_free(struct table *table); /* NULL is allowed */

#endif
