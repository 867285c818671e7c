/* cloudsearch-local: a strict local stand-in for an Amazon CloudSearch domain. CloudSearch takes no new customers, so for most people this is
 * the only domain there is to develop and test against. Reading order: main.c, server.c (a request's way), access.c and sigv4.c (who may),
 * documents.c, batch.c (uploads), search.c (queries), store.c and indexer.c (what is kept). */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "options.h"
#include "server.h"

enum { FILE_LIMIT = 16 * 1024 * 1024 };

/* The keys of a start without any: those of the project's sandbox. They protect nothing, and let clients be tried at once. */
static const char default_key[] = "SANDBOXACCESSKEY";
static const char default_secret[] = "sandbox-secret-key";

/* The fields given are kept beside the data, so that a later start, or one by another script, finds them. */
static int read_fields(struct domain *domain) {
    struct text content = {.limit = FILE_LIMIT};
    bool found = false;
    const char *given = domain->options.fields_file;
    char *kept = xasprintf("%s/fields.json", domain->options.state_dir);
    int status = file_ensure_directory(domain->options.state_dir);
    if (status == 0)
        status = file_read(given != NULL ? given : kept, &content, given != NULL ? NULL : &found);
    if (status == 0 && given == NULL && !found) {
        log_warning("the domain has no index fields and takes no documents; give them with --fields FILE");
        text_add(&content, "{\"IndexFields\":[]}");
    }
    if (status == 0)
        status = schema_parse(&domain->schema, text_string(&content), content.length, given != NULL ? given : kept);
    if (status == 0 && given != NULL)
        status = file_replace(kept, text_string(&content), content.length, 0600);
    free(kept);
    text_free(&content);
    return status;
}

static int read_keys(struct domain *domain) {
    struct access *access = &domain->access;
    access->policy = domain->options.policy;
    access->region = domain->options.region;
    access->max_skew = domain->options.max_skew;
    if (domain->options.credentials_file != NULL)
        return access_read_file(access, domain->options.credentials_file);
    if (!access_read_environment(access))
        access_add(access, default_key, default_secret, NULL, 0);
    return 0;
}

static int read_faults(struct domain *domain) {
    struct text content = {.limit = FILE_LIMIT};
    int status = 0;
    domain->faults = faults_new();
    if (domain->options.faults_file == NULL)
        return 0;
    status = file_read(domain->options.faults_file, &content, NULL);
    if (status == 0) {
        json_t *list = json_loadb(text_string(&content), content.length, 0, NULL);
        const char *reason = faults_set(domain->faults, list);
        if (reason != NULL)
            status = fail(EXIT_SETTINGS, "%s: %s", domain->options.faults_file, reason);
        json_decref(list);
    }
    text_free(&content);
    return status;
}

static int serve(struct domain *domain, const sigset_t *signals) {
    struct server *server = NULL;
    unsigned port = 0;
    int received = 0;
    int status = server_start(domain, &server, &port);
    if (status != 0)
        return status;
    printf("http://127.0.0.1:%u\n", port);
    fflush(stdout);
    sigwait(signals, &received);
    server_stop(server);
    return 0;
}

static int run(struct domain *domain) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    /* Before any thread starts, so that all inherit it and the signals come to sigwait(). */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    int status = read_fields(domain);
    if (status == 0)
        status = read_keys(domain);
    if (status == 0)
        status = read_faults(domain);
    if (status == 0)
        status = store_open(domain->options.state_dir, &domain->schema, &domain->store);
    if (status == 0)
        status = serve(domain, &signals);
    store_close(domain->store);
    faults_free(domain->faults);
    access_free(&domain->access);
    schema_free(&domain->schema);
    return status;
}

int main(int argc, char **argv) {
    struct domain domain = {.lock = PTHREAD_MUTEX_INITIALIZER};
    bool done = false;
    log_start("cloudsearch-local", LOG_LEVEL_INFO);
    int status = options_read(&domain.options, argc, argv, &done);
    if (status == 0 && !done)
        status = domain.options.dump ? store_dump(domain.options.state_dir, stdout) : run(&domain);
    if (fflush(stdout) != 0 && status == 0)
        status = EXIT_CANNOT_WRITE;
    return status;
}
