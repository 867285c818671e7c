/* Queries as trees, and the two parsers that make them. Pure. Source: "Search API" and "Structured query syntax" of the Developer Guide. */
#ifndef CLOUDSEARCH_QUERY_H
#define CLOUDSEARCH_QUERY_H

#include <stdbool.h>
#include <stddef.h>

enum query_kind { QUERY_ALL, QUERY_AND, QUERY_OR, QUERY_NOT, QUERY_TERM, QUERY_PHRASE, QUERY_PREFIX, QUERY_RANGE };

struct query {
    enum query_kind kind;
    char *field;         /* NULL: the default fields */
    char *value;         /* term, phrase, prefix */
    char *lower, *upper; /* range; NULL: open */
    bool lower_inclusive, upper_inclusive;
    double boost;
    struct query **children;
    size_t count;
};

struct query *query_new(enum query_kind kind);
void query_add(struct query *query, struct query *child); /* takes the child over */
void query_free(struct query *query);

/* The tree in the structured syntax, for tests and messages; freed by the caller. */
char *query_print(const struct query *query);

enum { QUERY_CLAUSES = 1024, QUERY_DEPTH = 64 };

/* Both return NULL after setting *reason, which the caller frees. */
struct query *query_structured(const char *string, char **reason);

enum { /* operators of the simple parser, all on by default */
       SIMPLE_AND = 1,
       SIMPLE_ESCAPE = 2,
       SIMPLE_FUZZY = 4,
       SIMPLE_NEAR = 8,
       SIMPLE_NOT = 16,
       SIMPLE_OR = 32,
       SIMPLE_PHRASE = 64,
       SIMPLE_PRECEDENCE = 128,
       SIMPLE_PREFIX = 256,
       SIMPLE_WHITESPACE = 512,
       SIMPLE_ALL = 1023,
};
struct query *query_simple(const char *string, unsigned operators, bool default_or, char **reason);

/* "[a,b]", "{,b]", "['x',}" at *string into a range, moving behind it; NULL after setting *reason. */
struct query *query_range(const char **string, char **reason);

#endif
