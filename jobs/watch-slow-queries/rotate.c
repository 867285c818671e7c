/* Rotation: by RENAME (mode rotate) or by the procedure of RDS (mode rds).
 *
 * RENAME TABLE exchanges both tables in one step, so that no statement of any session finds the log missing. Three things make it safe for
 * the site:
 * - It waits for whoever reads the table, and every session that has a row to log waits behind it (measured on all three): so it gives up soon.
 * - The server writes such statements to its binary log (measured on MariaDB 10.11, MySQL 5.6 and 9.7), and the replicas would rotate their
 *   own slow logs by it: sql_log_bin is off for them, or they are not sent.
 * - Where the table is moved to must be free: an unread table there is read first, by follow.c.
 * The procedure of RDS deletes the backup of the rotation before (Amazon RDS User Guide, mysql.rds_rotate_slow_log): "If a backup log table
 * already exists, then it is deleted before the current log table is copied to the backup." */
#include "rotate.h"

#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "slow_log.h"

/* Seconds to wait for readers of the table, and what this store waits elsewhere. */
#define WAIT_SHORT "SET SESSION lock_wait_timeout = 1"
#define WAIT_AGAIN "SET SESSION lock_wait_timeout = 60"

enum { READ_ONLY = 1290, READ_ONLY_MODE = 1836, NO_PROCEDURE = 1305 };

/* Refusals that stay until somebody changes something: privileges, a read-only server, a missing procedure. */
static const unsigned refusals[] = {1044, 1142, 1143, 1227, 1370, 1410, READ_ONLY, READ_ONLY_MODE, NO_PROCEDURE, 0};

/* And those that pass: a table that came or went meanwhile, a lock. */
static const unsigned passing[] = {1050, 1051, 1146, 1205, 0};

static bool contains(const unsigned *numbers, unsigned number) {
    while (*numbers != 0 && *numbers != number)
        numbers++;
    return *numbers != 0 && number != 0;
}

bool rotate_is_done(const struct position *position, const char *first) {
    return strings_contain(&position->done, first);
}

/* Runs a statement; what `refusals` and `passing` name is left to the caller to tell. */
static int run(struct database *database, const char *sql) {
    static unsigned both[LENGTH_OF(refusals) + LENGTH_OF(passing) - 1];
    memcpy(both, refusals, sizeof refusals - sizeof *refusals);
    memcpy(both + LENGTH_OF(refusals) - 1, passing, sizeof passing);
    database_expect_errors(database, both);
    int status = database_run(database, sql, NULL, NULL);
    database_expect_errors(database, NULL);
    return status;
}

/* Keeps what follows out of the binary log. */
static int leave_binary_log(struct database *database) {
    int64_t logs = 0;
    int status = database_single_integer(database, "SELECT @@global.log_bin", NULL, &logs);
    return status != 0 || logs == 0 ? status : run(database, "SET SESSION sql_log_bin = 0");
}

static int drop(struct database *database, int table) {
    char *sql = xasprintf("DROP TABLE IF EXISTS %s", slow_table_name(table));
    int status = run(database, sql);
    free(sql);
    return status;
}

static int exchange(struct database *database) {
    char *create = xasprintf("CREATE TABLE %s LIKE %s", slow_table_name(SLOW_NEXT), slow_table_name(SLOW_LIVE));
    char *rename = xasprintf("RENAME TABLE %s TO %s, %s TO %s", slow_table_name(SLOW_LIVE), slow_table_name(SLOW_DRAIN),
                             slow_table_name(SLOW_NEXT), slow_table_name(SLOW_LIVE));
    int status = leave_binary_log(database);
    if (status == 0)
        status = drop(database, SLOW_NEXT); /* an attempt that died may have left one */
    if (status == 0)
        status = run(database, create);
    if (status == 0)
        status = run(database, rename);
    free(create);
    free(rename);
    return status;
}

static void tell_refusal(const struct rotation *rotation, const char *reason, const char *hint) {
    const char *server = database_server(rotation->database);
    if (!rotation->tell) {
        log_debug("cannot rotate mysql.slow_log on \"%s\": %s", server, reason);
        return;
    }
    log_warning("cannot rotate mysql.slow_log on \"%s\", and go on reading it where it is: %s", server, reason);
    log_hint("%s", hint);
}

static const char *hint_for(unsigned number, int mode) {
    if (number == READ_ONLY || number == READ_ONLY_MODE)
        return "it is read-only for this account: rotate there by an account that may write, or set mode = position";
    if (number == NO_PROCEDURE)
        return "mode = rds is for Amazon's servers; elsewhere mode = rotate does the same";
    if (mode == WATCH_RDS)
        return "GRANT EXECUTE ON PROCEDURE mysql.rds_rotate_slow_log TO this account, or set mode = position";
    return "GRANT SELECT, INSERT, CREATE, ALTER, DROP ON mysql.* TO this account, and the right to set sql_log_bin "
           "(BINLOG "
           "ADMIN, SESSION_VARIABLES_ADMIN or SUPER); or set mode = rds on Amazon's servers, position elsewhere";
}

/* The statement that failed last said why. */
static int take_failure(struct rotation *rotation, int status) {
    unsigned number = database_error_number(rotation->database);
    if (!contains(refusals, number) && !contains(passing, number))
        return status;
    struct text reason = {0};
    text_printf(&reason, "%s (error %u)", database_error_text(rotation->database), number);
    rotation->refused = contains(refusals, number);
    if (rotation->refused)
        tell_refusal(rotation, reason.data, hint_for(number, rotation->mode));
    else
        log_info("mysql.slow_log on \"%s\" is rotated by a later run: %s", database_server(rotation->database),
                 reason.data);
    text_free(&reason);
    return 0;
}

/* Whether the table may be moved to `target`: what lies there is read, and we could read what comes there. */
static int is_free(struct rotation *rotation, int target, bool *is) {
    struct slow_peek peek;
    char *reason = NULL;
    *is = false;
    int status = slow_log_peek(rotation->database, target, &peek);
    if (status != 0)
        return status;
    if (peek.denied)
        reason = xasprintf("%s, where it would be moved, cannot be read by this account", slow_table_name(target));
    else if (peek.first[0] != '\0' && !rotate_is_done(rotation->position, peek.first))
        reason = xasprintf("%s holds rows that were never read", slow_table_name(target));
    *is = reason == NULL;
    rotation->refused = reason != NULL;
    if (reason != NULL)
        tell_refusal(rotation, reason,
                     peek.denied ? "GRANT SELECT on that table too, or on mysql.*"
                                 : "look at it, and drop it or rotate once by hand");
    free(reason);
    if (*is && peek.exists && target == SLOW_DRAIN)
        status = rotate_drop(rotation->database);
    return status;
}

int rotate(struct rotation *rotation) {
    struct slow_peek live;
    bool is = false;
    struct database *database = rotation->database;
    int status = is_free(rotation, rotation->mode == WATCH_RDS ? SLOW_BACKUP : SLOW_DRAIN, &is);
    if (status != 0 || !is)
        return status;
    /* Somebody else may have rotated just now. */
    status = slow_log_peek(database, SLOW_LIVE, &live);
    if (status != 0 || strcmp(live.first, rotation->position->first) != 0)
        return status;
    status = database_run(database, WAIT_SHORT, NULL, NULL);
    if (status != 0)
        return status;
    status = rotation->mode == WATCH_RDS ? run(database, "CALL mysql.rds_rotate_slow_log") : exchange(database);
    rotation->rotated = status == 0;
    bool failed = status != 0;
    if (failed)
        status = take_failure(rotation, status);
    if (failed && status == 0 && rotation->mode == WATCH_ROTATE)
        (void)drop(database, SLOW_NEXT); /* best effort: the next attempt does it too */
    if (status == 0)
        status = database_run(database, WAIT_AGAIN, NULL, NULL);
    return status;
}

int rotate_drop(struct database *database) {
    int status = leave_binary_log(database);
    if (status == 0)
        status = drop(database, SLOW_DRAIN);
    unsigned number = database_error_number(database);
    if (status != 0 && (contains(refusals, number) || contains(passing, number))) {
        log_info("cannot drop %s on \"%s\" yet: %s (error %u)", slow_table_name(SLOW_DRAIN), database_server(database),
                 database_error_text(database), number);
        status = 0;
    }
    return status;
}
