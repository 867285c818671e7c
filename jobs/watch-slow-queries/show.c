/* Tables for the terminal. The beginning of a query must do there: notice, page and --json have the whole. */
#include "show.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/report/format.h"
#include "nightshift/report/table.h"
#include "show_private.h"

enum { TABLES_SHOWN = 30, QUERY_SHOWN = 60 }; /* terminal columns */

static char *shorten(const char *string, size_t columns) {
    struct text out = {0};
    format_shortened(&out, string, columns);
    return text_take(&out);
}

/* Cells of one row: made, owned, and freed when the row is added. */
struct cells {
    char *items[12];
    size_t count;
};

static void put(struct cells *cells, char *cell) {
    cells->items[cells->count++] = cell;
}

static void put_number(struct cells *cells, int64_t number) {
    struct text text = {0};
    format_number(&text, number);
    put(cells, text_take(&text));
}

static void put_duration(struct cells *cells, int64_t microseconds) {
    struct text text = {0};
    format_duration(&text, microseconds);
    put(cells, text_take(&text));
}

static void put_time(struct cells *cells, int64_t milliseconds) {
    struct text text = {0};
    format_time(&text, milliseconds);
    put(cells, text_take(&text));
}

static void put_tables(struct cells *cells, const struct strings *tables) {
    struct text text = {0};
    if (tables != NULL)
        site_add_tables(&text, tables);
    put(cells, shorten(text_string(&text), TABLES_SHOWN));
    text_free(&text);
}

static void add_cells(struct table *table, struct cells *cells) {
    table_add(table, (const char *const *)cells->items);
    for (size_t i = 0; i < cells->count; i++)
        free(cells->items[i]);
}

static void print_gaps(const struct show_input *input, FILE *out) {
    for (size_t i = 0; input->gaps != NULL && i < input->gaps->count; i++) {
        struct text line = {0};
        text_append_printable(&line, input->gaps->items[i], strlen(input->gaps->items[i]));
        fprintf(out, "gap: %s\n", text_string(&line));
        text_free(&line);
    }
}

/* --- A run --- */

static void add_finding(struct table *table, const struct show_input *input, const struct finding *finding) {
    struct cells cells = {0};
    struct text servers = {0};
    int64_t count = finding->all.count > 0 ? finding->all.count : 1;
    for (size_t i = 0; i < finding->group_count; i++) {
        text_add(&servers, i > 0 ? ", " : "");
        site_add_server(input->site, finding->groups[i]->instance, &servers);
    }
    put(&cells, xstrdup(verdict_name(finding->verdict)));
    put_number(&cells, finding->all.count);
    put_duration(&cells, finding->all.total);
    put_duration(&cells, finding->median);
    put_duration(&cells, finding->all.worst);
    put_number(&cells, finding->rows_examined / count);
    put(&cells, text_take(&servers));
    put_tables(&cells, finding->group_count > 0 ? &finding->groups[0]->tables : NULL);
    put(&cells, xstrdup(finding->id));
    put(&cells, shorten(finding->fingerprint, QUERY_SHOWN));
    add_cells(table, &cells);
}

static void print_sum(const struct findings *findings, FILE *out) {
    const char *separator = "";
    for (int verdict = VERDICT_NEW; verdict <= VERDICT_MUTED; verdict++) {
        if (findings->of[verdict] == 0)
            continue;
        fprintf(out, "%s%zu %s", separator, findings->of[verdict], verdict_name(verdict));
        separator = ", ";
    }
    fputc('\n', out);
}

void show_findings(const struct show_input *input, const struct findings *findings, FILE *out) {
    static const char *const heads[] = {"state",     ">queries", ">total", ">median", ">worst",
                                        ">examined", "server",   "tables", "id",      "query"};
    if (input->json) {
        show_json_findings(input, findings, out);
        return;
    }
    print_gaps(input, out);
    if (findings->count == 0) {
        fputs("no slow queries that people have not been told of\n", out);
        return;
    }
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < findings->count; i++)
        add_finding(table, input, &findings->items[i]);
    table_print(table, out);
    table_free(table);
    print_sum(findings, out);
}

/* --- The history --- */

static void add_row(struct table *table, const struct show_input *input, const struct history_row *row) {
    const struct known *known = row->known;
    struct cells cells = {0};
    const char *feature = NULL;
    const char *owner = NULL;
    site_find_feature(input->site, &known->tables, &feature, &owner);
    put(&cells, xstrdup(verdict_name(row->verdict)));
    put_number(&cells, row->recent.count);
    put_duration(&cells, row->recent.total);
    put_duration(&cells, row->recent.count > 0 ? row->recent.total / row->recent.count : 0);
    put_duration(&cells, row->recent.worst);
    put_time(&cells, known->first_seen);
    put_time(&cells, known->last_seen);
    put(&cells, xstrdup(feature != NULL ? feature : ""));
    put_tables(&cells, &known->tables);
    put(&cells, xstrdup(known->id));
    put(&cells, shorten(known->fingerprint, QUERY_SHOWN));
    add_cells(table, &cells);
}

static void print_instances(const struct site *site, FILE *out) {
    static const char *const heads[] = {"server", ">rows read", "read at"};
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < site->instance_count; i++) {
        struct cells cells = {0};
        put(&cells, xstrdup(site_server(&site->instances[i])));
        put_number(&cells, site->instances[i].rows);
        if (site->instances[i].read_at != 0)
            put_time(&cells, site->instances[i].read_at);
        else
            put(&cells, xstrdup("never"));
        add_cells(table, &cells);
    }
    if (site->instance_count > 0)
        table_print(table, out);
    table_free(table);
}

void show_history(const struct show_input *input, const struct ledger *ledger, FILE *out) {
    static const char *const heads[] = {"state",     ">queries", ">total", ">mean", ">worst", "first seen",
                                        "last seen", "feature",  "tables", "id",    "query"};
    struct history_row *rows = history_rows(ledger, input->rules);
    if (input->json) {
        show_json_history(input, rows, ledger->known_count, out);
        free(rows);
        return;
    }
    print_gaps(input, out);
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < ledger->known_count; i++)
        add_row(table, input, &rows[i]);
    if (ledger->known_count > 0)
        table_print(table, out);
    table_free(table);
    free(rows);
    struct text sum = {0};
    format_count(&sum, (int64_t)ledger->known_count, "fingerprint", "fingerprints");
    fprintf(out, "%s; figures are of the last %d days\n\n", text_string(&sum), HISTORY_RECENT_DAYS);
    text_free(&sum);
    print_instances(input->site, out);
}
