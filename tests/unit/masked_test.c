/* No literal shows, whatever the quotes are, and a fingerprint without trouble is the one that has the id. */
#include "../../jobs/watch-slow-queries/masked.h"
#include "nightshift/base/utf8.h"
#include "nightshift/sql/fingerprint.h"
#include "support.h"

static char *mask(const char *query) {
    return masked_fingerprint(query, strlen(query), 2000);
}

static void plain_queries_show_their_fingerprint(void **state) {
    (void)state;
    static const char *const queries[] = {
        "",
        "SELECT 1",
        "SELECT `Work`.`id` FROM `works` AS `Work` WHERE `Work`.`title` = 'x' AND `Work`.`price` > 300 LIMIT 20",
        "SELECT * FROM t WHERE a IN ('a', 'b', 'c') AND b IN (1,2,3)",
        "INSERT INTO t (a, b) VALUES ('x', 'y'), ('a', 'b')",
        "select 'it''s', \"a\"\"b\", 'it\\'s', x'4f', n'x', _utf8'x', 'json {\"a\": \"b\"}', \"it's\"",
        "SELECT '検索', `名前` FROM `作品` WHERE t LIKE '%画%'",
        "SELECT /* page 12 */ a -- that is all\n FROM t # and more\n WHERE b = 'x'",
        "SELECT /*!40001 SQL_NO_CACHE */ * FROM `t`",
        "SELECT /*!40001 SQL_NO_CACHE */ a FROM `t` WHERE b = 'c'",
        "SELECT /*db.t:1/2*/ 'x'",
        "administrator command: Ping",
        "call proc('a', 'b')",
        "SELECT a FROM t WHERE b = '/* no comment */'",
        "SELECT 5--3, 5 - 3, 7/2 FROM t WHERE a='x'-- \n",
        "SELECT ''",
        "set names utf8mb4",
    };
    for (size_t i = 0; i < LENGTH_OF(queries); i++) {
        char fingerprint[1000];
        char *shown = mask(queries[i]);
        fingerprint_make(queries[i], strlen(queries[i]), fingerprint, sizeof fingerprint);
        assert_string_equal(shown, fingerprint);
        free(shown);
    }
}

/* `secret` is in literals only; of those marked, it shows in the fingerprint itself. */
static void literals_never_show(void **state) {
    (void)state;
    static const struct {
        bool shows;
        const char *query;
        const char *shown;
    } cases[] = {
        {false, "SELECT a FROM t WHERE b = 'secret'", "select a from t where b = ?"},
        {true, "SELECT a FROM t WHERE b = 'secret", "select a from t where b = …"},
        {true, "SELECT a FROM t WHERE b = \"secret", "select a from t where b = …"},
        {true, "SELECT a WHERE b = 'C:\\\\' AND c = 'secret'", "select a where b = ? and c = ?"},
        {true, "SELECT a WHERE b = 'C:\\\\' AND c = 'secret' AND d = 'D:\\\\'",
         "select a where b = ? and c = ? and d = ?"},
        {true, "SELECT 'a\"b', \"x'secret\"", "select ?, ?"},
        {false, "SELECT '19\"', 'secret', '21'", "select ?, ?, ?"},
        {true, "-- don't\nSELECT 'secret'", "select ?"},
        {true, "# don't\nSELECT 'secret'", "select ?"},
        {true, "SELECT a='/*', b=\"*/' secret\"", "select a=?, b=?"},
        {true, "INSERT INTO t VALUES ('secret), (x', 1), ('b', 2)", "insert into t values(?+)"},
        {false, "SELECT /* it's */ '/*', 'secret', '*/secret'", "select ?, ?, ?"},
        {false, "SELECT /*!40000 'secret' */ 1", "select /*!? ? */ ?"},
        {false, "SELECT /* 'secret' */ 1", "select ?"},
        {true, "SELECT `it's`, 'secret'", "select …"},
        {true, "SELECT `a FROM t WHERE b = 'secret", "select …"},
        {true, "SELECT \\'secret\\' FROM t", "select …"},
        /* NO_BACKSLASH_ESCAPES */
        {true, "SELECT a WHERE b = 'C:\\' AND c = 'secret'", "select a where b = …"},
        /* sjis, whose second byte can be a backslash */
        {true, "SELECT a WHERE b = '\x95\x5C' AND c = 'secret'", "select a where b = …"},
        {true, "SELECT a WHERE b = 'x'secret", "select a where b = …"},
        /* no SQL at all; the backslash meets the empty literal */
        {true, "SELECT a \\/* */'secret' b", "select a …"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char fingerprint[1000];
        char *shown = mask(cases[i].query);
        fingerprint_make(cases[i].query, strlen(cases[i].query), fingerprint, sizeof fingerprint);
        if (strcmp(shown, cases[i].shown) != 0)
            print_error("%s: %s\n", cases[i].query, shown);
        assert_string_equal(shown, cases[i].shown);
        if ((strstr(fingerprint, "secret") != NULL) != cases[i].shows)
            print_error("%s: %s\n", cases[i].query, fingerprint);
        assert_int_equal(strstr(fingerprint, "secret") != NULL, cases[i].shows);
        free(shown);
    }
}

static void no_cut_shows_a_literal(void **state) {
    (void)state;
    static const char *const queries[] = {
        "SELECT a FROM t WHERE b = 'QZQZQZ' AND c = \"QZQZQZ\" AND d IN ('QZQZQZ', 'QZQZQZ')",
        "SELECT 'QZ\\'QZ', \"QZ'QZ\", 'QZ\"QZ', 'QZ''QZ' /* it */ -- x\n , 'QZ'",
        "INSERT INTO t VALUES ('QZ), (QZ', 'QZ\\\\'), ('QZ', 'QZ')",
    };
    for (size_t i = 0; i < LENGTH_OF(queries); i++)
        for (size_t length = 0; length <= strlen(queries[i]); length++) {
            char *shown = masked_fingerprint(queries[i], length, 2000);
            assert_lacks(shown, "qz");
            free(shown);
        }
}

static void what_is_shown_is_valid_and_short(void **state) {
    (void)state;
    static const char bytes[] = "SELECT \0 a\xFF\xC3 \x1B[31m FROM `\xE6\x9C`";
    char *shown = masked_fingerprint(bytes, sizeof bytes - 1, 2000);
    assert_string_equal(shown, "select \\x00 a\\xFF\\xC3 \\x1B[?m from `\\xE6\\x9C`");
    free(shown);
    for (size_t pad = 0; pad < 8; pad++) {
        struct text query = {0};
        text_add(&query, "SELECT ");
        for (size_t i = 0; i < pad; i++)
            text_add(&query, "a");
        for (size_t i = 0; i < 700; i++)
            text_add(&query, i % 7 == 6 ? "𠮷" : "名");
        for (size_t limit = 64; limit < 80; limit++) {
            shown = masked_fingerprint(query.data, query.length, limit);
            assert_true(utf8_valid(shown, strlen(shown)));
            assert_in_range(strlen(shown), limit - 3, limit);
            assert_string_equal(shown + strlen(shown) - 3, "…");
            free(shown);
        }
        /* Cut for both reasons. */
        text_add(&query, " 'x");
        shown = masked_fingerprint(query.data, query.length, 64);
        assert_in_range(strlen(shown), 58, 64);
        assert_string_equal(shown + strlen(shown) - 3, "…");
        assert_null(strstr(shown, "……"));
        free(shown);
        text_free(&query);
    }
}

static void what_is_cut_within_a_literal_is_short_too(void **state) {
    (void)state;
    for (int letters = 40; letters < 80; letters++) {
        char query[120];
        snprintf(query, sizeof query, "SELECT %.*s = 'x", letters,
                 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
        char *shown = masked_fingerprint(query, strlen(query), 64);
        assert_in_range(strlen(shown), 1, 64);
        assert_string_equal(shown + strlen(shown) - 3, "…");
        free(shown);
    }
}

static void what_grows_when_made_printable_is_cut(void **state) {
    (void)state;
    struct text out = {0};
    text_add(&out, "(");
    masked_append(&out, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 17, 64);
    assert_int_equal(out.length, 1 + 64);
    assert_string_equal(out.data + 1 + 61, "…");
    text_clear(&out);
    masked_append(&out, "\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01", 16, 64);
    assert_int_equal(out.length, 64);
    assert_lacks(out.data, "…");
    text_free(&out);
}

static void a_text_is_cut_between_characters(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t limit, cut;
    } cases[] = {
        {"abc", 5, 3},
        {"abc", 3, 3},
        {"abc", 2, 2},
        {"a名b", 1, 1},
        {"a名b", 2, 1},
        {"a名b", 3, 1},
        {"a名b", 4, 4},
        {"a𠮷", 4, 1},
        {"\x80\x80", 1, 1},
        {"\x80\x80", 0, 0},
        {"a\x80\x80\x80\x80\x80", 5, 5},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(masked_cut(cases[i].bytes, strlen(cases[i].bytes), cases[i].limit), cases[i].cut);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_queries_show_their_fingerprint),
        cmocka_unit_test(literals_never_show),
        cmocka_unit_test(no_cut_shows_a_literal),
        cmocka_unit_test(what_is_shown_is_valid_and_short),
        cmocka_unit_test(what_is_cut_within_a_literal_is_short_too),
        cmocka_unit_test(what_grows_when_made_printable_is_cut),
        cmocka_unit_test(a_text_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
