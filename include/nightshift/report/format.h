/* Numbers, sizes, durations and times as people read them, the same in tables, pages and notices. */
#ifndef NIGHTSHIFT_REPORT_FORMAT_H
#define NIGHTSHIFT_REPORT_FORMAT_H

#include <stdint.h>

#include "nightshift/base/text.h"

void format_number(struct text *out, int64_t number);         /* 1,234,567 */
void format_bytes(struct text *out, int64_t bytes);           /* 512 B, 1.5 KiB, 20.0 MiB */
void format_duration(struct text *out, int64_t microseconds); /* 0.4 ms, 850 ms, 12.3 s, then as clock_add_span() */
void format_time(struct text *out, int64_t milliseconds); /* 2026-11-23 03:10, in the process's zone (clock_set_zone) */

/* "1 query", "12 queries": the number, and the word that goes with it. */
void format_count(struct text *out, int64_t count, const char *one, const char *many);

/* At most so many terminal columns of a string of unknown origin, made printable, "…" included. */
void format_shortened(struct text *out, const char *string, size_t columns);

/* A bar for the terminal, of `share` (0 to 1; what is outside is cut) of `columns` columns, in steps of an eighth of one. What is more than
 * nothing can be seen. */
void format_bar(struct text *out, double share, int columns);

#endif
