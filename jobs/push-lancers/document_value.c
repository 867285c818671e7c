/* Single values of each type, checked as CloudSearch checks them: a value that it would refuse costs a whole batch. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "document_private.h"

static enum encoded faulty(const char **reason, const char *text) {
    *reason = text;
    return FAULTY;
}

static enum encoded encode_int(struct value value, struct text *out, const char **reason) {
    bool negative = value.bytes[0] == '-';
    size_t at = value.bytes[0] == '-' || value.bytes[0] == '+';
    unsigned long long number = 0;
    if (at == value.length)
        return faulty(reason, "is not a whole number");
    for (size_t i = at; i < value.length; i++) {
        if (value.bytes[i] < '0' || value.bytes[i] > '9')
            return faulty(reason, "is not a whole number");
        if (__builtin_mul_overflow(number, 10ULL, &number) ||
            __builtin_add_overflow(number, (unsigned long long)(value.bytes[i] - '0'), &number) ||
            number > (1ULL << 63) - !negative)
            return faulty(reason, "is outside of -2^63 to 2^63-1");
    }
    while (at + 1 < value.length && value.bytes[at] == '0')
        at++;
    if (negative && number > 0)
        document_append(out, "-", 1);
    document_append(out, value.bytes + at, value.length - at);
    return ENCODED;
}

static size_t count_digits(struct value value, size_t at) {
    size_t end = at;
    while (end < value.length && value.bytes[end] >= '0' && value.bytes[end] <= '9')
        end++;
    return end - at;
}

/* Digits with an optional point and exponent: no hexadecimal, no "inf", no spaces, all of which strtod() would take. */
static bool is_decimal(struct value value) {
    size_t at = value.length > 0 && (value.bytes[0] == '-' || value.bytes[0] == '+');
    size_t whole = count_digits(value, at);
    size_t fraction = 0;
    at += whole;
    if (at < value.length && value.bytes[at] == '.') {
        fraction = count_digits(value, at + 1);
        at += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (at < value.length && (value.bytes[at] == 'e' || value.bytes[at] == 'E')) {
        at++;
        at += at < value.length && (value.bytes[at] == '-' || value.bytes[at] == '+');
        size_t exponent = count_digits(value, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == value.length;
}

/* Digits with an optional point, and no exponent. */
static bool is_fixed(struct value value) {
    return memchr(value.bytes, 'e', value.length) == NULL && memchr(value.bytes, 'E', value.length) == NULL &&
           is_decimal(value);
}

/* FAULTY unless the value is a decimal number; *number is it, as near as a double can be. */
static enum encoded read_double(struct value value, double *number, const char **reason) {
    char copy[400];
    if (!is_decimal(value) || value.length >= sizeof copy)
        return faulty(reason, "is not a number");
    memcpy(copy, value.bytes, value.length);
    copy[value.length] = '\0';
    *number = strtod(copy, NULL);
    return isfinite(*number) ? ENCODED : faulty(reason, "is too large for a double");
}

static enum encoded encode_double(struct value value, struct text *out, const char **reason) {
    double number = 0;
    /* Up to 300 digits without an exponent are no infinity: nothing to compute. */
    bool small = value.length <= 300 && is_fixed(value);
    if (!small && read_double(value, &number, reason) != ENCODED)
        return FAULTY;
    size_t sign = value.bytes[0] == '+';
    document_append(out, value.bytes + sign, value.length - sign);
    return ENCODED;
}

static struct value trim(struct value value) {
    while (value.length > 0 && strchr(" \t\r\n", value.bytes[0]) != NULL && value.bytes[0] != '\0')
        value = (struct value){value.bytes + 1, value.length - 1};
    while (value.length > 0 && strchr(" \t\r\n", value.bytes[value.length - 1]) != NULL &&
           value.bytes[value.length - 1] != '\0')
        value.length--;
    return value;
}

static enum encoded encode_latlon(struct value value, struct text *out, const char **reason) {
    const char *comma = memchr(value.bytes, ',', value.length);
    if (comma == NULL)
        return faulty(reason, "is not \"latitude,longitude\"");
    size_t before = (size_t)(comma - value.bytes);
    struct value parts[2] = {trim((struct value){value.bytes, before}),
                             trim((struct value){comma + 1, value.length - before - 1})};
    static const double limits[2] = {90, 180};
    for (size_t i = 0; i < 2; i++) {
        double degrees = 0;
        const char *ignored = NULL;
        if (read_double(parts[i], &degrees, &ignored) != ENCODED)
            return faulty(reason, "is not \"latitude,longitude\"");
        if (fabs(degrees) > limits[i])
            return faulty(reason, "is outside of 90 degrees of latitude or 180 of longitude");
    }
    document_append(out, parts[0].bytes, parts[0].length);
    document_append(out, ",", 1);
    document_append(out, parts[1].bytes, parts[1].length);
    return ENCODED;
}

static enum encoded encode_string(const struct document_plan *plan, const struct document_field *field,
                                  struct value value, struct text *out, struct document_counts *counts,
                                  const char **reason) {
    size_t start = out->length;
    document_clean(out, value, plan->wide, counts);
    if (out->length == start && (field->omit_empty || field->array))
        return OMITTED;
    /* There are never more characters than bytes were given. */
    if (field->type == TYPE_LITERAL && value.length > DOCUMENT_LITERAL &&
        document_characters(out->data + start, out->length - start) > DOCUMENT_LITERAL)
        return faulty(reason, "is longer than 4096 characters");
    return ENCODED;
}

enum encoded document_encode(const struct document_plan *plan, const struct document_field *field, struct value value,
                             struct text *out, struct document_counts *counts, const char **reason) {
    bool string = field->type == TYPE_LITERAL || field->type == TYPE_TEXT;
    /* Cleaning could still make it small enough, but then hardly anything would be left of it. */
    if (value.length > plan->max_bytes)
        return faulty(reason, "is larger than a document may be");
    if (value.length == 0 && (!string || field->omit_empty))
        return OMITTED;
    switch (field->type) {
    case TYPE_INT:
        return encode_int(value, out, reason);
    case TYPE_DOUBLE:
        return encode_double(value, out, reason);
    case TYPE_DATE:
        return document_encode_date(field->zone, value, out, counts, reason);
    case TYPE_LATLON:
        return encode_latlon(value, out, reason);
    case TYPE_LITERAL:
    case TYPE_TEXT:
        return encode_string(plan, field, value, out, counts, reason);
    }
    return faulty(reason, "has no type");
}
