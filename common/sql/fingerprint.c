/* The fingerprint of a query. percona-toolkit makes it by some twenty regular expressions, each over the whole query;
 * the rules below were learned from what they do, and here most of them are one pass (fingerprint_scan.c). What comes
 * before that pass, comments and double-quoted literals, is done only where a byte of the query calls for it, and what
 * comes after it only where a word does.
 *
 * The rules, in order; each sees the result of those before it:
 *
 *   1. a mysqldump SELECT is "mysqldump"; a query with pt-table-checksum's comment, db.table:1/2, is "percona-toolkit"
 *   2. "administrator command: ..." stays as it is; "call name(...)" becomes what stands before its last parenthesis
 *   3. INSERT or REPLACE ... VALUES with several rows is cut after the first one
 *   4. block comments go, unless they are version comments; then line comments, unless a quote stands in them;
 *      "use db" is "use ?"
 *   5. escaped quotes go, "..." is ?, then '...' is ?, then true and false are ?
 *   6. numbers, in a very broad sense, are ?; a letter x or b and a dot before a ? go
 *   7. white space is one space, none in front; letters are small; null is ?
 *   8. in(...) and values(...) that hold only values are in(?+), values(?+); repeated UNION, LIMIT, ASC
 *
 * Oddities that people meet, all of them percona-toolkit's, and kept:
 *   - the second row of rule 3 may stand in a literal, 'a), (b'; ON DUPLICATE KEY UPDATE behind several rows is lost
 *   - an empty block comment does not end at its own star; "--" needs no space behind it, so "5--3" begins a comment
 *   - double quotes pair up before single ones do: '19"' and '21"' make one literal of all that stands between them
 *   - a backslash before a closing quote, as in 'C:\\', hides that quote; 'it''s' is two literals, ??
 *   - digits within names count: users_2024 is users_?, utf8mb4 is utf?m?; so do + and -; 0x1F is ?f, as only small
 *     letters are digits
 *   - a literal without its end stays in the fingerprint, so text of a cut query may show
 *   - a list of rows, in ((1,2),(3,4)), is not collapsed
 *   - all " asc" after ORDER BY go, that of ", ascii" too
 *
 * Where we differ, on purpose: percona-toolkit dies of a list or a UNION of more than 65,534 parts, Perl's limit of
 * repetitions; we collapse it. And a query of thousands of different UNIONs is compared only so far
 * (fingerprint_collapse.c). */
#include <string.h>

/* MD5() needs no context, no allocation and no look-up of a provider, which together take twice as long as hashing a
 * fingerprint; and, as an id is a name and guards nothing, it should also work where a policy forbids MD5. OpenSSL 3
 * would rather have us use EVP. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/md5.h>

#include "fingerprint_private.h"
#include "nightshift/sql/fingerprint.h"

enum { SMALLEST_SIZE = 16 };

static size_t finish(char *out, size_t length) {
    out[length] = '\0';
    return length;
}

static size_t finish_with(char *out, const char *text, size_t length) {
    memcpy(out, text, length);
    return finish(out, length);
}

static bool is_mysqldump(const char *query, size_t length) {
    static const char start[] = "SELECT /*!40001 SQL_NO_CACHE */ * FROM `";
    return length >= sizeof start - 1 && memcmp(query, start, sizeof start - 1) == 0;
}

static const char *skip_word(const char *at, const char *end) {
    while (at < end && fingerprint_is_word(*at))
        at++;
    return at;
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* The comment of pt-table-checksum and its like: word.word:digit/digit */
static bool is_toolkit_comment(const char *inside, const char *end) {
    const char *dot = skip_word(inside, end);
    if (dot == inside || dot == end || *dot != '.')
        return false;
    const char *colon = skip_word(dot + 1, end);
    return colon > dot + 1 && end - colon >= 6 && colon[0] == ':' && is_digit(colon[1]) && colon[2] == '/' &&
           is_digit(colon[3]) && colon[4] == '*' && colon[5] == '/';
}

static bool is_toolkit(const char *comment, const char *end) {
    while (comment != NULL) {
        if (is_toolkit_comment(comment + 2, end))
            return true;
        comment = fingerprint_find_pair(comment + 2, end, '/', '*');
    }
    return false;
}

/* The part of a "call name(...)" that is its fingerprint, from *from to the result; NULL for other queries. */
static const char *find_call(const char *query, const char *end, const char **from) {
    while (query < end && fingerprint_is_space(*query))
        query++;
    if (!fingerprint_starts(query, end, "call", 4))
        return NULL;
    const char *name = query + 4;
    while (name < end && fingerprint_is_space(*name))
        name++;
    if (name == query + 4)
        return NULL;
    const char *last = name;
    while (last < end && !fingerprint_is_space(*last))
        last++;
    const char *open = last > name ? memrchr(name, '(', (size_t)(last - name)) : NULL;
    *from = query;
    return open != NULL && open > name ? open : NULL;
}

/* The parenthesis that opens the first row of "insert into ... values (", or NULL. */
static const char *find_first_row(const char *at, const char *end) {
    if (fingerprint_starts(at, end, "insert", 6))
        at += 6;
    else if (fingerprint_starts(at, end, "replace", 7))
        at += 7;
    else
        return NULL;
    if (fingerprint_starts(at, end, " ignore", 7))
        at += 7;
    const char *into = at;
    while (into < end && fingerprint_is_space(*into))
        into++;
    if (into == at || !fingerprint_starts(into, end, "into", 4) || end - into < 6)
        return NULL;
    for (at = into + 5; end - at > 6; at++) {
        if ((*at | 0x20) != 'v' || !fingerprint_starts(at, end, "values", 6))
            continue;
        const char *row = at + 6;
        while (row < end && fingerprint_is_space(*row))
            row++;
        if (row < end && *row == '(')
            return row;
    }
    return NULL;
}

/* The length of an INSERT up to and with its first row, if it has more; else all of it. */
static size_t cut_after_first_row(const char *query, size_t length) {
    const char *end = query + length;
    const char *row = find_first_row(query, end);
    if (row == NULL)
        return length;
    while ((row = memchr(row, ')', (size_t)(end - row))) != NULL) {
        const char *after = ++row;
        while (after < end && fingerprint_is_space(*after))
            after++;
        if (after == end || *after++ != ',')
            continue;
        while (after < end && fingerprint_is_space(*after))
            after++;
        if (after < end && *after == '(')
            return (size_t)(row - query);
    }
    return length;
}

/* The length of the white space that may end "use db", or -1 for other queries. */
static ptrdiff_t match_use(const char *text, size_t length) {
    const char *end = text + length, *at = text + 4;
    if (!fingerprint_starts(text, end, "use ", 4))
        return -1;
    while (at < end && !fingerprint_is_space(*at))
        at++;
    if (at == text + 4 || end - at > 1 || (at < end && *at != '\n'))
        return -1;
    return end - at;
}

static size_t scan_and_collapse(const char *text, size_t length, char *high, char *out, size_t size) {
    struct fingerprint_scan scan = fingerprint_scan(text, length, high);
    length = scan.length;
    if (scan.seen & SEEN_LIST)
        length = fingerprint_collapse_lists(high, length, out);
    else
        memmove(out, high, length);
    if (scan.seen & SEEN_UNION)
        length = fingerprint_collapse_unions(out, length, size);
    if (scan.seen & SEEN_LIMIT)
        length = fingerprint_collapse_limit(out, length);
    if (scan.seen & SEEN_ORDER)
        length = fingerprint_collapse_order(out, length);
    return finish(out, length);
}

size_t fingerprint_make(const char *query, size_t length, char *out, size_t size) {
    if (size < SMALLEST_SIZE) {
        if (size > 0)
            out[0] = '\0';
        return 0;
    }
    const char *end = query + length, *from = NULL;
    const char *comment = length > 0 ? fingerprint_find_pair(query, end, '/', '*') : NULL;
    const size_t fitting = (size - SMALLEST_SIZE) / 2;
    if (comment != NULL && is_mysqldump(query, length))
        return finish_with(out, "mysqldump", strlen("mysqldump"));
    if (comment != NULL && is_toolkit(comment, end))
        return finish_with(out, "percona-toolkit", strlen("percona-toolkit"));
    static const char administrator[] = "administrator command: ";
    if (length >= sizeof administrator - 1 && memcmp(query, administrator, sizeof administrator - 1) == 0)
        return finish_with(out, query, length < fitting ? length : fitting);
    const char *call_end = find_call(query, end, &from);
    if (call_end != NULL) {
        size_t call = (size_t)(call_end - from) < fitting ? (size_t)(call_end - from) : fitting;
        for (size_t i = 0; i < call; i++)
            out[i] = fingerprint_lower(from[i]);
        return finish(out, call);
    }
    length = cut_after_first_row(query, length);
    if (length > fitting)
        length = fitting;

    /* The steps work in the upper half of `out`; the last one that may lengthen the text brings it down. */
    char *high = out + (size - length);
    const char *text = query;
    if (comment != NULL && length > 0) {
        length = fingerprint_strip_block_comments(text, length, high);
        text = high;
    }
    if (length > 0 &&
        (memchr(text, '#', length) != NULL || fingerprint_find_pair(text, text + length, '-', '-') != NULL)) {
        length = fingerprint_strip_line_comments(text, length, high);
        text = high;
    }
    ptrdiff_t rest = match_use(text, length);
    if (rest >= 0)
        return finish_with(out, "use ?\n", 5 + (size_t)rest);
    if (length > 0 && memchr(text, '\\', length) != NULL) {
        length = fingerprint_strip_escapes(text, length, high);
        text = high;
    }
    if (length > 0 && memchr(text, '"', length) != NULL) {
        length = fingerprint_strip_double_quoted(text, length, high);
        text = high;
    }
    return scan_and_collapse(text, length, high, out, size);
}

void fingerprint_id(const char *fingerprint, size_t length, char out[FINGERPRINT_ID_SIZE]) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned char digest[MD5_DIGEST_LENGTH];
    MD5((const unsigned char *)fingerprint, length, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out[2 * i] = digits[digest[i] >> 4];
        out[2 * i + 1] = digits[digest[i] & 15];
    }
    out[FINGERPRINT_ID_SIZE - 1] = '\0';
}
