/* Reading the index fields. Defaults are those of the configuration service: every option is on. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "schema.h"
#include "sigv4.h"
#include "values.h"

static const struct {
    const char *name;
    enum field_kind kind;
    bool array;
    const char *options;
} types[] = {
    {"int", KIND_INT, false, "IntOptions"},
    {"double", KIND_DOUBLE, false, "DoubleOptions"},
    {"date", KIND_DATE, false, "DateOptions"},
    {"latlon", KIND_LATLON, false, "LatLonOptions"},
    {"literal", KIND_LITERAL, false, "LiteralOptions"},
    {"text", KIND_TEXT, false, "TextOptions"},
    {"int-array", KIND_INT, true, "IntArrayOptions"},
    {"double-array", KIND_DOUBLE, true, "DoubleArrayOptions"},
    {"date-array", KIND_DATE, true, "DateArrayOptions"},
    {"literal-array", KIND_LITERAL, true, "LiteralArrayOptions"},
    {"text-array", KIND_TEXT, true, "TextArrayOptions"},
};

const char *schema_type_name(const struct field *field) {
    for (size_t i = 0; i < LENGTH_OF(types); i++)
        if (types[i].kind == field->kind && types[i].array == field->array)
            return types[i].name;
    return "";
}

bool schema_is_dynamic(const struct field *field) {
    return strchr(field->name, '*') != NULL;
}

/* A pattern is a name with one asterisk at its beginning or its end. */
static bool is_good_name(const char *name) {
    size_t length = strlen(name);
    if (strchr(name, '*') == NULL)
        return values_is_field_name(name);
    bool starts = name[0] == '*';
    const char *rest = starts ? name + 1 : name;
    char *plain = xasprintf("%s%.*s", starts ? "a" : "", (int)(strlen(rest) - (starts ? 0 : 1)), rest);
    bool good = (starts || name[length - 1] == '*') && length > 1 && values_is_field_name(plain);
    free(plain);
    return good;
}

static bool option(const json_t *options, const char *name) {
    const json_t *value = json_object_get(options, name);
    return value == NULL || json_is_true(value);
}

static void add_sources(struct field *field, const json_t *options) {
    const char *one = json_string_value(json_object_get(options, "SourceField"));
    const char *several = json_string_value(json_object_get(options, "SourceFields"));
    if (one != NULL)
        strings_split(&field->sources, one, ",");
    if (several != NULL)
        strings_split(&field->sources, several, ",");
}

enum { DEFAULT_LIMIT = 1024, SOURCES_LIMIT = 20 }; /* bytes of a default value, sources of an array field */

static int check_field(const struct field *field, const char *origin) {
    if (field->default_value != NULL && strlen(field->default_value) > DEFAULT_LIMIT)
        return fail(EXIT_SETTINGS, "%s: the default value of index field \"%s\" is longer than 1 KB", origin,
                    field->name);
    if (field->sources.count > (field->array ? SOURCES_LIMIT : 1))
        return fail(EXIT_SETTINGS, "%s: index field \"%s\" has more than %d sources", origin, field->name,
                    field->array ? SOURCES_LIMIT : 1);
    return 0;
}

static int add_field(struct schema *schema, const json_t *item, const char *origin) {
    const json_t *inner = json_object_get(item, "Options");
    const json_t *options = inner != NULL ? inner : item;
    const char *name = json_string_value(json_object_get(options, "IndexFieldName"));
    const char *type = json_string_value(json_object_get(options, "IndexFieldType"));
    if (name == NULL || !is_good_name(name))
        return fail(EXIT_SETTINGS, "%s: \"%s\" is no name for an index field", origin, name != NULL ? name : "");
    size_t known = 0;
    while (known < LENGTH_OF(types) && (type == NULL || strcmp(types[known].name, type) != 0))
        known++;
    if (known == LENGTH_OF(types))
        return fail(EXIT_SETTINGS, "%s: index field \"%s\" has no known type: \"%s\"", origin, name,
                    type != NULL ? type : "");
    for (size_t i = 0; i < schema->field_count; i++)
        if (strcmp(schema->fields[i].name, name) == 0)
            return fail(EXIT_SETTINGS, "%s: index field \"%s\" stands there twice", origin, name);
    options = json_object_get(options, types[known].options);
    bool text = types[known].kind == KIND_TEXT;
    const char *scheme = json_string_value(json_object_get(options, "AnalysisScheme"));
    struct field field = {
        .name = name,
        .kind = types[known].kind,
        .array = types[known].array,
        .facet = !text && option(options, "FacetEnabled"),
        .returned = option(options, "ReturnEnabled"),
        .search = text || option(options, "SearchEnabled"),
        .sort = !types[known].array && option(options, "SortEnabled"),
        .highlight = text && option(options, "HighlightEnabled"),
        .scheme = scheme != NULL ? scheme : "_en_default_",
        .default_value = json_string_value(json_object_get(options, "DefaultValue")),
    };
    add_sources(&field, options);
    schema->fields = xgrow(schema->fields, schema->field_count, sizeof *schema->fields);
    schema->fields[schema->field_count++] = field;
    return check_field(&field, origin);
}

static int add_suggester(struct schema *schema, const json_t *item, const char *origin) {
    const json_t *inner = json_object_get(item, "Options");
    const json_t *options = inner != NULL ? inner : item;
    const json_t *details = json_object_get(options, "DocumentSuggesterOptions");
    const char *name = json_string_value(json_object_get(options, "SuggesterName"));
    const char *source = json_string_value(json_object_get(details, "SourceField"));
    const struct field *field = source != NULL ? schema_find(schema, source) : NULL;
    if (name == NULL || field == NULL)
        return fail(EXIT_SETTINGS, "%s: a suggester without SuggesterName, or whose SourceField is no index field",
                    origin);
    if (field->kind != KIND_TEXT || !field->returned)
        return fail(EXIT_SETTINGS, "%s: suggester \"%s\" needs a text field that is returned, \"%s\" is none", origin,
                    name, source);
    schema->suggesters = xgrow(schema->suggesters, schema->suggester_count, sizeof *schema->suggesters);
    schema->suggesters[schema->suggester_count++] = (struct suggester){.name = name, .source = source};
    return 0;
}

static int check_sources(const struct schema *schema, const char *origin) {
    for (size_t i = 0; i < schema->field_count; i++)
        for (size_t j = 0; j < schema->fields[i].sources.count; j++)
            if (schema_find(schema, schema->fields[i].sources.items[j]) == NULL)
                return fail(EXIT_SETTINGS, "%s: index field \"%s\" has the unknown source \"%s\"", origin,
                            schema->fields[i].name, schema->fields[i].sources.items[j]);
    return 0;
}

int schema_parse(struct schema *schema, const char *json, size_t length, const char *origin) {
    json_error_t error;
    int status = 0;
    size_t i = 0;
    json_t *item = NULL;
    schema->document = json_loadb(json, length, JSON_REJECT_DUPLICATES, &error);
    if (schema->document == NULL)
        return fail(EXIT_SETTINGS, "%s:%d: %s", origin, error.line, error.text);
    json_t *fields = json_object_get(schema->document, "IndexFields");
    json_t *suggesters = json_object_get(schema->document, "Suggesters");
    if (!json_is_array(fields))
        return fail(EXIT_SETTINGS, "%s: no list IndexFields, as \"aws cloudsearch describe-index-fields\" prints it",
                    origin);
    if (json_array_size(fields) > FIELDS_LIMIT)
        return fail(EXIT_SETTINGS, "%s: a domain has at most %d index fields", origin, FIELDS_LIMIT);
    json_array_foreach(fields, i, item) if (status == 0) status = add_field(schema, item, origin);
    json_array_foreach(suggesters, i, item) if (status == 0) status = add_suggester(schema, item, origin);
    if (status == 0)
        status = check_sources(schema, origin);
    char *canonical = json_dumps(schema->document, JSON_COMPACT | JSON_SORT_KEYS);
    char hash[SIGV4_HEX + 1];
    sigv4_sha256(canonical, strlen(canonical), hash);
    schema->fingerprint = xstrdup(hash);
    free(canonical);
    return status;
}

void schema_free(struct schema *schema) {
    for (size_t i = 0; i < schema->field_count; i++)
        strings_free(&schema->fields[i].sources);
    free(schema->fields);
    free(schema->suggesters);
    free(schema->fingerprint);
    json_decref(schema->document);
    *schema = (struct schema){0};
}

static bool fits(const char *pattern, const char *name) {
    size_t length = strlen(pattern) - 1;
    size_t name_length = strlen(name);
    if (name_length < length + 1)
        return false;
    return pattern[0] == '*' ? strcmp(pattern + 1, name + name_length - length) == 0
                             : strncmp(pattern, name, length) == 0;
}

const struct field *schema_find(const struct schema *schema, const char *name) {
    const struct field *best = NULL;
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (!schema_is_dynamic(field)) {
            if (strcmp(field->name, name) == 0)
                return field;
        } else if (values_is_field_name(name) && fits(field->name, name)) {
            size_t length = strlen(field->name);
            size_t best_length = best != NULL ? strlen(best->name) : 0;
            if (best == NULL || length > best_length || (length == best_length && strcmp(field->name, best->name) < 0))
                best = field;
        }
    }
    return best;
}

const struct suggester *schema_suggester(const struct schema *schema, const char *name) {
    for (size_t i = 0; i < schema->suggester_count; i++)
        if (strcmp(schema->suggesters[i].name, name) == 0)
            return &schema->suggesters[i];
    return NULL;
}
