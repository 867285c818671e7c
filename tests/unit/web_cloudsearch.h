/* A client of a CloudSearch domain that is a script: what the tests of its parts share. */
#ifndef TESTS_UNIT_WEB_CLOUDSEARCH_H
#define TESTS_UNIT_WEB_CLOUDSEARCH_H

#include "web_server.h"

#include "nightshift/web/aws_credentials.h"
#include "nightshift/web/cloudsearch.h"

#define DOMAIN_ACCESS_KEY "AKIDEXAMPLE"
#define DOMAIN_SECRET_KEY "wJalrXUtnFEMIK7MDENG"

static struct domain {
    void *directory;
    struct web_server server;
    bool serving;
    struct web_clock clock;
    struct cloudsearch_settings settings;
    struct cloudsearch *client;
    char *credentials_file;
    struct capture capture;
    bool capturing;
    char *said; /* everything logged between domain_serve() and domain_end() */
} domain;

static inline void domain_put_keys(const char *token) {
    char *content = xasprintf("[default]\naws_access_key_id = " DOMAIN_ACCESS_KEY
                              "\naws_secret_access_key = " DOMAIN_SECRET_KEY "\naws_session_token = %s\n",
                              token);
    char *path = scene_put(&domain.directory, "credentials", content);
    chmod(path, 0600);
    if (domain.credentials_file == NULL)
        domain.credentials_file = path; /* which the client holds on to */
    else
        free(path);
    free(content);
}

static inline int domain_enter(void **state) {
    (void)state;
    domain = (struct domain){.clock = {.now = INT64_C(1795478400000)}}; /* 2026-11-24T00:00:00Z */
    if (scene_enter(&domain.directory) != 0)
        return -1;
    log_start("test", LOG_LEVEL_INFO);
    domain_put_keys("token-1");
    domain.settings = (struct cloudsearch_settings){.credentials = AWS_FROM_FILE,
                                                    .credentials_file = domain.credentials_file,
                                                    .region = xstrdup("ap-northeast-1"),
                                                    .domain = xstrdup("lancers"),
                                                    .connect_timeout = WEB_FOREVER,
                                                    .timeout = WEB_FOREVER,
                                                    .retry_time = 600000};
    return 0;
}

/* Starts the script, a client for it, and the capture of what is logged. */
static inline void domain_serve(const struct web_reply *replies, size_t count) {
    web_server_free(&domain.server);
    web_server_start(&domain.server, replies, count);
    domain.serving = true;
    domain.settings.credentials_file = domain.credentials_file;
    domain.settings.document_endpoint = domain.server.url;
    domain.settings.search_endpoint = domain.server.url;
    domain.settings.config_endpoint = domain.server.url;
    const struct cloudsearch_clock clock = {web_clock_now, web_clock_wait, &domain.clock};
    assert_int_equal(cloudsearch_open(&domain.settings, &clock, &domain.client), 0);
    free(domain.said);
    domain.said = NULL;
    domain.capture = capture_start();
    domain.capturing = true;
}

/* Ends what domain_serve() started; requests and domain.said stay until the next one. */
static inline void domain_end(void) {
    if (domain.capturing)
        domain.said = capture_end(&domain.capture);
    domain.capturing = false;
    cloudsearch_close(domain.client);
    domain.client = NULL;
    if (domain.serving)
        web_server_stop(&domain.server);
    domain.serving = false;
    if (domain.said != NULL)
        assert_lacks(domain.said, DOMAIN_SECRET_KEY);
}

static inline int domain_leave(void **state) {
    (void)state;
    domain_end();
    web_server_free(&domain.server);
    free(domain.said);
    free(domain.credentials_file);
    free(domain.settings.region);
    free(domain.settings.domain);
    return scene_leave(&domain.directory);
}

#define domain_test(function) cmocka_unit_test_setup_teardown(function, domain_enter, domain_leave)

#endif
