/* The last lines of files of all shapes, and one line of a large one. */
#include "../../jobs/show-runs/tail.h"

#include "support.h"

static void add_line(void *context, const char *line, size_t length) {
    text_append(context, line, length);
    text_add(context, "|");
}

/* The lines taken, "|" behind each. */
static char *tail_of(const char *path, size_t bytes, size_t lines, bool *whole) {
    struct text taken = {0};
    struct tail_result result;
    const struct tail_limits limits = {.bytes = bytes, .lines = lines};
    assert_int_equal(tail_read(path, &limits, add_line, &taken, &result), 0);
    *whole = result.whole;
    return text_take(&taken);
}

static void the_last_lines_of_any_file(void **state) {
    static const struct {
        const char *content;
        size_t bytes, lines;
        const char *taken;
        bool whole;
    } cases[] = {
        {"", 100, 5, "", true},
        {"\n\n", 100, 5, "", true},
        {"a\nb\nc\n", 100, 5, "a|b|c|", true},
        {"a\nb\nc\n", 100, 3, "a|b|c|", true},
        {"a\nb\nc\n", 100, 2, "b|c|", false},
        {"a\nb\nc", 100, 2, "b|c|", false},   /* a last line without its line break is a line */
        {"a\nb\nc\n", 6, 5, "a|b|c|", true},  /* all of it, exactly */
        {"a\nb\nc\n", 5, 5, "b|c|", false},   /* begins with the break behind a */
        {"aaa\nb\nc\n", 6, 5, "b|c|", false}, /* begins within a, which is passed over */
        {"a\nbbbbbbbbb\n", 4, 5, "", false},  /* one line longer than what is read */
        {"a\n\n\nb\n", 100, 5, "a|b|", true},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        bool whole = false;
        char *path = scene_put(state, "lines", cases[i].content);
        char *taken = tail_of(path, cases[i].bytes, cases[i].lines, &whole);
        assert_string_equal(taken, cases[i].taken);
        assert_int_equal(whole, cases[i].whole);
        free(taken);
        free(path);
    }
}

static void a_file_that_is_not_there_has_no_lines(void **state) {
    bool whole = false;
    char *path = scene_path(state, "none");
    char *taken = tail_of(path, 10, 10, &whole);
    char *line = NULL;
    assert_string_equal(taken, "");
    assert_true(whole);
    assert_int_equal(tail_find(path, "x", &line), 0);
    assert_null(line);
    free(taken);
    free(path);
}

static void a_directory_is_no_file(void **state) {
    struct tail_result result;
    const struct tail_limits limits = {.bytes = 10, .lines = 10};
    struct text taken = {0};
    struct capture capture = capture_start();
    int status = tail_read(*state, &limits, add_line, &taken, &result);
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_SYSTEM);
    assert_contains(said, "not a regular file");
    free(said);
}

static void a_file_of_another_user_is_denied(void **state) {
    struct tail_result result;
    const struct tail_limits limits = {.bytes = 10, .lines = 10};
    struct text taken = {0};
    char *path = scene_put(state, "closed", "a\n");
    assert_int_equal(chmod(path, 0), 0);
    struct capture capture = capture_start();
    int status = tail_read(path, &limits, add_line, &taken, &result);
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_DENIED);
    assert_contains(said, "closed");
    free(said);
    free(path);
}

static void one_line_is_found_in_a_large_file(void **state) {
    struct text content = {0};
    char *line = NULL;
    for (int i = 0; i < 30000; i++)
        text_printf(&content, "{\"run_id\":\"r%d\",\"filler\":\"0123456789\"}\n", i);
    content.length--; /* the last line has no line break */
    char *path = scene_put_bytes(state, "large", content.data, content.length);
    static const char *const ids[] = {"\"r0\"", "\"r1640\"", "\"r17777\"", "\"r29999\""};
    for (size_t i = 0; i < LENGTH_OF(ids); i++) {
        assert_int_equal(tail_find(path, ids[i], &line), 0);
        assert_non_null(line);
        assert_contains(line, ids[i]);
        assert_int_equal(line[0], '{');
        assert_int_equal(line[strlen(line) - 1], '}');
        free(line);
    }
    assert_int_equal(tail_find(path, "\"r30000\"", &line), 0);
    assert_null(line);
    free(path);
    text_free(&content);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(the_last_lines_of_any_file),
        scene_test(a_file_that_is_not_there_has_no_lines),
        scene_test(a_directory_is_no_file),
        nobody_test(a_file_of_another_user_is_denied),
        scene_test(one_line_is_found_in_a_large_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
