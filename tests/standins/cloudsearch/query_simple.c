/* The simple syntax: words, +must -not "phrase" pre* a | b (group) \escape. It is meant for what people type into a box, so that a character
 * that makes no sense where it stands counts as a separator and nothing is a syntax error but what cannot be served. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "query.h"

struct parser {
    const char *at;
    unsigned operators;
    bool default_or;
    size_t clauses, depth;
    char **reason;
};

static bool has(const struct parser *parser, unsigned operator) {
    return (parser->operators & operator) != 0;
}

static bool is_blank(const struct parser *parser, char c) {
    return has(parser, SIMPLE_WHITESPACE) && isspace((unsigned char)c);
}

static void not_served(struct parser *parser, const char *what) {
    if (*parser->reason == NULL)
        *parser->reason = xasprintf("Syntax error in query: cloudsearch-local does not serve %s", what);
}

static struct query *take_phrase(struct parser *parser) {
    struct text text = {0};
    for (parser->at++; *parser->at != '\0' && *parser->at != '"'; parser->at++) {
        if (*parser->at == '\\' && parser->at[1] != '\0' && has(parser, SIMPLE_ESCAPE))
            parser->at++;
        text_append(&text, parser->at, 1);
    }
    parser->at += *parser->at == '"' ? 1 : 0;
    if (*parser->at == '~' && has(parser, SIMPLE_NEAR))
        not_served(parser, "sloppy phrases, \"...\"~N");
    struct query *query = query_new(QUERY_PHRASE);
    query->value = text.length > 0 ? text_take(&text) : xstrdup("");
    text_free(&text);
    return query;
}

/* The characters that end a word. */
static bool ends_word(const struct parser *parser, char c) {
    if (c == '\0' || is_blank(parser, c))
        return true;
    return (c == '|' && has(parser, SIMPLE_OR)) || ((c == '(' || c == ')') && has(parser, SIMPLE_PRECEDENCE)) ||
           (c == '"' && has(parser, SIMPLE_PHRASE));
}

static struct query *take_word(struct parser *parser) {
    struct text text = {0};
    bool prefix = false;
    for (; !ends_word(parser, *parser->at); parser->at++) {
        if (*parser->at == '\\' && parser->at[1] != '\0' && has(parser, SIMPLE_ESCAPE)) {
            parser->at++;
        } else if (*parser->at == '*' && has(parser, SIMPLE_PREFIX) && ends_word(parser, parser->at[1])) {
            prefix = true;
            continue;
        } else if (*parser->at == '~' && has(parser, SIMPLE_FUZZY) && text.length > 0 &&
                   isdigit((unsigned char)parser->at[1])) {
            not_served(parser, "fuzzy terms, word~N");
        }
        text_append(&text, parser->at, 1);
    }
    struct query *query = query_new(prefix ? QUERY_PREFIX : QUERY_TERM);
    query->value = text.length > 0 ? text_take(&text) : xstrdup("");
    text_free(&text);
    return query;
}

static struct query *take_alternatives(struct parser *parser);

/* Recursive: QUERY_DEPTH bounds it. */
static struct query *take_item(struct parser *parser) {
    if (++parser->clauses > QUERY_CLAUSES && *parser->reason == NULL)
        *parser->reason = xstrdup("Syntax error in query: too many clauses");
    if (*parser->at == '(' && has(parser, SIMPLE_PRECEDENCE)) {
        parser->at++;
        if (++parser->depth > QUERY_DEPTH && *parser->reason == NULL)
            *parser->reason = xstrdup("Syntax error in query: nested too deeply");
        struct query *query = *parser->reason == NULL ? take_alternatives(parser) : NULL;
        parser->depth--;
        parser->at += *parser->at == ')' ? 1 : 0;
        return query;
    }
    return *parser->at == '"' && has(parser, SIMPLE_PHRASE) ? take_phrase(parser) : take_word(parser);
}

/* A list of one stands for its only item. */
static struct query *unwrap(struct query *list) {
    struct query *only = list->count == 1 ? list->children[0] : NULL;
    if (list->count == 1)
        list->count = 0;
    if (list->count == 0) {
        query_free(list);
        return only;
    }
    return list;
}

static void add_item(struct query *list, struct query *must, struct query *item, char sign) {
    if (item == NULL)
        return;
    if (sign == '-') {
        struct query *negation = query_new(QUERY_NOT);
        query_add(negation, item);
        query_add(must, negation);
    } else {
        query_add(sign == '+' ? must : list, item);
    }
}

/* Items up to "|", ")" or the end. With "or" as the default, only items with a sign are obligatory, and the others are wanted when there is
 * none with a plus. */
static struct query *take_sequence(struct parser *parser) {
    struct query *list = query_new(parser->default_or ? QUERY_OR : QUERY_AND);
    struct query *must = query_new(QUERY_AND);
    bool any_plus = false;
    while (*parser->at != '\0' && *parser->reason == NULL) {
        char sign = '\0';
        if (is_blank(parser, *parser->at)) {
            parser->at++;
            continue;
        }
        if ((*parser->at == '|' && has(parser, SIMPLE_OR)) || (*parser->at == ')' && parser->depth > 0))
            break;
        if (*parser->at == ')' && has(parser, SIMPLE_PRECEDENCE)) {
            parser->at++;
            continue;
        }
        if ((*parser->at == '+' && has(parser, SIMPLE_AND)) || (*parser->at == '-' && has(parser, SIMPLE_NOT)))
            sign = *parser->at++;
        any_plus = any_plus || sign == '+';
        if (*parser->at != '\0' && !is_blank(parser, *parser->at))
            add_item(list, must, take_item(parser), sign);
    }
    bool wanted = list->count > 0 && !(any_plus && parser->default_or);
    struct query *rest = unwrap(list);
    if (wanted && must->count == 0) {
        query_free(must);
        return rest;
    }
    if (wanted)
        query_add(must, rest);
    else
        query_free(rest);
    return unwrap(must);
}

static struct query *take_alternatives(struct parser *parser) {
    struct query *list = query_new(QUERY_OR);
    for (;;) {
        struct query *query = take_sequence(parser);
        if (query != NULL)
            query_add(list, query);
        if (*parser->at != '|' || *parser->reason != NULL)
            break;
        parser->at++;
    }
    return unwrap(list);
}

struct query *query_simple(const char *string, unsigned operators, bool default_or, char **reason) {
    struct parser parser = {.at = string, .operators = operators, .default_or = default_or, .reason = reason};
    *reason = NULL;
    struct query *query = take_alternatives(&parser);
    if (query == NULL && *reason == NULL) {
        /* Nothing but blanks and signs: matches nothing. */
        query = query_new(QUERY_TERM);
        query->value = xstrdup("");
    }
    if (*reason != NULL) {
        query_free(query);
        query = NULL;
    }
    return query;
}
