/* Reading EXPLAIN and the session's counters. Columns are found by name: MySQL 5.6, 9.7 and MariaDB have different ones. */
#include <stdlib.h>
#include <string.h>

#include "mysql_private.h"
#include "nightshift/stores/mysql_plan.h"

int database_handler_reads(struct database *database, int64_t *sum) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    *sum = 0;
    int status = database_query(database, "SHOW SESSION STATUS LIKE 'Handler\\_read\\_%'", NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    while (status == 0 && fields != NULL) {
        int64_t value = 0;
        if (field_integer(&fields[1], &value) == NULL)
            *sum += value;
        status = rows_next(rows, &fields);
    }
    rows_close(rows);
    return status;
}

struct plan_columns {
    int table, type, rows, extra;
};

static const char *text_of(const struct field *fields, int column) {
    return fields[column].bytes != NULL ? fields[column].bytes : "";
}

static void add_warning(struct plan *plan, const char *format, const char *table) {
    struct text warning = {0};
    text_add(&warning, format);
    if (*table != '\0')
        text_printf(&warning, " for %s", table);
    if (!strings_contain(&plan->warnings, text_string(&warning)))
        strings_add(&plan->warnings, text_string(&warning));
    text_free(&warning);
}

static void read_step(struct plan *plan, const struct field *fields, const struct plan_columns *columns) {
    const char *table = text_of(fields, columns->table);
    const char *extra = text_of(fields, columns->extra);
    if (strstr(extra, "Using temporary") != NULL) {
        plan->temporary = true;
        add_warning(plan, "temporary table", table);
    }
    if (strstr(extra, "Using filesort") != NULL) {
        plan->filesort = true;
        add_warning(plan, "filesort", table);
    }
    int64_t estimate = 0;
    /* <derived2>, <union1,2>: what the server made itself is not a scan of data. */
    if (strcmp(text_of(fields, columns->type), "ALL") != 0 || *table == '<' ||
        field_integer(&fields[columns->rows], &estimate) != NULL)
        return;
    if (estimate > plan->scanned)
        plan->scanned = estimate;
    if (estimate >= PLAN_SCAN_ROWS) {
        char *warning = xasprintf("reads all of %s (about %lld rows)", table, (long long)estimate);
        strings_add(&plan->warnings, warning);
        free(warning);
    }
}

int database_explain(struct database *database, const char *sql, const char *origin, struct plan *plan) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    *plan = (struct plan){0};
    /* Since MySQL 8.0.32 the variable explain_format can make a tree of it. */
    char *explain = xasprintf("EXPLAIN FORMAT=TRADITIONAL %s", sql);
    int status = database_query(database, explain, origin, &rows);
    free(explain);
    if (status != 0)
        return status;
    struct plan_columns columns = {.table = rows_find_column(rows, "table"),
                                   .type = rows_find_column(rows, "type"),
                                   .rows = rows_find_column(rows, "rows"),
                                   .extra = rows_find_column(rows, "Extra")};
    if (columns.table < 0 || columns.type < 0 || columns.rows < 0 || columns.extra < 0)
        status = database_refuse_result(database, sql, origin,
                                        "its EXPLAIN has not the columns table, type, rows and Extra");
    if (status == 0)
        status = rows_next(rows, &fields);
    while (status == 0 && fields != NULL) {
        read_step(plan, fields, &columns);
        status = rows_next(rows, &fields);
    }
    rows_close(rows);
    return status;
}

void plan_free(struct plan *plan) {
    strings_free(&plan->warnings);
    *plan = (struct plan){0};
}
