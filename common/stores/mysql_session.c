/* The session: every variable that changes what a statement means or how long it may wait is set, whatever the server, its init_connect or
 * a proxy made of it, and read back. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mysql_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"

struct variable {
    const char *name;
    const char *value; /* as @@name shows it */
    bool quoted;
    bool set; /* else only read back */
};

static const struct variable variables[] = {
    /* Strict, and without ANSI_QUOTES and NO_BACKSLASH_ESCAPES, which change what quotes and backslashes mean. Without NO_ZERO_DATE and
     * ONLY_FULL_GROUP_BY: statements written for MySQL 5.6 shall mean what they meant. The order is the servers' own. */
    {"sql_mode", "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION", true, true},
    {"time_zone", "+00:00", true, true},
    {"autocommit", "1", false, true},
    {"sql_select_limit", "18446744073709551615", false, true},
    {"sql_big_selects", "1", false, true},
    {"sql_safe_updates", "0", false, true},
    {"sql_auto_is_null", "0", false, true},
    {"sql_quote_show_create", "1", false, true},
    {"completion_type", "NO_CHAIN", true, true},
    /* For how long the server keeps what we hold (a snapshot, locks) when our host has died, and waits for us to take rows. */
    {"wait_timeout", "600", false, true},
    {"net_write_timeout", "600", false, true},
    /* Metadata locks wait a day or a year by default: we are to be the one who gives way. */
    {"lock_wait_timeout", "60", false, true},
    {"innodb_lock_wait_timeout", "10", false, true},
    {"character_set_client", "utf8mb4", false, false},
    {"character_set_connection", "utf8mb4", false, false},
    {"character_set_results", "utf8mb4", false, false},
    {"collation_connection", "utf8mb4_general_ci", false, false},
};

static int set_variables(struct database *database) {
    struct text sql = {0};
    text_add(&sql, "SET ");
    for (size_t i = 0; i < LENGTH_OF(variables); i++) {
        const char *quote = variables[i].quoted ? "'" : "";
        if (variables[i].set)
            text_printf(&sql, "%sSESSION %s = %s%s%s", i > 0 ? ", " : "", variables[i].name, quote, variables[i].value,
                        quote);
    }
    int status = database_run(database, sql.data, NULL, NULL);
    text_free(&sql);
    /* The client library has told the server its own default collation, which an older server does not know and replaces by any. */
    if (status == 0)
        status = database_run(database, "SET NAMES utf8mb4 COLLATE utf8mb4_general_ci", NULL, NULL);
    if (status == 0)
        status =
            database_run(database, "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ WRITE", NULL, NULL);
    return status;
}

static int check_variables(struct database *database) {
    struct text sql = {0};
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    for (size_t i = 0; i < LENGTH_OF(variables); i++)
        text_printf(&sql, "%s@@session.%s", i > 0 ? ", " : "SELECT ", variables[i].name);
    int status = database_query(database, sql.data, NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    for (size_t i = 0; status == 0 && i < LENGTH_OF(variables); i++) {
        const char *value = fields != NULL && fields[i].bytes != NULL ? fields[i].bytes : "";
        if (strcmp(value, variables[i].value) != 0)
            status = fail(EXIT_UNAVAILABLE, "\"%s\" does not keep session variables: %s is \"%s\", not \"%s\"",
                          database->target.server, variables[i].name, value, variables[i].value);
    }
    if (status == 0)
        status = rows_next(rows, &fields);
    rows_close(rows);
    text_free(&sql);
    return status;
}

int database_version_parse(const char *version) {
    /* MariaDB pretends to be a 5.5.5 to replicas of old. */
    if (strncmp(version, "5.5.5-", 6) == 0)
        version += 6;
    int parsed = 0;
    for (int part = 0; part < 3; part++) {
        if (*version < '0' || *version > '9')
            return 0;
        int number = 0;
        while (*version >= '0' && *version <= '9' && number < 1000)
            number = number * 10 + (*version++ - '0');
        if (number > 99)
            return 0;
        parsed = parsed * 100 + number;
        if (part < 2 && *version++ != '.')
            return 0;
    }
    return parsed;
}

static void take_variable(struct server_identity *identity, const char *name, const char *value) {
    if (strcasecmp(name, "version") == 0) {
        free(identity->version_text);
        identity->version_text = xstrdup(value);
        identity->version = database_version_parse(value);
    }
    if (strncasecmp(name, "version", 7) == 0 && strcasestr(value, "mariadb") != NULL)
        identity->mariadb = true;
    if (strcasecmp(name, "server_uuid") == 0) {
        free(identity->uuid);
        identity->uuid = xstrdup(value);
    }
    /* In alphabetical order, as the server sends them, aurora_server_id comes before hostname; it shall win in any order. */
    bool aurora_name = strcasecmp(name, "aurora_server_id") == 0;
    if (aurora_name || (strcasecmp(name, "hostname") == 0 && identity->hostname == NULL)) {
        free(identity->hostname);
        identity->hostname = xstrdup(value);
    }
    identity->aurora = identity->aurora || strcasecmp(name, "aurora_version") == 0;
    if (strcasecmp(name, "server_id") == 0)
        identity->server_id = strtoll(value, NULL, 10);
    if (strcasecmp(name, "read_only") == 0)
        identity->read_only = strcasecmp(value, "OFF") != 0 && strcmp(value, "0") != 0;
}

static int read_identity(struct database *database) {
    struct server_identity *identity = &database->identity;
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    /* By SHOW, because not every server has all of them. */
    int status =
        database_query(database,
                       "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('version', 'version_comment', 'hostname', "
                       "'server_id', 'server_uuid', 'read_only', 'aurora_version', 'aurora_server_id')",
                       NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    while (status == 0 && fields != NULL) {
        if (fields[0].bytes != NULL && fields[1].bytes != NULL)
            take_variable(identity, fields[0].bytes, fields[1].bytes);
        status = rows_next(rows, &fields);
    }
    rows_close(rows);
    identity->hostname = identity->hostname != NULL ? identity->hostname : xstrdup("");
    identity->uuid = identity->uuid != NULL ? identity->uuid : xstrdup("");
    identity->version_text = identity->version_text != NULL ? identity->version_text : xstrdup("");
    identity->cipher = database->target.tls_ca != NULL ? mysql_get_ssl_cipher(database->mysql) : NULL;
    if (status == 0 && identity->version == 0)
        status = fail(EXIT_UNAVAILABLE, "\"%s\" says that its version is \"%s\", which is none",
                      database->target.server, identity->version_text);
    return status;
}

/* What must be the same for database_stop_statement() to trust a connection number. */
static int read_instance(struct database *database) {
    struct text text = {0};
    database->instance_sql = database->identity.aurora
                                 ? "SELECT CONCAT_WS('/', @@hostname, @@port, @@server_id, @@aurora_server_id)"
                                 : "SELECT CONCAT_WS('/', @@hostname, @@port, @@server_id)";
    int status = database_single_value(database, database->instance_sql, NULL, &text, NULL);
    if (status == 0)
        database->instance = text_take(&text);
    text_free(&text);
    return status;
}

static int read_clock(struct database *database) {
    int64_t now = 0;
    int64_t before = clock_now();
    int status = database_single_integer(database, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)", NULL, &now);
    database->identity.clock_offset = now - (before + clock_now()) / 2;
    return status;
}

int database_session_start(struct database *database) {
    /* The number in the handshake has only 32 bits. Known first, so that whatever follows can be stopped. */
    int status = database_single_integer(database, "SELECT CONNECTION_ID()", NULL, &database->identity.connection);
    if (status == 0)
        status = set_variables(database);
    if (status == 0)
        status = check_variables(database);
    if (status == 0)
        status = read_identity(database);
    if (status == 0)
        status = read_instance(database);
    if (status == 0)
        status = read_clock(database);
    return status;
}

int database_set_statement_limit(struct database *database, int64_t milliseconds) {
    const struct server_identity *identity = &database->identity;
    char *sql = NULL;
    if (identity->mariadb && identity->version >= 100101)
        sql = xasprintf("SET SESSION max_statement_time = %lld.%03lld", (long long)(milliseconds / 1000),
                        (long long)(milliseconds % 1000));
    else if (!identity->mariadb && identity->version >= 50708)
        sql = xasprintf("SET SESSION max_execution_time = %lld", (long long)milliseconds);
    if (sql == NULL) {
        log_debug("\"%s\" (%s) has no statement limit of its own: only read_timeout bounds statements",
                  database->target.server, identity->version_text);
        return 0;
    }
    int status = database_run(database, sql, NULL, NULL);
    free(sql);
    return status;
}
