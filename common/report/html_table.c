/* Tables of a page. Each row is a <tbody> of its own, so that a second, wide line moves with it when the table is
 * sorted. What a cell is sorted by is in data-s, and data-l repeats the column's title for the cards of a narrow
 * screen. */
#include <inttypes.h>

#include "nightshift/base/clock.h"
#include "nightshift/report/format.h"
#include "nightshift/report/html.h"

static const char nothing[] = "–";

/* The classes of cells, and in data-t how the script compares: "t" text, smallest first; "n" numbers, largest first. */
static const char *class_of(enum html_type type) {
    switch (type) {
    case HTML_NUMBER:
    case HTML_DURATION:
    case HTML_BYTES:
        return "number";
    case HTML_DATE:
        return "date";
    case HTML_PLAIN:
        return "plain";
    case HTML_RAW:
        return "raw";
    case HTML_TEXT:
    default:
        return "text";
    }
}

static void add_head(struct html_table *table, size_t at) {
    const struct html_column *column = &table->columns[at];
    text_printf(table->out, "<th scope=\"col\" class=\"%s\"", class_of(column->type));
    if (column->type != HTML_PLAIN)
        text_printf(table->out, " data-t=\"%s\"", column->type == HTML_TEXT ? "t" : "n");
    if (table->sorted == (int)at + 1)
        text_add(table->out, " aria-sort=\"descending\"");
    else if (table->sorted == -(int)at - 1)
        text_add(table->out, " aria-sort=\"ascending\"");
    if (column->hint != NULL) {
        text_add(table->out, " title=\"");
        html_add_text(table->out, column->hint);
        text_add(table->out, "\"");
    }
    text_add(table->out, ">");
    html_add_text(table->out, column->title);
    text_add(table->out, "</th>");
}

void html_table_begin(struct html_table *table, struct text *out, const char *caption,
                      const struct html_column *columns, size_t count, int sorted) {
    *table = (struct html_table){.out = out, .columns = columns, .count = count, .sorted = sorted};
    text_add(out, "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"");
    html_add_text(out, caption);
    text_add(out, "\">\n<table>\n<caption>");
    html_add_text(out, caption);
    text_add(out, "</caption>\n<thead><tr>");
    for (size_t i = 0; i < count; i++)
        add_head(table, i);
    text_add(out, "</tr></thead>\n");
}

/* The row's first line gets cells for the columns that had none, and ends. */
static void end_line(struct html_table *table) {
    while (table->at < table->count)
        html_cell_none(table);
    text_add(table->out, "</tr>");
}

static void end_row(struct html_table *table) {
    if (!table->in_row)
        return;
    if (!table->wide)
        end_line(table);
    text_add(table->out, "</tbody>\n");
    table->in_row = false;
}

void html_table_end(struct html_table *table) {
    end_row(table);
    text_add(table->out, "</table>\n</div>\n");
}

void html_row(struct html_table *table, const char *id) {
    end_row(table);
    text_add(table->out, "<tbody");
    if (id != NULL) {
        text_add(table->out, " id=\"");
        html_add_text(table->out, id);
        text_add(table->out, "\"");
    }
    text_add(table->out, "><tr>");
    table->in_row = true;
    table->wide = false;
    table->at = 0;
}

/* The first cell of a row is its head: it is what the row is about. */
static void begin_cell(struct html_table *table) {
    const struct html_column *column = &table->columns[table->at];
    text_printf(table->out, table->at == 0 ? "<th scope=\"row\" class=\"%s\"" : "<td class=\"%s\"",
                class_of(column->type));
    if (table->at > 0) {
        text_add(table->out, " data-l=\"");
        html_add_text(table->out, column->title);
        text_add(table->out, "\"");
    }
}

static void begin_value(struct html_table *table, int64_t key) {
    begin_cell(table);
    text_printf(table->out, " data-s=\"%" PRId64 "\">", key);
}

void html_cell_begin(struct html_table *table, int64_t key) {
    if (table->columns[table->at].type == HTML_RAW) {
        begin_value(table, key);
        return;
    }
    begin_cell(table);
    text_add(table->out, ">");
}

void html_cell_end(struct html_table *table) {
    text_add(table->out, table->at == 0 ? "</th>" : "</td>");
    table->at++;
}

void html_cell_none(struct html_table *table) {
    begin_cell(table);
    text_add(table->out, " data-s=\"\">");
    text_add(table->out, nothing);
    html_cell_end(table);
}

void html_cell_text(struct html_table *table, const char *string) {
    if (string == NULL) {
        html_cell_none(table);
        return;
    }
    begin_cell(table);
    text_add(table->out, ">");
    html_add_text(table->out, string);
    html_cell_end(table);
}

void html_cell_number(struct html_table *table, int64_t number) {
    begin_value(table, number);
    format_number(table->out, number);
    html_cell_end(table);
}

void html_cell_duration(struct html_table *table, int64_t microseconds) {
    begin_value(table, microseconds);
    format_duration(table->out, microseconds);
    html_cell_end(table);
}

void html_cell_bytes(struct html_table *table, int64_t bytes) {
    begin_value(table, bytes);
    format_bytes(table->out, bytes);
    html_cell_end(table);
}

void html_cell_time(struct html_table *table, int64_t milliseconds) {
    if (milliseconds == 0) {
        html_cell_none(table);
        return;
    }
    begin_value(table, milliseconds);
    html_add_time(table->out, milliseconds);
    html_cell_end(table);
}

void html_cell_day(struct html_table *table, int64_t day) {
    if (day == 0) {
        html_cell_none(table);
        return;
    }
    begin_value(table, day);
    clock_add_day(table->out, day);
    html_cell_end(table);
}

void html_wide_begin(struct html_table *table) {
    end_line(table);
    table->wide = true;
    text_printf(table->out, "<tr class=\"wide\"><td colspan=\"%zu\">", table->count);
}

void html_wide_end(struct html_table *table) {
    text_add(table->out, "</td></tr>");
}
