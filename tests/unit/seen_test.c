/* Runs read from lines of JSON of any content, each once and in the order of their ends. */
#include "../../jobs/show-runs/seen.h"

#include "support.h"

static const char whole[] =
    "{\"schema\":1,\"run_id\":\"r1\",\"batch\":\"count-categories\",\"host\":\"a\",\"trigger\":\"cron\",\"slot\":\"s\","
    "\"started_at_ms\":1000,\"ended_at_ms\":3000,\"duration_ms\":2000,\"exit_code\":65,\"result\":\"guard\","
    "\"reason\":\"why\",\"hint\":\"do\",\"success_at_ms\":500,\"signal\":9,\"warnings\":[\"w\",\"v\"],"
    "\"outputs\":{\"verified\":310,\"nodes\":[1],\"set\":9},"
    "\"guards\":[{\"name\":\"circle\",\"ok\":false,\"accepted\":false},{\"name\":\"total\",\"ok\":true,\"accepted\":"
    "false},"
    "{\"name\":\"zero\",\"ok\":false,\"accepted\":true},{\"name\":\"drop\",\"ok\":false,\"accepted\":false}]}";

static void a_record_with_all_it_has(void **state) {
    (void)state;
    struct seen seen;
    bool newer = false;
    assert_true(seen_read(whole, strlen(whole), &seen, &newer));
    assert_false(newer);
    assert_string_equal(seen.run_id, "r1");
    assert_string_equal(seen.host, "a");
    assert_string_equal(seen.trigger, "cron");
    assert_string_equal(seen.slot, "s");
    assert_string_equal(seen.result, "guard");
    assert_string_equal(seen.reason, "why");
    assert_string_equal(seen.hint, "do");
    assert_string_equal(seen.guard, "drop");
    assert_int_equal(seen.started_at, 1000);
    assert_int_equal(seen.ended_at, 3000);
    assert_int_equal(seen.duration, 2000);
    assert_int_equal(seen.success_at, 500);
    assert_int_equal(seen.exit_code, 65);
    assert_int_equal(seen.signal, 9);
    assert_int_equal(seen.warnings, 2);
    assert_string_equal(seen.warning, "w");
    assert_int_equal(seen.output_count, 2);
    assert_string_equal(seen.outputs[1].name, "set");
    assert_int_equal(seen.outputs[1].value, 9);
    seen_free(&seen);
}

static void what_is_new_in_a_later_format_does_not_disturb(void **state) {
    (void)state;
    static const char line[] = "{\"schema\":2,\"run_id\":\"r\",\"started_at_ms\":1,\"ended_at_ms\":2,\"duration_ms\":1,"
                               "\"exit_code\":0,\"host\":[\"now a list\"],\"more\":{\"deep\":[{}]}}";
    struct seen seen;
    bool newer = false;
    assert_true(seen_read(line, strlen(line), &seen, &newer));
    assert_true(newer);
    assert_null(seen.host);
    assert_true(seen_done(&seen));
    seen_free(&seen);
}

static void what_is_no_record_is_refused(void **state) {
    (void)state;
    static const char *const lines[] = {
        "",
        "{",
        "null",
        "[]",
        "\"run\"",
        "{}",
        "\xff\xfe",
        "{\"run_id\":\"r\"}",
        "{\"run_id\":7,\"started_at_ms\":1,\"ended_at_ms\":2,\"duration_ms\":1,\"exit_code\":0}",
        "{\"run_id\":\"r\",\"started_at_ms\":\"1\",\"ended_at_ms\":2,\"duration_ms\":1,\"exit_code\":0}",
        "{\"run_id\":\"r\",\"started_at_ms\":-1,\"ended_at_ms\":2,\"duration_ms\":1,\"exit_code\":0}",
        "{\"run_id\":\"r\",\"started_at_ms\":1,\"ended_at_ms\":2,\"duration_ms\":1,\"exit_code\":256}",
        "{\"run_id\":\"r\",\"started_at_ms\":1,\"ended_at_ms\":2,\"duration_ms\":1,\"exit_code\":0}{}"};
    struct seen seen;
    bool newer = false;
    for (size_t i = 0; i < LENGTH_OF(lines); i++)
        assert_false(seen_read(lines[i], strlen(lines[i]), &seen, &newer));
    /* A line that was cut, at every of its bytes. */
    for (size_t length = 0; length < strlen(whole); length++)
        assert_false(seen_read(whole, length, &seen, &newer));
}

static struct seen run_of(const char *id, int64_t ended_at) {
    return (struct seen){.run_id = xstrdup(id), .ended_at = ended_at};
}

static void a_run_from_two_places_is_one_run(void **state) {
    (void)state;
    struct seen_list list = {0};
    struct seen runs[] = {run_of("b", 20), run_of("a", 30), run_of("b", 99), run_of("d", 10), run_of("c", 10)};
    for (size_t i = 0; i < LENGTH_OF(runs); i++)
        seen_list_add(&list, &runs[i]);
    seen_list_sort(&list);
    assert_int_equal(list.count, 4);
    static const char *const order[] = {"c", "d", "b", "a"};
    for (size_t i = 0; i < LENGTH_OF(order); i++)
        assert_string_equal(list.items[i].run_id, order[i]);
    assert_int_equal(seen_list_find(&list, "b")->ended_at, 20);
    assert_null(seen_list_find(&list, "e"));
    seen_list_free(&list);
}

static void done_is_0_and_1_but_not_skipped(void **state) {
    (void)state;
    struct seen run = {.exit_code = 0};
    assert_true(seen_done(&run));
    run.exit_code = 1;
    assert_true(seen_done(&run));
    run.exit_code = 64;
    assert_false(seen_done(&run));
    run = (struct seen){.exit_code = 0, .result = (char[]){"skipped"}};
    assert_false(seen_done(&run));
    assert_true(seen_skipped(&run));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_with_all_it_has),
        cmocka_unit_test(what_is_new_in_a_later_format_does_not_disturb),
        cmocka_unit_test(what_is_no_record_is_refused),
        cmocka_unit_test(a_run_from_two_places_is_one_run),
        cmocka_unit_test(done_is_0_and_1_but_not_skipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
