/* Connecting. Everything that a client library would take from the environment, from an option file or from a compiled-in default is given
 * explicitly, and what came out is checked: a connection that should be encrypted and is not is closed again. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "mysql_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

enum { CONNECT_ATTEMPTS = 3, FIRST_PAUSE = 200 /* ms */, PACKET_MAX = 64 * 1024 * 1024 };

static void set_options(MYSQL *mysql, const struct database_target *target, const struct database_timeouts *timeouts) {
    unsigned no = 0;
    unsigned protocol = target->address.path != NULL ? MYSQL_PROTOCOL_SOCKET : MYSQL_PROTOCOL_TCP;
    unsigned long packet = PACKET_MAX;
    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &timeouts->connect);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &timeouts->read);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &timeouts->write);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &no);
    /* Else the libraries take "localhost" for the socket at their compiled-in path. */
    mysql_options(mysql, MYSQL_OPT_PROTOCOL, &protocol);
    mysql_options(mysql, MYSQL_OPT_MAX_ALLOWED_PACKET, &packet);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    mysql_options(mysql, MYSQL_OPT_CONNECT_ATTR_RESET, NULL);
    mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", target->program_name);
    if (target->run_id != NULL)
        mysql_options4(mysql, MYSQL_OPT_CONNECT_ATTR_ADD, "run_id", target->run_id);
    if (target->tls_ca != NULL)
        client_require_tls(mysql, target->tls_ca);
    else
        client_refuse_tls(mysql, target->address.path != NULL);
}

/* Before anything else, or it would be logged itself. Only MariaDB can switch the log off for a session. With both limits at their highest
 * nothing qualifies on the others either, whatever log_queries_not_using_indexes says (measured with long_query_time = 0 on MariaDB
 * 10.11, MySQL 5.6 and 9.7: not even these statements and the Quit are logged). MySQL 9.7 lets only SESSION_VARIABLES_ADMIN set
 * the second: without it a scan is still logged there if log_queries_not_using_indexes is on. */
static void keep_out_of_slow_log(MYSQL *mysql, const struct database_target *target) {
    static const char *const statements[] = {
        "SET SESSION long_query_time = 31536000 /*M!100000 , SESSION slow_query_log = 0 */",
        "SET SESSION min_examined_row_limit = 4294967295",
    };
    for (size_t i = 0; i < LENGTH_OF(statements); i++)
        if (mysql_real_query(mysql, statements[i], strlen(statements[i])) != 0)
            log_debug("cannot keep out of the slow log of \"%s\": %s", target->server, mysql_error(mysql));
}

MYSQL *database_connect_once(const struct database_target *target, const struct database_timeouts *timeouts,
                             struct database_error *error) {
    MYSQL *mysql = mysql_init(NULL);
    if (mysql == NULL) {
        *error = (struct database_error){.code = 2008, .state = "HY001", .text = "out of memory"};
        return NULL;
    }
    set_options(mysql, target, timeouts);
    const struct database_address *address = &target->address;
    /* Neither user nor password is NULL: that would have the libraries look into the environment. */
    if (mysql_real_connect(mysql, address->host, target->login.user, target->login.password, target->database,
                           address->path != NULL ? 0 : address->port, address->path, 0) == NULL) {
        database_error_take(error, mysql);
        mysql_close(mysql);
        return NULL;
    }
    if (target->tls_ca != NULL && mysql_get_ssl_cipher(mysql) == NULL) {
        *error = (struct database_error){.code = 2026, .state = "HY000", .text = "the connection is not encrypted"};
        mysql_close(mysql);
        return NULL;
    }
    int descriptor = client_socket(mysql);
    fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    if (target->unlogged)
        keep_out_of_slow_log(mysql, target);
    return mysql;
}

static unsigned whole_seconds(int64_t milliseconds) {
    return (unsigned)((milliseconds + 999) / 1000);
}

/* Half of `milliseconds` to the whole, at random, so that the jobs of two hosts do not come back at the same moment. */
static int with_jitter(int milliseconds) {
    unsigned random = 0;
    if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
        return milliseconds;
    return milliseconds / 2 + (int)(random % (unsigned)(milliseconds / 2 + 1));
}

static int refuse_connection(const struct database_target *target, const struct database_error *error,
                             struct text *reason) {
    int status = database_error_status(error->code, error->state, EXIT_SETTINGS);
    if (reason != NULL && status == EXIT_UNAVAILABLE) {
        text_printf(reason, "%s (error %u)", error->text, error->code);
        return status;
    }
    struct text hint = {0};
    log_error("cannot connect to MySQL \"%s\": %s (error %u)", target->server, error->text, error->code);
    database_error_hint(error, &hint);
    if (hint.length > 0)
        log_hint("%s", hint.data);
    text_free(&hint);
    return status;
}

/* The retry policy of this store: up to three attempts, with growing pauses, the last beginning within connect_timeout of the first; only
 * after failures that may pass. */
static int connect_with_retries(struct database *database, const struct mysql_settings *settings, struct text *reason) {
    struct database_timeouts timeouts = {.connect = whole_seconds(settings->connect_timeout),
                                         .read = whole_seconds(settings->read_timeout),
                                         .write = whole_seconds(settings->write_timeout)};
    struct database_error error = {0};
    int64_t started = clock_monotonic();
    int pause = FIRST_PAUSE;
    for (int attempt = 1; !interrupt_requested(); attempt++) {
        database->mysql = database_connect_once(&database->target, &timeouts, &error);
        if (database->mysql != NULL)
            return 0;
        if (!database_error_passes(error.code) || attempt == CONNECT_ATTEMPTS ||
            clock_monotonic() + pause - started >= settings->connect_timeout)
            return refuse_connection(&database->target, &error, reason);
        log_debug("cannot connect to MySQL \"%s\" yet: %s (error %u)", database->target.server, error.text, error.code);
        interrupt_sleep(with_jitter(pause));
        pause *= 2;
    }
    return fail(EXIT_LATER, "cannot connect to MySQL \"%s\": asked to stop", database->target.server);
}

static int prepare_target(struct database_target *target, const struct mysql_settings *settings, const char *server,
                          const struct database_client *client) {
    const char *reason = database_address_parse(server, &target->address);
    if (reason != NULL)
        return fail(EXIT_SETTINGS, "cannot connect to MySQL \"%s\": %s", server, reason);
    target->server = xstrdup(server);
    target->database = settings->database != NULL ? xstrdup(settings->database) : NULL;
    target->program_name = xasprintf("nightshift %s", client->job);
    target->run_id = client->run_id != NULL ? xstrdup(client->run_id) : NULL;
    target->unlogged = client->unlogged;
    if (!database_address_needs_tls(&target->address, settings->tls))
        return 0;
    /* The libraries' own messages about a missing file name the wrong cause. */
    if (access(settings->tls_ca, R_OK) != 0)
        return fail(EXIT_SETTINGS, "cannot read tls_ca \"%s\": %s", settings->tls_ca, strerror(errno));
    target->tls_ca = xstrdup(settings->tls_ca);
    return 0;
}

int database_open_as(const struct mysql_settings *settings, const char *server, const struct database_client *client,
                     const struct database_login *login, struct text *reason, struct database **out) {
    *out = NULL;
    struct database *database = xcalloc(1, sizeof *database);
    pthread_mutex_init(&database->lock, NULL);
    database->socket = -1;
    database->read_timeout = settings->read_timeout;
    database->target.login = (struct database_login){xstrdup(login->user), xstrdup(login->password)};
    int status = prepare_target(&database->target, settings, server, client);
    if (status == 0)
        status = connect_with_retries(database, settings, reason);
    if (status != 0)
        goto out;
    database->socket = fcntl(client_socket(database->mysql), F_DUPFD_CLOEXEC, 3);
    /* From here on a request to stop ends what the server does for us. A request that came before is seen by the first statement. */
    interrupt_on(database_interrupt, database);
    status = database_session_start(database);
    if (status == 0)
        status = database_set_statement_limit(database, settings->statement_limit);
    if (status != 0)
        goto out;
    *out = database;
    database = NULL;
out:
    database_close(database);
    return status;
}

int database_open(const struct mysql_settings *settings, const char *server, const struct database_client *client,
                  struct database **out) {
    *out = NULL;
    struct database_login login = {0};
    if (server == NULL)
        return fail(EXIT_SETTINGS, "cannot connect to MySQL: [mysql] names no writer");
    int status = database_login_load(settings, &login);
    if (status == 0)
        status = database_open_as(settings, server, client, &login, NULL, out);
    database_login_free(&login);
    return status;
}

void database_close(struct database *database) {
    if (database == NULL)
        return;
    interrupt_off(database);
    if (database->mysql != NULL)
        mysql_close(database->mysql);
    if (database->socket >= 0)
        close(database->socket);
    pthread_mutex_destroy(&database->lock);
    database_address_free(&database->target.address);
    database_login_free(&database->target.login);
    free(database->target.server);
    free(database->target.database);
    free(database->target.program_name);
    free(database->target.run_id);
    free(database->target.tls_ca);
    free(database->identity.version_text);
    free(database->identity.hostname);
    free(database->identity.uuid);
    free(database->instance);
    free(database);
}

const char *database_server(const struct database *database) {
    return database->target.server;
}

const struct server_identity *database_identity(const struct database *database) {
    return &database->identity;
}
