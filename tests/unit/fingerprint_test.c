/* Fingerprints against percona-toolkit's own, byte for byte; what holds for any bytes; and the tables of a query. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "golden/golden.h"
#include "nightshift/sql/fingerprint.h"

/* \\ and \xNN become bytes, in place; returns the length. */
static size_t unescape(char *text) {
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] == 'x') {
            const char digits[3] = {at[2], at[3], '\0'};
            *to++ = (char)strtol(digits, NULL, 16);
            at += 3;
        } else
            *to++ = *at == '\\' ? *++at : *at;
    }
    *to = '\0';
    return (size_t)(to - text);
}

/* The fingerprint of a query from and to blocks of exactly the stated size, so that a step beyond is seen. Freed by the
 * caller. */
static char *fingerprint_of(const char *query, size_t length, size_t size, size_t *result) {
    char *exact = xmalloc(length > 0 ? length : 1), *out = xmalloc(size > 0 ? size : 1);
    memcpy(exact, query, length);
    *result = fingerprint_make(exact, length, out, size);
    free(exact);
    return out;
}

static void check_line(const char *query, size_t length, const char *wanted, size_t wanted_length, const char *id) {
    char found_id[FINGERPRINT_ID_SIZE];
    size_t found_length = 0;
    char *found = fingerprint_of(query, length, FINGERPRINT_SIZE(length), &found_length);
    if (found_length != wanted_length || memcmp(found, wanted, wanted_length) != 0)
        fail_msg("query   %s\nwanted  %s\nfound   %s", query, wanted, found);
    assert_int_equal(found[found_length], '\0');
    fingerprint_id(found, found_length, found_id);
    assert_string_equal(found_id, id);
    free(found);
}

static size_t check_file(const char *file) {
    struct golden lines;
    size_t count = 0;
    golden_open(&lines, file);
    for (; golden_next(&lines) == 3; count++) {
        size_t length = unescape(lines.columns[0]);
        size_t wanted = unescape(lines.columns[1]);
        check_line(lines.columns[0], length, lines.columns[1], wanted, lines.columns[2]);
    }
    golden_close(&lines);
    return count;
}

static void sample_is_as_percona_toolkit_makes_it(void **state) {
    (void)state;
    assert_int_equal(check_file("fingerprints.sample.txt"), 189);
}

static void rules_are_those_of_percona_toolkit(void **state) {
    (void)state;
    assert_int_equal(check_file("fingerprints.rules.txt"), 466);
}

static void a_fingerprint_is_its_own_fingerprint(void **state) {
    (void)state;
    struct golden lines;
    golden_open(&lines, "fingerprints.sample.txt");
    while (golden_next(&lines) == 3) {
        size_t length = unescape(lines.columns[1]);
        check_line(lines.columns[1], length, lines.columns[1], length, lines.columns[2]);
    }
    golden_close(&lines);
}

/* A fingerprint that does not fit is that of the query cut to what fits. */
static void a_small_buffer_cuts_the_query(void **state) {
    (void)state;
    static const char query[] =
        "SELECT `Item`.`id` FROM `items` AS `Item` WHERE `Item`.`title` = 'ギター' AND `Item`.`price` "
        "IN (1,2,3) ORDER BY `Item`.`id` ASC LIMIT 1, 2";
    for (size_t length = 0; length < sizeof query; length++) {
        size_t whole_length = 0, cut_length = 0;
        char *whole = fingerprint_of(query, length, FINGERPRINT_SIZE(length), &whole_length);
        char *cut = fingerprint_of(query, sizeof query - 1, FINGERPRINT_SIZE(length), &cut_length);
        assert_int_equal(cut_length, whole_length);
        assert_memory_equal(cut, whole, whole_length + 1);
        free(whole);
        free(cut);
    }
}

static void a_tiny_buffer_stays_empty(void **state) {
    (void)state;
    char out[16] = "untouched";
    assert_int_equal(fingerprint_make("select 1", 8, out, 0), 0);
    assert_string_equal(out, "untouched");
    assert_int_equal(fingerprint_make("select 1", 8, out, 15), 0);
    assert_string_equal(out, "");
    assert_int_equal(fingerprint_make("select /*a.b:1/2*/", 18, out, 16), 15);
    assert_string_equal(out, "percona-toolkit");
    assert_int_equal(fingerprint_make(NULL, 0, out, sizeof out), 0);
    assert_string_equal(out, "");
}

static void a_bulk_insert_fits_a_small_buffer(void **state) {
    (void)state;
    struct text query = {0};
    char out[512];
    text_add(&query, "INSERT INTO `access_log_2024` (`user_id`, `uri`) VALUES (1, '/items/1')");
    for (int i = 0; i < 100000; i++)
        text_printf(&query, ", (%d, '/items/%d')", i, i);
    fingerprint_make(query.data, query.length, out, sizeof out);
    assert_string_equal(out, "insert into `access_log_?` (`user_id`, `uri`) values(?+)");
    text_free(&query);
}

/* Here percona-toolkit dies, since Perl repeats a group so many times only. */
static void lists_have_no_limit(void **state) {
    (void)state;
    struct text query = {0};
    size_t length = 0;
    text_add(&query, "select * from t where (a) in ");
    for (int i = 0; i < 200000; i++)
        text_printf(&query, "%s(%d)", i > 0 ? ", " : "", i);
    char *found = fingerprint_of(query.data, query.length, FINGERPRINT_SIZE(query.length), &length);
    assert_string_equal(found, "select * from t where (a) in(?+)");
    free(found);
    text_free(&query);
}

/* Each of these would take hours if a step were repeated for each place of the query. */
static void no_query_takes_long(void **state) {
    (void)state;
    static const char *const parts[] = {"select a union ",
                                        "union select ",
                                        "select ",
                                        "in()",
                                        "in (?,",
                                        "in((",
                                        "'",
                                        "\"",
                                        "\\'",
                                        "/*",
                                        "/*!",
                                        "--",
                                        "-'",
                                        "#'",
                                        "#\"\n",
                                        "order by \v",
                                        "\v",
                                        " \v",
                                        "limit ?",
                                        "x?",
                                        "select 1 union select ",
                                        "insert into values(",
                                        "),(",
                                        "-f",
                                        "nullx'",
                                        "call f("};
    for (size_t i = 0; i < LENGTH_OF(parts); i++) {
        struct text query = {0};
        size_t length = 0;
        text_add(&query, i % 2 == 0 ? "" : "insert into t values (order by in limit ");
        while (query.length < 300000)
            text_printf(&query, i % 3 == 0 ? "%s%c" : "%s", parts[i], (char)('a' + query.length % 23));
        char *found = fingerprint_of(query.data, query.length, FINGERPRINT_SIZE(query.length), &length);
        assert_true(length <= query.length * 2);
        free(found);
        text_free(&query);
    }
}

static void different_unions_end(void **state) {
    (void)state;
    struct text query = {0};
    size_t length = 0;
    for (int i = 0; i < 60000; i++)
        text_printf(&query, "%sselect %c%c%c%c%c", i > 0 ? " union " : "", 'g' + i % 10, 'g' + i / 10 % 10,
                    'g' + i / 100 % 10, 'g' + i / 1000 % 10, 'g' + i / 10000 % 10);
    char *found = fingerprint_of(query.data, query.length, FINGERPRINT_SIZE(query.length), &length);
    assert_int_equal(length, query.length);
    assert_memory_equal(found, query.data, length);
    free(found);
    text_free(&query);
}

/* A xorshift generator: the same bytes in every run. */
static unsigned next_number(unsigned *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    return *seed;
}

static void any_bytes_stay_within_the_bound(void **state) {
    (void)state;
    static const char *const parts[] = {"'",
                                        "\"",
                                        "\\",
                                        "/*",
                                        "*/",
                                        "/*!",
                                        "--",
                                        "#",
                                        "\n",
                                        " ",
                                        "\v",
                                        "in",
                                        "(",
                                        ")",
                                        ",",
                                        "?",
                                        "x",
                                        "b",
                                        ".",
                                        "1",
                                        "-",
                                        "f",
                                        "null",
                                        "true",
                                        "false",
                                        "values",
                                        "in()",
                                        "select ",
                                        " union select ",
                                        " union all ",
                                        "limit 1",
                                        " offset 1",
                                        "order by ",
                                        " asc",
                                        "call f(",
                                        "insert into t values(1)",
                                        "use a",
                                        "/*a.b:1/2*/",
                                        "administrator command: ",
                                        "\xe3\x81\x82",
                                        "\xff",
                                        "`"};
    unsigned seed = 20240601;
    for (int round = 0; round < 30000; round++) {
        char query[400];
        size_t length = 0, found_length = 0, count = next_number(&seed) % 24;
        for (size_t i = 0; i < count; i++) {
            const char *part = parts[next_number(&seed) % LENGTH_OF(parts)];
            memcpy(query + length, part, strlen(part));
            length += strlen(part);
            if (next_number(&seed) % 8 == 0)
                query[length++] = (char)(next_number(&seed) & 255);
        }
        char *found = fingerprint_of(query, length, FINGERPRINT_SIZE(length), &found_length);
        assert_true(found_length <= length + length / 2 + 4);
        assert_int_equal(found[found_length], '\0');
        free(found);
        struct strings tables = {0};
        char *exact = xmalloc(length > 0 ? length : 1);
        memcpy(exact, query, length);
        fingerprint_tables(exact, length, &tables);
        assert_true(tables.count <= FINGERPRINT_TABLES_MAX);
        strings_free(&tables);
        free(exact);
    }
}

static void ids_are_md5(void **state) {
    (void)state;
    char id[FINGERPRINT_ID_SIZE];
    fingerprint_id("hello world", 11, id);
    assert_string_equal(id, "5EB63BBBE01EEED093CB22BB8F5ACDC3");
    fingerprint_id("", 0, id);
    assert_string_equal(id, "D41D8CD98F00B204E9800998ECF8427E");
}

/* ---- tables ---- */

static void check_tables(const char *query, const char *wanted) {
    struct strings tables = {0};
    struct text found = {0};
    fingerprint_tables(query, strlen(query), &tables);
    for (size_t i = 0; i < tables.count; i++)
        text_printf(&found, "%s%s", i > 0 ? " " : "", tables.items[i]);
    if (strcmp(text_string(&found), wanted) != 0)
        fail_msg("query  %s\nwanted %s\nfound  %s", query, wanted, text_string(&found));
    text_free(&found);
    strings_free(&tables);
}

static void tables_of_selects(void **state) {
    (void)state;
    check_tables("SELECT `Item`.`id` FROM `items` AS `Item` LEFT JOIN `users` AS `User` ON (`Item`.`user_id` = "
                 "`User`.`id`) WHERE 1",
                 "items users");
    check_tables("select * from a, b as x, c y where d, e = 1 order by f, g", "a b c");
    check_tables("select * from a join b on a.x = b.x, c", "a b c");
    check_tables("select * from shop.items_2024, `shop`.`orders`", "shop.items_2024 shop.orders");
    check_tables("select * from (select * from a) x, b", "a b");
    check_tables("select * from (a, b) left join (c join d on 1) on 1", "a b c d");
    check_tables("select a, (select max(b) from c), d from e where f in (select g from h)", "c e h");
    check_tables("(select 1 from a) union all (select 2 from b) union select 3 from a", "a b");
    check_tables("select straight_join a from b straight_join c force index for join (i, j) on 1", "b c");
    check_tables("select extract(year from created), trim(leading 'x' from name), substring(a from 2) from t", "t");
    check_tables("select * from json_table(a.b, '$' columns (c int path '$.d')) as j, t use index (i, k), u", "t u");
    check_tables("select 1 from dual", "");
    check_tables("select a into outfile '/tmp/from x' from t for update", "t");
    check_tables("select a into @from from t lock in share mode", "t");
    check_tables("select t.from, t.`update` from t where `join` = 1", "t");
    check_tables("with recursive x (n) as (select 1 union all select n+1 from x), y as (select * from a) select * from "
                 "x join y join b",
                 "a b");
    check_tables("explain format=json select * from t", "t");
    check_tables("values row(1, 2)", "");
    check_tables("table t order by a limit 1", "t");
}

static void tables_of_writes(void **state) {
    (void)state;
    check_tables("INSERT INTO `messages` (`a`, `b`) VALUES ('from x', 2) ON DUPLICATE KEY UPDATE a = VALUES(a), b = 1",
                 "messages");
    check_tables("insert low_priority ignore t values (1)", "t");
    check_tables("replace into a select * from b, c", "a b c");
    check_tables("update low_priority a, b set a.x = 1, b.y = (select max(z) from c)", "a b c");
    check_tables("DELETE `Favorite` FROM `favorites` AS `Favorite` WHERE `Favorite`.`id` IN (1)", "favorites");
    check_tables("delete from a using a join b where 1", "a b");
    check_tables("load data local infile 'x' replace into table t fields terminated by ','", "t");
}

static void tables_of_definitions(void **state) {
    (void)state;
    check_tables("create table if not exists a (id int, foreign key (b) references c (d)) engine=InnoDB", "a c");
    check_tables("create table a like b", "a b");
    check_tables("create table a select * from b", "a b");
    check_tables("alter table a add b int, add c int, rename to d", "a d");
    check_tables("drop table if exists a, b.c", "a b.c");
    check_tables("rename table a to b, c to d", "a b c d");
    check_tables("truncate t", "t");
    check_tables("truncate table t", "t");
    check_tables("lock tables a read, b as x write", "a b");
    check_tables("optimize table a, b", "a b");
    check_tables("create unique index i on t (a, b)", "t");
    check_tables("desc t", "t");
    check_tables("show columns from t from shop", "t");
    check_tables("show create table t", "t");
    check_tables("show table status from shop", "");
    check_tables("show tables from shop", "");
}

static void names_in_literals_and_comments_are_no_tables(void **state) {
    (void)state;
    check_tables("select 'from a', \"join b\" from c -- from d\n, e # from f\n where 'it''s \\' from g' = 1", "c e");
    check_tables("select /* from a */ 1 from /*! b */, c /*!50001 join d */", "b c d");
    check_tables("select 5--3 from t", "t");
    check_tables("select 1 from `a``b`, `日本語`, 商品, `x", "a`b 日本語 商品");
    check_tables("select 1 from a; update b set c = 1", "a b");
    check_tables("select 1 from a where b = 'open from c", "a");
    check_tables("select 1 from", "");
    check_tables("administrator command: Ping", "");
}

static void tables_are_bounded(void **state) {
    (void)state;
    struct text query = {0};
    struct strings tables = {0};
    text_add(&query, "select 1 from ");
    for (int i = 0; i < 600; i++)
        text_add(&query, "x");
    for (int i = 0; i < 100; i++)
        text_printf(&query, ", t%d", i);
    fingerprint_tables(query.data, query.length, &tables);
    assert_int_equal(tables.count, FINGERPRINT_TABLES_MAX);
    assert_string_equal(tables.items[0], "t0");
    strings_free(&tables);
    text_free(&query);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sample_is_as_percona_toolkit_makes_it),
        cmocka_unit_test(rules_are_those_of_percona_toolkit),
        cmocka_unit_test(a_fingerprint_is_its_own_fingerprint),
        cmocka_unit_test(a_small_buffer_cuts_the_query),
        cmocka_unit_test(a_tiny_buffer_stays_empty),
        cmocka_unit_test(a_bulk_insert_fits_a_small_buffer),
        cmocka_unit_test(lists_have_no_limit),
        cmocka_unit_test(no_query_takes_long),
        cmocka_unit_test(different_unions_end),
        cmocka_unit_test(any_bytes_stay_within_the_bound),
        cmocka_unit_test(ids_are_md5),
        cmocka_unit_test(tables_of_selects),
        cmocka_unit_test(tables_of_writes),
        cmocka_unit_test(tables_of_definitions),
        cmocka_unit_test(names_in_literals_and_comments_are_no_tables),
        cmocka_unit_test(tables_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
