/* Rewrites the relaxed form into JSON and lets jansson read that. */
#include <ctype.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "relaxed.h"

/* A string in either kind of quotes, from *at on. */
static const char *add_string(struct text *text, const char *at) {
    char quote = *at++;
    text_add(text, "\"");
    for (; *at != '\0' && *at != quote; at++) {
        if (*at == '\\' && at[1] == '\'') {
            at++;
            text_add(text, "'");
        } else if (*at == '\\' && at[1] != '\0') {
            text_append(text, at++, 2);
        } else if (*at == '"') {
            text_add(text, "\\\"");
        } else {
            text_append(text, at, 1);
        }
    }
    if (*at == quote)
        text_add(text, "\"");
    return *at == quote ? at + 1 : at;
}

json_t *relaxed_parse(const char *string) {
    struct text text = {0};
    for (const char *at = string; *at != '\0';) {
        size_t length = 0;
        while (isalnum((unsigned char)at[length]) || at[length] == '_' || at[length] == '.')
            length++;
        if (*at == '"' || *at == '\'') {
            at = add_string(&text, at);
        } else if (length > 0 && isalpha((unsigned char)*at) && at[length + strspn(at + length, " \t\r\n")] == ':') {
            text_printf(&text, "\"%.*s\"", (int)length, at);
            at += length;
        } else {
            length = length > 0 ? length : 1;
            text_append(&text, at, length);
            at += length;
        }
    }
    json_t *value = json_loads(text_string(&text), JSON_REJECT_DUPLICATES, NULL);
    text_free(&text);
    return value;
}
