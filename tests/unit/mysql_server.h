/* Private MariaDB servers for the unit tests of the MySQL store: each in a directory of its own below the temporary directory, on a Unix
 * socket and a loopback port. They die with the test program, however that ends. */
#ifndef NIGHTSHIFT_TESTS_MYSQL_SERVER_H
#define NIGHTSHIFT_TESTS_MYSQL_SERVER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../common/stores/mysql_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/random.h"

#include <cmocka.h> /* last: it has a macro named fail */

#include "forever.h"

struct server {
    char *directory;
    char *socket;
    char *tcp; /* 127.0.0.1:port */
    int port;
    pid_t pid;
};

/* Runs a shell command; its output goes to a log beside the servers. */
static void shell(const char *format, ...) {
    struct text command = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&command, format, arguments);
    va_end(arguments);
    int result = system(command.data);
    if (result != 0)
        fail_msg("failed: %s", command.data);
    text_free(&command);
}

/* A free port below the range that the kernel gives to clients. */
static int free_port(void) {
    for (int attempt = 0; attempt < 100; attempt++) {
        char token[TOKEN_LENGTH + 1];
        random_token(token);
        token[6] = '\0';
        int port = 10200 + (int)(strtol(token, NULL, 16) % (32767 - 10200));
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int bound = bind(descriptor, (struct sockaddr *)&address, sizeof address);
        close(descriptor);
        if (bound == 0)
            return port;
    }
    fail_msg("no free port");
    return 0;
}

/* A statement as root over the socket, outside of the code under test. The first value of the first row goes to `value` (may be NULL). */
static bool try_admin(const struct server *server, const char *sql, struct text *value) {
    MYSQL *mysql = mysql_init(NULL);
    bool done = mysql_real_connect(mysql, NULL, "root", "", NULL, 0, server->socket, CLIENT_MULTI_STATEMENTS) != NULL &&
                mysql_query(mysql, sql) == 0;
    while (done) {
        MYSQL_RES *result = mysql_store_result(mysql);
        MYSQL_ROW row = result != NULL ? mysql_fetch_row(result) : NULL;
        if (row != NULL && value != NULL) {
            text_clear(value);
            text_add(value, row[0] != NULL ? row[0] : "NULL");
        }
        mysql_free_result(result);
        int next = mysql_next_result(mysql);
        if (next < 0)
            break;
        done = next == 0;
    }
    if (!done && value != NULL) {
        text_clear(value);
        text_add(value, mysql_error(mysql));
    }
    mysql_close(mysql);
    return done;
}

static void admin(const struct server *server, const char *sql) {
    struct text value = {0};
    if (!try_admin(server, sql, &value))
        fail_msg("%s: %s", sql, text_string(&value));
    text_free(&value);
}

static int64_t admin_integer(const struct server *server, const char *sql) {
    struct text value = {0};
    if (!try_admin(server, sql, &value))
        fail_msg("%s: %s", sql, text_string(&value));
    int64_t number = strtoll(text_string(&value), NULL, 10);
    text_free(&value);
    return number;
}

/* An empty data directory, made once per program and copied for each server. */
static char *make_base(void) {
    char *base = xstrdup("/tmp/nightshift-mysql-XXXXXX");
    if (mkdtemp(base) == NULL)
        fail_msg("no temporary directory");
    shell("mariadb-install-db --no-defaults --user=\"$(id -un)\" --datadir=%s/empty --skip-test-db --skip-name-resolve "
          "--force "
          "--auth-root-authentication-method=normal >%s/install.log 2>&1",
          base, base);
    return base;
}

static void remove_base(char *base) {
    shell("rm -rf '%s'", base);
    free(base);
}

static void launch(struct server *server, const char *const *options) {
    const char *arguments[40];
    size_t count = 0;
    char *own[] = {xasprintf("--datadir=%s/data", server->directory), xasprintf("--socket=%s", server->socket),
                   xasprintf("--port=%d", server->port), xasprintf("--log-error=%s/error.log", server->directory),
                   xasprintf("--pid-file=%s/pid", server->directory)};
    arguments[count++] = "mariadbd";
    arguments[count++] = "--no-defaults";
    if (geteuid() == 0)
        arguments[count++] = "--user=root";
    for (size_t i = 0; i < LENGTH_OF(own); i++)
        arguments[count++] = own[i];
    arguments[count++] = "--bind-address=127.0.0.1";
    arguments[count++] = "--innodb-buffer-pool-size=16M";
    arguments[count++] = "--innodb-log-file-size=8M";
    arguments[count++] = "--innodb-flush-log-at-trx-commit=0";
    arguments[count++] = "--skip-name-resolve";
    while (*options != NULL && count < LENGTH_OF(arguments) - 1)
        arguments[count++] = *options++;
    arguments[count] = NULL;
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        int quiet = open("/dev/null", O_RDWR | O_CLOEXEC);
        dup2(quiet, STDOUT_FILENO);
        dup2(quiet, STDERR_FILENO);
        execvp("mariadbd", (char *const *)(uintptr_t)arguments);
        _exit(127);
    }
    for (size_t i = 0; i < LENGTH_OF(own); i++)
        free(own[i]);
}

static void end_process(struct server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGCONT);
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

static void stop_server(struct server *server) {
    end_process(server);
    free(server->directory);
    free(server->socket);
    free(server->tcp);
    *server = (struct server){0};
}

/* Starts a server on a copy of base/empty and waits until it answers. A port lost to somebody else is tried again. */
static void start_server(struct server *server, const char *base, const char *name, const char *const *options) {
    *server = (struct server){.directory = xasprintf("%s/%s", base, name)};
    server->socket = xasprintf("%s/socket", server->directory);
    shell("mkdir '%s' && cp -a '%s/empty' '%s/data'", server->directory, base, server->directory);
    struct text problem = {0};
    for (int attempt = 0; attempt < 3; attempt++) {
        server->port = free_port();
        launch(server, options);
        for (int64_t until = clock_monotonic() + FOREVER; clock_monotonic() < until; clock_sleep(20)) {
            if (try_admin(server, "SELECT 1", &problem)) {
                server->tcp = xasprintf("127.0.0.1:%d", server->port);
                text_free(&problem);
                return;
            }
            if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
                server->pid = 0;
                break;
            }
        }
        end_process(server);
    }
    shell("tail -n 20 '%s/error.log' >&2", server->directory);
    fail_msg("no server: %s", text_string(&problem));
}

/* How many statements like this one run on the server. */
static inline int64_t running(const struct server *server, const char *pattern) {
    char *sql = xasprintf(
        "SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE '%s' AND id <> CONNECTION_ID()", pattern);
    int64_t count = admin_integer(server, sql);
    free(sql);
    return count;
}

/* A statement is stopped by one try that has a second for each step (mysql_stop.c), and a machine that stands still can miss it: then the
 * statement goes on until its limit, minutes later. So one stop of several must have ended it. */
enum { STOPS = 5, SOON = 5000 /* milliseconds */ };

/* False when the statements still run, which are ended then. */
static inline bool ended_soon(const struct server *server, const char *pattern) {
    for (int64_t until = clock_monotonic() + SOON; clock_monotonic() < until; clock_sleep(10))
        if (running(server, pattern) == 0)
            return true;
    while (running(server, pattern) > 0) {
        struct text kill_one = {0};
        char *sql = xasprintf("SELECT CONCAT('KILL ', id) FROM information_schema.processlist WHERE info LIKE '%s' AND "
                              "id <> CONNECTION_ID()",
                              pattern);
        if (try_admin(server, sql, &kill_one) && kill_one.length > 0)
            try_admin(server, text_string(&kill_one), NULL);
        text_free(&kill_one);
        free(sql);
        clock_sleep(10);
    }
    return false;
}

/* What was logged since the last call of forget_log(): errors, warnings and hints, one per line. */
static struct text logged;

static void keep_log(void *context, enum log_level level, bool hint, const char *message) {
    (void)context;
    text_printf(&logged, "%s: %s\n", hint ? "hint" : level == LOG_LEVEL_ERROR ? "error" : "warning", message);
}

static void forget_log(void) {
    text_clear(&logged);
}

static inline void assert_logged(const char *part) {
    if (strstr(text_string(&logged), part) == NULL)
        fail_msg("\"%s\" was not logged, but: %s", part, text_string(&logged));
}

static inline void write_file(const char *directory, const char *name, const char *content) {
    char *path = xasprintf("%s/%s", directory, name);
    int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, strlen(content)), (ssize_t)strlen(content));
    close(descriptor);
    free(path);
}

/* Settings that go to nowhere yet: the caller sets writer or readers. */
static struct mysql_settings test_settings(char *user, char *password_file) {
    return (struct mysql_settings){.user = user,
                                   .password_file = password_file,
                                   .tls = MYSQL_TLS_AUTO,
                                   .tls_ca = (char *)(uintptr_t) "/nonexistent",
                                   .connect_timeout = FOREVER,
                                   .read_timeout = 2 * FOREVER,
                                   .write_timeout = 2 * FOREVER,
                                   .statement_limit = 10 * FOREVER,
                                   .max_replica_lag = 20 * FOREVER};
}

static const struct database_client test_client = {.job = "unit-test", .run_id = "0199-test"};

#endif
