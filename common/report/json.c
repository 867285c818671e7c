/* Values of JSON documents. */
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/report/json.h"

json_t *report_json_text(const char *string) {
    if (string == NULL)
        return json_null();
    /* Only valid UTF-8 can be a JSON string. */
    json_t *value = json_string(string);
    if (value != NULL)
        return value;
    struct text clean = {0};
    text_append_printable(&clean, string, strlen(string));
    value = json_string(text_string(&clean));
    text_free(&clean);
    return value;
}

json_t *report_json_strings(const struct strings *strings) {
    json_t *array = json_array();
    for (size_t i = 0; strings != NULL && i < strings->count; i++)
        json_array_append_new(array, report_json_text(strings->items[i]));
    return array;
}

json_t *report_json_time(int64_t milliseconds) {
    if (milliseconds == 0)
        return json_null();
    struct text time = {0};
    clock_add_local(&time, milliseconds);
    json_t *value = json_string(text_string(&time));
    text_free(&time);
    return value;
}

json_t *report_json_seconds(int64_t microseconds) {
    return json_real((double)microseconds / 1e6);
}

void report_json_print(json_t *document, FILE *out) {
    /* Durations have six digits behind the point, and 15 in all are what a double keeps. */
    json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    fputc('\n', out);
    json_decref(document);
}
