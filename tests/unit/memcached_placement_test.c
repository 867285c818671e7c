/* Every key of golden/keys.txt on the node where the real PHP extensions put it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "golden/golden.h"
#include "nightshift/base/exits.h"
#include "nightshift/stores/memcached_placement.h"

static void load_nodes(const char *list, struct memcached_nodes *nodes) {
    struct strings names = {0};
    strings_split(&names, list, ",");
    for (size_t i = 0; i < names.count; i++)
        assert_null(memcached_nodes_parse(nodes, names.items[i]));
    strings_free(&names);
}

/* Returns how many keys were compared. */
static size_t compare(struct golden *line, const struct strings *keys) {
    struct memcached_settings settings = {.client = golden_choice("client", line->columns[0]),
                                          .hash = golden_choice("hash", line->columns[1]),
                                          .prefix_hashed = true};
    const char *expected = line->columns[4];
    struct memcached_nodes nodes = {0};
    struct memcached_placement *placement = NULL;
    size_t compared = 0;
    assert_true(settings.client >= 0 && settings.hash >= 0);
    if (strcmp(line->columns[2], "-") != 0) {
        settings.key_prefix = line->columns[2];
        settings.prefix_hashed = false;
    }
    load_nodes(line->columns[3], &nodes);
    assert_int_equal(memcached_placement_open(&settings, &nodes, &placement), 0);
    assert_int_equal(strlen(expected), keys->count);
    for (size_t i = 0; i < keys->count; i++) {
        struct memcached_key key;
        if (expected[i] == '-')
            continue;
        assert_null(memcached_key_make(&settings, keys->items[i], &key));
        size_t node = memcached_placement_node(placement, &key);
        if (node != (size_t)(expected[i] - '0'))
            fail_msg("%s %s %s: \"%s\" is on %zu, PHP has it on %c", line->columns[0], line->columns[1],
                     line->columns[3], keys->items[i], node, expected[i]);
        compared++;
    }
    memcached_placement_free(placement);
    memcached_nodes_free(&nodes);
    return compared;
}

static void keys_are_where_php_puts_them(void **state) {
    (void)state;
    struct golden keys_file, lines;
    struct strings keys = {0};
    size_t vectors = 0, compared = 0;
    golden_open(&keys_file, "keys.txt");
    while (golden_next(&keys_file) > 0)
        strings_add(&keys, keys_file.columns[0]);
    golden_open(&lines, "placement.txt");
    for (; golden_next(&lines) == 5; vectors++)
        compared += compare(&lines, &keys);
    assert_int_equal(vectors, 36);
    assert_in_range(compared, 58000, 80000);
    strings_free(&keys);
    golden_close(&lines);
    golden_close(&keys_file);
}

static void a_single_node_has_everything(void **state) {
    (void)state;
    for (int client = PHP_MEMCACHED; client <= PHP_MEMCACHE_CONSISTENT; client++) {
        struct memcached_settings settings = {.client = client, .prefix_hashed = true};
        struct memcached_nodes nodes = {0};
        struct memcached_placement *placement = NULL;
        struct memcached_key key;
        memcached_nodes_add(&nodes, "localhost", 11211, 1);
        assert_int_equal(memcached_placement_open(&settings, &nodes, &placement), 0);
        assert_null(memcached_key_make(&settings, "category_count_7", &key));
        assert_int_equal(memcached_placement_node(placement, &key), 0);
        memcached_placement_free(placement);
        memcached_nodes_free(&nodes);
    }
}

static void no_node_is_an_error(void **state) {
    (void)state;
    struct memcached_settings settings = {.client = PHP_MEMCACHE_CONSISTENT};
    struct memcached_nodes nodes = {0};
    struct memcached_placement *placement = NULL;
    assert_int_equal(memcached_placement_open(&settings, &nodes, &placement), EXIT_BUG);
    assert_null(placement);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_where_php_puts_them),
        cmocka_unit_test(a_single_node_has_everything),
        cmocka_unit_test(no_node_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
