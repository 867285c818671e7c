/* Bytes, flags and expiry of a value, such that PHP's get() returns the intended type. Pure code.
 *
 *   format      one count                 a map of counts                            flags: ext-memcached, ext-memcache
 *   int         42                        a:1:{i:7;i:42;}                            1 (map 4), 768 (map 1)
 *   string      42                        a:1:{i:7;s:2:"42";}                        0 (map 4), 0 (map 1)
 *   serialized  i:42;                     a:1:{i:7;i:42;}                            4, 1
 *   json        42                        {"7":42}                                   0, 0
 *
 * JSON carries flags 0, so that every client hands it out as a string for json_decode(): flags 6, ext-memcached's own
 * JSON, would be decoded by that extension (if it was built with it) and returned as raw text by all others. */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_VALUE_H
#define NIGHTSHIFT_STORES_MEMCACHED_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/stores/memcached.h"

enum value_format { VALUE_INT, VALUE_STRING, VALUE_SERIALIZED, VALUE_JSON };
#define VALUE_FORMAT_CHOICES "int|string|serialized|json" /* for a SETTING_CHOICE, in the order of the enum */

/* Appends the bytes and sets the flags. */
void memcached_value_count(enum value_format format, const struct memcached_settings *settings, int64_t count,
                           struct text *bytes, uint32_t *flags);

struct memcached_entry {
    const char *id;
    int64_t count;
};

/* The whole map as one value. Ids must differ; one that PHP would make an integer key ("12", not "012") is written as
 * such. NULL, or the reason why it cannot be written: an id that is not UTF-8, with VALUE_JSON. */
const char *memcached_value_map(enum value_format format, const struct memcached_settings *settings,
                                const struct memcached_entry *entries, size_t count, struct text *bytes,
                                uint32_t *flags);

/* The expiry to send for a time to live in milliseconds (0: never). memcached takes numbers over 30 days for points in
 * time since 1970, so longer ones are added to `now` (milliseconds since 1970). NULL, or the reason: negative, under 2
 * s (memcached's clock ticks once a second; 1 may be over at once), or past the year 2038, which memcached's 32 bits
 * cannot express. */
const char *memcached_value_expiry(int64_t ttl, int64_t now, uint32_t *expiry);

#endif
