/* Marks the words of a query in a value. Neighbouring words, such as the pairs that a Japanese word falls into, get one mark. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/utf8.h"
#include "search.h"
#include "tokens.h"

const char *highlight_check(const json_t *options) {
    static const char *const known[] = {"format", "max_phrases", "pre_tag", "post_tag"};
    const char *format = json_string_value(json_object_get(options, "format"));
    const json_t *phrases = json_object_get(options, "max_phrases");
    size_t found = 0;
    for (size_t i = 0; i < LENGTH_OF(known); i++)
        found += json_object_get(options, known[i]) != NULL ? 1 : 0;
    if (found != json_object_size(options))
        return "unknown option; there are format, max_phrases, pre_tag, post_tag";
    if (format != NULL && strcmp(format, "html") != 0 && strcmp(format, "text") != 0)
        return "format is html or text";
    if (phrases != NULL && (!json_is_integer(phrases) || json_integer_value(phrases) < 1 ||
                            json_integer_value(phrases) > HIGHLIGHT_PHRASES))
        return "max_phrases is 1 to 5";
    return NULL;
}

/* Whether the token is a word of the query, or begins like one that ends in an asterisk. */
static bool is_wanted(const struct pairs *words, const char *field, const char *token) {
    for (size_t i = 0; i < words->count; i++) {
        const char *word = words->items[i].value;
        size_t length = strlen(word);
        if (strcmp(words->items[i].name, field) != 0)
            continue;
        if (word[length - 1] == '*' ? strncmp(word, token, length - 1) == 0 : strcmp(word, token) == 0)
            return true;
    }
    return false;
}

/* In the format html every character that is no letter, digit or blank becomes an entity; tags stay as they are. */
static void add_part(struct text *out, const char *bytes, size_t length, bool html) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (html && c < 0x80 && !isalnum(c) && !isspace(c))
            text_printf(out, "&#%u;", (unsigned)c);
        else
            text_append(out, bytes + i, 1);
    }
}

/* The first 10 KB, not cut inside a character. */
static char *beginning_of(const char *value) {
    size_t length = strlen(value);
    if (length > HIGHLIGHT_BYTES)
        length = HIGHLIGHT_BYTES;
    while (length > 0 && !utf8_valid(value, length))
        length--;
    return xstrndup(value, length);
}

char *highlight_text(const char *value, const struct pairs *words, const char *field, const json_t *options) {
    const char *format = json_string_value(json_object_get(options, "format"));
    const char *pre = json_string_value(json_object_get(options, "pre_tag"));
    const char *post = json_string_value(json_object_get(options, "post_tag"));
    const json_t *phrases = json_object_get(options, "max_phrases");
    json_int_t left = phrases != NULL ? json_integer_value(phrases) : 1;
    bool html = format == NULL || strcmp(format, "html") == 0;
    struct text out = {0};
    struct tokens tokens = {0};
    size_t written = 0;
    char *text = beginning_of(value);
    tokens_split(&tokens, text);
    for (size_t i = 0; i < tokens.count && left > 0; i++) {
        if (!is_wanted(words, field, tokens.items[i].text))
            continue;
        size_t begin = tokens.items[i].begin;
        size_t end = tokens.items[i].end;
        while (i + 1 < tokens.count && tokens.items[i + 1].begin <= end &&
               is_wanted(words, field, tokens.items[i + 1].text))
            end = tokens.items[++i].end;
        add_part(&out, text + written, begin - written, html);
        text_add(&out, pre != NULL ? pre : "<em>");
        add_part(&out, text + begin, end - begin, html);
        text_add(&out, post != NULL ? post : "</em>");
        written = end;
        left--;
    }
    add_part(&out, text + written, strlen(text + written), html);
    tokens_free(&tokens);
    free(text);
    return out.length > 0 ? text_take(&out) : xstrdup("");
}
