/* What the tests of the outbox share: a stand-in, settings for each transport, and short ways to post and flush. */
#ifndef TESTS_STANDINS_NOTICES_STAGE_H
#define TESTS_STANDINS_NOTICES_STAGE_H

#include <dirent.h>

#include "nightshift/web/notify.h"
#include "notices.h"

#define STAGE_RUN "01900000-0000-7000-8000-%012d"

struct stage {
    void *directory; /* of the scene */
    struct notices notices;
    struct notify_settings settings;
    struct notify *notify;
    struct notify_result result; /* of the last flush */
    char *messages;              /* logged by the last flush */
    int64_t now;                 /* the tests' clock */
    int runs;
};

static struct stage stage;

static inline char *stage_secret(const char *name, const char *content) {
    char *path = scene_put(&stage.directory, name, content);
    chmod(path, 0600);
    return path;
}

/* A new run: the next id, as another process would have it. */
static inline void stage_open(void) {
    char *run_id = xasprintf(STAGE_RUN, ++stage.runs);
    const struct notify_sender sender = {
        .state_dir = stage.directory, .job = "watch-slow-queries", .run_id = run_id, .host = "batch-1"};
    notify_close(stage.notify);
    stage.notify = NULL;
    assert_int_equal(notify_open(&stage.settings, &sender, &stage.notify), 0);
    free(run_id);
}

static inline int stage_enter(void **state) {
    (void)state;
    stage = (struct stage){.now = INT64_C(1764000000000)}; /* 2025-11-24T16:00:00Z */
    if (scene_enter(&stage.directory) != 0 || clock_set_zone("UTC") != 0)
        return -1;
    stage.notices.directory = stage.directory;
    notices_start(&stage.notices);
    char *url = xasprintf("http://127.0.0.1:%d/services/T0/B0/" NOTICES_SECRET, stage.notices.port);
    stage.settings = (struct notify_settings){
        .via = NOTIFY_SLACK,
        .timeout = FOREVER,
        .max_length = 4000,
        .max_messages_per_run = 1,
        .max_age = INT64_C(3) * 86400000,
        .chatwork_room = xstrdup(NOTICES_ROOM),
        .chatwork_url = xasprintf("http://127.0.0.1:%d/v2", stage.notices.port),
        .chatwork_token_file = stage_secret("token", NOTICES_SECRET "\n"),
        .slack_url_file = stage_secret("url", url),
        .webhook_url = xasprintf("http://127.0.0.1:%d/hook/" NOTICES_SECRET, stage.notices.port)};
    free(url);
    return 0;
}

/* Fails when a file of the outbox holds a secret. */
static inline int stage_examine(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)place;
    char *content = kind == FTW_F ? scene_read(path) : NULL;
    bool found = content != NULL && strstr(content, NOTICES_SECRET) != NULL;
    if (found)
        print_error("the secret is in %s\n", path);
    free(content);
    return found;
}

static inline int stage_leave(void **state) {
    (void)state;
    char *outbox = scene_path(&stage.directory, "outbox");
    bool leaked = access(outbox, F_OK) == 0 && nftw(outbox, stage_examine, 16, FTW_PHYS) != 0;
    free(outbox);
    notices_stop(&stage.notices);
    notify_close(stage.notify);
    struct notify_settings *settings = &stage.settings;
    char *const owned[] = {settings->chatwork_room,  settings->chatwork_url, settings->chatwork_token_file,
                           settings->slack_url_file, settings->webhook_url,  settings->command,
                           settings->quiet_hours,    stage.messages};
    for (size_t i = 0; i < LENGTH_OF(owned); i++)
        free(owned[i]);
    return scene_leave(&stage.directory) != 0 || leaked ? -1 : 0;
}

#define stage_test(function) cmocka_unit_test_setup_teardown(function, stage_enter, stage_leave)

static inline int stage_post(const char *title, const char *key) {
    if (stage.notify == NULL)
        stage_open();
    struct notify_message *message = notify_message_new(NOTIFY_WARNING, title);
    notify_message_section(message, "heading", 1);
    notify_message_line(message, "line of %s", title);
    int status = notify_post(stage.notify, message, key, stage.now);
    notify_message_free(message);
    return status;
}

/* Flushes; stage.result and stage.messages are those of this flush. No secret is ever logged. */
static inline int stage_flush(int64_t count) {
    if (stage.notify == NULL)
        stage_open();
    const struct notify_budget budget = {.now = stage.now, .time = 10 * FOREVER, .count = count};
    free(stage.messages);
    struct capture capture = capture_start();
    int status = notify_flush(stage.notify, &budget, &stage.result);
    stage.messages = capture_end(&capture);
    assert_lacks(stage.messages, NOTICES_SECRET);
    assert_true((status == 0) || *stage.messages != '\0');
    return status;
}

/* How many notices there are in state_dir/outbox or a directory below it. */
static inline size_t stage_files(const char *below) {
    char *path = xasprintf("%s/outbox/%s", (const char *)stage.directory, below);
    DIR *handle = opendir(path);
    size_t count = 0;
    for (const struct dirent *entry = NULL; handle != NULL && (entry = readdir(handle)) != NULL;) {
        const char *end = strstr(entry->d_name, ".notice.state");
        count += entry->d_name[0] != '.' && end != NULL && strlen(end) == strlen(".notice.state");
    }
    if (handle != NULL)
        closedir(handle);
    free(path);
    return count;
}

/* What the reader has seen: the nth text holds this title. */
static inline void assert_told(size_t index, const char *title) {
    char *text = notices_value(&stage.notices, "told.jsonl", index, "text");
    assert_non_null(text);
    assert_contains(text, title);
    free(text);
}

#define assert_told_count(count) assert_int_equal(notices_count(&stage.notices, "told.jsonl"), count)

#endif
