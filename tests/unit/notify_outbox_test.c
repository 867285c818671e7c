/* The outbox as files: damage, age, storms, several processes, a disk that cannot be written. */
#include <dirent.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../standins/notices_stage.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

/* Damages the only file in the outbox, then checks that it is set aside and the rest goes on. */
static void assert_set_aside(const void *bytes, size_t length) {
    assert_int_equal(stage_post("damaged", NULL), 0);
    char *outbox = scene_path(&stage.directory, "outbox");
    DIR *handle = opendir(outbox);
    for (const struct dirent *entry = NULL; (entry = readdir(handle)) != NULL;) {
        const char *end = strstr(entry->d_name, ".notice.state");
        if (entry->d_name[0] == '.' || end == NULL || strlen(end) != strlen(".notice.state"))
            continue;
        char *name = xasprintf("outbox/%s", entry->d_name);
        free(scene_put_bytes(&stage.directory, name, bytes, length));
        free(name);
    }
    closedir(handle);
    free(outbox);
    stage_open();
    assert_int_equal(stage_post("whole", NULL), 0);
    assert_int_equal(stage_flush(9), EXIT_ATTENTION);
    assert_int_equal(stage.result.damaged, 1);
    assert_int_equal(stage.result.delivered, 1);
    assert_int_equal(stage_files(""), 0);
    assert_contains(stage.messages, ".bad");
    notices_forget(&stage.notices);
}

static void damaged_files_are_set_aside(void **state) {
    (void)state;
    assert_set_aside("", 0);
    assert_set_aside("{}", 2);
    assert_set_aside("\0\0\0\0", 4);
    assert_set_aside("nightshift-state 1 x notice 1 0 0\n", 34);
    char *large = xcalloc(1, 2 * 1024 * 1024);
    assert_set_aside(large, 2 * 1024 * 1024);
    free(large);
}

static void a_flipped_byte_is_found_anywhere(void **state) {
    (void)state;
    assert_int_equal(stage_post("hello", NULL), 0);
    char *outbox = scene_path(&stage.directory, "outbox");
    DIR *handle = opendir(outbox);
    char *path = NULL;
    for (const struct dirent *entry = NULL; (entry = readdir(handle)) != NULL;)
        if (entry->d_name[0] != '.' && strstr(entry->d_name, ".notice.state") != NULL)
            path = xasprintf("%s/%s", outbox, entry->d_name);
    closedir(handle);
    char *content = scene_read(path);
    size_t length = strlen(content);
    char *bad = xasprintf("%s.bad", path);
    for (size_t i = 0; i <= length; i += 7) {
        content[i] ^= 0x20;
        FILE *file = fopen(path, "w");
        fwrite(content, 1, i < length ? length : length - 1, file); /* and once cut short */
        fclose(file);
        content[i] ^= 0x20;
        assert_int_equal(stage_flush(0), EXIT_ATTENTION);
        assert_int_equal(access(bad, F_OK), 0);
    }
    assert_told_count(0);
    free(bad);
    free(content);
    free(path);
    free(outbox);
}

/* A directory stands for whatever keeps a file from being read this time. */
static void a_notice_that_cannot_be_read_waits(void **state) {
    (void)state;
    char *path = scene_path(&stage.directory, "outbox/00000000-0001-aaaaaa.notice.state");
    stage_open();
    assert_int_equal(stage_post("other", NULL), 0);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(stage_flush(9), EXIT_SYSTEM);
    assert_int_equal(stage.result.delivered, 1);
    assert_int_equal(stage.result.damaged, 0);
    assert_int_equal(rmdir(path), 0);
    free(path);
}

static void a_damaged_memory_is_no_obstacle(void **state) {
    (void)state;
    assert_int_equal(stage_post("one", "key"), 0);
    assert_int_equal(stage_flush(0), 0);
    free(scene_put(&stage.directory, "outbox/notify.delivered.state", "rubbish"));
    assert_int_equal(stage_post("two", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(2);
}

static void old_notices_are_told_in_one_summary(void **state) {
    (void)state;
    for (int i = 0; i < 30; i++) {
        char *title = xasprintf("old %d.", i);
        assert_int_equal(stage_post(title, NULL), 0);
        free(title);
    }
    stage.now += INT64_C(3) * 24 * HOUR + 1;
    stage_open();
    assert_int_equal(stage_post("fresh", NULL), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_int_equal(stage.result.old, 30);
    assert_told_count(2);
    assert_told(0, "fresh");
    assert_told(1, "warning: 30 notices could not be sent in time");
    assert_told(1, "2025-11-24T16:00:00.000+00:00 warning: old 0.");
    assert_told(1, "warning: old 19.");
    assert_told(1, "... 10 more;");
    char *text = notices_value(&stage.notices, "told.jsonl", 1, "text");
    assert_lacks(text, "old 20.");
    free(text);
    assert_int_equal(stage_files("old"), 30);
    assert_int_equal(stage_files(""), 0);
}

static void a_lone_summary_is_not_summarised_again(void **state) {
    (void)state;
    assert_int_equal(stage_post("old", NULL), 0);
    stage.now += INT64_C(4) * 24 * HOUR;
    notices_stop(&stage.notices);
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    assert_int_equal(stage_files("old"), 1);
    stage.now += INT64_C(4) * 24 * HOUR;
    notices_start(&stage.notices);
    assert_int_equal(stage_flush(0), 0);
    assert_told(0, "1 notice could not be sent in time");
    assert_int_equal(stage_files("old"), 1);
}

/* Killed between remembering and removing, and started again only when the notice has grown old. */
static void what_was_told_is_in_no_summary(void **state) {
    (void)state;
    assert_int_equal(stage_post("told", "key"), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_int_equal(stage_post("told", "key"), 0);
    stage.now += INT64_C(4) * 24 * HOUR;
    assert_int_equal(stage_flush(0), 0);
    assert_int_equal(stage.result.repeated, 1);
    assert_told_count(1);
    assert_int_equal(stage_files(""), 0);
}

static void a_storm_is_bounded(void **state) {
    (void)state;
    notices_stop(&stage.notices);
    for (int i = 0; i < 560; i++)
        assert_int_equal(stage_post("storm", NULL), 0);
    int64_t began = clock_monotonic();
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    print_message("[          ] flush of 560: %lld ms\n", (long long)(clock_monotonic() - began));
    assert_int_equal(stage.result.old, 60);
    assert_int_equal(stage.result.waiting, 501);
    assert_int_equal(stage_files("old"), 60);
    stage.now += INT64_C(4) * 24 * HOUR;
    notices_start(&stage.notices);
    assert_int_equal(stage_flush(0), 0);
    assert_told(0, "501 notices could not be sent in time");
    assert_int_equal(stage_files("old"), 200);
    assert_int_equal(stage_files(""), 0);
}

static void two_flushes_exclude_each_other(void **state) {
    (void)state;
    assert_int_equal(stage_post("hello", NULL), 0);
    char *path = scene_path(&stage.directory, "outbox/lock");
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), 0);
    const struct notify_budget budget = {.now = stage.now, .time = 300};
    int64_t began = clock_monotonic();
    assert_int_equal(notify_flush(stage.notify, &budget, NULL), EXIT_LATER);
    assert_in_range(clock_monotonic() - began, 300, FOREVER);
    assert_told_count(0);
    close(lock);
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(1);
    free(path);
}

static void many_flushers_tell_each_notice_once(void **state) {
    (void)state;
    enum { COUNT = 8 };
    stage.settings.via = NOTIFY_WEBHOOK;
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(stage_post("hello", NULL), 0);
    pid_t children[4];
    for (size_t i = 0; i < LENGTH_OF(children); i++) {
        children[i] = fork();
        if (children[i] == 0) {
            const struct notify_budget budget = {.now = stage.now, .time = 10 * FOREVER, .count = 3};
            _exit(notify_flush(stage.notify, &budget, NULL));
        }
    }
    for (size_t i = 0; i < LENGTH_OF(children); i++) {
        int ended = 0;
        assert_int_equal(waitpid(children[i], &ended, 0), children[i]);
        assert_true(WIFEXITED(ended) && WEXITSTATUS(ended) == 0);
    }
    assert_told_count(COUNT);
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), COUNT);
}

static void the_time_budget_is_kept(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_WEBHOOK;
    /* Each fits into the budget, both together do not. */
    notices_script(&stage.notices, "delay=1500\ndelay=4500\n");
    for (int i = 0; i < 3; i++)
        assert_int_equal(stage_post("slow", NULL), 0);
    const struct notify_budget budget = {.now = stage.now, .time = 5500, .count = 9};
    assert_int_equal(notify_flush(stage.notify, &budget, &stage.result), EXIT_UNAVAILABLE); /* the second is cut off */
    assert_int_equal(stage.result.delivered, 1);
    assert_int_equal(stage.result.waiting, 2);
}

static void a_clock_that_was_set_back_does_not_stop_us(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_CHATWORK;
    notices_script(&stage.notices, "cut=3\n");
    assert_int_equal(stage_post("hello", NULL), 0);
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    stage.now -= INT64_C(400) * 24 * HOUR;
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(1);
    assert_int_equal(stage_files(""), 0);
}

static void an_outbox_that_cannot_be_written_sends_nothing(void **state) {
    (void)state;
    assert_int_equal(stage_post("hello", NULL), 0);
    char *outbox = scene_path(&stage.directory, "outbox");
    free(scene_put(&stage.directory, "outbox/lock", ""));
    chmod(outbox, 0500);
    int status = stage_flush(0);
    int posted = stage_post("second", NULL);
    chmod(outbox, 0700);
    assert_int_equal(status, EXIT_CANNOT_WRITE);
    assert_int_equal(posted, EXIT_CANNOT_WRITE);
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(1);
    free(outbox);
}

static int enter_unprivileged(void **state) {
    int status = stage_enter(state);
    if (status == 0 && getuid() == 0) {
        /* Root would be allowed everything. */
        static const char *const names[] = {"token", "url", "."};
        for (size_t i = 0; i < LENGTH_OF(names); i++) {
            char *path = scene_path(&stage.directory, names[i]);
            status = status == 0 ? chown(path, NOBODY, NOBODY) : status;
            free(path);
        }
        status = status == 0 ? seteuid(NOBODY) : status;
    }
    return status;
}

static int leave_unprivileged(void **state) {
    if (getuid() == 0 && seteuid(0) != 0)
        return -1;
    return stage_leave(state);
}

static void an_unusable_secret_is_reported(void **state) {
    (void)state;
    assert_int_equal(stage_post("hello", NULL), 0);
    chmod(stage.settings.slack_url_file, 0644);
    assert_int_equal(stage_flush(0), EXIT_DENIED);
    unlink(stage.settings.slack_url_file);
    assert_int_equal(stage_flush(0), EXIT_SETTINGS);
    assert_int_equal(stage_files(""), 1);
}

static void a_strange_run_id_is_refused(void **state) {
    (void)state;
    static const char *const ids[] = {"", "../x", "a b", "a.b"};
    for (size_t i = 0; i < LENGTH_OF(ids); i++) {
        const struct notify_sender sender = {.state_dir = stage.directory, .job = "j", .run_id = ids[i], .host = "h"};
        struct notify *notify = NULL;
        assert_int_equal(notify_open(&stage.settings, &sender, &notify), EXIT_BUG);
        assert_null(notify);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(damaged_files_are_set_aside),
        stage_test(a_flipped_byte_is_found_anywhere),
        stage_test(a_notice_that_cannot_be_read_waits),
        stage_test(a_damaged_memory_is_no_obstacle),
        stage_test(old_notices_are_told_in_one_summary),
        stage_test(a_lone_summary_is_not_summarised_again),
        stage_test(what_was_told_is_in_no_summary),
        stage_test(a_storm_is_bounded),
        stage_test(two_flushes_exclude_each_other),
        stage_test(many_flushers_tell_each_notice_once),
        stage_test(the_time_budget_is_kept),
        stage_test(a_clock_that_was_set_back_does_not_stop_us),
        stage_test(an_unusable_secret_is_reported),
        stage_test(a_strange_run_id_is_refused),
        cmocka_unit_test_setup_teardown(an_outbox_that_cannot_be_written_sends_nothing, enter_unprivileged,
                                        leave_unprivileged),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
