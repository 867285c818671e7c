/* An Amazon CloudSearch domain (API 2013-01-01): what the three services share, and the upload of documents. Searching is
 * in cloudsearch_search.h, the domain's configuration in cloudsearch_describe.h.
 *
 * Every request is a POST with a fixed path, no query string and its body in memory, because that is the form which
 * libcurl 7.88 and all later ones sign correctly. A request is signed anew for every attempt. What the service answers is
 * judged by its content: a status of 200 proves nothing, and a body may be HTML from a proxy on the way.
 *
 * What is worth another try (408, 425, 429, all 5xx, no answer, an answer cut short) is sent again, after a pause that
 * grows exponentially and is drawn at random from nothing to its full length, at least as long as Retry-After asks, until
 * [cloudsearch] retry_time has passed since the first attempt; the last attempt may take `timeout` on top. An answer that
 * came whole but says nothing that can be understood is asked for three times. Adding and deleting by id can be repeated
 * without harm, so an upload whose answer was lost is simply sent again.
 *
 * Functions return 0 or an exit code, and have then logged the reason once (EXIT_LATER excepted):
 *   EXIT_UNAVAILABLE  no usable answer after all tries
 *   EXIT_DENIED       the access policy or the signature was refused; a hint says what to look at
 *   EXIT_SETTINGS     an endpoint that is none, no credentials, a domain or region that does not exist
 *   EXIT_LATER        asked to stop
 *   EXIT_BUG          we sent something the service cannot read
 *
 * One thread at a time. */
#ifndef NIGHTSHIFT_WEB_CLOUDSEARCH_H
#define NIGHTSHIFT_WEB_CLOUDSEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/run/settings.h"

/* --- [cloudsearch] --- */

struct cloudsearch_settings {
    char *document_endpoint; /* "https://doc-...", or the host alone; NULL: not set */
    char *search_endpoint;
    char *config_endpoint; /* NULL: that of the region */
    char *domain;          /* NULL: from document_endpoint, see cloudsearch_domain_of() */
    char *region;          /* NULL: from document_endpoint, else from the credentials */
    int credentials;       /* enum aws_from */
    char *profile;
    char *credentials_file;
    char *tls_ca;            /* NULL: the system's */
    char *proxy;             /* NULL: none; never used for the instance's or container's credentials */
    int64_t connect_timeout; /* all in milliseconds */
    int64_t timeout;
    int64_t retry_time;
};

extern const struct section cloudsearch_section;

/* Time, so that tests need not wait. */
struct cloudsearch_clock {
    int64_t (*now)(void *context); /* milliseconds since 1970 */
    /* Waits. Returns true when asked to stop. */
    bool (*wait)(void *context, int64_t milliseconds);
    void *context;
};

struct cloudsearch;

/* Connects to nothing. `settings` must outlive it; `clock` is copied, NULL is the real one. Returns 0, or EXIT_SETTINGS when
 * the region can be found nowhere although requests are to be signed. Free with cloudsearch_close(), which takes NULL. */
int cloudsearch_open(const struct cloudsearch_settings *settings, const struct cloudsearch_clock *clock,
                     struct cloudsearch **out);
void cloudsearch_close(struct cloudsearch *cloudsearch);

/* Fetches the credentials, to find out early, and logs their source (level info). Requests do it by themselves. */
int cloudsearch_log_in(struct cloudsearch *cloudsearch);

/* "EC2 instance role \"batch\"", for --check and the run record; see aws_credentials_source(). */
const char *cloudsearch_credentials(const struct cloudsearch *cloudsearch);

const char *
cloudsearch_region(const struct cloudsearch *cloudsearch); /* "" when nothing is signed and nobody named one */
const char *cloudsearch_domain(const struct cloudsearch *cloudsearch); /* NULL when unknown */

/* Another retry budget, in milliseconds: --check does not wait for ten minutes. */
void cloudsearch_set_retry_time(struct cloudsearch *cloudsearch, int64_t retry_time);

/* While `expected`, EXIT_DENIED is returned with its reason logged at level info only: for questions that may be refused. */
void cloudsearch_expect_denial(struct cloudsearch *cloudsearch, bool expected);

/* --- Documents --- */

enum {
    CLOUDSEARCH_BATCH_MOST =
        5 * 1024 * 1024,        /* bytes; a longer one is not even sent. Fill batches to 5,000,000 at most:
                                                 whether the service means MB or MiB is not documented */
    CLOUDSEARCH_MESSAGES = 100, /* messages of one answer that are kept */
};

/* A JSON array of operations, and how many of each kind are in it. No id twice. One without operations, "[]", is REFUSED where
 * we may upload. */
struct cloudsearch_batch {
    const char *json;
    size_t length;
    int64_t adds;
    int64_t deletes;
};

/* What the service says about one operation, made printable. The parts are taken from its text, whose form is not
 * documented: use them to look for the culprit first, and do not rely on them. */
struct cloudsearch_message {
    char *text;
    char *document_id; /* NULL: not named */
    char *field;       /* NULL: not named */
    int64_t operation; /* counts from 1; 0: not named */
};

enum cloudsearch_outcome {
    CLOUDSEARCH_UNSETTLED, /* whether it was applied is unknown. Send the same batch again before another one that touches
                              its ids */
    CLOUDSEARCH_ACCEPTED,  /* applied; visible to searches some time later */
    CLOUDSEARCH_REFUSED,   /* nothing of it was applied, because of what it holds */
    CLOUDSEARCH_TOO_LARGE, /* nothing of it was applied, because of its size */
};

/* Start with {0}; may be used again without freeing. */
struct cloudsearch_upload {
    enum cloudsearch_outcome outcome;
    int64_t adds;    /* as acknowledged */
    int64_t deletes; /* as acknowledged; may be fewer than sent, see cloudsearch_upload() */
    struct cloudsearch_message *messages;
    size_t message_count; /* errors when refused, warnings when accepted */
    size_t message_total; /* with those that were not kept */
    int attempts;
};

/* Sends one batch until it is settled. Returns 0 when `outcome` is ACCEPTED, REFUSED or TOO_LARGE; what to do about the
 * latter two is the caller's business and is not logged here. Otherwise an exit code, and `outcome` is UNSETTLED.
 *
 * ACCEPTED takes status "success" in JSON and the number of adds that were sent. Fewer deletes than were sent are
 * accepted too and logged once as a warning: that a delete of an unknown id counts is plausible and not documented. Any
 * other difference means that the answer is not one to this batch, and is treated like one that cannot be understood.
 *
 * 403 ExpiredToken*: the credentials are fetched anew, once, and the batch is sent again. */
int cloudsearch_upload(struct cloudsearch *cloudsearch, const struct cloudsearch_batch *batch,
                       struct cloudsearch_upload *upload);

void cloudsearch_upload_free(struct cloudsearch_upload *upload);

#endif
