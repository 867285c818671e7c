/* Trees of queries. */
#include <stdlib.h>

#include "nightshift/base/text.h"
#include "query.h"

struct query *query_new(enum query_kind kind) {
    struct query *query = xcalloc(1, sizeof *query);
    query->kind = kind;
    query->boost = 1;
    return query;
}

void query_add(struct query *query, struct query *child) {
    query->children = xgrow(query->children, query->count, sizeof(struct query *));
    query->children[query->count++] = child;
}

/* Recursive: the parsers bound the depth. */
void query_free(struct query *query) {
    if (query == NULL)
        return;
    for (size_t i = 0; i < query->count; i++)
        query_free(query->children[i]);
    free(query->children);
    free(query->field);
    free(query->value);
    free(query->lower);
    free(query->upper);
    free(query);
}

static void print_quoted(struct text *text, const char *value) {
    text_add(text, "'");
    for (; *value != '\0'; value++) {
        if (*value == '\'' || *value == '\\')
            text_add(text, "\\");
        text_append(text, value, 1);
    }
    text_add(text, "'");
}

static void print(struct text *text, const struct query *query) {
    static const char *const names[] = {"matchall", "and", "or", "not", "term", "phrase", "prefix", "range"};
    if (query->kind == QUERY_ALL) {
        text_add(text, names[query->kind]);
        return;
    }
    text_printf(text, "(%s", names[query->kind]);
    if (query->field != NULL)
        text_printf(text, " field=%s", query->field);
    if (query->boost < 1 || query->boost > 1)
        text_printf(text, " boost=%g", query->boost);
    if (query->value != NULL) {
        text_add(text, " ");
        print_quoted(text, query->value);
    }
    if (query->kind == QUERY_RANGE) {
        text_add(text, query->lower_inclusive ? " [" : " {");
        if (query->lower != NULL)
            print_quoted(text, query->lower);
        text_add(text, ",");
        if (query->upper != NULL)
            print_quoted(text, query->upper);
        text_add(text, query->upper_inclusive ? "]" : "}");
    }
    for (size_t i = 0; i < query->count; i++) {
        text_add(text, " ");
        print(text, query->children[i]);
    }
    text_add(text, ")");
}

char *query_print(const struct query *query) {
    struct text text = {0};
    print(&text, query);
    return text_take(&text);
}
