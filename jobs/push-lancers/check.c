/* push-lancers --check: as much as can be found out in one go; the exit code is that of the first failure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "check.h"
#include "mapping.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/check.h"
#include "nightshift/stores/mysql_reader.h"
#include "nightshift/web/cloudsearch_describe.h"
#include "nightshift/web/cloudsearch_search.h"
#include "target.h"

enum { RETRY_TIME = 5 * 1000 }; /* milliseconds; a person waits */

/* --- the database --- */

/* A reader's lag. The writer is not asked: that would take a privilege which runs on it do not need. */
static int print_reader(struct database *database, const struct mysql_settings *settings) {
    const char *server = database_server(database);
    struct text line = {0};
    int64_t lag = -1;
    bool writer = settings->writer != NULL && strcmp(settings->writer, server) == 0;
    char *reason = NULL;
    int status = writer ? 0 : database_replica_lag(database, &lag, &writer, &reason);
    text_printf(&line, "ok  MySQL server %s (%s), ", server, database_identity(database)->version_text);
    if (lag >= 0) {
        clock_add_span(&line, lag);
        text_add(&line, " behind");
    } else {
        text_add(&line, writer ? "the writer" : reason != NULL ? reason : "its lag is not known");
    }
    if (status == 0)
        puts(text_string(&line));
    free(reason);
    text_free(&line);
    return status;
}

static const char *type_of(const struct document_plan *plan, const char *column) {
    for (size_t i = 0; i < document_field_count(plan); i++)
        if (strcmp(document_field_name(plan, i), column) == 0)
            return document_field_type(plan, i);
    return "is not sent";
}

static void print_columns(const struct target *target) {
    printf("ok  [push-lancers] query: documents \"%s\" with %zu fields\n", target->settings->document_id,
           document_field_count(target->plan));
    for (size_t i = 0; i < target->columns.count; i++)
        printf("      %-24s %s\n", target->columns.items[i].name, type_of(target->plan, target->columns.items[i].name));
}

/* --- may we? --- */

static int check_credentials(struct cloudsearch *cloudsearch) {
    int status = cloudsearch_log_in(cloudsearch);
    const char *region = cloudsearch_region(cloudsearch);
    if (status == 0)
        printf("ok  credentials: %s%s%s\n", cloudsearch_credentials(cloudsearch), *region != '\0' ? ", region " : "",
               region);
    return status;
}

/* A batch without operations is refused for being empty where we may upload, and for being ours where we may not. */
static int check_upload(struct cloudsearch *cloudsearch, const char *endpoint) {
    const struct cloudsearch_batch nothing = {.json = "[]", .length = 2};
    struct cloudsearch_upload upload = {0};
    int status = cloudsearch_upload(cloudsearch, &nothing, &upload);
    if (status == 0 && upload.outcome == CLOUDSEARCH_TOO_LARGE)
        status =
            fail(EXIT_UNAVAILABLE, "\"%s\" finds an empty batch too large: this is no CloudSearch domain", endpoint);
    if (status == 0)
        printf("ok  may upload to %s\n", endpoint);
    cloudsearch_upload_free(&upload);
    return status;
}

static int check_search(struct cloudsearch *cloudsearch, const char *endpoint) {
    int64_t count = 0;
    if (endpoint == NULL) {
        puts("--  not set: search_endpoint, so --verify and --reconcile cannot be used");
        return 0;
    }
    int status = cloudsearch_count(cloudsearch, &count);
    if (status == 0)
        printf("ok  may search in %s: %lld documents\n", endpoint, (long long)count);
    return status;
}

/* --- the domain --- */

/* "https://HOST/" and "HOST" are the same endpoint. */
static bool is_host(const char *endpoint, const char *host) {
    const char *scheme = strstr(endpoint, "://");
    const char *ours = scheme != NULL ? scheme + strlen("://") : endpoint;
    size_t length = strcspn(ours, "/");
    return strlen(host) == length && strncasecmp(ours, host, length) == 0;
}

static int check_endpoint(const char *key, const char *ours, const char *theirs) {
    if (ours == NULL || is_host(ours, theirs))
        return 0;
    return fail(EXIT_SETTINGS, "[cloudsearch] %s is \"%s\", but the domain's is \"%s\"", key, ours, theirs);
}

static int judge_domain(const struct cloudsearch_description *domain, const struct cloudsearch_settings *settings) {
    if (domain->deleted || !domain->created)
        return fail(EXIT_SETTINGS, "the CloudSearch domain \"%s\" %s", domain->name,
                    domain->deleted ? "is being deleted" : "is still being made");
    int status = check_endpoint("document_endpoint", settings->document_endpoint, domain->document_endpoint);
    status =
        exit_combine(status, check_endpoint("search_endpoint", settings->search_endpoint, domain->search_endpoint));
    if (domain->needs_indexing)
        log_warning("the domain \"%s\" has changes that wait for IndexDocuments; what follows is without them",
                    domain->name);
    if (status == 0)
        printf("ok  domain %s: partitions %lld, instances per partition %lld%s\n", domain->name,
               (long long)domain->partitions, (long long)domain->replicas, domain->processing ? ", processing" : "");
    return status;
}

static int report_field(const struct document_plan *plan, size_t field, enum mapping_fit fit,
                        const struct cloudsearch_field *found) {
    const char *name = document_field_name(plan, field);
    const char *type = document_field_type(plan, field);
    const char *theirs = found != NULL ? cloudsearch_type_name(found->type, found->array) : "";
    switch (fit) {
    case MAPPING_FITS:
        break;
    case MAPPING_MOSTLY:
        log_warning("field \"%s\" is text and the domain's is %s, which refuses more than 4,096 characters: better say "
                    "field.%s = literal%s",
                    name, theirs, name, found != NULL && found->array ? "-array" : "");
        break;
    case MAPPING_MISSING:
        return fail(EXIT_SETTINGS, "field \"%s\": the domain has no index field for it (ours is %s)", name, type);
    case MAPPING_WRONG:
        return fail(EXIT_SETTINGS, "field \"%s\" is %s, but the domain's index field \"%s\" is %s", name, type,
                    found != NULL ? found->name : "", theirs);
    }
    return 0;
}

static int judge_fields(const struct document_plan *plan, const struct cloudsearch_fields *fields) {
    struct text unreturned = {0};
    int status = 0;
    for (size_t i = 0; i < document_field_count(plan); i++) {
        const struct cloudsearch_field *found = NULL;
        enum mapping_fit fit = mapping_judge(plan, i, fields, &found);
        status = exit_combine(status, report_field(plan, i, fit, found));
        if (found != NULL && !found->returned)
            text_printf(&unreturned, "%s%s", unreturned.length > 0 ? ", " : "", document_field_name(plan, i));
    }
    if (status == 0)
        printf("ok  the domain has an index field for each of the %zu fields\n", document_field_count(plan));
    if (unreturned.length > 0)
        printf("      not returned by searches, so --verify cannot compare them: %s\n", text_string(&unreturned));
    text_free(&unreturned);
    return status;
}

/* Many accounts may upload and not describe. */
static int check_domain(const struct target *target, const struct cloudsearch_settings *settings) {
    struct cloudsearch *cloudsearch = target->cloudsearch;
    struct cloudsearch_description domain = {0};
    struct cloudsearch_fields fields = {0};
    if (cloudsearch_domain(cloudsearch) == NULL || *cloudsearch_region(cloudsearch) == '\0') {
        puts("--  not checked: the domain and its index fields (needs [cloudsearch] domain and region)");
        return 0;
    }
    cloudsearch_expect_denial(cloudsearch, true);
    int status = cloudsearch_describe_domain(cloudsearch, &domain);
    if (status == 0)
        status = judge_domain(&domain, settings);
    else if (status == EXIT_DENIED)
        puts("--  not checked: the domain's state and endpoints (needs cloudsearch:DescribeDomains)");
    if (target->plan != NULL && (status == 0 || status == EXIT_DENIED)) {
        int described = cloudsearch_describe_fields(cloudsearch, &fields);
        status = described == 0 ? judge_fields(target->plan, &fields) : described;
        if (described == EXIT_DENIED)
            puts("--  not checked: the domain's index fields (needs cloudsearch:DescribeIndexFields)");
    }
    cloudsearch_expect_denial(cloudsearch, false);
    cloudsearch_description_free(&domain);
    cloudsearch_fields_free(&fields);
    return status == EXIT_DENIED ? 0 : status;
}

/* Whoever is refused everywhere hears it once. */
static int check_cloudsearch(const struct target *target, const struct cloudsearch_settings *settings) {
    struct cloudsearch *cloudsearch = target->cloudsearch;
    cloudsearch_set_retry_time(cloudsearch, RETRY_TIME);
    int status = check_credentials(cloudsearch);
    if (status == 0)
        status = check_upload(cloudsearch, settings->document_endpoint);
    if (status != 0)
        return status;
    status = check_search(cloudsearch, settings->search_endpoint);
    return exit_combine(status, check_domain(target, settings));
}

int push_check(struct run *run) {
    struct target target = {0};
    int status = target_open(run, &target);
    if (target.database != NULL && status == 0)
        status = print_reader(target.database, settings_of(run->settings, &mysql_section));
    if (target.plan != NULL)
        print_columns(&target);
    if (target.cloudsearch != NULL)
        status = exit_combine(status, check_cloudsearch(&target, settings_of(run->settings, &cloudsearch_section)));
    target_close(&target);
    return exit_combine(status, check_house(run));
}
