/* Signed requests: that they are signed right, and that none of a shape is made that some libcurl would sign wrong. */
#include "web_server.h"

#include <jansson.h>

#include "nightshift/web/http.h"
#include "sigv4.h"

static const char secret_key[] = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

static const struct http_signature plain = {
    .region = "ap-northeast-1", .service = "cloudsearch", .access_key = "AKIDEXAMPLE", .secret_key = secret_key};

static const char *const json[] = {"Content-Type: application/json"};

static void the_verifier_agrees_with_aws(void **state) {
    (void)state;
    json_t *vectors = json_load_file("tests/unit/golden/signatures.json", 0, NULL);
    assert_int_equal(json_array_size(vectors), 5);
    size_t i = 0;
    json_t *vector = NULL;
    json_array_foreach(vectors, i, vector) {
        const char *raw = NULL, *access_key = NULL, *secret = NULL, *region = NULL, *service = NULL;
        assert_int_equal(json_unpack(vector, "{s:s,s:s,s:s,s:s,s:s}", "raw", &raw, "access_key", &access_key,
                                     "secret_key", &secret, "region", &region, "service", &service),
                         0);
        const char *wrong = sigv4_check(raw, strlen(raw), access_key, secret, region, service);
        if (wrong != NULL)
            web_fail("vector %zu: %s", i, wrong);
        /* And with one byte of the body changed it does not. */
        char *changed = xstrdup(raw);
        changed[strlen(changed) - 1] ^= 1;
        assert_non_null(sigv4_check(changed, strlen(raw), access_key, secret, region, service));
        free(changed);
        assert_non_null(sigv4_check(raw, strlen(raw), access_key, "other", region, service));
        assert_non_null(sigv4_check(raw, strlen(raw), access_key, secret, "other", service));
    }
    json_decref(vectors);
}

static int send_signed(struct web_server *server, const char *path, const struct http_request *like, size_t times) {
    char *url = xasprintf("%s%s", server->url, path);
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    struct http_request request = *like;
    request.url = url;
    request.connect_timeout = request.timeout = WEB_FOREVER;
    int status = 0;
    for (size_t i = 0; i < times && status == 0; i++)
        status = http_request(http, &request, &answer);
    http_free(http);
    http_answer_free(&answer);
    free(url);
    return status;
}

static void check_request(const struct web_server *server, size_t index, const struct http_signature *signature) {
    const struct text *raw = &server->requests[index];
    const char *wrong = sigv4_check(text_string(raw), raw->length, signature->access_key, signature->secret_key,
                                    signature->region, signature->service);
    if (wrong != NULL)
        web_fail("%s: %.600s", wrong, text_string(raw));
}

static void requests_are_signed_as_aws_does(void **state) {
    (void)state;
    static const struct web_reply ok = {.status = 200};
    static const char form[] = "q=matchall&q.parser=structured&fq=_id%3A%5B%27a%27%2C%7D";
    size_t size = 4800000;
    char *large = xmalloc(size);
    memset(large, '\0', size);
    const struct {
        const char *path, *header, *body;
        size_t length;
        const char *token;
    } cases[] = {
        {"/2013-01-01/documents/batch", json[0], "[{\"type\":\"delete\",\"id\":\"a\"}]", 28, NULL},
        {"/2013-01-01/documents/batch", "Content-Type: application/json; charset=UTF-8", "[]\0\n山", 7, ""},
        {"/2013-01-01/search", "Content-Type: application/x-www-form-urlencoded", form, sizeof form - 1, "to/k+en=="},
        {"/", "Content-Type: application/x-www-form-urlencoded", "Action=X", 8, "t"},
        {"/2013-01-01/documents/batch", json[0], large, size, NULL},
        {"/2013-01-01/documents/batch", json[0], large, size, "token"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct web_server server;
        web_server_start(&server, &ok, 1);
        struct http_signature signature = plain;
        signature.token = cases[i].token;
        struct http_request request = {.method = HTTP_POST,
                                       .headers = &cases[i].header,
                                       .header_count = 1,
                                       .body = cases[i].body,
                                       .body_length = cases[i].length,
                                       .signature = &signature};
        int status = send_signed(&server, cases[i].path, &request, 1);
        web_server_stop(&server);
        assert_int_equal(status, 0);
        assert_int_equal(server.count, 1);
        check_request(&server, 0, &signature);
        const char *raw = text_string(&server.requests[0]);
        char *token = sigv4_header(raw, "X-Amz-Security-Token");
        if (cases[i].token == NULL || *cases[i].token == '\0')
            assert_null(token);
        else
            assert_string_equal(token, cases[i].token);
        assert_null(strstr(raw, secret_key));
        free(token);
        web_server_free(&server);
    }
    free(large);
}

/* Nothing of the signature stays on the handle. */
static void the_next_request_is_not_signed(void **state) {
    (void)state;
    static const struct web_reply ok = {.status = 200};
    struct web_server server;
    web_server_start(&server, &ok, 1);
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    struct http_signature signature = plain;
    signature.token = "token";
    char *url = xasprintf("%s/x", server.url);
    struct http_request request = {.method = HTTP_POST,
                                   .url = url,
                                   .headers = json,
                                   .header_count = 1,
                                   .body = "[]",
                                   .body_length = 2,
                                   .connect_timeout = WEB_FOREVER,
                                   .timeout = WEB_FOREVER,
                                   .signature = &signature};
    assert_int_equal(http_request(http, &request, &answer), 0);
    request.signature = NULL;
    assert_int_equal(http_request(http, &request, &answer), 0);
    request.method = HTTP_GET;
    assert_int_equal(http_request(http, &request, &answer), 0);
    http_free(http);
    http_answer_free(&answer);
    web_server_stop(&server);
    assert_int_equal(server.count, 3);
    check_request(&server, 0, &signature);
    for (size_t i = 1; i < 3; i++) {
        assert_lacks(text_string(&server.requests[i]), "AWS4");
        assert_lacks(text_string(&server.requests[i]), "X-Amz");
        assert_lacks(text_string(&server.requests[i]), "Authorization");
    }
    free(url);
    web_server_free(&server);
}

/* --- Shapes that one libcurl or another signs wrong --- */

static const struct http_request good = {.method = HTTP_POST,
                                         .url = "http://127.0.0.1:9/2013-01-01/search",
                                         .headers = json,
                                         .header_count = 1,
                                         .body = "[]",
                                         .body_length = 2,
                                         .connect_timeout = WEB_FOREVER,
                                         .timeout = WEB_FOREVER,
                                         .signature = &plain};

/* Nobody listens on that port: what is not refused is EXIT_UNAVAILABLE. */
static void assert_status(const struct http_request *request, int wanted, const char *what) {
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    int status = http_request(http, request, &answer);
    if (status != wanted || answer.reason.length == 0 || strstr(answer.reason.data, secret_key) != NULL)
        web_fail("%s: %d, \"%s\"", what, status, text_string(&answer.reason));
    http_free(http);
    http_answer_free(&answer);
}

static void other_urls_are_refused(void **state) {
    (void)state;
    static const char *const urls[] = {
        "http://127.0.0.1:9",        "http://127.0.0.1:9/a?format=sdk", "http://127.0.0.1:9/?",
        "http://127.0.0.1:9//a",     "http://127.0.0.1:9/a//b",         "http://127.0.0.1:9/a/../b",
        "http://127.0.0.1:9/./a",    "http://127.0.0.1:9/a%20b",        "http://127.0.0.1:9/a#b",
        "http://user@127.0.0.1:9/a", "http://127.0.0.1:9/a+b",          "http://127.0.0.1:9/日",
        "http://127.0.0.1:9/a=b",    "http://127.0.0.1:9/a:b",          "http://127.0.0.1:9/a'b",
        "http://127.0.0.1:9?q=x",    "http://127.0.0.1:9?q=/x",
    };
    struct http_request request = good;
    for (size_t i = 0; i < LENGTH_OF(urls); i++) {
        request.url = urls[i];
        assert_status(&request, EXIT_BUG, urls[i]);
    }
    assert_status(&good, EXIT_UNAVAILABLE, good.url);
    request.url = "http://192.0.2.1/a"; /* plain http to elsewhere */
    assert_status(&request, EXIT_SETTINGS, request.url);
}

static void other_headers_are_refused(void **state) {
    (void)state;
    static const char *const lists[][3] = {
        {"Content-Type: application/json", "Accept: application/json", "Accept-Encoding: gzip"},
        {"Content-Type: application/json", "Expect:", NULL},
        {"Content-Type: application/json", "X-Amz-Security-Token;", NULL},
        {"Content-Type: application/json", "X-Amz-Security-Token: t", NULL},
        {"Accept: application/json", NULL, NULL},
        {"Content-Type:application/json", NULL, NULL},
        {"Content-Type:  application/json", NULL, NULL},
        {"Content-Type: application/json ", NULL, NULL},
        {"Content-Type: application/json;  charset=UTF-8", NULL, NULL},
        {"Content-Type: ", NULL, NULL},
        {"Content-Type;", NULL, NULL},
        {"Content-Type: application/json\r\nX: y", NULL, NULL},
    };
    struct http_request request = good;
    for (size_t i = 0; i < LENGTH_OF(lists); i++) {
        request.headers = lists[i];
        request.header_count = lists[i][1] == NULL ? 1 : lists[i][2] == NULL ? 2 : 3;
        assert_status(&request, EXIT_BUG, lists[i][0]);
    }
    request.header_count = 0;
    assert_status(&request, EXIT_BUG, "no header");
}

static void other_methods_and_bodies_are_refused(void **state) {
    (void)state;
    struct http_request request = good;
    request.method = HTTP_GET;
    assert_status(&request, EXIT_BUG, "GET");
    request.method = HTTP_PUT;
    assert_status(&request, EXIT_BUG, "PUT");
    request = good;
    request.body = NULL;
    assert_status(&request, EXIT_BUG, "no body");
    request = good;
    request.body_length = 0;
    assert_status(&request, EXIT_BUG, "an empty body");
}

static void keys_that_cannot_sign_are_refused(void **state) {
    (void)state;
    static const char *const values[] = {NULL, "", "a:b", "a b", "a\r\nb"};
    struct http_signature signature = plain;
    struct http_request request = good;
    request.signature = &signature;
    const char **const parts[] = {&signature.region, &signature.service, &signature.access_key, &signature.secret_key};
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        for (size_t k = 0; k < LENGTH_OF(values); k++) {
            bool allowed =
                (i == 2 && k == 2) || (i == 3 && k >= 2); /* a secret is never sent, so it may hold anything */
            signature = plain;
            *parts[i] = values[k];
            assert_status(&request, allowed ? EXIT_UNAVAILABLE : EXIT_BUG, values[k] != NULL ? values[k] : "NULL");
        }
    signature = plain;
    signature.token = "a b";
    assert_status(&request, EXIT_BUG, "a token with a space");
    signature.token = "a\r\nb";
    assert_status(&request, EXIT_BUG, "a token with a line break");
}

/* Without a limit of its own, the request would be given up after 30 seconds, whatever its timeout. */
static void a_request_says_how_long_a_stall_may_be(void **state) {
    (void)state;
    static const struct web_reply silent = {.hang = true};
    struct web_server server;
    web_server_start(&server, &silent, 1);
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    struct http_request request = {
        .url = server.url, .connect_timeout = WEB_FOREVER, .timeout = WEB_FOREVER, .stall = 1000};
    assert_int_equal(http_request(http, &request, &answer), EXIT_UNAVAILABLE);
    assert_contains(text_string(&answer.reason), "the last 1 seconds");
    http_free(http);
    http_answer_free(&answer);
    web_server_stop(&server);
    web_server_free(&server);
}

static void waiting_is_asked_for_in_seconds_or_by_date(void **state) {
    (void)state;
    static const struct {
        const char *header;
        int64_t wait;
    } cases[] = {
        {"Retry-After: 7\r\n", 7000},
        {"retry-after:  0 \r\n", 0},
        {"Retry-After: -3\r\n", 0},
        {"Retry-After: soon\r\n", 0},
        {"Retry-After: 9223372036854775807\r\n", INT64_MAX},
        {"Retry-After: Tue, 24 Nov 2026 00:00:10 GMT\r\n", 10000},
        {"Retry-After: Mon, 23 Nov 2026 00:00:10 GMT\r\n", 0},
        {"X: 1\r\n", 0},
    };
    const int64_t now = INT64_C(1795478400000); /* 2026-11-24T00:00:00Z */
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct http_answer answer = {0};
        text_add(&answer.headers, cases[i].header);
        int64_t wait = http_answer_wait(&answer, now);
        if (wait != cases[i].wait)
            web_fail("%s: %lld", cases[i].header, (long long)wait);
        http_answer_free(&answer);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_verifier_agrees_with_aws),
        cmocka_unit_test(requests_are_signed_as_aws_does),
        cmocka_unit_test(the_next_request_is_not_signed),
        cmocka_unit_test(other_urls_are_refused),
        cmocka_unit_test(other_headers_are_refused),
        cmocka_unit_test(other_methods_and_bodies_are_refused),
        cmocka_unit_test(keys_that_cannot_sign_are_refused),
        cmocka_unit_test(a_request_says_how_long_a_stall_may_be),
        cmocka_unit_test(waiting_is_asked_for_in_seconds_or_by_date),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
