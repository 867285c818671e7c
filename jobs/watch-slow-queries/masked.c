/* Hiding literals. To look for quotes in the finished fingerprint is not enough: percona-toolkit's rules can take what
 * stands between two literals for the literal, so that the literal is left, and no quote with it (a = 'C:\\' AND b =
 * 'secret' becomes a = ?secret'). So a second fingerprint is made, from a copy of the query in which every literal is
 * empty, found by the rules of MySQL's own lexer. What was never copied cannot show, whatever is done to the rest. For
 * nearly all queries the two are equal. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "masked.h"
#include "nightshift/sql/fingerprint.h"

static const char ellipsis[] = "…";

static bool is_quote(char c) {
    return c == '\'' || c == '"';
}

static bool has_quote(const char *bytes, size_t length) {
    return memchr(bytes, '\'', length) != NULL || memchr(bytes, '"', length) != NULL;
}

/* Behind a literal, these can only mean that it was none. */
static bool is_word(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '$' ||
           c == '\\' || (unsigned char)c >= 0x80;
}

/* Behind the literal that begins at `at`; NULL if it has no end. A doubled quote is the end of one and the beginning of
 * another, as it is for a fingerprint. */
static const char *skip_literal(const char *at, const char *end) {
    const char quote = *at;
    for (at++; at < end; at++) {
        if (*at == '\\')
            at++;
        else if (*at == quote)
            return at + 1;
    }
    return NULL;
}

static const char *skip_name(const char *at, const char *end) {
    const char *close = memchr(at + 1, '`', (size_t)(end - at) - 1);
    return close != NULL && !has_quote(at, (size_t)(close - at)) ? close + 1 : NULL;
}

/* Behind the comment that begins at `at`; `at` itself if none does. What stands in a version comment is no comment. */
static const char *skip_comment(const char *at, const char *end) {
    const char *close = NULL;
    const size_t left = (size_t)(end - at);
    if (left >= 2 && at[0] == '/' && at[1] == '*' && (left < 3 || at[2] != '!')) {
        close = memmem(at + 2, left - 2, "*/", 2);
        return close != NULL ? close + 2 : end;
    }
    if (at[0] != '#' && (left < 2 || at[0] != '-' || at[1] != '-' || (left > 2 && (unsigned char)at[2] > ' ')))
        return at;
    close = memchr(at, '\n', left);
    return close != NULL ? close : end;
}

/* Copies a query with its literals emptied. Returns false if it stopped, at a place from which on literals cannot be told. */
static bool copy_emptied(struct text *out, const char *at, const char *end) {
    while (at < end) {
        const char *plain = at;
        while (at < end && strchr("'\"`/#-\\", *at) == NULL)
            at++;
        text_append(out, plain, (size_t)(at - plain));
        if (at == end)
            break;
        const char *next = at + 1;
        if (is_quote(*at)) {
            next = skip_literal(at, end);
            if (next == NULL || (next < end && is_word(*next)))
                return false;
            text_append(out, at, 1);
            text_append(out, at, 1);
        } else if (*at == '`') {
            next = skip_name(at, end);
            if (next == NULL)
                return false;
            text_append(out, at, (size_t)(next - at));
        } else if (*at == '\\' && next < end && is_quote(*next)) {
            return false;
        } else {
            const char *behind = skip_comment(at, end);
            next = behind > at ? behind : next;
            /* Without a quote, it goes on its way through the fingerprint, as in the query itself. */
            if (!has_quote(at, (size_t)(next - at)))
                text_append(out, at, (size_t)(next - at));
        }
        at = next;
    }
    return true;
}

size_t masked_cut(const char *bytes, size_t length, size_t limit) {
    if (length <= limit)
        return length;
    /* A character has at most three bytes that continue it; more of them are no UTF-8, and may be cut anywhere. */
    for (size_t back = 0; back < 4 && back < limit; back++)
        if (((unsigned char)bytes[limit - back] & 0xC0) != 0x80)
            return limit - back;
    return limit;
}

void masked_append(struct text *out, const char *bytes, size_t length, size_t limit) {
    struct text printable = {0};
    const size_t room = limit - (sizeof ellipsis - 1);
    const size_t taken = masked_cut(bytes, length, limit);
    text_append_printable(&printable, bytes, taken);
    const bool cut = taken < length || printable.length > limit;
    text_append(out, text_string(&printable),
                cut ? masked_cut(printable.data, printable.length, room) : printable.length);
    if (cut)
        text_add(out, ellipsis);
    text_free(&printable);
}

static void make_fingerprint(struct text *out, const char *query, size_t length) {
    out->capacity = FINGERPRINT_SIZE(length);
    out->data = xmalloc(out->capacity);
    out->length = fingerprint_make(query, length, out->data, out->capacity);
}

char *masked_fingerprint(const char *query, size_t length, size_t limit) {
    struct text emptied = {0};
    struct text fingerprint = {0};
    struct text shown = {0};
    bool whole = copy_emptied(&emptied, query, query + length);
    make_fingerprint(&fingerprint, text_string(&emptied), emptied.length);
    size_t clean = 0;
    while (clean < fingerprint.length && !is_quote(fingerprint.data[clean]))
        clean++;
    whole = whole && clean == fingerprint.length;
    const size_t room = whole ? limit : limit - (sizeof ellipsis - 1);
    masked_append(&shown, fingerprint.data, clean, room);
    const bool ends =
        shown.length >= sizeof ellipsis - 1 && strcmp(shown.data + shown.length - (sizeof ellipsis - 1), ellipsis) == 0;
    if (!whole && !ends)
        text_add(&shown, ellipsis);
    char *result = xstrndup(text_string(&shown), shown.length);
    text_free(&emptied);
    text_free(&fingerprint);
    text_free(&shown);
    return result;
}
