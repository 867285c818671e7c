/* Whether what the search service returns is what was sent. The service keeps numbers and dates as such and may write them in another way, so
 * fields are compared by what they mean: numbers as doubles of 15 digits, dates as moments, strings by their bytes. Whether it keeps the order
 * of an array is not documented: arrays are compared as multisets. Pure code. */
#ifndef PUSH_LANCERS_COMPARE_H
#define PUSH_LANCERS_COMPARE_H

#include <jansson.h>
#include <stdint.h>

#include "document.h"

/* A number that is the same for equal contents of the plan's field of this index: a string, or an array of strings, where a string alone is the
 * same as in an array. 0: there is no value (NULL, or an empty array). */
uint64_t compare_digest(const struct document_plan *plan, size_t field, const json_t *value);

#endif
