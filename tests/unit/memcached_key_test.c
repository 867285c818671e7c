/* Key rules against CakePHP's own expressions, and what is not a key. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "golden/golden.h"
#include "nightshift/stores/memcached_key.h"

static void decode_percent(char *text) {
    char *out = text;
    for (; *text != '\0'; text++) {
        if (*text == '%') {
            char digits[3] = {text[1], text[2], '\0'};
            *out++ = (char)strtol(digits, NULL, 16);
            text += 2;
        } else
            *out++ = *text;
    }
    *out = '\0';
}

static bool is_plain(const char *key) {
    for (; *key != '\0'; key++)
        if ((unsigned char)*key <= ' ' || *key == 0x7f)
            return false;
    return true;
}

/* The key that reaches the extension; one with white space left in it must be refused for ext-memcached. */
static void rules_are_those_of_cakephp(void **state) {
    (void)state;
    struct golden lines;
    size_t made = 0, refused = 0;
    golden_open(&lines, "keyrules.txt");
    while (golden_next(&lines) == 3) {
        struct memcached_settings settings = {.client = PHP_MEMCACHED_KETAMA,
                                              .key_rule = golden_choice("key_rule", lines.columns[0]),
                                              .prefix_hashed = true};
        struct memcached_key key;
        decode_percent(lines.columns[1]);
        decode_percent(lines.columns[2]);
        const char *reason = memcached_key_make(&settings, lines.columns[1], &key);
        bool none =
            lines.columns[2][0] == '\0' || (settings.key_rule != KEY_RULE_CAKE4 && strcmp(lines.columns[1], "0") == 0);
        if (none || !is_plain(lines.columns[2])) {
            assert_non_null(reason);
            refused++;
            continue;
        }
        if (reason != NULL)
            fail_msg("%s \"%s\": %s", lines.columns[0], lines.columns[1], reason);
        assert_string_equal(key.string, lines.columns[2]);
        assert_int_equal(key.length, strlen(lines.columns[2]));
        made++;
    }
    assert_int_equal(made + refused, 669);
    assert_in_range(made, 450, 550);
    golden_close(&lines);
}

static const char *make(int client, const char *prefix, const char *name, struct memcached_key *key) {
    struct memcached_settings settings = {
        .client = client, .key_prefix = prefix != NULL ? xstrdup(prefix) : NULL, .prefix_hashed = true};
    const char *reason = memcached_key_make(&settings, name, key);
    free(settings.key_prefix);
    return reason;
}

static void a_line_break_cannot_become_a_command(void **state) {
    (void)state;
    static const char *const names[] = {"a\r\nset b 0 0 1", "a\nb", "a\rb", "a\tb", "a\x1b", "a\x7f", "\x01"};
    struct memcached_key key;
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        for (int client = PHP_MEMCACHED; client <= PHP_MEMCACHE_CONSISTENT; client++)
            assert_non_null(make(client, NULL, names[i], &key));
    assert_non_null(make(PHP_MEMCACHED, "pre\r\nfix", "a", &key));
    assert_non_null(make(PHP_MEMCACHED, NULL, "", &key));
    assert_non_null(make(PHP_MEMCACHED, "prefix", "", &key));
}

/* mmc_prepare_key_ex() of ext-memcache does the same to a space; ext-memcached refuses it. */
static void a_space_becomes_an_underscore_for_ext_memcache_only(void **state) {
    (void)state;
    struct memcached_key key;
    assert_null(make(PHP_MEMCACHE_CONSISTENT, "my app_", "two  words", &key));
    assert_string_equal(key.string, "my_app_two__words");
    assert_non_null(make(PHP_MEMCACHED_KETAMA, NULL, "two words", &key));
}

static void the_limit_counts_the_prefix(void **state) {
    (void)state;
    char name[300];
    struct memcached_key key;
    memset(name, 'x', sizeof name);
    name[250] = '\0';
    assert_null(make(PHP_MEMCACHED, NULL, name, &key));
    assert_int_equal(key.length, 250);
    assert_non_null(make(PHP_MEMCACHED, "p", name, &key));
    name[249] = '\0';
    assert_null(make(PHP_MEMCACHED, "p", name, &key));
    assert_int_equal(key.string[0], 'p');
}

static void the_prefix_is_left_alone_by_the_rule(void **state) {
    (void)state;
    struct memcached_settings settings = {
        .key_rule = KEY_RULE_CAKE2, .key_prefix = (char[]){"My.App/"}, .prefix_hashed = false};
    struct memcached_key key;
    assert_null(memcached_key_make(&settings, " Category.Count/12 ", &key));
    assert_string_equal(key.string, "My.App/category_count_12");
    assert_int_equal(key.hashed_from, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rules_are_those_of_cakephp),
        cmocka_unit_test(a_line_break_cannot_become_a_command),
        cmocka_unit_test(a_space_becomes_an_underscore_for_ext_memcache_only),
        cmocka_unit_test(the_limit_counts_the_prefix),
        cmocka_unit_test(the_prefix_is_left_alone_by_the_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
