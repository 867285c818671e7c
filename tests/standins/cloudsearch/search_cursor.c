/* Deep pages. A cursor holds the sort keys and the id of the last hit, so that the next page begins behind it whatever has been added or
 * deleted since; and a hash of the question, because a cursor belongs to one. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "search.h"
#include "sigv4.h"

static void question_hash(const struct search *search, char out[SIGV4_HEX + 1]) {
    static const char *const names[] = {"q", "q.parser", "q.options", "fq", "sort"};
    struct text text = {0};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        const char *value = pairs_value(&search->parameters, names[i]);
        text_printf(&text, "%s=%s\n", names[i], value != NULL ? value : "");
    }
    sigv4_sha256(text_string(&text), text.length, out);
    text_free(&text);
}

bool search_cursor_read(struct search *search, const char *cursor) {
    char hash[SIGV4_HEX + 1];
    if (strcmp(cursor, "initial") == 0) {
        search->cursor = json_object();
        return true;
    }
    size_t length = strlen(cursor);
    unsigned char *bytes = xcalloc(length + 4, 1);
    int decoded = EVP_DecodeBlock(bytes, (const unsigned char *)cursor, (int)length);
    if (decoded > 0)
        search->cursor = json_loads((const char *)bytes, 0, NULL);
    free(bytes);
    question_hash(search, hash);
    const char *given = json_string_value(json_object_get(search->cursor, "hash"));
    if (given == NULL || json_array_size(json_object_get(search->cursor, "keys")) != search->sort_count ||
        !json_is_string(json_object_get(search->cursor, "id")))
        return search_wrong(search, "Invalid value for parameter 'cursor'");
    return strcmp(given, hash) == 0 ||
           search_wrong(search, "The cursor belongs to another query, filter or sort order");
}

char *search_cursor_make(const struct search *search, json_t *keys, const char *id) {
    char hash[SIGV4_HEX + 1];
    question_hash(search, hash);
    json_t *cursor = json_pack("{s:s, s:O, s:s}", "hash", hash, "keys", keys, "id", id);
    char *text = json_dumps(cursor, JSON_COMPACT);
    size_t length = strlen(text);
    char *encoded = xcalloc(length / 3 * 4 + 8, 1);
    EVP_EncodeBlock((unsigned char *)encoded, (const unsigned char *)text, (int)length);
    free(text);
    json_decref(cursor);
    return encoded;
}

static void bind_key(struct sql *sql, const json_t *value) {
    if (json_is_integer(value))
        sql_bind_integer(sql, json_integer_value(value));
    else if (json_is_real(value))
        sql_bind_real(sql, json_real_value(value));
    else
        sql_bind_text(sql, json_is_string(value) ? json_string_value(value) : "");
}

/* Behind the last hit: k0 greater, or k0 equal and (k1 greater, or ... the id greater). Missing values come last. */
void search_cursor_condition(const struct search *search, struct sql *sql) {
    const json_t *keys = json_object_get(search->cursor, "keys");
    if (keys == NULL)
        return;
    text_add(&sql->text, " AND ");
    size_t open = 0;
    for (size_t i = 0; i < search->sort_count; i++) {
        const json_t *value = json_array_get(keys, i);
        const char *sign = search->sort[i].descending ? "<" : ">";
        if (strcmp(search->sort[i].name, "_id") == 0) {
            /* Unique: nothing is needed behind it, and the table's own order serves it. */
            text_printf(&sql->text, "d.id %s ?", sign);
            bind_key(sql, value);
            break;
        }
        if (json_is_null(value)) {
            text_printf(&sql->text, "(k%zu IS NULL AND ", i);
        } else {
            text_printf(&sql->text, "(k%zu IS NULL OR k%zu %s ? OR k%zu = ? AND ", i, i, sign, i);
            bind_key(sql, value);
            bind_key(sql, value);
        }
        open++;
        if (i + 1 == search->sort_count) {
            text_add(&sql->text, "d.id > ?");
            sql_bind_text(sql, json_string_value(json_object_get(search->cursor, "id")));
        }
    }
    while (open-- > 0)
        text_add(&sql->text, ")");
}
