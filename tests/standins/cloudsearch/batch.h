/* A batch of the document service: parsed, checked against every rule, and normalised. A batch counts as a whole: one error and nothing of it
 * may be applied. Pure. Sources: "documents/batch" and "Preparing your data" of the Developer Guide; texts of messages that were seen in the
 * field are used as they were seen. */
#ifndef CLOUDSEARCH_BATCH_H
#define CLOUDSEARCH_BATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/text.h"
#include "schema.h"

struct batch_rules {
    const struct schema *schema;
    size_t max_document; /* bytes of a whole operation */
    bool bmp_only;       /* characters above U+FFFF are refused */
    bool numbers;        /* JSON numbers are taken as values */
};

struct operation {
    char *id;
    json_t *fields; /* NULL: delete. Each value is a string or a list of strings. */
};

struct batch {
    struct operation *operations;
    size_t count;
    size_t adds, deletes;
    size_t seen; /* operations, good or bad */
    json_t *ids; /* those seen so far, as the keys of an object */
    struct strings errors, warnings;
    size_t error_count; /* errors holds the first ones only */
};

void batch_parse_json(struct batch *batch, const struct batch_rules *rules, const char *bytes, size_t length);
void batch_parse_xml(struct batch *batch, const struct batch_rules *rules, const char *bytes, size_t length);
void batch_free(struct batch *batch);

/* For the two parsers: checks one operation of `size` bytes and adds it. Borrows `operation`. */
void batch_add(struct batch *batch, const struct batch_rules *rules, json_t *operation, size_t size);
void batch_error(struct batch *batch, const char *format, ...) PRINTF_LIKE(2, 3);

/* Checks a field's value, NULL or a new normalised one; says where, "(near operation ...)", in its messages. */
json_t *batch_check_field(struct batch *batch, const struct batch_rules *rules, const char *name, json_t *value,
                          const char *where);

#endif
