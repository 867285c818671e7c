/* The stream connection that Redis and ElastiCache's discovery speak over. Sockets are non-blocking; whatever would
 * block goes through wire_wait_for(), the one place that knows the deadline and the request to stop (but for the lookup of names, which
 * has no socket: wire_lookup.c). */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "nightshift/base/parse.h"
#include "nightshift/run/interrupt.h"
#include "wire_private.h"

enum { IO_MAX = 1024 * 1024 }; /* bytes per call: OpenSSL counts in int */

int wire_give(struct wire *wire, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wire->reason, sizeof wire->reason, format, arguments);
    va_end(arguments);
    return status;
}

int wire_give_closed(struct wire *wire) {
    return wire_give(wire, EXIT_UNAVAILABLE, "the server closed the connection");
}

int wire_check_stop(struct wire *wire) {
    if (!wire->patient && interrupt_requested())
        return wire_give(wire, EXIT_LATER, "asked to stop");
    return 0;
}

int wire_wait_for(struct wire *wire, int descriptor, short events, int64_t deadline) {
    for (;;) {
        int status = wire_check_stop(wire);
        if (status != 0)
            return status;
        int64_t left = deadline - clock_monotonic();
        if (left <= 0)
            return wire_give(wire, EXIT_UNAVAILABLE, "timed out");
        struct pollfd entry = {.fd = descriptor, .events = events};
        int ready = poll(&entry, 1, left < WIRE_SLICE ? (int)left : WIRE_SLICE);
        if (ready > 0 || (ready == 0 && descriptor < 0))
            return 0;
        if (ready < 0 && errno != EINTR)
            return wire_give(wire, EXIT_SYSTEM, "poll: %s", strerror(errno));
    }
}

/* --- Addresses --- */

/* The host and port of an address that is no path; both are allocated. NULL, or the reason why it has none. */
static const char *split_address(const char *address, char **host, char **port) {
    const char *begin = address, *end = NULL, *colon = NULL;
    if (*address == '[') {
        begin = address + 1;
        end = strchr(begin, ']');
        colon = end == NULL ? NULL : end + 1;
    } else {
        end = colon = strchr(address, ':');
        if (colon != NULL && strchr(colon + 1, ':') != NULL)
            return "an IPv6 address is written as [address]:port";
    }
    if (colon == NULL || *colon != ':')
        return "it must be host:port, [IPv6 address]:port or the path of a socket";
    if (begin == end || strcspn(begin, " \t\r\n/@") < (size_t)(end - begin))
        return "the host name is missing or has a character that none can have";
    int64_t number = 0;
    if (parse_integer(colon + 1, &number) != NULL || number < 1 || number > 65535)
        return "the port must be a number from 1 to 65535";
    *host = xstrndup(begin, (size_t)(end - begin));
    *port = xstrdup(colon + 1);
    unsigned char number_of_host[16];
    if (*address != '[' || inet_pton(AF_INET6, *host, number_of_host) == 1)
        return NULL;
    free(*host);
    free(*port);
    *host = *port = NULL;
    return "between [ and ] must be an IPv6 address";
}

const char *wire_check_address(const char *address) {
    struct sockaddr_un path;
    if (*address == '/')
        return strlen(address) < sizeof path.sun_path ? NULL : "the path of a socket has at most 107 bytes (unix(7))";
    char *host = NULL, *port = NULL;
    const char *reason = split_address(address, &host, &port);
    free(host);
    free(port);
    return reason;
}

static bool is_loopback(const char *address) {
    char *host = NULL, *port = NULL;
    if (split_address(address, &host, &port) != NULL)
        return false;
    struct in_addr four;
    struct in6_addr six;
    bool loopback = strcasecmp(host, "localhost") == 0 ||
                    (inet_pton(AF_INET, host, &four) == 1 && ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET) ||
                    (inet_pton(AF_INET6, host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six));
    free(host);
    free(port);
    return loopback;
}

bool wire_uses_tls(const struct wire_target *target) {
    if (target->tls == WIRE_TLS_AUTO)
        return *target->address != '/' && !is_loopback(target->address);
    return target->tls == WIRE_TLS_VERIFY;
}

/* --- Connecting --- */

static int connect_one(struct wire *wire, int family, const struct sockaddr *address, socklen_t length,
                       int64_t deadline) {
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return wire_give(wire, EXIT_UNAVAILABLE, "%s", strerror(errno));
    int status = 0, error = 0;
    while ((error = connect(descriptor, address, length) == 0 ? 0 : errno) == EAGAIN) {
        /* A Unix socket whose queue is full; nothing tells when it has room again (connect(2)). */
        status = wire_wait_for(wire, -1, 0, deadline);
        if (status != 0)
            goto out;
    }
    if (error == EINPROGRESS || error == EINTR) {
        status = wire_wait_for(wire, descriptor, POLLOUT, deadline);
        socklen_t size = sizeof error;
        if (status == 0 && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (status == 0 && error != 0)
        status = wire_give(wire, EXIT_UNAVAILABLE, "%s", strerror(error));
    if (status == 0 && family != AF_UNIX)
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int)); /* an optimisation: may fail */
    if (status == 0) {
        wire->descriptor = descriptor;
        descriptor = -1;
    }
out:
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

static int connect_path(struct wire *wire, int64_t deadline) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", wire->address);
    return connect_one(wire, AF_UNIX, (const struct sockaddr *)&address, sizeof address, deadline);
}

static int connect_host(struct wire *wire, const char *host, const char *port, int64_t deadline) {
    struct addrinfo *addresses = NULL;
    int status = wire_resolve(wire, host, port, deadline, &addresses);
    if (status != 0)
        return status;
    int64_t left = 0;
    for (const struct addrinfo *each = addresses; each != NULL; each = each->ai_next)
        left++;
    for (const struct addrinfo *each = addresses; each != NULL; each = each->ai_next, left--) {
        /* A first address that swallows packets must leave time for the second. */
        int64_t now = clock_monotonic();
        status = connect_one(wire, each->ai_family, each->ai_addr, each->ai_addrlen, now + (deadline - now) / left);
        if (status != EXIT_UNAVAILABLE)
            break;
    }
    freeaddrinfo(addresses);
    return status;
}

/* --- The connection --- */

struct wire *wire_new(const struct wire_target *target) {
    struct wire *wire = xcalloc(1, sizeof *wire);
    wire->address = xstrdup(target->address);
    wire->with_tls = wire_uses_tls(target);
    wire->tls_ca = target->tls_ca != NULL ? xstrdup(target->tls_ca) : NULL;
    wire->descriptor = -1;
    return wire;
}

void wire_free(struct wire *wire) {
    if (wire == NULL)
        return;
    wire_close(wire);
    free(wire->address);
    free(wire->tls_ca);
    free(wire);
}

void wire_set_patient(struct wire *wire, bool patient) {
    wire->patient = patient;
}

int wire_connect(struct wire *wire, int64_t deadline) {
    wire_close(wire);
    wire->reason[0] = '\0';
    const char *wrong = wire_check_address(wire->address);
    if (wrong == NULL && *wire->address == '/' && wire->with_tls)
        wrong = "a Unix socket has no name that TLS could verify";
    if (wrong != NULL)
        return wire_give(wire, EXIT_SETTINGS, "%s", wrong);
    int status = wire_check_stop(wire);
    if (status != 0)
        return status;
    if (*wire->address == '/')
        return connect_path(wire, deadline);
    char *host = NULL, *port = NULL;
    split_address(wire->address, &host, &port);
    status = connect_host(wire, host, port, deadline);
    if (status == 0 && wire->with_tls)
        status = wire_tls_start(wire, host, deadline);
    if (status != 0)
        wire_close(wire);
    else
        wire->reason[0] = '\0'; /* of an address that did not answer, before the one that did */
    free(host);
    free(port);
    return status;
}

void wire_close(struct wire *wire) {
    if (wire->session != NULL && SSL_is_init_finished(wire->session))
        SSL_shutdown(wire->session); /* says goodbye, and does not wait for the answer */
    ERR_clear_error();
    SSL_free(wire->session);
    BIO_meth_free(wire->method);
    wire->session = NULL;
    wire->method = NULL;
    if (wire->descriptor >= 0)
        close(wire->descriptor);
    wire->descriptor = -1;
}

bool wire_is_ready(struct wire *wire) {
    if (wire->descriptor < 0)
        return false;
    char byte = 0;
    if (wire->session == NULL)
        return recv(wire->descriptor, &byte, 1, MSG_PEEK) < 0 && (errno == EAGAIN || errno == EINTR);
    /* TLS 1.3 servers send session tickets unasked: only the session can tell those from data. */
    ERR_clear_error();
    int result = SSL_peek(wire->session, &byte, 1);
    bool ready = result <= 0 && SSL_get_error(wire->session, result) == SSL_ERROR_WANT_READ;
    if (!ready)
        SSL_set_quiet_shutdown(wire->session, 1);
    ERR_clear_error();
    return ready;
}

/* What read and write have in common when the socket did not take or give anything. */
static int wait_again(struct wire *wire, ssize_t result, short events, int64_t deadline) {
    if (wire->session != NULL)
        return wire_tls_wait(wire, (int)result, deadline);
    if (result == 0)
        return wire_give_closed(wire);
    if (errno == EAGAIN || errno == EINTR)
        return wire_wait_for(wire, wire->descriptor, events, deadline);
    return wire_give(wire, EXIT_UNAVAILABLE, "%s", strerror(errno));
}

int wire_read_some(struct wire *wire, void *bytes, size_t size, size_t *got, int64_t deadline) {
    *got = 0;
    wire->reason[0] = '\0';
    if (wire->descriptor < 0)
        return wire_give(wire, EXIT_UNAVAILABLE, "not connected");
    int status = wire_check_stop(wire);
    while (status == 0) {
        ERR_clear_error();
        errno = 0;
        int wanted = size < IO_MAX ? (int)size : IO_MAX;
        ssize_t result = wire->session != NULL ? SSL_read(wire->session, bytes, wanted)
                                               : recv(wire->descriptor, bytes, (size_t)wanted, 0);
        if (result > 0) {
            *got = (size_t)result;
            return 0;
        }
        status = wait_again(wire, result, POLLIN, deadline);
    }
    wire_close(wire);
    return status;
}

int wire_write_all(struct wire *wire, const void *bytes, size_t length, int64_t deadline) {
    const char *rest = bytes;
    wire->reason[0] = '\0';
    if (wire->descriptor < 0)
        return wire_give(wire, EXIT_UNAVAILABLE, "not connected");
    int status = wire_check_stop(wire);
    while (status == 0 && length > 0) {
        ERR_clear_error();
        errno = 0;
        int wanted = length < IO_MAX ? (int)length : IO_MAX;
        ssize_t result = wire->session != NULL ? SSL_write(wire->session, rest, wanted)
                                               : send(wire->descriptor, rest, (size_t)wanted, MSG_NOSIGNAL);
        if (result <= 0) {
            status = wait_again(wire, result, POLLOUT, deadline);
            continue;
        }
        rest += result;
        length -= (size_t)result;
    }
    if (status != 0)
        wire_close(wire);
    return status;
}

const char *wire_reason(const struct wire *wire) {
    return wire->reason;
}
