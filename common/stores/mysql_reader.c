/* Which reader is healthy, and choosing one. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mysql_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/mysql_reader.h"

/* --- lag --- */

/* MariaDB shows only the unnamed source without ALL. Names of statements and columns changed in MariaDB 10.5.1 and MySQL 8.0.22; the old
 * statements went away in MySQL 8.4. */
static const char *status_statement(const struct server_identity *identity) {
    if (identity->mariadb)
        return identity->version >= 100501 ? "SHOW ALL REPLICAS STATUS" : "SHOW ALL SLAVES STATUS";
    return identity->version >= 80022 ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS";
}

static const char *value_of(const struct rows *rows, const struct field *fields, const char *name,
                            const char *old_name) {
    int column = rows_find_column(rows, name);
    if (column < 0 && old_name != NULL)
        column = rows_find_column(rows, old_name);
    return column >= 0 ? fields[column].bytes : NULL;
}

/* One source: its lag in seconds, or -1 with the reason why it does not replicate. */
static int64_t lag_of_source(const struct rows *rows, const struct field *fields, char **reason) {
    const char *receiver = value_of(rows, fields, "Replica_IO_Running", "Slave_IO_Running");
    const char *applier = value_of(rows, fields, "Replica_SQL_Running", "Slave_SQL_Running");
    const char *seconds = value_of(rows, fields, "Seconds_Behind_Source", "Seconds_Behind_Master");
    const char *error = NULL;
    int64_t lag = -1;
    if (applier == NULL || strcasecmp(applier, "Yes") != 0) {
        error = value_of(rows, fields, "Last_SQL_Error", NULL);
        *reason = xasprintf("replication is stopped: the SQL thread does not run%s%.200s",
                            error != NULL && *error != '\0' ? ": " : "", error != NULL ? error : "");
    } else if (receiver == NULL || strcasecmp(receiver, "Yes") != 0) {
        error = value_of(rows, fields, "Last_IO_Error", NULL);
        *reason = xasprintf("replication is stopped: the I/O thread is not connected%s%.200s",
                            error != NULL && *error != '\0' ? ": " : "", error != NULL ? error : "");
    } else {
        struct field field = {seconds, seconds != NULL ? strlen(seconds) : 0};
        if (field_integer(&field, &lag) != NULL || lag < 0) {
            lag = -1;
            *reason = xstrdup("replication runs, but the server does not know how far it is behind");
        }
    }
    return lag;
}

/* *sources: how many servers it replicates from. */
static int ask_replication(struct database *database, int64_t *lag, int *sources, char **reason) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int status = database_query(database, status_statement(&database->identity), NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    while (status == 0 && fields != NULL) {
        ++*sources;
        int64_t one = *reason == NULL ? lag_of_source(rows, fields, reason) : -1;
        *lag = *reason != NULL ? -1 : one * 1000 > *lag ? one * 1000 : *lag;
        status = rows_next(rows, &fields);
    }
    rows_close(rows);
    return status;
}

/* Aurora replicas share their storage with the writer and have no SHOW REPLICA STATUS. Source: Amazon Aurora User Guide,
 * information_schema.replica_host_status: one row per instance, the writer's with session_id 'MASTER_SESSION_ID'. */
static int ask_aurora(struct database *database, int64_t *lag, bool *writer, char **reason) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int status =
        database_query(database,
                       "SELECT session_id = 'MASTER_SESSION_ID', CAST(CEILING(replica_lag_in_milliseconds) AS SIGNED) "
                       "FROM information_schema.replica_host_status WHERE server_id = @@aurora_server_id",
                       NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    bool found = status == 0 && fields != NULL;
    if (found) {
        *writer = fields[0].bytes != NULL && strcmp(fields[0].bytes, "1") == 0;
        if (*writer)
            *lag = 0;
        else if (field_integer(&fields[1], lag) != NULL)
            *lag = -1;
    }
    while (status == 0 && fields != NULL)
        status = rows_next(rows, &fields);
    rows_close(rows);
    if (status == 0 && *lag < 0)
        *reason =
            xstrdup(found ? "Aurora does not know its lag" : "it is not in information_schema.replica_host_status");
    return status;
}

int database_replica_lag(struct database *database, int64_t *lag, bool *writer, char **reason) {
    int sources = 0;
    *lag = -1;
    *writer = false;
    *reason = NULL;
    int status = database->identity.aurora ? 0 : ask_replication(database, lag, &sources, reason);
    if (status == 0 && database->identity.aurora)
        status = ask_aurora(database, lag, writer, reason);
    else if (status == 0 && sources == 0)
        *reason = xstrdup("it replicates from nobody");
    return status;
}

/* --- choice --- */

struct choosing {
    const struct mysql_settings *settings;
    const struct database_client *client;
    struct database_login login;
    struct reader_choice *choice;
    bool answered; /* by a reader, healthy or not */
};

static void skip(struct choosing *choosing, const char *server, const char *reason) {
    char *line = xasprintf("%s: %s", server, reason);
    log_warning("passed over the reader \"%s\": %s", server, reason);
    strings_add(&choosing->choice->skipped, line);
    free(line);
}

static char *too_far_behind(int64_t lag, int64_t limit) {
    struct text text = {0};
    text_printf(&text, "%" PRId64 " s behind, the limit is ", lag / 1000);
    text_add_duration(&text, limit);
    return text_take(&text);
}

static void choose(struct choosing *choosing, const char *server, bool writer, int64_t lag) {
    choosing->choice->server = xstrdup(server);
    choosing->choice->writer = writer;
    choosing->choice->lag = lag;
}

/* 0 with *out NULL: not fit, try the next. */
static int try_reader(struct choosing *choosing, const char *server, struct database **out) {
    struct database *database = NULL;
    int64_t lag = -1;
    bool writer = false;
    char *reason = NULL;
    struct text away = {0};
    int status = database_open_as(choosing->settings, server, choosing->client, &choosing->login, &away, &database);
    if (status == 0)
        status = database_replica_lag(database, &lag, &writer, &reason);
    if (status == EXIT_UNAVAILABLE) {
        skip(choosing, server, away.length > 0 ? away.data : "it does not answer");
        status = 0;
        goto out;
    }
    if (status != 0)
        goto out;
    choosing->answered = true;
    if (reason == NULL && writer && !choosing->settings->allow_writer)
        reason = xstrdup("it is the writer of its cluster");
    if (reason == NULL && lag > choosing->settings->max_replica_lag)
        reason = too_far_behind(lag, choosing->settings->max_replica_lag);
    if (reason != NULL) {
        skip(choosing, server, reason);
        goto out;
    }
    choose(choosing, server, writer, lag);
    *out = database;
    database = NULL;
out:
    database_close(database);
    free(reason);
    text_free(&away);
    return status;
}

static int take_writer(struct choosing *choosing, struct database **out) {
    const struct mysql_settings *settings = choosing->settings;
    if (settings->allow_writer && settings->writer != NULL) {
        int status = database_open_as(settings, settings->writer, choosing->client, &choosing->login, NULL, out);
        if (status == 0)
            choose(choosing, settings->writer, true, 0);
        return status;
    }
    int status = fail(choosing->answered ? EXIT_LATER : EXIT_UNAVAILABLE, "no reader of [mysql] %s",
                      choosing->answered ? "is healthy and near enough to its source" : "can be reached");
    log_hint("allow_writer = yes in [mysql] would let this run on the writer");
    return status;
}

int database_open_reader(const struct mysql_settings *settings, const struct database_client *client,
                         struct database **out, struct reader_choice *choice) {
    struct choosing choosing = {.settings = settings, .client = client, .choice = choice};
    *out = NULL;
    int status = database_login_load(settings, &choosing.login);
    for (size_t i = 0; status == 0 && *out == NULL && i < settings->readers.count; i++)
        status = try_reader(&choosing, settings->readers.items[i], out);
    if (status == 0 && *out == NULL)
        status = take_writer(&choosing, out);
    database_login_free(&choosing.login);
    return status;
}

void reader_choice_free(struct reader_choice *choice) {
    free(choice->server);
    strings_free(&choice->skipped);
    *choice = (struct reader_choice){0};
}
