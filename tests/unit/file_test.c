/* Files that others read, and files that hold secrets. */
#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>

#include "support.h"

#include "nightshift/base/file.h"

static size_t count_files(const char *directory) {
    size_t count = 0;
    DIR *names = opendir(directory);
    assert_non_null(names);
    while (readdir(names) != NULL)
        count++;
    closedir(names);
    return count - 2; /* . and .. */
}

static void assert_file(const char *path, const char *wanted) {
    char *content = scene_read(path);
    assert_non_null(content);
    assert_string_equal(content, wanted);
    free(content);
}

static int replace_quietly(const char *path, const char *content, char **said) {
    struct capture capture = capture_start();
    int status = file_replace(path, content, strlen(content), 0644);
    *said = capture_end(&capture);
    return status;
}

static void replacing_writes_the_whole_file_with_its_mode(void **state) {
    char *path = scene_path(state, "out.prom");
    mode_t old = umask(077);
    assert_int_equal(file_replace(path, "one\n", 4, 0644), 0);
    assert_int_equal(file_replace(path, "a\0b", 3, 0640), 0);
    umask(old);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 3);
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(count_files(*state), 1); /* nothing is left beside it */
    free(path);
}

static void a_sweep_removes_what_a_killed_run_left_and_nothing_else(void **state) {
    static const char *const kept[] = {"count.published.state", ".count.published.state", ".count.x.toolong",
                                       ".other.x.abcDE1", ".count.x.ab-DE1"};
    static const char *const removed[] = {".count.published.state.abcDE1", ".count.prom.000000"};
    for (size_t i = 0; i < LENGTH_OF(kept); i++)
        free(scene_put(state, kept[i], "x"));
    for (size_t i = 0; i < LENGTH_OF(removed); i++)
        free(scene_put(state, removed[i], "x"));
    file_sweep(*state, "count.");
    for (size_t i = 0; i < LENGTH_OF(kept); i++) {
        char *path = scene_path(state, kept[i]);
        assert_int_equal(access(path, F_OK), 0);
        free(path);
    }
    assert_int_equal(count_files(*state), LENGTH_OF(kept));
    file_sweep("/no/such/directory", "count.");
}

static void replacing_by_nothing_makes_an_empty_file(void **state) {
    char *path = scene_put(state, "out", "old");
    assert_int_equal(file_replace(path, "", 0, 0600), 0);
    assert_file(path, "");
    free(path);
}

static void replacing_works_with_a_relative_name(void **state) {
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(*state), 0);
    int status = file_replace("plain", "x", 1, 0600);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(status, 0);
    assert_int_equal(count_files(*state), 1);
}

static void replacing_in_a_missing_directory_fails(void **state) {
    char *path = scene_path(state, "missing/out");
    char *said = NULL;
    assert_int_equal(replace_quietly(path, "x", &said), EXIT_CANNOT_WRITE);
    assert_contains(said, "missing/out\": No such file or directory");
    free(said);
    free(path);
}

static void replacing_in_a_read_only_directory_keeps_the_old_file(void **state) {
    char *path = scene_put(state, "out", "old");
    char *said = NULL;
    assert_int_equal(chmod(*state, 0500), 0);
    assert_int_equal(replace_quietly(path, "new", &said), EXIT_CANNOT_WRITE);
    assert_contains(said, "out\": Permission denied");
    assert_file(path, "old");
    free(said);
    free(path);
}

static void replacing_a_directory_fails_and_leaves_nothing_behind(void **state) {
    char *path = scene_path(state, "out");
    char *said = NULL;
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(replace_quietly(path, "new", &said), EXIT_CANNOT_WRITE);
    assert_int_equal(count_files(*state), 1);
    free(said);
    free(path);
}

static void replacing_a_symlink_leaves_its_target_alone(void **state) {
    char *target = scene_put(state, "target", "precious");
    char *path = scene_path(state, "out");
    struct stat info;
    assert_int_equal(symlink(target, path), 0);
    assert_int_equal(file_replace(path, "new", 3, 0600), 0);
    assert_file(target, "precious");
    assert_int_equal(lstat(path, &info), 0);
    assert_true(S_ISREG(info.st_mode));
    assert_file(path, "new");
    free(target);
    free(path);
}

static int read_quietly(const char *path, size_t limit, bool *found) {
    struct text content = {.limit = limit};
    struct capture capture = capture_start();
    int status = file_read(path, &content, found);
    free(capture_end(&capture));
    text_free(&content);
    return status;
}

static void reading_what_is_no_regular_file_neither_works_nor_hangs(void **state) {
    char *fifo = scene_path(state, "fifo");
    char *directory = scene_path(state, "directory");
    bool found = false;
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(read_quietly(fifo, 0, &found), EXIT_SETTINGS);
    assert_int_equal(read_quietly(directory, 0, &found), EXIT_SETTINGS);
    assert_int_equal(read_quietly("/dev/null", 0, &found), EXIT_SETTINGS);
    assert_true(found);
    free(fifo);
    free(directory);
}

static void a_missing_file_is_an_error_only_to_who_does_not_expect_it(void **state) {
    char *path = scene_path(state, "missing");
    char *below = scene_path(state, "missing/too");
    bool found = true;
    assert_int_equal(read_quietly(path, 0, &found), 0);
    assert_false(found);
    assert_int_equal(read_quietly(below, 0, &found), 0);
    assert_false(found);
    assert_int_equal(read_quietly(path, 0, NULL), EXIT_SETTINGS);
    free(path);
    free(below);
}

static void a_file_that_may_not_be_read_is_denied(void **state) {
    char *path = scene_put(state, "closed", "x");
    assert_int_equal(chmod(path, 0), 0);
    bool found = false;
    assert_int_equal(read_quietly(path, 0, &found), EXIT_DENIED);
    assert_true(found);
    free(path);
}

static void a_file_over_the_limit_is_not_read_in_part(void **state) {
    char *path = scene_put(state, "big", "0123456789");
    assert_int_equal(read_quietly(path, 10, NULL), 0);
    assert_int_equal(read_quietly(path, 9, NULL), EXIT_SYSTEM);
    free(path);
}

static int read_secret(const char *path, char **secret, char **said) {
    struct text content = {0};
    struct capture capture = capture_start();
    int status = file_read_secret(path, &content);
    *said = capture_end(&capture);
    *secret = text_take(&content);
    return status;
}

static void assert_secret(const char *path, int status, const char *secret, const char *message) {
    char *got = NULL;
    char *said = NULL;
    assert_int_equal(read_secret(path, &got, &said), status);
    assert_string_equal(got, secret);
    assert_contains(said, message);
    assert_lacks(said, "hunter2");
    free(got);
    free(said);
}

static void a_private_secret_is_read_without_its_line_break(void **state) {
    static const char *const cases[][2] = {{"hunter2", "hunter2"},
                                           {"hunter2\n", "hunter2"},
                                           {"hunter2\r\n", "hunter2"},
                                           {" hunter2 \n", " hunter2 "},
                                           {"", ""}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *path = scene_put(state, "secret", cases[i][0]);
        assert_int_equal(chmod(path, 0600), 0);
        assert_secret(path, 0, cases[i][1], "");
        free(path);
    }
}

static void a_secret_open_to_others_is_denied(void **state) {
    static const mode_t modes[] = {0640, 0604, 0620, 0602, 0610, 0601, 0644, 0666};
    char *path = scene_put(state, "secret", "hunter2");
    for (size_t i = 0; i < LENGTH_OF(modes); i++) {
        assert_int_equal(chmod(path, modes[i]), 0);
        assert_secret(path, EXIT_DENIED, "", "is open to other users");
    }
    assert_int_equal(chmod(path, 0400), 0);
    assert_secret(path, 0, "hunter2", "");
    assert_int_equal(chmod(path, 0), 0);
    assert_secret(path, EXIT_DENIED, "", "cannot read the secret");
    free(path);
}

static void a_secret_below_a_directory_that_others_can_change_is_denied(void **state) {
    char *directory = scene_path(state, "shared");
    char *inner = scene_path(state, "shared/inner");
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(mkdir(inner, 0700), 0);
    char *path = scene_put(state, "shared/inner/secret", "hunter2");
    assert_int_equal(chmod(path, 0600), 0);
    static const struct {
        mode_t mode;
        int status;
    } cases[] = {{0755, 0}, {0777, EXIT_DENIED}, {0770, EXIT_DENIED}, {0702, EXIT_DENIED}, {01777, 0}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_int_equal(chmod(directory, cases[i].mode), 0);
        assert_secret(path, cases[i].status, cases[i].status == 0 ? "hunter2" : "",
                      cases[i].status == 0 ? "" : "can be changed by other users");
    }
    free(path);
    free(inner);
    free(directory);
}

/* Whoever can change the link decides which secret is read. */
static void a_link_to_a_secret_in_a_directory_that_others_can_change_is_denied(void **state) {
    char *directory = scene_path(state, "shared");
    char *link = scene_path(state, "shared/link");
    char *path = scene_put(state, "secret", "hunter2");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(mkdir(directory, 0700), 0);
    assert_int_equal(symlink(path, link), 0);
    assert_secret(link, 0, "hunter2", "");
    assert_int_equal(chmod(directory, 0777), 0);
    assert_secret(link, EXIT_DENIED, "", "can be changed by other users");
    free(path);
    free(link);
    free(directory);
}

static void a_secret_of_another_user_is_denied(void **state) {
    if (getuid() != 0)
        skip();
    char *path = scene_put(state, "secret", "hunter2");
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(chown(path, 12345, 12345), 0);
    assert_secret(path, EXIT_DENIED, "", "belongs to another user (uid 12345)");
    assert_int_equal(chown(path, 0, 0), 0);
    assert_secret(path, 0, "hunter2", "");
    free(path);
}

static void what_is_no_file_holds_no_secret(void **state) {
    char *fifo = scene_path(state, "fifo");
    char *missing = scene_path(state, "missing");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_secret(fifo, EXIT_SETTINGS, "", "not a regular file");
    assert_secret(*state, EXIT_SETTINGS, "", "not a regular file");
    assert_secret(missing, EXIT_SETTINGS, "", "No such file");
    free(fifo);
    free(missing);
}

static void an_endless_secret_is_refused(void **state) {
    char *bytes = xcalloc(1, 70000);
    memset(bytes, 'x', 70000);
    char *path = scene_put_bytes(state, "secret", bytes, 65536);
    char *secret = NULL;
    char *said = NULL;
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(read_secret(path, &secret, &said), 0);
    assert_int_equal(strlen(secret), 65536);
    free(secret);
    free(said);
    free(path);
    path = scene_put_bytes(state, "secret", bytes, 65537);
    assert_int_equal(read_secret(path, &secret, &said), EXIT_SETTINGS);
    assert_contains(said, "File too large");
    free(secret);
    free(said);
    free(path);
    free(bytes);
}

static void an_inherited_descriptor_is_read_from_its_beginning_each_time(void **state) {
    char *path = scene_put(state, "secret", "hunter2\n");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    char *name = xasprintf("fd:%d", descriptor);
    assert_secret(name, 0, "hunter2", "");
    assert_secret(name, 0, "hunter2", "");
    close(descriptor);
    assert_secret(name, EXIT_SETTINGS, "", "Bad file descriptor");
    free(name);
    free(path);
}

/* A second connection that logs in with an empty password would be worse than none. */
static void a_pipe_gives_its_secret_once_and_then_none(void **state) {
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "hunter2\n", 8), 8);
    close(ends[1]);
    char *name = xasprintf("fd:%d", ends[0]);
    assert_secret(name, 0, "hunter2", "");
    assert_secret(name, EXIT_SETTINGS, "", "is empty, or was read before");
    close(ends[0]);
    free(name);
}

static void what_is_no_inherited_descriptor_is_refused(void **state) {
    (void)state;
    static const char *const names[] = {"fd:",  "fd:0",  "fd:2",    "fd:-1",
                                        "fd:x", "fd:3x", "fd:1024", "fd:99999999999999999999"};
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        assert_secret(names[i], EXIT_SETTINGS, "", "not a descriptor from fd:3 to fd:1023");
}

static void a_directory_is_made_once(void **state) {
    char *path = scene_path(state, "runs");
    char *below = scene_path(state, "missing/runs");
    char *file = scene_put(state, "file", "");
    struct stat info;
    assert_int_equal(file_ensure_directory(path), 0);
    assert_int_equal(file_ensure_directory(path), 0);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0700);
    struct capture capture = capture_start();
    int no_parent = file_ensure_directory(below);
    int no_directory = file_ensure_directory(file);
    free(capture_end(&capture));
    assert_int_equal(no_parent, EXIT_CANNOT_WRITE);
    assert_int_equal(no_directory, EXIT_CANNOT_WRITE);
    free(path);
    free(below);
    free(file);
}

static void lines_are_appended(void **state) {
    char *path = scene_path(state, "history.jsonl");
    struct stat info;
    assert_int_equal(file_append_line(path, "one", 3, 0600), 0);
    assert_int_equal(file_append_line(path, "two", 3, 0600), 0);
    assert_file(path, "one\ntwo\n");
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 07777, 0600);
    free(path);
}

static void a_line_after_a_torn_one_starts_anew(void **state) {
    char *path = scene_put(state, "history.jsonl", "one\n{\"torn\":");
    assert_int_equal(file_append_line(path, "two", 3, 0600), 0);
    assert_file(path, "one\n{\"torn\":\ntwo\n");
    free(path);
}

static void a_line_is_not_appended_through_a_symlink(void **state) {
    char *target = scene_put(state, "target", "precious");
    char *path = scene_path(state, "history.jsonl");
    assert_int_equal(symlink(target, path), 0);
    struct capture capture = capture_start();
    int status = file_append_line(path, "x", 1, 0600);
    free(capture_end(&capture));
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_file(target, "precious");
    free(target);
    free(path);
}

static void a_line_that_does_not_fit_on_the_disk_is_an_error(void **state) {
    (void)state;
    struct capture capture = capture_start();
    int status = file_append_line("/dev/full", "x", 1, 0600);
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_contains(said, "No space left on device");
    free(said);
}

static void half_a_line_is_taken_back(void **state) {
    char *path = scene_put(state, "history.jsonl", "one\n");
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct rlimit tight = {.rlim_cur = 10, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    struct capture capture = capture_start();
    setrlimit(RLIMIT_FSIZE, &tight);
    int status = file_append_line(path, "0123456789", 10, 0600);
    setrlimit(RLIMIT_FSIZE, &before);
    free(capture_end(&capture));
    signal(SIGXFSZ, handler);
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_file(path, "one\n");
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        nobody_test(replacing_writes_the_whole_file_with_its_mode),
        nobody_test(a_sweep_removes_what_a_killed_run_left_and_nothing_else),
        nobody_test(replacing_by_nothing_makes_an_empty_file),
        nobody_test(replacing_works_with_a_relative_name),
        nobody_test(replacing_in_a_missing_directory_fails),
        nobody_test(replacing_in_a_read_only_directory_keeps_the_old_file),
        nobody_test(replacing_a_directory_fails_and_leaves_nothing_behind),
        nobody_test(replacing_a_symlink_leaves_its_target_alone),
        nobody_test(reading_what_is_no_regular_file_neither_works_nor_hangs),
        nobody_test(a_missing_file_is_an_error_only_to_who_does_not_expect_it),
        nobody_test(a_file_that_may_not_be_read_is_denied),
        nobody_test(a_file_over_the_limit_is_not_read_in_part),
        nobody_test(a_private_secret_is_read_without_its_line_break),
        nobody_test(a_secret_open_to_others_is_denied),
        nobody_test(a_secret_below_a_directory_that_others_can_change_is_denied),
        nobody_test(a_link_to_a_secret_in_a_directory_that_others_can_change_is_denied),
        scene_test(a_secret_of_another_user_is_denied),
        nobody_test(what_is_no_file_holds_no_secret),
        nobody_test(an_endless_secret_is_refused),
        nobody_test(an_inherited_descriptor_is_read_from_its_beginning_each_time),
        nobody_test(a_pipe_gives_its_secret_once_and_then_none),
        nobody_test(what_is_no_inherited_descriptor_is_refused),
        nobody_test(a_directory_is_made_once),
        nobody_test(lines_are_appended),
        nobody_test(a_line_after_a_torn_one_starts_anew),
        nobody_test(a_line_is_not_appended_through_a_symlink),
        nobody_test(a_line_that_does_not_fit_on_the_disk_is_an_error),
        nobody_test(half_a_line_is_taken_back),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
