/* What the files of this store share, and what its unit tests reach for. */
#ifndef NIGHTSHIFT_STORES_MYSQL_PRIVATE_H
#define NIGHTSHIFT_STORES_MYSQL_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "mysql_client.h"
#include "nightshift/stores/mysql.h"

/* --- mysql_settings.c: pure code --- */

struct database_address {
    char *path; /* of a Unix socket; NULL: host and port */
    char *host;
    unsigned port;
    bool loopback;
};

/* "host:port", "host", "[v6]:port", "[v6]" or "/path". NULL, or the reason, a string literal. */
const char *database_address_parse(const char *string, struct database_address *address);
void database_address_free(struct database_address *address);
bool database_address_needs_tls(const struct database_address *address, int tls);

/* --- mysql_login.c --- */

struct database_login {
    char *user;
    char *password; /* not NULL once loaded */
};

/* Takes user and password from a group of an option file, by the rules of the manual ("Using Option Files"). Pure. NULL, or the reason, with
 * *line set (0: the file as a whole). */
const char *database_login_parse(const char *content, const char *group, struct database_login *login, int *line);
int database_login_load(const struct mysql_settings *settings, struct database_login *login);
void database_login_free(struct database_login *login); /* overwrites the password first */

/* --- mysql_error.c: pure but for the logging --- */

struct database_error {
    unsigned code;
    char state[6];
    char text[512];
};

void database_error_take(struct database_error *error, MYSQL *mysql);

/* The exit code for an error of the server or of the client library. `wrong` is returned for statements that can never work. */
int database_error_status(unsigned code, const char *state, int wrong);

/* What the reader can do about it; nothing is appended if we do not know. */
void database_error_hint(const struct database_error *error, struct text *hint);

/* Whether another attempt to connect can help. */
bool database_error_passes(unsigned code);

/* The first 120 bytes or so of a statement, on one line. */
void database_append_excerpt(struct text *text, const char *sql);

/* --- mysql_connect.c --- */

/* All that is needed to connect, and to connect a second time in order to stop a statement. */
struct database_target {
    char *server;
    struct database_address address;
    struct database_login login;
    char *database;
    char *program_name;
    char *run_id;
    char *tls_ca; /* NULL: without TLS */
    bool unlogged;
};

/* In seconds. */
struct database_timeouts {
    unsigned connect, read, write;
};

/* One attempt, without session variables. NULL, with `error` filled. */
MYSQL *database_connect_once(const struct database_target *target, const struct database_timeouts *timeouts,
                             struct database_error *error);

/* database_open() with the login loaded already. Where `reason` is not NULL, a server that is away (EXIT_UNAVAILABLE) is
 * not logged but told there. */
int database_open_as(const struct mysql_settings *settings, const char *server, const struct database_client *client,
                     const struct database_login *login, struct text *reason, struct database **out);

struct database {
    struct database_target target;
    MYSQL *mysql;
    struct server_identity identity;
    char *instance; /* what instance_sql said: the server that identity.connection counts on */
    const char *instance_sql;
    int64_t read_timeout;        /* milliseconds */
    bool in_rows;                /* a struct rows is open */
    const unsigned *expected;    /* errors that are not logged, or NULL */
    struct database_error error; /* of the last statement */
    /* Shared with the waiting thread. The lock is held while a statement is being stopped, so that no other one can begin meanwhile. */
    pthread_mutex_t lock;
    bool running;            /* guarded by lock */
    int socket;              /* our duplicate of the connection's: stays ours when the library closes its own */
    atomic_bool interrupted; /* asked to stop */
};

/* --- mysql_statement.c --- */

struct rows {
    struct database *database;
    MYSQL_RES *result;
    struct field *fields;
    size_t count;
    char *sql;
    char *origin; /* NULL: ours */
    bool over;    /* the last row was read, or an error came */
};

/* Logs that a result is not what the statement was meant to give. Returns EXIT_SETTINGS or EXIT_BUG. */
int database_refuse_result(struct database *database, const char *sql, const char *origin, const char *reason);

/* --- mysql_session.c --- */

/* Sets the session's variables, reads them back, and finds out who the server is. */
int database_session_start(struct database *database);

/* 100609 of "5.5.5-10.6.9-MariaDB", 80036 of "8.0.36-aurora"; 0 if it is no version. */
int database_version_parse(const char *version);

/* --- mysql_stop.c --- */

/* Stops the running statement on the server, best effort; the caller holds the lock. False: it could not be stopped. */
bool database_stop_statement(struct database *database);
void database_interrupt(void *database); /* for interrupt_on() */

#endif
