/* What is taken out of a query before it is scanned. These are steps of their own because each may bring bytes together
 * that the next one then takes for something else, as percona-toolkit does: "-", a comment and "-" become "--". Most
 * queries need none of them. */
#include <string.h>

#include "fingerprint_private.h"

static char *copy(char *to, const char *from, const char *end) {
    memmove(to, from, (size_t)(end - from));
    return to + (end - from);
}

/* A comment holds at least one byte, which is not "!"; hence the first byte cannot begin the end either. */
size_t fingerprint_strip_block_comments(const char *from, size_t length, char *to) {
    const char *end = from + length, *at = from, *search = from;
    char *out = to;
    while (end - search >= 5) {
        const char *open = fingerprint_find_pair(search, end, '/', '*');
        if (open == NULL || end - open < 5)
            break;
        search = open + 2;
        if (open[2] == '!')
            continue;
        const char *close = fingerprint_find_pair(open + 3, end, '*', '/');
        if (close == NULL)
            break; /* nor has a later comment an end */
        out = copy(out, at, open);
        at = search = close + 2;
    }
    out = copy(out, at, end);
    return (size_t)(out - to);
}

/* Up to the end of the line, or to a quote, which makes it no comment: it might be within a literal. */
size_t fingerprint_strip_line_comments(const char *from, size_t length, char *to) {
    const char *end = from + length, *at = from;
    char *out = to;
    while (at < end) {
        if (*at != '#' && (*at != '-' || end - at < 2 || at[1] != '-')) {
            *out++ = *at++;
            continue;
        }
        const char *stop = at + 1;
        while (stop < end && *stop != '\n' && *stop != '\r' && *stop != '\'' && *stop != '"')
            stop++;
        /* A comment that begins later in the same stretch would meet the same quote. */
        if (stop < end && (*stop == '\'' || *stop == '"'))
            out = copy(out, at, ++stop);
        at = stop;
    }
    return (size_t)(out - to);
}

size_t fingerprint_strip_escapes(const char *from, size_t length, char *to) {
    const char *end = from + length;
    char *out = to;
    while (from < end) {
        const char *backslash = memchr(from, '\\', (size_t)(end - from));
        if (backslash == NULL || end - backslash < 2) {
            out = copy(out, from, end);
            break;
        }
        bool escapes = backslash[1] == '\'' || backslash[1] == '"';
        out = copy(out, from, escapes ? backslash : backslash + 1);
        from = backslash + (escapes ? 2 : 1);
    }
    return (size_t)(out - to);
}

size_t fingerprint_strip_double_quoted(const char *from, size_t length, char *to) {
    const char *end = from + length;
    char *out = to;
    while (from < end) {
        const char *open = memchr(from, '"', (size_t)(end - from));
        const char *close = open != NULL ? memchr(open + 1, '"', (size_t)(end - open) - 1) : NULL;
        if (close == NULL) {
            out = copy(out, from, end);
            break;
        }
        out = copy(out, from, open);
        *out++ = '?';
        from = close + 1;
    }
    return (size_t)(out - to);
}
