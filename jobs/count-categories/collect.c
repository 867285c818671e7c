/* One reader, one transaction, and for each count its statements in order. What each costs goes into the record, so that the engineer sees which
 * GROUP BY wants an index. */
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/stores/mysql_plan.h"
#include "nightshift/stores/mysql_reader.h"

/* One statement of the settings. */
struct statement {
    struct run *run;
    struct database *database;
    const char *sql;
    char *origin; /* "[count works] query" */
};

/* A statement's rows, taken by whoever asked for them. A reason returned by `take` ends the run: the statement is not what the settings
 * page asks for. */
struct row_taker {
    const char *(*take)(void *context, const struct field *fields, size_t columns);
    void *context;
    size_t columns_min, columns_max;
    const char *wanted; /* the columns in words */
    size_t rows;
};

static int take_rows(const struct statement *statement, struct rows *rows, struct row_taker *taker) {
    size_t columns = rows_columns(rows);
    if (columns < taker->columns_min || columns > taker->columns_max)
        return fail(EXIT_SETTINGS, "%s returns %zu columns; it must return %s", statement->origin, columns,
                    taker->wanted);
    const struct field *fields = NULL;
    for (;;) {
        int status = rows_next(rows, &fields);
        if (status != 0 || fields == NULL)
            return status;
        taker->rows++;
        const char *reason = taker->take(taker->context, fields, columns);
        if (reason != NULL)
            return fail(EXIT_SETTINGS, "%s cannot be used: %s (row %zu, \"%s\")", statement->origin, reason,
                        taker->rows, fields[0].bytes != NULL ? fields[0].bytes : "NULL");
    }
}

static void report_cost(const struct statement *statement, int64_t milliseconds, size_t rows, int64_t reads,
                        const struct plan *plan) {
    json_t *warnings = json_array();
    for (size_t i = 0; i < plan->warnings.count; i++)
        json_array_append_new(warnings, json_string(plan->warnings.items[i]));
    log_info("%s: %zu rows in %lld ms, %lld rows read%s%s", statement->origin, rows, (long long)milliseconds,
             (long long)reads, plan->warnings.count > 0 ? ", plan: " : "",
             plan->warnings.count > 0 ? plan->warnings.items[0] : "");
    record_set(statement->run->record, "inputs.queries[]",
               json_pack("{s:s, s:I, s:I, s:I, s:o}", "name", statement->origin, "ms", (json_int_t)milliseconds, "rows",
                         (json_int_t)rows, "rows_examined", (json_int_t)reads, "plan_warnings", warnings));
}

/* Explains, runs and measures one statement. */
static int run_statement(const struct statement *statement, struct row_taker *taker) {
    struct plan plan = {0};
    struct rows *rows = NULL;
    int64_t before = 0;
    int64_t after = 0;
    int64_t began = 0;
    int64_t ended = 0;
    int status = database_explain(statement->database, statement->sql, statement->origin, &plan);
    if (status == 0)
        status = database_handler_reads(statement->database, &before);
    if (status != 0)
        goto out;
    began = clock_monotonic();
    status = database_query(statement->database, statement->sql, statement->origin, &rows);
    if (status == 0)
        status = take_rows(statement, rows, taker);
    ended = clock_monotonic();
    rows_close(rows);
    if (status == 0)
        status = database_handler_reads(statement->database, &after);
    if (status == 0)
        report_cost(statement, ended - began, taker->rows, after - before, &plan);
out:
    plan_free(&plan);
    return status;
}

static const char *take_category(void *context, const struct field *fields, size_t columns) {
    return counts_add_category(context, fields[0].bytes, columns > 1 ? fields[1].bytes : NULL);
}

static const char *take_count(void *context, const struct field *fields, size_t columns) {
    (void)columns;
    return counts_add_row(context, fields[0].bytes, fields[1].bytes);
}

static int collect_categories(struct statement *statement, struct collected *item) {
    struct row_taker taker = {.take = take_category,
                              .context = &item->counts,
                              .columns_min = 1,
                              .columns_max = 2,
                              .wanted = "the category's id and, if it likes, its parent's id"};
    const char *sql = item->settings->categories;
    int status = 0;
    if (sql != NULL) {
        statement->sql = sql;
        statement->origin = xasprintf("[count %s] categories", item->name);
        status = run_statement(statement, &taker);
        if (status == 0 && taker.rows == 0)
            status = fail(EXIT_GUARD, "%s returns no category at all", statement->origin);
        free(statement->origin);
    }
    if (status != 0)
        return status;
    const char *reason = counts_seal(&item->counts, sql != NULL);
    return reason != NULL ? fail(EXIT_SETTINGS, "[count %s] categories cannot be used: %s", item->name, reason) : 0;
}

static int collect_one(struct run *run, struct database *database, struct collected *item) {
    struct statement statement = {.run = run, .database = database};
    int status = collect_categories(&statement, item);
    if (status != 0)
        return status;
    struct row_taker taker = {.take = take_count,
                              .context = &item->counts,
                              .columns_min = 2,
                              .columns_max = 2,
                              .wanted = "two, the category's id and its count"};
    statement.sql = item->settings->query;
    statement.origin = xasprintf("[count %s] query", item->name);
    status = run_statement(&statement, &taker);
    free(statement.origin);
    if (status == 0 && item->settings->total != NULL) {
        char *origin = xasprintf("[count %s] total", item->name);
        status = database_single_integer(database, item->settings->total, origin, &item->independent_total);
        item->has_independent_total = status == 0;
        free(origin);
    }
    if (status == 0)
        counts_finish(&item->counts, item->settings->roll_up, &item->circle);
    return status;
}

static void report_server(struct run *run, const struct database *database, const struct reader_choice *choice) {
    const struct server_identity *identity = database_identity(database);
    json_t *skipped = json_array();
    for (size_t i = 0; i < choice->skipped.count; i++)
        json_array_append_new(skipped, json_string(choice->skipped.items[i]));
    record_set(run->record, "inputs.server",
               json_pack("{s:s, s:s, s:s, s:b, s:I, s:o}", "address", choice->server, "host", identity->hostname,
                         "version", identity->version_text, "writer", choice->writer, "lag_ms", (json_int_t)choice->lag,
                         "skipped", skipped));
}

static int open_reader(struct run *run, struct database **database) {
    const struct mysql_settings *mysql = settings_of(run->settings, &mysql_section);
    const struct database_client client = {.job = run->job->name, .run_id = run->id};
    struct reader_choice choice = {0};
    int status = database_open_reader(mysql, &client, database, &choice);
    if (status == 0)
        report_server(run, *database, &choice);
    reader_choice_free(&choice);
    return status;
}

/* The [count NAME]s that --only leaves in. */
static void choose(const struct run *run, struct collection *collection) {
    const struct count_options *options = run->options;
    for (size_t i = 0; i < settings_count(run->settings, &count_section); i++) {
        const char *name = NULL;
        const struct count_settings *settings = settings_at(run->settings, &count_section, i, &name);
        if (!count_is_wanted(options, name))
            continue;
        collection->items = xgrow(collection->items, collection->count, sizeof *collection->items);
        collection->items[collection->count++] = (struct collected){.name = name, .settings = settings};
    }
}

int collect(struct run *run, struct collection *collection) {
    struct database *database = NULL;
    record_phase(run->record, "connect");
    choose(run, collection);
    int status = open_reader(run, &database);
    if (status != 0)
        goto out;
    record_phase(run->record, "count");
    status = database_begin_snapshot(database, &collection->taken_at);
    for (size_t i = 0; status == 0 && i < collection->count; i++)
        status = collect_one(run, database, &collection->items[i]);
    if (status == 0)
        status = database_commit(database);
    record_integer(run->record, "inputs.snapshot_at_ms", collection->taken_at);
out:
    database_close(database);
    return status;
}

static int check_statement(struct database *database, const char *name, const char *key, const char *sql) {
    if (sql == NULL)
        return 0;
    struct plan plan = {0};
    char *origin = xasprintf("[count %s] %s", name, key);
    int status = database_explain(database, sql, origin, &plan);
    if (status == 0)
        printf("ok  %s%s\n", origin, plan.warnings.count > 0 ? ", but its plan:" : "");
    for (size_t i = 0; status == 0 && i < plan.warnings.count; i++)
        printf("      %s\n", plan.warnings.items[i]);
    plan_free(&plan);
    free(origin);
    return status;
}

int collect_check(struct run *run) {
    struct database *database = NULL;
    struct collection collection = {0};
    choose(run, &collection);
    int status = open_reader(run, &database);
    if (status == 0)
        printf("ok  MySQL server %s (%s)\n", database_server(database), database_identity(database)->version_text);
    for (size_t i = 0; status == 0 && i < collection.count; i++) {
        const struct collected *item = &collection.items[i];
        status = check_statement(database, item->name, "categories", item->settings->categories);
        if (status == 0)
            status = check_statement(database, item->name, "query", item->settings->query);
        if (status == 0)
            status = check_statement(database, item->name, "total", item->settings->total);
    }
    database_close(database);
    collection_free(&collection);
    return status;
}

void collection_free(struct collection *collection) {
    for (size_t i = 0; i < collection->count; i++) {
        counts_free(&collection->items[i].counts);
        guards_free(&collection->items[i].guards);
    }
    free(collection->items);
    *collection = (struct collection){0};
}
