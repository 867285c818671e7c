/* One question to one server, over a socket of our own: libmemcached does not know the command. Every wait has a
 * deadline, and nothing is believed beyond a bounded length. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/memcached_discovery.h"

enum { MAX_PAYLOAD = 64 * 1024, MAX_NODES = 256, MAX_HOST = 253 };

/* ---- the payload ---- */

static bool valid_host(const char *host) {
    size_t length = strlen(host);
    return length > 0 && length <= MAX_HOST &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:") == length;
}

/* "host|ip|port". The ip is passed over: AWS's clients hash the host name, and a name survives the replacement of a
 * node. */
static const char *parse_node(char *word, struct memcached_nodes *nodes) {
    char *rest = word;
    const char *host = strsep(&rest, "|");
    const char *ip = strsep(&rest, "|");
    int64_t port = 0;
    if (ip == NULL || rest == NULL)
        return "a node is not host|ip|port";
    if (!valid_host(host))
        return "a node has no proper host name";
    if (parse_integer(rest, &port) != NULL || port < 1 || port > UINT16_MAX)
        return "a node has no proper port";
    if (nodes->count >= MAX_NODES)
        return "there are too many nodes";
    memcached_nodes_add(nodes, host, (uint16_t)port, 1);
    return NULL;
}

static const char *parse_lines(char *text, struct memcached_nodes *nodes) {
    int64_t version = 0;
    char *rest = text;
    char *line = strsep(&rest, "\n");
    line[strcspn(line, "\r")] = '\0';
    if (rest == NULL || parse_integer(line, &version) != NULL || version < 0)
        return "the first line is not a version";
    nodes->version = (uint64_t)version;
    line = strsep(&rest, "\n");
    if (line == NULL)
        return "there is no node in it";
    line[strcspn(line, "\r")] = '\0';
    for (char *word = strsep(&line, " "); word != NULL; word = strsep(&line, " ")) {
        const char *reason = *word != '\0' ? parse_node(word, nodes) : NULL;
        if (reason != NULL)
            return reason;
    }
    return nodes->count == 0 ? "there is no node in it" : NULL;
}

const char *memcached_discovery_parse(const char *payload, size_t length, struct memcached_nodes *nodes) {
    *nodes = (struct memcached_nodes){0};
    if (length > MAX_PAYLOAD || memchr(payload, '\0', length) != NULL)
        return "it is not text of a sensible length";
    char *copy = xstrndup(payload, length);
    const char *reason = parse_lines(copy, nodes);
    free(copy);
    if (reason != NULL)
        memcached_nodes_free(nodes);
    return reason;
}

/* ---- the conversation; functions return NULL or the reason for the failure ---- */

static const char *wait_for(int descriptor, short events, int64_t deadline) {
    for (;;) {
        int64_t left = deadline - clock_monotonic();
        if (left <= 0)
            return "timed out";
        struct pollfd poller = {.fd = descriptor, .events = events};
        int ready = poll(&poller, 1, (int)left);
        if (ready > 0)
            return NULL;
        if (ready < 0 && errno != EINTR)
            return strerrordesc_np(errno);
    }
}

static const char *connect_to(const struct addrinfo *address, int64_t deadline, int *out) {
    int descriptor = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return strerrordesc_np(errno);
    const char *reason = NULL;
    if (connect(descriptor, address->ai_addr, address->ai_addrlen) != 0) {
        reason = errno == EINPROGRESS ? wait_for(descriptor, POLLOUT, deadline) : strerrordesc_np(errno);
        int error = 0;
        socklen_t size = sizeof error;
        if (reason == NULL && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error != 0)
            reason = strerrordesc_np(error);
    }
    if (reason != NULL)
        close(descriptor);
    else
        *out = descriptor;
    return reason;
}

static const char *connect_any(const struct memcached_node *endpoint, int64_t timeout, int *out) {
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *addresses = NULL;
    snprintf(port, sizeof port, "%u", (unsigned)endpoint->port);
    int error = getaddrinfo(endpoint->host, port, &hints, &addresses);
    if (error != 0)
        return gai_strerror(error);
    const char *reason = "it has no address";
    for (const struct addrinfo *address = addresses; address != NULL && reason != NULL; address = address->ai_next)
        reason = connect_to(address, clock_monotonic() + timeout, out);
    freeaddrinfo(addresses);
    return reason;
}

/* Reads until `reply` holds `needed` bytes, or (needed == 0) a whole first line. */
static const char *read_reply(int descriptor, int64_t deadline, size_t needed, struct text *reply) {
    while (needed > 0 ? reply->length < needed : strstr(text_string(reply), "\r\n") == NULL) {
        char bytes[4096];
        if (reply->full || (needed == 0 && reply->length > 1024))
            return "the answer is too long";
        const char *reason = wait_for(descriptor, POLLIN, deadline);
        if (reason != NULL)
            return reason;
        ssize_t got = recv(descriptor, bytes, sizeof bytes, 0);
        if (got == 0)
            return "the connection was closed in mid-answer";
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            return strerrordesc_np(errno);
        if (got > 0)
            text_append(reply, bytes, (size_t)got);
    }
    return NULL;
}

/* "CONFIG cluster 0 136" or "VALUE AmazonElastiCache:cluster 0 136": its last word; 0 when it is some other line. */
static size_t payload_length(const struct text *reply, size_t line_length) {
    char *line = xstrndup(reply->data, line_length);
    char *last = strrchr(line, ' ');
    int64_t length = 0;
    if (strncmp(line, "CONFIG ", 7) != 0 && strncmp(line, "VALUE ", 6) != 0)
        last = NULL;
    if (last == NULL || parse_integer(last + 1, &length) != NULL || length < 0 || length > MAX_PAYLOAD)
        length = 0;
    free(line);
    return (size_t)length;
}

static const char *send_all(int descriptor, const char *command, int64_t deadline) {
    size_t sent = 0, length = strlen(command);
    const char *reason = NULL;
    while (reason == NULL && sent < length) {
        ssize_t written = send(descriptor, command + sent, length - sent, MSG_NOSIGNAL);
        if (written >= 0)
            sent += (size_t)written;
        else if (errno != EINTR)
            reason = errno == EAGAIN ? wait_for(descriptor, POLLOUT, deadline) : strerrordesc_np(errno);
    }
    return reason;
}

/* *unknown: the server answered, but with something else than a configuration. */
static const char *converse(int descriptor, const char *command, int64_t deadline, struct memcached_nodes *nodes,
                            bool *unknown) {
    struct text reply = {.limit = MAX_PAYLOAD + 2048};
    const char *reason = send_all(descriptor, command, deadline);
    if (reason == NULL)
        reason = read_reply(descriptor, deadline, 0, &reply);
    if (reason == NULL) {
        const char *text = text_string(&reply);
        size_t start = (size_t)(strstr(text, "\r\n") - text) + 2;
        size_t length = payload_length(&reply, start - 2);
        *unknown = length == 0;
        if (length == 0)
            reason = "it is not an ElastiCache configuration endpoint, or knows no cluster";
        else
            reason = read_reply(descriptor, deadline, start + length, &reply);
        if (reason == NULL)
            reason = memcached_discovery_parse(text_string(&reply) + start, length, nodes);
    }
    text_free(&reply);
    return reason;
}

static const char *ask(const struct memcached_settings *settings, const struct memcached_node *endpoint,
                       struct memcached_nodes *nodes) {
    /* The second is for engines before 1.4.14, which answer the first with an error. */
    static const char *const commands[] = {"config get cluster\r\n", "get AmazonElastiCache:cluster\r\n"};
    const char *reason = NULL;
    bool unknown = true;
    for (size_t i = 0; i < LENGTH_OF(commands) && unknown; i++) {
        int descriptor = -1;
        unknown = false;
        reason = connect_any(endpoint, settings->connect_timeout, &descriptor);
        if (reason == NULL)
            reason = converse(descriptor, commands[i], clock_monotonic() + settings->timeout, nodes, &unknown);
        if (descriptor >= 0)
            close(descriptor);
    }
    return reason;
}

int memcached_discovery_ask(const struct memcached_settings *settings, struct memcached_nodes *nodes) {
    struct memcached_nodes endpoint = {0};
    *nodes = (struct memcached_nodes){0};
    const char *reason = memcached_nodes_parse(&endpoint, settings->discovery);
    if (reason == NULL && endpoint.items[0].port == 0)
        reason = "it must be host:port";
    if (reason != NULL) {
        memcached_nodes_free(&endpoint);
        return fail(EXIT_SETTINGS, "cannot use the memcached discovery endpoint \"%s\": %s", settings->discovery,
                    reason);
    }
    reason = ask(settings, &endpoint.items[0], nodes);
    memcached_nodes_free(&endpoint);
    if (reason != NULL)
        return fail(EXIT_UNAVAILABLE, "cannot discover the memcached nodes from \"%s\": %s", settings->discovery,
                    reason);
    log_debug("memcached discovery \"%s\": version %llu, %zu nodes", settings->discovery,
              (unsigned long long)nodes->version, nodes->count);
    return 0;
}
