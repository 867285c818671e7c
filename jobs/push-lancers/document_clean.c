/* Strings to what CloudSearch takes: UTF-8, only characters of XML 1.0, escaped for JSON. Most bytes need nothing, so find long stretches of
 * them, sixteen bytes at a time, and copy each stretch at once. */
#include <endian.h>
#include <stdint.h>
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

/* --- sixteen bytes at once --- */

/* Vectors of GCC and Clang, which have them on every processor. Signed, as SSE2 compares only such: 0x80 to 0xFF are -128 to -1, so that
 * continuations (0x80 to 0xBF) are all below -64. A comparison gives -1 or 0 in each lane. */
typedef signed char lanes __attribute__((vector_size(16)));

enum { LANES = sizeof(lanes), AHEAD = 2 /* bytes behind a block that are looked at */ };

static lanes load(const char *bytes) {
    lanes loaded;
    memcpy(&loaded, bytes, sizeof loaded);
    return loaded;
}

/* LANES: none. */
static size_t first_set(lanes set) {
    uint64_t halves[2];
    memcpy(halves, &set, sizeof halves);
    if (halves[0] != 0)
        return (size_t)__builtin_ctzll(le64toh(halves[0])) / 8;
    return halves[1] != 0 ? 8 + (size_t)__builtin_ctzll(le64toh(halves[1])) / 8 : LANES;
}

/* How many bytes of a block are plain, up to one that is not, or that is followed by a continuation where none belongs or by none where one
 * does. Looks at each byte with the two behind it, so it says nothing of whether the first two are continuations rightly. */
static size_t plain_bytes(const char *block) {
    const lanes a = load(block);
    const lanes b = load(block + 1);
    const lanes c = load(block + 2);
    /* C0 and C1; F0 to FF and 00 to 1F, which are neighbours here. */
    lanes wrong = ((a > -65) & (a < -62)) | ((a > -17) & (a < 0x20)) | (a == '"') | (a == '\\');
    /* A byte is a continuation if one of two or three is before it, or one of three before that. */
    wrong |= (c < -64) ^ (((b > -65) & (b < 0)) | ((a > -33) & (a < 0)));
    /* E0 80 to E0 9F are too long, ED A0 to ED BF surrogates, EF BF BE and EF BF BF no characters. */
    wrong |= ((a == -0x20) & (b < -0x60)) | ((a == -0x13) & (b > -0x61));
    wrong |= (a == -0x11) & (b == -0x41) & (c > -0x43);
    return first_set(wrong);
}

/* How many bytes from the start of a character are whole characters that need no attention, as far as blocks can tell. */
static size_t plain_blocks(const char *bytes, size_t length) {
    if (length < LANES + AHEAD || continues(bytes[0]) || continues(bytes[1]) != ((unsigned char)bytes[0] >= 0xC2))
        return 0;
    const size_t last = length - LANES - AHEAD;
    size_t block = 0;
    size_t plain = plain_bytes(bytes);
    while (plain == LANES && block < last) {
        /* The last block has what is left, and some bytes again. */
        block = block + LANES < last ? block + LANES : last;
        plain = plain_bytes(bytes + block);
    }
    size_t at = block + plain;
    while (at > 0 && continues(bytes[at]))
        at--;
    return at;
}

/* --- one character at a time --- */

/* How many bytes from the start need no attention. */
static size_t plain_stretch(const char *bytes, size_t length) {
    size_t at = plain_blocks(bytes, length);
    while (at < length) {
        enum byte_class class = (enum byte_class)classes[(unsigned char)bytes[at]];
        if (class == PLAIN)
            at++;
        else if (class == LEADS_THREE && length - at >= 3 && continues(bytes[at + 1]) && continues(bytes[at + 2]))
            at += 3;
        else if (class == LEADS_TWO && length - at >= 2 && continues(bytes[at + 1]))
            at += 2;
        else
            break;
    }
    return at;
}

static bool add_escaped(struct text *out, unsigned code) {
    switch (code) {
    case '"':
        document_append(out, "\\\"", 2);
        return true;
    case '\\':
        document_append(out, "\\\\", 2);
        return true;
    case '\t':
        document_append(out, "\\t", 2);
        return true;
    case '\n':
        document_append(out, "\\n", 2);
        return true;
    case '\r':
        document_append(out, "\\r", 2);
        return true;
    default:
        return false;
    }
}

/* One character that the stretch stopped at. Returns how many bytes it takes. */
static size_t add_odd(struct text *out, struct value rest, enum document_wide wide, struct document_counts *counts) {
    unsigned code = 0;
    size_t used = utf8_decode(rest.bytes, rest.length, &code);
    if (used == 0) {
        counts->removed++;
        return 1;
    }
    if (add_escaped(out, code))
        return used;
    if (code < 0x20 || code == 0xFFFE || code == 0xFFFF) {
        counts->removed++;
        return used;
    }
    bool changed = code > 0xFFFF && wide != DOCUMENT_KEEP_WIDE;
    counts->wide += changed;
    if (!changed)
        document_append(out, rest.bytes, used);
    else if (wide == DOCUMENT_REPLACE_WIDE)
        document_append(out, "\xEF\xBF\xBD", 3);
    return used;
}

void document_clean(struct text *out, struct value value, enum document_wide wide, struct document_counts *counts) {
    for (size_t at = 0; at < value.length;) {
        size_t stretch = plain_stretch(value.bytes + at, value.length - at);
        document_append(out, value.bytes + at, stretch);
        at += stretch;
        if (at < value.length)
            at += add_odd(out, (struct value){value.bytes + at, value.length - at}, wide, counts);
    }
}

size_t document_characters(const char *json, size_t length) {
    size_t count = 0;
    for (size_t at = 0; at < length; at++) {
        at += json[at] == '\\';
        count += !continues(json[at]);
    }
    return count;
}
