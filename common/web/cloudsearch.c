/* The handle, and the upload of batches. */
#include <stdlib.h>
#include <string.h>

#include "cloudsearch_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

enum {
    LONGEST_SLEEP = 24 * 3600 * 1000, /* milliseconds at a time */
    UPLOAD_ANSWER_LIMIT = 1024 * 1024,
};

static int64_t real_now(void *context) {
    (void)context;
    return clock_now();
}

static bool real_wait(void *context, int64_t milliseconds) {
    (void)context;
    return interrupt_sleep(milliseconds > LONGEST_SLEEP ? LONGEST_SLEEP : (int)milliseconds);
}

static char *url_of(const char *endpoint) {
    return endpoint != NULL ? cloudsearch_base_url(endpoint) : NULL;
}

/* The settings, the endpoint, then AWS's own places. */
static int find_region(struct cloudsearch *cloudsearch) {
    const struct cloudsearch_settings *settings = cloudsearch->settings;
    if (settings->region != NULL)
        cloudsearch->region = xstrdup(settings->region);
    if (cloudsearch->region == NULL && settings->document_endpoint != NULL)
        cloudsearch->region = cloudsearch_region_of(settings->document_endpoint);
    if (cloudsearch->region == NULL && settings->search_endpoint != NULL)
        cloudsearch->region = cloudsearch_region_of(settings->search_endpoint);
    const char *named = cloudsearch->region == NULL ? aws_credentials_region(cloudsearch->credentials) : NULL;
    if (cloudsearch->region == NULL)
        cloudsearch->region = xstrdup(named != NULL ? named : "");
    if (*cloudsearch->region != '\0' || settings->credentials == AWS_FROM_NOWHERE)
        return 0;
    log_error("nothing names the AWS region of the CloudSearch domain");
    log_hint("set [cloudsearch] region, or AWS_REGION");
    return EXIT_SETTINGS;
}

int cloudsearch_open(const struct cloudsearch_settings *settings, const struct cloudsearch_clock *clock,
                     struct cloudsearch **out) {
    struct cloudsearch *cloudsearch = xcalloc(1, sizeof *cloudsearch);
    struct aws_choice choice = {
        .from = settings->credentials, .profile = settings->profile, .credentials_file = settings->credentials_file};
    cloudsearch->settings = settings;
    cloudsearch->clock =
        clock != NULL ? *clock : (struct cloudsearch_clock){.now = real_now, .wait = real_wait, .context = NULL};
    cloudsearch->retry_time = settings->retry_time;
    cloudsearch->http = http_new(settings->proxy, settings->tls_ca);
    cloudsearch->credentials = aws_credentials_new(&choice);
    cloudsearch->document_url = url_of(settings->document_endpoint);
    cloudsearch->search_url = url_of(settings->search_endpoint);
    cloudsearch->config_url = url_of(settings->config_endpoint);
    if (settings->domain != NULL)
        cloudsearch->domain = xstrdup(settings->domain);
    else if (settings->document_endpoint != NULL)
        cloudsearch->domain = cloudsearch_domain_of(settings->document_endpoint);
    int status = find_region(cloudsearch);
    if (status != 0) {
        cloudsearch_close(cloudsearch);
        cloudsearch = NULL;
    } else if (cloudsearch->config_url == NULL && *cloudsearch->region != '\0') {
        cloudsearch->config_url = xasprintf("https://cloudsearch.%s.amazonaws.com", cloudsearch->region);
    }
    *out = cloudsearch;
    return status;
}

void cloudsearch_close(struct cloudsearch *cloudsearch) {
    if (cloudsearch == NULL)
        return;
    http_free(cloudsearch->http);
    aws_credentials_free(cloudsearch->credentials);
    free(cloudsearch->region);
    free(cloudsearch->domain);
    free(cloudsearch->document_url);
    free(cloudsearch->search_url);
    free(cloudsearch->config_url);
    free(cloudsearch);
}

int cloudsearch_log_in(struct cloudsearch *cloudsearch) {
    const struct aws_keys *keys = NULL;
    return aws_credentials_get(cloudsearch->credentials, cloudsearch->clock.now(cloudsearch->clock.context), &keys);
}

const char *cloudsearch_credentials(const struct cloudsearch *cloudsearch) {
    return aws_credentials_source(cloudsearch->credentials);
}

const char *cloudsearch_region(const struct cloudsearch *cloudsearch) {
    return cloudsearch->region;
}

const char *cloudsearch_domain(const struct cloudsearch *cloudsearch) {
    return cloudsearch->domain;
}

void cloudsearch_set_retry_time(struct cloudsearch *cloudsearch, int64_t retry_time) {
    cloudsearch->retry_time = retry_time;
}

void cloudsearch_expect_denial(struct cloudsearch *cloudsearch, bool expected) {
    cloudsearch->denial_expected = expected;
}

/* --- Upload --- */

struct uploading {
    const struct cloudsearch_batch *batch;
    struct cloudsearch_upload *upload;
};

static void judge(void *context, const struct http_answer *answer, int64_t now,
                  struct cloudsearch_judgement *judgement) {
    const struct uploading *uploading = context;
    cloudsearch_judge_upload(uploading->batch, answer, now, uploading->upload, judgement);
}

int cloudsearch_upload(struct cloudsearch *cloudsearch, const struct cloudsearch_batch *batch,
                       struct cloudsearch_upload *upload) {
    cloudsearch_upload_free(upload);
    if (cloudsearch->document_url == NULL)
        return fail(EXIT_SETTINGS, "[cloudsearch] document_endpoint is not set");
    if (batch->length == 0 || batch->adds < 0 || batch->deletes < 0)
        return fail(EXIT_BUG, "no batch for CloudSearch");
    if (batch->length > CLOUDSEARCH_BATCH_MOST) {
        upload->outcome = CLOUDSEARCH_TOO_LARGE;
        return 0;
    }
    struct uploading uploading = {.batch = batch, .upload = upload};
    struct cloudsearch_exchange exchange = {.what = "upload documents to",
                                            .base = cloudsearch->document_url,
                                            .path = "/2013-01-01/documents/batch",
                                            .content_type = "application/json",
                                            .body = batch->json,
                                            .length = batch->length,
                                            .answer_limit = UPLOAD_ANSWER_LIMIT,
                                            .judge = judge,
                                            .context = &uploading};
    int status = cloudsearch_exchange(cloudsearch, &exchange);
    upload->attempts = exchange.attempts;
    if (status != 0)
        upload->outcome = CLOUDSEARCH_UNSETTLED;
    if (status == 0 && upload->outcome == CLOUDSEARCH_ACCEPTED && upload->deletes < batch->deletes &&
        !cloudsearch->warned_of_deletes) {
        cloudsearch->warned_of_deletes = true;
        log_warning("CloudSearch acknowledged %lld of %lld deletes: it seems not to count those of unknown documents",
                    (long long)upload->deletes, (long long)batch->deletes);
    }
    return status;
}
