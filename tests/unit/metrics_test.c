/* The Prometheus text format: the whole file of a usual run, and what would break a scrape. */
#include "support.h"

#include "nightshift/run/metrics.h"

/* The metrics file of a record given as JSON; freed by the caller. */
static char *metrics_of(void *const *state, const char *json) {
    json_t *record = json_loads(json, 0, NULL);
    assert_non_null(record);
    assert_int_equal(metrics_write(*state, record), 0);
    json_decref(record);
    char *path = scene_path(state, "job.prom");
    char *content = scene_read(path);
    assert_non_null(content);
    free(path);
    return content;
}

/* The same labels twice make Prometheus drop the whole scrape, and two heads of one name node_exporter. */
static void assert_no_line_twice(const char *content) {
    struct strings seen = {0};
    struct strings lines = {0};
    strings_split(&lines, content, "\n");
    for (size_t i = 0; i < lines.count; i++) {
        char *line = lines.items[i];
        char *space = strrchr(line, ' ');
        if (line[0] != '#')
            *space = '\0';
        if (strings_contain(&seen, line))
            print_error("twice: %s\n", line);
        assert_false(strings_contain(&seen, line));
        strings_add(&seen, line);
    }
    strings_free(&lines);
    strings_free(&seen);
}

static void the_metrics_of_a_usual_run(void **state) {
    char *content = metrics_of(
        state, "{\"batch\":\"job\",\"exit_code\":75,\"success_at_ms\":1700000000123,\"ended_at_ms\":1700000100000,"
               "\"duration_ms\":1500,\"phases\":[{\"name\":\"count\",\"ms\":1250},{\"name\":\"publish\",\"ms\":1}],"
               "\"outputs\":{\"set\":12,\"per_node\":{},\"verified\":11},"
               "\"guards\":[{\"name\":\"drop\",\"ok\":true},{\"name\":\"rise\",\"ok\":false}]}");
    assert_string_equal(content, "# HELP batch_last_success_timestamp_seconds End of the last successful run.\n"
                                 "# TYPE batch_last_success_timestamp_seconds gauge\n"
                                 "batch_last_success_timestamp_seconds{batch=\"job\"} 1700000000.123\n"
                                 "# HELP batch_last_run_timestamp_seconds End of the last run.\n"
                                 "# TYPE batch_last_run_timestamp_seconds gauge\n"
                                 "batch_last_run_timestamp_seconds{batch=\"job\"} 1700000100\n"
                                 "# HELP batch_last_run_duration_seconds Duration of the last run.\n"
                                 "# TYPE batch_last_run_duration_seconds gauge\n"
                                 "batch_last_run_duration_seconds{batch=\"job\"} 1.5\n"
                                 "# HELP batch_last_run_exit_code Exit code of the last run.\n"
                                 "# TYPE batch_last_run_exit_code gauge\n"
                                 "batch_last_run_exit_code{batch=\"job\"} 75\n"
                                 "# HELP batch_phase_duration_seconds Duration of each phase of the last run.\n"
                                 "# TYPE batch_phase_duration_seconds gauge\n"
                                 "batch_phase_duration_seconds{batch=\"job\",phase=\"count\"} 1.25\n"
                                 "batch_phase_duration_seconds{batch=\"job\",phase=\"publish\"} 0.001\n"
                                 "# HELP batch_last_run_items Items of the last run by outcome.\n"
                                 "# TYPE batch_last_run_items gauge\n"
                                 "batch_last_run_items{batch=\"job\",outcome=\"set\"} 12\n"
                                 "batch_last_run_items{batch=\"job\",outcome=\"verified\"} 11\n"
                                 "# HELP batch_guard_tripped 1 if the guard refused the data of the last run.\n"
                                 "# TYPE batch_guard_tripped gauge\n"
                                 "batch_guard_tripped{batch=\"job\",guard=\"drop\"} 0\n"
                                 "batch_guard_tripped{batch=\"job\",guard=\"rise\"} 1\n");
    assert_no_line_twice(content);
    free(content);
}

static void a_run_that_never_succeeded_has_no_success_time(void **state) {
    char *content = metrics_of(state, "{\"batch\":\"job\",\"exit_code\":1}");
    assert_string_equal(content, "# HELP batch_last_run_exit_code Exit code of the last run.\n"
                                 "# TYPE batch_last_run_exit_code gauge\n"
                                 "batch_last_run_exit_code{batch=\"job\"} 1\n");
    free(content);
}

static void labels_are_escaped(void **state) {
    char *content =
        metrics_of(state, "{\"batch\":\"job\",\"exit_code\":0,\"outputs\":{\"a\\\"b\\\\c\\nd\xE3\x81\x82\":1}}");
    assert_contains(content, "{batch=\"job\",outcome=\"a\\\"b\\\\c\\nd\xE3\x81\x82\"} 1\n");
    free(content);
}

static void a_guard_over_several_counts_has_one_sample(void **state) {
    char *content = metrics_of(
        state, "{\"batch\":\"job\",\"exit_code\":65,\"guards\":[{\"name\":\"drop\",\"ok\":true},"
               "{\"name\":\"rise\",\"ok\":true},{\"name\":\"drop\",\"ok\":false},{\"name\":\"rise\",\"ok\":true}]}");
    assert_contains(content, "guard=\"drop\"} 1\n");
    assert_contains(content, "guard=\"rise\"} 0\n");
    assert_no_line_twice(content);
    free(content);
}

static void a_phase_entered_twice_has_one_sample(void **state) {
    char *content =
        metrics_of(state, "{\"batch\":\"job\",\"exit_code\":0,\"phases\":[{\"name\":\"read\",\"ms\":1000},"
                          "{\"name\":\"send\",\"ms\":5},{\"name\":\"read\",\"ms\":500},{\"name\":\"open\"}]}");
    assert_contains(content, "phase=\"read\"} 1.5\n");
    assert_contains(content, "phase=\"open\"} 0\n");
    assert_no_line_twice(content);
    free(content);
}

static void odd_records_do_no_harm(void **state) {
    char *content = metrics_of(
        state, "{\"batch\":\"job\",\"exit_code\":0,\"ended_at_ms\":\"x\",\"phases\":[1,{},{\"name\":7,\"ms\":1}],"
               "\"outputs\":[1],\"guards\":[1,{},{\"name\":null}]}");
    assert_lacks(content, "batch_last_run_timestamp_seconds");
    assert_lacks(content, "guard=");
    assert_lacks(content, "phase=");
    assert_lacks(content, "(null)");
    free(content);
}

static void the_exporter_may_read_the_file(void **state) {
    mode_t old = umask(077);
    free(metrics_of(state, "{\"batch\":\"job\",\"exit_code\":0}"));
    umask(old);
    char *path = scene_path(state, "job.prom");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0644);
    free(path);
}

static void a_directory_that_is_missing_is_an_error(void **state) {
    char *missing = scene_path(state, "missing");
    json_t *record = json_pack("{s:s, s:i}", "batch", "job", "exit_code", 0);
    struct capture capture = capture_start();
    int status = metrics_write(missing, record);
    free(capture_end(&capture));
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    json_decref(record);
    free(missing);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(the_metrics_of_a_usual_run),
        scene_test(a_run_that_never_succeeded_has_no_success_time),
        scene_test(labels_are_escaped),
        scene_test(a_guard_over_several_counts_has_one_sample),
        scene_test(a_phase_entered_twice_has_one_sample),
        scene_test(odd_records_do_no_harm),
        scene_test(the_exporter_may_read_the_file),
        scene_test(a_directory_that_is_missing_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
