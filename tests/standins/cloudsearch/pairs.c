/* Names with values, and the form encoding of URLs and form bodies (WHATWG URL, section 5.1). */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/utf8.h"
#include "pairs.h"

void pairs_add(struct pairs *pairs, const char *name, const char *value) {
    pairs->items = xgrow(pairs->items, pairs->count, sizeof *pairs->items);
    pairs->items[pairs->count++] = (struct pair){.name = xstrdup(name), .value = xstrdup(value)};
}

void pairs_free(struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++) {
        free(pairs->items[i].name);
        free(pairs->items[i].value);
    }
    free(pairs->items);
    *pairs = (struct pairs){0};
}

const char *pairs_header(const struct pairs *pairs, const char *name) {
    for (size_t i = 0; i < pairs->count; i++)
        if (strcasecmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

const char *pairs_value(const struct pairs *pairs, const char *name) {
    for (size_t i = 0; i < pairs->count; i++)
        if (strcmp(pairs->items[i].name, name) == 0)
            return pairs->items[i].value;
    return NULL;
}

const char *pairs_repeated(const struct pairs *pairs) {
    for (size_t i = 0; i < pairs->count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(pairs->items[i].name, pairs->items[j].name) == 0)
                return pairs->items[i].name;
    return NULL;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool pairs_decode_part(struct text *text, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        char c = bytes[i];
        if (c == '+')
            c = ' ';
        if (c == '%') {
            int high = i + 1 < length ? digit_of(bytes[i + 1]) : -1;
            int low = i + 2 < length ? digit_of(bytes[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)((unsigned)high * 16U + (unsigned)low);
            i += 2;
        }
        text_append(text, &c, 1);
    }
    return true;
}

bool pairs_decode(struct pairs *pairs, const char *encoded) {
    bool good = true;
    struct text name = {0};
    struct text value = {0};
    while (good && *encoded != '\0') {
        size_t length = strcspn(encoded, "&");
        const char *equals = memchr(encoded, '=', length);
        size_t name_length = equals != NULL ? (size_t)(equals - encoded) : length;
        text_clear(&name);
        text_clear(&value);
        good = pairs_decode_part(&name, encoded, name_length) &&
               (equals == NULL || pairs_decode_part(&value, equals + 1, length - name_length - 1)) &&
               utf8_valid(text_string(&name), name.length) && utf8_valid(text_string(&value), value.length) &&
               strlen(text_string(&name)) == name.length && strlen(text_string(&value)) == value.length;
        if (good && length > 0)
            pairs_add(pairs, text_string(&name), text_string(&value));
        encoded += length + (encoded[length] == '&' ? 1 : 0);
    }
    text_free(&name);
    text_free(&value);
    return good;
}
