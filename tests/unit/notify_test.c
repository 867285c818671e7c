/* What is sent when, and what becomes of what is not. */
#include "../standins/notices_stage.h"

enum { MINUTE = 60 * 1000, HOUR = 60 * MINUTE };

static void notices_are_told_in_order_and_forgotten(void **state) {
    (void)state;
    assert_int_equal(stage_flush(0), 0); /* an empty outbox */
    assert_int_equal(stage_post("first", NULL), 0);
    assert_int_equal(stage_post("second", NULL), 0);
    stage_open();
    assert_int_equal(stage_post("third", NULL), 0);
    assert_int_equal(stage_files(""), 3);
    assert_int_equal(stage_flush(0), 0); /* one message per run */
    assert_int_equal(stage.result.delivered, 1);
    assert_int_equal(stage.result.waiting, 2);
    assert_told_count(1);
    assert_int_equal(stage_flush(5), 0);
    assert_int_equal(stage.result.delivered, 2);
    assert_told(0, "first");
    assert_told(1, "second");
    assert_told(2, "third");
    assert_int_equal(stage_files(""), 0);
    assert_int_equal(stage_flush(5), 0);
    assert_told_count(3);
    assert_string_equal(stage.messages, "");
}

static void the_note_survives_the_outbox(void **state) {
    (void)state;
    stage_open();
    struct notify_message *message = notify_message_new(NOTIFY_INFO, "title");
    notify_message_more(message, 12, "... {more} more: see show-runs");
    assert_int_equal(notify_post(stage.notify, message, NULL, stage.now), 0);
    notify_message_free(message);
    assert_int_equal(stage_flush(0), 0);
    assert_told(0, "... 12 more: see show-runs");
}

static void every_transport_delivers(void **state) {
    (void)state;
    for (stage.settings.via = NOTIFY_CHATWORK; stage.settings.via <= NOTIFY_WEBHOOK; stage.settings.via++) {
        assert_int_equal(stage_post("hello", NULL), 0);
        assert_int_equal(stage_flush(0), 0);
        assert_told_count((size_t)stage.settings.via);
    }
    stage.settings.via = NOTIFY_COMMAND;
    char *script = xasprintf("#!/bin/sh\ncat >'%s/got'\n", (const char *)stage.directory);
    stage.settings.command = scene_put(&stage.directory, "tell", script);
    chmod(stage.settings.command, 0700);
    assert_int_equal(stage_post("hello command", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_int_equal(stage_files(""), 0);
    char *path = scene_path(&stage.directory, "got");
    char *got = scene_read(path);
    assert_contains(got, "warning: hello command\n");
    assert_contains(got, "watch-slow-queries on batch-1, 2025-11-24T16:00:00.000+00:00");
    free(got);
    free(path);
    free(script);
}

static void none_tells_nobody(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_NONE;
    assert_int_equal(stage_post("hello", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    char *path = scene_path(&stage.directory, "outbox");
    assert_int_equal(access(path, F_OK), -1);
    free(path);
}

static void one_key_is_told_once(void **state) {
    (void)state;
    assert_int_equal(stage_post("same", "dropped idx 2025-11-24"), 0);
    assert_int_equal(stage_post("same", "dropped idx 2025-11-24"), 0);
    assert_int_equal(stage_post("other", "dropped idx 2025-11-25"), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_int_equal(stage.result.delivered, 2);
    assert_int_equal(stage.result.repeated, 1);
    stage_open();
    assert_int_equal(stage_post("same", "dropped idx 2025-11-24"), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_int_equal(stage.result.repeated, 1);
    assert_told_count(2);
    assert_int_equal(stage_files(""), 0);
    /* Without a key, twice is meant. */
    assert_int_equal(stage_post("again", NULL), 0);
    assert_int_equal(stage_post("again", NULL), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_told_count(4);
}

static void two_opens_of_one_run_do_not_share_ids(void **state) {
    (void)state;
    assert_int_equal(stage_post("worker", NULL), 0);
    assert_int_equal(stage_flush(9), 0);
    stage.runs--;
    stage_open(); /* the supervisor, with the same run id */
    assert_int_equal(stage_post("supervisor", NULL), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_told_count(2);
}

static void a_rate_limit_holds_back_all_notices(void **state) {
    (void)state;
    notices_script(&stage.notices, "status=429 Retry-After:120");
    assert_int_equal(stage_post("first", NULL), 0);
    assert_int_equal(stage_post("second", NULL), 0);
    assert_int_equal(stage_flush(9), EXIT_UNAVAILABLE);
    assert_int_equal(stage.result.kept, 1);
    assert_contains(stage.messages, "429");
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), 1);
    stage.now += MINUTE;
    assert_int_equal(stage_flush(9), 0);
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), 1);
    assert_int_equal(stage.result.waiting, 2);
    stage.now += 2 * MINUTE;
    assert_int_equal(stage_flush(9), 0);
    assert_told(0, "first");
    assert_told(1, "second");
    assert_told_count(2);
}

static void errors_are_tried_again_later_and_later(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_WEBHOOK;
    notices_script(&stage.notices,
                   "status=500\nstatus=503\nstatus=500\nstatus=502\nstatus=500\nstatus=500\nstatus=500");
    assert_int_equal(stage_post("hello", NULL), 0);
    int64_t whole = MINUTE;
    for (size_t i = 1; i <= 7; i++) {
        assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
        stage.now += whole / 2 - 20 * 1000; /* a flush takes a while too, and so does an attempt */
        assert_int_equal(stage_flush(0), 0);
        assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), i);
        stage.now += whole / 2 + MINUTE;
        whole = whole * 2 > HOUR ? HOUR : whole * 2;
    }
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(1);
}

/* One that the service chokes on does not block the others for ever. */
static void a_waiting_notice_lets_others_pass(void **state) {
    (void)state;
    notices_script(&stage.notices, "status=500\n");
    assert_int_equal(stage_post("heavy", NULL), 0);
    assert_int_equal(stage_post("light", NULL), 0);
    assert_int_equal(stage_flush(9), EXIT_UNAVAILABLE);
    assert_told_count(0);
    assert_int_equal(stage_flush(9), 0);
    assert_told_count(1);
    assert_told(0, "light");
}

static void rejected_notices_are_kept_aside(void **state) {
    (void)state;
    notices_script(&stage.notices, "status=400 body=invalid_payload\n");
    assert_int_equal(stage_post("bad", NULL), 0);
    assert_int_equal(stage_post("good", NULL), 0);
    assert_int_equal(stage_flush(9), EXIT_ATTENTION);
    assert_int_equal(stage.result.rejected, 1);
    assert_int_equal(stage.result.delivered, 1);
    assert_told(0, "good");
    assert_contains(stage.messages, "(\"bad\") was rejected: the answer has status 400: invalid_payload");
    assert_int_equal(stage_files("rejected"), 1);
    assert_int_equal(stage_files(""), 0);
    assert_int_equal(stage_flush(9), 0);
    assert_told_count(1);
}

static void a_revoked_token_loses_no_notice(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_CHATWORK;
    free(stage_secret("token", "revoked"));
    assert_int_equal(stage_post("hello", NULL), 0);
    assert_int_equal(stage_flush(9), EXIT_ATTENTION);
    assert_contains(stage.messages, "Invalid API token");
    assert_int_equal(stage_files(""), 1);
    free(stage_secret("token", NOTICES_SECRET));
    stage.now += 2 * MINUTE;
    assert_int_equal(stage_flush(9), 0);
    assert_told_count(1);
}

/* A service that repeats what it was sent: neither the log nor the outbox may hold it (stage_flush, stage_leave). */
static void an_echoed_secret_is_kept_nowhere(void **state) {
    (void)state;
    for (stage.settings.via = NOTIFY_CHATWORK; stage.settings.via <= NOTIFY_WEBHOOK; stage.settings.via++) {
        notices_script(&stage.notices, "status=400 body=" NOTICES_SECRET "\nstatus=401 body=" NOTICES_SECRET
                                       "\nstatus=429 Retry-After:1 body=" NOTICES_SECRET
                                       "\nstatus=500 body=" NOTICES_SECRET "\nbody=" NOTICES_SECRET "\n");
        for (int i = 0; i < 5; i++) {
            assert_int_equal(stage_post("hello", NULL), 0);
            stage_flush(1);
            if (stage.settings.via != NOTIFY_WEBHOOK || i < 4)
                assert_contains(stage.messages, i == 2 ? "429" : "repeats a secret");
            stage.now += 10 * 1000;
        }
    }
}

static void slack_is_told_at_most_once(void **state) {
    (void)state;
    stage.settings.timeout = 2000;
    notices_script(&stage.notices, "delay=600000\n");
    assert_int_equal(stage_post("slow", NULL), 0);
    assert_int_equal(stage_flush(0), EXIT_ATTENTION);
    assert_contains(stage.messages, "may not have been told, and is not sent again");
    AWAIT(notices_count(&stage.notices, "told.jsonl") == 1);
    notices_stop(&stage.notices); /* it would still wait */
    notices_start(&stage.notices);
    stage.settings.timeout = FOREVER;
    notices_script(&stage.notices, "cut=1\n");
    assert_int_equal(stage_post("cut", NULL), 0);
    assert_int_equal(stage_flush(0), EXIT_ATTENTION);
    stage.now += HOUR;
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(2);
    assert_int_equal(stage_files("unknown"), 2);
    assert_int_equal(stage_files(""), 0);
}

static void chatwork_is_looked_up_and_told_exactly_once(void **state) {
    (void)state;
    static const char *const scripts[] = {"cut=3", "status=500 told", "status=504", "status=502 told", "body=hello"};
    stage.settings.via = NOTIFY_CHATWORK;
    for (size_t i = 0; i < LENGTH_OF(scripts); i++) {
        notices_script(&stage.notices, scripts[i]);
        assert_int_equal(stage_post("hello", NULL), 0);
        assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
        assert_int_equal(stage_flush(0), 0); /* too early to ask */
        assert_int_equal(stage_files(""), 1);
        stage.now += 90 * 1000;
        assert_int_equal(stage_flush(0), 0);
        assert_int_equal(stage_files(""), 0);
        assert_told_count(i + 1);
    }
    /* The room cannot be asked for a while; it is asked again, and then does not reach back. */
    notices_script(&stage.notices, "cut=3\nstatus=500\nstatus=403\nbody=%5B%5D Chatwork-Message-Limitation:true\n");
    assert_int_equal(stage_post("lost", NULL), 0);
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    stage.now += 2 * MINUTE;
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    stage.now += 2 * MINUTE;
    assert_int_equal(stage_flush(0), EXIT_ATTENTION);
    stage.now += 2 * MINUTE;
    assert_int_equal(stage_flush(0), EXIT_ATTENTION);
    assert_int_equal(stage_files("unknown"), 1);
    assert_told_count(LENGTH_OF(scripts) + 1);
}

static void the_webhook_gets_the_same_key_again(void **state) {
    (void)state;
    stage.settings.via = NOTIFY_WEBHOOK;
    notices_script(&stage.notices, "status=500 told\ncut=0\n");
    assert_int_equal(stage_post("hello", NULL), 0);
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    stage.now += HOUR;
    assert_int_equal(stage_flush(0), EXIT_UNAVAILABLE);
    stage.now += HOUR;
    assert_int_equal(stage_flush(0), 0);
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), 3);
    assert_told_count(1); /* the receiver knows it by its key */
    char *first = notices_value(&stage.notices, "requests.jsonl", 0, "key");
    char *last = notices_value(&stage.notices, "requests.jsonl", 2, "key");
    assert_string_equal(first, last);
    free(first);
    free(last);
}

static void quiet_hours_keep_notices_waiting(void **state) {
    (void)state;
    stage.settings.quiet_hours = xstrdup("22:00-07:00");
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0); /* 16:00 UTC is 01:00 there */
    assert_int_equal(stage_post("hello", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_true(stage.result.quiet);
    assert_int_equal(stage.result.waiting, 1);
    stage.now += 5 * HOUR + 59 * MINUTE;
    assert_int_equal(stage_flush(0), 0);
    assert_int_equal(notices_count(&stage.notices, "requests.jsonl"), 0);
    stage.now += MINUTE;
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(1);
    stage.now += 15 * HOUR - 1;
    assert_int_equal(stage_post("evening", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(2);
    stage.now += 1;
    assert_int_equal(stage_post("night", NULL), 0);
    assert_int_equal(stage_flush(0), 0);
    assert_told_count(2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(notices_are_told_in_order_and_forgotten),
        stage_test(the_note_survives_the_outbox),
        stage_test(every_transport_delivers),
        stage_test(none_tells_nobody),
        stage_test(one_key_is_told_once),
        stage_test(two_opens_of_one_run_do_not_share_ids),
        stage_test(a_rate_limit_holds_back_all_notices),
        stage_test(errors_are_tried_again_later_and_later),
        stage_test(a_waiting_notice_lets_others_pass),
        stage_test(rejected_notices_are_kept_aside),
        stage_test(a_revoked_token_loses_no_notice),
        stage_test(an_echoed_secret_is_kept_nowhere),
        stage_test(slack_is_told_at_most_once),
        stage_test(chatwork_is_looked_up_and_told_exactly_once),
        stage_test(the_webhook_gets_the_same_key_again),
        stage_test(quiet_hours_keep_notices_waiting),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
