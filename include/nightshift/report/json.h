/* What the JSON documents of all jobs have in common: times as ISO 8601 with zone, durations in seconds, null for what is
 * not known. */
#ifndef NIGHTSHIFT_REPORT_JSON_H
#define NIGHTSHIFT_REPORT_JSON_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "nightshift/base/text.h"

/* A string of any origin: what is not UTF-8 is made printable. NULL becomes null. */
json_t *report_json_text(const char *string);

json_t *report_json_strings(const struct strings *strings); /* a list of such; NULL is an empty one */

json_t *report_json_time(int64_t milliseconds); /* since 1970; 0 becomes null */
json_t *report_json_seconds(int64_t microseconds);

/* Prints a document, indented, and releases it. */
void report_json_print(json_t *document, FILE *out);

#endif
