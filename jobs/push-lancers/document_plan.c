/* The plan of documents: which column becomes which field, checked before the first row so that a wrong setting is one clear message and not a
 * million refused documents. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "document_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"

static const struct {
    const char *name;
    const char *array; /* NULL: has no array form */
    enum document_type type;
} types[] = {
    {"int", "int-array", TYPE_INT}, {"double", "double-array", TYPE_DOUBLE},    {"date", "date-array", TYPE_DATE},
    {"latlon", NULL, TYPE_LATLON},  {"literal", "literal-array", TYPE_LITERAL}, {"text", "text-array", TYPE_TEXT}};

/* --- rules: "literal-array split ," --- */

static bool read_type(struct document_field *field, const char *word) {
    for (size_t i = 0; i < LENGTH_OF(types); i++) {
        field->type = types[i].type;
        field->array = types[i].array != NULL && strcmp(word, types[i].array) == 0;
        if (field->array || strcmp(word, types[i].name) == 0)
            return true;
    }
    return false;
}

static const char *separator_of(const char *word) {
    static const char *const names[][2] = {{"space", " "}, {"tab", "\t"}, {"comma", ","}, {"newline", "\n"}};
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        if (strcmp(word, names[i][0]) == 0)
            return names[i][1];
    return word;
}

static char *read_pair(struct document_field *field, const char *name, const char *value) {
    bool string = field->type == TYPE_LITERAL || field->type == TYPE_TEXT;
    if (value == NULL)
        return xasprintf("\"%s\" lacks a word", name);
    if (strcmp(name, "split") == 0 && field->array && field->separator == NULL)
        field->separator = xstrdup(separator_of(value));
    else if (strcmp(name, "zone") == 0 && field->type == TYPE_DATE && field->zone_name == NULL)
        field->zone_name = xstrdup(value);
    else if (strcmp(name, "empty") == 0 && string && (strcmp(value, "keep") == 0 || strcmp(value, "omit") == 0))
        field->omit_empty = strcmp(value, "omit") == 0;
    else
        return xasprintf("\"%s %s\" does not belong there", name, value);
    return NULL;
}

char *document_read_rule(struct document_field *field, const char *rule) {
    struct strings words = {0};
    char *problem = NULL;
    strings_split(&words, rule, " ");
    field->skip = words.count == 1 && strcmp(words.items[0], "skip") == 0;
    if (words.count == 0 || (!field->skip && !read_type(field, words.items[0])))
        problem = xasprintf("\"%s\" is no type; they are int, double, date, literal, text (each also with -array), "
                            "latlon, and skip",
                            words.count > 0 ? words.items[0] : "");
    for (size_t i = 1; problem == NULL && i < words.count; i += 2)
        problem = read_pair(field, words.items[i], i + 1 < words.count ? words.items[i + 1] : NULL);
    if (problem == NULL && !field->skip && field->array && field->separator == NULL)
        problem = xstrdup("an array needs \"split\" and what separates its values");
    strings_free(&words);
    return problem;
}

/* --- fields --- */

static const char *judge_name(const char *name) {
    size_t length = strlen(name);
    if (length < 3 || length > 64)
        return "is not 3 to 64 characters long";
    for (size_t i = 0; i < length; i++)
        if (!((name[i] >= 'a' && name[i] <= 'z') || (i > 0 && (name[i] == '_' || isdigit((unsigned char)name[i])))))
            return "is not [a-z][a-z0-9_]*";
    return strcmp(name, "score") == 0 ? "is reserved" : NULL;
}

static bool set_default_type(struct document_field *field, enum column_kind kind) {
    switch (kind) {
    case COLUMN_INTEGER:
        field->type = TYPE_INT;
        return true;
    case COLUMN_NUMBER:
        field->type = TYPE_DOUBLE;
        return true;
    case COLUMN_TIME:
        field->type = TYPE_DATE;
        return true;
    case COLUMN_TEXT:
        field->type = TYPE_TEXT;
        return true;
    case COLUMN_BYTES:
    case COLUMN_ANY:
        break;
    }
    return false;
}

static const struct zone *find_zone(struct document_plan *plan, const char *name) {
    for (size_t i = 0; i < plan->zone_count; i++)
        if (strcmp(plan->zones[i].name, name) == 0)
            return plan->zones[i].zone;
    struct zone *zone = zone_load(name);
    if (zone == NULL)
        return NULL;
    plan->zones = xgrow(plan->zones, plan->zone_count, sizeof *plan->zones);
    plan->zones[plan->zone_count++] = (struct named_zone){xstrdup(name), zone};
    return zone;
}

static void field_free(struct document_field *field) {
    free(field->name);
    free(field->opening);
    free(field->separator);
    free(field->zone_name);
}

static const char *rule_of(const struct document_override *overrides, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(overrides[i].field, name) == 0)
            return overrides[i].rule;
    return NULL;
}

/* Fills the field of one column; NULL or what is wrong. */
static char *plan_field(struct document_plan *plan, const struct document_rules *rules,
                        const struct document_column *column, const char *rule, struct document_field *field) {
    field->name = xstrdup(column->name);
    field->omit_empty = rules->omit_empty;
    if (rule == NULL && field->column == plan->key_column)
        field->skip = true;
    else if (rule != NULL) {
        char *problem = document_read_rule(field, rule);
        if (problem != NULL)
            return problem;
    } else if (!set_default_type(field, column->kind))
        return xstrdup("holds bytes; give it a type or skip");
    if (field->skip)
        return NULL;
    field->opening = xasprintf(",\"%s\":%c", column->name, field->array ? '[' : '"');
    field->opening_length = strlen(field->opening);
    const char *reason = judge_name(column->name);
    if (reason != NULL)
        return xasprintf("the name %s; give the column another alias in the query", reason);
    if (field->zone_name == NULL && !column->utc && rules->zone != NULL)
        field->zone_name = xstrdup(rules->zone);
    if (field->type == TYPE_DATE && field->zone_name != NULL && strcmp(field->zone_name, "UTC") != 0 &&
        (field->zone = find_zone(plan, field->zone_name)) == NULL)
        return xasprintf("the time zone \"%s\" is unknown", field->zone_name);
    return NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct document_field *)a)->name, ((const struct document_field *)b)->name);
}

static int plan_fields(struct document_plan *plan, const struct document_rules *rules,
                       const struct document_column *columns, size_t count, const struct document_override *overrides,
                       size_t override_count) {
    int status = 0;
    for (size_t i = 0; i < count; i++) {
        struct document_field field = {.column = i};
        char *problem =
            plan_field(plan, rules, &columns[i], rule_of(overrides, override_count, columns[i].name), &field);
        if (problem != NULL)
            status = fail(EXIT_SETTINGS, "%s field \"%s\": %s", rules->origin, columns[i].name, problem);
        free(problem);
        if (problem != NULL || field.skip) {
            field_free(&field);
            continue;
        }
        plan->fields = xgrow(plan->fields, plan->count, sizeof *plan->fields);
        plan->fields[plan->count++] = field;
    }
    if (plan->count > 1)
        qsort(plan->fields, plan->count, sizeof *plan->fields, by_name);
    for (size_t i = 1; i < plan->count; i++)
        if (strcmp(plan->fields[i - 1].name, plan->fields[i].name) == 0)
            status = fail(EXIT_SETTINGS, "%s query: two columns are named \"%s\"", rules->origin, plan->fields[i].name);
    if (status == 0 && (plan->count == 0 || plan->count > DOCUMENT_FIELDS))
        status = fail(EXIT_SETTINGS, "%s query: a document has 1 to %d fields, not %zu", rules->origin, DOCUMENT_FIELDS,
                      plan->count);
    return status;
}

/* --- the document id --- */

static size_t find_column(const struct document_column *columns, size_t count, const char *name) {
    size_t at = 0;
    while (at < count && strcmp(columns[at].name, name) != 0)
        at++;
    return at;
}

static int plan_id(struct document_plan *plan, const struct document_rules *rules,
                   const struct document_column *columns, size_t count) {
    const char *template = rules->document_id;
    const char *open = strchr(template, '{');
    const char *close = open != NULL ? strchr(open, '}') : NULL;
    if (close == NULL || strpbrk(close + 1, "{}") != NULL || memchr(open + 1, '{', (size_t)(close - open - 1)) != NULL)
        return fail(EXIT_SETTINGS, "%s document_id \"%s\": needs exactly one {column}", rules->origin, template);
    plan->id_before = xstrndup(template, (size_t)(open - template));
    plan->id_after = xstrdup(close + 1);
    plan->key_name = xstrndup(open + 1, (size_t)(close - open - 1));
    plan->key_column = find_column(columns, count, plan->key_name);
    if (plan->key_column == count)
        return fail(EXIT_SETTINGS, "%s document_id \"%s\": the query has no column \"%s\"", rules->origin, template,
                    plan->key_name);
    enum column_kind kind = columns[plan->key_column].kind;
    if (kind != COLUMN_INTEGER && kind != COLUMN_TEXT && kind != COLUMN_BYTES)
        return fail(EXIT_SETTINGS, "%s document_id: the column \"%s\" is neither an integer nor a string",
                    rules->origin, plan->key_name);
    plan->key_kind = kind == COLUMN_INTEGER ? ROWKEY_INTEGER : ROWKEY_BYTES;
    /* With 0 in the key's place: letters around it that no id may have would make every row a bad one. */
    struct text sample = {0};
    struct rowkey zero;
    rowkey_set(&zero, plan->key_kind, "0", 1);
    const char *reason = document_id(plan, zero.bytes, zero.length, &sample);
    text_free(&sample);
    return reason != NULL ? fail(EXIT_SETTINGS, "%s document_id \"%s\": it %s", rules->origin, template, reason) : 0;
}

/* A rule for a field that the query does not have is a slip of the pen, or a column that was renamed. */
static int check_overrides(const struct document_rules *rules, const struct document_column *columns, size_t count,
                           const struct document_override *overrides, size_t override_count) {
    int status = 0;
    for (size_t i = 0; i < override_count; i++)
        if (find_column(columns, count, overrides[i].field) == count)
            status = fail(EXIT_SETTINGS, "%s field.%s: the query has no column of this name", rules->origin,
                          overrides[i].field);
    return status;
}

int document_plan_make(const struct document_rules *rules, const struct document_column *columns, size_t count,
                       const struct document_override *overrides, size_t override_count, struct document_plan **out) {
    struct document_plan *plan = xcalloc(1, sizeof *plan);
    plan->any_id = rules->any_id;
    plan->wide = rules->wide;
    plan->max_bytes = rules->max_bytes > 0 ? rules->max_bytes : DOCUMENT_BYTES;
    plan->key_column = count;
    int status = plan_id(plan, rules, columns, count);
    int fields = plan_fields(plan, rules, columns, count, overrides, override_count);
    int names = check_overrides(rules, columns, count, overrides, override_count);
    if (status != 0 || fields != 0 || names != 0) {
        document_plan_free(plan);
        return EXIT_SETTINGS;
    }
    *out = plan;
    return 0;
}

void document_plan_free(struct document_plan *plan) {
    if (plan == NULL)
        return;
    for (size_t i = 0; i < plan->count; i++)
        field_free(&plan->fields[i]);
    for (size_t i = 0; i < plan->zone_count; i++) {
        free(plan->zones[i].name);
        zone_free(plan->zones[i].zone);
    }
    free(plan->fields);
    free(plan->zones);
    free(plan->key_name);
    free(plan->id_before);
    free(plan->id_after);
    free(plan);
}

size_t document_key_column(const struct document_plan *plan) {
    return plan->key_column;
}

enum rowkey_kind document_key_kind(const struct document_plan *plan) {
    return plan->key_kind;
}

size_t document_field_count(const struct document_plan *plan) {
    return plan->count;
}

const char *document_field_name(const struct document_plan *plan, size_t field) {
    return plan->fields[field].name;
}

const char *document_field_type(const struct document_plan *plan, size_t field) {
    size_t i = 0;
    while (types[i].type != plan->fields[field].type)
        i++;
    return plan->fields[field].array ? types[i].array : types[i].name;
}
