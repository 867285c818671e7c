/* From a query to SQL over the store's tables: a condition on the table document (as d), and what its terms are worth. */
#ifndef CLOUDSEARCH_COMPILE_H
#define CLOUDSEARCH_COMPILE_H

#include <sqlite3.h>

#include "query.h"
#include "schema.h"

struct bound {
    enum { BOUND_TEXT, BOUND_INTEGER, BOUND_REAL } kind;
    char *text;
    int64_t integer;
    double real;
};

/* SQL with the values of its question marks. */
struct sql {
    struct text text;
    struct bound *bounds;
    size_t count;
};

void sql_bind_text(struct sql *sql, const char *value); /* each remembers the value of the question mark just written */
void sql_bind_integer(struct sql *sql, int64_t value);
void sql_bind_real(struct sql *sql, double value);
void sql_append(struct sql *sql, const struct sql *other);
sqlite3_stmt *sql_prepare(const struct sql *sql, sqlite3 *database);
void sql_free(struct sql *sql);

/* A default field, or one of q.options, with its weight: "title^5". */
struct weighted {
    char *name;
    double weight;
};

struct compiler {
    const struct schema *schema;
    const struct weighted *defaults;
    size_t default_count;
    bool scoring;        /* terms are collected */
    struct sql scores;   /* SELECT rowid, score ... UNION ALL ... */
    struct pairs *words; /* NULL, or collects (field, token) of the terms, for highlights */
    char *reason;        /* why it cannot be compiled; freed by the caller */
};

/* Appends a condition in parentheses. False after setting the reason. */
bool compile_query(struct compiler *compiler, const struct query *query, struct sql *sql);
void compile_free(struct compiler *compiler);

#endif
