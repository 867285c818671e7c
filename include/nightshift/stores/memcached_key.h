/* From the key as the application's source names it ("Category.Count/12") to the one memcached gets
 * ("app_category_count_12"). Pure code.
 *
 * A CakePHP cache configuration with `groups` puts a counter into its keys that changes at run time: such a
 * configuration cannot be published to from outside. */
#ifndef NIGHTSHIFT_STORES_MEMCACHED_KEY_H
#define NIGHTSHIFT_STORES_MEMCACHED_KEY_H

#include <stddef.h>

#include "nightshift/stores/memcached.h"

enum { MEMCACHED_KEY_LENGTH = 250 }; /* memcached's doc/protocol.txt, "Keys" */

struct memcached_key {
    char string[MEMCACHED_KEY_LENGTH + 1]; /* prefix and key, as memcached gets it */
    size_t length;
    size_t hashed_from; /* the placement looks at the key from here on: behind a prefix that PHP does not hash */
};

/* Applies key_rule and key_prefix, and what the extension itself does to a key. NULL, or the reason why memcached
 * cannot have such a key: too long with its prefix, empty, or with a control character or white space in it.
 * (ext-memcache would cut the first and change the others without a word, and the page would read another key than the
 * one meant. A plain space is the exception: it becomes "_" as there.) Bytes beyond ASCII are taken, though ext-memcached 3.0 to 3.2
 * refuses to read such a key. */
const char *memcached_key_make(const struct memcached_settings *settings, const char *name, struct memcached_key *out);

#endif
