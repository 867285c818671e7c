/* Uploading batches: what is taken for a success, a refusal, a reason to try again, and a reason to stop. */
#include "web_cloudsearch.h"

#include "../../common/web/cloudsearch_private.h"
#include "sigv4.h"

static const char batch_json[] = "[{\"type\":\"add\",\"id\":\"a\",\"fields\":{\"name\":\"山\"}},"
                                 "{\"type\":\"add\",\"id\":\"b\",\"fields\":{\"name\":\"川\"}},"
                                 "{\"type\":\"delete\",\"id\":\"c\"}]";
static const struct cloudsearch_batch batch = {batch_json, sizeof batch_json - 1, 2, 1};

#define SUCCESS "{\"status\":\"success\",\"adds\":2,\"deletes\":1}"
#define DENIED(type, words)                                                                                   \
    "{\"__type\":\"#" type "\",\"errors\":[{\"message\":\"[*Deprecated*: Use the outer message field] " words \
    "\"}],\"message\":\"" words "\",\"status\":\"error\"}"

static struct cloudsearch_upload result;

static int upload(const struct web_reply *replies, size_t count) {
    domain_serve(replies, count);
    int status = cloudsearch_upload(domain.client, &batch, &result);
    domain_end();
    assert_int_equal(result.outcome == CLOUDSEARCH_UNSETTLED, status != 0);
    assert_int_equal(result.attempts, domain.server.count);
    return status;
}

static int leave(void **state) {
    cloudsearch_upload_free(&result);
    return domain_leave(state);
}

/* --- Accepted --- */

static void a_batch_is_sent_signed_and_whole(void **state) {
    (void)state;
    static const struct web_reply ok = {
        .status = 200,
        .body = "{\"status\":\"success\",\"adds\":2,\"deletes\":1,\"warnings\":[{\"message\":\"\\\"add\\\" has unknown "
                "attribute(s): ['lang'] (near operation with index 2; document_id b)\"}]}"};
    assert_int_equal(upload(&ok, 1), 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_ACCEPTED);
    assert_int_equal(result.adds, 2);
    assert_int_equal(result.deletes, 1);
    assert_int_equal(result.message_count, 1);
    assert_int_equal(result.messages[0].operation, 2);
    assert_string_equal(result.messages[0].document_id, "b");
    const struct text *raw = &domain.server.requests[0];
    assert_memory_equal(text_string(raw), "POST /2013-01-01/documents/batch HTTP/1.1\r\n", 43);
    assert_contains(text_string(raw), "\r\nX-Amz-Security-Token: token-1\r\n");
    assert_contains(text_string(raw), "\r\nContent-Type: application/json\r\n");
    assert_string_equal(web_body(&domain.server, 0), batch_json);
    assert_null(
        sigv4_check(raw->data, raw->length, DOMAIN_ACCESS_KEY, DOMAIN_SECRET_KEY, "ap-northeast-1", "cloudsearch"));
    assert_contains(domain.said, "AWS credentials: profile");
    assert_int_equal(domain.clock.waits, 0);
}

static void without_credentials_nothing_is_signed(void **state) {
    (void)state;
    static const struct web_reply ok = {.status = 200, .body = SUCCESS};
    domain.settings.credentials = AWS_FROM_NOWHERE;
    assert_int_equal(upload(&ok, 1), 0);
    assert_lacks(text_string(&domain.server.requests[0]), "Authorization");
    assert_lacks(text_string(&domain.server.requests[0]), "X-Amz");
}

/* Facts G6: it is only assumed that a delete of an unknown id counts. */
static void fewer_deletes_are_a_warning_once(void **state) {
    (void)state;
    static const struct web_reply fewer = {.status = 200, .body = "{\"status\":\"success\",\"adds\":2,\"deletes\":0}"};
    domain_serve(&fewer, 1);
    int first = cloudsearch_upload(domain.client, &batch, &result);
    int second = cloudsearch_upload(domain.client, &batch, &result);
    domain_end();
    assert_int_equal(first, 0);
    assert_int_equal(second, 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_ACCEPTED);
    assert_int_equal(result.deletes, 0);
    const char *warning = strstr(domain.said, "acknowledged 0 of 1 deletes");
    assert_non_null(warning);
    assert_null(strstr(warning + 1, "acknowledged 0 of 1 deletes"));
}

/* --- Never by status 200 alone --- */

static void what_is_no_success_is_sent_again(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "{",
        "ok",
        "[]",
        "null",
        "{}",
        "<html><body>captive portal</body></html>",
        "<response status=\"success\" adds=\"2\" deletes=\"1\"/>",
        "{\"adds\":2,\"deletes\":1}",
        "{\"status\":\"SUCCESS\",\"adds\":2,\"deletes\":1}",
        "{\"status\":\"success\"}",
        "{\"status\":\"success\",\"adds\":2}",
        "{\"status\":\"success\",\"adds\":\"2\",\"deletes\":\"1\"}",
        "{\"status\":\"success\",\"adds\":1,\"deletes\":1}",
        "{\"status\":\"success\",\"adds\":3,\"deletes\":0}",
        "{\"status\":\"success\",\"adds\":1,\"deletes\":2}",
        "{\"status\":\"success\",\"adds\":2,\"deletes\":2}",
        "{\"status\":\"success\",\"adds\":2,\"deletes\":-1}",
        "{\"status\":\"success\",\"adds\":2,\"deletes\":1}{}",
        "{\"status\":\"error\",\"adds\":2,\"deletes\":1,\"errors\":[]}",
        "{\"status\":{\"rid\":\"x\"},\"hits\":{\"found\":0,\"hit\":[]}}",
    };
    for (size_t i = 0; i < LENGTH_OF(bodies); i++) {
        const struct web_reply replies[] = {{.status = 200, .body = bodies[i]}, {.status = 200, .body = SUCCESS}};
        int status = upload(replies, 2);
        if (status != 0 || result.attempts != 2 || result.outcome != CLOUDSEARCH_ACCEPTED)
            web_fail("%s: %d after %d", bodies[i], status, result.attempts);
        assert_string_equal(web_body(&domain.server, 1), batch_json);
        /* For ever: given up after three. */
        status = upload(replies, 1);
        if (status != EXIT_UNAVAILABLE || result.attempts != 3)
            web_fail("%s: %d after %d", bodies[i], status, result.attempts);
        assert_contains(domain.said, "cannot upload documents to ");
    }
}

static void answers_cut_at_every_byte_are_sent_again(void **state) {
    (void)state;
    struct web_reply replies[2] = {{.status = 200, .body = SUCCESS}, {.status = 200, .body = SUCCESS}};
    size_t whole = strlen("HTTP/1.1 200 Told\r\nConnection: close\r\nContent-Length: 43\r\n\r\n") + strlen(SUCCESS);
    replies[0].cut_at_once = true;
    for (size_t cut = 0; cut < whole; cut++) {
        replies[0].cut = cut;
        int status = upload(replies, 2);
        if (status != 0 || result.attempts != 2)
            web_fail("cut at %zu: %d after %d, %s", cut, status, result.attempts, domain.said);
        replies[0].cut_at_once = false;
    }
    replies[0].cut = whole;
    assert_int_equal(upload(replies, 2), 0);
    assert_int_equal(result.attempts, 1);
}

/* A body without a length that ends early may be whole JSON of another meaning; it never is a success. */
static void answers_without_a_length_are_judged_by_content(void **state) {
    (void)state;
    char body[64];
    for (size_t cut = 0; cut < strlen(SUCCESS); cut++) {
        snprintf(body, sizeof body, "%.*s", (int)cut, SUCCESS);
        struct http_answer answer = {.status = 200};
        struct cloudsearch_judgement judgement = {0};
        text_add(&answer.body, body);
        cloudsearch_judge_upload(&batch, &answer, 0, &result, &judgement);
        assert_int_equal(judgement.verdict, CLOUDSEARCH_UNCLEAR);
        http_answer_free(&answer);
        text_free(&judgement.reason);
    }
}

/* --- Busy --- */

static void transient_failures_are_tried_again(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 500, .body = "<html>500</html>"},
        {.status = 502},
        {.status = 503, .body = "{\"message\":\"Service Unavailable\"}"},
        {.status = 504, .body = "<ErrorResponse><Error><Code>X</Code><Message>late</Message></Error></ErrorResponse>"},
        {.status = 507, .body = "not\x1b[2Jjson"},
        {.status = 509, .body = "{\"__type\":\"#BandwidthLimitExceeded\",\"message\":\"slow down\"}"},
        {.status = 429},
        {.status = 408},
        {.status = 400, .body = "{\"__type\":\"#ThrottlingException\",\"message\":\"Rate exceeded\"}"},
        {.cut_at_once = true},
        {.status = 599},
        {.status = 200, .body = SUCCESS},
    };
    assert_int_equal(upload(replies, LENGTH_OF(replies)), 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_ACCEPTED);
    assert_int_equal(domain.clock.waits, LENGTH_OF(replies) - 1);
    for (size_t i = 0; i < LENGTH_OF(replies); i++)
        assert_string_equal(web_body(&domain.server, i), batch_json);
    assert_contains(domain.said, "status 509 BandwidthLimitExceeded: slow down; trying again in");
    assert_contains(domain.said, "status 504 X: late");
    assert_contains(domain.said, "not\\x1B[2Jjson");
    assert_lacks(domain.said, "level=error");
}

static void a_silent_service_is_tried_again(void **state) {
    (void)state;
    static const struct web_reply replies[] = {{.hang = true}, {.status = 200, .body = SUCCESS}};
    domain.settings.timeout = 200; /* a slow machine only makes for more attempts */
    assert_int_equal(upload(replies, 2), 0);
    assert_true(result.attempts >= 2);
}

static void the_budget_ends_it(void **state) {
    (void)state;
    static const struct web_reply busy = {.status = 507};
    domain.settings.retry_time = 30000;
    assert_int_equal(upload(&busy, 1), EXIT_UNAVAILABLE);
    assert_true(result.attempts >= 3);
    assert_true(domain.clock.waited <= 30000);
    assert_contains(domain.said, "level=error");
    assert_contains(domain.said, "; tried ");
    domain.settings.retry_time = 0;
    domain.clock.waits = 0;
    assert_int_equal(upload(&busy, 1), EXIT_UNAVAILABLE);
    assert_int_equal(domain.clock.waits, 0);
}

static void retry_after_is_honoured(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 503, .headers = "Retry-After: 120\r\n"},
        {.status = 429, .headers = "Retry-After: Tue, 24 Nov 2026 00:10:00 GMT\r\n"},
        {.status = 200, .body = SUCCESS}};
    assert_int_equal(upload(replies, 3), 0);
    assert_int_equal(domain.clock.waited, 600000);
    static const struct web_reply long_wait = {.status = 503, .headers = "Retry-After: 86400\r\n"};
    domain.clock.waits = 0;
    assert_int_equal(upload(&long_wait, 1), EXIT_UNAVAILABLE);
    assert_int_equal(result.attempts, 1); /* beyond the budget: no use */
    assert_int_equal(domain.clock.waits, 0);
}

static void being_asked_to_stop_ends_the_pause(void **state) {
    (void)state;
    static const struct web_reply busy = {.status = 507};
    domain.clock.stop_at = 2;
    assert_int_equal(upload(&busy, 1), EXIT_LATER);
    assert_int_equal(result.attempts, 2);
    assert_lacks(domain.said, "level=error");
}

/* --- Refused --- */

static void refusals_say_which_and_why(void **state) {
    (void)state;
    static const struct web_reply refused = {
        .status = 400,
        .body = "{\"__type\":\"#DocumentServiceException\",\"adds\":0,\"deletes\":0,\"errors\":[{\"message\":"
                "\"[*Deprecated*: Use the outer message field] Validation error for field 'c': Invalid codepoint 7\"},"
                "{\"message\":\"Field \\\"description\\\" must have array type to have multiple values (near operation "
                "with index 66; document_id https://x/(1))\"}],\"message\":\"{ [\\\"Validation\\\"] }\",\"status\":"
                "\"error\",\"warnings\":[{\"message\":\"w\"}]}"};
    assert_int_equal(upload(&refused, 1), 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_REFUSED);
    assert_int_equal(result.message_count, 2);
    assert_string_equal(result.messages[0].text, "Validation error for field 'c': Invalid codepoint 7");
    assert_string_equal(result.messages[0].field, "c");
    assert_null(result.messages[0].document_id);
    assert_int_equal(result.messages[0].operation, 0);
    assert_string_equal(result.messages[1].field, "description");
    assert_string_equal(result.messages[1].document_id, "https://x/(1)");
    assert_int_equal(result.messages[1].operation, 66);
    assert_lacks(domain.said, "level=error"); /* the caller knows what to do about it */
    static const struct web_reply others[] = {
        {.status = 400, .body = "{\"status\":\"error\",\"adds\":0,\"deletes\":0,\"message\":\"why\"}"},
        {.status = 200, .body = "{\"status\":\"error\",\"errors\":[{\"message\":\"why\"}]}"},
        {.status = 400, .body = "{\"__type\":\"#DocumentServiceException\",\"message\":\"why\"}"}};
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        assert_int_equal(upload(&others[i], 1), 0);
        assert_int_equal(result.outcome, CLOUDSEARCH_REFUSED);
        assert_int_equal(result.message_count, 1);
        assert_string_equal(result.messages[0].text, "why");
    }
    static const struct web_reply silent = {.status = 400, .body = "{\"status\":\"error\"}"};
    assert_int_equal(upload(&silent, 1), 0);
    assert_string_equal(result.messages[0].text, "no reason was given");
}

/* Bisecting thousands of documents because a proxy says 400 would be absurd. */
static void a_400_of_somebody_else_is_no_refusal(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "", "<html>Bad Request</html>", "{}", "[1]", "{\"adds\":0}", "{\"status\":\"error\",\"adds\":1,\"deletes\":0}"};
    for (size_t i = 0; i < LENGTH_OF(bodies); i++) {
        const struct web_reply reply = {.status = 400, .body = bodies[i]};
        assert_int_equal(upload(&reply, 1), EXIT_UNAVAILABLE);
        assert_int_equal(result.attempts, 3);
    }
}

static void messages_are_bounded(void **state) {
    (void)state;
    struct text body = {0};
    text_add(&body, "{\"status\":\"error\",\"errors\":[{\"message\":\"\\u001b]0;x\"}");
    for (int i = 0; i < 500; i++)
        text_add(&body, ",{\"message\":\"m\"}");
    text_add(&body, "]}");
    const struct web_reply reply = {.status = 400, .body = text_string(&body)};
    assert_int_equal(upload(&reply, 1), 0);
    assert_int_equal(result.message_count, CLOUDSEARCH_MESSAGES);
    assert_int_equal(result.message_total, 501);
    assert_string_equal(result.messages[0].text, "\\x1B]0;x");
    text_free(&body);
}

static void size_is_an_outcome_of_its_own(void **state) {
    (void)state;
    static const struct web_reply too_large = {.status = 413, .body = "<html>413</html>"};
    assert_int_equal(upload(&too_large, 1), 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_TOO_LARGE);
    assert_int_equal(result.attempts, 1);
    /* What cannot be accepted is not even sent. */
    size_t size = CLOUDSEARCH_BATCH_MOST + 1;
    char *bytes = xcalloc(1, size);
    struct cloudsearch_batch large = {bytes, size, 1, 0};
    domain_serve(&too_large, 1);
    int status = cloudsearch_upload(domain.client, &large, &result);
    domain_end();
    assert_int_equal(status, 0);
    assert_int_equal(result.outcome, CLOUDSEARCH_TOO_LARGE);
    assert_int_equal(domain.server.count, 0);
    free(bytes);
}

/* --- Denied --- */

static void denials_have_hints(void **state) {
    (void)state;
    static const struct {
        struct web_reply reply;
        int status;
        const char *reason, *hint;
    } cases[] = {
        {{.status = 403, .body = DENIED("AccessDenied", "User: anonymous is not authorized")},
         EXIT_DENIED,
         "status 403 AccessDenied: User: anonymous is not authorized",
         "cloudsearch:document"},
        {{.status = 403,
          .body = DENIED("SignatureDoesNotMatch", "The request signature we calculated\\n\\nThe Canonical")},
         EXIT_DENIED,
         "status 403 SignatureDoesNotMatch: The request signature we calculated",
         "is the secret key right"},
        {{.status = 403,
          .headers = "Date: Tue, 24 Nov 2026 00:20:00 GMT\r\n",
          .body = DENIED("SignatureDoesNotMatch", "Signature expired")},
         EXIT_DENIED,
         "Signature expired",
         "set this host's clock"},
        {{.status = 403,
          .headers = "Date: Tue, 24 Nov 2026 00:00:20 GMT\r\n",
          .body = DENIED("InvalidSignatureException", "no")},
         EXIT_DENIED,
         "InvalidSignatureException",
         "is the secret key right"},
        {{.status = 400, .body = DENIED("RequestExpired", "old")}, EXIT_DENIED, "RequestExpired", "clock"},
        {{.status = 403, .body = DENIED("UnrecognizedClientException", "who")}, EXIT_DENIED, "who", "access key"},
        {{.status = 200, .body = DENIED("AccessDenied", "no")}, EXIT_DENIED, "no", "cloudsearch:document"},
        {{.status = 403, .body = "<html><body><h1>403 Forbidden</h1>Request forbidden by administrative rules."},
         EXIT_DENIED,
         "it begins with <html><body>",
         "is this the right endpoint"},
        {{.status = 401}, EXIT_DENIED, "status 401", "endpoint"},
        {{.status = 404, .body = "<html>"}, EXIT_SETTINGS, "status 404", "is this an endpoint of a CloudSearch domain"},
        {{.status = 301, .headers = "Location: http://192.0.2.1/\r\n"}, EXIT_SETTINGS, "status 301", "endpoint"},
        {{.status = 405}, EXIT_BUG, "status 405", NULL},
        {{.status = 411}, EXIT_BUG, "status 411", NULL},
        {{.status = 415, .body = "{\"message\":\"type\"}"}, EXIT_BUG, "status 415: type", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int status = upload(&cases[i].reply, 1);
        if (status != cases[i].status || result.attempts != 1)
            web_fail("case %zu: %d after %d, %s", i, status, result.attempts, domain.said);
        assert_contains(domain.said, cases[i].reason);
        if (cases[i].hint != NULL)
            assert_contains(domain.said, cases[i].hint);
        assert_lacks(domain.said, "The Canonical");
    }
}

static void expired_credentials_are_renewed_once(void **state) {
    (void)state;
    static const struct web_reply replies[] = {{.status = 403, .body = DENIED("ExpiredTokenException", "expired")},
                                               {.status = 200, .body = SUCCESS}};
    domain_serve(replies, 2);
    int status = cloudsearch_log_in(domain.client);
    domain_put_keys("token-2");
    if (status == 0)
        status = cloudsearch_upload(domain.client, &batch, &result);
    domain_end();
    assert_int_equal(status, 0);
    assert_int_equal(result.attempts, 2);
    assert_int_equal(domain.clock.waits, 0);
    assert_contains(text_string(&domain.server.requests[0]), "Token: token-1\r\n");
    assert_contains(text_string(&domain.server.requests[1]), "Token: token-2\r\n");
    assert_null(sigv4_check(domain.server.requests[1].data, domain.server.requests[1].length, DOMAIN_ACCESS_KEY,
                            DOMAIN_SECRET_KEY, "ap-northeast-1", "cloudsearch"));

    /* Twice in one batch: something else is wrong. */
    static const struct web_reply always = {.status = 403, .body = DENIED("ExpiredToken", "expired")};
    domain_serve(&always, 1);
    status = cloudsearch_log_in(domain.client);
    domain_put_keys("token-3");
    if (status == 0)
        status = cloudsearch_upload(domain.client, &batch, &result);
    domain_end();
    assert_int_equal(status, EXIT_DENIED);
    assert_int_equal(domain.server.count, 2);
    assert_contains(domain.said, "renew the AWS credentials");

    /* Nothing new to be had. */
    domain_serve(&always, 1);
    status = cloudsearch_upload(domain.client, &batch, &result);
    domain_end();
    assert_int_equal(status, EXIT_DENIED);
    assert_int_equal(domain.server.count, 1);
    assert_contains(domain.said, "have expired");
}

#define upload_test(function) cmocka_unit_test_setup_teardown(function, domain_enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        upload_test(a_batch_is_sent_signed_and_whole),
        upload_test(without_credentials_nothing_is_signed),
        upload_test(fewer_deletes_are_a_warning_once),
        upload_test(what_is_no_success_is_sent_again),
        upload_test(answers_cut_at_every_byte_are_sent_again),
        upload_test(answers_without_a_length_are_judged_by_content),
        upload_test(transient_failures_are_tried_again),
        upload_test(a_silent_service_is_tried_again),
        upload_test(the_budget_ends_it),
        upload_test(retry_after_is_honoured),
        upload_test(being_asked_to_stop_ends_the_pause),
        upload_test(refusals_say_which_and_why),
        upload_test(a_400_of_somebody_else_is_no_refusal),
        upload_test(messages_are_bounded),
        upload_test(size_is_an_outcome_of_its_own),
        upload_test(denials_have_hints),
        upload_test(expired_credentials_are_renewed_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
