/* The tokeniser: one pass over the characters, which fall into words, runs of CJK, and what separates them. */
#include <stdlib.h>
#include <string.h>
#include <wctype.h>

#include "nightshift/base/utf8.h"
#include "tokens.h"

/* U+FF65 to U+FF9F as full-width characters (Unicode, "Halfwidth and Fullwidth Forms"). */
static const unsigned short katakana[] = {
    0x30FB, 0x30F2, 0x30A1, 0x30A3, 0x30A5, 0x30A7, 0x30A9, 0x30E3, 0x30E5, 0x30E7, 0x30C3, 0x30FC,
    0x30A2, 0x30A4, 0x30A6, 0x30A8, 0x30AA, 0x30AB, 0x30AD, 0x30AF, 0x30B1, 0x30B3, 0x30B5, 0x30B7,
    0x30B9, 0x30BB, 0x30BD, 0x30BF, 0x30C1, 0x30C4, 0x30C6, 0x30C8, 0x30CA, 0x30CB, 0x30CC, 0x30CD,
    0x30CE, 0x30CF, 0x30D2, 0x30D5, 0x30D8, 0x30DB, 0x30DE, 0x30DF, 0x30E0, 0x30E1, 0x30E2, 0x30E4,
    0x30E6, 0x30E8, 0x30E9, 0x30EA, 0x30EB, 0x30EC, 0x30ED, 0x30EF, 0x30F3, 0x3099, 0x309A};

enum { SUGGEST_BYTES = 512 };

enum { VOICED = 0xFF9E, SEMI_VOICED = 0xFF9F };

static unsigned with_mark(unsigned code, unsigned mark) {
    bool voiced = mark == VOICED;
    if (voiced && code == 0x30A6)
        return 0x30F4;
    if (voiced &&
        ((code >= 0x30AB && code <= 0x30C2 && code % 2 == 1) || code == 0x30C4 || code == 0x30C6 || code == 0x30C8))
        return code + 1;
    if (code >= 0x30CF && code <= 0x30DB && code % 3 == 0x30CF % 3)
        return code + (voiced ? 1 : 2);
    return 0;
}

static unsigned to_lower(unsigned code) {
    if (code >= 'A' && code <= 'Z')
        return code + 32;
    bool latin = (code >= 0xC0 && code <= 0xDE && code != 0xD7) || (code >= 0x391 && code <= 0x3A9) ||
                 (code >= 0x410 && code <= 0x42F);
    if (latin)
        return code + 32;
    return code >= 0x400 && code <= 0x40F ? code + 80 : code;
}

unsigned tokens_fold(const char *bytes, size_t length, size_t *taken) {
    unsigned code = 0;
    *taken = utf8_decode(bytes, length, &code);
    if (*taken == 0) {
        *taken = 1;
        return ' ';
    }
    if (code == 0x3000)
        return ' ';
    if (code >= 0xFF01 && code <= 0xFF5E)
        return to_lower(code - 0xFEE0);
    if (code >= 0xFF65 && code <= 0xFF9F) {
        unsigned mark = 0;
        unsigned wide = katakana[code - 0xFF65];
        size_t more = utf8_decode(bytes + *taken, length - *taken, &mark);
        unsigned composed = more > 0 && (mark == VOICED || mark == SEMI_VOICED) ? with_mark(wide, mark) : 0;
        *taken += composed != 0 ? more : 0;
        return composed != 0 ? composed : wide;
    }
    return to_lower(code);
}

static bool in_range(unsigned code, unsigned first, unsigned last) {
    return code >= first && code <= last;
}

/* Han, kana, Hangul: what Lucene's CJKBigramFilter makes pairs of. */
static bool is_cjk(unsigned code) {
    return in_range(code, 0x3041, 0x3096) || in_range(code, 0x3099, 0x309A) || in_range(code, 0x309D, 0x309F) ||
           in_range(code, 0x30A1, 0x30FA) || in_range(code, 0x30FC, 0x30FF) || in_range(code, 0x31F0, 0x31FF) ||
           in_range(code, 0x3400, 0x4DBF) || in_range(code, 0x4E00, 0x9FFF) || in_range(code, 0xAC00, 0xD7A3) ||
           in_range(code, 0xF900, 0xFAFF) || in_range(code, 0x20000, 0x3FFFF) || code == 0x3005 || code == 0x3007;
}

/* Letters, digits and marks of other scripts. The blocks of punctuation and symbols below U+2E80 separate, as does whatever is CJK
 * punctuation, private, an emoji or a presentation form. */
static bool is_word(unsigned code) {
    if (code < 0x80)
        return in_range(code, '0', '9') || in_range(code, 'a', 'z');
    if (code < 0x2E80)
        return code == 0xAA || code == 0xB5 || code == 0xBA ||
               (code >= 0xC0 && code != 0xD7 && code != 0xF7 && !in_range(code, 0x2000, 0x206F) &&
                !in_range(code, 0x20A0, 0x2BFF));
    return in_range(code, 0xA000, 0xABFF);
}

static void add_token(struct tokens *tokens, const char *text, size_t length, size_t begin, size_t end,
                      bool starts_word) {
    if (length == 0)
        return;
    tokens->items = xgrow(tokens->items, tokens->count, sizeof *tokens->items);
    tokens->items[tokens->count++] =
        (struct token){.text = xstrndup(text, length), .begin = begin, .end = end, .starts_word = starts_word};
}

static void add_character(struct text *text, unsigned code) {
    char bytes[4];
    size_t length = 0;
    if (code < 0x80) {
        bytes[length++] = (char)code;
    } else if (code < 0x800) {
        bytes[length++] = (char)(0xC0U | (code >> 6U));
    } else if (code < 0x10000) {
        bytes[length++] = (char)(0xE0U | (code >> 12U));
        bytes[length++] = (char)(0x80U | ((code >> 6U) & 0x3FU));
    } else {
        bytes[length++] = (char)(0xF0U | (code >> 18U));
        bytes[length++] = (char)(0x80U | ((code >> 12U) & 0x3FU));
        bytes[length++] = (char)(0x80U | ((code >> 6U) & 0x3FU));
    }
    if (code >= 0x80)
        bytes[length++] = (char)(0x80U | (code & 0x3FU));
    text_append(text, bytes, length);
}

void tokens_fold_string(struct text *text, const char *string) {
    size_t length = strlen(string);
    size_t taken = 0;
    for (size_t at = 0; at < length && at < SUGGEST_BYTES; at += taken)
        add_character(text, tokens_fold(string + at, length - at, &taken));
}

/* The run that is being read: a word, or the last CJK character with how many came before it. */
struct run {
    struct text text;
    size_t begin, end;
    size_t characters;
    bool cjk;
};

static void end_run(struct tokens *tokens, struct run *run) {
    /* Of a run of CJK all pairs are written already; only a single character is still to come. */
    if (run->characters > 0 && (!run->cjk || run->characters == 1) && run->characters <= TERM_LIMIT)
        add_token(tokens, text_string(&run->text), run->text.length, run->begin, run->end, true);
    text_clear(&run->text);
    run->characters = 0;
}

static void add_cjk(struct tokens *tokens, struct run *run, unsigned code, size_t begin, size_t end) {
    struct text pair = {0};
    if (run->characters > 0) {
        text_append(&pair, text_string(&run->text), run->text.length);
        add_character(&pair, code);
        add_token(tokens, text_string(&pair), pair.length, run->begin, end, run->characters == 1);
        text_free(&pair);
    }
    text_clear(&run->text);
    add_character(&run->text, code);
    run->begin = begin;
    run->end = end;
    run->characters++;
}

void tokens_split(struct tokens *tokens, const char *string) {
    struct run run = {0};
    size_t length = strlen(string);
    size_t taken = 0;
    for (size_t at = 0; at < length; at += taken) {
        unsigned code = tokens_fold(string + at, length - at, &taken);
        bool cjk = is_cjk(code);
        if (run.characters > 0 && (cjk != run.cjk || (!cjk && !is_word(code))))
            end_run(tokens, &run);
        run.cjk = cjk;
        if (cjk) {
            add_cjk(tokens, &run, code, at, at + taken);
        } else if (is_word(code)) {
            if (run.characters++ == 0)
                run.begin = at;
            add_character(&run.text, code);
            run.end = at + taken;
        }
    }
    end_run(tokens, &run);
    text_free(&run.text);
}

void tokens_free(struct tokens *tokens) {
    for (size_t i = 0; i < tokens->count; i++)
        free(tokens->items[i].text);
    free(tokens->items);
    *tokens = (struct tokens){0};
}
