/* TLS for the connection, by OpenSSL on our own non-blocking socket. The certificate is always verified, its chain and its name: that there
 * is no way around it is easiest to see when all of it is in one place. */
#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "nightshift/base/exits.h"
#include "wire_private.h"

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

int wire_tls_wait(struct wire *wire, int result, int64_t deadline) {
    int system_error = errno;
    int error = SSL_get_error(wire->session, result);
    if (error == SSL_ERROR_WANT_READ)
        return wire_wait_for(wire, wire->descriptor, POLLIN, deadline);
    if (error == SSL_ERROR_WANT_WRITE)
        return wire_wait_for(wire, wire->descriptor, POLLOUT, deadline);
    long verdict = SSL_get_verify_result(wire->session);
    unsigned long code = ERR_peek_last_error();
    const char *words = code == 0 ? NULL : ERR_reason_error_string(code);
    if (verdict != X509_V_OK)
        wire_give(wire, 0, "its certificate was refused: %s", X509_verify_cert_error_string(verdict));
    else if (words != NULL)
        wire_give(wire, 0, "TLS: %s", words);
    else if (error == SSL_ERROR_SYSCALL && system_error != 0)
        wire_give(wire, 0, "%s", strerror(system_error));
    else
        wire_give_closed(wire);
    ERR_clear_error();
    /* After a fatal error the session must not be shut down in the orderly way: SSL_shutdown(3). */
    SSL_set_quiet_shutdown(wire->session, 1);
    return EXIT_UNAVAILABLE;
}

static int make_context(struct wire *wire, SSL_CTX **out) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    if (context == NULL || SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) {
        SSL_CTX_free(context);
        return wire_give(wire, EXIT_SYSTEM, "cannot set up TLS");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    int loaded = wire->tls_ca != NULL ? SSL_CTX_load_verify_locations(context, wire->tls_ca, NULL)
                                      : SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    if (loaded != 1) {
        SSL_CTX_free(context);
        return wire_give(wire, EXIT_SETTINGS, "cannot read CA certificates from \"%s\"",
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

int wire_tls_start(struct wire *wire, const char *host, int64_t deadline) {
    SSL_CTX *context = NULL;
    int status = make_context(wire, &context);
    if (status != 0)
        return status;
    wire->session = SSL_new(context);
    SSL_CTX_free(context); /* the session holds a reference */
    if (wire->session == NULL || !prepare_session(wire, host))
        return wire_give(wire, EXIT_SYSTEM, "cannot set up TLS");
    int result = 0;
    do {
        ERR_clear_error();
        errno = 0;
        result = SSL_connect(wire->session);
        if (result != 1)
            status = wire_tls_wait(wire, result, deadline);
    } while (result != 1 && status == 0);
    return status;
}
