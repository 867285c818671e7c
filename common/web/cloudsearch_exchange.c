/* Asking until there is an answer: the one place that knows of budgets, pauses and credentials. */
#include <stdlib.h>
#include <string.h>

#include "cloudsearch_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/random.h"

enum { UNCLEAR_MOST = 3 };

/* What was learned so far. */
struct attempts {
    int64_t began;
    int count;
    int unclear;
    bool renewed; /* the credentials */
};

void cloudsearch_form_add(struct text *form, const char *name, const char *value) {
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";
    if (form->length > 0)
        text_add(form, "&");
    text_printf(form, "%s=", name);
    for (const char *c = value; *c != '\0'; c++)
        if (strchr(plain, *c) != NULL)
            text_append(form, c, 1);
        else
            text_printf(form, "%%%02X", (unsigned)(unsigned char)*c);
}

/* Sends it once. 0: there is a judgement; else an exit code, logged unless EXIT_LATER. */
static int send_once(struct cloudsearch *cloudsearch, struct cloudsearch_exchange *exchange, struct http_answer *answer,
                     struct cloudsearch_judgement *judgement) {
    const struct aws_keys *keys = NULL;
    int64_t now = cloudsearch->clock.now(cloudsearch->clock.context);
    int status = aws_credentials_get(cloudsearch->credentials, now, &keys);
    if (status != 0)
        return status;
    struct http_signature signature = {.region = cloudsearch->region, .service = "cloudsearch"};
    if (keys != NULL) {
        signature.access_key = keys->access_key;
        signature.secret_key = keys->secret_key;
        signature.token = keys->token;
    }
    char *url = xasprintf("%s%s", exchange->base, exchange->path);
    char *header = xasprintf("Content-Type: %s", exchange->content_type);
    struct http_request request = {.method = HTTP_POST,
                                   .url = url,
                                   .headers = (const char *const[]){header},
                                   .header_count = 1,
                                   .body = exchange->body,
                                   .body_length = exchange->length,
                                   .connect_timeout = cloudsearch->settings->connect_timeout,
                                   .timeout = cloudsearch->settings->timeout,
                                   /* A small instance can be silent for a minute over a large batch. */
                                   .stall = cloudsearch->settings->timeout,
                                   .body_limit = exchange->answer_limit,
                                   .signature = keys != NULL ? &signature : NULL};
    status = http_request(cloudsearch->http, &request, answer);
    free(header);
    free(url);
    judgement->hint = NULL;
    judgement->wait = 0;
    if (status == 0) {
        exchange->judge(exchange->context, answer, cloudsearch->clock.now(cloudsearch->clock.context), judgement);
        return 0;
    }
    if (status == EXIT_LATER)
        return status;
    text_clear(&judgement->reason);
    text_add(&judgement->reason, text_string(&answer->reason));
    judgement->verdict = status == EXIT_UNAVAILABLE ? CLOUDSEARCH_BUSY : CLOUDSEARCH_FAILED;
    judgement->status = status;
    return 0;
}

static int give_up(const struct cloudsearch *cloudsearch, const struct cloudsearch_exchange *exchange,
                   const struct attempts *attempts, const struct cloudsearch_judgement *judgement) {
    struct text tries = {0};
    char *host = http_host(exchange->base);
    if (attempts->count > 1) {
        text_printf(&tries, "; tried %d times in ", attempts->count);
        clock_add_span(&tries, cloudsearch->clock.now(cloudsearch->clock.context) - attempts->began);
    }
    if (cloudsearch->denial_expected && judgement->status == EXIT_DENIED) {
        log_info("cannot %s \"%s\": %s", exchange->what, host, text_string(&judgement->reason));
    } else {
        log_error("cannot %s \"%s\": %s%s", exchange->what, host, text_string(&judgement->reason), text_string(&tries));
        if (judgement->hint != NULL)
            log_hint("%s", judgement->hint);
    }
    free(host);
    text_free(&tries);
    return judgement->status;
}

/* Waits before the next try, if there is to be one: 0. Otherwise the exit code. */
static int pause_or_give_up(struct cloudsearch *cloudsearch, struct cloudsearch_exchange *exchange,
                            const struct attempts *attempts, const struct cloudsearch_judgement *judgement) {
    char token[TOKEN_LENGTH + 1];
    random_token(token);
    token[15] = '\0';
    int64_t pause = cloudsearch_pause(attempts->count, strtoull(token, NULL, 16), judgement->wait);
    int64_t spent = cloudsearch->clock.now(cloudsearch->clock.context) - attempts->began;
    if (attempts->unclear >= UNCLEAR_MOST || spent > cloudsearch->retry_time || pause > cloudsearch->retry_time - spent)
        return give_up(cloudsearch, exchange, attempts, judgement);
    char *host = http_host(exchange->base);
    log_info("cannot %s \"%s\": %s; trying again in %lld ms", exchange->what, host, text_string(&judgement->reason),
             (long long)pause);
    free(host);
    if (cloudsearch->clock.wait(cloudsearch->clock.context, pause))
        return EXIT_LATER;
    if (exchange->again != NULL && judgement->verdict == CLOUDSEARCH_BUSY)
        exchange->again(exchange->context, exchange);
    return 0;
}

int cloudsearch_exchange(struct cloudsearch *cloudsearch, struct cloudsearch_exchange *exchange) {
    struct attempts attempts = {.began = cloudsearch->clock.now(cloudsearch->clock.context)};
    struct cloudsearch_judgement judgement = {0};
    struct http_answer answer = {0};
    int status = 0;
    for (;;) {
        status = send_once(cloudsearch, exchange, &answer, &judgement);
        exchange->attempts = ++attempts.count;
        if (status != 0 || judgement.verdict == CLOUDSEARCH_DONE)
            break;
        if (judgement.verdict == CLOUDSEARCH_EXPIRED && !attempts.renewed) {
            aws_credentials_expire(cloudsearch->credentials);
            attempts.renewed = true;
            continue;
        }
        if (judgement.verdict == CLOUDSEARCH_FAILED || judgement.verdict == CLOUDSEARCH_EXPIRED) {
            status = give_up(cloudsearch, exchange, &attempts, &judgement);
            break;
        }
        attempts.unclear += judgement.verdict == CLOUDSEARCH_UNCLEAR ? 1 : 0;
        status = pause_or_give_up(cloudsearch, exchange, &attempts, &judgement);
        if (status != 0)
            break;
    }
    text_free(&judgement.reason);
    http_answer_free(&answer);
    return status;
}
