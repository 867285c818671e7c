/* The index fields and suggesters of the domain, in the form in which the aws CLI prints them:
 *   aws cloudsearch describe-index-fields --domain-name D     {"IndexFields": [{"Options": {"IndexFieldName": ..., "IndexFieldType": ...}}]}
 *   aws cloudsearch describe-suggesters --domain-name D       {"Suggesters": [{"Options": {"SuggesterName": ...}}]}
 * both lists may stand in one object. "Options" around a field may be left out. */
#ifndef CLOUDSEARCH_SCHEMA_H
#define CLOUDSEARCH_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/text.h"

enum field_kind { KIND_INT, KIND_DOUBLE, KIND_DATE, KIND_LATLON, KIND_LITERAL, KIND_TEXT };

struct field {
    const char *name; /* "*_t" for a dynamic field */
    enum field_kind kind;
    bool array;
    bool facet, returned, search, sort, highlight;
    const char *scheme;        /* text: analysis scheme */
    const char *default_value; /* NULL: none */
    struct strings sources;    /* fields whose values this one gets too */
};

struct suggester {
    const char *name;
    const char *source;
};

struct schema {
    json_t *document; /* owns the strings */
    struct field *fields;
    size_t field_count;
    struct suggester *suggesters;
    size_t suggester_count;
    char *fingerprint; /* SHA-256 of what decides how documents are indexed */
};

/* 0, or EXIT_SETTINGS after saying what is wrong with which field. `origin` names the source in messages. */
int schema_parse(struct schema *schema, const char *json, size_t length, const char *origin);
void schema_free(struct schema *schema);

/* The field with this name, else the dynamic field whose pattern fits: the longest one, among equals the alphabetically first. NULL: none. */
const struct field *schema_find(const struct schema *schema, const char *name);
const struct suggester *schema_suggester(const struct schema *schema, const char *name);
bool schema_is_dynamic(const struct field *field);

/* "int", "text-array", ... */
const char *schema_type_name(const struct field *field);

#endif
