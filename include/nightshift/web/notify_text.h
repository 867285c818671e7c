/* How a notice reads in each service: pure code, and the only place where markup is written or taken out. The sources
 * of its rules: developer.chatwork.com/docs/message-notation; api.slack.com/reference/surfaces/formatting. */
#ifndef NIGHTSHIFT_WEB_NOTIFY_TEXT_H
#define NIGHTSHIFT_WEB_NOTIFY_TEXT_H

#include <stddef.h>

#include "nightshift/web/notify.h"
#include "nightshift/web/notify_message.h"

enum {
    NOTIFY_TEXT_LEAST = 1000,    /* characters that a form must be allowed: title, note and origin always fit in */
    NOTIFY_TEXT_MOST = 10000,    /* under the services' 40,000, whether they count characters or bytes */
    NOTIFY_PLAIN_LIMIT = 200000, /* characters of what a command gets */
    NOTIFY_TO_LIMIT = 10,        /* accounts that are mentioned */
};

/* Makes bytes of unknown origin printable: text_append_printable(), and other characters that do not show (U+200B,
 * U+2028, tags and their like) as \xNN too; tabs become spaces. At most `limit` characters, the last of them "…" when
 * something was cut. `lines`: line breaks stay (CR LF becomes LF). The caller frees it. */
char *notify_text_clean(const char *string, size_t limit, bool lines);

/* How many characters (code points) valid UTF-8 has. */
size_t notify_text_characters(const char *string);

/* The body in each form, of at most `limit` characters: what the reader's client gets, not yet encoded for transport. */
void notify_text_chatwork(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                          const struct strings *to, size_t limit);
void notify_text_slack(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                       size_t limit);
void notify_text_plain(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                       size_t limit);

/* Appends a note with {more} filled in, cut after 200 characters; not escaped. */
void notify_text_add_note(struct text *out, const char *note, int64_t more);

/* Appends "name=value" percent-encoded, as application/x-www-form-urlencoded wants it. */
void notify_text_add_form(struct text *out, const char *name, const char *value);

#endif
