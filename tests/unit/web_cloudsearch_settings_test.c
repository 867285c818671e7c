/* The [cloudsearch] section, and the parts of the client that need no server. */
#include "web_cloudsearch.h"

#include "../../common/web/cloudsearch_private.h"

static void endpoints_tell_domain_and_region(void **state) {
    (void)state;
    static const struct {
        const char *endpoint, *url, *domain, *region;
    } cases[] = {
        {"doc-my-movies-abc123.ap-northeast-1.cloudsearch.amazonaws.com",
         "https://doc-my-movies-abc123.ap-northeast-1.cloudsearch.amazonaws.com", "my-movies", "ap-northeast-1"},
        {"https://search-m-a.us-east-1.cloudsearch.amazonaws.com/",
         "https://search-m-a.us-east-1.cloudsearch.amazonaws.com", "m", "us-east-1"},
        {"http://127.0.0.1:8080", "http://127.0.0.1:8080", NULL, NULL},
        {"http://[::1]:8080/", "http://[::1]:8080", NULL, NULL},
        {"localhost:1", "https://localhost:1", NULL, NULL},
        {"doc-m.us-east-1.cloudsearch.amazonaws.com", "https://doc-m.us-east-1.cloudsearch.amazonaws.com", NULL, NULL},
        {"doc-m-a.example.com", "https://doc-m-a.example.com", NULL, NULL},
        {"https://h/2013-01-01/documents/batch", NULL, NULL, NULL},
        {"https://h?x", NULL, NULL, NULL},
        {"https://u@h", NULL, NULL, NULL},
        {"ftp://h", NULL, NULL, NULL},
        {"https://", NULL, NULL, NULL},
        {"", NULL, NULL, NULL},
        {"a b", NULL, NULL, NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *const found[] = {cloudsearch_base_url(cases[i].endpoint), cloudsearch_domain_of(cases[i].endpoint),
                               cloudsearch_region_of(cases[i].endpoint)};
        const char *const wanted[] = {cases[i].url, cases[i].domain, cases[i].region};
        for (size_t k = 0; k < LENGTH_OF(found); k++) {
            bool same = wanted[k] == NULL ? found[k] == NULL : found[k] != NULL && strcmp(found[k], wanted[k]) == 0;
            if (!same)
                web_fail("%s: %s, not %s", cases[i].endpoint, found[k] != NULL ? found[k] : "-",
                         wanted[k] != NULL ? wanted[k] : "-");
            free(found[k]);
        }
    }
}

static int load(const char *content, const struct cloudsearch_settings **values, struct settings **settings) {
    static const struct section *const sections[] = {&cloudsearch_section, NULL};
    char *path = scene_put(&domain.directory, "nightshift.ini", content);
    chmod(path, 0600);
    free(domain.said);
    struct capture capture = capture_start();
    int status = settings_load(path, sections, settings);
    domain.said = capture_end(&capture);
    *values = status == 0 ? settings_of(*settings, &cloudsearch_section) : NULL;
    free(path);
    return status;
}

static void settings_are_checked(void **state) {
    (void)state;
    const struct cloudsearch_settings *values = NULL;
    struct settings *settings = NULL;
    assert_int_equal(
        load("[cloudsearch]\ndocument_endpoint = doc-m-a.us-east-1.cloudsearch.amazonaws.com\n", &values, &settings),
        0);
    assert_int_equal(values->timeout, 120000);
    assert_int_equal(values->retry_time, 600000);
    assert_int_equal(values->credentials, AWS_FROM_CHAIN);
    struct cloudsearch *client = NULL;
    assert_int_equal(cloudsearch_open(values, NULL, &client), 0);
    assert_string_equal(cloudsearch_region(client), "us-east-1");
    assert_string_equal(cloudsearch_domain(client), "m");
    cloudsearch_close(client);
    settings_free(settings);
    static const char *const bad[] = {
        "document_endpoint = https://h/path\n",
        "search_endpoint = ftp://h\n",
        "config_endpoint = h h\n",
        "region = Tokyo!\n",
        "credentials = ec2\nprofile = batch\n",
        "credentials = none\ncredentials_file = x\n",
        "timeout = 1s\nconnect_timeout = 2s\n",
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        char *content = xasprintf("[cloudsearch]\n%s", bad[i]);
        int status = load(content, &values, &settings);
        if (status != EXIT_SETTINGS)
            web_fail("%s: %d", bad[i], status);
        free(content);
    }
}

static void a_region_is_needed_to_sign(void **state) {
    (void)state;
    unsetenv("AWS_REGION");
    unsetenv("AWS_DEFAULT_REGION");
    setenv("AWS_CONFIG_FILE", "/nonexistent", 1);
    char *region = domain.settings.region;
    domain.settings.region = NULL;
    static char endpoint[] = "http://127.0.0.1:9";
    domain.settings.document_endpoint = endpoint;
    struct cloudsearch *client = NULL;
    static const struct cloudsearch_batch batch = {"[1]", 3, 1, 0};
    struct cloudsearch_upload upload = {0};
    struct capture capture = capture_start();
    int status = cloudsearch_open(&domain.settings, NULL, &client);
    domain.said = capture_end(&capture);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_null(client);
    assert_contains(domain.said, "set [cloudsearch] region");
    setenv("AWS_REGION", "eu-west-1", 1);
    assert_int_equal(cloudsearch_open(&domain.settings, NULL, &client), 0);
    assert_string_equal(cloudsearch_region(client), "eu-west-1");
    cloudsearch_close(client);
    unsetenv("AWS_REGION");
    domain.settings.credentials = AWS_FROM_NOWHERE;
    assert_int_equal(cloudsearch_open(&domain.settings, NULL, &client), 0);
    domain.settings.document_endpoint = NULL;
    domain.settings.region = region;
    capture = capture_start();
    cloudsearch_close(client);
    assert_int_equal(cloudsearch_open(&domain.settings, NULL, &client), 0);
    status = cloudsearch_upload(client, &batch, &upload);
    free(domain.said);
    domain.said = capture_end(&capture);
    cloudsearch_close(client);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_contains(domain.said, "document_endpoint is not set");
}

static void pauses_grow_and_are_drawn_by_chance(void **state) {
    (void)state;
    static const int64_t longest[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    for (int tries = 1; tries <= 8; tries++) {
        int64_t most = longest[tries - 1];
        assert_int_equal(cloudsearch_pause(tries, 0, 0), 0);
        assert_int_equal(cloudsearch_pause(tries, (uint64_t)most, 0), most);
        assert_int_equal(cloudsearch_pause(tries, (uint64_t)most + 1, 0), 0);
        assert_int_equal(cloudsearch_pause(tries, 5, 90000), 90000);
    }
    assert_int_equal(cloudsearch_pause(1000000, 60000, 0), 60000);
}

static void messages_are_parsed_with_care(void **state) {
    (void)state;
    static const struct {
        const char *text, *id, *field;
        int64_t operation;
    } cases[] = {
        {"Operations cannot be JSON arrays (near operation with index 1)", NULL, NULL, 1},
        {"x (near operation with index 7; document_id a)b)", "a)b", NULL, 7},
        {"'(near operation with index 1; document_id no)' (near operation with index 2; document_id yes)", "yes", NULL,
         2},
        {"(near operation with index x; document_id a)", "a", NULL, 0},
        {"(near operation with index 99999999999999999999; document_id a)", "a", NULL, 0},
        {"(near operation with index 3; document_id )", NULL, NULL, 3},
        {"(near operation with index 3; document_id a", NULL, NULL, 3},
        {"near operation with index ", NULL, NULL, 0},
        {"field 'a", NULL, NULL, 0},
        {"field ''", NULL, NULL, 0},
        {"no field here, FIELD \"b\"", NULL, "b", 0},
        {"", NULL, NULL, 0},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct cloudsearch_message message = {0};
        cloudsearch_message_parse(cases[i].text, &message);
        bool same_id = cases[i].id == NULL
                           ? message.document_id == NULL
                           : message.document_id != NULL && strcmp(message.document_id, cases[i].id) == 0;
        bool same_field = cases[i].field == NULL ? message.field == NULL
                                                 : message.field != NULL && strcmp(message.field, cases[i].field) == 0;
        if (!same_id || !same_field || message.operation != cases[i].operation)
            web_fail("%s: %s, %s, %lld", cases[i].text, message.document_id != NULL ? message.document_id : "-",
                     message.field != NULL ? message.field : "-", (long long)message.operation);
        free(message.text);
        free(message.document_id);
        free(message.field);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        domain_test(endpoints_tell_domain_and_region),   domain_test(settings_are_checked),
        domain_test(a_region_is_needed_to_sign),         cmocka_unit_test(pauses_grow_and_are_drawn_by_chance),
        cmocka_unit_test(messages_are_parsed_with_care),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
