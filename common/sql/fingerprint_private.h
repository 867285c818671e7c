/* The steps of a fingerprint, in the order in which fingerprint.c takes them. Each reads a buffer and writes another
 * one, or the same. */
#ifndef FINGERPRINT_PRIVATE_H
#define FINGERPRINT_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Words that later steps look for. A step whose word was not seen is left out. */
enum {
    SEEN_LIST = 1,  /* in, value, values */
    SEEN_UNION = 2, /* union */
    SEEN_LIMIT = 4, /* limit */
    SEEN_ORDER = 8, /* order */
};

struct fingerprint_scan {
    size_t length;
    unsigned seen;
};

/* What Perl calls \s and \w, on bytes. */
static inline bool fingerprint_is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static inline bool fingerprint_is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static inline char fingerprint_lower(char c) {
    if (c >= 'A' && c <= 'Z')
        return (char)(c + ('a' - 'A'));
    return c;
}

/* The first place of two bytes, or NULL. (memmem() goes byte by byte for so short a needle; the first byte is rare.) */
static inline const char *fingerprint_find_pair(const char *at, const char *end, char first, char second) {
    while (end - at >= 2 && (at = memchr(at, first, (size_t)(end - at) - 1)) != NULL) {
        if (at[1] == second)
            return at;
        at++;
    }
    return NULL;
}

/* Compares with a lower-case word, ignoring the case of the text; false when the text is shorter. */
static inline bool fingerprint_starts(const char *at, const char *end, const char *lower, size_t length) {
    if ((size_t)(end - at) < length)
        return false;
    for (size_t i = 0; i < length; i++)
        if (fingerprint_lower(at[i]) != lower[i])
            return false;
    return true;
}

/* fingerprint_strip.c: comments, escaped quotes and double-quoted literals. `to` may be `from`; the result is never
 * longer. */
size_t fingerprint_strip_block_comments(const char *from, size_t length, char *to);
size_t fingerprint_strip_line_comments(const char *from, size_t length, char *to);
size_t fingerprint_strip_escapes(const char *from, size_t length, char *to);
size_t fingerprint_strip_double_quoted(const char *from, size_t length, char *to);

/* fingerprint_scan.c: values become "?", white space one space, letters small. `to` may be `from`; the result is never
 * longer. */
struct fingerprint_scan fingerprint_scan(const char *from, size_t length, char *to);

/* fingerprint_collapse.c: repetitions. The first takes `from` to another buffer, the others work in place. */
size_t fingerprint_collapse_lists(const char *from, size_t length, char *to); /* at most 1.5 times as long */
size_t fingerprint_collapse_unions(char *text, size_t length, size_t size);   /* at most 8/7 times as long */
size_t fingerprint_collapse_limit(char *text, size_t length);
size_t fingerprint_collapse_order(char *text, size_t length);

#endif
