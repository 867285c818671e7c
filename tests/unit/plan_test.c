/* The plan of publication: which keys, in which order, with which bytes and expiry; and what cannot be planned. */
#include "../../jobs/count-categories/plan.h"
#include "support.h"

#define NOW 1700000000000

/* Two counts, "works" and "lancers", as collect() would leave them, a node list and a placement. */
struct fixture {
    struct memcached_settings memcached;
    struct memcached_nodes nodes;
    struct memcached_placement *placement;
    struct count_settings limits[2];
    struct collected items[2];
    struct collection collection;
    struct publish_plan plan;
};

static void fill(struct collected *item, const char *const *ids, size_t count) {
    for (size_t i = 0; i < count; i++)
        assert_null(counts_add_category(&item->counts, ids[i], NULL));
    assert_null(counts_seal(&item->counts, true));
    for (size_t i = 0; i < count; i++)
        item->counts.items[i].count = (int64_t)i * 10;
}

static int enter(void **state) {
    struct fixture *f = xcalloc(1, sizeof *f);
    memcached_nodes_add(&f->nodes, "a", 11211, 1);
    memcached_nodes_add(&f->nodes, "b", 11211, 1);
    f->memcached =
        (struct memcached_settings){.client = PHP_MEMCACHED_KETAMA, .key_rule = KEY_RULE_RAW, .prefix_hashed = true};
    for (size_t i = 0; i < 2; i++) {
        f->limits[i] = (struct count_settings){.value = VALUE_INT, .ttl = 3600000};
        f->items[i] = (struct collected){.name = i == 0 ? "works" : "lancers", .settings = &f->limits[i]};
    }
    f->collection = (struct collection){.items = f->items, .count = 1, .taken_at = NOW - 5999};
    *state = f;
    return memcached_placement_open(&f->memcached, &f->nodes, &f->placement);
}

static int leave(void **state) {
    struct fixture *f = *state;
    publish_plan_free(&f->plan);
    for (size_t i = 0; i < 2; i++) {
        free(f->limits[i].key);
        free(f->limits[i].map_key);
        free(f->limits[i].generated_at);
        counts_free(&f->items[i].counts);
    }
    memcached_placement_free(f->placement);
    memcached_nodes_free(&f->nodes);
    free(f->memcached.key_prefix);
    free(f);
    return 0;
}

static int make(struct fixture *f, char **said) {
    const struct plan_input input = {
        .memcached = &f->memcached, .placement = f->placement, .collection = &f->collection, .now = NOW};
    struct capture capture = capture_start();
    int status = publish_plan_make(&input, &f->plan);
    *said = capture_end(&capture);
    return status;
}

static void make_good(struct fixture *f) {
    char *said = NULL;
    int status = make(f, &said);
    assert_string_equal(said, "");
    assert_int_equal(status, 0);
    free(said);
}

static void make_refused(struct fixture *f, const char *message) {
    char *said = NULL;
    assert_int_equal(make(f, &said), EXIT_SETTINGS);
    assert_contains(said, message);
    free(said);
}

/* The items as "key=bytes ..." in the order of writing. */
static void assert_items(const struct publish_plan *plan, const char *wanted) {
    struct text text = {0};
    for (size_t i = 0; i < plan->item_count; i++)
        text_printf(&text, "%s%s=%.*s", i > 0 ? " " : "", plan->items[i].key, (int)plan->items[i].length,
                    plan->items[i].bytes);
    assert_string_equal(text_string(&text), wanted);
    text_free(&text);
}

static const char *const three_ids[] = {"1", "2", "12"};

static void single_keys_come_before_maps_and_times_last(void **state) {
    struct fixture *f = *state;
    f->collection.count = 2;
    f->limits[0].key = xstrdup("Works/{id}");
    f->limits[0].map_key = xstrdup("Works.Map");
    f->limits[0].generated_at = xstrdup("Works.Time");
    f->limits[1].key = xstrdup("Lancers/{id}");
    f->limits[1].generated_at = xstrdup("Lancers.Time");
    fill(&f->items[0], three_ids, 2);
    fill(&f->items[1], three_ids, 3);
    make_good(f);
    assert_items(&f->plan,
                 "Works/1=0 Works/2=10 Lancers/1=0 Lancers/2=10 Lancers/12=20 Works.Map=a:2:{i:1;i:0;i:2;i:10;} "
                 "Works.Time=1699999994 Lancers.Time=1699999994");
    static const size_t first[] = {0, 5, 6, 8};
    for (size_t kind = 0; kind <= KEY_KINDS; kind++)
        assert_int_equal(f->plan.first[kind], first[kind]);
    for (size_t i = 0; i < f->plan.item_count; i++) {
        const struct planned_key *key = &f->plan.keys[f->plan.item_keys[i]];
        assert_ptr_equal(f->plan.items[i].key, key->key);
        assert_true(i >= first[key->kind] && i < first[key->kind + 1]);
        assert_in_range(f->plan.items[i].node, 0, 1);
    }
    assert_int_equal(f->plan.refused, 0);
}

static void values_carry_the_flags_of_their_format(void **state) {
    struct fixture *f = *state;
    f->limits[0].key = xstrdup("{id}");
    f->limits[0].map_key = xstrdup("map");
    f->limits[0].value = VALUE_STRING;
    fill(&f->items[0], three_ids, 1);
    make_good(f);
    assert_items(&f->plan, "1=0 map=a:1:{i:1;s:1:\"0\";}");
    assert_int_equal(f->plan.items[0].flags, 0);
    assert_int_equal(f->plan.items[1].flags, 4);
}

static void keys_follow_prefix_and_rule(void **state) {
    struct fixture *f = *state;
    f->memcached.key_prefix = xstrdup("app_");
    f->memcached.key_rule = KEY_RULE_CAKE2;
    f->limits[0].key = xstrdup("Category.Count/{id}");
    fill(&f->items[0], three_ids, 1);
    make_good(f);
    assert_items(&f->plan, "app_category_count_1=0");
    assert_string_equal(f->plan.keys[0].name, "Category.Count/1");
}

static void a_bad_id_spoils_its_own_key_and_no_other(void **state) {
    struct fixture *f = *state;
    char too_long[252];
    memset(too_long, 'x', 251);
    too_long[251] = '\0';
    const char *const ids[] = {"good", "a b", "cr\r\nset evil 0 0 1", "tab\t", "\x7F", too_long, too_long + 1, "last"};
    f->limits[0].key = xstrdup("{id}");
    f->limits[0].map_key = xstrdup("map");
    fill(&f->items[0], ids, LENGTH_OF(ids));
    make_good(f);
    assert_int_equal(f->plan.count, LENGTH_OF(ids) + 1);
    assert_int_equal(f->plan.refused, 5);
    assert_int_equal(f->plan.item_count, 4);
    assert_string_equal(f->plan.items[0].key, "good");
    assert_int_equal(strlen(f->plan.items[1].key), 250);
    assert_string_equal(f->plan.items[2].key, "last");
    assert_string_equal(f->plan.items[3].key, "map");
    for (size_t i = 0; i < f->plan.count; i++) {
        const struct planned_key *key = &f->plan.keys[i];
        assert_int_equal(key->refused != NULL, key->key == NULL);
        assert_int_equal(key->refused != NULL, i >= 1 && i <= 5);
    }
}

static void an_id_with_braces_is_filled_in_as_it_is(void **state) {
    struct fixture *f = *state;
    static const char *const ids[] = {"{id}"};
    f->limits[0].key = xstrdup("{tag}/{id}/{id}");
    fill(&f->items[0], ids, 1);
    make_good(f);
    assert_items(&f->plan, "{tag}/{id}/{id}=0");
}

static void a_map_that_cannot_be_written_is_refused_alone(void **state) {
    struct fixture *f = *state;
    static const char *const ids[] = {"caf\xE9"};
    f->limits[0].value = VALUE_JSON;
    f->limits[0].map_key = xstrdup("map");
    f->limits[0].generated_at = xstrdup("time");
    fill(&f->items[0], ids, 1);
    make_good(f);
    assert_items(&f->plan, "time=1699999994");
    assert_int_equal(f->plan.refused, 1);
    assert_contains(f->plan.keys[0].refused, "not UTF-8");
    assert_int_equal(f->plan.first[KEY_MAP], 0);
    assert_int_equal(f->plan.first[KEY_TIME], 0);
}

static void one_key_for_two_values_is_refused(void **state) {
    struct fixture *f = *state;
    f->collection.count = 2;
    f->limits[0].key = xstrdup("Count/{id}");
    f->limits[1].map_key = xstrdup("Count/12");
    fill(&f->items[0], three_ids, 3);
    fill(&f->items[1], three_ids, 1);
    make_refused(f, "two values have the same key \"Count/12\"");
}

/* Two names that the application's key rule makes the same. */
static void one_key_for_two_ids_is_refused(void **state) {
    struct fixture *f = *state;
    static const char *const ids[] = {"a/b", "c", "a.b"};
    f->memcached.key_rule = KEY_RULE_CAKE2;
    f->limits[0].key = xstrdup("{id}");
    fill(&f->items[0], ids, LENGTH_OF(ids));
    make_refused(f, "the same key \"a_b\": that of \"a");
}

static void a_time_to_live_becomes_what_memcached_understands(void **state) {
    static const struct {
        int64_t ttl;
        uint32_t expiry;
    } cases[] = {{2000, 2},
                 {2001, 3},
                 {2592000000, 2592000},
                 {2592001000, 1700000000 + 2592001},
                 {31536000000, 1700000000 + 31536000}};
    struct fixture *f = *state;
    f->limits[0].key = xstrdup("{id}");
    f->limits[0].map_key = xstrdup("map");
    f->limits[0].generated_at = xstrdup("time");
    fill(&f->items[0], three_ids, 1);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        publish_plan_free(&f->plan);
        f->limits[0].ttl = cases[i].ttl;
        make_good(f);
        assert_int_equal(f->plan.item_count, 3);
        for (size_t j = 0; j < f->plan.item_count; j++)
            assert_int_equal(f->plan.items[j].expiry, cases[i].expiry);
    }
}

static void a_time_to_live_past_2038_is_refused(void **state) {
    struct fixture *f = *state;
    f->limits[0].key = xstrdup("{id}");
    f->limits[0].ttl = 157680000000 * 4;
    fill(&f->items[0], three_ids, 1);
    make_refused(f, "[count works] ttl cannot be used: it ends after 2038-01-19");
}

static void nothing_to_publish_is_an_empty_plan(void **state) {
    struct fixture *f = *state;
    f->limits[0].key = xstrdup("{id}");
    fill(&f->items[0], NULL, 0);
    make_good(f);
    assert_int_equal(f->plan.count, 0);
    assert_int_equal(f->plan.first[KEY_KINDS], 0);
}

static void five_thousand_categories(void **state) {
    struct fixture *f = *state;
    static char ids[5000][16];
    const char **pointers = xcalloc(5000, sizeof *pointers);
    for (int i = 0; i < 5000; i++) {
        snprintf(ids[i], sizeof ids[i], "%d", i);
        pointers[i] = ids[i];
    }
    f->limits[0].key = xstrdup("Count/{id}");
    fill(&f->items[0], pointers, 5000);
    free(pointers);
    make_good(f);
    assert_int_equal(f->plan.item_count, 5000);
    size_t on_first = 0;
    for (size_t i = 0; i < 5000; i++)
        on_first += f->plan.items[i].node == 0;
    assert_in_range(on_first, 1500, 3500); /* both nodes get their part */
}

#define plan_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        plan_test(single_keys_come_before_maps_and_times_last),
        plan_test(values_carry_the_flags_of_their_format),
        plan_test(keys_follow_prefix_and_rule),
        plan_test(a_bad_id_spoils_its_own_key_and_no_other),
        plan_test(an_id_with_braces_is_filled_in_as_it_is),
        plan_test(a_map_that_cannot_be_written_is_refused_alone),
        plan_test(one_key_for_two_values_is_refused),
        plan_test(one_key_for_two_ids_is_refused),
        plan_test(a_time_to_live_becomes_what_memcached_understands),
        plan_test(a_time_to_live_past_2038_is_refused),
        plan_test(nothing_to_publish_is_an_empty_plan),
        plan_test(five_thousand_categories),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
