/* What the parts of the CloudSearch client share. */
#ifndef COMMON_WEB_CLOUDSEARCH_PRIVATE_H
#define COMMON_WEB_CLOUDSEARCH_PRIVATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/web/aws_credentials.h"
#include "nightshift/web/cloudsearch.h"
#include "nightshift/web/http.h"
#include "xml.h"

struct cloudsearch {
    const struct cloudsearch_settings *settings;
    struct cloudsearch_clock clock;
    struct http *http;
    struct aws_credentials *credentials;
    char *region;       /* "": unknown, and not needed */
    char *domain;       /* NULL: unknown */
    char *document_url; /* bases without a slash at the end; NULL: not set */
    char *search_url;
    char *config_url;
    int64_t retry_time;
    bool warned_of_deletes;
    bool denial_expected;
};

/* --- cloudsearch_settings.c: pure --- */

/* "https://HOST[:PORT]" of an endpoint as one writes it, or NULL when it is none. The caller frees it. */
char *cloudsearch_base_url(const char *endpoint);
/* The parts of "doc-DOMAIN-ID.REGION.cloudsearch.amazonaws.com", or NULL. The caller frees them. */
char *cloudsearch_domain_of(const char *endpoint);
char *cloudsearch_region_of(const char *endpoint);

/* --- cloudsearch_answer.c: pure --- */

enum cloudsearch_verdict {
    CLOUDSEARCH_DONE,
    CLOUDSEARCH_BUSY,    /* later, perhaps */
    CLOUDSEARCH_UNCLEAR, /* not an answer of the service as we know it; asked for a few times */
    CLOUDSEARCH_EXPIRED, /* with other credentials, perhaps */
    CLOUDSEARCH_FAILED,  /* never */
};

struct cloudsearch_judgement {
    enum cloudsearch_verdict verdict;
    int status;         /* the exit code when it has FAILED */
    int64_t wait;       /* milliseconds that the service asks for; 0: it does not */
    struct text reason; /* for people */
    const char *hint;   /* NULL: none. A literal */
};

/* The code and the message of an error in any of the forms: JSON with __type, XML with <Code>. Both "" when it has neither;
 * the code is printable and has no "#". */
struct cloudsearch_error {
    struct text code;
    struct text message;
};

void cloudsearch_error_parse(const struct http_answer *answer, struct cloudsearch_error *error);
void cloudsearch_error_free(struct cloudsearch_error *error);

/* Judges an answer that is not the wanted one. `now`: see whether our clock differs from the service's. */
void cloudsearch_judge_failure(const struct http_answer *answer, int64_t now, struct cloudsearch_judgement *judgement);

/* UNCLEAR, with the status, what is wrong with it, and its first bytes. */
void cloudsearch_judge_unclear(const struct http_answer *answer, const char *wrong,
                               struct cloudsearch_judgement *judgement);

/* The answer to a batch: fills in the outcome, counts and messages. */
void cloudsearch_judge_upload(const struct cloudsearch_batch *batch, const struct http_answer *answer, int64_t now,
                              struct cloudsearch_upload *upload, struct cloudsearch_judgement *judgement);

/* Takes the parts out of one message of the document service. */
void cloudsearch_message_parse(const char *text, struct cloudsearch_message *message);

/* How long to pause before try number `tries` + 1 (1: after the first): `chance` is any number. */
int64_t cloudsearch_pause(int tries, uint64_t chance, int64_t wanted);

/* --- cloudsearch_exchange.c --- */

/* One question, asked until it is answered. */
struct cloudsearch_exchange {
    const char *what; /* cannot WHAT "host" */
    const char *base;
    const char *path;
    const char *content_type;
    const char *body;
    size_t length;
    size_t answer_limit;
    /* Judges every answer; DONE ends it. */
    void (*judge)(void *context, const struct http_answer *answer, int64_t now,
                  struct cloudsearch_judgement *judgement);
    /* Before another try after BUSY: may change the body. NULL: nothing to change. */
    void (*again)(void *context, struct cloudsearch_exchange *exchange);
    void *context;
    int attempts; /* out */
};

int cloudsearch_exchange(struct cloudsearch *cloudsearch, struct cloudsearch_exchange *exchange);

/* Appends name=value to a form. */
void cloudsearch_form_add(struct text *form, const char *name, const char *value);

#endif
