/* Text is looked up in FTS5, everything else in the table of values. */
#include <stdlib.h>
#include <string.h>

#include "compile.h"
#include "pairs.h"
#include "store.h"
#include "tokens.h"
#include "values.h"

static struct bound *add_bound(struct sql *sql) {
    sql->bounds = xgrow(sql->bounds, sql->count, sizeof *sql->bounds);
    sql->bounds[sql->count] = (struct bound){0};
    return &sql->bounds[sql->count++];
}

void sql_bind_text(struct sql *sql, const char *value) {
    struct bound *bound = add_bound(sql);
    bound->kind = BOUND_TEXT;
    bound->text = xstrdup(value);
}

void sql_bind_integer(struct sql *sql, int64_t value) {
    struct bound *bound = add_bound(sql);
    bound->kind = BOUND_INTEGER;
    bound->integer = value;
}

void sql_bind_real(struct sql *sql, double value) {
    struct bound *bound = add_bound(sql);
    bound->kind = BOUND_REAL;
    bound->real = value;
}

void sql_append(struct sql *sql, const struct sql *other) {
    text_append(&sql->text, text_string(&other->text), other->text.length);
    for (size_t i = 0; i < other->count; i++) {
        struct bound *bound = add_bound(sql);
        *bound = other->bounds[i];
        if (bound->text != NULL)
            bound->text = xstrdup(bound->text);
    }
}

sqlite3_stmt *sql_prepare(const struct sql *sql, sqlite3 *database) {
    sqlite3_stmt *statement = store_prepare(database, text_string(&sql->text));
    for (int i = 0; statement != NULL && i < (int)sql->count; i++) {
        const struct bound *bound = &sql->bounds[i];
        if (bound->kind == BOUND_TEXT)
            sqlite3_bind_text(statement, i + 1, bound->text, -1, SQLITE_TRANSIENT);
        else if (bound->kind == BOUND_INTEGER)
            sqlite3_bind_int64(statement, i + 1, bound->integer);
        else
            sqlite3_bind_double(statement, i + 1, bound->real);
    }
    return statement;
}

void sql_free(struct sql *sql) {
    for (size_t i = 0; i < sql->count; i++)
        free(sql->bounds[i].text);
    free(sql->bounds);
    text_free(&sql->text);
    *sql = (struct sql){0};
}

void compile_free(struct compiler *compiler) {
    sql_free(&compiler->scores);
    free(compiler->reason);
    compiler->reason = NULL;
}

static bool wrong(struct compiler *compiler, const char *format, ...) PRINTF_LIKE(2, 3);
static bool wrong(struct compiler *compiler, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (compiler->reason == NULL)
        compiler->reason = xvasprintf(format, arguments);
    va_end(arguments);
    return false;
}

/* --- text --------------------------------------------------------------------------------------------------------------------------- */

enum { SCORES = 100 }; /* terms that count for the score; SQLite joins at most 500 selects */

/* The tokens of one word, or of a whole phrase, as a phrase of FTS5: "f_7068 f_70" */
static void add_fts_phrase(struct text *match, const char *field, const struct token *tokens, size_t count,
                           bool prefix) {
    text_add(match, "\"");
    for (size_t i = 0; i < count; i++)
        store_add_token(match, field, tokens[i].text);
    text_add(match, prefix ? "\" * " : "\" ");
}

/* Each word of the value must stand in one of the fields. Empty when the value has no words. */
static char *match_of(const struct query *query, const char *const *fields, size_t field_count, const char *join) {
    struct tokens tokens = {0};
    struct text match = {0};
    tokens_split(&tokens, query->value);
    for (size_t begin = 0, end = 0; begin < tokens.count; begin = end) {
        end = begin + 1;
        while (end < tokens.count && (query->kind == QUERY_PHRASE || !tokens.items[end].starts_word))
            end++;
        text_add(&match, begin > 0 ? join : "");
        text_add(&match, "(");
        for (size_t i = 0; i < field_count; i++) {
            text_add(&match, i > 0 ? "OR " : "");
            add_fts_phrase(&match, fields[i], tokens.items + begin, end - begin,
                           query->kind == QUERY_PREFIX && end == tokens.count);
        }
        text_add(&match, ")");
    }
    tokens_free(&tokens);
    return match.length > 0 ? text_take(&match) : NULL;
}

static void remember_words(struct compiler *compiler, const struct query *query, const char *field) {
    struct tokens tokens = {0};
    if (compiler->words == NULL)
        return;
    tokens_split(&tokens, query->value);
    for (size_t i = 0; i < tokens.count; i++) {
        /* The last word of a prefix stands for all that begin so. */
        bool prefix = query->kind == QUERY_PREFIX && i + 1 == tokens.count;
        char *word = xasprintf("%s%s", tokens.items[i].text, prefix ? "*" : "");
        pairs_add(compiler->words, field, word);
        free(word);
    }
    tokens_free(&tokens);
}

static void add_score(struct compiler *compiler, const struct query *query, const char *field, double weight) {
    char *match = match_of(query, &field, 1, " OR ");
    remember_words(compiler, query, field);
    if (match != NULL && compiler->scores.count < 2 * SCORES) {
        text_printf(&compiler->scores.text,
                    "%sSELECT rowid AS doc, -bm25(word) * ? AS score FROM word WHERE word MATCH ?",
                    compiler->scores.count > 0 ? " UNION ALL " : "");
        sql_bind_real(&compiler->scores, weight * query->boost);
        sql_bind_text(&compiler->scores, match);
    }
    free(match);
}

static void add_match(struct sql *sql, const struct query *query, const char *const *fields, size_t count) {
    char *match = match_of(query, fields, count, " AND ");
    if (match == NULL) {
        text_add(&sql->text, "(0)");
        return;
    }
    text_add(&sql->text, "(d.doc IN (SELECT rowid FROM word WHERE word MATCH ?))");
    sql_bind_text(sql, match);
    free(match);
}

/* --- other values ------------------------------------------------------------------------------------------------------------------- */

/* Binds a value of the query in the form in which the field's values are kept. */
static bool bind_value(struct compiler *compiler, struct sql *sql, const struct field *field, const char *name,
                       const char *value) {
    int64_t integer = 0;
    double real = 0;
    char date[DATE_SIZE];
    if (field->kind == KIND_DATE) {
        if (!values_date(value, date))
            return wrong(compiler, "Syntax error in query: \"%s\" is no date for field (%s).", value, name);
        sql_bind_text(sql, date);
    } else if (field->kind == KIND_INT || field->kind == KIND_DOUBLE) {
        if (values_int(value, &integer))
            sql_bind_integer(sql, integer);
        else if (values_double(value, &real))
            sql_bind_real(sql, real);
        else
            return wrong(compiler, "Syntax error in query: \"%s\" is no number for field (%s).", value, name);
    } else {
        sql_bind_text(sql, value);
    }
    return true;
}

static const char *column_of(const struct field *field) {
    return field->kind == KIND_INT || field->kind == KIND_DOUBLE ? "number" : "text";
}

static bool add_range(struct compiler *compiler, const struct query *query, const struct field *field, const char *name,
                      struct sql *sql) {
    text_add(&sql->text, "(d.doc IN (SELECT doc FROM value WHERE field = ?");
    sql_bind_text(sql, name);
    if (query->lower != NULL) {
        text_printf(&sql->text, " AND %s %s ?", column_of(field), query->lower_inclusive ? ">=" : ">");
        if (!bind_value(compiler, sql, field, name, query->lower))
            return false;
    }
    if (query->upper != NULL) {
        text_printf(&sql->text, " AND %s %s ?", column_of(field), query->upper_inclusive ? "<=" : "<");
        if (!bind_value(compiler, sql, field, name, query->upper))
            return false;
    }
    text_add(&sql->text, "))");
    return true;
}

/* A box from its upper left to its lower right corner. */
static bool add_box(struct compiler *compiler, const struct query *query, const char *name, struct sql *sql) {
    double top = 0;
    double left = 0;
    double bottom = 0;
    double right = 0;
    if (query->kind != QUERY_RANGE || query->lower == NULL || query->upper == NULL ||
        !values_latlon(query->lower, &top, &left) || !values_latlon(query->upper, &bottom, &right))
        return wrong(compiler, "Syntax error in query: field (%s) takes a range ['lat,lon','lat,lon'].", name);
    text_add(
        &sql->text,
        "(d.doc IN (SELECT doc FROM value WHERE field = ? AND number BETWEEN ? AND ? AND second BETWEEN ? AND ?))");
    sql_bind_text(sql, name);
    sql_bind_real(sql, bottom);
    sql_bind_real(sql, top);
    sql_bind_real(sql, left);
    sql_bind_real(sql, right);
    return true;
}

static bool add_exact(struct compiler *compiler, const struct query *query, const struct field *field, const char *name,
                      struct sql *sql) {
    bool prefix = query->kind == QUERY_PREFIX;
    if (prefix && field->kind != KIND_LITERAL)
        return wrong(compiler, "Syntax error in query: field (%s) takes no prefix.", name);
    text_printf(&sql->text, "(d.doc IN (SELECT doc FROM value WHERE field = ? AND %s %s ?", column_of(field),
                prefix ? ">=" : "=");
    sql_bind_text(sql, name);
    if (!bind_value(compiler, sql, field, name, query->value))
        return false;
    if (prefix) {
        text_add(&sql->text, " AND substr(text, 1, length(?)) = ?");
        sql_bind_text(sql, query->value);
        sql_bind_text(sql, query->value);
    }
    text_add(&sql->text, "))");
    return true;
}

/* _id is a column of its own. */
static bool add_id(const struct query *query, struct sql *sql) {
    const char *values[] = {query->lower, query->upper};
    const char *signs[] = {query->lower_inclusive ? ">=" : ">", query->upper_inclusive ? "<=" : "<"};
    if (query->kind != QUERY_RANGE) {
        text_add(&sql->text, query->kind == QUERY_PREFIX ? "(substr(d.id, 1, length(?)) = ?)" : "(d.id = ?)");
        sql_bind_text(sql, query->value);
        if (query->kind == QUERY_PREFIX)
            sql_bind_text(sql, query->value);
        return true;
    }
    text_add(&sql->text, "(1");
    for (size_t i = 0; i < LENGTH_OF(values); i++) {
        if (values[i] == NULL)
            continue;
        text_printf(&sql->text, " AND d.id %s ?", signs[i]);
        sql_bind_text(sql, values[i]);
    }
    text_add(&sql->text, ")");
    return true;
}

/* --- trees -------------------------------------------------------------------------------------------------------------------------- */

static bool add_leaf(struct compiler *compiler, const struct query *query, const char *name, double weight,
                     struct sql *sql) {
    if (strcmp(name, "_id") == 0)
        return add_id(query, sql);
    const struct field *field = schema_find(compiler->schema, name);
    if (field == NULL)
        return wrong(compiler, "Syntax error in query: field (%s) does not exist.", name);
    if (!field->search)
        return wrong(compiler, "Syntax error in query: field (%s) is not search enabled.", name);
    if (field->kind == KIND_LATLON)
        return add_box(compiler, query, name, sql);
    if (query->kind == QUERY_RANGE) {
        if (field->kind == KIND_TEXT)
            return wrong(compiler, "Syntax error in query: field (%s) is a text field and takes no range.", name);
        return add_range(compiler, query, field, name, sql);
    }
    if (field->kind != KIND_TEXT)
        return add_exact(compiler, query, field, name, sql);
    if (compiler->scoring)
        add_score(compiler, query, name, weight);
    add_match(sql, query, &name, 1);
    return true;
}

/* A term without a field: its words may stand in different ones of the text fields; a field of another type holds the whole value. */
static bool add_default_leaf(struct compiler *compiler, const struct query *query, struct sql *sql) {
    const char **texts = xcalloc(compiler->default_count + 1, sizeof *texts);
    size_t count = 0;
    bool good = query->kind != QUERY_RANGE;
    if (!good)
        wrong(compiler, "Syntax error in query: a range needs a field.");
    text_add(&sql->text, "(0");
    for (size_t i = 0; good && i < compiler->default_count; i++) {
        const struct weighted *weighted = &compiler->defaults[i];
        const struct field *field = schema_find(compiler->schema, weighted->name);
        if (field != NULL && field->kind == KIND_TEXT) {
            texts[count++] = weighted->name;
            if (compiler->scoring)
                add_score(compiler, query, weighted->name, weighted->weight);
        } else {
            text_add(&sql->text, " OR ");
            good = add_leaf(compiler, query, weighted->name, weighted->weight, sql);
        }
    }
    if (good && count > 0) {
        text_add(&sql->text, " OR ");
        add_match(sql, query, texts, count);
    }
    text_add(&sql->text, ")");
    free(texts);
    return good;
}

/* Children from `begin` to `end`, as a balanced tree: SQLite takes no expression deeper than 1000, and a query may have that many clauses.
 * Recursive: the parsers bound the depth. */
static bool add_joined(struct compiler *compiler, const struct query *query, size_t begin, size_t end,
                       struct sql *sql) {
    if (end - begin == 1)
        return compile_query(compiler, query->children[begin], sql);
    size_t middle = begin + (end - begin) / 2;
    text_add(&sql->text, "(");
    bool good = add_joined(compiler, query, begin, middle, sql);
    text_add(&sql->text, query->kind == QUERY_AND ? " AND " : " OR ");
    good = good && add_joined(compiler, query, middle, end, sql);
    text_add(&sql->text, ")");
    return good;
}

static bool add_children(struct compiler *compiler, const struct query *query, struct sql *sql) {
    bool scoring = compiler->scoring;
    struct pairs *words = compiler->words;
    if (query->kind == QUERY_NOT) {
        /* What must not be there is worth nothing, and is not highlighted. */
        compiler->scoring = false;
        compiler->words = NULL;
    }
    text_add(&sql->text, query->kind == QUERY_NOT ? "(NOT " : "(");
    bool good = add_joined(compiler, query, 0, query->count, sql);
    text_add(&sql->text, ")");
    compiler->scoring = scoring;
    compiler->words = words;
    return good;
}

bool compile_query(struct compiler *compiler, const struct query *query, struct sql *sql) {
    switch (query->kind) {
    case QUERY_ALL:
        text_add(&sql->text, "(1)");
        return true;
    case QUERY_AND:
    case QUERY_OR:
    case QUERY_NOT:
        return add_children(compiler, query, sql);
    case QUERY_TERM:
    case QUERY_PHRASE:
    case QUERY_PREFIX:
    case QUERY_RANGE:
        return query->field != NULL ? add_leaf(compiler, query, query->field, 1, sql)
                                    : add_default_leaf(compiler, query, sql);
    }
    return false;
}
