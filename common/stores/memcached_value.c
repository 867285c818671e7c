/* The flags are the two extensions' own: php_memcached_private.h (MEMC_VAL_*) and memcache_pool.h (MMC_*). */
#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "nightshift/base/utf8.h"
#include "nightshift/stores/memcached_value.h"

enum {
    EXT_MEMCACHED_INT = 1,
    EXT_MEMCACHED_SERIALIZED = 4,
    EXT_MEMCACHE_INT = 0x300,
    EXT_MEMCACHE_SERIALIZED = 1,
    PLAIN_STRING = 0, /* both */
};

static uint32_t serialized_flags(const struct memcached_settings *settings) {
    return memcached_is_ext_memcache(settings) ? EXT_MEMCACHE_SERIALIZED : EXT_MEMCACHED_SERIALIZED;
}

void memcached_value_count(enum value_format format, const struct memcached_settings *settings, int64_t count,
                           struct text *bytes, uint32_t *flags) {
    if (format == VALUE_SERIALIZED) {
        text_printf(bytes, "i:%" PRId64 ";", count);
        *flags = serialized_flags(settings);
        return;
    }
    text_printf(bytes, "%" PRId64, count);
    *flags = PLAIN_STRING;
    if (format == VALUE_INT)
        *flags = memcached_is_ext_memcache(settings) ? EXT_MEMCACHE_INT : EXT_MEMCACHED_INT;
}

/* Whether PHP turns a string array key into an integer: no sign but "-", no leading zero, no "-0", and within 64 bits
 * (ZEND_HANDLE_NUMERIC_STR). */
static bool is_integer_key(const char *id) {
    bool negative = id[0] == '-';
    const char *digits = negative ? id + 1 : id;
    size_t length = strlen(digits);
    if (length == 0 || length > 19 || strspn(digits, "0123456789") != length)
        return false;
    if (digits[0] == '0')
        return length == 1 && !negative;
    return length < 19 || strcmp(digits, negative ? "9223372036854775808" : "9223372036854775807") <= 0;
}

static void add_serialized(struct text *bytes, const struct memcached_entry *entry, bool string_values) {
    if (is_integer_key(entry->id))
        text_printf(bytes, "i:%s;", entry->id);
    else
        text_printf(bytes, "s:%zu:\"%s\";", strlen(entry->id), entry->id);
    if (!string_values) {
        text_printf(bytes, "i:%" PRId64 ";", entry->count);
        return;
    }
    struct text number = {0};
    text_printf(&number, "%" PRId64, entry->count);
    text_printf(bytes, "s:%zu:\"%s\";", number.length, text_string(&number));
    text_free(&number);
}

static void add_json_string(struct text *bytes, const char *string) {
    text_add(bytes, "\"");
    for (; *string != '\0'; string++) {
        if (*string == '"' || *string == '\\')
            text_printf(bytes, "\\%c", *string);
        else if ((unsigned char)*string < 0x20)
            text_printf(bytes, "\\u%04x", (unsigned)(unsigned char)*string);
        else
            text_append(bytes, string, 1);
    }
    text_add(bytes, "\"");
}

static const char *add_json(struct text *bytes, const struct memcached_entry *entries, size_t count) {
    text_add(bytes, "{");
    for (size_t i = 0; i < count; i++) {
        if (!utf8_valid(entries[i].id, strlen(entries[i].id)))
            return "an id is not UTF-8, which JSON must be";
        if (i > 0)
            text_add(bytes, ",");
        add_json_string(bytes, entries[i].id);
        text_printf(bytes, ":%" PRId64, entries[i].count);
    }
    text_add(bytes, "}");
    return NULL;
}

const char *memcached_value_map(enum value_format format, const struct memcached_settings *settings,
                                const struct memcached_entry *entries, size_t count, struct text *bytes,
                                uint32_t *flags) {
    if (format == VALUE_JSON) {
        *flags = PLAIN_STRING;
        return add_json(bytes, entries, count);
    }
    *flags = serialized_flags(settings);
    text_printf(bytes, "a:%zu:{", count);
    for (size_t i = 0; i < count; i++)
        add_serialized(bytes, &entries[i], format == VALUE_STRING);
    text_add(bytes, "}");
    return NULL;
}

const char *memcached_value_expiry(int64_t ttl, int64_t now, uint32_t *expiry) {
    static const int64_t relative_limit = 2592000; /* 30 days: REALTIME_MAXDELTA of memcached.c */
    if (ttl < 0)
        return "it is negative";
    if (ttl > 0 && ttl < 2000)
        return "it is shorter than 2 s, and memcached counts whole seconds";
    if (ttl / 1000 > INT32_MAX)
        return "it ends after 2038-01-19, which memcached cannot express";
    int64_t seconds = ttl / 1000 + (ttl % 1000 != 0);
    if (seconds > relative_limit)
        seconds += now / 1000;
    if (seconds > INT32_MAX)
        return "it ends after 2038-01-19, which memcached cannot express";
    *expiry = (uint32_t)seconds;
    return NULL;
}
