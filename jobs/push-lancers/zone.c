/* The C library knows all rules, but only for one zone per process at a time, and slowly. So ask it once for the moments at which the zone's
 * offset changes, and look times up in that table. */
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/memory.h"
#include "zone.h"

/* From 1850, before the first zones, to 2450, when all rules of today have been in force for at least 400 years: after that everything
 * repeats every 400 years, which are a whole number of weeks. No zone changed its offset twice within three days. */
static const int64_t day = 86400;
static const int64_t table_begin = -43830 * day;
static const int64_t table_end = 175319 * day;
static const int64_t cycle = 146097 * day;
enum { STEP_DAYS = 3 };

struct change {
    int64_t until; /* local seconds: times before it have `offset` */
    int32_t offset;
};

struct zone {
    struct change *changes;
    size_t count;
    int32_t last; /* the offset after the last change */
};

static int32_t offset_at(int64_t utc) {
    struct tm fields;
    time_t moment = (time_t)utc;
    return localtime_r(&moment, &fields) != NULL ? (int32_t)fields.tm_gmtoff : 0;
}

/* The first second with the new offset, between one with the old offset and one with the new. */
static int64_t find_change(int64_t before, int64_t after, int32_t old) {
    while (after - before > 1) {
        int64_t middle = before + (after - before) / 2;
        if (offset_at(middle) == old)
            before = middle;
        else
            after = middle;
    }
    return after;
}

static void fill(struct zone *zone) {
    int32_t offset = offset_at(table_begin);
    for (int64_t at = table_begin; at < table_end; at += STEP_DAYS * day) {
        int64_t next = at + STEP_DAYS * day;
        int32_t new = offset_at(next);
        if (new == offset)
            continue;
        int64_t moment = find_change(at, next, offset);
        /* With the greater offset, the first of two equal times is before the change, and so is all of a gap. */
        zone->changes = xgrow(zone->changes, zone->count, sizeof *zone->changes);
        zone->changes[zone->count++] = (struct change){moment + (new > offset ? new : offset), offset};
        offset = new;
    }
    zone->last = offset;
}

struct zone *zone_load(const char *name) {
    const char *current = getenv("TZ");
    char *saved = current != NULL ? xstrdup(current) : NULL;
    struct zone *zone = NULL;
    if (clock_set_zone(name) == 0) {
        zone = xcalloc(1, sizeof *zone);
        fill(zone);
    }
    if (saved != NULL)
        setenv("TZ", saved, 1);
    else
        unsetenv("TZ");
    tzset();
    free(saved);
    return zone;
}

void zone_free(struct zone *zone) {
    if (zone == NULL)
        return;
    free(zone->changes);
    free(zone);
}

int64_t zone_to_utc(const struct zone *zone, int64_t local) {
    int64_t at = local;
    if (at >= table_end)
        at -= ((at - table_end) / cycle + 1) * cycle;
    size_t low = 0;
    size_t high = zone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (at < zone->changes[middle].until)
            high = middle;
        else
            low = middle + 1;
    }
    return local - (low < zone->count ? zone->changes[low].offset : zone->last);
}
