/* One attempt over each transport, against the strict stand-in and real commands. */
#include <sys/time.h>

#include "../standins/notices.h"
#include "nightshift/web/notify_send.h"

/* A directory with the stand-in running in it, and what an attempt needs. */
struct stage {
    void *directory;
    struct notices notices;
    struct notify_settings settings;
    struct notify_notice notice;
    struct notify_attempt attempt;
};

static struct stage stage;

static char *put_secret(const char *name, const char *content) {
    char *path = scene_put(&stage.directory, name, content);
    chmod(path, 0600);
    return path;
}

static int enter(void **state) {
    (void)state;
    stage = (struct stage){0};
    if (scene_enter(&stage.directory) != 0)
        return -1;
    stage.notices.directory = stage.directory;
    notices_start(&stage.notices);
    struct notify_settings *settings = &stage.settings;
    settings->timeout = FOREVER;
    settings->max_length = 4000;
    settings->max_messages_per_run = 1;
    settings->max_age = 86400000;
    settings->chatwork_room = xstrdup(NOTICES_ROOM);
    settings->chatwork_url = xasprintf("http://127.0.0.1:%d/v2", stage.notices.port);
    settings->chatwork_token_file = put_secret("token", NOTICES_SECRET "\n");
    char *url = xasprintf("http://127.0.0.1:%d/services/T0/B0/" NOTICES_SECRET "\n", stage.notices.port);
    settings->slack_url_file = put_secret("url", url);
    free(url);
    settings->webhook_url = xasprintf("http://127.0.0.1:%d/hook/" NOTICES_SECRET, stage.notices.port);
    settings->webhook_header_file = put_secret("headers", "Authorization: Bearer " NOTICES_SECRET "\nX-Team: ops\n");
    struct notify_message *message = notify_message_new(NOTIFY_ERROR, "count-categories failed [To:1] <!channel>");
    notify_message_section(message, "why", 1);
    notify_message_line(message, "%s", "cannot connect: 日本語 & \033[2J");
    notify_message_code(message, "SELECT '[/code][toall]', '```'");
    stage.notice = (struct notify_notice){.id = xstrdup("0190-0001-aaaaaa"),
                                          .key = xstrdup("k"),
                                          .job = xstrdup("count-categories"),
                                          .host = xstrdup("batch-1"),
                                          .run_id = xstrdup("0190"),
                                          .at = xstrdup("2026-11-23T03:10:00+09:00"),
                                          .message = message};
    return 0;
}

static int leave(void **state) {
    (void)state;
    notices_stop(&stage.notices);
    struct notify_settings *settings = &stage.settings;
    char *const owned[] = {settings->chatwork_room,  settings->chatwork_url, settings->chatwork_token_file,
                           settings->slack_url_file, settings->webhook_url,  settings->webhook_header_file,
                           settings->command,        stage.notice.id,        stage.notice.key,
                           stage.notice.job,         stage.notice.host,      stage.notice.run_id,
                           stage.notice.at};
    for (size_t i = 0; i < LENGTH_OF(owned); i++)
        free(owned[i]);
    strings_free(&settings->to);
    notify_message_free(stage.notice.message);
    text_free(&stage.attempt.reason);
    return scene_leave(&stage.directory);
}

/* One attempt; the reason is in stage.attempt. The secret is never in it. */
static enum notify_outcome send_once(int via, const char *script) {
    struct notify_courier courier;
    stage.settings.via = via;
    notices_script(&stage.notices, script);
    assert_int_equal(notify_courier_open(&courier, &stage.settings), 0);
    notify_courier_send(&courier, &stage.notice, stage.settings.timeout, clock_now(), &stage.attempt);
    notify_courier_close(&courier);
    assert_lacks(text_string(&stage.attempt.reason), NOTICES_SECRET);
    assert_lacks(text_string(&stage.attempt.reason), "/hook");
    return stage.attempt.outcome;
}

static enum notify_outcome look_up_once(const char *script) {
    struct notify_courier courier;
    stage.settings.via = NOTIFY_CHATWORK;
    notices_script(&stage.notices, script);
    assert_int_equal(notify_courier_open(&courier, &stage.settings), 0);
    notify_courier_look_up(&courier, &stage.notice, stage.settings.timeout, clock_now(), &stage.attempt);
    notify_courier_close(&courier);
    assert_lacks(text_string(&stage.attempt.reason), NOTICES_SECRET);
    return stage.attempt.outcome;
}

static void chatwork_delivers(void **state) {
    (void)state;
    strings_add(&stage.settings.to, "77");
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_DELIVERED);
    char *told = notices_value(&stage.notices, "told.jsonl", 0, "text");
    assert_non_null(told);
    assert_memory_equal(told, "[To:77]\n[info][title]error: count-categories failed ［To:1] <!channel>[/title]", 70);
    assert_contains(told, "cannot connect: 日本語 & \\x1B［2J\n[code]SELECT '［/code]［toall]', '```'[/code]");
    free(told);
    char *path = notices_value(&stage.notices, "requests.jsonl", 0, "path");
    assert_string_equal(path, "/v2/rooms/" NOTICES_ROOM "/messages");
    free(path);
}

static void slack_delivers(void **state) {
    (void)state;
    assert_int_equal(send_once(NOTIFY_SLACK, ""), NOTIFY_DELIVERED);
    char *told = notices_value(&stage.notices, "told.jsonl", 0, "text");
    assert_non_null(told);
    assert_contains(told, "error: count-categories failed [To:1] &lt;!channel&gt;\nwhy\n");
    free(told);
    char *body = notices_value(&stage.notices, "requests.jsonl", 0, "body");
    assert_contains(body, "\"link_names\":false");
    assert_contains(body, "\"unfurl_links\":false");
    free(body);
}

static void webhook_delivers(void **state) {
    (void)state;
    assert_int_equal(send_once(NOTIFY_WEBHOOK, ""), NOTIFY_DELIVERED);
    assert_int_equal(send_once(NOTIFY_WEBHOOK, ""), NOTIFY_DELIVERED); /* known by its key: told once */
    assert_int_equal(notices_count(&stage.notices, "told.jsonl"), 1);
    char *told = notices_value(&stage.notices, "told.jsonl", 0, "text");
    json_t *document = json_loads(told, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(document, "id")), "0190-0001-aaaaaa");
    assert_string_equal(json_string_value(json_object_get(document, "host")), "batch-1");
    json_decref(document);
    free(told);
    char *header = notices_value(&stage.notices, "requests.jsonl", 0, "authorization");
    assert_string_equal(header, "Bearer " NOTICES_SECRET);
    free(header);
}

static void the_longest_message_is_accepted_by_all(void **state) {
    (void)state;
    char *line = xmalloc(1501);
    for (size_t i = 0; i < 1500; i += 3)
        memcpy(line + i, "語", 3);
    line[1500] = '\0';
    for (int i = 0; i < 100; i++) {
        notify_message_section(stage.notice.message, "more", 1);
        notify_message_line(stage.notice.message, "%s", line);
    }
    free(line);
    stage.settings.max_length = 10000;
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_DELIVERED);
    assert_int_equal(send_once(NOTIFY_SLACK, ""), NOTIFY_DELIVERED);
    assert_int_equal(send_once(NOTIFY_WEBHOOK, ""), NOTIFY_DELIVERED);
    char *told = notices_value(&stage.notices, "told.jsonl", 0, "text");
    assert_true(strlen(told) > 20000);
    assert_contains(told, " more\n[hr]notice 0190-0001-aaaaaa");
    free(told);
}

static void refusals_are_told_apart(void **state) {
    (void)state;
    static const struct {
        int via;
        const char *script;
        enum notify_outcome outcome;
        const char *reason;
    } cases[] = {
        {NOTIFY_CHATWORK, "status=500", NOTIFY_UNSURE, "status 500"},
        {NOTIFY_CHATWORK, "status=400 body=%7B%22errors%22%3A%5B%22no%22%5D%7D", NOTIFY_DECLINED,
         ": {\"errors\":[\"no\"]}"},
        {NOTIFY_CHATWORK, "status=400 body=bad%20" NOTICES_SECRET, NOTIFY_DECLINED, "repeats a secret"},
        {NOTIFY_CHATWORK, "cut=5", NOTIFY_UNSURE, ""},
        {NOTIFY_CHATWORK, "body=hello", NOTIFY_UNSURE, "content that proves"},
        {NOTIFY_SLACK, "status=500", NOTIFY_FAILED, "status 500: ok"},
        {NOTIFY_SLACK, "status=400 body=invalid_payload", NOTIFY_DECLINED, "invalid_payload"},
        {NOTIFY_SLACK, "cut=1", NOTIFY_UNSURE, ""},
        {NOTIFY_SLACK, "status=302 Location:http://127.0.0.1:1/", NOTIFY_REFUSED, "status 302"},
        {NOTIFY_SLACK, "status=429 Retry-After:7", NOTIFY_LIMITED, "status 429"},
        {NOTIFY_WEBHOOK, "status=413", NOTIFY_DECLINED, "status 413"},
        {NOTIFY_WEBHOOK, "status=401 body=" NOTICES_SECRET, NOTIFY_REFUSED, "repeats a secret"},
        {NOTIFY_WEBHOOK, "status=400 body=%1B%5B2J", NOTIFY_DECLINED, "\\x1B[2J"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        enum notify_outcome outcome = send_once(cases[i].via, cases[i].script);
        if (outcome != cases[i].outcome)
            fail_with("case %zu: outcome %d, %s", i, (int)outcome, text_string(&stage.attempt.reason));
        assert_contains(text_string(&stage.attempt.reason), cases[i].reason);
    }
    assert_int_equal(notices_count(&stage.notices, "told.jsonl"), 3); /* the cut ones, and "hello" */
}

static void the_stand_in_is_strict(void **state) {
    (void)state;
    /* A wrong token and a wrong room. */
    free(stage.settings.chatwork_token_file);
    stage.settings.chatwork_token_file = put_secret("token2", "wrong-token");
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_REFUSED);
    assert_contains(text_string(&stage.attempt.reason), "401: {\"errors\":[\"Invalid API token\"]}");
    free(stage.settings.chatwork_token_file);
    stage.settings.chatwork_token_file = put_secret("token3", NOTICES_SECRET);
    stage.settings.chatwork_room[0] = '9';
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_REFUSED);
    stage.settings.chatwork_room[0] = '4';
    /* The 11th post within 10 seconds, and the 6th to a Slack channel. The stand-in's clock stands still, far from ours. */
    notices_forget(&stage.notices);
    char *now = xasprintf("%lld", (long long)(clock_now() / 1000 + 1000));
    free(scene_put(&stage.directory, "clock", now));
    free(now);
    for (int i = 0; i < 10; i++)
        assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_DELIVERED);
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_LIMITED);
    assert_in_range(stage.attempt.wait, 1009000 - FOREVER, 1010000);
    for (int i = 0; i < 5; i++)
        assert_int_equal(send_once(NOTIFY_SLACK, ""), NOTIFY_DELIVERED);
    assert_int_equal(send_once(NOTIFY_SLACK, ""), NOTIFY_LIMITED);
    assert_int_equal(stage.attempt.wait, 1000);
}

static void no_connection_is_surely_not_told(void **state) {
    (void)state;
    notices_stop(&stage.notices);
    for (int via = NOTIFY_CHATWORK; via <= NOTIFY_WEBHOOK; via++)
        assert_int_equal(send_once(via, ""), NOTIFY_FAILED);
    free(stage.settings.chatwork_url);
    stage.settings.chatwork_url = xstrdup("https://nowhere.invalid");
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_FAILED);
    /* Not TLS at all on the other side. */
    notices_start(&stage.notices);
    free(stage.settings.chatwork_url);
    stage.settings.chatwork_url = xasprintf("https://127.0.0.1:%d", stage.notices.port);
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_FAILED);
    /* A secret over plain http to another host is never sent. */
    free(stage.settings.chatwork_url);
    stage.settings.chatwork_url = xstrdup("http://192.0.2.1/v2");
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_REFUSED);
    assert_contains(text_string(&stage.attempt.reason), "must begin with https");
}

static void a_late_answer_leaves_us_unsure(void **state) {
    (void)state;
    stage.settings.timeout = 2000;
    int64_t began = clock_monotonic();
    assert_int_equal(send_once(NOTIFY_CHATWORK, "delay=600000"), NOTIFY_UNSURE);
    assert_true(clock_monotonic() - began < FOREVER);
    AWAIT(notices_count(&stage.notices, "told.jsonl") == 1); /* and rightly so */
}

static void the_room_tells_what_arrived(void **state) {
    (void)state;
    stage.notice.attempting = clock_now();
    assert_int_equal(look_up_once(""), NOTIFY_FAILED);
    assert_string_equal(text_string(&stage.attempt.reason), "the room is empty");
    assert_int_equal(send_once(NOTIFY_CHATWORK, ""), NOTIFY_DELIVERED);
    assert_int_equal(look_up_once(""), NOTIFY_DELIVERED);
    free(stage.notice.id);
    stage.notice.id = xstrdup("0190-0002-bbbbbb");
    assert_int_equal(look_up_once(""), NOTIFY_FAILED);
    assert_int_equal(look_up_once("Chatwork-Message-Limitation:true"), NOTIFY_UNSURE);
    stage.notice.attempting = clock_now() + 120000; /* the list reaches back to before it */
    assert_int_equal(look_up_once("Chatwork-Message-Limitation:true"), NOTIFY_FAILED);
    assert_int_equal(look_up_once("body=%3Chtml%3E"), NOTIFY_UNHEARD);
    assert_int_equal(look_up_once("cut=9"), NOTIFY_UNHEARD);
    assert_int_equal(look_up_once("status=500"), NOTIFY_UNHEARD);
    assert_int_equal(look_up_once("status=403"), NOTIFY_REFUSED);
    assert_int_equal(look_up_once("status=429 Retry-After:9"), NOTIFY_LIMITED);
    assert_int_equal(stage.attempt.wait, 9000);
    /* 100 other messages since: the list ends there. */
    stage.notice.attempting = clock_now();
    char *told = scene_path(&stage.directory, "told.jsonl");
    FILE *file = fopen(told, "w");
    for (int i = 0; i < 120; i++)
        fprintf(file, "{\"id\":\"%d\",\"text\":\"other\",\"time\":%lld,\"key\":\"\"}\n", i,
                (long long)(clock_now() / 1000));
    fclose(file);
    free(told);
    assert_int_equal(look_up_once(""), NOTIFY_UNSURE);
}

static void secrets_are_examined(void **state) {
    (void)state;
    static const struct {
        const char *content;
        mode_t mode;
        int status;
    } cases[] = {{"good", 0600, 0},
                 {"good", 0640, EXIT_DENIED},
                 {"", 0600, EXIT_SETTINGS},
                 {"two words", 0600, EXIT_SETTINGS},
                 {"a\nb", 0600, EXIT_SETTINGS},
                 {"a\x01"
                  "b",
                  0600, EXIT_SETTINGS}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *path = scene_put(&stage.directory, "s", cases[i].content);
        chmod(path, cases[i].mode);
        free(stage.settings.slack_url_file);
        stage.settings.slack_url_file = path;
        stage.settings.via = NOTIFY_SLACK;
        struct capture capture = capture_start();
        int status = notify_check(&stage.settings);
        char *messages = capture_end(&capture);
        if (status != cases[i].status)
            fail_with("case %zu: %d", i, status);
        assert_lacks(messages, "two words");
        free(messages);
    }
    stage.settings.via = NOTIFY_WEBHOOK;
    assert_int_equal(notify_check(&stage.settings), 0);
    free(put_secret("headers", "no colon"));
    assert_int_equal(notify_check(&stage.settings), EXIT_SETTINGS);
    stage.settings.via = NOTIFY_NONE;
    assert_int_equal(notify_check(&stage.settings), 0);
}

/* --- Commands --- */

static enum notify_outcome run_script(const char *script, int64_t timeout) {
    char *content = xasprintf("#!/bin/sh\ncd '%s'\n%s\n", (const char *)stage.directory, script);
    free(stage.settings.command);
    stage.settings.command = scene_put(&stage.directory, "tell", content);
    chmod(stage.settings.command, 0700);
    free(content);
    stage.settings.timeout = timeout;
    return send_once(NOTIFY_COMMAND, "");
}

static void commands_get_the_text(void **state) {
    (void)state;
    setenv("NIGHTSHIFT_CANARY", NOTICES_SECRET, 1);
    enum notify_outcome outcome = run_script("cat >got; env >environment; echo $# >count; echo noise; exit 0", FOREVER);
    unsetenv("NIGHTSHIFT_CANARY");
    assert_int_equal(outcome, NOTIFY_DELIVERED);
    char *path = scene_path(&stage.directory, "got");
    char *got = scene_read(path);
    assert_contains(got, "error: count-categories failed [To:1] <!channel>\n\nwhy\n");
    assert_contains(got, "SELECT '[/code][toall]', '```'");
    assert_contains(got, "notice 0190-0001-aaaaaa, count-categories on batch-1");
    assert_lacks(got, "\033");
    free(got);
    free(path);
    path = scene_path(&stage.directory, "environment");
    got = scene_read(path);
    assert_contains(got, "NIGHTSHIFT_NOTICE_ID=0190-0001-aaaaaa\n");
    assert_lacks(got, NOTICES_SECRET);
    free(got);
    free(path);
    path = scene_path(&stage.directory, "count");
    got = scene_read(path);
    assert_string_equal(got, "0\n");
    free(got);
    free(path);
}

static void commands_that_fail_are_reported(void **state) {
    (void)state;
    assert_int_equal(run_script("echo 'no \033[2J route' >&2; exit 3", FOREVER), NOTIFY_FAILED);
    assert_string_equal(text_string(&stage.attempt.reason), "the command ended with 3: no \\x1B[2J route\\x0A");
    assert_int_equal(run_script("kill -9 $$", FOREVER), NOTIFY_FAILED);
    assert_string_equal(text_string(&stage.attempt.reason), "the command was ended by signal 9");
    /* It reads nothing, or says more than anybody wants to keep. */
    assert_int_equal(run_script("exit 0", FOREVER), NOTIFY_DELIVERED);
    assert_int_equal(run_script("head -c 3000000 /dev/zero; exit 4", FOREVER), NOTIFY_FAILED);
    assert_true(stage.attempt.reason.length < 1000);
}

/* The process id that a script wrote into "child"; 0 if it did not come to that. */
static pid_t take_child(void) {
    char *path = scene_path(&stage.directory, "child");
    char *child = scene_read(path);
    pid_t pid = child != NULL ? (pid_t)strtol(child, NULL, 10) : 0;
    unlink(path);
    free(child);
    free(path);
    return pid;
}

/* Or a zombie that init has yet to collect. */
static bool is_gone(pid_t pid) {
    char *path = xasprintf("/proc/%d/stat", (int)pid);
    char *line = scene_read(path);
    const char *end = line != NULL ? strrchr(line, ')') : NULL; /* of the name; the state follows (proc(5)) */
    char letter = end != NULL ? end[2] : 'X';
    free(line);
    free(path);
    return letter == 'X' || letter == 'Z';
}

static void commands_that_hang_are_killed_with_their_children(void **state) {
    (void)state;
    static const char *const scripts[] = {"sleep 600 & echo $! >child; wait",
                                          "exec 1>&- 2>&-; echo $$ >child; sleep 600",
                                          "trap '' TERM; echo $$ >child; while :; do echo x; done"};
    for (size_t i = 0; i < LENGTH_OF(scripts); i++) {
        pid_t pid = 0;
        /* A shell that is killed before it came to its second command has to be given more time. */
        for (int64_t timeout = 400; pid == 0; timeout *= 2) {
            assert_true(timeout < FOREVER);
            int64_t began = clock_monotonic();
            assert_int_equal(run_script(scripts[i], timeout), NOTIFY_UNSURE);
            assert_in_range(clock_monotonic() - began, timeout, timeout + FOREVER);
            assert_contains(text_string(&stage.attempt.reason), "it took too long");
            pid = take_child();
        }
        AWAIT(is_gone(pid));
    }
}

static void a_daemon_left_behind_does_not_hold_us_up(void **state) {
    (void)state;
    assert_int_equal(run_script("sleep 600 & echo $! >child; exit 0", FOREVER), NOTIFY_DELIVERED);
    pid_t daemon = take_child();
    assert_true(daemon > 0);
    assert_int_equal(kill(daemon, SIGKILL), 0); /* it still ran */
}

static void commands_are_examined(void **state) {
    (void)state;
    assert_int_equal(run_script("exit 0", FOREVER), NOTIFY_DELIVERED);
    chmod(stage.settings.command, 0722);
    assert_int_equal(notify_check(&stage.settings), EXIT_DENIED);
    chmod(stage.settings.command, 0600);
    assert_int_equal(notify_check(&stage.settings), EXIT_SETTINGS);
    unlink(stage.settings.command);
    assert_int_equal(notify_check(&stage.settings), EXIT_SETTINGS);
    struct text input = {0};
    notify_command_run(stage.settings.command, "id", &input, FOREVER, &stage.attempt);
    assert_int_equal(stage.attempt.outcome, NOTIFY_FAILED);
    assert_contains(text_string(&stage.attempt.reason), "No such file");
}

#define stage_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(chatwork_delivers),
        stage_test(slack_delivers),
        stage_test(webhook_delivers),
        stage_test(the_longest_message_is_accepted_by_all),
        stage_test(refusals_are_told_apart),
        stage_test(the_stand_in_is_strict),
        stage_test(no_connection_is_surely_not_told),
        stage_test(a_late_answer_leaves_us_unsure),
        stage_test(the_room_tells_what_arrived),
        stage_test(secrets_are_examined),
        stage_test(commands_get_the_text),
        stage_test(commands_that_fail_are_reported),
        stage_test(commands_that_hang_are_killed_with_their_children),
        stage_test(a_daemon_left_behind_does_not_hold_us_up),
        stage_test(commands_are_examined),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
