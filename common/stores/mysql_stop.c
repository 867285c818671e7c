/* Stopping our own statement on the server. Ending the client is not enough: a server notices a closed connection only when it has a row to
 * send, and a COUNT over a large table has none for minutes (MySQL worklog 1242). So KILL QUERY goes over a second connection.
 *
 * Nothing else may be hit. The database's lock is held from the look at `running` to the end of the KILL, so that the statement meant is the
 * one stopped; and behind a name with several addresses, or after a failover, the second connection can land on another server, where our
 * connection number means somebody else: it must say that it is the same instance. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "mysql_private.h"
#include "nightshift/base/log.h"

/* Short: the whole run waits for this. */
static const struct database_timeouts stop_timeouts = {.connect = 1, .read = 1, .write = 1};

enum { NO_SUCH_THREAD = 1094 };

static bool is_same_instance(const struct database *database, MYSQL *mysql) {
    if (mysql_query(mysql, database->instance_sql) != 0)
        return false;
    MYSQL_RES *result = mysql_store_result(mysql);
    if (result == NULL)
        return false;
    MYSQL_ROW row = mysql_fetch_row(result);
    bool same = row != NULL && row[0] != NULL && strcmp(row[0], database->instance) == 0;
    mysql_free_result(result);
    return same;
}

bool database_stop_statement(struct database *database) {
    struct database_error error = {0};
    const char *server = database->target.server;
    if (database->instance == NULL)
        return false;
    MYSQL *mysql = database_connect_once(&database->target, &stop_timeouts, &error);
    if (mysql == NULL) {
        log_debug("cannot stop the statement on \"%s\": %s (error %u)", server, error.text, error.code);
        return false;
    }
    bool stopped = false;
    if (is_same_instance(database, mysql)) {
        char *sql = xasprintf("KILL QUERY %lld", (long long)database->identity.connection);
        stopped = mysql_query(mysql, sql) == 0 || mysql_errno(mysql) == NO_SUCH_THREAD;
        free(sql);
        database_error_take(&error, mysql);
        log_debug("%s the statement on \"%s\"%s%s", stopped ? "stopped" : "cannot stop", server, stopped ? "" : ": ",
                  stopped ? "" : error.text);
    } else {
        log_debug("cannot stop the statement on \"%s\": a second connection reached another server", server);
    }
    mysql_close(mysql);
    return stopped;
}

/* Called by the waiting thread when we are asked to stop. */
void database_interrupt(void *context) {
    struct database *database = context;
    atomic_store(&database->interrupted, true);
    pthread_mutex_lock(&database->lock);
    if (database->running) {
        mysql_thread_init();
        /* A server that takes no second connection shall not keep us: then at least our side of the connection ends. */
        if (!database_stop_statement(database) && database->socket >= 0)
            shutdown(database->socket, SHUT_RDWR);
        mysql_thread_end();
    }
    pthread_mutex_unlock(&database->lock);
}
