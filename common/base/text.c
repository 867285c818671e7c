/* The growing buffer and string lists that the whole suite builds its strings with. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "nightshift/base/utf8.h"

void text_append(struct text *text, const void *bytes, size_t length) {
    size_t limit = text->limit > 0 ? text->limit : TEXT_LIMIT;
    size_t room = text->length < limit ? limit - text->length : 0;
    if (length > room) {
        length = room;
        text->full = true;
    }
    if (text->length + length + 1 > text->capacity) {
        size_t wanted = (text->length + length + 1) * 2;
        text->capacity = wanted < 64 ? 64 : wanted;
        text->data = xreallocarray(text->data, text->capacity, 1);
    }
    if (length > 0)
        memcpy(text->data + text->length, bytes, length);
    text->length += length;
    text->data[text->length] = '\0';
}

void text_add(struct text *text, const char *string) {
    text_append(text, string, strlen(string));
}

void text_printf(struct text *text, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(text, format, arguments);
    va_end(arguments);
}

void text_vprintf(struct text *text, const char *format, va_list arguments) {
    char *piece = xvasprintf(format, arguments);
    text_add(text, piece);
    free(piece);
}

void text_clear(struct text *text) {
    text->length = 0;
    text->full = false;
    if (text->data != NULL)
        text->data[0] = '\0';
}

void text_free(struct text *text) {
    free(text->data);
    *text = (struct text){.limit = text->limit};
}

const char *text_string(const struct text *text) {
    return text->data != NULL ? text->data : "";
}

char *text_take(struct text *text) {
    text_append(text, "", 0);
    char *string = text->data;
    *text = (struct text){.limit = text->limit};
    return string;
}

/* Characters that reorder what a reader sees (Unicode Bidi_Control). */
static bool is_bidi_control(unsigned code) {
    return code == 0x061C || code == 0x200E || code == 0x200F || (code >= 0x202A && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

void text_append_printable(struct text *text, const char *bytes, size_t length) {
    for (size_t at = 0; at < length;) {
        unsigned code = 0;
        size_t used = utf8_decode(bytes + at, length - at, &code);
        bool safe = used > 0 && code >= 0x20 && !(code >= 0x7F && code <= 0x9F) && !is_bidi_control(code);
        if (safe) {
            text_append(text, bytes + at, used);
            at += used;
            continue;
        }
        for (size_t end = at + (used > 0 ? used : 1); at < end; at++)
            text_printf(text, "\\x%02X", (unsigned)(unsigned char)bytes[at]);
    }
    text_append(text, "", 0);
}

void text_add_template(struct text *text, const char *string,
                       const char *(*lookup)(const void *context, const char *name), const void *context) {
    while (*string != '\0') {
        const char *open = strchr(string, '{');
        const char *close = open != NULL ? strchr(open, '}') : NULL;
        if (close == NULL)
            break;
        /* The nearest brace before: one that opens nothing must not swallow the name behind it. */
        const char *nearer = NULL;
        while ((nearer = memchr(open + 1, '{', (size_t)(close - open - 1))) != NULL)
            open = nearer;
        char *name = xstrndup(open + 1, (size_t)(close - open - 1));
        const char *value = lookup(context, name);
        free(name);
        text_append(text, string, (size_t)(open - string));
        if (value != NULL)
            text_add(text, value);
        else
            text_append(text, open, (size_t)(close - open + 1));
        string = close + 1;
    }
    text_add(text, string);
}

void strings_add(struct strings *strings, const char *string) {
    strings->items = xgrow(strings->items, strings->count, sizeof *strings->items);
    strings->items[strings->count++] = xstrdup(string);
}

void strings_split(struct strings *strings, const char *string, const char *separators) {
    while (*string != '\0') {
        size_t length = strcspn(string, separators);
        const char *start = string;
        const char *end = string + length;
        while (start < end && isspace((unsigned char)*start))
            start++;
        while (end > start && isspace((unsigned char)end[-1]))
            end--;
        if (end > start) {
            char *part = xstrndup(start, (size_t)(end - start));
            strings_add(strings, part);
            free(part);
        }
        string += length;
        if (*string != '\0')
            string++;
    }
}

bool strings_contain(const struct strings *strings, const char *string) {
    for (size_t i = 0; i < strings->count; i++)
        if (strcmp(strings->items[i], string) == 0)
            return true;
    return false;
}

void strings_free(struct strings *strings) {
    for (size_t i = 0; i < strings->count; i++)
        free(strings->items[i]);
    free(strings->items);
    *strings = (struct strings){0};
}

size_t text_distance(const char *a, const char *b) {
    size_t length_a = strlen(a);
    size_t length_b = strlen(b);
    size_t *row = xcalloc(length_b + 1, sizeof *row);
    for (size_t j = 0; j <= length_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= length_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= length_b; j++) {
            size_t replace = diagonal + (a[i - 1] != b[j - 1]);
            size_t insert = row[j - 1] + 1;
            size_t drop = row[j] + 1;
            diagonal = row[j];
            row[j] = replace < insert ? replace : insert;
            if (drop < row[j])
                row[j] = drop;
        }
    }
    size_t distance = row[length_b];
    free(row);
    return distance;
}
