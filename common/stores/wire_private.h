/* What the files of the connection share: wire.c (the connection itself), wire_lookup.c and wire_tls.c. */
#ifndef NIGHTSHIFT_STORES_WIRE_PRIVATE_H
#define NIGHTSHIFT_STORES_WIRE_PRIVATE_H

#include <netdb.h>
#include <openssl/ssl.h>

#include "nightshift/base/memory.h"
#include "nightshift/stores/wire.h"

/* Milliseconds between two looks at interrupt_requested(): short beside the 5 s that a worker has to end, and 20
 * wake-ups a second cost nothing. */
enum { WIRE_SLICE = 50 };

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

/* --- wire.c --- */

/* Sets the reason and returns the status. */
int wire_give(struct wire *wire, int status, const char *format, ...) PRINTF_LIKE(3, 4);
int wire_give_closed(struct wire *wire); /* EXIT_UNAVAILABLE: the server closed the connection */

/* EXIT_LATER once the run has been asked to stop, unless the connection is patient. */
int wire_check_stop(struct wire *wire);

/* Waits until the socket is ready for `events` (of poll(2)); with descriptor -1, for one slice. Returns 0, EXIT_UNAVAILABLE after the
 * deadline, EXIT_LATER or EXIT_SYSTEM. */
int wire_wait_for(struct wire *wire, int descriptor, short events, int64_t deadline);

/* --- wire_lookup.c --- */

/* The addresses of a host, which go to freeaddrinfo(). Returns 0, EXIT_UNAVAILABLE, EXIT_LATER or EXIT_SYSTEM. */
int wire_resolve(struct wire *wire, const char *host, const char *port, int64_t deadline, struct addrinfo **out);

/* --- wire_tls.c --- */

/* Begins TLS on the connected socket, with a certificate made out to `host`. Returns 0, EXIT_UNAVAILABLE (also for a certificate that is
 * refused), EXIT_LATER, EXIT_SETTINGS for a CA file that cannot be read, or EXIT_SYSTEM. wire_close() releases what it made, also after a
 * failure. */
int wire_tls_start(struct wire *wire, const char *host, int64_t deadline);

/* After a TLS call that failed with `result`, errno as it left it: waits and returns 0 if it only has to be called again, else a status. */
int wire_tls_wait(struct wire *wire, int result, int64_t deadline);

#endif
