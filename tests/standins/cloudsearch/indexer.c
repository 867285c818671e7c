/* Values go into a table with the forms they are compared in, words into FTS5. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "indexer.h"
#include "store.h"
#include "tokens.h"
#include "values.h"

bool indexer_prepare(struct indexer *indexer, sqlite3 *database, const struct schema *schema) {
    indexer->schema = schema;
    indexer->add_value =
        store_prepare(database, "INSERT INTO value(doc, field, text, number, second) VALUES(?1, ?2, ?3, ?4, ?5)");
    indexer->remove_values = store_prepare(database, "DELETE FROM value WHERE doc = ?1");
    indexer->add_words = store_prepare(database, "INSERT INTO word(rowid, tokens) VALUES(?1, ?2)");
    indexer->remove_words = store_prepare(database, "INSERT INTO word(word, rowid, tokens) VALUES('delete', ?1, ?2)");
    return indexer->add_value != NULL && indexer->remove_values != NULL && indexer->add_words != NULL &&
           indexer->remove_words != NULL;
}

void indexer_finish(struct indexer *indexer) {
    sqlite3_finalize(indexer->add_value);
    sqlite3_finalize(indexer->remove_values);
    sqlite3_finalize(indexer->add_words);
    sqlite3_finalize(indexer->remove_words);
    *indexer = (struct indexer){0};
}

static void add_copies(json_t *effective, json_t *fields, const struct field *field) {
    json_t *list = json_array();
    for (size_t i = 0; i < field->sources.count; i++) {
        json_t *value = json_object_get(fields, field->sources.items[i]);
        if (json_is_array(value))
            json_array_extend(list, value);
        else if (value != NULL)
            json_array_append(list, value);
    }
    if (field->array && json_array_size(list) > 0)
        json_object_set(effective, field->name, list);
    else if (json_array_size(list) > 0)
        json_object_set(effective, field->name, json_array_get(list, 0));
    json_decref(list);
}

json_t *indexer_effective(const struct schema *schema, json_t *fields) {
    json_t *effective = json_copy(fields);
    for (size_t i = 0; i < schema->field_count; i++) {
        const struct field *field = &schema->fields[i];
        if (schema_is_dynamic(field) || json_object_get(fields, field->name) != NULL)
            continue;
        add_copies(effective, fields, field);
        if (field->default_value != NULL && json_object_get(effective, field->name) == NULL)
            json_object_set_new(effective, field->name, json_string(field->default_value));
    }
    return effective;
}

static bool run(sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE;
}

static bool add_value(sqlite3_stmt *statement, int64_t doc, const struct field *field, const char *name,
                      const char *text) {
    int64_t integer = 0;
    char number[32];
    double first = 0;
    double second = 0;
    char date[DATE_SIZE];
    sqlite3_clear_bindings(statement);
    sqlite3_bind_int64(statement, 1, doc);
    sqlite3_bind_text(statement, 2, name, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 3, text, -1, SQLITE_STATIC);
    switch (field->kind) {
    case KIND_INT:
        /* One form for one number, so that facets count 7 and 07 together. */
        if (values_int(text, &integer)) {
            snprintf(number, sizeof number, "%lld", (long long)integer);
            sqlite3_bind_text(statement, 3, number, -1, SQLITE_STATIC);
            sqlite3_bind_int64(statement, 4, integer);
        }
        break;
    case KIND_DOUBLE:
        if (values_double(text, &first))
            sqlite3_bind_double(statement, 4, first);
        break;
    case KIND_DATE:
        if (values_date(text, date))
            sqlite3_bind_text(statement, 3, date, -1, SQLITE_STATIC);
        break;
    case KIND_LATLON:
        if (values_latlon(text, &first, &second)) {
            sqlite3_bind_double(statement, 4, first);
            sqlite3_bind_double(statement, 5, second);
        }
        break;
    case KIND_LITERAL:
    case KIND_TEXT:
        break;
    }
    return run(statement);
}

static void add_words(struct text *words, const char *field, const char *string) {
    struct tokens tokens = {0};
    tokens_split(&tokens, string);
    for (size_t i = 0; i < tokens.count; i++)
        store_add_token(words, field, tokens.items[i].text);
    /* A token nobody can ask for, so that no phrase reaches from one value into the next. */
    text_add(words, "_ ");
    tokens_free(&tokens);
}

/* Text goes into `words`; other values into the table, unless `statement` is NULL. */
static bool add_field(sqlite3_stmt *statement, struct text *words, int64_t doc, const struct field *field,
                      const char *name, json_t *value) {
    size_t count = json_is_array(value) ? json_array_size(value) : 1;
    bool good = true;
    for (size_t i = 0; good && i < count; i++) {
        const char *text = json_string_value(json_is_array(value) ? json_array_get(value, i) : value);
        if (field->kind == KIND_TEXT)
            add_words(words, name, text);
        /* Text is looked up by its words; whole it is only needed to sort by. */
        if (statement != NULL && (field->kind != KIND_TEXT || field->sort))
            good = add_value(statement, doc, field, name, text);
    }
    return good;
}

/* The folded beginning of what each suggester suggests, under a name that no field can have. */
static bool add_suggestions(struct indexer *indexer, int64_t doc, json_t *fields) {
    const struct field plain = {.name = "", .kind = KIND_LITERAL};
    bool good = true;
    for (size_t i = 0; good && i < indexer->schema->suggester_count; i++) {
        const struct suggester *suggester = &indexer->schema->suggesters[i];
        json_t *value = json_object_get(fields, suggester->source);
        const char *text = json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
        struct text folded = {0};
        char *name = xasprintf("~%s", suggester->name);
        if (text != NULL) {
            tokens_fold_string(&folded, text);
            good = add_value(indexer->add_value, doc, &plain, name, text_string(&folded));
        }
        free(name);
        text_free(&folded);
    }
    return good;
}

static bool write_document(struct indexer *indexer, int64_t doc, json_t *fields, bool add) {
    const char *name = "";
    json_t *value = NULL;
    bool good = true;
    struct text words = {0};
    json_t *effective = indexer_effective(indexer->schema, fields);
    json_object_foreach(effective, name, value) {
        const struct field *field = schema_find(indexer->schema, name);
        if (field != NULL && good)
            good = add_field(add ? indexer->add_value : NULL, &words, doc, field, name, value);
    }
    if (good && add)
        good = add_suggestions(indexer, doc, effective);
    sqlite3_stmt *statement = add ? indexer->add_words : indexer->remove_words;
    if (good) {
        sqlite3_bind_int64(statement, 1, doc);
        sqlite3_bind_text(statement, 2, text_string(&words), (int)words.length, SQLITE_STATIC);
        good = run(statement);
    }
    json_decref(effective);
    text_free(&words);
    return good;
}

bool indexer_add(struct indexer *indexer, int64_t doc, json_t *fields) {
    return write_document(indexer, doc, fields, true);
}

bool indexer_remove(struct indexer *indexer, int64_t doc, json_t *fields) {
    sqlite3_bind_int64(indexer->remove_values, 1, doc);
    return run(indexer->remove_values) && write_document(indexer, doc, fields, false);
}
