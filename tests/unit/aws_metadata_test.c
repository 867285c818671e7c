/* The credential chain: the services of containers and EC2 instances, played by a server on loopback. */
#include "aws_stage.h"

static void serve(const struct web_reply *replies, size_t count) {
    web_server_start(&stage.server, replies, count);
    stage.serving = true;
}

static void stop(void) {
    web_server_stop(&stage.server);
    stage.serving = false;
}

#define KEYS(number, expiration)                                                                                      \
    "{\"Code\":\"Success\",\"LastUpdated\":\"2026-11-24T00:00:00Z\",\"Type\":\"AWS-HMAC\",\"AccessKeyId\":\"A" number \
    "\",\"SecretAccessKey\":\"HUSH" number "\",\"Token\":\"T" number "\",\"Expiration\":\"" expiration "\"}"

static void assert_asked(size_t index, const char *line, const char *header) {
    const char *request = text_string(&stage.server.requests[index]);
    if (strncmp(request, line, strlen(line)) != 0 || (header != NULL && strcasestr(request, header) == NULL))
        web_fail("request %zu is not %s with %s: %s", index, line, header != NULL ? header : "nothing", request);
}

static void containers_are_asked_with_their_token(void **state) {
    (void)state;
    static const struct web_reply replies[] = {{.status = 500},
                                               {.cut_at_once = true},
                                               {.status = 200, .body = KEYS("1", "2026-11-24T01:00:00Z")},
                                               {.status = 200, .body = KEYS("2", "2026-11-24T02:00:00Z")}};
    serve(replies, LENGTH_OF(replies));
    char *url = xasprintf("%s/v1/credentials", stage.server.url);
    char *path = scene_put(&stage.directory, "token", "file-token-1\n");
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "not-this-one", 1);
    assert_int_equal(get(NOW), 0);
    assert_keys("A1", "HUSH1", "T1", "the container's service");
    assert_int_equal(get(NOW + 54 * MINUTE), 0); /* not within five minutes of the end */
    assert_keys("A1", "HUSH1", "T1", "the container's service");
    free(scene_put(&stage.directory, "token", "file-token-2"));
    assert_int_equal(get(NOW + 55 * MINUTE), 0);
    assert_keys("A2", "HUSH2", "T2", "the container's service");
    stop();
    assert_int_equal(stage.server.count, 4);
    assert_asked(2, "GET /v1/credentials HTTP/1.1\r\n", "\r\nAuthorization: file-token-1\r\n");
    assert_asked(3, "GET /v1/credentials HTTP/1.1\r\n", "\r\nAuthorization: file-token-2\r\n");
    free(url);
    free(path);
}

static void containers_say_why_not(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 403, .body = "{\"Code\":\"AccessDenied\",\"Message\":\"wrong\\u001b token HUS\"}"}};
    serve(replies, 1);
    char *url = xasprintf("%s/x", stage.server.url);
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "from-environment", 1);
    assert_int_equal(get(NOW), EXIT_UNAVAILABLE);
    assert_contains(stage.said, "from the container's service: status 403: AccessDenied: wrong\\x1B token");
    assert_lacks(stage.said, "from-environment");
    assert_asked(0, "GET /x ", "\r\nAuthorization: from-environment\r\n");
    assert_int_equal(stage.server.count, 1); /* 403 is an answer: asked once */
    start_over();
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "two\r\nlines", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    start_over();
    setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nonexistent/token", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "/nonexistent/token");
    start_over();
    setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/x", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "neither https nor on this machine");
    assert_int_equal(stage.server.count, 1);
    free(url);
}

static void use_instance(const struct web_reply *replies, size_t count) {
    serve(replies, count);
    char *endpoint = xasprintf("%s/", stage.server.url);
    setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", endpoint, 1);
    unsetenv("AWS_EC2_METADATA_DISABLED");
    free(endpoint);
}

static const char TOKEN_HEADER[] = "\r\nX-aws-ec2-metadata-token: imds-token\r\n";

static void instances_are_asked_by_version_2(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 503},
        {.status = 200, .body = "imds-token"},
        {.status = 200, .body = "batch-role\n"},
        {.status = 200, .body = KEYS("1", "2026-11-24T06:00:00Z")},
    };
    use_instance(replies, LENGTH_OF(replies));
    assert_int_equal(get(NOW), 0);
    assert_keys("A1", "HUSH1", "T1", "EC2 instance role \"batch-role\"");
    assert_contains(stage.said, "batch-role");
    assert_int_equal(get(NOW + 355 * MINUTE - 1), 0);
    stop();
    assert_int_equal(stage.server.count, 4);
    assert_asked(1, "PUT /latest/api/token HTTP/1.1\r\n", "\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n");
    assert_asked(1, "PUT ", "\r\nContent-Length: 0\r\n");
    assert_asked(2, "GET /latest/meta-data/iam/security-credentials/ HTTP/1.1\r\n", TOKEN_HEADER);
    assert_asked(3, "GET /latest/meta-data/iam/security-credentials/batch-role HTTP/1.1\r\n", TOKEN_HEADER);
}

static void an_unknown_token_is_taken_anew_once(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 200, .body = "old"},
        {.status = 401},
        {.status = 200, .body = "imds-token"},
        {.status = 200, .body = "batch-role"},
        {.status = 401},
        {.status = 200, .body = "third"},
        {.status = 401},
    };
    use_instance(replies, LENGTH_OF(replies));
    assert_int_equal(get(NOW), EXIT_UNAVAILABLE);
    assert_contains(stage.said, "status 401");
    stop();
    assert_int_equal(stage.server.count, 7);
    assert_asked(3, "GET /latest/meta-data/iam/security-credentials/ ", TOKEN_HEADER);
    assert_asked(4, "GET /latest/meta-data/iam/security-credentials/batch-role ", TOKEN_HEADER);
}

static void instances_never_fall_back(void **state) {
    (void)state;
    static const struct {
        struct web_reply replies[3];
        size_t count, asked;
        int status;
        const char *reason;
    } cases[] = {
        {{{.status = 404}}, 1, 1, EXIT_UNAVAILABLE, "status 404 for a token of version 2"},
        {{{.status = 403}}, 1, 1, EXIT_UNAVAILABLE, "status 403 for a token of version 2"},
        {{{.status = 200, .body = "two words"}}, 1, 1, EXIT_UNAVAILABLE, "not a token"},
        {{{.status = 200, .body = ""}}, 1, 1, EXIT_UNAVAILABLE, "not a token"},
        {{{.status = 302, .headers = "Location: http://192.0.2.1/\r\n"}}, 1, 1, EXIT_UNAVAILABLE, "status 302"},
        {{{.status = 200, .body = "imds-token"}, {.status = 404}}, 2, 2, EXIT_SETTINGS, "has no role"},
        {{{.status = 200, .body = "imds-token"}, {.status = 200, .body = "<html>"}},
         2,
         2,
         EXIT_UNAVAILABLE,
         "not the name of a role"},
        {{{.status = 200, .body = "imds-token"}, {.status = 200, .body = "../../x"}},
         2,
         2,
         EXIT_UNAVAILABLE,
         "not the name of a role"},
        {{{.status = 200, .body = "imds-token"},
          {.status = 200, .body = "r"},
          {.status = 200, .body = "{\"Code\":\"Failed\"}"}},
         3,
         3,
         EXIT_UNAVAILABLE,
         "it has no keys: Failed"},
        {{{.status = 200, .body = "imds-token"}, {.status = 200, .body = "r"}, {.status = 200, .body = KEYS("1", "x")}},
         3,
         3,
         EXIT_UNAVAILABLE,
         "no time"},
        {{{.cut_at_once = true}}, 1, 4, EXIT_UNAVAILABLE, "from EC2's instance metadata"},
        {{{.status = 500}}, 1, 4, EXIT_UNAVAILABLE, "status 500"},
        {{{.status = 200, .body = "imds-token", .cut = 65}}, 1, 4, EXIT_UNAVAILABLE, "instance metadata"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        use_instance(cases[i].replies, cases[i].count);
        int status = get(NOW);
        stop();
        if (status != cases[i].status || strstr(stage.said, cases[i].reason) == NULL ||
            stage.server.count != cases[i].asked)
            web_fail("case %zu: %d after %zu requests, %s", i, status, stage.server.count, stage.said);
        web_server_free(&stage.server);
        start_over();
    }
}

/* A silent service: the timeout of a question ends it, and all four are tried. Nothing depends on how fast. */
static void a_silent_instance_is_given_up(void **state) {
    (void)state;
    static const struct web_reply silent = {.hang = true};
    use_instance(&silent, 1);
    stage.choice.timeout = 50;
    assert_int_equal(get(NOW), EXIT_UNAVAILABLE);
    assert_contains(stage.said, "cannot get AWS credentials from EC2's instance metadata");
    assert_contains(stage.said, "in the environment or ~/.aws either");
}

static void keys_outlive_an_outage(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 200, .body = "imds-token"},
        {.status = 200, .body = "r"},
        {.status = 200, .body = KEYS("1", "2026-11-24T01:00:00Z")},
        {.status = 403}, /* at 55 minutes */
        {.status = 403}, /* at 2 hours: past the end */
        {.status = 200, .body = "imds-token"},
        {.status = 200, .body = "r"},
        {.status = 200, .body = KEYS("1", "2026-11-24T01:00:00Z")}, /* at 4 hours: AWS prolongs them silently */
        {.status = 200, .body = "imds-token"},
        {.status = 200, .body = "r"},
        {.status = 200, .body = KEYS("2", "2026-11-24T12:00:00Z")},
    };
    use_instance(replies, LENGTH_OF(replies));
    assert_int_equal(get(NOW), 0);
    assert_int_equal(get(NOW + 55 * MINUTE), 0);
    assert_contains(stage.said, "cannot renew AWS credentials");
    assert_contains(stage.said, "the old ones are used on");
    assert_lacks(stage.said, "error");
    assert_keys("A1", "HUSH1", "T1", "EC2");
    assert_int_equal(stage.server.count, 4);
    assert_int_equal(get(NOW + 60 * MINUTE - 1), 0); /* asked again after 5 to 10 minutes, not before */
    assert_int_equal(stage.server.count, 4);
    assert_int_equal(get(NOW + 120 * MINUTE), 0);
    assert_int_equal(stage.server.count, 5);
    assert_int_equal(get(NOW + 240 * MINUTE), 0);
    assert_int_equal(stage.server.count, 8);
    assert_int_equal(get(NOW + 245 * MINUTE - 1), 0);
    assert_int_equal(stage.server.count, 8);
    assert_int_equal(get(NOW + 250 * MINUTE), 0);
    assert_keys("A2", "HUSH2", "T2", "EC2");
    assert_int_equal(stage.server.count, 11);
}

/* When the service says that they have expired, the old ones are no help. */
static void refused_keys_do_not_outlive_an_outage(void **state) {
    (void)state;
    static const struct web_reply replies[] = {{.status = 200, .body = "imds-token"},
                                               {.status = 200, .body = "r"},
                                               {.status = 200, .body = KEYS("1", "2026-11-24T01:00:00Z")},
                                               {.status = 403}};
    use_instance(replies, LENGTH_OF(replies));
    assert_int_equal(get(NOW), 0);
    aws_credentials_expire(stage.credentials);
    assert_int_equal(get(NOW + 1), EXIT_UNAVAILABLE);
    assert_contains(stage.said, "cannot get AWS credentials");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(containers_are_asked_with_their_token),
        stage_test(containers_say_why_not),
        stage_test(instances_are_asked_by_version_2),
        stage_test(an_unknown_token_is_taken_anew_once),
        stage_test(instances_never_fall_back),
        stage_test(a_silent_instance_is_given_up),
        stage_test(keys_outlive_an_outage),
        stage_test(refused_keys_do_not_outlive_an_outage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
