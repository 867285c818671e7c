/* Facets: how many hits each value has, or each range. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/parse.h"
#include "search.h"

enum { FACETS_DEFAULT = 10, FACETS_LIMIT = 10000 };

static bool is_number(const struct field *field) {
    return field->kind == KIND_INT || field->kind == KIND_DOUBLE;
}

static void add_bucket(json_t *buckets, const struct field *field, const char *value, int64_t count) {
    size_t length = strlen(value);
    /* Dates are kept with thousandths, and shown as they are usually sent. */
    bool whole = field->kind == KIND_DATE && length == 24 && strcmp(value + 19, ".000Z") == 0;
    char *shown = whole ? xasprintf("%.19sZ", value) : xstrdup(value);
    json_array_append_new(buckets, json_pack("{s:s, s:I}", "value", shown, "count", (json_int_t)count));
    free(shown);
}

static bool count_values(struct search *search, const struct extra *extra, bool by_value, int64_t size,
                         json_t *buckets) {
    const struct field *field = schema_find(&search->domain->schema, extra->field);
    const char *column = is_number(field) ? "v.number" : "v.text";
    struct sql sql = {0};
    text_printf(&sql.text, "SELECT MIN(v.text), COUNT(DISTINCT v.doc) AS hits FROM value v JOIN document d ON d.doc = "
                           "v.doc WHERE v.field = ? AND ");
    sql_bind_text(&sql, extra->field);
    sql_append(&sql, &search->condition);
    text_printf(&sql.text, " GROUP BY %s ORDER BY %s%s LIMIT ?", column, by_value ? "" : "hits DESC, ", column);
    sql_bind_integer(&sql, size);
    sqlite3_stmt *statement = sql_prepare(&sql, store_database(search->domain->store));
    while (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
        add_bucket(buckets, field, (const char *)sqlite3_column_text(statement, 0), sqlite3_column_int64(statement, 1));
    bool good = statement != NULL;
    sqlite3_finalize(statement);
    sql_free(&sql);
    return good || search_wrong(search, "the index cannot be read");
}

/* A bucket is a range for numbers and dates, and for literals a value or a range. */
static struct query *bucket_query(struct search *search, const struct extra *extra, const char *bucket) {
    char *reason = NULL;
    struct query *query = NULL;
    const char *at = bucket;
    if (*bucket == '[' || *bucket == '{') {
        query = query_range(&at, &reason);
        if (query != NULL && *at != '\0') {
            query_free(query);
            query = NULL;
        }
    } else {
        query = query_new(QUERY_TERM);
        query->value = xstrdup(bucket);
    }
    if (query == NULL)
        search_wrong(search, "Invalid bucket \"%s\" of facet.%s", bucket, extra->field);
    else
        query->field = xstrdup(extra->field);
    free(reason);
    return query;
}

static bool count_bucket(struct search *search, const struct extra *extra, const char *bucket, json_t *buckets) {
    struct compiler compiler = {.schema = &search->domain->schema};
    struct sql sql = {0};
    struct query *query = bucket_query(search, extra, bucket);
    if (query == NULL)
        return false;
    text_add(&sql.text, "SELECT COUNT(*) FROM document d WHERE ");
    sql_append(&sql, &search->condition);
    text_add(&sql.text, " AND ");
    bool good = compile_query(&compiler, query, &sql);
    if (!good)
        search_wrong(search, "%s", compiler.reason);
    sqlite3_stmt *statement = good ? sql_prepare(&sql, store_database(search->domain->store)) : NULL;
    if (statement != NULL && sqlite3_step(statement) == SQLITE_ROW)
        json_array_append_new(
            buckets, json_pack("{s:s, s:I}", "value", bucket, "count", (json_int_t)sqlite3_column_int64(statement, 0)));
    sqlite3_finalize(statement);
    compile_free(&compiler);
    query_free(query);
    sql_free(&sql);
    return good;
}

static bool check_options(struct search *search, const struct extra *extra) {
    const char *name = "";
    json_t *value = NULL;
    bool buckets = json_object_get(extra->options, "buckets") != NULL;
    json_object_foreach(extra->options, name, value) {
        bool plain = strcmp(name, "sort") == 0 || strcmp(name, "size") == 0;
        bool ranged = strcmp(name, "buckets") == 0 || strcmp(name, "method") == 0;
        if (!plain && !ranged)
            return search_wrong(search, "Unknown option '%s' of facet.%s", name, extra->field);
        if ((plain && buckets) || (strcmp(name, "method") == 0 && !buckets))
            return search_wrong(search, "facet.%s: sort and size go without buckets, method goes with them",
                                extra->field);
    }
    const char *method = json_string_value(json_object_get(extra->options, "method"));
    if (method != NULL && strcmp(method, "interval") != 0 && strcmp(method, "filter") != 0)
        return search_wrong(search, "facet.%s: method is interval or filter", extra->field);
    return true;
}

static bool fill(struct search *search, const struct extra *extra, json_t *list) {
    json_t *wanted = json_object_get(extra->options, "buckets");
    const char *sort = json_string_value(json_object_get(extra->options, "sort"));
    json_t *size = json_object_get(extra->options, "size");
    int64_t limit = size != NULL ? json_integer_value(size) : FACETS_DEFAULT;
    size_t i = 0;
    json_t *bucket = NULL;
    bool good = check_options(search, extra);
    if (good && wanted == NULL) {
        if (sort != NULL && strcmp(sort, "count") != 0 && strcmp(sort, "bucket") != 0)
            return search_wrong(search, "facet.%s: sort is count or bucket", extra->field);
        if (json_is_string(size) ? parse_integer(json_string_value(size), &limit) != NULL
                                 : size != NULL && !json_is_integer(size))
            limit = -1;
        if (limit < 0 || limit > FACETS_LIMIT)
            return search_wrong(search, "facet.%s: size is 0 to %d", extra->field, FACETS_LIMIT);
        return count_values(search, extra, sort != NULL && strcmp(sort, "bucket") == 0, limit, list);
    }
    if (good && !json_is_array(wanted))
        return search_wrong(search, "facet.%s: buckets is a list", extra->field);
    json_array_foreach(wanted, i, bucket) {
        if (good && !json_is_string(bucket))
            good = search_wrong(search, "facet.%s: a bucket is a string", extra->field);
        good = good && count_bucket(search, extra, json_string_value(bucket), list);
    }
    return good;
}

json_t *search_facets(struct search *search) {
    json_t *facets = json_object();
    bool good = true;
    for (size_t i = 0; good && i < search->facet_count; i++) {
        json_t *list = json_array();
        good = fill(search, &search->facets[i], list);
        json_object_set_new(facets, search->facets[i].field, json_pack("{s:o}", "buckets", list));
    }
    if (!good) {
        json_decref(facets);
        facets = NULL;
    }
    return facets;
}
