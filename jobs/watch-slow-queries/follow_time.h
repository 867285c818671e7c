/* When a query ended, from a time that may be wrong. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_FOLLOW_TIME_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_FOLLOW_TIME_H

#include <stdbool.h>
#include <stdint.h>

#include "ledger.h"

/* How far a time may be from what the rows before it allow: the nearest time zones are 15 minutes apart. */
enum { FOLLOW_SLACK = 15 * 60 * 1000 - 1 };

/* `claimed` (0: unknown) if it lies between the newest time that was read and the server's `now`. Rows stand in the order in
 * which they ended, so anything else was written in the zone of another session, or under another clock: *shifted then, and the result is
 * the earliest time that is possible. All in milliseconds since 1970. */
int64_t follow_time(int64_t claimed, int64_t now, const struct position *position, bool *shifted);

#endif
