/* Each value in one form per meaning, and of that a hash: a sample of a thousand documents is then some megabytes, however long they are. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "compare.h"
#include "document_private.h"
#include "nightshift/base/parse.h"

/* 15 digits survive any way of writing a double; of the last two nobody says whether the service keeps them. */
static void add_number(const char *value, struct text *out) {
    char *end = NULL;
    double number = strtod(value, &end);
    if (end == value || *end != '\0')
        text_add(out, value);
    else
        text_printf(out, "%.15g", number + 0.0); /* no "-0" */
}

static void add_date(const char *value, struct text *out) {
    struct document_counts ignored = {0};
    const char *reason = NULL;
    struct text date = {0};
    if (document_encode_date(NULL, (struct value){value, strlen(value)}, &date, &ignored, &reason) == ENCODED)
        text_add(out, text_string(&date));
    else
        text_add(out, value);
    text_free(&date);
}

static void add_location(const char *value, struct text *out) {
    const char *comma = strchr(value, ',');
    if (comma == NULL) {
        text_add(out, value);
        return;
    }
    char *latitude = xstrndup(value, (size_t)(comma - value));
    add_number(latitude, out);
    text_add(out, ",");
    add_number(comma + 1, out);
    free(latitude);
}

/* The form that all ways of writing a value have in common; of what is none of its type, the value itself. */
static void add_canonical(enum document_type type, const char *value, struct text *out) {
    int64_t integer = 0;
    switch (type) {
    case TYPE_INT:
        if (parse_integer(value, &integer) == NULL)
            text_printf(out, "%lld", (long long)integer);
        else
            text_add(out, value);
        break;
    case TYPE_DOUBLE:
        add_number(value, out);
        break;
    case TYPE_DATE:
        add_date(value, out);
        break;
    case TYPE_LATLON:
        add_location(value, out);
        break;
    case TYPE_LITERAL:
    case TYPE_TEXT:
        text_add(out, value);
        break;
    }
}

static uint64_t digest_one(enum document_type type, const json_t *value) {
    struct text canonical = {0};
    const char *string = json_string_value(value);
    /* Everything is announced to be a string; what is not, is compared as it is written. */
    char *written = string == NULL ? json_dumps(value, JSON_ENCODE_ANY) : NULL;
    if (string == NULL)
        string = written != NULL ? written : "";
    add_canonical(type, string, &canonical);
    uint64_t digest = XXH3_64bits(text_string(&canonical), canonical.length);
    free(written);
    text_free(&canonical);
    return digest;
}

uint64_t compare_digest(const struct document_plan *plan, size_t field, const json_t *value) {
    enum document_type type = plan->fields[field].type;
    uint64_t sum = 0;
    if (value == NULL || (json_is_array(value) && json_array_size(value) == 0))
        return 0;
    if (!json_is_array(value))
        sum = digest_one(type, value);
    /* A sum does not depend on the order, and what occurs twice counts twice. */
    for (size_t i = 0; i < json_array_size(value); i++)
        sum += digest_one(type, json_array_get(value, i));
    return sum != 0 ? sum : 1;
}
