/* /2013-01-01/search: condition, count, page, facets, highlights. */
#include <stdlib.h>
#include <string.h>

#include "indexer.h"
#include "nightshift/base/clock.h"
#include "search.h"

void search_refuse(struct reply *reply, unsigned status, uint64_t number, const char *message) {
    char *rid = xasprintf("local-%llu", (unsigned long long)number);
    char *old = xasprintf("[*Deprecated*: Use the outer message field] %s", message);
    reply_json(reply, status,
               json_pack("{s:{s:s, s:s}, s:s, s:s}", "error", "rid", rid, "message", old, "message", message, "__type",
                         "#SearchException"));
    free(rid);
    free(old);
}

json_t *search_status(uint64_t number, bool sdk) {
    char *rid = xasprintf("local-%llu", (unsigned long long)number);
    json_t *status = json_pack("{s:s, s:i}", "rid", rid, sdk ? "timems" : "time-ms", 0);
    free(rid);
    return status;
}

static bool compile_all(struct search *search) {
    struct compiler compiler = {.schema = &search->domain->schema,
                                .defaults = search->defaults,
                                .default_count = search->default_count,
                                .scoring = true,
                                .words = &search->words};
    bool good = compile_query(&compiler, search->query, &search->condition);
    compiler.scoring = false;
    compiler.words = NULL;
    if (good && search->filter != NULL) {
        text_add(&search->condition.text, " AND ");
        good = compile_query(&compiler, search->filter, &search->condition);
    }
    if (good)
        sql_append(&search->scores, &compiler.scores);
    else
        search_wrong(search, "%s", compiler.reason);
    compile_free(&compiler);
    return good;
}

static bool count_hits(struct search *search, int64_t *found) {
    struct sql sql = {0};
    text_add(&sql.text, "SELECT COUNT(*) FROM document d WHERE ");
    sql_append(&sql, &search->condition);
    sqlite3_stmt *statement = sql_prepare(&sql, store_database(search->domain->store));
    bool good = statement != NULL && sqlite3_step(statement) == SQLITE_ROW;
    if (good)
        *found = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sql_free(&sql);
    return good || search_wrong(search, "the index cannot be read");
}

/* SELECT ..., the sort keys as k0, k1 ... */
static void add_key(struct search *search, size_t index, bool scored, struct sql *sql) {
    const char *name = search->sort[index].name;
    if (strcmp(name, "_id") == 0) {
        text_add(&sql->text, ", d.id");
    } else if (strcmp(name, "_version") == 0) {
        text_add(&sql->text, ", d.version");
    } else if (strcmp(name, "_score") == 0) {
        text_add(&sql->text, scored ? ", COALESCE(r.score, 0.0)" : ", 1.0");
    } else {
        const struct field *field = schema_find(&search->domain->schema, name);
        bool number = field->kind == KIND_INT || field->kind == KIND_DOUBLE;
        text_printf(&sql->text, ", (SELECT v.%s FROM value v WHERE v.doc = d.doc AND v.field = ?)",
                    number ? "number" : "text");
        sql_bind_text(sql, name);
    }
    text_printf(&sql->text, " AS k%zu", index);
}

static void add_order(const struct search *search, struct sql *sql) {
    bool by_id = false;
    text_add(&sql->text, " ORDER BY ");
    for (size_t i = 0; i < search->sort_count && !by_id; i++) {
        by_id = strcmp(search->sort[i].name, "_id") == 0;
        text_printf(&sql->text, "%s", i > 0 ? ", " : "");
        if (by_id)
            text_add(&sql->text, "d.id");
        else
            text_printf(&sql->text, "k%zu", i);
        text_add(&sql->text, search->sort[i].descending ? " DESC" : " ASC");
        text_add(&sql->text, by_id ? "" : " NULLS LAST");
    }
    if (!by_id)
        text_add(&sql->text, ", d.id ASC");
    text_add(&sql->text, " LIMIT ? OFFSET ?");
    sql_bind_integer(sql, search->size);
    sql_bind_integer(sql, search->start);
}

static void write_page_sql(struct search *search, struct sql *sql) {
    bool scored = search->scores.count > 0;
    if (scored) {
        /* Materialized, or SQLite would move bm25() to where FTS5 cannot serve it. */
        text_add(&sql->text, "WITH part AS MATERIALIZED (");
        sql_append(sql, &search->scores);
        text_add(&sql->text, "), rank AS MATERIALIZED (SELECT doc, SUM(score) AS score FROM part GROUP BY doc) ");
    }
    text_printf(&sql->text, "SELECT d.id, d.fields, %s", scored ? "COALESCE(r.score, 0.0)" : "1.0");
    for (size_t i = 0; i < search->sort_count; i++)
        add_key(search, i, scored, sql);
    text_printf(&sql->text, " FROM document d%s WHERE ", scored ? " LEFT JOIN rank r ON r.doc = d.doc" : "");
    sql_append(sql, &search->condition);
    search_cursor_condition(search, sql);
    add_order(search, sql);
}

static json_t *column_value(sqlite3_stmt *statement, int column) {
    switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
        return json_integer(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
        return json_real(sqlite3_column_double(statement, column));
    case SQLITE_NULL:
        return json_null();
    default:
        return json_string((const char *)sqlite3_column_text(statement, column));
    }
}

static bool is_returned(const struct search *search, const char *name) {
    const struct field *field = schema_find(&search->domain->schema, name);
    if (search->return_nothing || field == NULL || !field->returned)
        return false;
    return search->returned.count == 0 || strings_contain(&search->returned, name);
}

/* In the SDK form every value is a list. */
static json_t *as_list(json_t *value, bool sdk) {
    return sdk && !json_is_array(value) ? json_pack("[O]", value) : json_incref(value);
}

static json_t *fields_of_hit(const struct search *search, json_t *fields, double score) {
    const char *name = "";
    json_t *value = NULL;
    json_t *shown = json_object();
    json_object_foreach(fields, name, value) {
        if (is_returned(search, name))
            json_object_set_new(shown, name, as_list(value, search->sdk));
    }
    if (search->return_score) {
        char *text = xasprintf("%.9g", score);
        json_t *string = json_string(text);
        json_object_set_new(shown, "_score", as_list(string, search->sdk));
        json_decref(string);
        free(text);
    }
    return shown;
}

static json_t *highlights_of_hit(const struct search *search, json_t *fields) {
    json_t *highlights = json_object();
    for (size_t i = 0; i < search->highlight_count; i++) {
        const struct extra *extra = &search->highlights[i];
        json_t *value = json_object_get(fields, extra->field);
        struct text joined = {0};
        for (size_t j = 0; j < json_array_size(value); j++) {
            text_add(&joined, j > 0 ? " " : "");
            text_add(&joined, json_string_value(json_array_get(value, j)));
        }
        const char *text = json_is_array(value) ? text_string(&joined) : json_string_value(value);
        char *marked = highlight_text(text != NULL ? text : "", &search->words, extra->field, extra->options);
        json_object_set_new(highlights, extra->field, json_string(marked));
        free(marked);
        text_free(&joined);
    }
    return highlights;
}

static json_t *make_hit(const struct search *search, sqlite3_stmt *statement) {
    json_t *sent = json_loads((const char *)sqlite3_column_text(statement, 1), 0, NULL);
    json_t *fields = indexer_effective(&search->domain->schema, sent);
    json_t *hit = json_pack("{s:s}", "id", (const char *)sqlite3_column_text(statement, 0));
    json_t *shown = fields_of_hit(search, fields, sqlite3_column_double(statement, 2));
    if (json_object_size(shown) > 0 || !search->return_nothing)
        json_object_set(hit, "fields", shown);
    if (search->highlight_count > 0)
        json_object_set_new(hit, "highlights", highlights_of_hit(search, fields));
    json_decref(shown);
    json_decref(fields);
    json_decref(sent);
    return hit;
}

/* The hits of one page, and the cursor behind it. With no hit the cursor stays where it was. */
static bool read_page(struct search *search, json_t *hits) {
    struct sql sql = {0};
    json_t *list = json_array();
    json_t *keys = json_incref(json_object_get(search->cursor, "keys"));
    const char *before = json_string_value(json_object_get(search->cursor, "id"));
    char *last = xstrdup(before != NULL ? before : "");
    int result = SQLITE_DONE;
    write_page_sql(search, &sql);
    sqlite3_stmt *statement = sql_prepare(&sql, store_database(search->domain->store));
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW) {
        json_array_append_new(list, make_hit(search, statement));
        json_decref(keys);
        keys = json_array();
        for (size_t i = 0; i < search->sort_count; i++)
            json_array_append_new(keys, column_value(statement, 3 + (int)i));
        free(last);
        last = xstrdup((const char *)sqlite3_column_text(statement, 0));
    }
    bool good = statement != NULL && result == SQLITE_DONE;
    sqlite3_finalize(statement);
    if (search->cursor != NULL && keys != NULL) {
        char *cursor = search_cursor_make(search, keys, last);
        json_object_set_new(hits, "cursor", json_string(cursor));
        free(cursor);
    } else if (search->cursor != NULL) {
        json_object_set_new(hits, "cursor", json_string("initial"));
    }
    json_object_set_new(hits, "hit", list);
    json_decref(keys);
    free(last);
    sql_free(&sql);
    return good || search_wrong(search, "the index cannot be read");
}

static void answer(struct search *search, struct reply *reply) {
    int64_t found = 0;
    json_t *hits = json_object();
    json_t *facets = NULL;
    bool good = compile_all(search) && count_hits(search, &found);
    if (good) {
        json_object_set_new(hits, "found", json_integer(found));
        json_object_set_new(hits, "start", json_integer(search->start));
        good = read_page(search, hits);
    }
    if (good && search->facet_count > 0) {
        facets = search_facets(search);
        good = facets != NULL;
    }
    if (good) {
        json_t *body =
            json_pack("{s:o, s:O}", "status", search_status(search->domain->requests, search->sdk), "hits", hits);
        if (facets != NULL)
            json_object_set(body, "facets", facets);
        reply_json(reply, 200, body);
    }
    json_decref(hits);
    json_decref(facets);
}

void search_serve(struct domain *domain, const struct request *request, struct reply *reply) {
    struct search search = {.domain = domain};
    store_reveal(domain->store, clock_now());
    if (search_read_form(&search, request) && search_read(&search))
        answer(&search, reply);
    if (search.reason != NULL)
        search_refuse(reply, search.status != 0 ? search.status : 400, domain->requests, search.reason);
    search_free(&search);
}
