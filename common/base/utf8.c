/* Decoding and measuring UTF-8, by hand because the C library's functions depend on the locale, which jobs fix to C. */
#include <string.h>

#include "nightshift/base/utf8.h"

size_t utf8_decode(const char *bytes, size_t length, unsigned *code) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (length == 0)
        return 0;
    if (b[0] < 0x80) {
        *code = b[0];
        return 1;
    }
    size_t size = b[0] >= 0xF0 ? 4 : b[0] >= 0xE0 ? 3 : 2;
    if (b[0] < 0xC2 || b[0] > 0xF4 || size > length)
        return 0;
    unsigned value = b[0] & (0x7Fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((b[i] & 0xC0) != 0x80)
            return 0;
        value = value << 6 | (b[i] & 0x3Fu);
    }
    bool overlong = (size == 3 && value < 0x800) || (size == 4 && value < 0x10000);
    if (overlong || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF))
        return 0;
    *code = value;
    return size;
}

bool utf8_valid(const char *bytes, size_t length) {
    unsigned code = 0;
    for (size_t at = 0; at < length;) {
        size_t used = utf8_decode(bytes + at, length - at, &code);
        if (used == 0)
            return false;
        at += used;
    }
    return true;
}

/* The wide ranges that a marketplace's text really holds (Unicode EastAsianWidth W and F), not the whole table. */
static size_t columns_of(unsigned code) {
    static const unsigned wide[][2] = {{0x1100, 0x115F},   {0x2E80, 0x303E},   {0x3041, 0xA4CF},  {0xAC00, 0xD7A3},
                                       {0xF900, 0xFAFF},   {0xFE30, 0xFE6F},   {0xFF00, 0xFF60},  {0xFFE0, 0xFFE6},
                                       {0x1F300, 0x1F64F}, {0x1F900, 0x1F9FF}, {0x20000, 0x3FFFD}};
    if ((code >= 0x0300 && code <= 0x036F) || (code >= 0x3099 && code <= 0x309A) || code == 0x200B)
        return 0;
    for (size_t i = 0; i < sizeof wide / sizeof wide[0]; i++)
        if (code >= wide[i][0] && code <= wide[i][1])
            return 2;
    return 1;
}

size_t utf8_columns(const char *string) {
    size_t columns = 0;
    size_t length = strlen(string);
    unsigned code = 0;
    for (size_t at = 0; at < length;) {
        size_t used = utf8_decode(string + at, length - at, &code);
        columns += used > 0 ? columns_of(code) : 1;
        at += used > 0 ? used : 1;
    }
    return columns;
}
