/* Redis 3.2 and newer (and Valkey), by single commands and scripts. hiredis only encodes and decodes; the connection is
 * ours (wire.h), because hiredis before 1.0 has no TLS, none of its versions keeps a server from ending us with
 * SIGPIPE, and its timeouts are lost by a reconnect.
 *
 * Every call ends within [redis] timeout, a reconnect and a second try included. Functions log their failure once, unless told to be
 * quiet, and return
 *   EXIT_UNAVAILABLE  no connection, no answer in time, a broken or oversized answer; or a server that cannot serve now: loading, a
 *                     replica, out of memory, another node's key
 *   EXIT_DENIED       no or a wrong password, or a command that the account may not use
 *   EXIT_SETTINGS     an address, CA file or database that cannot be right
 *   EXIT_LATER        asked to stop (see run/interrupt.h); not logged as an error
 *   EXIT_BUG          any other error of the server: we sent something wrong
 * After EXIT_UNAVAILABLE and EXIT_LATER the command may nevertheless have been carried out.
 *
 * One thread at a time. A connection must not be used on both sides of a fork(): make another. */
#ifndef NIGHTSHIFT_STORES_REDIS_H
#define NIGHTSHIFT_STORES_REDIS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/run/settings.h"
#include "nightshift/stores/wire.h"

/* What jobs do when Redis cannot be reached. In the order of the words of the setting. */
enum redis_when_down {
    REDIS_DOWN_REFUSE, /* do not run: the other host may be running */
    REDIS_DOWN_LOCAL,  /* run under the lease of this host alone */
};

struct redis_settings {
    char *server;        /* host:port, [IPv6]:port or /path/to/socket; NULL: the suite works without Redis */
    char *user;          /* NULL: the default user */
    char *password_file; /* NULL: no AUTH is sent */
    int64_t database;
    int tls;         /* enum wire_tls */
    char *tls_ca;    /* NULL: the system's */
    int64_t timeout; /* milliseconds, for a whole call */
    char *key_prefix;
    int when_down; /* enum redis_when_down */
};

extern const struct section redis_section;

struct redis;

/* Connects to nothing yet. `settings` must have a server and must outlive the result. Never fails. */
struct redis *redis_new(const struct redis_settings *settings);
void redis_free(struct redis *redis); /* NULL is fine */

enum {
    /* If the connection breaks before the answer is there, connect again and send the command once more. Only for what
     * may be carried out twice: GET, SET without NX, PEXPIRE, a renewal; not for INCR, SET NX, or a release. (A
     * connection found dead before anything was sent on it is replaced anyway.) */
    REDIS_RETRY = 1,
    REDIS_QUIET = 2,   /* do not log a failure: the caller does, with redis_reason() */
    REDIS_PATIENT = 4, /* go on when asked to stop: for what must be left consistent, such as the release of a lease */
};

/* Connects, and logs in, unless connected: to find out early. Commands do it by themselves. `flags`: REDIS_QUIET,
 * REDIS_PATIENT. An unreadable password file is logged even with REDIS_QUIET. */
int redis_connect(struct redis *redis, unsigned flags);

/* The last failure as a sentence for a message, with the server's name: `cannot connect to Redis "db:6379": connection
 * refused`. "" when the last call succeeded. Valid until the next call. */
const char *redis_reason(const struct redis *redis);

enum redis_type {
    REDIS_NIL,
    REDIS_INTEGER,
    REDIS_STRING, /* also status replies such as OK */
    REDIS_ARRAY,
    REDIS_ERROR, /* inside of arrays only; a command's own error is a failure of the call */
};

struct redis_reply {
    enum redis_type type;
    int64_t integer;            /* REDIS_INTEGER */
    char *bytes;                /* REDIS_STRING, REDIS_ERROR; NUL-terminated, and may hold NULs */
    size_t length;              /* of bytes */
    struct redis_reply **items; /* REDIS_ARRAY */
    size_t count;               /* of items */
};

enum {
    REDIS_REQUEST_LIMIT = 64 * 1024 * 1024, /* bytes of one command; more is EXIT_BUG */
    REDIS_ANSWER_LIMIT = 16 * 1024 * 1024,  /* bytes of one answer; more is EXIT_UNAVAILABLE */
    REDIS_ITEM_LIMIT = 1024 * 1024,         /* array items in one answer, of all levels together */
};

/* Sends one command: `count` words, of `lengths` bytes each (NULL: all are strings). Words are sent with their lengths,
 * so no content of a word can make it another command. Key names get no prefix here: see redis_key(). On success
 * *reply, unless `reply` is NULL, is the answer, to be released with redis_reply_free(); on failure it is NULL. */
int redis_command(struct redis *redis, unsigned flags, size_t count, const char *const *words, const size_t *lengths,
                  struct redis_reply **reply);

struct redis_script {
    const char *text; /* Lua */
    const char *const *keys;
    size_t key_count;
    const char *const *arguments;
    const size_t *argument_lengths; /* NULL: all are strings */
    size_t argument_count;
};

/* Runs a script with EVAL. All keys it uses must be in `keys`, and share one {tag} (Redis' manual, "Scripting with
 * Lua"; a cluster refuses others). Otherwise as redis_command(). A script that has to tell its caller something returns
 * a value, because redis.error_reply() is a failure like any other: EXIT_BUG. */
int redis_eval(struct redis *redis, unsigned flags, const struct redis_script *script, struct redis_reply **reply);

/* The value of an answer that can only be an integer; the bytes of one that can only be a string or nil (then NULL).
 * They belong to the reply. Another type is EXIT_BUG, logged. */
int redis_as_integer(struct redis *redis, const struct redis_reply *reply, int64_t *value);
int redis_as_bytes(struct redis *redis, const struct redis_reply *reply, const char **bytes, size_t *length);

void redis_reply_free(struct redis_reply *reply); /* NULL is fine */

/* The key prefix with a name behind it: redis_key(redis, "{%s}:fence", job). The caller frees it. */
char *redis_key(const struct redis *redis, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
