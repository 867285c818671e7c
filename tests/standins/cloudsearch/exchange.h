/* One request and the reply that is being made for it, free of any HTTP library. */
#ifndef CLOUDSEARCH_EXCHANGE_H
#define CLOUDSEARCH_EXCHANGE_H

#include <stdint.h>

#include <jansson.h>

#include "pairs.h"

struct request {
    char *method;
    char *path;  /* as received, without the query */
    char *query; /* as received, without the question mark; "" when there is none */
    bool has_query;
    struct pairs headers;
    struct text body;
};

/* How the connection ends before the reply is complete; set by faults. */
enum cut { CUT_NONE, CUT_BEFORE, CUT_AFTER, CUT_BODY };

struct reply {
    unsigned status;
    const char *type; /* a literal */
    struct text body;
    struct pairs headers;
    uint64_t number; /* of the request, for its id */
    enum cut cut;
    size_t cut_at; /* CUT_BODY: after so many bytes of the body */
};

#define TYPE_JSON "application/json"
#define TYPE_XML "application/xml"
#define TYPE_HTML "text/html"

const char *request_header(const struct request *request, const char *name); /* NULL: not there */
void request_free(struct request *request);

/* Each sets status, type and body; what was there before is dropped. */
void reply_json(struct reply *reply, unsigned status, json_t *value); /* takes the value over */
void reply_text(struct reply *reply, unsigned status, const char *type, const char *body);
/* The page of a front proxy, as it stands before a real domain. */
void reply_html(struct reply *reply, unsigned status, const char *title, const char *detail);
void reply_free(struct reply *reply);

/* The name of a status: "Not Found". */
const char *reply_reason(unsigned status);

/* Appends text with & < > " ' as entities; the parts of a document that XML needs escaped. */
void xml_add(struct text *text, const char *string);

#endif
