/* Time. Pure code takes times as arguments; only the outermost functions call clock_now() and clock_monotonic(). */
#ifndef NIGHTSHIFT_BASE_CLOCK_H
#define NIGHTSHIFT_BASE_CLOCK_H

#include <stdint.h>

#include "nightshift/base/text.h"

int64_t clock_now(void);       /* milliseconds since 1970-01-01T00:00:00Z */
int64_t clock_monotonic(void); /* milliseconds; for durations and deadlines; never goes back */
void clock_sleep(int64_t milliseconds);

/* Makes `zone` (an IANA name such as Asia/Tokyo) the zone of clock_add_local().
 * Returns 0, or -1 when the system does not know it. Call before threads start: it sets TZ. */
int clock_set_zone(const char *zone);

void clock_add_local(struct text *text, int64_t now); /* 2026-11-23T03:10:00.123+09:00 */
void clock_add_utc(struct text *text, int64_t now);   /* 2026-11-22T18:10:00.123Z */

/* The day that a time falls on in that zone, as days since 1970-01-01; and such a day as 2026-11-23. */
int64_t clock_day(int64_t now);
void clock_add_day(struct text *text, int64_t day);

/* Appends a duration for people: "850 ms", "12.3 s", "4 min 05 s", "3 h 20 min", "5 d 02 h". */
void clock_add_span(struct text *text, int64_t milliseconds);

#endif
