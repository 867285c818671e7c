/* Quoting names: what is refused, and that whatever is quoted means exactly the name again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "nightshift/base/utf8.h"
#include "nightshift/sql/identifier.h"

static void assert_quoted(const char *name, const char *quoted) {
    struct text sql = {0};
    assert_null(identifier_append(&sql, name, strlen(name)));
    assert_string_equal(text_string(&sql), quoted);
    text_free(&sql);
}

static void assert_refused(const char *name, size_t length, const char *reason) {
    struct text sql = {0};
    text_add(&sql, "DROP TABLE ");
    const char *problem = identifier_append(&sql, name, length);
    assert_non_null(problem);
    assert_string_equal(problem, reason);
    assert_string_equal(text_string(&sql), "DROP TABLE ");
    text_free(&sql);
}

static void test_quotes(void **state) {
    (void)state;
    assert_quoted("works", "`works`");
    assert_quoted("a`b", "`a``b`");
    assert_quoted("`", "````");
}

static void test_quotes_what_looks_like_sql(void **state) {
    (void)state;
    assert_quoted("a`; DROP TABLE works; --", "`a``; DROP TABLE works; --`");
    assert_quoted("a\\", "`a\\`");
    assert_quoted("a\"b'c", "`a\"b'c`");
    assert_quoted("カテゴリー", "`カテゴリー`");
    assert_quoted(" leading", "` leading`");
    assert_quoted("1", "`1`");
}

static void test_refuses_what_cannot_be_a_name(void **state) {
    (void)state;
    assert_refused("", 0, "is empty");
    assert_refused("a\0b", 3, "holds a NUL character");
    assert_refused("a ", 2, "ends with a space");
    assert_refused(" ", 1, "ends with a space");
    assert_refused("\xff", 1, "is not valid UTF-8");
    assert_refused("ab\xe3\x81", 4, "is not valid UTF-8");
    assert_refused("\xc1\xa0", 2, "is not valid UTF-8");                     /* an overlong backtick */
    assert_refused("\xf0\x9f\x98\x80", 4, "holds a character above U+FFFF"); /* an emoji */
}

static void test_counts_characters_not_bytes(void **state) {
    (void)state;
    char name[65 * 3 + 1] = "";
    for (int i = 0; i < 64; i++)
        strcat(name, "語");
    struct text sql = {0};
    assert_null(identifier_append(&sql, name, strlen(name)));
    text_free(&sql);
    strcat(name, "語");
    assert_refused(name, strlen(name), "is longer than 64 characters");
}

static void test_pairs(void **state) {
    (void)state;
    struct text sql = {0};
    assert_null(identifier_append_pair(&sql, "market`place", "works"));
    assert_string_equal(sql.data, "`market``place`.`works`");
    text_clear(&sql);
    assert_null(identifier_append_pair(&sql, NULL, "works"));
    assert_string_equal(sql.data, "`works`");
    text_clear(&sql);
    assert_string_equal(identifier_append_pair(&sql, "marketplace", ""), "is empty");
    assert_string_equal(identifier_append_pair(&sql, "", "works"), "is empty");
    assert_string_equal(text_string(&sql), "");
    text_free(&sql);
}

static void test_never_leaves_half_a_name(void **state) {
    (void)state;
    for (size_t limit = 1; limit < 40; limit++) {
        struct text sql = {.limit = limit};
        text_add(&sql, "SELECT ");
        const char *problem = identifier_append_pair(&sql, "db", "wo`rks");
        if (problem == NULL)
            assert_string_equal(sql.data, "SELECT `db`.`wo``rks`");
        else
            assert_null(strchr(text_string(&sql), '`'));
        assert_true(limit < 30 || problem == NULL);
        text_free(&sql);
    }
}

/* The server's own reading of a quoted name: up to the first backtick that is not doubled. */
static size_t unquote(const char *sql, size_t length, char *name) {
    size_t at = 1;
    size_t used = 0;
    assert_int_equal(sql[0], '`');
    while (at < length && (sql[at] != '`' || (at + 1 < length && sql[at + 1] == '`'))) {
        at += sql[at] == '`' ? 2 : 1;
        name[used++] = sql[at - 1];
    }
    assert_int_equal(at, length - 1); /* nothing after the closing one */
    return used;
}

static void test_every_name_means_itself(void **state) {
    (void)state;
    static const char *const pieces[] = {"`",  "``", "'",    "\"",       "\\",   ";",    "-- ", "/*", "*/",
                                         "#",  "\n", "\t",   " ",        "a",    "Z",    "0",   "_",  "$",
                                         "語", "é",  "\xff", "\xe8\xaa", "\x01", "\x7f", "."};
    uint32_t seed = 20261123;
    size_t accepted = 0;
    for (int round = 0; round < 200000; round++) {
        char name[512] = "";
        seed = seed * 1664525u + 1013904223u;
        int count = (int)(seed >> 24) % 40;
        for (int i = 0; i < count; i++) {
            seed = seed * 1664525u + 1013904223u;
            strcat(name, pieces[(seed >> 16) % LENGTH_OF(pieces)]);
        }
        struct text sql = {0};
        const char *problem = identifier_append(&sql, name, strlen(name));
        bool possible = count > 0 && utf8_valid(name, strlen(name)) && name[strlen(name) - 1] != ' ';
        assert_true(possible || problem != NULL);
        if (problem == NULL) {
            char back[512];
            size_t length = unquote(sql.data, sql.length, back);
            assert_int_equal(length, strlen(name));
            assert_memory_equal(back, name, length);
            accepted++;
        } else {
            assert_int_equal(sql.length, 0);
        }
        text_free(&sql);
    }
    assert_true(accepted > 20000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes),
        cmocka_unit_test(test_quotes_what_looks_like_sql),
        cmocka_unit_test(test_refuses_what_cannot_be_a_name),
        cmocka_unit_test(test_counts_characters_not_bytes),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_never_leaves_half_a_name),
        cmocka_unit_test(test_every_name_means_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
