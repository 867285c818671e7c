/* The credential chain: environment and files. */
#include "aws_stage.h"

static void nothing_anywhere_is_an_error_of_settings(void **state) {
    (void)state;
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "there are no AWS credentials");
    assert_contains(stage.said, "credentials = none");
    start_over();
    stage.choice.from = AWS_FROM_NOWHERE;
    stage.credentials = aws_credentials_new(&stage.choice);
    assert_int_equal(aws_credentials_get(stage.credentials, NOW, &stage.keys), 0);
    assert_null(stage.keys);
    assert_contains(aws_credentials_source(stage.credentials), "none");
    static const int others[] = {AWS_FROM_ENVIRONMENT, AWS_FROM_FILE, AWS_FROM_CONTAINER};
    for (size_t i = 0; i < LENGTH_OF(others); i++) {
        start_over();
        stage.choice.from = others[i];
        assert_int_equal(get(NOW), EXIT_SETTINGS);
    }
}

static void the_environment_comes_before_files(void **state) {
    (void)state;
    put_private("credentials", "[default]\naws_access_key_id = F\naws_secret_access_key = HUSH-F\n");
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    setenv("AWS_SECRET_ACCESS_KEY", "HUSH-E", 1);
    setenv("AWS_PROFILE", "whatever", 1);
    assert_int_equal(get(NOW), 0);
    assert_keys("E", "HUSH-E", "", "the environment");
    assert_contains(stage.said, "AWS credentials: the environment");
    assert_int_equal(get(NOW + 1), 0);
    assert_string_equal(stage.said, ""); /* said once */
    start_over();
    setenv("AWS_SESSION_TOKEN", "TOKEN", 1);
    assert_int_equal(get(NOW), 0);
    assert_keys("E", "HUSH-E", "TOKEN", "the environment");
    /* Settings that name a profile or file mean the files. */
    start_over();
    stage.choice.profile = "default";
    assert_int_equal(get(NOW), 0);
    assert_keys("F", "HUSH-F", "", "profile \"default\" of ");
    start_over();
    stage.choice.profile = NULL;
    stage.choice.from = AWS_FROM_FILE;
    unsetenv("AWS_PROFILE");
    assert_int_equal(get(NOW), 0);
    assert_keys("F", "HUSH-F", "", "/credentials");
}

static void half_an_environment_is_refused(void **state) {
    (void)state;
    setenv("AWS_ACCESS_KEY_ID", "E", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "not AWS_SECRET_ACCESS_KEY");
    start_over();
    setenv("AWS_SECRET_ACCESS_KEY", "HUSH E", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "spaces");
    start_over();
    setenv("AWS_SECRET_ACCESS_KEY", "HUSH", 1);
    setenv("AWS_CREDENTIAL_EXPIRATION", "2026-11-23T23:59:59Z", 1);
    assert_int_equal(get(NOW), EXIT_DENIED);
    assert_contains(stage.said, "expired at 2026-11-23T23:59:59Z");
    start_over();
    setenv("AWS_CREDENTIAL_EXPIRATION", "tomorrow", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    start_over();
    setenv("AWS_CREDENTIAL_EXPIRATION", "2026-11-24T00:01:00Z", 1);
    assert_int_equal(get(NOW), 0);
}

static void profiles_are_chosen_and_merged(void **state) {
    (void)state;
    put_private("credentials",
                "[default]\naws_access_key_id = D\naws_secret_access_key = HUSH-D\n"
                "[batch]\naws_access_key_id = B\naws_secret_access_key = HUSH-B\naws_session_token = T\n");
    put_private("config", "[default]\nregion = us-west-2\n[profile batch]\nregion = ap-northeast-1\n"
                          "aws_access_key_id = C\n[profile other]\naws_access_key_id = O\n"
                          "aws_secret_access_key = HUSH-O\n[profile bare]\nregion = x\n");
    assert_int_equal(get(NOW), 0);
    assert_keys("D", "HUSH-D", "", "profile \"default\"");
    assert_string_equal(aws_credentials_region(stage.credentials), "us-west-2");
    start_over();
    setenv("AWS_PROFILE", "batch", 1);
    assert_int_equal(get(NOW), 0);
    assert_keys("B", "HUSH-B", "T", "profile \"batch\"");
    assert_string_equal(aws_credentials_region(stage.credentials), "ap-northeast-1");
    start_over();
    stage.choice.profile = "other"; /* before AWS_PROFILE */
    assert_int_equal(get(NOW), 0);
    assert_keys("O", "HUSH-O", "", "config");
    setenv("AWS_DEFAULT_REGION", "eu-west-1", 1);
    assert_string_equal(aws_credentials_region(stage.credentials), "eu-west-1");
    setenv("AWS_REGION", "eu-west-2", 1);
    start_over();
    stage.choice.profile = NULL;
    setenv("AWS_PROFILE", "bare", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "there are no AWS keys for profile \\\"bare\\\"");
    assert_string_equal(aws_credentials_region(stage.credentials), "eu-west-2");
    start_over();
    char *path = scene_put(&stage.directory, "mine", "[bare]\naws_access_key_id = M\naws_secret_access_key = HUSH-M\n");
    chmod(path, 0600);
    stage.choice.credentials_file = path;
    assert_int_equal(get(NOW), 0);
    assert_keys("M", "HUSH-M", "", "/mine");
    start_over();
    stage.choice.credentials_file = NULL;
    free(path);
}

static void what_is_not_supported_is_named(void **state) {
    (void)state;
    static const struct {
        const char *config, *word;
    } cases[] = {
        {"[default]\nsso_session = s\n", "has \\\"sso_session\\\""},
        {"[default]\nrole_arn = r\nsource_profile = base\n", "has \\\"role_arn\\\""},
        {"[default]\nrole_arn = r\naws_access_key_id = A\naws_secret_access_key = HUSH\n", "has \\\"role_arn\\\""},
        {"[default]\ncredential_process = /opt/keys\n", "has \\\"credential_process\\\""},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        put_private("config", cases[i].config);
        assert_int_equal(get(NOW), EXIT_SETTINGS);
        assert_contains(stage.said, cases[i].word);
        assert_contains(stage.said, "does not support");
        start_over();
    }
    put_private("config",
                "[default]\ncredential_process = /opt/keys\naws_access_key_id = A\naws_secret_access_key = HUSH\n");
    assert_int_equal(get(NOW), 0); /* as in the SDKs: a profile's own keys come first */
    start_over();
    put_private("config", "[default]\naws_access_key_id = A\n");
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "only one of the two keys");
    start_over();
    put_private("config", "");
    setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/x", 1);
    assert_int_equal(get(NOW), EXIT_SETTINGS);
    assert_contains(stage.said, "AWS_WEB_IDENTITY_TOKEN_FILE");
}

static void files_with_keys_are_closed_to_others(void **state) {
    (void)state;
    static const char keys[] = "[default]\naws_access_key_id = A\naws_secret_access_key = HUSH\n";
    static const char *const names[] = {"credentials", "config"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        char *path = scene_put(&stage.directory, names[i], keys);
        chmod(path, 0640);
        assert_int_equal(get(NOW), EXIT_DENIED);
        assert_contains(stage.said, "open to other users");
        start_over();
        chmod(path, 0600);
        assert_int_equal(get(NOW), 0);
        start_over();
        remove(path);
        free(path);
    }
    /* Without keys the config file may be open. */
    char *path = scene_put(&stage.directory, "config", "[default]\nregion = r\n");
    chmod(path, 0644);
    free(path);
    put_private("credentials", keys);
    assert_int_equal(get(NOW), 0);
}

static void expired_keys_are_looked_for_again(void **state) {
    (void)state;
    put_private("credentials",
                "[default]\naws_access_key_id = A\naws_secret_access_key = HUSH\naws_session_token = T1\n");
    assert_int_equal(get(NOW), 0);
    aws_credentials_expire(stage.credentials);
    assert_int_equal(get(NOW), EXIT_DENIED);
    assert_contains(stage.said, "have expired");
    assert_int_equal(get(NOW), EXIT_DENIED); /* still */
    put_private("credentials",
                "[default]\naws_access_key_id = A\naws_secret_access_key = HUSH\naws_session_token = T2\n");
    assert_int_equal(get(NOW), 0);
    assert_keys("A", "HUSH", "T2", "profile");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        stage_test(nothing_anywhere_is_an_error_of_settings), stage_test(the_environment_comes_before_files),
        stage_test(half_an_environment_is_refused),           stage_test(profiles_are_chosen_and_merged),
        stage_test(what_is_not_supported_is_named),           stage_test(files_with_keys_are_closed_to_others),
        stage_test(expired_keys_are_looked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
