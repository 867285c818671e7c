/* The couriers: one request to ChatWork, Slack or a webhook, or one run of a command, and a sober look at what came back.
 * A secret is only ever put into the request; a service's answer is quoted only if no part of a secret is in it. */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/web/notify_send.h"
#include "nightshift/web/notify_text.h"

enum {
    SHORTEST_WAIT = 1000, /* milliseconds */
    LONGEST_WAIT = 3600 * 1000,
    FIRST_BACKOFF = 60 * 1000,
    ANSWER_LIMIT = 64 * 1024,     /* bytes; a service that has more to say than this is not one of ours */
    ROOM_LIMIT = 8 * 1024 * 1024, /* bytes: 100 messages of the longest kind */
    ROOM_MESSAGES = 100,          /* what ChatWork's force=1 gives at most */
    CLOCK_DIFFERENCE = 60 * 1000, /* milliseconds that our clock and ChatWork's may differ */
    EXCERPT = 200,                /* characters of an answer that are quoted */
    PIECE = 6,                    /* a shorter part of a secret's URL or header is a word like "Bearer", not a secret */
};

static void say(struct notify_attempt *attempt, enum notify_outcome outcome, const char *format, ...) PRINTF_LIKE(3, 4);

static void say(struct notify_attempt *attempt, enum notify_outcome outcome, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    attempt->outcome = outcome;
    text_clear(&attempt->reason);
    text_vprintf(&attempt->reason, format, arguments);
    va_end(arguments);
}

/* --- Pure --- */

int64_t notify_backoff(const char *id, int64_t attempts) {
    int64_t whole = FIRST_BACKOFF;
    for (int64_t i = 1; i < attempts && whole < LONGEST_WAIT; i++)
        whole *= 2;
    whole = whole > LONGEST_WAIT ? LONGEST_WAIT : whole;
    uint64_t hash = (uint64_t)XXH3_64bits_withSeed(id, strlen(id), (XXH64_hash_t)attempts);
    return whole / 2 + (int64_t)(hash % (uint64_t)(whole / 2));
}

/* How long an answer asks us to wait; 0 when it does not say, or nothing that makes sense. */
static int64_t wait_of(const struct http_answer *answer, int64_t now) {
    char *reset = http_answer_header(answer, "X-RateLimit-Reset");
    int64_t wait = http_answer_wait(answer, now);
    int64_t seconds = 0;
    if (wait == 0 && reset != NULL && parse_integer(reset, &seconds) == NULL && seconds > 0 &&
        seconds < INT64_MAX / 1000)
        wait = seconds * 1000 - now;
    free(reset);
    /* A time that has passed is no advice. */
    if (wait <= 0)
        return 0;
    return wait < SHORTEST_WAIT ? SHORTEST_WAIT : wait > LONGEST_WAIT ? LONGEST_WAIT : wait;
}

/* ChatWork says {"message_id":"1234"}, Slack says ok; a captive portal also says 200. */
static bool is_proof(int service, const struct http_answer *answer) {
    if (service == NOTIFY_SLACK)
        return strcmp(text_string(&answer->body), "ok") == 0 || strcmp(text_string(&answer->body), "ok\n") == 0;
    if (service != NOTIFY_CHATWORK)
        return true;
    json_t *document = json_loadb(text_string(&answer->body), answer->body.length, 0, NULL);
    const json_t *id = json_object_get(document, "message_id");
    bool proof = json_is_integer(id) || (json_is_string(id) && json_string_length(id) > 0);
    json_decref(document);
    return proof;
}

void notify_judge(int service, const struct http_answer *answer, int64_t now, struct notify_attempt *attempt) {
    long status = answer->status;
    attempt->wait = 0;
    if (status >= 200 && status <= 299) {
        bool proof = is_proof(service, answer);
        say(attempt, proof ? NOTIFY_DELIVERED : NOTIFY_UNSURE, "the answer has status %ld%s", status,
            proof ? "" : ", but not the content that proves delivery");
        return;
    }
    say(attempt, NOTIFY_DECLINED, "the answer has status %ld", status);
    if (status == 429 || status == 503)
        attempt->wait = wait_of(answer, now);
    if (status == 429)
        attempt->outcome = NOTIFY_LIMITED;
    else if (status == 408 || status == 425)
        attempt->outcome = NOTIFY_FAILED;
    else if (status >= 500)
        /* Looking whether it is in the room costs little; elsewhere an error is taken at its word. */
        attempt->outcome = service == NOTIFY_CHATWORK ? NOTIFY_UNSURE : NOTIFY_FAILED;
    else if (status == 401 || status == 403 || status == 407 || status < 400)
        attempt->outcome = NOTIFY_REFUSED;
}

/* libcurl's words for what goes wrong before a request can be sent. A message that is missing here costs a look into the
 * room, or a notice that is told by hand; one too many could tell twice. */
static bool never_left(const char *reason) {
    static const char *const beginnings[] = {
        "Could not resolve",
        "Couldn't resolve",
        "Resolving timed out",
        "Failed to connect",
        "Couldn't connect",
        "Could not connect",
        "Connection timed out",
        "Connection timeout",
        "SSL certificate",
        "SSL: ",
        "SSL connection timeout",
        "OpenSSL SSL_connect",
        "OpenSSL/",
        "TLS connect error",
    };
    for (size_t i = 0; i < LENGTH_OF(beginnings); i++)
        if (strncmp(reason, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

/* --- Secrets --- */

static void wipe(struct text *text) {
    if (text->data != NULL)
        explicit_bzero(text->data, text->capacity);
    text_free(text);
}

static bool holds_piece(const char *body, const char *secret) {
    struct strings pieces = {0};
    bool found = false;
    strings_split(&pieces, secret, " \t\r\n/?&=:;,\"");
    for (size_t i = 0; i < pieces.count; i++) {
        found = found || (strlen(pieces.items[i]) >= PIECE && strstr(body, pieces.items[i]) != NULL);
        explicit_bzero(pieces.items[i], strlen(pieces.items[i]));
    }
    strings_free(&pieces);
    return found;
}

/* Adds what the service said, for people: "Invalid API token". An answer may echo the request, and so a secret. */
static void quote(const struct notify_courier *courier, const struct http_answer *answer,
                  struct notify_attempt *attempt) {
    const char *body = text_string(&answer->body);
    bool secret = holds_piece(body, text_string(&courier->secret)) ||
                  holds_piece(body, text_string(&courier->headers)) ||
                  (courier->settings->via == NOTIFY_WEBHOOK && holds_piece(body, courier->settings->webhook_url));
    char *excerpt = notify_text_clean(body, EXCERPT, false);
    if (*excerpt != '\0')
        text_printf(&attempt->reason, ": %s", secret ? "(not shown: it repeats a secret)" : excerpt);
    free(excerpt);
}

static bool is_header_safe(const char *value) {
    for (const char *c = value; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || (unsigned char)*c == 0x7F)
            return false;
    return true;
}

/* Reads a secret of one line. */
static int read_line(const char *path, struct text *secret) {
    int status = file_read_secret(path, secret);
    if (status != 0)
        return status;
    if (secret->length == 0 || strlen(secret->data) != secret->length || !is_header_safe(secret->data) ||
        strchr(secret->data, ' ') != NULL)
        return fail(EXIT_SETTINGS, "the secret \"%s\" must be one line without spaces", path);
    return 0;
}

static int read_headers(const char *path, struct text *headers) {
    int status = file_read_secret(path, headers);
    if (status != 0)
        return status;
    struct strings lines = {0};
    strings_split(&lines, text_string(headers), "\r\n");
    for (size_t i = 0; i < lines.count && status == 0; i++) {
        const char *colon = strchr(lines.items[i], ':');
        if (colon == NULL || colon == lines.items[i] || !is_header_safe(lines.items[i]))
            status = fail(EXIT_SETTINGS, "the secret \"%s\" must hold lines of the form \"Name: value\"", path);
    }
    for (size_t i = 0; i < lines.count; i++)
        explicit_bzero(lines.items[i], strlen(lines.items[i]));
    strings_free(&lines);
    return status;
}

int notify_courier_open(struct notify_courier *courier, const struct notify_settings *settings) {
    *courier = (struct notify_courier){.settings = settings};
    int status = 0;
    if (settings->via == NOTIFY_CHATWORK)
        status = read_line(settings->chatwork_token_file, &courier->secret);
    else if (settings->via == NOTIFY_SLACK)
        status = read_line(settings->slack_url_file, &courier->secret);
    else if (settings->via == NOTIFY_WEBHOOK && settings->webhook_header_file != NULL)
        status = read_headers(settings->webhook_header_file, &courier->headers);
    else if (settings->via == NOTIFY_COMMAND)
        status = notify_command_check(settings->command);
    if (status == 0 && settings->via != NOTIFY_COMMAND)
        courier->http = http_new(NULL, NULL);
    return status;
}

void notify_courier_close(struct notify_courier *courier) {
    http_free(courier->http);
    courier->http = NULL;
    wipe(&courier->secret);
    wipe(&courier->headers);
}

int notify_check(const struct notify_settings *settings) {
    struct notify_courier courier;
    int status = notify_courier_open(&courier, settings);
    notify_courier_close(&courier);
    return status;
}

/* --- Requests --- */

/* Makes a request that carries a secret; true when there is an answer to judge. */
static bool ask(const struct notify_courier *courier, struct http_request *request, int64_t timeout,
                struct http_answer *answer, struct notify_attempt *attempt) {
    request->secret = true;
    request->timeout = timeout;
    request->connect_timeout = timeout;
    if (request->body_limit == 0)
        request->body_limit = ANSWER_LIMIT;
    int status = http_request(courier->http, request, answer);
    if (status == 0)
        return true;
    const char *reason = text_string(&answer->reason);
    attempt->wait = 0;
    if (status == EXIT_SETTINGS)
        say(attempt, NOTIFY_REFUSED, "%s", reason);
    else if (status == EXIT_SYSTEM || status == EXIT_BUG || (status == EXIT_UNAVAILABLE && never_left(reason)))
        say(attempt, NOTIFY_FAILED, "%s", reason);
    else
        say(attempt, NOTIFY_UNSURE, "%s", reason);
    return false;
}

static void post(const struct notify_courier *courier, struct http_request *request, int64_t timeout, int64_t now,
                 struct notify_attempt *attempt) {
    struct http_answer answer = {0};
    request->method = HTTP_POST;
    if (ask(courier, request, timeout, &answer, attempt)) {
        notify_judge(courier->settings->via, &answer, now, attempt);
        if (attempt->outcome != NOTIFY_DELIVERED)
            quote(courier, &answer, attempt);
    }
    http_answer_free(&answer);
}

static char *token_header(const struct notify_courier *courier) {
    return xasprintf("X-ChatWorkToken: %s", text_string(&courier->secret));
}

static void forget(char *secret) {
    explicit_bzero(secret, strlen(secret));
    free(secret);
}

static void send_chatwork(const struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                          int64_t now, struct notify_attempt *attempt) {
    const struct notify_settings *settings = courier->settings;
    const struct notify_origin origin = notify_notice_origin(notice);
    struct text body = {0}, encoded = {0};
    notify_text_chatwork(&body, notice->message, &origin, &settings->to, (size_t)settings->max_length);
    notify_text_add_form(&encoded, "body", text_string(&body));
    char *url = xasprintf("%s/rooms/%s/messages", settings->chatwork_url, settings->chatwork_room);
    char *token = token_header(courier);
    const char *const headers[] = {token};
    struct http_request request = {.url = url,
                                   .headers = headers,
                                   .header_count = LENGTH_OF(headers),
                                   .body = text_string(&encoded),
                                   .body_length = encoded.length};
    post(courier, &request, timeout, now, attempt);
    forget(token);
    free(url);
    text_free(&encoded);
    text_free(&body);
}

/* Posts a JSON document, which it takes over. */
static void send_json(const struct notify_courier *courier, json_t *document, struct http_request *request,
                      int64_t timeout, int64_t now, struct notify_attempt *attempt) {
    char *body = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (body == NULL) {
        say(attempt, NOTIFY_FAILED, "out of memory");
        return;
    }
    request->body = body;
    request->body_length = strlen(body);
    post(courier, request, timeout, now, attempt);
    free(body);
}

static void send_slack(const struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                       int64_t now, struct notify_attempt *attempt) {
    const struct notify_origin origin = notify_notice_origin(notice);
    struct text text = {0};
    notify_text_slack(&text, notice->message, &origin, (size_t)courier->settings->max_length);
    /* No links from what stands in a query, and no fetching of what they point to. */
    json_t *document = json_pack("{s:s, s:s, s:b, s:b, s:b}", "text", text_string(&text), "parse", "none", "link_names",
                                 0, "unfurl_links", 0, "unfurl_media", 0);
    const char *const headers[] = {"Content-Type: application/json"};
    struct http_request request = {
        .url = text_string(&courier->secret), .headers = headers, .header_count = LENGTH_OF(headers)};
    send_json(courier, document, &request, timeout, now, attempt);
    text_free(&text);
}

static void send_webhook(const struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                         int64_t now, struct notify_attempt *attempt) {
    const struct notify_origin origin = notify_notice_origin(notice);
    struct strings headers = {0};
    strings_split(&headers, text_string(&courier->headers), "\r\n");
    strings_add(&headers, "Content-Type: application/json");
    char *key = xasprintf("Idempotency-Key: %s", notice->id);
    strings_add(&headers, key);
    struct http_request request = {.url = courier->settings->webhook_url,
                                   .headers = (const char *const *)headers.items,
                                   .header_count = headers.count};
    send_json(courier, notify_message_to_json(notice->message, &origin), &request, timeout, now, attempt);
    for (size_t i = 0; i < headers.count; i++)
        explicit_bzero(headers.items[i], strlen(headers.items[i]));
    strings_free(&headers);
    free(key);
}

void notify_courier_send(struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                         int64_t now, struct notify_attempt *attempt) {
    attempt->wait = 0;
    switch ((enum notify_via)courier->settings->via) {
    case NOTIFY_CHATWORK:
        send_chatwork(courier, notice, timeout, now, attempt);
        return;
    case NOTIFY_SLACK:
        send_slack(courier, notice, timeout, now, attempt);
        return;
    case NOTIFY_WEBHOOK:
        send_webhook(courier, notice, timeout, now, attempt);
        return;
    case NOTIFY_COMMAND: {
        const struct notify_origin origin = notify_notice_origin(notice);
        struct text text = {0};
        notify_text_plain(&text, notice->message, &origin, NOTIFY_PLAIN_LIMIT);
        notify_command_run(courier->settings->command, notice->id, &text, timeout, attempt);
        text_free(&text);
        return;
    }
    case NOTIFY_NONE:
        break;
    }
    say(attempt, NOTIFY_REFUSED, "via is none");
}

/* --- Looking into the room --- */

/* Whether the messages of a room, as ChatWork lists them, hold this notice. */
static void search_room(const struct http_answer *answer, const struct notify_notice *notice,
                        struct notify_attempt *attempt) {
    json_t *messages = json_loadb(text_string(&answer->body), answer->body.length, 0, NULL);
    char *limited = http_answer_header(answer, "chatwork-message-limitation");
    int64_t oldest = INT64_MAX;
    size_t index = 0;
    const json_t *message = NULL;
    bool found = false;
    json_array_foreach(messages, index, message) {
        const char *body = json_string_value(json_object_get(message, "body"));
        int64_t sent = json_integer_value(json_object_get(message, "send_time")) * 1000;
        found = found || (body != NULL && strstr(body, notice->id) != NULL);
        oldest = sent < oldest ? sent : oldest;
    }
    bool all = json_array_size(messages) < ROOM_MESSAGES && limited == NULL;
    if (!json_is_array(messages))
        say(attempt, NOTIFY_UNHEARD, "the list of the room's messages is not one");
    else if (found)
        say(attempt, NOTIFY_DELIVERED, "it is in the room");
    else if (all || oldest < notice->attempting - CLOCK_DIFFERENCE)
        say(attempt, NOTIFY_FAILED, "it is not in the room");
    else
        say(attempt, NOTIFY_UNSURE, "the room's list of messages does not reach back to the attempt");
    free(limited);
    json_decref(messages);
}

void notify_courier_look_up(struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                            int64_t now, struct notify_attempt *attempt) {
    const struct notify_settings *settings = courier->settings;
    struct http_answer answer = {0};
    char *url = xasprintf("%s/rooms/%s/messages?force=1", settings->chatwork_url, settings->chatwork_room);
    char *token = token_header(courier);
    const char *const headers[] = {token};
    struct http_request request = {.method = HTTP_GET,
                                   .url = url,
                                   .headers = headers,
                                   .header_count = LENGTH_OF(headers),
                                   .body_limit = ROOM_LIMIT};
    attempt->wait = 0;
    if (!ask(courier, &request, timeout, &answer, attempt)) {
        attempt->outcome = attempt->outcome == NOTIFY_REFUSED ? NOTIFY_REFUSED : NOTIFY_UNHEARD;
    } else if (answer.status == 200) {
        search_room(&answer, notice, attempt);
    } else if (answer.status == 204) {
        say(attempt, NOTIFY_FAILED, "the room is empty");
    } else {
        enum notify_outcome outcome = answer.status == 429   ? NOTIFY_LIMITED
                                      : answer.status >= 500 ? NOTIFY_UNHEARD
                                                             : NOTIFY_REFUSED;
        say(attempt, outcome, "the list of the room's messages was answered with status %ld", answer.status);
        /* ChatWork tells its limits with every answer; they ask us to wait in this one only. */
        attempt->wait = answer.status == 429 ? wait_of(&answer, now) : 0;
        quote(courier, &answer, attempt);
    }
    forget(token);
    free(url);
    http_answer_free(&answer);
}
