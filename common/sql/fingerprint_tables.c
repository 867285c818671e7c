/* Which tables a query names. Not a parser: a walk over its tokens that knows after which words a table is named (FROM,
 * JOIN, INTO, UPDATE, TABLE, ...), and for each level of parentheses whether a comma leads to one more. Unlike the
 * fingerprint this reads literals, quotes and comments as the server does, because a name that is wrong would be worse
 * than none. pt-query-digest's own list (its "distill") puts "?" for digits and keeps names of subqueries and
 * functions; it would be of no use to find the tables again. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "fingerprint_private.h"
#include "nightshift/sql/fingerprint.h"

enum kind { KIND_END, KIND_WORD, KIND_QUOTED, KIND_LITERAL, KIND_SIGN };

enum word {
    WORD_OTHER,
    WORD_ALTER,
    WORD_AS,
    WORD_CREATE,
    WORD_DELETE,
    WORD_DESCRIBE,
    WORD_DROP,
    WORD_DUAL,
    WORD_EXPLAIN_PART, /* may stand between EXPLAIN and the statement */
    WORD_FIELDS,       /* what SHOW can show of a table */
    WORD_FROM,
    WORD_INSERT,
    WORD_INTO,
    WORD_JOIN,
    WORD_LIKE,
    WORD_LIST_END,  /* ends a list of tables */
    WORD_MODIFIER,  /* may stand before a name */
    WORD_AUXILIARY, /* key, for: an UPDATE or JOIN behind it is none */
    WORD_ON,
    WORD_RECURSIVE,
    WORD_REFERENCES,
    WORD_RENAME,
    WORD_SELECT,
    WORD_SHOW,
    WORD_STRAIGHT_JOIN,
    WORD_TABLE,
    WORD_TO,
    WORD_TRUNCATE,
    WORD_UPDATE,
    WORD_USING,
    WORD_WITH,
};

static const struct entry {
    const char *text; /* sorted */
    enum word word;
} entries[] = {
    {"alter", WORD_ALTER},
    {"analyze", WORD_EXPLAIN_PART},
    {"as", WORD_AS},
    {"columns", WORD_FIELDS},
    {"create", WORD_CREATE},
    {"delayed", WORD_MODIFIER},
    {"delete", WORD_DELETE},
    {"desc", WORD_DESCRIBE},
    {"describe", WORD_DESCRIBE},
    {"drop", WORD_DROP},
    {"dual", WORD_DUAL},
    {"dumpfile", WORD_LIST_END},
    {"except", WORD_LIST_END},
    {"exists", WORD_MODIFIER},
    {"explain", WORD_DESCRIBE},
    {"extended", WORD_EXPLAIN_PART},
    {"fields", WORD_FIELDS},
    {"for", WORD_AUXILIARY},
    {"format", WORD_EXPLAIN_PART},
    {"from", WORD_FROM},
    {"group", WORD_LIST_END},
    {"having", WORD_LIST_END},
    {"high_priority", WORD_MODIFIER},
    {"if", WORD_MODIFIER},
    {"ignore", WORD_MODIFIER},
    {"index", WORD_FIELDS},
    {"indexes", WORD_FIELDS},
    {"insert", WORD_INSERT},
    {"intersect", WORD_LIST_END},
    {"into", WORD_INTO},
    {"join", WORD_JOIN},
    {"key", WORD_AUXILIARY},
    {"keys", WORD_FIELDS},
    {"lateral", WORD_MODIFIER},
    {"like", WORD_LIKE},
    {"limit", WORD_LIST_END},
    {"low_priority", WORD_MODIFIER},
    {"not", WORD_MODIFIER},
    {"on", WORD_ON},
    {"only", WORD_MODIFIER},
    {"order", WORD_LIST_END},
    {"outfile", WORD_LIST_END},
    {"partitions", WORD_EXPLAIN_PART},
    {"procedure", WORD_LIST_END},
    {"quick", WORD_MODIFIER},
    {"recursive", WORD_RECURSIVE},
    {"references", WORD_REFERENCES},
    {"rename", WORD_RENAME},
    {"replace", WORD_INSERT},
    {"select", WORD_SELECT},
    {"set", WORD_LIST_END},
    {"show", WORD_SHOW},
    {"straight_join", WORD_STRAIGHT_JOIN},
    {"table", WORD_TABLE},
    {"tables", WORD_TABLE},
    {"to", WORD_TO},
    {"truncate", WORD_TRUNCATE},
    {"union", WORD_LIST_END},
    {"update", WORD_UPDATE},
    {"using", WORD_USING},
    {"values", WORD_LIST_END},
    {"where", WORD_LIST_END},
    {"window", WORD_LIST_END},
    {"with", WORD_WITH},
};

struct token {
    enum kind kind;
    enum word word; /* of KIND_WORD */
    const char *at; /* a name without its quotes */
    size_t length;
};

struct tokens {
    const char *at;
    const char *end;
};

/* ---- tokens ---- */

static int compare_entry(const void *key, const void *element) {
    const struct token *token = key;
    const char *text = ((const struct entry *)element)->text;
    for (size_t i = 0; i < token->length; i++) {
        int difference = fingerprint_lower(token->at[i]) - text[i];
        if (difference != 0)
            return difference; /* the end of `text` too */
    }
    return text[token->length] == '\0' ? 0 : -1;
}

static bool is_name_byte(char c) {
    return fingerprint_is_word(c) || c == '$' || (unsigned char)c >= 0x80;
}

/* Behind a comment that ends with `mark`, or at the end. */
static const char *skip_past(const struct tokens *tokens, const char *from, const char *mark) {
    const char *found = memmem(from, (size_t)(tokens->end - from), mark, strlen(mark));
    return found != NULL ? found + strlen(mark) : tokens->end;
}

static bool stands_at(const struct tokens *tokens, const char *text) {
    return (size_t)(tokens->end - tokens->at) >= strlen(text) && memcmp(tokens->at, text, strlen(text)) == 0;
}

/* White space and comments; of a version comment only its marks, since the server reads what is in it. */
static void skip_blank(struct tokens *tokens) {
    while (tokens->at < tokens->end) {
        if (fingerprint_is_space(*tokens->at))
            tokens->at++;
        else if (*tokens->at == '#' ||
                 (stands_at(tokens, "--") && (tokens->end - tokens->at == 2 || tokens->at[2] <= ' ')))
            tokens->at = skip_past(tokens, tokens->at, "\n");
        else if (stands_at(tokens, "/*!") || stands_at(tokens, "/*M!")) {
            tokens->at += tokens->at[2] == 'M' ? 4 : 3;
            while (tokens->at < tokens->end && *tokens->at >= '0' && *tokens->at <= '9')
                tokens->at++;
        } else if (stands_at(tokens, "/*"))
            tokens->at = skip_past(tokens, tokens->at + 2, "*/");
        else if (stands_at(tokens, "*/"))
            tokens->at += 2;
        else
            break;
    }
}

/* Behind a quoted text that begins at `at`; a doubled quote belongs to it. NULL if it has no end. */
static const char *skip_quoted(const struct tokens *tokens, const char *at) {
    const char quote = *at++;
    for (; at < tokens->end; at++) {
        bool doubled = *at == quote && at + 1 < tokens->end && at[1] == quote;
        if (*at == quote && !doubled)
            return at + 1;
        if (doubled || (*at == '\\' && quote != '`'))
            at++;
    }
    return NULL;
}

static struct token next_token(struct tokens *tokens) {
    skip_blank(tokens);
    struct token token = {.kind = KIND_END, .at = tokens->at};
    if (tokens->at == tokens->end)
        return token;
    const char first = *tokens->at;
    if (first == '`' || first == '\'' || first == '"') {
        const char *after = skip_quoted(tokens, tokens->at);
        token.kind = after == NULL ? KIND_END : first == '`' ? KIND_QUOTED : KIND_LITERAL;
        token.at++;
        tokens->at = after != NULL ? after : tokens->end;
        token.length = after != NULL ? (size_t)(after - token.at) - 1 : 0;
        return token;
    }
    tokens->at++;
    token.kind = KIND_SIGN;
    if (is_name_byte(first)) {
        token.kind = KIND_WORD;
        while (tokens->at < tokens->end && is_name_byte(*tokens->at))
            tokens->at++;
    }
    token.length = (size_t)(tokens->at - token.at);
    if (token.kind == KIND_WORD) {
        const struct entry *entry = bsearch(&token, entries, LENGTH_OF(entries), sizeof entries[0], compare_entry);
        token.word = entry != NULL ? entry->word : WORD_OTHER;
    }
    return token;
}

static struct token peek_token(const struct tokens *tokens) {
    struct tokens copy = *tokens;
    return next_token(&copy);
}

static bool is_sign(const struct token *token, char sign) {
    return token->kind == KIND_SIGN && *token->at == sign;
}

static bool is_name(const struct token *token) {
    return token->kind == KIND_WORD || token->kind == KIND_QUOTED;
}

/* ---- walk ---- */

enum { LEVELS = 32 }; /* deeper ones share the last */

struct level {
    bool list;   /* a comma leads to another table */
    bool select; /* a SELECT began here, so that a FROM is its own and not that of a function like TRIM(... FROM ...) */
};

struct walk {
    struct tokens tokens;
    struct strings *tables;
    struct strings ctes;
    struct level levels[LEVELS];
    size_t depth;
    enum word statement; /* its first word */
    enum word before;    /* the last word; WORD_OTHER after a sign */
    bool begun;          /* a statement has begun */
    bool expected;       /* a table comes next */
    bool lists;          /* it may be the first of several */
    bool functions;      /* it is none if a parenthesis follows */
    bool in_with;        /* within the list of common table expressions */
    bool cte_expected;
};

static struct level *level_of(struct walk *walk) {
    return &walk->levels[walk->depth < LEVELS ? walk->depth : LEVELS - 1];
}

static void expect_table(struct walk *walk, bool lists, bool functions) {
    walk->expected = true;
    walk->lists = lists;
    walk->functions = functions;
}

static void append_name(struct text *text, const struct token *token) {
    for (size_t i = 0; i < token->length; i++) {
        if (token->kind == KIND_QUOTED && token->at[i] == '`')
            i++; /* doubled */
        text_append(text, token->at + i, 1);
    }
}

/* Reads the rest of a name that begins with `token`, and adds it. */
static void take_table(struct walk *walk, struct token token) {
    struct text name = {.limit = FINGERPRINT_TABLE_MAX};
    bool qualified = false;
    append_name(&name, &token);
    for (struct token next = peek_token(&walk->tokens); is_sign(&next, '.'); next = peek_token(&walk->tokens)) {
        next_token(&walk->tokens);
        token = next_token(&walk->tokens);
        if (!is_name(&token))
            break;
        text_add(&name, ".");
        append_name(&name, &token);
        qualified = true;
    }
    struct token next = peek_token(&walk->tokens);
    bool function = walk->functions && is_sign(&next, '(');
    const char *string = text_string(&name);
    level_of(walk)->list = walk->lists;
    walk->expected = false;
    walk->before = WORD_OTHER;
    if (!function && !name.full && name.length > 0 && strlen(string) == name.length &&
        walk->tables->count < FINGERPRINT_TABLES_MAX && !strings_contain(walk->tables, string) &&
        (qualified || !strings_contain(&walk->ctes, string)))
        strings_add(walk->tables, string);
    text_free(&name);
}

static void take_sign(struct walk *walk, const struct token *token) {
    bool expected = walk->expected;
    walk->expected = false;
    walk->before = WORD_OTHER;
    switch (*token->at) {
    case '(':
        if (expected)
            level_of(walk)->list = walk->lists;
        walk->depth++;
        *level_of(walk) = (struct level){.list = expected};
        walk->expected = expected && walk->functions; /* FROM (a, b) */
        break;
    case ')':
        if (walk->depth > 0)
            walk->depth--;
        break;
    case ',':
        if (walk->in_with && walk->depth == 0)
            walk->cte_expected = true;
        else if (level_of(walk)->list)
            expect_table(walk, true, true);
        break;
    case ';':
        if (walk->depth == 0) {
            walk->begun = walk->in_with = walk->cte_expected = false;
            walk->levels[0] = (struct level){0};
        }
        break;
    default:
        break;
    }
}

/* FROM, and what else leads to a table only in some statements. */
static void take_from(struct walk *walk) {
    if (walk->depth > 0 && !level_of(walk)->select)
        return;
    if (walk->statement == WORD_SHOW && walk->before != WORD_FIELDS)
        return; /* the database */
    expect_table(walk, walk->statement != WORD_SHOW, true);
}

static void take_table_word(struct walk *walk) {
    if (walk->statement != WORD_SHOW)
        expect_table(walk, walk->statement != WORD_ALTER && walk->statement != WORD_CREATE, false);
    else if (walk->before == WORD_CREATE)
        expect_table(walk, false, false);
}

/* The first word of a statement, behind EXPLAIN and WITH as well. */
static void begin_statement(struct walk *walk, const struct token *token) {
    struct token next = peek_token(&walk->tokens);
    walk->begun = true;
    walk->statement = token->word;
    if (token->word == WORD_INSERT || token->word == WORD_TRUNCATE)
        expect_table(walk, token->word == WORD_TRUNCATE, false);
    else if (token->word == WORD_WITH)
        walk->in_with = walk->cte_expected = true;
    else if (token->word == WORD_DESCRIBE && (next.kind == KIND_QUOTED || next.word == WORD_OTHER))
        expect_table(walk, false, false);
    if (token->word == WORD_DESCRIBE || token->word == WORD_EXPLAIN_PART || token->word == WORD_WITH)
        walk->begun = false; /* the statement itself is still to come */
}

static void take_word(struct walk *walk, const struct token *token) {
    bool opens = token->word == WORD_SELECT || token->word == WORD_INSERT || token->word == WORD_UPDATE ||
                 token->word == WORD_DELETE;
    if (walk->in_with && walk->depth == 0 && opens)
        walk->in_with = false;
    if (!walk->begun && !walk->in_with)
        begin_statement(walk, token);
    switch ((int)token->word) { /* the other words say nothing here */
    case WORD_FROM:
        take_from(walk);
        break;
    case WORD_STRAIGHT_JOIN:
        if (level_of(walk)->list)
            expect_table(walk, true, true);
        break;
    case WORD_JOIN:
        if (walk->before != WORD_AUXILIARY) /* an index hint, FOR JOIN (...) */
            expect_table(walk, true, true);
        break;
    case WORD_INTO:
    case WORD_REFERENCES:
        expect_table(walk, false, false);
        break;
    case WORD_UPDATE:
        if (walk->before != WORD_AUXILIARY && walk->before != WORD_ON)
            expect_table(walk, true, true);
        break;
    case WORD_TABLE:
        take_table_word(walk);
        break;
    case WORD_LIKE:
        if (walk->statement == WORD_CREATE && !level_of(walk)->select)
            expect_table(walk, false, false);
        break;
    case WORD_TO:
    case WORD_AS:
        if (walk->before == WORD_RENAME || (walk->statement == WORD_RENAME && token->word == WORD_TO))
            expect_table(walk, walk->statement == WORD_RENAME, false);
        break;
    case WORD_ON:
        if ((walk->statement == WORD_CREATE || walk->statement == WORD_DROP) && walk->tables->count == 0)
            expect_table(walk, false, false); /* of an index or a trigger */
        break;
    case WORD_USING:
        if (walk->statement == WORD_DELETE && walk->depth == 0)
            expect_table(walk, true, true);
        break;
    case WORD_SELECT:
        *level_of(walk) = (struct level){.select = true};
        break;
    case WORD_LIST_END:
        level_of(walk)->list = false;
        break;
    default:
        break;
    }
    walk->before = token->word;
}

/* Whether a token can be the name of a table where one is expected; words that no table is called without quotes
 * cannot. */
static bool can_be_table(const struct token *token) {
    return token->kind == KIND_QUOTED ||
           (token->kind == KIND_WORD && (token->word == WORD_OTHER || token->word == WORD_FIELDS ||
                                         token->word == WORD_EXPLAIN_PART || token->word == WORD_RECURSIVE));
}

static void take_token(struct walk *walk, const struct token *token) {
    if (walk->cte_expected && is_name(token)) {
        if (token->word == WORD_RECURSIVE)
            return;
        char *name = xstrndup(token->at, token->length);
        strings_add(&walk->ctes, name);
        free(name);
        walk->cte_expected = false;
        return;
    }
    if (walk->expected && can_be_table(token)) {
        take_table(walk, *token);
        return;
    }
    if (walk->expected && (token->word == WORD_MODIFIER || token->word == WORD_TABLE || token->word == WORD_INTO))
        return;
    if (token->kind == KIND_SIGN) {
        take_sign(walk, token);
        return;
    }
    walk->expected = false;
    if (token->kind == KIND_WORD)
        take_word(walk, token);
    else
        walk->before = WORD_OTHER;
}

void fingerprint_tables(const char *query, size_t length, struct strings *tables) {
    struct walk walk = {.tokens = {.at = query, .end = query + length}, .tables = tables};
    bool member = false; /* the last sign was a dot: what follows is a column, whatever it is called */
    for (struct token token = next_token(&walk.tokens); token.kind != KIND_END; token = next_token(&walk.tokens)) {
        if (!member || token.kind != KIND_WORD)
            take_token(&walk, &token);
        member = is_sign(&token, '.');
    }
    strings_free(&walk.ctes);
}
