/* Numbers as people write them in options and settings. Every function takes the whole string or refuses it, and returns NULL or the
 * reason for the refusal (a string literal); *out is set only on success. */
#ifndef NIGHTSHIFT_BASE_PARSE_H
#define NIGHTSHIFT_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"

const char *parse_integer(const char *string, int64_t *out);
/* "250ms", "30s", "5m", "36h", "90d", "2w"; a unit is required except for 0. In milliseconds. */
const char *parse_duration(const char *string, int64_t *milliseconds);
/* "5MB" is 5,000,000 and "5MiB" 5,242,880 bytes; a bare number is bytes. */
const char *parse_size(const char *string, int64_t *bytes);
/* "20%" is 20.0; the sign is required; at least 0. */
const char *parse_percentage(const char *string, double *percent);
/* "2026-11-23", as days since 1970-01-01. */
const char *parse_day(const char *string, int64_t *day);
/* yes/no, true/false, on/off, 1/0. */
const char *parse_flag(const char *string, bool *out);

/* The shortest exact form that parse_duration() reads back. */
void text_add_duration(struct text *text, int64_t milliseconds);

#endif
