/* What libmemcached 1.1.4 does and does not tell, as measured (see tests/unit/memcached_pool_test.c):
 * - POLL_TIMEOUT is the only timeout that works on an open connection.
 * - After a failed connect a handle refuses for RETRY_TIMEOUT seconds. Handles are thrown away after any failure, so
 * that never shows.
 * - memcached_fetch_result() turns an error reply, a garbled one and a cut one into NOT FOUND as long as its result has
 * no `count`. Giving it one beforehand makes it report END for a complete answer, and the failure otherwise.
 * - A reply that fits no set ("OK", "END", a number) fails an assertion in memcached_set() and aborts. Replies can only
 * be out of step on a connection that is used after a failure. */
#include <stdlib.h>
#include <string.h>

#include <libmemcached/memcached.h>

#include "nightshift/base/text.h"
#include "nightshift/stores/memcached_connection.h"

struct memcached_connection {
    memcached_st *handle;
    struct text reason;
};

static void set(memcached_st *handle, memcached_behavior_t behaviour, int64_t value) {
    memcached_behavior_set(handle, behaviour, (uint64_t)value);
}

struct memcached_connection *memcached_connection_open(const struct memcached_settings *settings,
                                                       const struct memcached_node *node) {
    struct memcached_connection *connection = xcalloc(1, sizeof *connection);
    memcached_st *handle = memcached_create(NULL);
    connection->handle = handle;
    if (handle == NULL)
        return connection;
    set(handle, MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, settings->connect_timeout);
    set(handle, MEMCACHED_BEHAVIOR_POLL_TIMEOUT, settings->timeout);
    set(handle, MEMCACHED_BEHAVIOR_TCP_NODELAY, 1);
    if (node->port == 0)
        memcached_server_add_unix_socket(handle, node->host);
    else
        memcached_server_add(handle, node->host, node->port);
    return connection;
}

void memcached_connection_close(struct memcached_connection *connection) {
    if (connection == NULL)
        return;
    if (connection->handle != NULL)
        memcached_free(connection->handle);
    text_free(&connection->reason);
    free(connection);
}

const char *memcached_connection_reason(const struct memcached_connection *connection) {
    return text_string(&connection->reason);
}

/* libmemcached's message without its decoration: "(0x55d0c8) SERVER ERROR, out of memory,  host: 10.0.0.1:11211 ->
 * io.cc:145". */
static void explain_by_message(struct memcached_connection *connection, memcached_return_t code) {
    const char *message = memcached_last_error_message(connection->handle);
    if (memcached_last_error(connection->handle) == MEMCACHED_SUCCESS || message == NULL)
        message = memcached_strerror(connection->handle, code);
    if (message[0] == '(' && strchr(message, ' ') != NULL)
        message = strchr(message, ' ') + 1;
    const char *end = strstr(message, ",  ");
    size_t length = end != NULL ? (size_t)(end - message) : strlen(message);
    while (length > 0 && strchr("\r\n ", message[length - 1]) != NULL)
        length--;
    text_append_printable(&connection->reason, message, length);
}

static void explain(struct memcached_connection *connection, memcached_return_t code) {
    int number = memcached_last_error_errno(connection->handle);
    const char *text = NULL;
    if (code == MEMCACHED_TIMEOUT)
        text = "timed out";
    else if (code == MEMCACHED_E2BIG)
        text = "larger than the node's limit for one item";
    else if (code == MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE)
        text = "the node is out of memory";
    else if (code == MEMCACHED_HOST_LOOKUP_FAILURE)
        text = "the host name cannot be resolved";
    else if (number != 0)
        text = strerrordesc_np(number);
    else if (code == MEMCACHED_CONNECTION_FAILURE)
        text = strstr(memcached_last_error_message(connection->handle), "disconnected") != NULL
                   ? "the node closed the connection"
                   : "cannot connect";
    if (text != NULL)
        text_add(&connection->reason, text);
    else
        explain_by_message(connection, code);
}

/* What a failure means; the reason is kept. */
static enum memcached_reply failed(struct memcached_connection *connection, memcached_return_t code) {
    /* Two codes that stand for "see the last error". */
    memcached_return_t last = memcached_last_error(connection->handle);
    if ((code == MEMCACHED_SOME_ERRORS || code == MEMCACHED_FAILURE) && last != MEMCACHED_SUCCESS)
        code = last;
    explain(connection, code);
    if (code == MEMCACHED_TIMEOUT)
        return REPLY_TIMEOUT;
    if (code == MEMCACHED_E2BIG)
        return REPLY_TOO_LARGE;
    static const memcached_return_t answers[] = {
        MEMCACHED_ERROR,
        MEMCACHED_CLIENT_ERROR,
        MEMCACHED_SERVER_ERROR,
        MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE,
        MEMCACHED_NOTSTORED,
        MEMCACHED_DATA_EXISTS,
        MEMCACHED_BAD_KEY_PROVIDED,
        MEMCACHED_KEY_TOO_BIG,
        MEMCACHED_INVALID_ARGUMENTS,
        MEMCACHED_NOTFOUND,
    };
    for (size_t i = 0; i < LENGTH_OF(answers); i++)
        if (code == answers[i])
            return REPLY_REFUSED;
    return REPLY_LOST;
}

static enum memcached_reply no_handle(struct memcached_connection *connection) {
    text_add(&connection->reason, "out of memory");
    return REPLY_LOST;
}

enum memcached_reply memcached_connection_set(struct memcached_connection *connection,
                                              const struct memcached_item *item) {
    text_clear(&connection->reason);
    if (connection->handle == NULL)
        return no_handle(connection);
    memcached_return_t code = memcached_set(connection->handle, item->key, strlen(item->key), item->bytes, item->length,
                                            (time_t)item->expiry, item->flags);
    return code == MEMCACHED_SUCCESS ? REPLY_DONE : failed(connection, code);
}

/* Values come in the order of the keys, and keys without one are left out. */
static bool next_match(const char *const *keys, size_t count, size_t *next, const memcached_result_st *result) {
    const char *key = memcached_result_key_value(result);
    size_t length = memcached_result_key_length(result);
    while (*next < count && (strlen(keys[*next]) != length || memcmp(keys[*next], key, length) != 0))
        (*next)++;
    return *next < count;
}

enum memcached_reply memcached_connection_get(struct memcached_connection *connection, const char *const *keys,
                                              size_t count, memcached_found *found, void *context) {
    memcached_st *handle = connection->handle;
    text_clear(&connection->reason);
    if (handle == NULL)
        return no_handle(connection);
    size_t *lengths = xcalloc(count, sizeof *lengths);
    for (size_t i = 0; i < count; i++)
        lengths[i] = strlen(keys[i]);
    memcached_return_t code = memcached_mget(handle, keys, lengths, count);
    free(lengths);
    if (code != MEMCACHED_SUCCESS)
        return failed(connection, code);
    memcached_result_st storage, *result;
    memcached_result_create(handle, &storage);
    storage.count = 1; /* see the top of this file */
    size_t next = 0;
    bool in_order = true;
    while (in_order && (result = memcached_fetch_result(handle, &storage, &code)) != NULL) {
        in_order = next_match(keys, count, &next, result);
        if (in_order)
            found(context, next++, memcached_result_value(result), memcached_result_length(result),
                  memcached_result_flags(result));
    }
    memcached_result_free(&storage);
    if (!in_order) {
        text_add(&connection->reason, "the node answered with a key that was not asked for");
        return REPLY_LOST;
    }
    return code == MEMCACHED_END && memcached_last_error(handle) == MEMCACHED_SUCCESS ? REPLY_DONE
                                                                                      : failed(connection, code);
}

enum memcached_reply memcached_connection_version(struct memcached_connection *connection, char *out, size_t size) {
    text_clear(&connection->reason);
    if (connection->handle == NULL)
        return no_handle(connection);
    /* Not memcached_version(), which loses the reason when it cannot connect. */
    memcached_return_t code = MEMCACHED_FAILURE;
    memcached_stat_st *stat = memcached_stat(connection->handle, NULL, &code);
    if (stat != NULL && code == MEMCACHED_SUCCESS) {
        size_t length = strnlen(stat->version, sizeof stat->version);
        length = length < size - 1 ? length : size - 1;
        memcpy(out, stat->version, length);
        out[length] = '\0';
    }
    memcached_stat_free(connection->handle, stat);
    return code == MEMCACHED_SUCCESS ? REPLY_DONE : failed(connection, code);
}
