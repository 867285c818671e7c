/* Quoting names. See the header for the rules and where they come from. */
#include <string.h>

#include "nightshift/base/utf8.h"
#include "nightshift/sql/identifier.h"

const char *identifier_problem(const char *name, size_t length) {
    if (length == 0)
        return "is empty";
    size_t characters = 0;
    for (size_t at = 0; at < length;) {
        unsigned code = 0;
        size_t used = utf8_decode(name + at, length - at, &code);
        if (used == 0)
            return "is not valid UTF-8";
        if (code == 0)
            return "holds a NUL character";
        if (code > 0xFFFF)
            return "holds a character above U+FFFF";
        at += used;
        characters++;
    }
    if (characters > IDENTIFIER_CHARACTERS_MAX)
        return "is longer than 64 characters";
    if (name[length - 1] == ' ')
        return "ends with a space";
    return NULL;
}

const char *identifier_append(struct text *sql, const char *name, size_t length) {
    const char *problem = identifier_problem(name, length);
    if (problem != NULL)
        return problem;
    /* Two backticks and every byte doubled at most: when that fits, nothing is dropped half-way. */
    size_t limit = sql->limit > 0 ? sql->limit : TEXT_LIMIT;
    if (sql->full || limit - sql->length < 2 * length + 2)
        return "does not fit into the statement";
    text_add(sql, "`");
    for (size_t i = 0; i < length; i++) {
        if (name[i] == '`')
            text_add(sql, "`");
        text_append(sql, name + i, 1);
    }
    text_add(sql, "`");
    return NULL;
}

const char *identifier_append_pair(struct text *sql, const char *qualifier, const char *name) {
    struct text pair = {0};
    const char *problem = NULL;
    if (qualifier != NULL) {
        problem = identifier_append(&pair, qualifier, strlen(qualifier));
        text_add(&pair, ".");
    }
    if (problem == NULL)
        problem = identifier_append(&pair, name, strlen(name));
    size_t limit = sql->limit > 0 ? sql->limit : TEXT_LIMIT;
    if (problem == NULL && (sql->full || limit - sql->length < pair.length))
        problem = "does not fit into the statement";
    if (problem == NULL)
        text_append(sql, pair.data, pair.length);
    text_free(&pair);
    return problem;
}
