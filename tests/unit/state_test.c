/* State files: what comes back is what was saved, or nothing at all. */
#include "support.h"

#include "nightshift/run/state.h"

static const char body[] = "{\"works\":{\"total\":5}}\n\0binary\xFF";

static struct state make_state(int64_t version) {
    struct state state = {.version = version};
    text_append(&state.body, body, sizeof body);
    return state;
}

static struct text encode(int64_t version) {
    struct text blob = {0};
    struct state state = make_state(version);
    state_encode("count-categories", "published", &state, &blob);
    state_free(&state);
    return blob;
}

/* Why the bytes are refused, or NULL; they lie in a block of their own so that AddressSanitizer sees a step too far. */
static const char *decode(const char *bytes, size_t length, struct state *state) {
    char *copy = xmalloc(length);
    if (length > 0)
        memcpy(copy, bytes, length);
    const char *reason = state_decode("count-categories", "published", copy, length, state);
    free(copy);
    return reason;
}

static void assert_refused(const char *bytes, size_t length, const char *wanted) {
    struct state state = {0};
    const char *reason = decode(bytes, length, &state);
    assert_non_null(reason);
    assert_contains(reason, wanted);
    assert_int_equal(state.version, 0);
    assert_int_equal(state.body.length, 0);
    state_free(&state);
}

static void a_blob_comes_back(void **state) {
    (void)state;
    static const int64_t versions[] = {1, 42, INT64_MAX};
    for (size_t i = 0; i < LENGTH_OF(versions); i++) {
        struct text blob = encode(versions[i]);
        struct state back = {0};
        assert_null(decode(blob.data, blob.length, &back));
        assert_int_equal(back.version, versions[i]);
        assert_int_equal(back.body.length, sizeof body);
        assert_memory_equal(back.body.data, body, sizeof body);
        state_free(&back);
        text_free(&blob);
    }
}

static void an_empty_body_comes_back(void **state) {
    (void)state;
    struct state empty = {.version = 3};
    struct state back = {0};
    struct text blob = {0};
    state_encode("count-categories", "published", &empty, &blob);
    assert_null(decode(blob.data, blob.length, &back));
    assert_int_equal(back.version, 3);
    assert_int_equal(back.body.length, 0);
    state_free(&back);
    text_free(&blob);
}

static void a_blob_cut_at_any_length_is_refused(void **state) {
    (void)state;
    struct text blob = encode(42);
    for (size_t length = 0; length < blob.length; length++)
        assert_refused(blob.data, length, "it ");
    text_free(&blob);
}

static void a_blob_with_more_behind_it_is_refused(void **state) {
    (void)state;
    struct text blob = encode(42);
    text_add(&blob, "x");
    assert_refused(blob.data, blob.length, "it is damaged");
    text_free(&blob);
}

/* The version too: the higher one wins over the other host's. */
static void a_blob_with_any_byte_changed_is_refused(void **state) {
    (void)state;
    struct text blob = encode(42);
    for (size_t at = 0; at < blob.length; at++)
        for (int change = 1; change < 256; change++) {
            blob.data[at] = (char)(blob.data[at] ^ change);
            struct state back = {0};
            if (decode(blob.data, blob.length, &back) == NULL)
                print_error("byte %zu (of \"%.60s\") changed to %d is taken\n", at, blob.data, blob.data[at]);
            assert_int_equal(back.version, 0);
            state_free(&back);
            blob.data[at] = (char)(blob.data[at] ^ change);
        }
    text_free(&blob);
}

static void another_jobs_blob_is_refused(void **state) {
    (void)state;
    static const char *const owners[][2] = {{"push-lancers", "published"}, {"count-categories", "other"}};
    for (size_t i = 0; i < LENGTH_OF(owners); i++) {
        struct text blob = {0};
        struct state other = make_state(1);
        state_encode(owners[i][0], owners[i][1], &other, &blob);
        assert_refused(blob.data, blob.length, "it belongs to another job");
        state_free(&other);
        text_free(&blob);
    }
}

static void a_blob_of_a_future_format_is_refused(void **state) {
    (void)state;
    struct text blob = encode(1);
    char *format = strstr(blob.data, " 1 count-categories");
    format[1] = '2';
    assert_refused(blob.data, blob.length, "it was written by another version of nightshift");
    text_free(&blob);
}

static void versions_below_one_are_refused(void **state) {
    (void)state;
    for (int64_t version = -1; version <= 0; version++) {
        struct text blob = encode(version);
        assert_refused(blob.data, blob.length, "its version is not a number");
        text_free(&blob);
    }
}

static void garbage_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "\n",
                                        "\n\n\n",
                                        "{}\n",
                                        "nightshift-state\n",
                                        "nightshift-state 1\n",
                                        "nightshift-state 1 count-categories published 1 0\n"};
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_refused(cases[i], strlen(cases[i]), "it ");
    char zeros[4096] = "";
    assert_refused(zeros, sizeof zeros, "it has no header");
}

static void a_refused_blob_leaves_the_state_as_it_was(void **state) {
    (void)state;
    struct state kept = make_state(7);
    assert_non_null(decode("garbage\n", 8, &kept));
    assert_int_equal(kept.version, 7);
    assert_int_equal(kept.body.length, sizeof body);
    state_free(&kept);
}

static void a_body_too_large_for_its_place_is_refused(void **state) {
    (void)state;
    struct text blob = encode(42);
    struct state small = {.body = {.limit = 10}};
    assert_non_null(decode(blob.data, blob.length, &small));
    assert_int_equal(small.version, 0);
    state_free(&small);
    text_free(&blob);
}

static int load(const char *directory, struct state *state, char **said) {
    struct capture capture = capture_start();
    int status = state_load(directory, "count-categories", "published", state);
    *said = capture_end(&capture);
    return status;
}

static void a_saved_state_is_loaded(void **state) {
    struct state saved = make_state(1);
    struct state loaded = {0};
    struct stat info;
    char *said = NULL;
    char *path = scene_path(state, "count-categories.published.state");
    assert_int_equal(state_save(*state, "count-categories", "published", &saved), 0);
    saved.version = 2;
    assert_int_equal(state_save(*state, "count-categories", "published", &saved), 0);
    assert_int_equal(load(*state, &loaded, &said), 0);
    assert_string_equal(said, "");
    assert_int_equal(loaded.version, 2);
    assert_memory_equal(loaded.body.data, body, sizeof body);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    state_free(&saved);
    state_free(&loaded);
    free(path);
    free(said);
}

static void a_missing_state_has_version_zero(void **state) {
    struct state loaded = {.version = 5};
    char *said = NULL;
    assert_int_equal(load(*state, &loaded, &said), 0);
    assert_string_equal(said, "");
    assert_int_equal(loaded.version, 0);
    free(said);
}

static void a_state_of_a_newer_format_is_refused_and_stays(void **state) {
    struct state loaded = {0};
    char *said = NULL;
    char *path = scene_put(state, "count-categories.published.state", "nightshift-state 2 of another layout\nbody");
    assert_int_equal(load(*state, &loaded, &said), EXIT_GUARD);
    assert_int_equal(loaded.version, 0);
    assert_contains(said, "a newer nightshift has written it");
    assert_int_equal(access(path, F_OK), 0);
    assert_false(state_is_newer("nightshift-state 1 x\n", 21));
    assert_false(state_is_newer("nightshift-state 2 x", 20));
    assert_false(state_is_newer("nightshift-stale 2 x\n", 21));
    assert_false(state_is_newer("", 0));
    free(path);
    free(said);
    state_free(&loaded);
}

static void a_damaged_state_is_set_aside(void **state) {
    struct state loaded = {0};
    char *said = NULL;
    char *path = scene_put(state, "count-categories.published.state", "damaged\n");
    char *aside = scene_path(state, "count-categories.published.state.bad");
    assert_int_equal(load(*state, &loaded, &said), 0);
    assert_int_equal(loaded.version, 0);
    assert_contains(said, "cannot be used: it has no header; it is kept as");
    assert_lacks(said, "cannot rename");
    assert_int_equal(access(path, F_OK), -1);
    char *kept = scene_read(aside);
    assert_non_null(kept);
    assert_string_equal(kept, "damaged\n");
    free(kept);
    free(said);
    /* The next run starts anew and can save. */
    struct state fresh = make_state(1);
    assert_int_equal(state_save(*state, "count-categories", "published", &fresh), 0);
    assert_int_equal(load(*state, &loaded, &said), 0);
    assert_int_equal(loaded.version, 1);
    state_free(&fresh);
    state_free(&loaded);
    free(said);
    free(path);
    free(aside);
}

static void a_state_that_is_no_file_is_an_error(void **state) {
    struct state loaded = {0};
    char *said = NULL;
    char *path = scene_path(state, "count-categories.published.state");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(load(*state, &loaded, &said), EXIT_SETTINGS);
    assert_int_equal(loaded.version, 0);
    free(said);
    free(path);
}

static void a_state_that_did_not_fit_its_buffer_is_not_saved(void **state) {
    struct state cut = {.version = 1, .body = {.limit = 5}};
    text_add(&cut.body, "123456");
    char *path = scene_path(state, "count-categories.published.state");
    struct capture capture = capture_start();
    int status = state_save(*state, "count-categories", "published", &cut);
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_contains(said, "too large");
    assert_int_equal(access(path, F_OK), -1);
    state_free(&cut);
    free(said);
    free(path);
}

static void a_state_that_cannot_be_written_leaves_the_old_one(void **state) {
    struct state saved = make_state(1);
    struct state loaded = {0};
    char *said = NULL;
    assert_int_equal(state_save(*state, "count-categories", "published", &saved), 0);
    assert_int_equal(chmod(*state, 0500), 0);
    saved.version = 2;
    struct capture capture = capture_start();
    int status = state_save(*state, "count-categories", "published", &saved);
    free(capture_end(&capture));
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_int_equal(load(*state, &loaded, &said), 0);
    assert_int_equal(loaded.version, 1);
    state_free(&saved);
    state_free(&loaded);
    free(said);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blob_comes_back),
        cmocka_unit_test(an_empty_body_comes_back),
        cmocka_unit_test(a_blob_cut_at_any_length_is_refused),
        cmocka_unit_test(a_blob_with_more_behind_it_is_refused),
        cmocka_unit_test(a_blob_with_any_byte_changed_is_refused),
        cmocka_unit_test(another_jobs_blob_is_refused),
        cmocka_unit_test(a_blob_of_a_future_format_is_refused),
        cmocka_unit_test(versions_below_one_are_refused),
        cmocka_unit_test(garbage_is_refused),
        cmocka_unit_test(a_refused_blob_leaves_the_state_as_it_was),
        cmocka_unit_test(a_body_too_large_for_its_place_is_refused),
        scene_test(a_saved_state_is_loaded),
        scene_test(a_missing_state_has_version_zero),
        scene_test(a_state_of_a_newer_format_is_refused_and_stays),
        scene_test(a_damaged_state_is_set_aside),
        scene_test(a_state_that_is_no_file_is_an_error),
        scene_test(a_state_that_did_not_fit_its_buffer_is_not_saved),
        nobody_test(a_state_that_cannot_be_written_leaves_the_old_one),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
