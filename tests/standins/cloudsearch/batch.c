/* Operations of a batch. The JSON array is taken apart by hand, one operation after the other, because the size of each counts and a parser
 * of whole documents does not tell it. */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "values.h"

enum { ERRORS_KEPT = 10 };

void batch_error(struct batch *batch, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *message = xvasprintf(format, arguments);
    va_end(arguments);
    if (batch->error_count++ < ERRORS_KEPT)
        strings_add(&batch->errors, message);
    free(message);
}

void batch_free(struct batch *batch) {
    for (size_t i = 0; i < batch->count; i++) {
        free(batch->operations[i].id);
        json_decref(batch->operations[i].fields);
    }
    free(batch->operations);
    json_decref(batch->ids);
    strings_free(&batch->errors);
    strings_free(&batch->warnings);
    *batch = (struct batch){0};
}

/* Attributes that no operation has: the service warns of them (so of "version" and "lang" of the API of 2011). */
static void warn_of_unknown(struct batch *batch, json_t *operation, const char *type, const char *where) {
    struct text names = {0};
    const char *key = "";
    json_t *value = NULL;
    json_object_foreach(operation, key, value) {
        if (strcmp(key, "type") != 0 && strcmp(key, "id") != 0 && strcmp(key, "fields") != 0)
            text_printf(&names, "%s'%s'", names.length > 0 ? ", " : "", key);
    }
    if (names.length > 0) {
        char *warning = xasprintf("\"%s\" has unknown attribute(s): [%s] %s", type, text_string(&names), where);
        strings_add(&batch->warnings, warning);
        free(warning);
    }
    text_free(&names);
}

static json_t *check_fields(struct batch *batch, const struct batch_rules *rules, json_t *fields, const char *where) {
    const char *name = "";
    json_t *value = NULL;
    if (!json_is_object(fields) || json_object_size(fields) == 0) {
        batch_error(batch, "\"add\" must have at least one field in \"fields\" %s", where);
        return NULL;
    }
    if (json_object_size(fields) > FIELDS_LIMIT) {
        batch_error(batch, "A document must not have more than %d fields %s", FIELDS_LIMIT, where);
        return NULL;
    }
    json_t *checked = json_object();
    json_object_foreach(fields, name, value) {
        json_t *normalised = batch_check_field(batch, rules, name, value, where);
        if (normalised != NULL)
            json_object_set_new(checked, name, normalised);
    }
    return checked;
}

/* The id, if it may be one and is new in this batch. */
static const char *check_id(struct batch *batch, json_t *operation, const char *where) {
    const json_t *value = json_object_get(operation, "id");
    const char *id = json_string_value(value);
    const char *reason = NULL;
    if (id == NULL)
        reason = value == NULL ? "an operation must have an \"id\"" : "\"id\" must be a string";
    else if (strlen(id) != json_string_length(value))
        reason = "\"id\" contains an invalid character";
    else
        reason = values_check_id(id);
    if (reason == NULL && json_object_get(batch->ids, id) != NULL)
        reason = "the same \"id\" stands twice in this batch";
    if (reason != NULL) {
        batch_error(batch, "%s %s", reason, where);
        return NULL;
    }
    json_object_set_new(batch->ids, id, json_true());
    return id;
}

/* "(near operation with index 1; document_id 9716739)" */
static char *place_of(json_t *operation, size_t index) {
    const char *id = json_string_value(json_object_get(operation, "id"));
    return id != NULL ? xasprintf("(near operation with index %zu; document_id %s)", index, id)
                      : xasprintf("(near operation with index %zu)", index);
}

static void add_checked(struct batch *batch, const struct batch_rules *rules, json_t *operation, size_t size,
                        const char *where) {
    const char *type = json_string_value(json_object_get(operation, "type"));
    json_t *fields = json_object_get(operation, "fields");
    bool add = type != NULL && strcmp(type, "add") == 0;
    bool remove = type != NULL && strcmp(type, "delete") == 0;
    json_t *checked = NULL;
    if (!add && !remove) {
        batch_error(batch, "\"type\" must be \"add\" or \"delete\" %s", where);
        return;
    }
    const char *id = check_id(batch, operation, where);
    warn_of_unknown(batch, operation, type, where);
    if (size > rules->max_document)
        batch_error(batch, "Document size exceeded: %zu bytes, the limit is %zu %s", size, rules->max_document, where);
    if (add)
        checked = check_fields(batch, rules, fields, where);
    else if (fields != NULL)
        batch_error(batch, "\"delete\" must not have \"fields\" %s", where);
    if (id == NULL || (add && checked == NULL)) {
        json_decref(checked);
        return;
    }
    batch->operations = xgrow(batch->operations, batch->count, sizeof *batch->operations);
    batch->operations[batch->count++] = (struct operation){.id = xstrdup(id), .fields = checked};
    batch->adds += add ? 1 : 0;
    batch->deletes += add ? 0 : 1;
}

void batch_add(struct batch *batch, const struct batch_rules *rules, json_t *operation, size_t size) {
    if (batch->ids == NULL)
        batch->ids = json_object();
    char *where = place_of(operation, ++batch->seen);
    if (json_is_array(operation))
        batch_error(batch, "Operations cannot be JSON arrays %s", where);
    else if (!json_is_object(operation))
        batch_error(batch, "Operations must be JSON objects %s", where);
    else
        add_checked(batch, rules, operation, size, where);
    free(where);
}

static size_t skip_blanks(const char *bytes, size_t length, size_t at) {
    while (at < length && (bytes[at] == ' ' || bytes[at] == '\t' || bytes[at] == '\n' || bytes[at] == '\r'))
        at++;
    return at;
}

/* One operation from `at` on; where it ends, or 0 when it is no JSON. */
static size_t take_operation(struct batch *batch, const struct batch_rules *rules, const char *bytes, size_t length,
                             size_t at) {
    json_error_t error;
    size_t taken = 0;
    json_t *operation = NULL;
    if (at < length && (bytes[at] == '{' || bytes[at] == '['))
        operation = json_loadb(bytes + at, length - at,
                               JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
    else
        error = (json_error_t){.text = "Operations must be JSON objects"};
    if (operation == NULL) {
        batch_error(batch, "Invalid JSON at byte %zu: %s", at + (size_t)(error.position > 0 ? error.position : 0),
                    error.text);
        return 0;
    }
    taken = (size_t)error.position;
    batch_add(batch, rules, operation, taken);
    json_decref(operation);
    return at + taken;
}

void batch_parse_json(struct batch *batch, const struct batch_rules *rules, const char *bytes, size_t length) {
    size_t at = skip_blanks(bytes, length, 0);
    if (at >= length || bytes[at] != '[') {
        batch_error(batch, "A batch must be a JSON array");
        return;
    }
    do {
        at = skip_blanks(bytes, length, at + 1);
        if (batch->seen == 0 && at < length && bytes[at] == ']') {
            batch_error(batch, "A batch must have at least one operation");
            return;
        }
        at = take_operation(batch, rules, bytes, length, at);
        if (at == 0)
            return;
        at = skip_blanks(bytes, length, at);
    } while (at < length && bytes[at] == ',');
    if (at >= length || bytes[at] != ']')
        batch_error(batch, "Invalid JSON at byte %zu: ']' or ',' expected", at);
    else if (skip_blanks(bytes, length, at + 1) != length)
        batch_error(batch, "Invalid JSON at byte %zu: end of file expected", at + 1);
}
