/* The structured syntax: (and title:'star' (not genres:'Drama') (range field=year [2000,2010])). Recursive descent. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "query.h"

struct parser {
    const char *at;
    char **reason;
    size_t clauses, depth;
};

static struct query *wrong(struct parser *parser, const char *what) {
    if (*parser->reason == NULL)
        *parser->reason = xasprintf("Syntax error in query: %s near \"%.40s\"", what, parser->at);
    return NULL;
}

static void skip_blanks(struct parser *parser) {
    while (isspace((unsigned char)*parser->at))
        parser->at++;
}

static size_t name_length(const char *at) {
    size_t length = 0;
    while (isalnum((unsigned char)at[length]) || at[length] == '_')
        length++;
    return length;
}

static bool take_character(struct parser *parser, char wanted) {
    skip_blanks(parser);
    if (*parser->at != wanted)
        return false;
    parser->at++;
    return true;
}

/* 'text' with \' and \\, or a bare number. NULL: neither. */
static char *take_value(struct parser *parser) {
    struct text text = {0};
    skip_blanks(parser);
    if (*parser->at != '\'') {
        size_t length = strspn(parser->at, "+-.0123456789eE");
        const char *begin = parser->at;
        bool number =
            length > 0 && strpbrk(begin, "0123456789") != NULL && strpbrk(begin, "0123456789") < begin + length;
        parser->at += number ? length : 0;
        return number ? xstrndup(begin, length) : NULL;
    }
    const char *at = parser->at + 1;
    for (; *at != '\0' && *at != '\''; at++) {
        if (*at == '\\' && at[1] != '\0')
            at++;
        text_append(&text, at, 1);
    }
    if (*at != '\'') {
        text_free(&text);
        return NULL;
    }
    parser->at = at + 1;
    text_append(&text, "", 0);
    return text.data != NULL ? text_take(&text) : xstrdup("");
}

static struct query *take_range(struct parser *parser) {
    skip_blanks(parser);
    struct query *range = query_new(QUERY_RANGE);
    range->lower_inclusive = *parser->at == '[';
    parser->at++;
    range->lower = take_value(parser);
    if (!take_character(parser, ',')) {
        query_free(range);
        return wrong(parser, "a range needs a comma");
    }
    range->upper = take_value(parser);
    skip_blanks(parser);
    range->upper_inclusive = *parser->at == ']';
    if (*parser->at != ']' && *parser->at != '}') {
        query_free(range);
        return wrong(parser, "a range must end with ] or }");
    }
    parser->at++;
    /* An open end is written with a brace: {,5] [5,}. */
    if ((range->lower == NULL && range->lower_inclusive) || (range->upper == NULL && range->upper_inclusive) ||
        (range->lower == NULL && range->upper == NULL)) {
        query_free(range);
        return wrong(parser, "a range without a bound must be open there, with { or }, and have the other bound");
    }
    return range;
}

struct query *query_range(const char **string, char **reason) {
    struct parser parser = {.at = *string, .reason = reason};
    skip_blanks(&parser);
    struct query *range =
        *parser.at == '[' || *parser.at == '{' ? take_range(&parser) : wrong(&parser, "a range expected");
    *string = parser.at;
    return range;
}

/* What may stand behind "field:" or as the operand of an operator of one clause. */
static struct query *take_operand(struct parser *parser, enum query_kind kind) {
    skip_blanks(parser);
    if (*parser->at == '[' || *parser->at == '{')
        return kind == QUERY_TERM || kind == QUERY_RANGE ? take_range(parser)
                                                         : wrong(parser, "this operator takes no range");
    if (kind == QUERY_RANGE)
        return wrong(parser, "a range expected");
    char *value = take_value(parser);
    if (value == NULL)
        return wrong(parser, "a value in single quotes or a number expected");
    struct query *query = query_new(kind);
    query->value = value;
    return query;
}

struct head {
    char *field;
    double boost;
};

/* field=f boost=n, before the operands. */
static bool take_head(struct parser *parser, struct head *head) {
    *head = (struct head){.boost = 1};
    for (;;) {
        skip_blanks(parser);
        size_t length = name_length(parser->at);
        const char *name = parser->at;
        if (length == 0 || name[length] != '=')
            return true;
        parser->at += length + 1;
        size_t value = strcspn(parser->at, " \t\r\n)");
        char *text = xstrndup(parser->at, value);
        char *end = NULL;
        bool good = true;
        if (length == 5 && strncmp(name, "field", 5) == 0 && head->field == NULL && name_length(text) == value &&
            value > 0) {
            head->field = xstrdup(text);
        } else if (length == 5 && strncmp(name, "boost", 5) == 0) {
            head->boost = strtod(text, &end);
            good = end != text && *end == '\0' && head->boost > 0;
        } else {
            good = false;
        }
        free(text);
        if (!good) {
            wrong(parser, "an operator has an unknown or wrong option");
            return false;
        }
        parser->at += value;
    }
}

static struct query *take_expression(struct parser *parser);

/* Recursive: QUERY_DEPTH bounds it. */
static struct query *take_list(struct parser *parser, enum query_kind kind, double boost) {
    struct query *query = query_new(kind);
    query->boost = boost;
    while (!take_character(parser, ')')) {
        struct query *child = take_expression(parser);
        if (child == NULL) {
            query_free(query);
            return NULL;
        }
        query_add(query, child);
    }
    if (query->count == 0 || (kind == QUERY_NOT && query->count > 1)) {
        query_free(query);
        return wrong(parser, kind == QUERY_NOT ? "not takes one expression" : "an operator without an expression");
    }
    return query;
}

/* Behind "(". */
static struct query *take_operator(struct parser *parser) {
    static const char *const names[] = {"", "and", "or", "not", "term", "phrase", "prefix", "range"};
    struct head head;
    skip_blanks(parser);
    size_t length = name_length(parser->at);
    size_t kind = 1;
    while (kind < LENGTH_OF(names) && (strlen(names[kind]) != length || strncmp(names[kind], parser->at, length) != 0))
        kind++;
    if (kind == LENGTH_OF(names))
        return wrong(parser, length == 4 && strncmp(parser->at, "near", 4) == 0
                                 ? "cloudsearch-local does not serve near"
                                 : "unknown operator");
    parser->at += length;
    struct query *query = NULL;
    if (take_head(parser, &head)) {
        if (kind <= QUERY_NOT) {
            query = head.field == NULL ? take_list(parser, (enum query_kind)kind, head.boost)
                                       : wrong(parser, "and, or, not take no field");
        } else {
            query = take_operand(parser, (enum query_kind)kind);
            if (query != NULL && !take_character(parser, ')')) {
                query_free(query);
                query = wrong(parser, "\")\" expected");
            }
            if (query != NULL) {
                query->boost = head.boost;
                query->field = head.field;
                head.field = NULL;
            }
        }
    }
    free(head.field);
    return query;
}

static struct query *take_expression(struct parser *parser) {
    if (++parser->clauses > QUERY_CLAUSES || parser->depth >= QUERY_DEPTH)
        return wrong(parser, "too many clauses");
    if (take_character(parser, '(')) {
        parser->depth++;
        struct query *query = take_operator(parser);
        parser->depth--;
        return query;
    }
    size_t length = name_length(parser->at);
    if (length > 0 && parser->at[length] == ':') {
        char *field = xstrndup(parser->at, length);
        parser->at += length + 1;
        struct query *query = take_operand(parser, QUERY_TERM);
        if (query != NULL)
            query->field = field;
        else
            free(field);
        return query;
    }
    if (length == strlen("matchall") && strncmp(parser->at, "matchall", length) == 0) {
        parser->at += length;
        return query_new(QUERY_ALL);
    }
    return take_operand(parser, QUERY_TERM);
}

struct query *query_structured(const char *string, char **reason) {
    struct parser parser = {.at = string, .reason = reason};
    *reason = NULL;
    struct query *query = take_expression(&parser);
    skip_blanks(&parser);
    if (query != NULL && *parser.at != '\0') {
        query_free(query);
        query = wrong(&parser, "nothing more expected");
    }
    return query;
}
