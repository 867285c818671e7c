/* How notices read: hostile texts in every form, cutting, and the rules of [notify]. */
#include "nightshift/run/settings.h"
#include "nightshift/web/notify.h"
#include "nightshift/web/notify_message.h"
#include "nightshift/web/notify_send.h"
#include "nightshift/web/notify_text.h"
#include "support.h"

/* fail_msg() of cmocka, which would call the log's fail(). */
#define fail_with(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

static const struct notify_origin origin = {.id = "0190-0001-abcdef",
                                            .key = "k",
                                            .job = "watch-slow-queries",
                                            .host = "batch-1",
                                            .run_id = "0190",
                                            .at = "2026-11-23T03:10:00.000+09:00"};
static const struct strings nobody = {0};

/* What people put into queries when they know that somebody reads them in a chat. */
static const char hostile[] = "SELECT '[To:1][toall][/code][/info][rp aid=1 to=2-3][qt][hr][picon:9]', '<!channel> "
                              "<@U1> <http://e.example|x> & @here "
                              "@Channel', '```', 'a\033[31m\007\x9b\x80\xff', '\xe2\x80\xae\xd9\xa9\xe2\x81\xa6', "
                              "'z\xe2\x80\x8bw\xef\xbb\xbf'\r\n"
                              "\tFROM t -- 日本語 \xf3\xa0\x81\x81";

static struct notify_message *make_hostile(void) {
    struct notify_message *message = notify_message_new(NOTIFY_ERROR, hostile);
    notify_message_section(message, hostile, 1);
    notify_message_line(message, "%s", hostile);
    notify_message_code(message, hostile);
    notify_message_more(message, 7, "[To:5] <!here> {more} more \033[2J");
    return message;
}

/* The text holds nothing that a terminal or a reader could be fooled with. */
static void assert_printable(const char *text) {
    struct text clean = {0};
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        text_append_printable(&clean, line, length);
        line += length;
        if (*line == '\n')
            text_append(&clean, line++, 1);
    }
    assert_string_equal(text_string(&clean), text);
    text_free(&clean);
    assert_lacks(text, "\xe2\x80\x8b");
    assert_lacks(text, "\xef\xbb\xbf");
    assert_lacks(text, "\xf3\xa0\x81\x81");
}

/* Every tag in the text is one of ours, in the order in which we write them. */
static void assert_tags(const char *text, const char *const *tags, size_t count) {
    size_t seen = 0;
    for (const char *at = text; (at = strchr(at, '[')) != NULL; at++, seen++) {
        if (seen >= count || strncmp(at, tags[seen], strlen(tags[seen])) != 0)
            fail_with("tag %zu: %.20s", seen, at);
    }
    assert_int_equal(seen, count);
}

static void chatwork_markup_is_neutralised(void **state) {
    (void)state;
    static const char *const tags[] = {"[To:12]", "[toall]", "[info]", "[title]", "[/title]",
                                       "[code]",  "[/code]", "[hr]",   "[/info]"};
    struct strings to = {0};
    strings_add(&to, "12");
    strings_add(&to, "all");
    struct notify_message *message = make_hostile();
    struct text out = {0};
    notify_text_chatwork(&out, message, &origin, &to, 4000);
    assert_tags(text_string(&out), tags, LENGTH_OF(tags));
    assert_printable(text_string(&out));
    assert_contains(text_string(&out), "［To:1]［toall]");
    assert_contains(text_string(&out), "［/code]");
    assert_contains(text_string(&out), "\\x1B");
    assert_contains(text_string(&out), "\\xE2\\x80\\xAE");
    assert_contains(text_string(&out), "日本語");
    assert_contains(text_string(&out), "［To:5] <!here> 7 more");
    assert_contains(text_string(&out), "[hr]notice 0190-0001-abcdef, watch-slow-queries on batch-1, 2026-11-23");
    assert_contains(text_string(&out), "\n    FROM t");
    text_free(&out);
    strings_free(&to);
    notify_message_free(message);
}

static void slack_markup_is_neutralised(void **state) {
    (void)state;
    struct notify_message *message = make_hostile();
    struct text out = {0};
    notify_text_slack(&out, message, &origin, 6000);
    assert_printable(text_string(&out));
    assert_lacks(text_string(&out), "<");
    assert_lacks(text_string(&out), ">");
    assert_lacks(text_string(&out), "@here");
    assert_lacks(text_string(&out), "@Channel");
    assert_contains(text_string(&out), "&lt;!channel&gt; &lt;@U1&gt;");
    assert_contains(text_string(&out), " &amp; ＠here");
    assert_contains(text_string(&out), "＠Channel");
    /* Two fences, both ours. */
    size_t fences = 0;
    for (const char *at = text_string(&out); (at = strstr(at, "```")) != NULL; at += 3)
        fences++;
    assert_int_equal(fences, 2);
    text_free(&out);
    notify_message_free(message);
}

static void plain_text_and_json_are_printable(void **state) {
    (void)state;
    struct notify_message *message = make_hostile();
    struct text out = {0};
    notify_text_plain(&out, message, &origin, NOTIFY_PLAIN_LIMIT);
    assert_printable(text_string(&out));
    assert_contains(text_string(&out), "error: SELECT '[To:1]");
    json_t *document = notify_message_to_json(message, &origin);
    assert_non_null(document);
    assert_string_equal(json_string_value(json_object_get(document, "severity")), "error");
    assert_string_equal(json_string_value(json_object_get(document, "id")), origin.id);
    assert_printable(json_string_value(json_object_get(document, "title")));
    assert_int_equal(json_integer_value(json_object_get(document, "more")), 7);
    const json_t *section = json_array_get(json_object_get(document, "sections"), 0);
    assert_printable(json_string_value(json_object_get(section, "code")));
    assert_int_equal(json_array_size(json_object_get(section, "lines")), 1);

    /* And back: the same document again. */
    struct notify_message *again = notify_message_from_json(document);
    assert_non_null(again);
    json_t *twin = notify_message_to_json(again, &origin);
    json_object_del(document, "note");
    json_object_del(twin, "note");
    assert_true(json_equal(document, twin));
    json_object_set_new(document, "severity", json_string("catastrophe"));
    assert_null(notify_message_from_json(document));
    json_decref(twin);
    json_decref(document);
    notify_message_free(again);
    notify_message_free(message);
    text_free(&out);
}

static void texts_are_cut_between_characters(void **state) {
    (void)state;
    char *clean = notify_text_clean("日本語です", 3, false);
    assert_string_equal(clean, "日本…");
    free(clean);
    clean = notify_text_clean("日本語", 3, false);
    assert_string_equal(clean, "日本語");
    free(clean);
    clean = notify_text_clean("ab\033cd", 5, false); /* \x1B is not torn */
    assert_string_equal(clean, "ab…");
    free(clean);
    clean = notify_text_clean("a\r\nb\nc\rd\te", 100, true);
    assert_string_equal(clean, "a\nb\nc\\x0Dd    e");
    free(clean);
    clean = notify_text_clean("a\nb", 100, false);
    assert_string_equal(clean, "a\\x0Ab");
    free(clean);
}

/* A message of `count` sections of about 100 characters. */
static struct notify_message *make_long(size_t count) {
    struct notify_message *message = notify_message_new(NOTIFY_WARNING, "slow queries");
    for (size_t i = 0; i < count; i++) {
        char *heading = xasprintf("query %zu", i);
        notify_message_section(message, heading, 2);
        notify_message_line(message, "%s", "遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い遅い");
        notify_message_code(message, "SELECT * FROM `works` WHERE a < 1 && b > 2");
        free(heading);
    }
    notify_message_more(message, 1000, "... {more} more: see show-runs");
    return message;
}

static void long_messages_lose_whole_sections_and_count_them(void **state) {
    (void)state;
    struct notify_message *message = make_long(100);
    for (size_t limit = NOTIFY_TEXT_LEAST; limit < 5000; limit += 37) {
        struct text out = {0};
        notify_text_chatwork(&out, message, &origin, &nobody, limit);
        assert_true(notify_text_characters(text_string(&out)) <= limit);
        assert_true(notify_text_characters(text_string(&out)) > limit - 400);
        const char *last = NULL;
        for (const char *at = text_string(&out); (at = strstr(at, "query ")) != NULL; at++)
            last = at;
        assert_non_null(last);
        long shown = strtol(last + 6, NULL, 10) + 1;
        char *note = xasprintf("... %ld more: see show-runs\n[hr]notice 0190", 1000 + 2 * (100 - shown));
        assert_contains(text_string(&out), note);
        assert_contains(text_string(&out), "[/info]");
        free(note);
        text_clear(&out);
        notify_text_slack(&out, message, &origin, limit);
        assert_true(notify_text_characters(text_string(&out)) <= limit);
        size_t fences = 0;
        for (const char *at = text_string(&out); (at = strstr(at, "```")) != NULL; at += 3)
            fences++;
        assert_int_equal(fences % 2, 0);
        text_free(&out);
    }
    notify_message_free(message);
}

static void the_worst_case_fits_the_smallest_limit(void **state) {
    (void)state;
    char *wide = xmalloc(6001);
    memset(wide, '&', 6000);
    wide[6000] = '\0';
    struct strings to = {0};
    for (int i = 0; i < NOTIFY_TO_LIMIT; i++)
        strings_add(&to, "123456789012");
    struct notify_message *message = notify_message_new(NOTIFY_WARNING, wide);
    notify_message_section(message, wide, 1);
    for (int i = 0; i < 5; i++)
        notify_message_line(message, "%s", wide);
    notify_message_code(message, wide);
    notify_message_section(message, "second", 1);
    notify_message_more(message, INT64_MAX - 5, wide);
    const struct notify_origin long_origin = {
        .id = origin.id, .key = wide, .job = wide, .host = wide, .run_id = "r", .at = wide};
    struct text out = {0};
    for (size_t limit = NOTIFY_TEXT_LEAST; limit < NOTIFY_TEXT_LEAST + 25; limit++) {
        text_clear(&out);
        notify_text_slack(&out, message, &long_origin, limit);
        assert_true(notify_text_characters(text_string(&out)) <= limit);
        assert_contains(text_string(&out), origin.id);
        assert_contains(text_string(&out), "…\n&amp;"); /* the title was cut, and says so */
        for (const char *at = text_string(&out); (at = strchr(at, '&')) != NULL; at++)
            assert_memory_equal(at, "&amp;", 5);
    }
    text_clear(&out);
    notify_text_chatwork(&out, message, &long_origin, &to, NOTIFY_TEXT_LEAST);
    assert_true(notify_text_characters(text_string(&out)) <= NOTIFY_TEXT_LEAST);
    assert_contains(text_string(&out), "[/info]");
    text_free(&out);
    strings_free(&to);
    free(wide);
    notify_message_free(message);
}

static void messages_are_bounded(void **state) {
    (void)state;
    struct notify_message *message = notify_message_new(NOTIFY_INFO, "t");
    char *line = xmalloc(401);
    memset(line, 'x', 400);
    line[400] = '\0';
    for (int i = 0; i < 10000; i++)
        notify_message_line(message, "%s", line);
    assert_true(message->size <= NOTIFY_MESSAGE_LIMIT + 1000);
    notify_message_section(message, "left out", 3);
    notify_message_line(message, "%s", line);
    assert_int_equal(message->count, 1);
    assert_int_equal(message->more, 3);
    notify_message_free(message);
    message = notify_message_new(NOTIFY_INFO, NULL);
    for (int i = 0; i < 150; i++)
        notify_message_section(message, "s", 1);
    assert_int_equal(message->count, NOTIFY_SECTION_LIMIT);
    assert_int_equal(message->more, 50);
    notify_message_free(message);
    free(line);
}

static void forms_are_encoded(void **state) {
    (void)state;
    struct text out = {0};
    notify_text_add_form(&out, "body", "a b&c=d+%é\n~");
    assert_string_equal(text_string(&out), "body=a%20b%26c%3Dd%2B%25%C3%A9%0A~");
    text_free(&out);
}

static void quiet_hours_go_on_across_midnight(void **state) {
    (void)state;
    static const struct {
        const char *hours;
        int minute, quiet;
    } cases[] = {{"22:00-07:00", 22 * 60, 1},
                 {"22:00-07:00", 22 * 60 - 1, 0},
                 {"22:00-07:00", 0, 1},
                 {"22:00-07:00", 6 * 60 + 59, 1},
                 {"22:00-07:00", 7 * 60, 0},
                 {"22:00-07:00", 12 * 60, 0},
                 {"12:00-13:30", 12 * 60, 1},
                 {"12:00-13:30", 13 * 60 + 29, 1},
                 {"12:00-13:30", 13 * 60 + 30, 0},
                 {"12:00-13:30", 0, 0},
                 {"00:00-23:59", 23 * 60 + 59, 0},
                 {"00:00-23:59", 0, 1},
                 {"24:00-07:00", 0, -1},
                 {"22:60-07:00", 0, -1},
                 {"22:00-22:00", 0, -1},
                 {"22-7", 0, -1},
                 {"", 0, -1},
                 {"22:00 07:00", 0, -1},
                 {"2x:00-07:00", 0, -1},
                 {"22:00-07:0", 0, -1},
                 {"-2:00-07:00", 0, -1}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        if (notify_is_quiet(cases[i].hours, cases[i].minute) != cases[i].quiet)
            fail_with("%s at %d", cases[i].hours, cases[i].minute);
}

static void backoff_doubles_up_to_an_hour(void **state) {
    (void)state;
    static const int64_t whole[] = {60, 120, 240, 480, 960, 1920, 3600, 3600};
    for (int64_t i = 0; i < (int64_t)LENGTH_OF(whole); i++) {
        int64_t wait = notify_backoff("id", i + 1);
        assert_in_range(wait, whole[i] * 500, whole[i] * 1000);
    }
    assert_in_range(notify_backoff("id", 1000000), 1800000, 3600000);
    assert_true(notify_backoff("a", 1) != notify_backoff("b", 1));
}

static enum notify_outcome judge(int via, long status, const char *headers, const char *body, int64_t *wait) {
    struct http_answer answer = {.status = status};
    struct notify_attempt attempt = {0};
    text_add(&answer.headers, headers);
    text_add(&answer.body, body);
    notify_judge(via, &answer, INT64_C(1700000000000), &attempt);
    *wait = attempt.wait;
    text_free(&attempt.reason);
    http_answer_free(&answer);
    return attempt.outcome;
}

static void answers_are_judged(void **state) {
    (void)state;
    static const struct {
        int via;
        long status;
        const char *headers, *body;
        enum notify_outcome outcome;
        int64_t wait;
    } cases[] = {
        {NOTIFY_CHATWORK, 200, "", "{\"message_id\":\"1234\"}", NOTIFY_DELIVERED, 0},
        {NOTIFY_CHATWORK, 200, "", "{\"message_id\":\"\"}", NOTIFY_UNSURE, 0},
        {NOTIFY_CHATWORK, 200, "", "{\"message_id\":\"12", NOTIFY_UNSURE, 0},
        {NOTIFY_CHATWORK, 200, "", "<html>log in</html>", NOTIFY_UNSURE, 0},
        {NOTIFY_CHATWORK, 204, "", "", NOTIFY_UNSURE, 0},
        {NOTIFY_CHATWORK, 502, "", "", NOTIFY_UNSURE, 0},
        {NOTIFY_CHATWORK, 400, "", "", NOTIFY_DECLINED, 0},
        {NOTIFY_CHATWORK, 401, "", "", NOTIFY_REFUSED, 0},
        {NOTIFY_SLACK, 200, "", "ok", NOTIFY_DELIVERED, 0},
        {NOTIFY_SLACK, 200, "", "o", NOTIFY_UNSURE, 0},
        {NOTIFY_SLACK, 200, "", "ok, log in", NOTIFY_UNSURE, 0},
        {NOTIFY_SLACK, 500, "", "rollup_error", NOTIFY_FAILED, 0},
        {NOTIFY_SLACK, 404, "", "no_service", NOTIFY_DECLINED, 0},
        {NOTIFY_SLACK, 302, "", "", NOTIFY_REFUSED, 0},
        {NOTIFY_WEBHOOK, 204, "", "", NOTIFY_DELIVERED, 0},
        {NOTIFY_WEBHOOK, 408, "", "", NOTIFY_FAILED, 0},
        {NOTIFY_WEBHOOK, 403, "", "", NOTIFY_REFUSED, 0},
        {NOTIFY_WEBHOOK, 422, "", "", NOTIFY_DECLINED, 0},
        {NOTIFY_WEBHOOK, 503, "Retry-After: 120\r\n", "", NOTIFY_FAILED, 120000},
        {NOTIFY_WEBHOOK, 429, "Retry-After: 7\r\n", "", NOTIFY_LIMITED, 7000},
        {NOTIFY_WEBHOOK, 429, "Retry-After: -7\r\n", "", NOTIFY_LIMITED, 0},
        {NOTIFY_WEBHOOK, 429, "Retry-After: 9999999999\r\n", "", NOTIFY_LIMITED, 3600000},
        {NOTIFY_WEBHOOK, 429, "Retry-After: Tue, 14 Nov 2023 22:15:20 GMT\r\n", "", NOTIFY_LIMITED, 120000},
        {NOTIFY_WEBHOOK, 429, "Retry-After: Tue, 14 Nov 2033 22:15:20 GMT\r\n", "", NOTIFY_LIMITED, 3600000},
        {NOTIFY_WEBHOOK, 429, "Retry-After: soon\r\n", "", NOTIFY_LIMITED, 0},
        {NOTIFY_CHATWORK, 429, "X-RateLimit-Reset: 1700000090\r\n", "", NOTIFY_LIMITED, 90000},
        {NOTIFY_CHATWORK, 429, "x-ratelimit-reset: 1600000000\r\n", "", NOTIFY_LIMITED, 0},
        {NOTIFY_CHATWORK, 429, "x-ratelimit-reset: 9223372036854775807\r\n", "", NOTIFY_LIMITED, 0},
        {NOTIFY_CHATWORK, 429, "", "", NOTIFY_LIMITED, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int64_t wait = -1;
        enum notify_outcome outcome = judge(cases[i].via, cases[i].status, cases[i].headers, cases[i].body, &wait);
        if (outcome != cases[i].outcome || wait != cases[i].wait)
            fail_with("case %zu: outcome %d, wait %lld", i, (int)outcome, (long long)wait);
    }
}

/* Loads a [notify] section; returns the status, and what was logged in *messages. */
static int load(void **state, const char *lines, char **messages) {
    static const struct section *const sections[] = {&notify_section, NULL};
    char *content = xasprintf("[notify]\n%s", lines);
    char *path = scene_put(state, "n.ini", content);
    chmod(path, 0600);
    struct settings *settings = NULL;
    struct capture capture = capture_start();
    int status = settings_load(path, sections, &settings);
    *messages = capture_end(&capture);
    settings_free(settings);
    free(path);
    free(content);
    return status;
}

static void settings_are_checked_together(void **state) {
    static const struct {
        const char *lines, *message; /* NULL: fine */
    } cases[] = {
        {"", NULL},
        {"via = none\nquiet_hours = 22:00-07:00\n", NULL},
        {"via = chatwork\nchatwork_room = 1\nchatwork_token_file = t\nto = 12, all\n", NULL},
        {"via = slack\nslack_url_file = u\n", NULL},
        {"via = webhook\nwebhook_url = https://h.example/x\n", NULL},
        {"via = command\ncommand = /bin/cat\n", NULL},
        {"via = mail\n", "via"},
        {"quiet_hours = 22-7\n", "quiet_hours"},
        {"via = chatwork\nchatwork_room = 1\n", "chatwork_token_file"},
        {"via = chatwork\nchatwork_room = ../1\nchatwork_token_file = t\n", "must be a number"},
        {"via = chatwork\nchatwork_room = 1\nchatwork_token_file = t\nchatwork_url = file:///x\n", "must be a URL"},
        {"via = chatwork\nchatwork_room = 1\nchatwork_token_file = t\nto = 1][To:2\n", "account numbers"},
        {"via = chatwork\nchatwork_room = 1\nchatwork_token_file = t\nto = 1,2,3,4,5,6,7,8,9,10,11\n", "at most 10"},
        {"via = slack\n", "slack_url_file"},
        {"via = webhook\n", "webhook_url"},
        {"via = webhook\nwebhook_url = ftp://cAnArY/x\n", "begins with https"},
        {"via = command\ncommand = cat\n", "absolute path"},
        {"max_length = 100\n", "max_length"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *messages = NULL;
        int status = load(state, cases[i].lines, &messages);
        if ((status == 0) != (cases[i].message == NULL))
            fail_with("%s: status %d, %s", cases[i].lines, status, messages);
        if (cases[i].message != NULL)
            assert_contains(messages, cases[i].message);
        assert_lacks(messages, "cAnArY");
        free(messages);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chatwork_markup_is_neutralised),
        cmocka_unit_test(slack_markup_is_neutralised),
        cmocka_unit_test(plain_text_and_json_are_printable),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(long_messages_lose_whole_sections_and_count_them),
        cmocka_unit_test(the_worst_case_fits_the_smallest_limit),
        cmocka_unit_test(messages_are_bounded),
        cmocka_unit_test(forms_are_encoded),
        cmocka_unit_test(quiet_hours_go_on_across_midnight),
        cmocka_unit_test(backoff_doubles_up_to_an_hour),
        cmocka_unit_test(answers_are_judged),
        scene_test(settings_are_checked_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
