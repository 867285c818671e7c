/* [memcached]: defaults, node lists, and combinations that cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/stores/memcached.h"

static const struct section *const sections[] = {&memcached_section, NULL};

/* Loads a file with this section; NULL when it is refused. */
static struct settings *load(const char *lines) {
    char path[] = "/tmp/nightshift-settings-XXXXXX";
    int descriptor = mkstemp(path);
    char *content = xasprintf("[memcached]\n%s\n", lines);
    struct settings *settings = NULL;
    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, content, strlen(content)), strlen(content));
    close(descriptor);
    int status = settings_load(path, sections, &settings);
    unlink(path);
    free(content);
    assert_true(status == 0 || status == EXIT_SETTINGS);
    return status == 0 ? settings : NULL;
}

static void a_short_section_has_defaults(void **state) {
    (void)state;
    struct settings *settings =
        load("client = ext-memcache-consistent\nnodes = a:11211, b:11212:3, [::1]:11213, /run/memcached.sock");
    struct memcached_nodes nodes;
    assert_non_null(settings);
    const struct memcached_settings *values = settings_of(settings, &memcached_section);
    assert_int_equal(values->client, PHP_MEMCACHE_CONSISTENT);
    assert_true(memcached_is_ext_memcache(values));
    assert_int_equal(values->hash, PHP_HASH_DEFAULT);
    assert_int_equal(values->key_rule, KEY_RULE_RAW);
    assert_true(values->prefix_hashed);
    assert_int_equal(values->timeout, 1000);
    assert_int_equal(values->connect_timeout, 1000);
    assert_int_equal(values->connections, 8);
    assert_int_equal(memcached_nodes_load(values, &nodes), 0);
    assert_int_equal(nodes.count, 4);
    assert_string_equal(nodes.items[0].name, "a:11211");
    assert_int_equal(nodes.items[1].weight, 3);
    assert_string_equal(nodes.items[2].host, "::1");
    assert_string_equal(nodes.items[2].name, "[::1]:11213");
    assert_int_equal(nodes.items[3].port, 0);
    assert_string_equal(nodes.items[3].name, "/run/memcached.sock");
    memcached_nodes_free(&nodes);
    settings_free(settings);
}

static void combinations_that_cannot_be(void **state) {
    (void)state;
    static const char *const refused[] = {
        "nodes = a:1", /* client is a conscious choice */
        "client = ext-memcached",
        "client = ext-memcached\nnodes = a:1\ndiscovery = b:1",
        "client = ext-memcached\nhash = crc32\nnodes = a:1",
        "client = ext-memcached-ketama\nhash = fnv\nnodes = a:1",
        "client = ext-memcache-standard\nhash = md5\nnodes = a:1",
        "client = ext-memcache-consistent\nhash = crc\nnodes = a:1",
        "client = ext-memcache-consistent\nprefix_hashed = no\nnodes = a:1",
        "client = ext-memcached\nnodes = a:1, b:1, a:1",
        "client = ext-memcached\nnodes = a:0",
    };
    static const char *const accepted[] = {
        "client = ext-memcached\nhash = crc\nprefix_hashed = no\nnodes = a:1",
        "client = ext-memcache-standard\nhash = fnv\nnodes = a:1",
        "client = ext-memcached-ketama\ndiscovery = name.cfg.use1.cache.amazonaws.com:11211",
    };
    for (size_t i = 0; i < LENGTH_OF(refused); i++)
        if (load(refused[i]) != NULL)
            fail_msg("taken: %s", refused[i]);
    for (size_t i = 0; i < LENGTH_OF(accepted); i++) {
        struct settings *settings = load(accepted[i]);
        assert_non_null(settings);
        settings_free(settings);
    }
}

static void what_is_not_a_node(void **state) {
    (void)state;
    static const char *const strings[] = {"",        "a",          "a:",    ":11211",   "a:x",     "a:-1",
                                          "a:65536", "a:1:",       "a:1:0", "a:1:1001", "a:1:2:3", "::1:11211",
                                          "[::1]",   "[::1]11211", "[::1",  "[]:1"};
    struct memcached_nodes nodes = {0};
    for (size_t i = 0; i < LENGTH_OF(strings); i++)
        if (memcached_nodes_parse(&nodes, strings[i]) == NULL)
            fail_msg("taken: %s", strings[i]);
    assert_int_equal(nodes.count, 0);
    assert_null(memcached_nodes_parse(&nodes, "unix:///run/memcached.sock"));
    assert_string_equal(nodes.items[0].host, "/run/memcached.sock");
    memcached_nodes_free(&nodes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_section_has_defaults),
        cmocka_unit_test(combinations_that_cannot_be),
        cmocka_unit_test(what_is_not_a_node),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
