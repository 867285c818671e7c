/* Statements and streamed rows. Whatever ends a statement goes through one of two places: end_statement(), or fail_statement(), which tells
 * a server that went away from one that was asked to stop. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "mysql_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

enum { TLS_ERROR = 2026 };

/* --- begin and end --- */

static int stopped_here(struct database *database, const char *sql) {
    struct text excerpt = {0};
    database_append_excerpt(&excerpt, sql);
    int status = fail(EXIT_LATER, "stopped on \"%s\" because the run was asked to stop: %s", database->target.server,
                      text_string(&excerpt));
    text_free(&excerpt);
    return status;
}

static int begin_statement(struct database *database, const char *sql) {
    if (database->in_rows)
        return fail(EXIT_BUG, "a statement began on \"%s\" while rows of another were being read",
                    database->target.server);
    if (interrupt_requested())
        atomic_store(&database->interrupted, true);
    /* Under the lock: either database_interrupt() came before, and we see it, or it finds the statement running. */
    pthread_mutex_lock(&database->lock);
    bool interrupted = atomic_load(&database->interrupted);
    database->running = !interrupted;
    pthread_mutex_unlock(&database->lock);
    database->error.code = 0;
    return interrupted ? stopped_here(database, sql) : 0;
}

static void end_statement(struct database *database) {
    pthread_mutex_lock(&database->lock);
    database->running = false;
    pthread_mutex_unlock(&database->lock);
}

static void log_failure(const struct database *database, const char *sql, const char *origin, const char *reason) {
    struct text excerpt = {0};
    database_append_excerpt(&excerpt, sql);
    if (origin != NULL)
        log_error("cannot run %s on \"%s\": %s, in: %s", origin, database->target.server, reason,
                  text_string(&excerpt));
    else
        log_error("cannot run a statement on \"%s\": %s, in: %s", database->target.server, reason,
                  text_string(&excerpt));
    text_free(&excerpt);
}

static bool is_expected(const struct database *database, unsigned code) {
    for (const unsigned *number = database->expected; number != NULL && *number != 0; number++)
        if (*number == code)
            return true;
    return false;
}

void database_expect_errors(struct database *database, const unsigned *numbers) {
    database->expected = numbers;
}

unsigned database_error_number(const struct database *database) {
    return database->error.code;
}

const char *database_error_text(const struct database *database) {
    return database->error.text;
}

/* The statement failed. `waited_from` is when we last began to wait for the server (clock_monotonic). Ends the statement, logs, and returns
 * the exit code. */
static int fail_statement(struct database *database, const char *sql, const char *origin, int64_t waited_from) {
    struct database_error error;
    database_error_take(&error, database->mysql);
    /* The libraries have no error for a timeout: it is "lost connection" or, in Connector/C over TLS, a TLS error. */
    bool ours = error.code == 1159 || (error.code >= 2000 && error.code < 3000) || error.code >= 5000;
    bool timed_out = ours && clock_monotonic() - waited_from >= database->read_timeout - 100;
    if (timed_out && !atomic_load(&database->interrupted)) {
        pthread_mutex_lock(&database->lock);
        database_stop_statement(database);
        pthread_mutex_unlock(&database->lock);
    }
    end_statement(database);
    if (atomic_load(&database->interrupted))
        return stopped_here(database, sql);
    database->error = error;
    int status = database_error_status(error.code, error.state, origin != NULL ? EXIT_SETTINGS : EXIT_BUG);
    if (is_expected(database, error.code))
        return status;
    struct text text = {0};
    text_printf(&text, "%s (error %u)", error.text, error.code);
    if (timed_out)
        text_printf(&text, ", no answer for %lld s", (long long)(clock_monotonic() - waited_from + 500) / 1000);
    log_failure(database, sql, origin, text_string(&text));
    text_clear(&text);
    if (error.code != TLS_ERROR) /* after the login it is not about certificates any more */
        database_error_hint(&error, &text);
    if (text.length > 0)
        log_hint("%s", text.data);
    text_free(&text);
    return status;
}

int database_refuse_result(struct database *database, const char *sql, const char *origin, const char *reason) {
    log_failure(database, sql, origin, reason);
    return origin != NULL ? EXIT_SETTINGS : EXIT_BUG;
}

/* --- running --- */

/* Reads past what a CALL leaves behind. Returns 0, or 1 with the error in database->mysql. */
static int skip_more_results(struct database *database) {
    while (mysql_more_results(database->mysql)) {
        if (mysql_next_result(database->mysql) > 0)
            return 1;
        MYSQL_RES *result = mysql_use_result(database->mysql);
        mysql_free_result(result);
        if (mysql_errno(database->mysql) != 0)
            return 1;
    }
    return 0;
}

int database_run(struct database *database, const char *sql, const char *origin, int64_t *changed) {
    int status = begin_statement(database, sql);
    if (status != 0)
        return status;
    int64_t started = clock_monotonic();
    if (mysql_real_query(database->mysql, sql, strlen(sql)) != 0)
        return fail_statement(database, sql, origin, started);
    if (changed != NULL)
        *changed = (int64_t)mysql_affected_rows(database->mysql);
    bool gives_rows = mysql_field_count(database->mysql) > 0;
    if (gives_rows)
        mysql_free_result(mysql_use_result(database->mysql));
    if (mysql_errno(database->mysql) != 0 || skip_more_results(database) != 0)
        return fail_statement(database, sql, origin, started);
    end_statement(database);
    return gives_rows ? database_refuse_result(database, sql, origin, "it gives rows where none are wanted") : 0;
}

int database_query(struct database *database, const char *sql, const char *origin, struct rows **out) {
    *out = NULL;
    int status = begin_statement(database, sql);
    if (status != 0)
        return status;
    int64_t started = clock_monotonic();
    if (mysql_real_query(database->mysql, sql, strlen(sql)) != 0)
        return fail_statement(database, sql, origin, started);
    MYSQL_RES *result = mysql_use_result(database->mysql);
    if (result == NULL) {
        if (mysql_errno(database->mysql) != 0 || skip_more_results(database) != 0)
            return fail_statement(database, sql, origin, started);
        end_statement(database);
        return database_refuse_result(database, sql, origin, "it gives no rows");
    }
    struct rows *rows = xcalloc(1, sizeof *rows);
    *rows = (struct rows){
        .database = database,
        .result = result,
        .count = mysql_num_fields(result),
        .fields = xcalloc(mysql_num_fields(result), sizeof *rows->fields),
        .sql = xstrdup(sql),
        .origin = origin != NULL ? xstrdup(origin) : NULL,
    };
    database->in_rows = true;
    *out = rows;
    return 0;
}

int rows_next(struct rows *rows, const struct field **fields) {
    struct database *database = rows->database;
    *fields = NULL;
    if (rows->over)
        return 0;
    int64_t started = clock_monotonic();
    MYSQL_ROW row = mysql_fetch_row(rows->result);
    /* What comes after a request to stop is not looked at: SLEEP() and some others end by KILL without an error. */
    if (row != NULL && !atomic_load_explicit(&database->interrupted, memory_order_relaxed)) {
        const unsigned long *lengths = mysql_fetch_lengths(rows->result);
        for (size_t i = 0; i < rows->count; i++)
            rows->fields[i] = (struct field){row[i], row[i] != NULL ? lengths[i] : 0};
        *fields = rows->fields;
        return 0;
    }
    if (row != NULL)
        return stopped_here(database, rows->sql); /* rows_close() ends the statement */
    rows->over = true;
    /* A NULL row is the end or an error: only the error number tells. */
    if (mysql_errno(database->mysql) != 0 || skip_more_results(database) != 0)
        return fail_statement(database, rows->sql, rows->origin, started);
    end_statement(database);
    return atomic_load(&database->interrupted) ? stopped_here(database, rows->sql) : 0;
}

/* Rows are left. mysql_free_result() reads them all; that ends soon when the server stops sending, or the connection is cut. */
static void abandon(struct rows *rows) {
    struct database *database = rows->database;
    pthread_mutex_lock(&database->lock);
    if (!database_stop_statement(database) && database->socket >= 0)
        shutdown(database->socket, SHUT_RDWR);
    pthread_mutex_unlock(&database->lock);
    mysql_free_result(rows->result);
    rows->result = NULL;
    /* A KILL that came when the last row was already on its way hits the next statement: let it be this one. */
    if (skip_more_results(database) == 0 && mysql_query(database->mysql, "DO 0") != 0)
        log_debug("after the end of a statement on \"%s\": %s", database->target.server, mysql_error(database->mysql));
    end_statement(database);
}

void rows_close(struct rows *rows) {
    if (rows == NULL)
        return;
    if (!rows->over)
        abandon(rows);
    if (rows->result != NULL)
        mysql_free_result(rows->result);
    rows->database->in_rows = false;
    free(rows->fields);
    free(rows->sql);
    free(rows->origin);
    free(rows);
}
