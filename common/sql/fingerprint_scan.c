/* The pass that makes most of a fingerprint. For percona-toolkit these are nine steps in a row; they can be one because
 * each looks at its neighbourhood only:
 *
 *   - a literal, a boolean and a number become "?" where they stand; booleans come before numbers, hence a number ends
 *     where the word "false" begins ("-false" is "??"), though f and a are digits to it
 *   - the x, b or dot before a "?" is dropped when the "?" is put, so x'4f', b'01' and t.1 need no look-ahead; only the
 *     byte of the source counts, an X stays
 *   - "null" is looked for when a word of the *result* has ended, because only then is its end known: null5 and
 *     nullx'4f' are nulls too, and 5null is one, but true5 and 5true are no booleans
 *
 * After it, words have no digits and no capitals any more. */
#include <stdint.h>
#include <string.h>

#include "fingerprint_private.h"

enum kind { OTHER, LETTER, NUMBER, SPACE, QUOTE, MARK };

static const uint8_t kinds[256] = {
    ['a' ... 'z'] = LETTER, ['A' ... 'Z'] = LETTER, ['_'] = LETTER, ['0' ... '9'] = NUMBER, ['+'] = NUMBER,
    ['-'] = NUMBER,         [' '] = SPACE,          ['\t'] = SPACE, ['\n'] = SPACE,         ['\r'] = SPACE,
    ['\f'] = SPACE,         ['\''] = QUOTE,         ['?'] = MARK,
};

/* The small letter of each letter, "_" too; 0 for all that is none. */
static const char letters[256] = {
    ['_'] = '_', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h',
    ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p', ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w', ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z',
    ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd', ['e'] = 'e', ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i',
    ['j'] = 'j', ['k'] = 'k', ['l'] = 'l', ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',
    ['s'] = 's', ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

/* What a number goes on with: exponents, decimals, hexadecimal and binary digits, sums. */
static const bool digits[256] = {
    ['0' ... '9'] = true, ['a' ... 'f'] = true, ['.'] = true, ['x'] = true, ['+'] = true, ['-'] = true,
};

struct writer {
    char *start;   /* of the result */
    char *word;    /* where the last word of the result began, NULL when it was looked at */
    char previous; /* the last byte of the source, as it stood there */
    unsigned seen;
};

/* Looks at the word of the result that ends at `to`. */
static inline char *end_word(struct writer *writer, char *to) {
    const char *word = writer->word;
    if (word == NULL)
        return to;
    writer->word = NULL;
    const ptrdiff_t length = to - word;
    if ((length == 2 && memcmp(word, "in", 2) == 0) || (length == 5 && memcmp(word, "value", 5) == 0) ||
        (length == 6 && memcmp(word, "values", 6) == 0))
        writer->seen |= SEEN_LIST;
    else if (length == 4 && memcmp(word, "null", 4) == 0) {
        to -= 3;
        to[-1] = '?';
    } else if (length == 5 && memcmp(word, "limit", 5) == 0)
        writer->seen |= SEEN_LIMIT;
    else if (length == 5 && memcmp(word, "order", 5) == 0)
        writer->seen |= SEEN_ORDER;
    else if (length == 5 && memcmp(word, "union", 5) == 0)
        writer->seen |= SEEN_UNION;
    return to;
}

static inline char *put_mark(struct writer *writer, char *to) {
    char last = writer->previous;
    if ((last == '.' || last == 'x' || last == 'b') && to > writer->start && to[-1] == last)
        to--;
    to = end_word(writer, to);
    *to++ = '?';
    return to;
}

/* Copies a word, which is a boolean if it is no part of a longer word of the source. */
static inline char *put_word(struct writer *writer, const char **at, const char *end, char *to) {
    const char *from = *at;
    char *word = to, small = letters[(uint8_t)*from], last;
    do {
        last = *from++;
        *to++ = small;
    } while (from < end && (small = letters[(uint8_t)*from]) != 0);
    *at = from;
    if (((*word == 't' && to - word == 4 && memcmp(word, "true", 4) == 0) ||
         (*word == 'f' && to - word == 5 && memcmp(word, "false", 5) == 0)) &&
        !fingerprint_is_word(writer->previous) && (from == end || !fingerprint_is_word(*from))) {
        to = put_mark(writer, word);
        writer->previous = '?';
        return to;
    }
    writer->word = word;
    writer->previous = last;
    return to;
}

static inline const char *skip_number(const char *at, const char *end) {
    for (at++; at < end && digits[(uint8_t)*at]; at++)
        if (*at == 'f' && !fingerprint_is_word(at[-1]) && fingerprint_starts(at, end, "false", 5) &&
            (end - at == 5 || !fingerprint_is_word(at[5])))
            break;
    return at;
}

struct fingerprint_scan fingerprint_scan(const char *from, size_t length, char *to) {
    const char *at = from, *end = from + length, *after = NULL;
    char last;
    struct writer writer = {.start = to, .previous = ' '};
    if (length > 0 && end[-1] == '\n')
        end--;
    while (at < end && fingerprint_is_space(*at))
        at++;
    while (at < end) {
        /* Words and all else take turns, mostly; saying so in the loop makes it a tenth faster. */
        if (kinds[(uint8_t)*at] == LETTER) {
            to = put_word(&writer, &at, end, to);
            if (at == end)
                break;
        }
        switch ((enum kind)kinds[(uint8_t)*at]) {
        case LETTER: /* cannot be: a word has just ended */
            continue;
        case NUMBER:
            after = skip_number(at, end);
            last = after[-1]; /* before it is overwritten */
            to = put_mark(&writer, to);
            at = after;
            writer.previous = last;
            continue;
        case SPACE:
            to = end_word(&writer, to);
            while (++at < end && kinds[(uint8_t)*at] == SPACE)
                ;
            *to++ = ' ';
            break;
        case QUOTE:
            after = memchr(at + 1, '\'', (size_t)(end - at) - 1);
            if (after != NULL) {
                to = put_mark(&writer, to);
                at = after + 1;
                break;
            }
            to = end_word(&writer, to);
            *to++ = *at++;
            break;
        case MARK:
            to = put_mark(&writer, to);
            at++;
            break;
        case OTHER:
            to = end_word(&writer, to);
            do {
                last = *at++;
                *to++ = last;
            } while (at < end && kinds[(uint8_t)*at] == OTHER);
            writer.previous = last;
            continue;
        }
        writer.previous = '?'; /* neither part of a word nor dropped before a "?"; the exact byte does not matter */
    }
    to = end_word(&writer, to);
    return (struct fingerprint_scan){.length = (size_t)(to - writer.start), .seen = writer.seen};
}
