/* Local times of one named zone to UTC, by a table that is made once from the system's zone data. */
#ifndef PUSH_LANCERS_ZONE_H
#define PUSH_LANCERS_ZONE_H

#include <stdint.h>

struct zone;

/* Makes the table of an IANA zone. NULL when the system does not know it. Changes TZ for a moment and puts it back: call before threads that
 * use local times start. */
struct zone *zone_load(const char *name);
void zone_free(struct zone *zone); /* NULL is allowed */

/* `local`: seconds since 1970-01-01 00:00 as a clock on the wall counts them. Of an hour that happens twice the first is meant; a time that
 * was left out counts on from before the gap. */
int64_t zone_to_utc(const struct zone *zone, int64_t local);

#endif
