/* What the files of document.h share: the plan, and the encoders of single values. */
#ifndef PUSH_LANCERS_DOCUMENT_PRIVATE_H
#define PUSH_LANCERS_DOCUMENT_PRIVATE_H

#include <string.h>

#include "document.h"
#include "zone.h"

enum document_type { TYPE_INT, TYPE_DOUBLE, TYPE_DATE, TYPE_LATLON, TYPE_LITERAL, TYPE_TEXT };

struct document_field {
    size_t column;
    char *name;
    char *opening; /* ,"name":" or, of an array, ,"name":[ */
    size_t opening_length;
    enum document_type type;
    bool skip;
    bool array;
    bool omit_empty;
    char *separator; /* of an array */
    char *zone_name; /* NULL: UTC */
    const struct zone *zone;
};

struct document_plan {
    struct document_field *fields; /* sorted by name, without those that are skipped */
    size_t count;
    size_t key_column;
    enum rowkey_kind key_kind;
    char *key_name;
    char *id_before; /* of the template, around the key */
    char *id_after;
    bool any_id;
    enum document_wide wide;
    size_t max_bytes;
    struct named_zone {
        char *name;
        struct zone *zone;
    } * zones;
    size_t zone_count;
};

enum encoded { ENCODED, OMITTED, FAULTY };

struct value {
    const char *bytes;
    size_t length;
};

/* text_append(), for the many small pieces of a document: what there is room for is copied here, without a call. */
static inline void document_append(struct text *out, const void *bytes, size_t length) {
    size_t end = out->length + length;
    if (end >= out->capacity || end > (out->limit > 0 ? out->limit : TEXT_LIMIT)) {
        text_append(out, bytes, length);
        return;
    }
    memcpy(out->data + out->length, bytes, length);
    out->length = end;
    out->data[end] = '\0';
}

/* Appends one value without its quotes; FAULTY sets *reason (a string literal). What an encoder that does not say ENCODED has appended, its
 * caller takes back. */
enum encoded document_encode(const struct document_plan *plan, const struct document_field *field, struct value value,
                             struct text *out, struct document_counts *counts, const char **reason);

/* The rules of one field; NULL or what is wrong with them (freed by the caller). */
char *document_read_rule(struct document_field *field, const char *rule);

/* Appends the characters that CloudSearch takes, escaped for JSON. */
void document_clean(struct text *out, struct value value, enum document_wide wide, struct document_counts *counts);

/* How many characters document_clean() has appended here. */
size_t document_characters(const char *json, size_t length);

/* Appends a date as RFC 3339. */
enum encoded document_encode_date(const struct zone *zone, struct value value, struct text *out,
                                  struct document_counts *counts, const char **reason);

#endif
