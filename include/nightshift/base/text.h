/* A growing byte buffer that is always NUL-terminated, and lists of strings. A buffer has a limit: going past it sets `full` and drops
 * what does not fit, so that no input can grow a process without bound. */
#ifndef NIGHTSHIFT_BASE_TEXT_H
#define NIGHTSHIFT_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "nightshift/base/memory.h"

struct text {
    char *data; /* NULL or NUL-terminated */
    size_t length;
    size_t capacity;
    size_t limit; /* 0 stands for TEXT_LIMIT */
    bool full;    /* something was dropped */
};

enum { TEXT_LIMIT = 64 * 1024 * 1024 };

void text_append(struct text *text, const void *bytes, size_t length);
void text_add(struct text *text, const char *string);
void text_printf(struct text *text, const char *format, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *text, const char *format, va_list arguments);
void text_clear(struct text *text); /* empties, keeps the memory */
void text_free(struct text *text);

/* The content, never NULL; valid until the next change. */
const char *text_string(const struct text *text);

/* The content as a string that the caller frees; the buffer is empty afterwards. */
char *text_take(struct text *text);

/* Appends bytes of unknown origin so that they are safe on a terminal and in a log line: control characters (C0, DEL, C1), bidirectional
 * overrides and invalid UTF-8 come out as \xNN, a backslash stays as it is. CWE-150, CVE-2003-0020. */
void text_append_printable(struct text *text, const char *bytes, size_t length);

/* Appends `string`, with each {name} replaced through `lookup` (its result is appended; NULL leaves the braces as they are). */
void text_add_template(struct text *text, const char *string,
                       const char *(*lookup)(const void *context, const char *name), const void *context);

struct strings {
    char **items;
    size_t count;
};

void strings_add(struct strings *strings, const char *string);                           /* copies */
void strings_split(struct strings *strings, const char *string, const char *separators); /* trims, skips empty parts */
bool strings_contain(const struct strings *strings, const char *string);
void strings_free(struct strings *strings);

/* Edit distance (Levenshtein) of two short words, for "did you mean" hints. */
size_t text_distance(const char *a, const char *b);

#endif
