/* What a document id, a field name and a value of each type may be. Pure. Sources: "Preparing your data", "Configuring index fields" and
 * "Limits" of the CloudSearch Developer Guide. */
#ifndef CLOUDSEARCH_VALUES_H
#define CLOUDSEARCH_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

enum {
    ID_LIMIT = 128,        /* characters of a document id */
    FIELD_NAME_LIMIT = 64, /* characters of a field name */
    LITERAL_LIMIT = 4096,  /* code points of a literal */
    ARRAY_LIMIT = 1000,    /* values of an array field */
    FIELDS_LIMIT = 200,    /* fields of a document, and of a domain */
};

/* NULL, or the reason why this is no document id. The wide one of the two documented sets is accepted. */
const char *values_check_id(const char *id);

/* [a-z][a-z0-9_]*, 1 to 64 characters, not "score". */
bool values_is_field_name(const char *name);

/* Finds the first character that no field may hold: outside of what XML 1.0 allows, and, when `bmp_only`, above U+FFFF. `string` must be valid
 * UTF-8; it may hold NUL. */
bool values_bad_character(const char *string, size_t length, bool bmp_only, unsigned *code);

size_t values_count_characters(const char *string);

/* A whole decimal number from -2^63 to 2^63-1. */
bool values_int(const char *string, int64_t *out);

/* A finite 64-bit number in decimal notation, with or without exponent. */
bool values_double(const char *string, double *out);

/* yyyy-mm-ddTHH:mm:ss[.SSS]Z, a day that exists. Writes the form with three decimals, which sorts as the times do. */
enum { DATE_SIZE = 25 };
bool values_date(const char *string, char out[DATE_SIZE]);

/* "lat,lon" in decimal degrees. */
bool values_latlon(const char *string, double *latitude, double *longitude);

#endif
