/* One connection to a MySQL or MariaDB server, opened so that nothing about it is left to chance: verified TLS, three
 * timeouts, no option files, and a session whose variables were set and read back. Built on MariaDB Connector/C or on
 * MySQL's own libmysqlclient.
 *
 * Every function that returns int returns 0 or an exit code, and has then logged the reason once. Where a function
 * takes `origin`: it says where in the settings the statement stands ("[count works] query"), for messages; a statement
 * that the server does not understand is then EXIT_SETTINGS. NULL stands for a statement of our own, and the same
 * mistake is EXIT_BUG.
 *
 * How statements fail:
 * - EXIT_LATER: we were asked to stop (run/interrupt.h), and the statement was ended on the server too, by KILL QUERY
 *   over a second connection; or the statement limit passed, a lock was held for too long, there was a deadlock, or the
 *   server is read-only.
 * - EXIT_UNAVAILABLE: the server is gone, refuses connections, or did not answer within read_timeout (what it was doing
 *   for us is then killed as well).
 * - EXIT_DENIED: a privilege is missing; a hint names it where the server's message does.
 *
 * A connection belongs to one thread. Only the waiting thread of run/interrupt.h touches it besides. */
#ifndef NIGHTSHIFT_STORES_MYSQL_H
#define NIGHTSHIFT_STORES_MYSQL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/run/settings.h"

enum mysql_tls {
    MYSQL_TLS_AUTO,   /* as verify, except on a Unix socket or a loopback address */
    MYSQL_TLS_VERIFY, /* TLS 1.2 or later; the certificate must be signed by tls_ca and name the host */
    MYSQL_TLS_OFF,
};

/* [mysql] */
struct mysql_settings {
    char *writer;           /* "host:port", "[v6]:port", "host", or "/path/to/socket" */
    struct strings readers; /* the same, in the order of preference */
    char *database;         /* NULL: none is selected */
    char *user;             /* NULL: the one of option_file */
    char *password_file;    /* NULL: no password, or the one of option_file. "fd:N" */
    char *option_file;
    char *option_group;
    int tls; /* enum mysql_tls */
    char *tls_ca;
    int64_t connect_timeout; /* all in milliseconds; the client libraries count whole seconds: rounded up */
    int64_t read_timeout;
    int64_t write_timeout;
    int64_t statement_limit; /* 0: none */
    int64_t max_replica_lag;
    bool allow_writer;
};

extern const struct section mysql_section;

/* Who connects: sent as connection attributes program_name ("nightshift JOB") and run_id, which an administrator sees
 * in performance_schema.session_connect_attrs. */
struct database_client {
    const char *job;
    const char *run_id; /* NULL: none */
    bool unlogged; /* as far as the server allows it, nothing of this session gets into its slow query log: from the
                         * first statement on, and the connections that stop a statement too */
};

struct server_identity {
    bool mariadb;         /* else MySQL, Percona Server or Aurora MySQL */
    bool aurora;          /* it has @@aurora_version */
    int version;          /* 101119 for 10.11.19, 50624 for 5.6.24 */
    char *version_text;   /* "10.11.19-MariaDB-0+deb12u1" */
    char *hostname;       /* @@hostname; on Aurora @@aurora_server_id, the name of the instance */
    char *uuid;           /* @@server_uuid; "" on MariaDB, which has none */
    int64_t server_id;    /* @@server_id */
    int64_t connection;   /* CONNECTION_ID() */
    bool read_only;       /* @@global.read_only when the connection was made */
    const char *cipher;   /* of the TLS connection; NULL: not encrypted */
    int64_t clock_offset; /* server's clock minus ours, in milliseconds, good to one round trip */
};

struct database;

/* Connects to `server` (written as in the settings). An attempt that fails because the server is away or full is
 * repeated up to twice, after a growing pause with jitter, if less than connect_timeout has passed since the first; a
 * refused password or certificate is final. EXIT_UNAVAILABLE (also for TLS failures), EXIT_DENIED, EXIT_SETTINGS
 * (unknown database, unreadable files), EXIT_LATER when asked to stop. */
int database_open(const struct mysql_settings *settings, const char *server, const struct database_client *client,
                  struct database **out);
void database_close(struct database *database); /* NULL is allowed */

const char *database_server(const struct database *database); /* as in the settings, for messages */
const struct server_identity *database_identity(const struct database *database);

/* Changes the server-side limit for the statements to come, in milliseconds; 0: none. On MySQL it bounds only SELECT;
 * MySQL before 5.7.8 and MariaDB before 10.1 have none, and only read_timeout bounds. */
int database_set_statement_limit(struct database *database, int64_t milliseconds);

/* Errors of the server that the caller explains better than we could: from now on those with one of these numbers are not
 * logged, only returned. `numbers` ends with 0 and stays valid; NULL: none, as in the beginning. */
void database_expect_errors(struct database *database, const unsigned *numbers);

/* The number of the error by which the last statement failed, and its text; 0: it did not fail, or not on the server. */
unsigned database_error_number(const struct database *database);
const char *database_error_text(const struct database *database);

/* Runs a statement that gives no rows; `changed`, unless NULL, gets the number of rows it changed. */
int database_run(struct database *database, const char *sql, const char *origin, int64_t *changed);

/* --- rows, streamed: memory use is that of one row --- */

enum column_kind {
    COLUMN_ANY,     /* only for rows_expect() */
    COLUMN_INTEGER, /* also DECIMAL without decimals, the type of SUM() over integers */
    COLUMN_NUMBER,  /* any other DECIMAL, FLOAT, DOUBLE; rows_expect() takes integers for it too */
    COLUMN_TEXT,    /* CHAR, TEXT, ENUM, SET, JSON */
    COLUMN_BYTES,   /* BINARY, BLOB, BIT, GEOMETRY */
    COLUMN_TIME,    /* DATE, TIME, DATETIME, TIMESTAMP */
};

struct field {
    const char *bytes; /* NULL is SQL's NULL; else followed by a NUL that `length` does not count */
    size_t length;
};

struct rows;

/* Starts a statement that gives rows. No other statement may be run on this connection until rows_close(). */
int database_query(struct database *database, const char *sql, const char *origin, struct rows **out);

/* The next row; valid until the next call. *fields is NULL after the last one. An error in the middle or after the last
 * row is an error, not an end: what was read so far is then not the whole result. */
int rows_next(struct rows *rows, const struct field **fields);

/* Ends the statement: if rows are left, by KILL QUERY first, so that neither side goes through the rest. NULL is
 * allowed. Never fails: a connection that broke meanwhile says so at its next statement. */
void rows_close(struct rows *rows);

size_t rows_columns(const struct rows *rows);
const char *rows_column_name(const struct rows *rows, size_t column);
enum column_kind rows_column_kind(const struct rows *rows, size_t column);

/* Whether it is a TIMESTAMP, which the session's zone has made UTC, and no expression over one: that is a DATETIME, in no known zone. */
bool rows_column_is_timestamp(const struct rows *rows, size_t column);

/* The column of this name, compared without regard to case; -1 if there is none. */
int rows_find_column(const struct rows *rows, const char *name);

/* Checks that there are exactly `count` columns of these kinds. EXIT_SETTINGS or EXIT_BUG, by the statement's origin.
 */
int rows_expect(struct rows *rows, size_t count, const enum column_kind *kinds);

/* A field as a whole number. NULL, or the reason for a refusal as parse_integer() gives it ("is NULL", "not a whole
 * number", "too large"). */
const char *field_integer(const struct field *field, int64_t *out);

/* --- single values: exactly one row of one column, else EXIT_SETTINGS or EXIT_BUG --- */

/* Replaces the content of `value`; *is_null may be NULL if NULL is not allowed. */
int database_single_value(struct database *database, const char *sql, const char *origin, struct text *value,
                          bool *is_null);
int database_single_integer(struct database *database, const char *sql, const char *origin, int64_t *value);

/* Appends a string literal: quotes, and the bytes escaped for this connection. The only way in which a value gets into
 * a statement. */
void database_append_string(struct database *database, struct text *sql, const char *bytes, size_t length);

/* --- transactions --- */

/* Starts a read-only transaction in which all statements see the data of one moment (InnoDB tables only). *taken_at, in
 * milliseconds since 1970 by the server's clock, is just before that moment: whatever was committed by then is seen. On
 * a replica subtract its lag. */
int database_begin_snapshot(struct database *database, int64_t *taken_at);
int database_begin(struct database *database); /* START TRANSACTION, REPEATABLE READ */
int database_commit(struct database *database);
/* Never fails: if the server does not answer, the end of the connection rolls back. */
void database_rollback(struct database *database);

#endif
