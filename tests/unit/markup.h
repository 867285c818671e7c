/* Is a page well-formed? A parser as strict as XML's: what passes it leaves no browser anything to guess. */
#ifndef TESTS_UNIT_MARKUP_H
#define TESTS_UNIT_MARKUP_H

#include <ctype.h>
#include <strings.h>

#include "support.h"

enum { MARKUP_DEPTH = 32, MARKUP_NAME = 16 };

static inline bool markup_is_void(const char *name) {
    return strcmp(name, "meta") == 0 || strcmp(name, "br") == 0;
}

/* Reads name="value" pairs up to the tag's end; returns what is behind it, or NULL. */
static inline const char *markup_attributes(const char *at, bool *closed) {
    *closed = false;
    while (*at != '>') {
        if (strncmp(at, "/>", 2) == 0) {
            *closed = true;
            return at + 2;
        }
        if (*at != ' ')
            return NULL;
        at++;
        size_t name = strspn(at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-");
        if (name == 0 || strncmp(at, "on", 2) == 0 || strncmp(at, "style", 5) == 0 || strncmp(at + name, "=\"", 2) != 0)
            return NULL;
        at += name + 2;
        at += strcspn(at, "\"<");
        if (*at != '"')
            return NULL;
        at++;
    }
    return at + 1;
}

/* An entity's "&", or any other character of text. */
static inline bool markup_text_is_fine(const char *at) {
    static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"};
    if (*at != '&')
        return *at != '>' && ((unsigned char)*at >= ' ' || *at == '\n' || *at == '\t');
    for (size_t i = 0; i < LENGTH_OF(entities); i++)
        if (strncmp(at, entities[i], strlen(entities[i])) == 0)
            return true;
    return false;
}

/* NULL, or where the first fault is. */
static inline const char *markup_fault(const char *page) {
    char open[MARKUP_DEPTH][MARKUP_NAME];
    size_t depth = 0;
    const char *at = page;
    if (strncmp(at, "<!DOCTYPE html>", 15) == 0)
        at += 15;
    while (*at != '\0') {
        const char *here = at;
        if (*at != '<') {
            if (!markup_text_is_fine(at++))
                return here;
            continue;
        }
        bool end = at[1] == '/';
        bool closed = false;
        at += end ? 2 : 1;
        size_t length = strspn(at, "abcdefghijklmnopqrstuvwxyz0123456789");
        if (length == 0 || length >= MARKUP_NAME)
            return here;
        char name[MARKUP_NAME] = "";
        memcpy(name, at, length);
        at = end ? (at[length] == '>' ? at + length + 1 : NULL) : markup_attributes(at + length, &closed);
        if (at == NULL)
            return here;
        if (end && (depth == 0 || strcmp(open[--depth], name) != 0))
            return here;
        if (end || closed || markup_is_void(name))
            continue;
        if (depth == MARKUP_DEPTH)
            return here;
        memcpy(open[depth++], name, MARKUP_NAME);
        /* Style and script are no markup up to their end. */
        if (strcmp(name, "style") == 0 || strcmp(name, "script") == 0) {
            at = strstr(at, strcmp(name, "style") == 0 ? "</style>" : "</script>");
            if (at == NULL)
                return here;
        }
    }
    return depth == 0 ? NULL : at;
}

static inline void check_markup(const char *page, const char *file, int line) {
    const char *fault = markup_fault(page);
    if (fault == NULL)
        return;
    print_error("not well-formed at byte %zu: %.200s\n", (size_t)(fault - page), fault);
    _fail(file, line);
}

#define assert_well_formed(page) check_markup(page, __FILE__, __LINE__)

static inline size_t count_of(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
        count++;
    return count;
}

#endif
