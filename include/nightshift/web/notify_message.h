/* The inside of a notice's message, and its form as a JSON document. */
#ifndef NIGHTSHIFT_WEB_NOTIFY_MESSAGE_H
#define NIGHTSHIFT_WEB_NOTIFY_MESSAGE_H

#include <jansson.h>
#include <stddef.h>

#include "nightshift/web/notify.h"

enum {
    NOTIFY_LINE_LIMIT = 500,  /* characters of a title, a heading, a line */
    NOTIFY_CODE_LIMIT = 4000, /* characters of a code block */
    NOTIFY_SECTION_LIMIT = 100,
    NOTIFY_MESSAGE_LIMIT = 128 * 1024, /* bytes of all texts of a message */
};

struct notify_section {
    char *heading;
    struct strings lines;
    char *code; /* NULL: none */
    int64_t items;
};

/* All strings in it are printable UTF-8; only code holds line breaks. */
struct notify_message {
    int severity; /* enum notify_severity */
    char *title;
    struct notify_section *sections;
    size_t count;
    size_t size; /* bytes of all texts */
    bool closed; /* the last section was too many: what would belong to it is dropped */
    int64_t more;
    char *note; /* a template, or NULL */
};

/* What stands under a message: where it comes from, and the id that proves that it has arrived. */
struct notify_origin {
    const char *id;
    const char *key;
    const char *job;
    const char *host;
    const char *run_id;
    const char *at; /* the time, for people */
};

/* The webhook's document: {"id", "key", "severity", "title", "job", "host", "run_id", "at", "sections": [{"heading",
 * "lines", "code", "items"}], "more", "note"}. The caller owns it. */
json_t *notify_message_to_json(const struct notify_message *message, const struct notify_origin *origin);

/* The message of such a document; NULL if it is none. */
struct notify_message *notify_message_from_json(const json_t *document);

const char *notify_message_severity(const struct notify_message *message); /* "info", "warning", "error" */

#endif
