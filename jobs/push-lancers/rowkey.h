/* Keys of rows as strings of bytes whose order under memcmp() is the order of the query: integers by value, everything else by its bytes.
 * Manifest, journal and merge know only such keys. Pure code.
 *
 * An integer takes one byte that says sign and size, and then as many bytes as its magnitude needs, so that neighbours share a prefix. */
#ifndef PUSH_LANCERS_ROWKEY_H
#define PUSH_LANCERS_ROWKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/text.h"

/* 3072 is the longest index key of InnoDB; only keys of up to ROWKEY_STORED bytes can name a document, whose id is at most 128 long. */
enum { ROWKEY_LIMIT = 3072, ROWKEY_STORED = 128 };

enum rowkey_kind { ROWKEY_INTEGER, ROWKEY_BYTES };

struct rowkey {
    size_t length;
    unsigned char bytes[ROWKEY_LIMIT];
};

/* Makes the key of a value as MySQL sends it (NULL is SQL's NULL). -2^63 to 2^64-1 are integers. Returns NULL or the reason for a refusal. */
const char *rowkey_set(struct rowkey *key, enum rowkey_kind kind, const char *value, size_t length);

int rowkey_compare(const void *a, size_t a_length, const void *b, size_t b_length);

/* Appends the value again: decimal digits, or the bytes. False for bytes that rowkey_set() never makes. */
bool rowkey_add(struct text *text, enum rowkey_kind kind, const void *key, size_t length);

#endif
