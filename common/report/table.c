/* Tables for people: all rows are kept until the widths are known. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "nightshift/base/utf8.h"
#include "nightshift/report/table.h"

struct table {
    size_t columns;
    bool *right;
    size_t *widths;
    char **cells; /* row by row; the first row is the heads */
    size_t rows;
    struct text *pending; /* cells of the row that table_cell() is making */
    size_t begun;         /* of them */
};

static void add_row(struct table *table, const char *const *cells) {
    table->cells = xreallocarray(table->cells, (table->rows + 1) * table->columns, sizeof *table->cells);
    for (size_t i = 0; i < table->columns; i++) {
        struct text clean = {0};
        const char *cell = cells[i] != NULL ? cells[i] : "";
        text_append_printable(&clean, cell, strlen(cell));
        char *string = text_take(&clean);
        size_t width = utf8_columns(string);
        table->cells[table->rows * table->columns + i] = string;
        if (width > table->widths[i])
            table->widths[i] = width;
    }
    table->rows++;
}

struct table *table_open(const char *const *heads, size_t columns) {
    struct table *table = xcalloc(1, sizeof *table);
    const char **titles = xcalloc(columns, sizeof *titles);
    table->columns = columns;
    table->right = xcalloc(columns, sizeof *table->right);
    table->widths = xcalloc(columns, sizeof *table->widths);
    for (size_t i = 0; i < columns; i++) {
        table->right[i] = heads[i][0] == '>';
        titles[i] = heads[i] + (table->right[i] ? 1 : 0);
    }
    add_row(table, titles);
    free(titles);
    return table;
}

void table_add(struct table *table, const char *const *cells) {
    add_row(table, cells);
}

static void add_pending(struct table *table) {
    if (table->begun == 0)
        return;
    const char **cells = xcalloc(table->columns, sizeof *cells);
    for (size_t i = 0; i < table->begun; i++)
        cells[i] = text_string(&table->pending[i]);
    add_row(table, cells);
    for (size_t i = 0; i < table->begun; i++)
        text_clear(&table->pending[i]);
    free(cells);
    table->begun = 0;
}

struct text *table_cell(struct table *table) {
    if (table->pending == NULL)
        table->pending = xcalloc(table->columns, sizeof *table->pending);
    if (table->begun == table->columns)
        add_pending(table);
    return &table->pending[table->begun++];
}

size_t table_rows(const struct table *table) {
    return table->rows - 1 + (table->begun > 0 ? 1 : 0);
}

void table_print(struct table *table, FILE *out) {
    add_pending(table);
    for (size_t row = 0; row < table->rows; row++) {
        for (size_t i = 0; i < table->columns; i++) {
            const char *cell = table->cells[row * table->columns + i];
            int padding = (int)(table->widths[i] - utf8_columns(cell));
            bool last = i + 1 == table->columns;
            if (table->right[i])
                fprintf(out, "%*s%s%s", padding, "", cell, last ? "" : "  ");
            else
                fprintf(out, "%s%*s%s", cell, last ? 0 : padding, "", last ? "" : "  ");
        }
        fputc('\n', out);
    }
}

void table_free(struct table *table) {
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cells[i]);
    for (size_t i = 0; table->pending != NULL && i < table->columns; i++)
        text_free(&table->pending[i]);
    free(table->pending);
    free(table->cells);
    free(table->widths);
    free(table->right);
    free(table);
}
