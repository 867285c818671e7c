/* The run record's two ends, and the pipe between them in pieces of any size. */
#include <signal.h>

#include "support.h"

#include "nightshift/run/record.h"

static void feed(struct record_builder *builder, const char *lines) {
    record_builder_feed(builder, lines, strlen(lines));
}

static void assert_record(const struct record_builder *builder, const char *wanted) {
    char *json = json_dumps(builder->root, JSON_COMPACT | JSON_SORT_KEYS);
    assert_non_null(json);
    assert_string_equal(json, wanted);
    free(json);
}

/* Reads what the worker's side wrote into a builder, a few bytes at a time. */
static void drain(int descriptor, struct record_builder *builder, size_t piece) {
    char block[4096];
    for (ssize_t got = 0; (got = read(descriptor, block, piece)) > 0;)
        record_builder_feed(builder, block, (size_t)got);
}

static void what_the_worker_says_arrives_in_pieces_of_any_size(void **state) {
    (void)state;
    for (size_t piece = 1; piece <= 300; piece += 23) {
        int ends[2];
        struct record_builder builder;
        assert_int_equal(pipe(ends), 0);
        struct record *record = record_open(ends[1]);
        record_text(record, "reason", "a\nb \"c\" \xE3\x81\x82");
        record_text(record, "nothing", NULL);
        record_integer(record, "outputs.set", INT64_MAX);
        record_set(record, "guards[]", json_pack("{s:s}", "name", "drop"));
        record_set(record, "guards[]", json_pack("{s:s}", "name", "rise"));
        record_close(record);
        record_builder_start(&builder);
        drain(ends[0], &builder, piece);
        close(ends[0]);
        assert_record(&builder,
                      "{\"guards\":[{\"name\":\"drop\"},{\"name\":\"rise\"}],\"nothing\":null,"
                      "\"outputs\":{\"set\":9223372036854775807},\"reason\":\"a\\nb \\\"c\\\" \xE3\x81\x82\"}");
        record_builder_free(&builder);
    }
}

static void a_run_without_a_record_records_nothing(void **state) {
    (void)state;
    record_phase(NULL, "count");
    record_integer(NULL, "x", 1);
    record_text(NULL, "x", "y");
    record_set(NULL, "x", json_integer(1)); /* LeakSanitizer sees whether the value is released */
    record_close(NULL);
}

static void what_is_not_utf8_is_left_out(void **state) {
    (void)state;
    int ends[2];
    struct record_builder builder;
    assert_int_equal(pipe(ends), 0);
    struct record *record = record_open(ends[1]);
    record_text(record, "bad", "caf\xE9");
    record_text(record, "good", "x");
    record_close(record);
    record_builder_start(&builder);
    drain(ends[0], &builder, 4096);
    close(ends[0]);
    assert_record(&builder, "{\"good\":\"x\"}");
    record_builder_free(&builder);
}

static void a_supervisor_that_is_gone_does_not_stop_the_worker(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    struct record *record = record_open(ends[1]);
    record_integer(record, "x", 1);
    record_close(record);
    signal(SIGPIPE, before);
}

static void values_go_to_their_paths(void **state) {
    (void)state;
    struct record_builder builder;
    record_builder_start(&builder);
    record_builder_set(&builder, "a", json_integer(1));
    record_builder_set(&builder, "a", json_integer(2)); /* the later one stays */
    record_builder_set(&builder, "b.c.d", json_integer(3));
    record_builder_set(&builder, "b.c.e[]", json_integer(4));
    record_builder_set(&builder, "b.c.e[]", json_integer(5));
    record_builder_set(&builder, "a.x", json_integer(6)); /* an object takes the place of a number */
    record_builder_set(&builder, "b[]", json_integer(7)); /* and a list that of an object */
    assert_record(&builder, "{\"a\":{\"x\":6},\"b\":[7]}");
    record_builder_free(&builder);
}

static void odd_paths_do_no_harm(void **state) {
    (void)state;
    static const char *const paths[] = {"",      ".",   "..",      "a..b",      "[]",       "[].x",
                                        "a[].b", ".[]", "caf\xE9", "caf\xE9.x", "caf\xE9[]"};
    struct record_builder builder;
    record_builder_start(&builder);
    for (size_t i = 0; i < LENGTH_OF(paths); i++)
        record_builder_set(&builder, paths[i], json_integer(1));
    record_builder_set(&builder, "still", json_integer(1));
    assert_int_equal(json_integer_value(json_object_get(builder.root, "still")), 1);
    record_builder_free(&builder);
}

static void a_phase_ends_the_one_before(void **state) {
    (void)state;
    struct record_builder builder;
    record_builder_start(&builder);
    feed(&builder, "{\"phase\":\"connect\",\"at\":1000}\n{\"phase\":\"count\",\"at\":1250}\n");
    assert_record(&builder, "{\"phases\":[{\"ms\":250,\"name\":\"connect\"},{\"name\":\"count\"}]}");
    record_builder_end_phase(&builder, 4250);
    record_builder_end_phase(&builder, 9999); /* none is open any more */
    assert_record(&builder, "{\"phases\":[{\"ms\":250,\"name\":\"connect\"},{\"ms\":3000,\"name\":\"count\"}]}");
    record_builder_free(&builder);
}

static void the_worker_reports_phases(void **state) {
    (void)state;
    int ends[2];
    struct record_builder builder;
    assert_int_equal(pipe(ends), 0);
    struct record *record = record_open(ends[1]);
    record_phase(record, "connect");
    record_phase(record, "count");
    record_close(record);
    record_builder_start(&builder);
    drain(ends[0], &builder, 4096);
    close(ends[0]);
    json_t *phases = json_object_get(builder.root, "phases");
    assert_int_equal(json_array_size(phases), 2);
    assert_in_range(json_integer_value(json_object_get(json_array_get(phases, 0), "ms")), 0, 10000);
    assert_true(builder.phase_began > 0);
    record_builder_free(&builder);
}

static void garbage_is_passed_over(void **state) {
    (void)state;
    static const char *const lines[] = {
        "\n",
        "garbage\n",
        "{\n",
        "[]\n",
        "null\n",
        "{}\n",
        "{\"path\":\"x\"}\n",
        "{\"value\":1}\n",
        "{\"path\":1,\"value\":1}\n",
        "{\"phase\":1}\n",
        "\xFF\xFE\n",
        "{\"path\":\"x\",\"value\":\"caf\xE9\"}\n",
    };
    struct record_builder builder;
    record_builder_start(&builder);
    for (size_t i = 0; i < LENGTH_OF(lines); i++)
        feed(&builder, lines[i]);
    record_builder_feed(&builder, "a\0b\n", 4);
    assert_record(&builder, "{}");
    feed(&builder, "{\"path\":\"x\",\"value\":1}\n");
    assert_record(&builder, "{\"x\":1}");
    record_builder_free(&builder);
}

static void phases_that_are_no_list_do_no_harm(void **state) {
    (void)state;
    struct record_builder builder;
    record_builder_start(&builder);
    feed(&builder, "{\"phase\":\"a\"}\n{\"path\":\"phases\",\"value\":[1]}\n");
    builder.phase_began = 5;
    record_builder_end_phase(&builder, 10);
    feed(&builder, "{\"path\":\"phases\",\"value\":7}\n");
    builder.phase_began = 5;
    record_builder_end_phase(&builder, 10);
    assert_record(&builder, "{\"phases\":7}");
    record_builder_free(&builder);
}

static void a_line_without_an_end_is_given_up(void **state) {
    (void)state;
    struct record_builder builder;
    char *block = xmalloc(65536);
    memset(block, 'x', 65536);
    record_builder_start(&builder);
    for (int i = 0; i < 100; i++) {
        record_builder_feed(&builder, block, 65536);
        assert_true(builder.pending_length <= 1024 * 1024);
    }
    feed(&builder, "\n{\"path\":\"x\",\"value\":1}\n");
    assert_record(&builder, "{\"x\":1}");
    record_builder_free(&builder);
    free(block);
}

static void a_line_that_the_worker_did_not_finish_is_left_out(void **state) {
    (void)state;
    struct record_builder builder;
    record_builder_start(&builder);
    feed(&builder, "{\"path\":\"x\",\"value\":1}\n{\"path\":\"y\",\"val");
    assert_record(&builder, "{\"x\":1}");
    record_builder_free(&builder);
    assert_null(builder.root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_worker_says_arrives_in_pieces_of_any_size),
        cmocka_unit_test(a_run_without_a_record_records_nothing),
        cmocka_unit_test(what_is_not_utf8_is_left_out),
        cmocka_unit_test(a_supervisor_that_is_gone_does_not_stop_the_worker),
        cmocka_unit_test(values_go_to_their_paths),
        cmocka_unit_test(odd_paths_do_no_harm),
        cmocka_unit_test(a_phase_ends_the_one_before),
        cmocka_unit_test(the_worker_reports_phases),
        cmocka_unit_test(garbage_is_passed_over),
        cmocka_unit_test(phases_that_are_no_list_do_no_harm),
        cmocka_unit_test(a_line_without_an_end_is_given_up),
        cmocka_unit_test(a_line_that_the_worker_did_not_finish_is_left_out),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
