/* /2013-01-01/suggest: values that begin with what was typed. The index holds the folded beginning of each value under the suggester's name,
 * see indexer.c. */
#include <stdlib.h>
#include <string.h>

#include "indexer.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/parse.h"
#include "search.h"
#include "tokens.h"

enum { SUGGESTIONS_DEFAULT = 10, SUGGESTIONS_LIMIT = 100 };

static bool check_names(struct search *search) {
    static const char *const known[] = {"q", "suggester", "size", "format", "pretty"};
    for (size_t i = 0; i < search->parameters.count; i++) {
        size_t j = 0;
        while (j < LENGTH_OF(known) && strcmp(known[j], search->parameters.items[i].name) != 0)
            j++;
        if (j == LENGTH_OF(known))
            return search_wrong(search, "Unknown parameter '%s'", search->parameters.items[i].name);
    }
    return true;
}

static sqlite3_stmt *find_suggestions(struct domain *domain, const struct suggester *suggester, const char *prefix) {
    struct sql sql = {0};
    struct text folded = {0};
    char *name = xasprintf("~%s", suggester->name);
    tokens_fold_string(&folded, prefix);
    text_add(&sql.text,
             "SELECT d.id, d.fields FROM value v JOIN document d ON d.doc = v.doc"
             " WHERE v.field = ? AND v.text >= ? AND substr(v.text, 1, length(?)) = ? ORDER BY v.text, d.id");
    sql_bind_text(&sql, name);
    for (int i = 0; i < 3; i++)
        sql_bind_text(&sql, text_string(&folded));
    sqlite3_stmt *statement = sql_prepare(&sql, store_database(domain->store));
    free(name);
    text_free(&folded);
    sql_free(&sql);
    return statement;
}

/* The field's value; of an array the first. */
static const char *source_text(json_t *fields, const char *source) {
    json_t *value = json_object_get(fields, source);
    return json_string_value(json_is_array(value) ? json_array_get(value, 0) : value);
}

static void answer(struct search *search, const struct suggester *suggester, const char *query, struct reply *reply) {
    int64_t found = 0;
    json_t *list = json_array();
    sqlite3_stmt *statement = find_suggestions(search->domain, suggester, query);
    while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW) {
        if (found++ >= search->size)
            continue;
        json_t *sent = json_loads((const char *)sqlite3_column_text(statement, 1), 0, NULL);
        json_t *fields = indexer_effective(&search->domain->schema, sent);
        const char *text = source_text(fields, suggester->source);
        json_array_append_new(list, json_pack("{s:s, s:i, s:s}", "suggestion", text != NULL ? text : "", "score", 0,
                                              "id", (const char *)sqlite3_column_text(statement, 0)));
        json_decref(fields);
        json_decref(sent);
    }
    sqlite3_finalize(statement);
    reply_json(reply, 200,
               json_pack("{s:o, s:{s:s, s:I, s:o}}", "status", search_status(search->domain->requests, search->sdk),
                         "suggest", "query", query, "found", (json_int_t)found, "suggestions", list));
}

static void serve(struct search *search, struct reply *reply) {
    const char *query = pairs_value(&search->parameters, "q");
    const char *name = pairs_value(&search->parameters, "suggester");
    const char *size = pairs_value(&search->parameters, "size");
    const char *format = pairs_value(&search->parameters, "format");
    const struct suggester *suggester = name != NULL ? schema_suggester(&search->domain->schema, name) : NULL;
    search->size = SUGGESTIONS_DEFAULT;
    search->sdk = format != NULL && strcmp(format, "sdk") == 0;
    if (query == NULL || *query == '\0')
        search_wrong(search, "Parameter 'q' is required");
    else if (name == NULL)
        search_wrong(search, "Parameter 'suggester' is required");
    else if (suggester == NULL)
        search_wrong(search, "Suggester '%s' does not exist", name);
    else if (size != NULL &&
             (parse_integer(size, &search->size) != NULL || search->size < 0 || search->size > SUGGESTIONS_LIMIT))
        search_wrong(search, "Invalid value '%s' for parameter 'size': 0 to %d", size, SUGGESTIONS_LIMIT);
    else if (format != NULL && !search->sdk && strcmp(format, "json") != 0)
        search_wrong(search, "cloudsearch-local does not serve format=%s", format);
    else
        answer(search, suggester, query, reply);
}

void suggest_serve(struct domain *domain, const struct request *request, struct reply *reply) {
    struct search search = {.domain = domain};
    store_reveal(domain->store, clock_now());
    if (search_read_form(&search, request) && check_names(&search))
        serve(&search, reply);
    if (search.reason != NULL)
        search_refuse(reply, search.status != 0 ? search.status : 400, domain->requests, search.reason);
    search_free(&search);
}
