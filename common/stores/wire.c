/* The stream connection that Redis and ElastiCache's discovery speak over. Sockets are non-blocking; whatever would
 * block goes through wait_for(), the one place that knows the deadline and the request to stop. */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
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
#include "nightshift/stores/wire.h"

/* Milliseconds between two looks at interrupt_requested(): short beside the 5 s that a worker has to end, and 20
 * wake-ups a second cost nothing. */
enum { SLICE = 50 };

enum { IO_MAX = 1024 * 1024 }; /* bytes per call: OpenSSL counts in int */

struct wire {
    char *address;
    bool with_tls;
    char *tls_ca;
    int descriptor; /* -1: not connected */
    SSL *session;   /* NULL: plain */
    BIO_METHOD *method;
    bool patient;
    char reason[256];
};

/* Sets the reason and returns the status. */
static int give(struct wire *wire, int status, const char *format, ...) PRINTF_LIKE(3, 4);

static int give(struct wire *wire, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(wire->reason, sizeof wire->reason, format, arguments);
    va_end(arguments);
    return status;
}

static int give_closed(struct wire *wire) {
    return give(wire, EXIT_UNAVAILABLE, "the server closed the connection");
}

static int check_stop(struct wire *wire) {
    if (!wire->patient && interrupt_requested())
        return give(wire, EXIT_LATER, "asked to stop");
    return 0;
}

/* Waits until the socket is ready for `events`; with descriptor -1, for one slice. */
static int wait_for(struct wire *wire, int descriptor, short events, int64_t deadline) {
    for (;;) {
        int status = check_stop(wire);
        if (status != 0)
            return status;
        int64_t left = deadline - clock_monotonic();
        if (left <= 0)
            return give(wire, EXIT_UNAVAILABLE, "timed out");
        struct pollfd entry = {.fd = descriptor, .events = events};
        int ready = poll(&entry, 1, left < SLICE ? (int)left : SLICE);
        if (ready > 0 || (ready == 0 && descriptor < 0))
            return 0;
        if (ready < 0 && errno != EINTR)
            return give(wire, EXIT_SYSTEM, "poll: %s", strerror(errno));
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

/* --- Name resolution: getaddrinfo(3) cannot be bounded (resolv.conf(5) alone allows minutes), so it has a thread. ---
 */

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done, abandoned;
    char *host, *port;
    int error; /* of getaddrinfo */
    int system_error;
    struct addrinfo *addresses;
};

static void lookup_free(struct lookup *lookup) {
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    pthread_cond_destroy(&lookup->changed);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void *look_up(void *context) {
    struct lookup *lookup = context;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(lookup->host, lookup->port, &hints, &addresses);
    pthread_mutex_lock(&lookup->lock);
    lookup->error = error;
    lookup->system_error = errno;
    lookup->addresses = error == 0 ? addresses : NULL;
    lookup->done = true;
    bool ours = lookup->abandoned;
    pthread_cond_signal(&lookup->changed);
    pthread_mutex_unlock(&lookup->lock);
    if (ours)
        lookup_free(lookup);
    return NULL;
}

/* Starts the thread with all signals blocked: they are meant for the others. */
static int start_thread(pthread_t *thread, struct lookup *lookup) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Waits for the thread. When it takes too long it is abandoned, and `lookup` is its own from then on: *ours is false. */
static int await_lookup(struct wire *wire, struct lookup *lookup, pthread_t thread, int64_t deadline, bool *ours) {
    int status = 0;
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->done && (status = check_stop(wire)) == 0) {
        int64_t now = clock_monotonic();
        if (now >= deadline) {
            status = give(wire, EXIT_UNAVAILABLE, "the name service timed out");
            break;
        }
        int64_t until = deadline - now < SLICE ? deadline : now + SLICE;
        struct timespec time = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
        pthread_cond_timedwait(&lookup->changed, &lookup->lock, &time);
    }
    *ours = lookup->done;
    lookup->abandoned = !lookup->done;
    pthread_mutex_unlock(&lookup->lock);
    if (*ours)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    return status;
}

static struct lookup *lookup_new(const char *host, const char *port) {
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    lookup->host = xstrdup(host);
    lookup->port = xstrdup(port);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return lookup;
}

/* The addresses go to freeaddrinfo(). */
static int resolve(struct wire *wire, const char *host, const char *port, int64_t deadline, struct addrinfo **out) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
    if (getaddrinfo(host, port, &hints, out) == 0)
        return 0;
    struct lookup *lookup = lookup_new(host, port);
    pthread_t thread;
    int error = start_thread(&thread, lookup);
    int status = 0;
    if (error != 0) {
        status = give(wire, EXIT_SYSTEM, "cannot start a thread: %s", strerror(error));
    } else {
        bool ours = true;
        status = await_lookup(wire, lookup, thread, deadline, &ours);
        if (!ours)
            return status;
    }
    if (status == 0 && lookup->error != 0)
        status = give(wire, EXIT_UNAVAILABLE, "cannot resolve the host name: %s",
                      lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
    if (status == 0) {
        *out = lookup->addresses;
        lookup->addresses = NULL;
    }
    lookup_free(lookup);
    return status;
}

/* --- Connecting --- */

static int connect_one(struct wire *wire, int family, const struct sockaddr *address, socklen_t length,
                       int64_t deadline) {
    int descriptor = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return give(wire, EXIT_UNAVAILABLE, "%s", strerror(errno));
    int status = 0, error = 0;
    while ((error = connect(descriptor, address, length) == 0 ? 0 : errno) == EAGAIN) {
        /* A Unix socket whose queue is full; nothing tells when it has room again (connect(2)). */
        status = wait_for(wire, -1, 0, deadline);
        if (status != 0)
            goto out;
    }
    if (error == EINPROGRESS || error == EINTR) {
        status = wait_for(wire, descriptor, POLLOUT, deadline);
        socklen_t size = sizeof error;
        if (status == 0 && getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (status == 0 && error != 0)
        status = give(wire, EXIT_UNAVAILABLE, "%s", strerror(error));
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
    int status = resolve(wire, host, port, deadline, &addresses);
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

/* --- TLS --- */

/* OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE on a connection that the server has closed; hence
 * this one, with send(2). */
static int bio_write(BIO *bio, const char *bytes, int length) {
    const struct wire *wire = BIO_get_data(bio);
    ssize_t sent = send(wire->descriptor, bytes, (size_t)length, MSG_NOSIGNAL);
    BIO_clear_retry_flags(bio);
    if (sent < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)sent;
}

static int bio_read(BIO *bio, char *bytes, int size) {
    const struct wire *wire = BIO_get_data(bio);
    ssize_t got = recv(wire->descriptor, bytes, (size_t)size, 0);
    BIO_clear_retry_flags(bio);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)got;
}

static long bio_control(BIO *bio, int command, long number, void *pointer) {
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

/* Why a TLS call failed: waits and returns 0 if it only has to be called again, else a status. */
static int tls_wait(struct wire *wire, int result, int64_t deadline) {
    int system_error = errno;
    int error = SSL_get_error(wire->session, result);
    if (error == SSL_ERROR_WANT_READ)
        return wait_for(wire, wire->descriptor, POLLIN, deadline);
    if (error == SSL_ERROR_WANT_WRITE)
        return wait_for(wire, wire->descriptor, POLLOUT, deadline);
    long verdict = SSL_get_verify_result(wire->session);
    unsigned long code = ERR_peek_last_error();
    const char *words = code == 0 ? NULL : ERR_reason_error_string(code);
    if (verdict != X509_V_OK)
        give(wire, 0, "its certificate was refused: %s", X509_verify_cert_error_string(verdict));
    else if (words != NULL)
        give(wire, 0, "TLS: %s", words);
    else if (error == SSL_ERROR_SYSCALL && system_error != 0)
        give(wire, 0, "%s", strerror(system_error));
    else
        give_closed(wire);
    ERR_clear_error();
    /* After a fatal error the session must not be shut down in the orderly way: SSL_shutdown(3). */
    SSL_set_quiet_shutdown(wire->session, 1);
    return EXIT_UNAVAILABLE;
}

static int make_context(struct wire *wire, SSL_CTX **out) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return give(wire, EXIT_SYSTEM, "cannot set up TLS");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int loaded = wire->tls_ca != NULL ? SSL_CTX_load_verify_locations(context, wire->tls_ca, NULL)
                                      : SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    if (loaded != 1) {
        SSL_CTX_free(context);
        return give(wire, EXIT_SETTINGS, "cannot read CA certificates from \"%s\"",
                    wire->tls_ca != NULL ? wire->tls_ca : "the system's store");
    }
    *out = context;
    return 0;
}

/* Binds the session to the socket and to the name that the certificate must have. */
static bool prepare_session(struct wire *wire, const char *host) {
    SSL *session = wire->session;
    wire->method = BIO_meth_new(BIO_TYPE_SOURCE_SINK | BIO_TYPE_START, "wire");
    BIO *bio = NULL;
    if (wire->method != NULL && BIO_meth_set_write(wire->method, bio_write) == 1 &&
        BIO_meth_set_read(wire->method, bio_read) == 1 && BIO_meth_set_ctrl(wire->method, bio_control) == 1)
        bio = BIO_new(wire->method);
    if (bio == NULL)
        return false;
    BIO_set_data(bio, wire);
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
    unsigned char number[16];
    if (inet_pton(AF_INET, host, number) == 1 || inet_pton(AF_INET6, host, number) == 1)
        return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(session), host) == 1;
    SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return SSL_set1_host(session, host) == 1 && SSL_set_tlsext_host_name(session, host) == 1;
}

static int start_tls(struct wire *wire, const char *host, int64_t deadline) {
    SSL_CTX *context = NULL;
    int status = make_context(wire, &context);
    if (status != 0)
        return status;
    wire->session = SSL_new(context);
    SSL_CTX_free(context); /* the session holds a reference */
    if (wire->session == NULL || !prepare_session(wire, host))
        return give(wire, EXIT_SYSTEM, "cannot set up TLS");
    int result = 0;
    do {
        ERR_clear_error();
        errno = 0;
        result = SSL_connect(wire->session);
        if (result != 1)
            status = tls_wait(wire, result, deadline);
    } while (result != 1 && status == 0);
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
        return give(wire, EXIT_SETTINGS, "%s", wrong);
    int status = check_stop(wire);
    if (status != 0)
        return status;
    if (*wire->address == '/')
        return connect_path(wire, deadline);
    char *host = NULL, *port = NULL;
    split_address(wire->address, &host, &port);
    status = connect_host(wire, host, port, deadline);
    if (status == 0 && wire->with_tls)
        status = start_tls(wire, host, deadline);
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
        return tls_wait(wire, (int)result, deadline);
    if (result == 0)
        return give_closed(wire);
    if (errno == EAGAIN || errno == EINTR)
        return wait_for(wire, wire->descriptor, events, deadline);
    return give(wire, EXIT_UNAVAILABLE, "%s", strerror(errno));
}

int wire_read_some(struct wire *wire, void *bytes, size_t size, size_t *got, int64_t deadline) {
    *got = 0;
    wire->reason[0] = '\0';
    if (wire->descriptor < 0)
        return give(wire, EXIT_UNAVAILABLE, "not connected");
    int status = check_stop(wire);
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
        return give(wire, EXIT_UNAVAILABLE, "not connected");
    int status = check_stop(wire);
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
