/* The search service from the inside: a request's parameters, and the parts that answer it. */
#ifndef CLOUDSEARCH_SEARCH_H
#define CLOUDSEARCH_SEARCH_H

#include "compile.h"
#include "domain.h"

enum { SIZE_LIMIT = 10000, SORT_LIMIT = 10, PAGE_LIMIT = 10000, HIGHLIGHT_PHRASES = 5, HIGHLIGHT_BYTES = 10240 };

struct sort_key {
    char *name; /* a field, _id, _score, _version */
    bool descending;
};

/* One facet or highlight: its field and its options. */
struct extra {
    char *field;
    json_t *options;
};

struct search {
    struct domain *domain;
    struct pairs parameters;
    bool sdk;
    struct query *query, *filter; /* filter may be NULL */
    struct weighted *defaults;
    size_t default_count;
    struct sort_key sort[SORT_LIMIT];
    size_t sort_count;
    int64_t size, start;
    json_t *cursor; /* NULL: not asked for. {"hash":...,"keys":[...],"id":...}; without keys for the first page */
    struct strings returned; /* empty: all */
    bool return_nothing, return_score;
    struct extra *facets, *highlights;
    size_t facet_count, highlight_count;
    struct sql condition, scores;
    struct pairs words; /* of the query, for highlights: field and token */
    char *reason;       /* why it is refused */
    unsigned status;    /* of that refusal; 0: 400 */
};

/* Keeps the first reason; returns false. */
bool search_wrong(struct search *search, const char *format, ...) PRINTF_LIKE(2, 3);

/* search_request.c: from parameters to the struct. */
bool search_read_form(struct search *search, const struct request *request);
bool search_read(struct search *search);
void search_free(struct search *search);

/* search_cursor.c. `keys` are the sort keys of the last hit. */
bool search_cursor_read(struct search *search, const char *cursor);
char *search_cursor_make(const struct search *search, json_t *keys, const char *id);
void search_cursor_condition(const struct search *search, struct sql *sql);

/* search_facets.c: {"field":{"buckets":[{"value":...,"count":...}]}}, or NULL after setting the reason. */
json_t *search_facets(struct search *search);

/* highlight.c: the value with its hits marked. `options` is that of the highlight; pure. */
char *highlight_text(const char *value, const struct pairs *words, const char *field, const json_t *options);
const char *highlight_check(const json_t *options); /* NULL, or what is wrong */

/* Refuses with the error form of the service. */
void search_refuse(struct reply *reply, unsigned status, uint64_t number, const char *message);

/* A search without hits yet: {"rid":...,"time-ms":...}; the SDK form says timems. */
json_t *search_status(uint64_t number, bool sdk);

#endif
