/* The bytes of a manifest, shared by its reader and its writer. All numbers are little-endian.
 *
 *     header, 64   magic 20 | format 4 | generation 8 | fingerprint 16 | zero 8 | checksum 8
 *     block, 32+n  payload length 4 | entries 4 | number 8 | zero 8 | checksum 8 | payload
 *     trailer, 80  magic 20 | zero 4 | blocks 8 | entries by state 4 * 8 | checksum of checksums 8 | checksum 8
 *
 *     entry        flags 1 | lengths 1, or FF and two variable | rest of the key | hash 16, unless unsure | version, if it differs: variable
 *     flags        bits 0-1 state, bit 2: the version is that of the entry before (the generation, for the first one of a block)
 *     lengths      bits 4-7 bytes shared with the key before, bits 0-3 bytes that follow
 */
#ifndef PUSH_LANCERS_MANIFEST_FORMAT_H
#define PUSH_LANCERS_MANIFEST_FORMAT_H

#include "manifest.h"
#include "packing.h"

enum {
    FORMAT_VERSION = 1,
    HEADER_SIZE = 64,
    BLOCK_HEADER_SIZE = 32,
    TRAILER_SIZE = 80,
    PAYLOAD_LIMIT = 65536 - BLOCK_HEADER_SIZE,
    MAGIC_SIZE = 20,
    ENTRY_LIMIT = 2 + 2 * VARIABLE_LIMIT + ROWKEY_STORED + (int)sizeof(struct hash) + VARIABLE_LIMIT,
    ENTRY_MINIMUM = 2,
    FLAG_STATE = 3,
    FLAG_SAME_VERSION = 4,
    LENGTHS_APART = 0xFF,
};

#define MANIFEST_MAGIC "nightshift-manifest"
#define TRAILER_MAGIC "nightshift-complete"

/* Of a block: its header without the checksum, and its payload. */
uint64_t manifest_block_checksum(const unsigned char *block, size_t payload, uint64_t seed);

#endif
