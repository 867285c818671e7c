/* The value of a field, by its type. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "values.h"

/* What a scalar is as text, freed by the caller; NULL after an error. */
static char *text_of(struct batch *batch, const struct batch_rules *rules, const char *name, const json_t *value,
                     const char *where) {
    unsigned code = 0;
    switch (json_typeof(value)) {
    case JSON_STRING:
        if (!values_bad_character(json_string_value(value), json_string_length(value), rules->bmp_only, &code))
            return xstrdup(json_string_value(value));
        batch_error(batch, "Validation error for field '%s': Invalid codepoint %X", name, code);
        return NULL;
    case JSON_INTEGER:
        if (rules->numbers)
            return xasprintf("%" JSON_INTEGER_FORMAT, json_integer_value(value));
        break;
    case JSON_REAL:
        if (rules->numbers)
            return xasprintf("%.17g", json_real_value(value));
        break;
    case JSON_NULL:
        batch_error(batch, "Field \"%s\" must not be null %s", name, where);
        return NULL;
    case JSON_OBJECT:
    case JSON_ARRAY:
        batch_error(batch, "Field \"%s\" must not have nested objects or arrays %s", name, where);
        return NULL;
    case JSON_TRUE:
    case JSON_FALSE:
        break;
    }
    batch_error(batch, "Field \"%s\" must have string values %s", name, where);
    return NULL;
}

/* NULL, or why the text is no value of the field's type. */
static const char *reason_against(const struct field *field, const char *text) {
    int64_t integer = 0;
    double real = 0;
    double longitude = 0;
    char date[DATE_SIZE];
    switch (field->kind) {
    case KIND_INT:
        return values_int(text, &integer) ? NULL : "is not a 64-bit integer";
    case KIND_DOUBLE:
        return values_double(text, &real) ? NULL : "is not a number";
    case KIND_DATE:
        return values_date(text, date) ? NULL : "is not a date of the form yyyy-mm-ddTHH:mm:ss.SSSZ";
    case KIND_LATLON:
        return values_latlon(text, &real, &longitude) ? NULL : "is not a location of the form lat,lon";
    case KIND_LITERAL:
        return values_count_characters(text) <= LITERAL_LIMIT ? NULL : "is longer than 4096 characters";
    case KIND_TEXT:
        return NULL;
    }
    return NULL;
}

static json_t *check_scalar(struct batch *batch, const struct batch_rules *rules, const struct field *field,
                            const char *name, const json_t *value, const char *where) {
    json_t *checked = NULL;
    char *text = text_of(batch, rules, name, value, where);
    if (text == NULL)
        return NULL;
    const char *reason = reason_against(field, text);
    if (reason == NULL)
        checked = json_string(text);
    else
        batch_error(batch, "The value of field \"%s\" of type %s %s %s", name, schema_type_name(field), reason, where);
    free(text);
    return checked;
}

json_t *batch_check_field(struct batch *batch, const struct batch_rules *rules, const char *name, json_t *value,
                          const char *where) {
    const struct field *field = values_is_field_name(name) ? schema_find(rules->schema, name) : NULL;
    size_t count = json_array_size(value);
    if (field == NULL) {
        batch_error(batch, "Field \"%s\" does not exist in domain configuration %s", name, where);
        return NULL;
    }
    if (!json_is_array(value))
        return check_scalar(batch, rules, field, name, value, where);
    if (count == 0) {
        batch_error(batch, "Field \"%s\" must not be an empty array %s", name, where);
        return NULL;
    }
    if (count > 1 && !field->array) {
        batch_error(batch, "Field \"%s\" must have array type to have multiple values %s", name, where);
        return NULL;
    }
    if (count > ARRAY_LIMIT) {
        batch_error(batch, "Field \"%s\" must not have more than %d values %s", name, ARRAY_LIMIT, where);
        return NULL;
    }
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_t *checked = check_scalar(batch, rules, field, name, json_array_get(value, i), where);
        if (checked != NULL)
            json_array_append_new(list, checked);
    }
    if (field->array)
        return list;
    json_t *only = json_incref(json_array_get(list, 0));
    json_decref(list);
    return only;
}
