/* Names with values in the order they came: headers, query parameters, form fields. */
#ifndef CLOUDSEARCH_PAIRS_H
#define CLOUDSEARCH_PAIRS_H

#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/text.h"

struct pair {
    char *name;
    char *value;
};

struct pairs {
    struct pair *items;
    size_t count;
};

void pairs_add(struct pairs *pairs, const char *name, const char *value); /* copies both */
void pairs_free(struct pairs *pairs);

/* The first value of a name, or NULL. Header names are compared without regard to case, parameters exactly. */
const char *pairs_header(const struct pairs *pairs, const char *name);
const char *pairs_value(const struct pairs *pairs, const char *name);

/* A name that stands there twice, or NULL. */
const char *pairs_repeated(const struct pairs *pairs);

/* Splits "a=b&c=d" and decodes %XX and '+'. False for a '%' without two hexadecimal digits, and for NUL or invalid UTF-8. */
bool pairs_decode(struct pairs *pairs, const char *encoded);

/* Appends the decoded form of `length` bytes; false for a '%' without two hexadecimal digits. */
bool pairs_decode_part(struct text *text, const char *bytes, size_t length);

#endif
