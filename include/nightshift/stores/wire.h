/* A stream connection to a server, plain or TLS, on which nothing can hang: every call ends by the deadline it is given
 * (on the clock of clock_monotonic()), within 50 ms of being asked to stop, and no peer can end the process with
 * SIGPIPE.
 *
 * Nothing is logged here: the functions return a status, and wire_reason() has the words for the message of the caller,
 * who knows what kind of server this is. A failed read or write closes the connection; wire_connect() opens it again.
 *
 * One thread at a time. A connection must not be used on both sides of a fork(). */
#ifndef NIGHTSHIFT_STORES_WIRE_H
#define NIGHTSHIFT_STORES_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_tls {
    WIRE_TLS_AUTO,   /* TLS, but none for Unix sockets and loopback ("localhost", 127.0.0.0/8, ::1) */
    WIRE_TLS_VERIFY, /* TLS; not for Unix sockets, which have no name to verify */
    WIRE_TLS_OFF,    /* plain text, whatever the address */
};
#define WIRE_TLS_CHOICES "auto|verify|off" /* for a SETTING_CHOICE, in the order of the enum */

/* TLS is 1.2 or newer, and the certificate is always verified: its chain, and that it was made out to the host (or IP
 * address) of `address`. There is no way to switch that off. */
struct wire_target {
    const char *address; /* "host:port", "[IPv6]:port" or "/path/to/socket" */
    enum wire_tls tls;
    const char *tls_ca; /* a file of PEM certificates; NULL: those the system trusts */
};

struct wire;

/* NULL, or the reason why `address` is not one of the three forms (a string literal). */
const char *wire_check_address(const char *address);

/* Whether a connection to this target uses TLS. */
bool wire_uses_tls(const struct wire_target *target);

/* Copies the target, connects to nothing yet. Never fails. */
struct wire *wire_new(const struct wire_target *target);
void wire_free(struct wire *wire); /* closes; NULL is fine */

/* Goes on after interrupt_requested(), until its deadline: for what must not be left half done. Off at first. */
void wire_set_patient(struct wire *wire, bool patient);

/* Connects, after closing what was open. All addresses that the name stands for are tried in the order of
 * getaddrinfo(3), each with its share of the time that is left; TLS has the rest. Name resolution counts too: when it
 * outlives the deadline it is abandoned to a thread that ends by itself.
 *
 * Returns 0; EXIT_UNAVAILABLE (also for a certificate that is refused); EXIT_LATER when asked to stop; EXIT_SETTINGS
 * for a malformed address or a CA file that cannot be read; EXIT_SYSTEM. */
int wire_connect(struct wire *wire, int64_t deadline);
void wire_close(struct wire *wire);

/* True when connected and nothing speaks against sending: the peer has not closed, and nothing has arrived unasked.
 * Never waits. A request sent on a connection that has died while idle is a request of unknown outcome, so ask before.
 */
bool wire_is_ready(struct wire *wire);

/* Reads what there is, at least one byte, at most `size` (which is > 0). An end of the stream is a failure. Bytes that
 * are already there are read even if the deadline has passed. Returns 0, EXIT_UNAVAILABLE or EXIT_LATER. */
int wire_read_some(struct wire *wire, void *bytes, size_t size, size_t *got, int64_t deadline);

/* Returns 0, EXIT_UNAVAILABLE or EXIT_LATER; after a failure any part may have been sent. */
int wire_write_all(struct wire *wire, const void *bytes, size_t length, int64_t deadline);

/* Why the last call failed: "Connection refused", "timed out"; "" after a success. Valid until
 * the next call. May contain text of the server. */
const char *wire_reason(const struct wire *wire);

#endif
