/* Numbers as bytes in our files: little-endian, and variable-length ones of 7 bits per byte. A reader that runs out of bytes says so and
 * stays where it is. */
#ifndef PUSH_LANCERS_PACKING_H
#define PUSH_LANCERS_PACKING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void pack_number(unsigned char *at, uint64_t number, size_t bytes) {
    for (size_t i = 0; i < bytes; i++, number >>= 8)
        at[i] = (unsigned char)(number & 0xFF);
}

static inline uint64_t unpack_number(const unsigned char *at, size_t bytes) {
    uint64_t number = 0;
    for (size_t i = bytes; i > 0; i--)
        number = number << 8 | at[i - 1];
    return number;
}

enum { VARIABLE_LIMIT = 10 };

/* Returns how many bytes it took, at most VARIABLE_LIMIT. */
static inline size_t pack_variable(unsigned char *at, uint64_t number) {
    size_t used = 0;
    for (; number >= 0x80; number >>= 7)
        at[used++] = (unsigned char)(number | 0x80);
    at[used++] = (unsigned char)number;
    return used;
}

struct unpacking {
    const unsigned char *at;
    size_t left;
};

static inline const unsigned char *unpack_bytes(struct unpacking *from, size_t length) {
    if (length > from->left)
        return NULL;
    const unsigned char *bytes = from->at;
    from->at += length;
    from->left -= length;
    return bytes;
}

static inline bool unpack_variable(struct unpacking *from, uint64_t *number) {
    uint64_t sum = 0;
    for (size_t i = 0; i < VARIABLE_LIMIT && i < from->left; i++) {
        unsigned char byte = from->at[i];
        if (i == VARIABLE_LIMIT - 1 && byte > 1)
            return false;
        sum |= (uint64_t)(byte & 0x7F) << (7 * i);
        if ((byte & 0x80) == 0) {
            *number = sum;
            return unpack_bytes(from, i + 1) != NULL;
        }
    }
    return false;
}

#endif
