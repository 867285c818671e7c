/* Copies of run records that fit into Redis, and looking at a lease without touching it. */
#include <sys/file.h>

#include "support.h"

#include "nightshift/base/random.h"
#include "nightshift/job/lease.h"
#include "nightshift/job/records.h"

static json_t *record_with(size_t guards) {
    json_t *record = json_pack("{s:s, s:s, s:s}", "run_id", "r1", "batch", "count-categories", "host", "a");
    json_t *list = json_array();
    for (size_t i = 0; i < guards; i++)
        json_array_append_new(list, json_string("a guard that found something which takes some words to say"));
    json_object_set_new(record, "guards", list);
    return record;
}

static void a_record_that_fits_is_copied_whole(void **state) {
    (void)state;
    json_t *record = record_with(3);
    char *line = records_line(record);
    char *whole = json_dumps(record, JSON_COMPACT);
    assert_string_equal(line, whole);
    free(line);
    free(whole);
    json_decref(record);
}

static void of_a_long_record_the_largest_parts_are_left_out(void **state) {
    (void)state;
    json_t *record = record_with(2000);
    json_object_set_new(record, "outputs", json_pack("{s:i}", "verified", 310));
    char *line = records_line(record);
    assert_true(strlen(line) <= RECORDS_LINE_LIMIT);
    json_t *copy = json_loads(line, 0, NULL);
    assert_string_equal(json_string_value(json_array_get(json_object_get(copy, "left_out"), 0)), "guards");
    assert_int_equal(json_array_size(json_object_get(copy, "left_out")), 1);
    assert_null(json_object_get(copy, "guards"));
    assert_string_equal(json_string_value(json_object_get(copy, "run_id")), "r1");
    assert_int_equal(json_integer_value(json_object_get(json_object_get(copy, "outputs"), "verified")), 310);
    /* The record itself is as it was. */
    assert_int_equal(json_array_size(json_object_get(record, "guards")), 2000);
    json_decref(copy);
    free(line);
    json_decref(record);
}

static void the_time_is_in_the_run_id(void **state) {
    (void)state;
    char id[UUID_LENGTH + 1];
    random_uuid7(id, 1795489444651);
    assert_int_equal(random_uuid7_time(id), 1795489444651);
    assert_int_equal(random_uuid7_time("01a20b82-b32b-725c-9746-a1baf9cb6909"), 1795489444651);
    assert_int_equal(random_uuid7_time("01a20b82-b32b-425c-9746-a1baf9cb6909"), -1);
    assert_int_equal(random_uuid7_time("01a20b82-b32b-725c-9746-a1baf9cb690"), -1);
    assert_int_equal(random_uuid7_time("01a20b82xb32b-725c-9746-a1baf9cb6909"), -1);
    assert_int_equal(random_uuid7_time("x1a20b82-b32b-725c-9746-a1baf9cb6909"), -1);
    assert_int_equal(random_uuid7_time(""), -1);
}

static void a_lease_is_seen_without_being_touched(void **state) {
    static const char id[] = "01a20b82-b32b-725c-9746-a1baf9cb6909";
    char *line = xasprintf("pid %d, run %s\n", (int)getpid(), id);
    char *path = scene_put(state, "job.lock", line);
    struct lease_view view;
    assert_int_equal(lease_look(*state, "never-ran", &view), 0);
    assert_false(view.held);
    assert_null(view.run_id);
    assert_int_equal(lease_look(*state, "job", &view), 0);
    assert_false(view.held);
    assert_string_equal(view.run_id, id);
    lease_view_free(&view);
    int descriptor = open(path, O_RDWR);
    assert_int_equal(flock(descriptor, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(lease_look(*state, "job", &view), 0);
    assert_true(view.held);
    assert_null(view.host);
    lease_view_free(&view);
    close(descriptor);
    /* Another lock of the same process is not this one. */
    char *other = scene_put(state, "other.lock", line);
    descriptor = open(other, O_RDWR);
    assert_int_equal(flock(descriptor, LOCK_EX | LOCK_NB), 0);
    assert_int_equal(lease_look(*state, "job", &view), 0);
    assert_false(view.held);
    lease_view_free(&view);
    close(descriptor);
    free(other);
    free(path);
    free(line);
}

static void a_lock_file_of_any_content_is_no_run(void **state) {
    static const char *const contents[] = {"", "pid", "pid 1, run x\n", "pid 99999999999999999999, run ../../etc\n",
                                           "\1\2"};
    for (size_t i = 0; i < LENGTH_OF(contents); i++) {
        struct lease_view view;
        free(scene_put(state, "job.lock", contents[i]));
        assert_int_equal(lease_look(*state, "job", &view), 0);
        assert_false(view.held);
        assert_null(view.run_id);
        lease_view_free(&view);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_that_fits_is_copied_whole),
        cmocka_unit_test(of_a_long_record_the_largest_parts_are_left_out),
        cmocka_unit_test(the_time_is_in_the_run_id),
        scene_test(a_lease_is_seen_without_being_touched),
        scene_test(a_lock_file_of_any_content_is_no_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
