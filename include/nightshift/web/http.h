/* One HTTP request at a time, over libcurl, with everything bounded that a server could use to hold or fill us: time to
 * connect, time in all, stalls, headers and body. Only http and https; certificates are always verified, TLS is 1.2 or
 * newer; no redirect is followed; no proxy is taken from the environment; nothing is unpacked.
 *
 * Nothing is logged here, because only the caller knows what the URL means, and URLs hold secrets (the URL of a ping is
 * its key). Use http_host() to name the server in a message. */
#ifndef NIGHTSHIFT_WEB_HTTP_H
#define NIGHTSHIFT_WEB_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

/* Keeps connections open between requests to the same server. One thread at a time; not on both sides of a fork(). */
struct http;

/* Never fails. `proxy` is a proxy's URL or NULL; `ca` a file of PEM certificates to trust instead of the system's, or
 * NULL. */
struct http *http_new(const char *proxy, const char *ca);
void http_free(struct http *http); /* NULL is fine */

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT };

enum {
    HTTP_BODY_LIMIT = 1024 * 1024, /* bytes of an answer's body, unless the request says otherwise */
    HTTP_HEADER_LIMIT = 64 * 1024, /* bytes of an answer's headers */
    HTTP_STALL =
        30, /* seconds below 30 bytes a second, in either direction, after which a request is given up, unless it
                        says otherwise. Waiting for the answer is such a time too */
};

/* Signs a request for AWS (Signature Version 4), anew each time it is sent. libcurl does that correctly, in every version
 * from 7.88.1 on, for requests of one shape only, so any other is EXIT_BUG: POST to http(s)://HOST[:PORT]/PATH without
 * query string, where PATH has letters, digits and -._~/ and no "//"; a body in memory; one header, "Content-Type: ...",
 * with single spaces. Neither the key nor what is signed is ever logged. Plain http is refused as with `secret`. */
struct http_signature {
    const char *region;  /* "ap-northeast-1" */
    const char *service; /* "cloudsearch" */
    const char *access_key;
    const char *secret_key;
    const char *token; /* sent as X-Amz-Security-Token; NULL or "": none */
};

struct http_request {
    enum http_method method;
    const char *url;
    const char *const
        *headers; /* "Name: value"; "Name:" drops one of curl's own (POST sends application/x-www-form-urlencoded) */
    size_t header_count;
    const char *body; /* for POST and PUT */
    size_t body_length;
    int64_t connect_timeout;                /* milliseconds, name resolution and TLS included; > 0 */
    int64_t timeout;                        /* milliseconds, for everything; > 0 */
    int64_t stall;                          /* milliseconds, rounded up to seconds; 0: HTTP_STALL */
    size_t body_limit;                      /* 0: HTTP_BODY_LIMIT */
    bool secret;                            /* the request carries a secret: refuse plain http, except to loopback */
    const struct http_signature *signature; /* NULL: not signed */
};

/* Start with {0}; may be used again without freeing. */
struct http_answer {
    long status; /* 200, 404, ...; 0 when there was no answer */
    struct text headers;
    struct text body;
    struct text reason; /* why there was no answer; never holds more of the URL than the host */
};

/* Returns 0 when an answer has arrived, whatever its status: 404 and 500 are answers too. Its headers are whole, and so
 * is its body if the server announced the length or sent it in chunks; a body that just ends with the connection may
 * have been cut, so what counts as success must be in its content. Otherwise EXIT_UNAVAILABLE (also for certificates,
 * and for an answer over its limit), EXIT_LATER when asked to stop (within about a second), EXIT_SETTINGS for a URL or
 * CA file that cannot be right, EXIT_BUG for a header with a line break in it, or a signed request of another shape than
 * struct http_signature says. */
int http_request(struct http *http, const struct http_request *request, struct http_answer *answer);

void http_answer_free(struct http_answer *answer);

/* The value of the answer's last header of this name (in any case), or NULL. The caller frees it. */
char *http_answer_header(const struct http_answer *answer, const char *name);

/* How long the answer's Retry-After asks to wait (a number of seconds, or a date), in milliseconds; 0 when it does not, or
 * when that time is over. `now` is clock_now(). It may be any length: the caller bounds it. */
int64_t http_answer_wait(const struct http_answer *answer, int64_t now);

/* The part of a URL that may be shown: "hc-ping.com", "127.0.0.1:8080"; "(not a URL)" for what is none. The caller
 * frees it. */
char *http_host(const char *url);

#endif
