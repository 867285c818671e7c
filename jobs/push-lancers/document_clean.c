/* Strings to what CloudSearch takes: UTF-8, only characters of XML 1.0, escaped for JSON. Most bytes need nothing, so find long stretches of
 * them and copy each at once. */
#include <endian.h>
#include <string.h>

#include "document_private.h"
#include "nightshift/base/utf8.h"

enum byte_class { ODD, PLAIN, LEADS_TWO, LEADS_THREE };

/* What each byte is as the first of a character. Leads of three: those behind which every continuation is a good character; E0, ED and EF
 * have exceptions. */
static const unsigned char classes[256] = {
    [0x20 ... 0x21] = PLAIN,     [0x23 ... 0x5B] = PLAIN,       [0x5D ... 0x7F] = PLAIN, /* without " and \ */
    [0xC2 ... 0xDF] = LEADS_TWO, [0xE1 ... 0xEC] = LEADS_THREE, [0xEE] = LEADS_THREE,
};

static bool continues(char byte) {
    return ((unsigned char)byte & 0xC0) == 0x80;
}

/* How many bytes from the start need no attention; adds their number of characters to *points. */
static size_t plain_stretch(const char *bytes, size_t length, size_t *points) {
    size_t at = 0;
    size_t more = 0; /* bytes that are not the first of their character */
    while (at < length) {
        /* Japanese comes in long runs of three bytes: look at them with one load each. */
        for (uint32_t four = 0; length - at >= sizeof four; at += 3, more += 2) {
            memcpy(&four, bytes + at, sizeof four);
            four = le32toh(four);
            if ((four & 0xC0C000U) != 0x808000U || classes[four & 0xFF] != LEADS_THREE)
                break;
        }
        enum byte_class class = (enum byte_class)classes[(unsigned char)bytes[at]];
        if (class == PLAIN) {
            at++;
        } else if (class == LEADS_THREE && length - at >= 3 && continues(bytes[at + 1]) && continues(bytes[at + 2])) {
            at += 3;
            more += 2;
        } else if (class == LEADS_TWO && length - at >= 2 && continues(bytes[at + 1])) {
            at += 2;
            more++;
        } else {
            break;
        }
    }
    *points += at - more;
    return at;
}

static bool add_escaped(struct text *out, unsigned code) {
    switch (code) {
    case '"':
        text_append(out, "\\\"", 2);
        return true;
    case '\\':
        text_append(out, "\\\\", 2);
        return true;
    case '\t':
        text_append(out, "\\t", 2);
        return true;
    case '\n':
        text_append(out, "\\n", 2);
        return true;
    case '\r':
        text_append(out, "\\r", 2);
        return true;
    default:
        return false;
    }
}

/* One character that the stretch stopped at. Returns how many bytes it takes. */
static size_t add_odd(struct text *out, struct value rest, enum document_wide wide, struct document_counts *counts,
                      size_t *points) {
    unsigned code = 0;
    size_t used = utf8_decode(rest.bytes, rest.length, &code);
    if (used == 0) {
        counts->removed++;
        return 1;
    }
    if (add_escaped(out, code)) {
        (*points)++;
        return used;
    }
    if (code < 0x20 || code == 0xFFFE || code == 0xFFFF) {
        counts->removed++;
        return used;
    }
    bool changed = code > 0xFFFF && wide != DOCUMENT_KEEP_WIDE;
    counts->wide += changed;
    if (!changed)
        text_append(out, rest.bytes, used);
    else if (wide == DOCUMENT_REPLACE_WIDE)
        text_append(out, "\xEF\xBF\xBD", 3);
    *points += !changed || wide == DOCUMENT_REPLACE_WIDE;
    return used;
}

size_t document_clean(struct text *out, struct value value, enum document_wide wide, struct document_counts *counts) {
    size_t points = 0;
    for (size_t at = 0; at < value.length;) {
        size_t stretch = plain_stretch(value.bytes + at, value.length - at, &points);
        text_append(out, value.bytes + at, stretch);
        at += stretch;
        if (at < value.length)
            at += add_odd(out, (struct value){value.bytes + at, value.length - at}, wide, counts, &points);
    }
    return points;
}
