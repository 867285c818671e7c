/* ~/.aws/credentials and ~/.aws/config, and the other pure parts of the credential chain. */
#include "web_server.h"

#include "../../common/web/aws_private.h"

/* "access|secret|token|region|refused" of a profile; freed by the caller. */
static char *parse(const char *content, bool config, const char *name) {
    struct aws_profile profile = {0};
    aws_profile_parse(content, config, name, &profile);
    const char *const parts[] = {profile.access_key, profile.secret_key, profile.token, profile.region,
                                 profile.refused};
    struct text line = {0};
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        text_printf(&line, "%s%s", i > 0 ? "|" : "", parts[i] != NULL ? parts[i] : "-");
    if (!profile.present)
        text_add(&line, " absent");
    if (profile.role)
        text_add(&line, " role");
    aws_profile_free(&profile);
    return text_take(&line);
}

static void profiles_are_read_as_the_sdks_do(void **state) {
    (void)state;
    static const char two[] = "[default]\naws_access_key_id = A\naws_secret_access_key=S\n\n"
                              "[batch]\r\n aws_access_key_id\t=\tA2 \r\naws_secret_access_key = S2 # old\r\n"
                              "aws_session_token = T2 ; note\r\n";
    static const struct {
        const char *content;
        bool config;
        const char *name, *result;
    } cases[] = {
        {two, false, "default", "A|S|-|-|-"},
        {two, false, "batch", "A2|S2|T2|-|-"},
        {two, false, "other", "-|-|-|-|- absent"},
        {"", false, "default", "-|-|-|-|- absent"},
        {"[default]", false, "default", "-|-|-|-|-"},
        /* comments, also with brackets in them; a # inside of a value */
        {"# [default]\n; x\n[ default ] # main\naws_access_key_id = A#1;2\n#aws_session_token = T\n", false, "default",
         "A#1;2|-|-|-|-"},
        /* names of sections in config files */
        {"[batch]\nregion = a\n[profile batch]\nregion = b\n", true, "batch", "-|-|-|b|-"},
        {"[batch]\nregion = a\n[profile batch]\nregion = b\n", false, "batch", "-|-|-|a|-"},
        {"[profile \"my batch\"]\nregion = q\n", true, "my batch", "-|-|-|q|-"},
        {"[default]\nregion = d\n", true, "default", "-|-|-|d|-"},
        {"[profile default]\nregion = p\n", true, "default", "-|-|-|p|-"},
        {"[profile  batch ]\nregion = b\n", true, "batch", "-|-|-|b|-"},
        {"[profilebatch]\nregion = b\n", true, "batch", "-|-|-|-|- absent"},
        {"[sso-session batch]\nregion = b\n", true, "batch", "-|-|-|-|- absent"},
        /* nested blocks are skipped, indented keys are not */
        {"[default]\ns3 =\n  region = wrong\n  aws_access_key_id = wrong\nregion = right\n", true, "default",
         "-|-|-|right|-"},
        {"[default]\n  region = right\n  aws_access_key_id = A\n", true, "default", "A|-|-|right|-"},
        /* the last value counts; upper case; no value, no key, no bracket */
        {"[default]\nregion = a\nRegion = b\n[x]\nregion = c\n[default]\nAWS_ACCESS_KEY_ID = A\n", false, "default",
         "A|-|-|b|-"},
        {"[default\nregion = a\n[default]\nregion\n= x\nregion =\n", false, "default", "-|-|-|-|-"},
        /* what is not supported */
        {"[default]\nsso_session = s\naws_access_key_id = A\n", true, "default", "A|-|-|-|sso_session"},
        {"[default]\nsource_profile = s\nrole_arn = r\n", true, "default", "-|-|-|-|role_arn role"},
        {"[default]\ncredential_process = /bin/x\nsso_start_url = u\n", true, "default", "-|-|-|-|credential_process"},
        {"[default]\nweb_identity_token_file = /x\n", true, "default", "-|-|-|-|web_identity_token_file"},
        {"[default]\nrole_arn =\n", true, "default", "-|-|-|-|-"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *result = parse(cases[i].content, cases[i].config, cases[i].name);
        if (strcmp(result, cases[i].result) != 0)
            web_fail("case %zu: %s, not %s", i, result, cases[i].result);
        free(result);
    }
}

/* inih would cut it. */
static void long_tokens_are_whole(void **state) {
    (void)state;
    char token[3001] = "";
    memset(token, 'T', sizeof token - 1);
    char *content = xasprintf("[default]\naws_session_token = %s\naws_access_key_id = A\n", token);
    struct aws_profile profile = {0};
    aws_profile_parse(content, false, "default", &profile);
    assert_string_equal(profile.token, token);
    assert_string_equal(profile.access_key, "A");
    aws_profile_free(&profile);
    free(content);
}

static void times_are_utc(void **state) {
    (void)state;
    static const struct {
        const char *string;
        int64_t result; /* -1: refused */
    } cases[] = {
        {"2026-11-24T00:00:00Z", INT64_C(1795478400000)},
        {"2026-11-24T00:00:01.250Z", INT64_C(1795478401000)},
        {"2026-11-24T00:00:00", -1},
        {"2026-11-24T00:00:00+09:00", -1},
        {"2026-11-24", -1},
        {"2026-13-24T00:00:00Z", -1},
        {"2026-11-24T00:00:00Z ", -1},
        {"2026-11-24T00:00:00.Z", -1},
        {"", -1},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int64_t result = -1;
        bool good = aws_parse_time(cases[i].string, &result);
        if (good != (cases[i].result >= 0) || result != cases[i].result)
            web_fail("%s: %lld", cases[i].string, (long long)result);
    }
}

static void container_urls_stay_on_this_machine(void **state) {
    (void)state;
    static const struct {
        const char *relative, *full, *result; /* NULL: refused */
    } cases[] = {
        {"/v2/credentials/x?id=1", NULL, "http://169.254.170.2/v2/credentials/x?id=1"},
        {"/v2/x", "http://127.0.0.1/full", "http://169.254.170.2/v2/x"},
        {"x", NULL, NULL},
        {"@evil.example/x", NULL, NULL},
        {NULL, "http://127.0.0.1:8080/x", "http://127.0.0.1:8080/x"},
        {NULL, "http://127.9.9.9/x", "http://127.9.9.9/x"},
        {NULL, "http://localhost/x", "http://localhost/x"},
        {NULL, "http://[::1]:9/x", "http://[::1]:9/x"},
        {NULL, "http://169.254.170.23/v1/credentials", "http://169.254.170.23/v1/credentials"},
        {NULL, "http://169.254.170.2/x", "http://169.254.170.2/x"},
        {NULL, "http://[fd00:ec2::23]/v1/credentials", "http://[fd00:ec2::23]/v1/credentials"},
        {NULL, "https://keys.example.com/x", "https://keys.example.com/x"},
        {NULL, "http://keys.example.com/x", NULL},
        {NULL, "http://169.254.169.254/x", NULL},
        {NULL, "http://127.0.0.1.example.com/x", NULL},
        {NULL, "http://localhost.example.com/x", NULL},
        {NULL, "http://127.0.0.1@10.0.0.1/x", NULL},
        {NULL, "http://10.0.0.1/#127.0.0.1", NULL},
        {NULL, "ftp://127.0.0.1/x", NULL},
        {NULL, "/x", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text reason = {0};
        char *url = aws_container_url(cases[i].relative, cases[i].full, &reason);
        bool as_wanted = cases[i].result != NULL ? url != NULL && strcmp(url, cases[i].result) == 0
                                                 : url == NULL && reason.length > 0;
        if (!as_wanted)
            web_fail("case %zu: %s", i, url != NULL ? url : text_string(&reason));
        free(url);
        text_free(&reason);
    }
}

static void answers_with_keys_are_read_strictly(void **state) {
    (void)state;
    static const struct {
        const char *body;
        const char *result; /* of the reason; NULL: taken */
    } cases[] = {
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\",\"Expiration\":\"2026-11-24T00:00:00Z\"}",
         NULL},
        {"{\"Code\":\"Success\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\"}", NULL},
        {"{\"Code\":\"Failed\",\"Message\":\"no\\u0007 role\"}", "it has no keys: Failed: no\\x07 role"},
        {"{\"AccessKeyId\":\"A\"}", "does not hold keys"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":7}", "does not hold keys"},
        {"{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"S\"}", "does not hold keys"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Token\":\"T\\n\"}", "does not hold keys"},
        {"{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"S\",\"Expiration\":\"later\"}", "no time"},
        {"<html>SECRET</html>", "does not hold keys"},
        {"[]", "does not hold keys"},
        {"", "does not hold keys"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct aws_found found = {0};
        struct text reason = {0};
        int status = aws_found_parse(cases[i].body, strlen(cases[i].body), &found, &reason);
        assert_int_equal(status, cases[i].result == NULL ? 0 : EXIT_UNAVAILABLE);
        if (cases[i].result != NULL)
            assert_contains(text_string(&reason), cases[i].result);
        assert_lacks(text_string(&reason), "SECRET");
        assert_int_equal(found.access_key != NULL, cases[i].result == NULL);
        aws_found_free(&found);
        text_free(&reason);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(profiles_are_read_as_the_sdks_do),
        cmocka_unit_test(long_tokens_are_whole),
        cmocka_unit_test(times_are_utc),
        cmocka_unit_test(container_urls_stay_on_this_machine),
        cmocka_unit_test(answers_with_keys_are_read_strictly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
