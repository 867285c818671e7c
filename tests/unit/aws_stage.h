/* One credential chain in a clean environment: what its tests share. */
#ifndef TESTS_UNIT_AWS_STAGE_H
#define TESTS_UNIT_AWS_STAGE_H

#include "web_server.h"

#include "nightshift/web/aws_credentials.h"

static const int64_t NOW = INT64_C(1795478400000); /* 2026-11-24T00:00:00Z */
enum { MINUTE = 60000 };

/* One chain in one environment, which is clean at first: no files, no services. */
static struct stage {
    void *directory;
    struct aws_credentials *credentials;
    struct aws_choice choice;
    const struct aws_keys *keys;
    char *said; /* by the last get() */
    struct web_server server;
    bool serving;
} stage;

static const char *const variables[] = {"AWS_ACCESS_KEY_ID",
                                        "AWS_SECRET_ACCESS_KEY",
                                        "AWS_SESSION_TOKEN",
                                        "AWS_CREDENTIAL_EXPIRATION",
                                        "AWS_REGION",
                                        "AWS_DEFAULT_REGION",
                                        "AWS_PROFILE",
                                        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
                                        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
                                        "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                                        "AWS_WEB_IDENTITY_TOKEN_FILE"};

static inline int enter(void **state) {
    (void)state;
    stage = (struct stage){0};
    if (scene_enter(&stage.directory) != 0)
        return -1;
    for (size_t i = 0; i < LENGTH_OF(variables); i++)
        unsetenv(variables[i]);
    setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
    char *path = scene_path(&stage.directory, "credentials");
    setenv("AWS_SHARED_CREDENTIALS_FILE", path, 1);
    free(path);
    path = scene_path(&stage.directory, "config");
    setenv("AWS_CONFIG_FILE", path, 1);
    free(path);
    stage.choice.timeout = WEB_FOREVER;
    log_start("test", LOG_LEVEL_INFO);
    return 0;
}

static inline int leave(void **state) {
    (void)state;
    aws_credentials_free(stage.credentials);
    free(stage.said);
    if (stage.serving)
        web_server_stop(&stage.server);
    web_server_free(&stage.server);
    return scene_leave(&stage.directory);
}

static inline void put_private(const char *name, const char *content) {
    char *path = scene_put(&stage.directory, name, content);
    chmod(path, 0600);
    free(path);
}

static inline int get(int64_t now) {
    if (stage.credentials == NULL)
        stage.credentials = aws_credentials_new(&stage.choice);
    free(stage.said);
    struct capture capture = capture_start();
    int status = aws_credentials_get(stage.credentials, now, &stage.keys);
    stage.said = capture_end(&capture);
    assert_lacks(stage.said, "HUSH");
    assert_int_equal(stage.keys != NULL, status == 0);
    return status;
}

static inline void assert_keys(const char *access_key, const char *secret_key, const char *token, const char *source) {
    assert_string_equal(stage.keys->access_key, access_key);
    assert_string_equal(stage.keys->secret_key, secret_key);
    assert_string_equal(stage.keys->token, token);
    assert_contains(aws_credentials_source(stage.credentials), source);
}

static inline void start_over(void) {
    aws_credentials_free(stage.credentials);
    stage.credentials = NULL;
}

#define stage_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

#endif
