/* Repetitions in a scanned query: lists of values, equal SELECTs in a UNION, the forms of LIMIT, the needless ASC. The
 * text has no digits, capitals or line breaks any more; its white space is single spaces and vertical tabs. */
#include <string.h>

#include "fingerprint_private.h"

/* Appends bytes that may overlap those before them; returns the new end. */
static char *put(char *to, const char *bytes, size_t length) {
    memmove(to, bytes, length);
    return to + length;
}

static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool begins_word(const char *text, const char *at) {
    return at == text || !is_name(at[-1]);
}

/* ---- lists ---- */

static bool is_gap(char c) {
    return c == ',' || fingerprint_is_space(c);
}

/* Whether "in", "value" or "values" stands before `end` and begins a word. */
static bool is_list_word(const char *start, const char *end) {
    static const struct {
        const char *word;
        ptrdiff_t length;
    } words[] = {{"in", 2}, {"values", 6}, {"value", 5}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (end - start >= words[i].length &&
            memcmp(end - words[i].length, words[i].word, (size_t)words[i].length) == 0)
            return begins_word(start, end - words[i].length);
    return false;
}

/* The end of the parenthesised lists of "?" that follow one another from `at` on; NULL if there is none. */
static const char *skip_lists(const char *at, const char *end) {
    const char *done = NULL;
    while (at < end) {
        while (at < end && is_gap(*at))
            at++;
        if (at == end || *at != '(')
            break;
        at++;
        while (at < end && (*at == '?' || is_gap(*at)))
            at++;
        if (at == end || *at != ')')
            break;
        done = ++at;
    }
    return done;
}

size_t fingerprint_collapse_lists(const char *from, size_t length, char *to) {
    const char *end = from + length, *kept = from, *search = from;
    char *out = to;
    for (;;) {
        const char *open = memchr(search, '(', (size_t)(end - search));
        const char *word = open;
        if (open == NULL)
            break;
        while (word > kept && is_gap(word[-1]))
            word--;
        const char *after = is_list_word(from, word) ? skip_lists(word, end) : NULL;
        search = open + 1;
        if (after == NULL)
            continue;
        out = put(out, kept, (size_t)(word - kept));
        out = put(out, "(?+)", 4);
        kept = search = after;
    }
    return (size_t)(put(out, kept, (size_t)(end - kept)) - to);
}

/* ---- unions ---- */

/* How long is looked for equal SELECTs in one query: a step for each comparison and each 64 bytes of text. It takes a
 * query of some thousand UNIONs of different SELECTs to get there; the rest of it stays as it is then. Without an end,
 * a megabyte of them would take minutes. */
enum { STEPS_MAX = 20000000, STEP_BYTES = 64 };

struct unions {
    const char *text;
    const char *end;
    long steps; /* left */
};

/* What stands between two SELECTs: white space, "union", perhaps "all", and white space. The last byte is no part of
 * what is kept. */
struct joint {
    const char *at; /* NULL if there is none */
    size_t kept;    /* bytes of the word or words and the space before */
};

static struct joint match_joint(const struct unions *unions, const char *at) {
    const char *end = unions->end;
    if (end - at < 7 || !fingerprint_is_space(at[0]) || memcmp(at + 1, "union", 5) != 0 || !fingerprint_is_space(at[6]))
        return (struct joint){0};
    if (end - at >= 11 && memcmp(at + 7, "all", 3) == 0 && fingerprint_is_space(at[10]))
        return (struct joint){.at = at, .kept = 10};
    return (struct joint){.at = at, .kept = 6};
}

static void spend(struct unions *unions, size_t bytes) {
    unions->steps -= 1 + (long)(bytes / STEP_BYTES);
}

/* Whether the SELECT of `length` bytes stands behind the joint once more. */
static bool repeats(struct unions *unions, const char *select, size_t length, const struct joint *joint) {
    if (joint->at == NULL)
        return false;
    const char *again = joint->at + joint->kept + 1;
    if ((size_t)(unions->end - again) < length)
        return false;
    spend(unions, length);
    return memcmp(again, select, length) == 0;
}

/* The first joint behind `select` after which all that stands before it is repeated. */
static struct joint find_repetition(struct unions *unions, const char *select) {
    const char *at = select + 7;
    while (unions->steps > 0) {
        const char *word = memmem(at, (size_t)(unions->end - at), "union", 5);
        spend(unions, (size_t)((word != NULL ? word : unions->end) - at));
        if (word == NULL)
            break;
        at = word + 5;
        if (word == select + 7)
            continue; /* the space before it is that of "select " */
        struct joint joint = match_joint(unions, word - 1);
        if (repeats(unions, select, (size_t)(word - 1 - select), &joint))
            return joint;
    }
    return (struct joint){0};
}

/* The next "select" with white space behind it that begins a word. */
static const char *find_select(const struct unions *unions, const char *at) {
    while ((at = memmem(at, (size_t)(unions->end - at), "select", 6)) != NULL) {
        if (unions->end - at > 6 && fingerprint_is_space(at[6]) && begins_word(unions->text, at))
            return at;
        at += 6;
    }
    return NULL;
}

size_t fingerprint_collapse_unions(char *text, size_t length, size_t size) {
    /* Writing begins at the front and reading further on, since a short SELECT makes the text longer. */
    char *moved = text + (size - length), *out = text;
    memmove(moved, text, length);
    struct unions unions = {.text = moved, .end = moved + length, .steps = STEPS_MAX};
    const char *kept = moved, *select = moved;
    while (unions.steps > 0 && (select = find_select(&unions, select)) != NULL) {
        struct joint joint = find_repetition(&unions, select), last = joint;
        if (joint.at == NULL) {
            select += 6;
            continue;
        }
        size_t repeated = (size_t)(joint.at - select);
        const char *after = joint.at;
        while (repeats(&unions, select, repeated, &joint)) {
            last = joint;
            after = joint.at + joint.kept + 1 + repeated;
            joint = match_joint(&unions, after);
        }
        out = put(out, kept, (size_t)(select - kept) + repeated);
        out = put(out, " /*repeat", 9);
        out = put(out, last.at, last.kept);
        out = put(out, "*/", 2);
        kept = select = after;
    }
    return (size_t)(put(out, kept, (size_t)(unions.end - kept)) - text);
}

/* ---- limit, order by ---- */

static char *find_phrase(char *text, size_t length, const char *phrase) {
    char *end = text + length, *at = text;
    size_t phrase_length = strlen(phrase);
    while ((at = memmem(at, (size_t)(end - at), phrase, phrase_length)) != NULL && !begins_word(text, at))
        at++;
    return at;
}

static bool stands_at(const char *at, const char *end, const char *phrase) {
    return (size_t)(end - at) >= strlen(phrase) && memcmp(at, phrase, strlen(phrase)) == 0;
}

/* The first LIMIT only. */
size_t fingerprint_collapse_limit(char *text, size_t length) {
    static const char *const rests[] = {",?", ", ?", " offset ?"};
    const char *end = text + length;
    char *at = find_phrase(text, length, "limit ?");
    if (at == NULL)
        return length;
    at += strlen("limit ?");
    for (size_t i = 0; i < sizeof rests / sizeof rests[0]; i++) {
        size_t rest = strlen(rests[i]);
        if (!stands_at(at, end, rests[i]))
            continue;
        memmove(at, at + rest, (size_t)(end - at) - rest);
        return length - rest;
    }
    return length;
}

/* All that stands behind the first ORDER BY loses its "asc", with the white space before it, if anything is left before
 * that. */
size_t fingerprint_collapse_order(char *text, size_t length) {
    const char *end = text + length;
    char *out = find_phrase(text, length, "order by ");
    if (out == NULL)
        return length;
    out += strlen("order by ");
    const char *at = out, *first = out;
    while (at < end) {
        const char *word = at;
        while (at > first && word < end && fingerprint_is_space(*word))
            word++;
        if (word > at && stands_at(word, end, "asc")) {
            at = first = word + 3;
            continue;
        }
        do
            *out++ = *at++;
        while (at < word);
    }
    return (size_t)(out - text);
}
