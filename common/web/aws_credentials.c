/* The chain: which source is asked, and when it is asked again. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "aws_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/random.h"
#include "nightshift/web/aws_credentials.h"

enum {
    RENEW_BEFORE = 5 * 60 * 1000, /* milliseconds before the keys expire */
    RENEW_PAUSE = 5 * 60 * 1000,  /* after a failure, and as much again by chance */
    QUESTION_TIMEOUT = 1000,
    CONFIG_LIMIT = 1024 * 1024, /* bytes */
};

struct aws_credentials {
    struct aws_choice choice;
    struct http *http; /* NULL until a service on this machine is asked. Never by a proxy */
    struct aws_found found;
    struct aws_keys keys; /* points into found */
    bool found_any;
    bool expired;      /* the service said so */
    int64_t renew_not; /* before this time */
    char *region;
    bool region_known;
};

/* --- Small things --- */

void aws_wipe(char *string) {
    if (string != NULL)
        explicit_bzero(string, strlen(string));
    free(string);
}

void aws_wipe_text(struct text *text) {
    if (text->data != NULL)
        explicit_bzero(text->data, text->capacity);
    text_free(text);
}

bool aws_is_plain(const char *string) {
    for (const char *c = string; *c != '\0'; c++)
        if (*c < 0x21 || *c > 0x7E)
            return false;
    return *string != '\0';
}

const char *aws_variable(const char *name) {
    const char *value = getenv(name);
    return value != NULL && *value != '\0' ? value : NULL;
}

void aws_found_free(struct aws_found *found) {
    aws_wipe(found->access_key);
    aws_wipe(found->secret_key);
    aws_wipe(found->token);
    free(found->source);
    *found = (struct aws_found){0};
}

struct aws_credentials *aws_credentials_new(const struct aws_choice *choice) {
    struct aws_credentials *credentials = xcalloc(1, sizeof *credentials);
    credentials->choice = *choice;
    if (credentials->choice.timeout <= 0)
        credentials->choice.timeout = QUESTION_TIMEOUT;
    return credentials;
}

void aws_credentials_free(struct aws_credentials *credentials) {
    if (credentials == NULL)
        return;
    aws_found_free(&credentials->found);
    http_free(credentials->http);
    free(credentials->region);
    free(credentials);
}

/* --- Environment --- */

/* *done: this source is there, and the status is its last word. */
static int from_environment(struct aws_found *found, int64_t now, bool *done) {
    const char *access_key = aws_variable("AWS_ACCESS_KEY_ID");
    const char *secret_key = aws_variable("AWS_SECRET_ACCESS_KEY");
    const char *token = aws_variable("AWS_SESSION_TOKEN");
    const char *expiration = aws_variable("AWS_CREDENTIAL_EXPIRATION");
    *done = access_key != NULL || secret_key != NULL;
    if (!*done)
        return 0;
    if (access_key == NULL || secret_key == NULL)
        return fail(EXIT_SETTINGS, "the environment has %s, but not %s",
                    access_key != NULL ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                    access_key != NULL ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    if (!aws_is_plain(access_key) || !aws_is_plain(secret_key) || (token != NULL && !aws_is_plain(token)))
        return fail(EXIT_SETTINGS, "the AWS keys in the environment have spaces or line breaks in them");
    int64_t expires = 0;
    if (expiration != NULL && !aws_parse_time(expiration, &expires))
        return fail(EXIT_SETTINGS, "AWS_CREDENTIAL_EXPIRATION is not a time such as 2026-11-24T05:07:09Z");
    if (expires > 0 && expires <= now)
        return fail(EXIT_DENIED, "the AWS credentials in the environment expired at %s", expiration);
    /* Nothing can be gained by reading them again: expires stays 0. */
    found->access_key = xstrdup(access_key);
    found->secret_key = xstrdup(secret_key);
    found->token = xstrdup(token != NULL ? token : "");
    found->source = xstrdup("the environment");
    return 0;
}

/* --- Files --- */

/* A path of the environment, or one under the home directory; NULL without a home. The caller frees it. */
static char *path_of(const char *variable, const char *under_home) {
    const char *given = aws_variable(variable);
    if (given != NULL && strncmp(given, "~/", 2) != 0)
        return xstrdup(given);
    struct passwd entry, *result = NULL;
    char buffer[16384];
    if (getpwuid_r(geteuid(), &entry, buffer, sizeof buffer, &result) != 0 || result == NULL || result->pw_dir == NULL)
        return NULL;
    return xasprintf("%s/%s", result->pw_dir, given != NULL ? given + 2 : under_home);
}

static const char *profile_name(const struct aws_credentials *credentials) {
    const char *name = credentials->choice.profile;
    if (name == NULL)
        name = aws_variable("AWS_PROFILE");
    return name != NULL ? name : "default";
}

/* Reads our profile of one file; a missing file has none. `secret`: it must be closed to others. */
static int read_profile(const char *path, bool config, bool secret, const char *name, struct aws_profile *profile) {
    if (path == NULL || (access(path, F_OK) != 0 && errno == ENOENT))
        return 0;
    struct text content = {.limit = CONFIG_LIMIT};
    int status = secret ? file_read_secret(path, &content) : file_read(path, &content, NULL);
    if (status == 0)
        aws_profile_parse(text_string(&content), config, name, profile);
    aws_wipe_text(&content);
    return status;
}

/* Takes the profile's keys, or says why they cannot be taken. */
static int take_profile(const struct aws_profile *profile, const char *name, const char *path,
                        struct aws_found *found) {
    if (profile->role || (profile->access_key == NULL && profile->refused != NULL)) {
        log_error("the AWS profile \"%s\" of \"%s\" has \"%s\", which nightshift does not support", name, path,
                  profile->refused);
        log_hint("give it lasting keys, or run where the instance or the container has a role");
        return EXIT_SETTINGS;
    }
    if (profile->access_key == NULL || profile->secret_key == NULL)
        return fail(EXIT_SETTINGS, "the AWS profile \"%s\" of \"%s\" has only one of the two keys", name, path);
    if (!aws_is_plain(profile->access_key) || !aws_is_plain(profile->secret_key) ||
        (profile->token != NULL && !aws_is_plain(profile->token)))
        return fail(EXIT_SETTINGS, "the AWS profile \"%s\" of \"%s\" has a key with spaces in it", name, path);
    found->access_key = xstrdup(profile->access_key);
    found->secret_key = xstrdup(profile->secret_key);
    found->token = xstrdup(profile->token != NULL ? profile->token : "");
    found->source = xasprintf("profile \"%s\" of %s", name, path);
    return 0;
}

static bool has_something(const struct aws_profile *profile) {
    return profile->access_key != NULL || profile->secret_key != NULL || profile->refused != NULL;
}

/* The keys come whole from one file: those of the credentials file, else those of the config file. */
static int from_files(const struct aws_credentials *credentials, struct aws_found *found, bool *done) {
    const char *name = profile_name(credentials);
    struct aws_profile secret = {0}, config = {0};
    const char *given = credentials->choice.credentials_file;
    char *secret_path = given != NULL ? xstrdup(given) : path_of("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials");
    char *config_path = path_of("AWS_CONFIG_FILE", ".aws/config");
    bool wanted = credentials->choice.profile != NULL || given != NULL || aws_variable("AWS_PROFILE") != NULL;
    *done = true;
    int status = read_profile(secret_path, false, true, name, &secret);
    if (status == 0)
        status = read_profile(config_path, true, false, name, &config);
    if (status != 0)
        goto out;
    if (config.role || !has_something(&secret)) {
        /* A config file may be open to others, but not one with the keys in it: this reads it as a secret. */
        if (config.secret_key != NULL)
            status = read_profile(config_path, true, true, name, &config);
        if (status == 0 && has_something(&config))
            status = take_profile(&config, name, config_path, found);
        else if (status == 0 && wanted)
            status = fail(EXIT_SETTINGS, "there are no AWS keys for profile \"%s\" in \"%s\" or \"%s\"", name,
                          secret_path != NULL ? secret_path : "~/.aws/credentials",
                          config_path != NULL ? config_path : "~/.aws/config");
        else if (status == 0)
            *done = false;
    } else {
        status = take_profile(&secret, name, secret_path, found);
    }
out:
    aws_profile_free(&secret);
    aws_profile_free(&config);
    free(secret_path);
    free(config_path);
    return status;
}

const char *aws_credentials_region(struct aws_credentials *credentials) {
    const char *named = aws_variable("AWS_REGION");
    if (named == NULL)
        named = aws_variable("AWS_DEFAULT_REGION");
    if (named == NULL && !credentials->region_known) {
        struct aws_profile config = {0};
        char *path = path_of("AWS_CONFIG_FILE", ".aws/config");
        credentials->region_known = true;
        if (read_profile(path, true, false, profile_name(credentials), &config) == 0 && config.region != NULL)
            credentials->region = xstrdup(config.region);
        aws_profile_free(&config);
        free(path);
    }
    if (named != NULL && credentials->region == NULL)
        credentials->region = xstrdup(named);
    return credentials->region;
}

/* --- Services on this machine --- */

static bool in_container(void) {
    return aws_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != NULL ||
           aws_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") != NULL;
}

static bool instance_is_off(void) {
    const char *off = aws_variable("AWS_EC2_METADATA_DISABLED");
    return off != NULL && strcasecmp(off, "true") == 0;
}

typedef int fetch(struct http *http, int64_t timeout, struct aws_found *found, struct text *reason);

/* Asks a service. A failure is logged, unless there are keys that go on being used. */
static int from_service(struct aws_credentials *credentials, fetch *ask, const char *what, struct aws_found *found) {
    struct text reason = {0};
    if (credentials->http == NULL)
        credentials->http = http_new(NULL, NULL);
    int status = ask(credentials->http, credentials->choice.timeout, found, &reason);
    bool usable = credentials->found_any && !credentials->expired;
    if (status != 0 && status != EXIT_LATER && usable)
        log_warning("cannot renew AWS credentials from %s: %s; the old ones are used on", what, text_string(&reason));
    else if (status != 0 && status != EXIT_LATER)
        log_error("cannot get AWS credentials from %s: %s", what, text_string(&reason));
    text_free(&reason);
    return status;
}

static int from_container(struct aws_credentials *credentials, struct aws_found *found) {
    return from_service(credentials, aws_container_fetch, "the container's service", found);
}

static int from_instance(struct aws_credentials *credentials, struct aws_found *found) {
    return from_service(credentials, aws_instance_fetch, "EC2's instance metadata", found);
}

/* --- The chain --- */

static int refuse_web_identity(void) {
    log_error("the environment has AWS_WEB_IDENTITY_TOKEN_FILE, which nightshift does not support");
    log_hint("on EKS use Pod Identity, which works as a container's service; or give lasting keys");
    return EXIT_SETTINGS;
}

static int from_nothing(const struct aws_credentials *credentials) {
    log_error("there are no AWS credentials: not in the environment, not in a profile \"%s\" in ~/.aws, and no service "
              "of a container or EC2 instance is to be asked",
              profile_name(credentials));
    log_hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or [cloudsearch] credentials_file; for a domain that "
             "lets this host in without a signature, set [cloudsearch] credentials = none");
    return EXIT_SETTINGS;
}

/* The last link of the chain. That nothing answers there means, as a rule, that this is no EC2 instance. */
static int from_last(struct aws_credentials *credentials, struct aws_found *found) {
    if (instance_is_off())
        return from_nothing(credentials);
    int status = from_instance(credentials, found);
    if (status != 0 && status != EXIT_LATER && !credentials->found_any)
        log_hint(
            "there are no AWS credentials in the environment or ~/.aws either; for a domain that lets this host in "
            "without a signature, set [cloudsearch] credentials = none");
    return status;
}

static int walk_chain(struct aws_credentials *credentials, int64_t now, struct aws_found *found) {
    bool done = false;
    int status = 0;
    bool files_alone = credentials->choice.profile != NULL || credentials->choice.credentials_file != NULL;
    if (!files_alone)
        status = from_environment(found, now, &done);
    if (!done)
        status = from_files(credentials, found, &done);
    if (done)
        return status;
    if (aws_variable("AWS_WEB_IDENTITY_TOKEN_FILE") != NULL)
        return refuse_web_identity();
    return in_container() ? from_container(credentials, found) : from_last(credentials, found);
}

static int find(struct aws_credentials *credentials, int64_t now, struct aws_found *found) {
    bool done = false;
    int status = 0;
    switch ((enum aws_from)credentials->choice.from) {
    case AWS_FROM_CHAIN:
        return walk_chain(credentials, now, found);
    case AWS_FROM_ENVIRONMENT:
        status = from_environment(found, now, &done);
        return done ? status : fail(EXIT_SETTINGS, "the environment has no AWS_ACCESS_KEY_ID");
    case AWS_FROM_FILE:
        status = from_files(credentials, found, &done);
        return done ? status
                    : fail(EXIT_SETTINGS, "there are no AWS keys for profile \"%s\" in ~/.aws",
                           profile_name(credentials));
    case AWS_FROM_CONTAINER:
        return in_container()
                   ? from_container(credentials, found)
                   : fail(EXIT_SETTINGS, "the environment has no AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI");
    case AWS_FROM_EC2:
        return from_instance(credentials, found);
    case AWS_FROM_NOWHERE:
        break;
    }
    return EXIT_BUG;
}

static bool is_same(const char *old, const char *new) {
    return old != NULL && new != NULL &&strcmp(old, new) == 0;
}

/* Takes what was found in the place of what there was. */
static int take(struct aws_credentials *credentials, struct aws_found *found, int64_t now) {
    struct aws_found *old = &credentials->found;
    bool same = is_same(old->access_key, found->access_key) && is_same(old->token, found->token);
    if (credentials->expired && same)
        return fail(EXIT_DENIED, "the AWS credentials of %s have expired", found->source);
    if (!is_same(old->source, found->source))
        log_info("AWS credentials: %s", found->source);
    /* In an outage EC2 hands out keys that are past their time, and AWS takes them: use them, and ask again soon. */
    credentials->renew_not = 0;
    if (found->expires > 0 && found->expires <= now + RENEW_BEFORE)
        credentials->renew_not = now + RENEW_PAUSE;
    aws_found_free(old);
    *old = *found;
    *found = (struct aws_found){0};
    credentials->keys =
        (struct aws_keys){.access_key = old->access_key, .secret_key = old->secret_key, .token = old->token};
    credentials->found_any = true;
    credentials->expired = false;
    return 0;
}

/* Hosts that failed together shall not ask again together. */
static int64_t pause_by_chance(void) {
    char token[TOKEN_LENGTH + 1];
    random_token(token);
    token[8] = '\0';
    return RENEW_PAUSE + (int64_t)(strtoul(token, NULL, 16) % RENEW_PAUSE);
}

int aws_credentials_get(struct aws_credentials *credentials, int64_t now, const struct aws_keys **keys) {
    *keys = NULL;
    if (credentials->choice.from == AWS_FROM_NOWHERE)
        return 0;
    bool fresh = credentials->found.expires == 0 || now < credentials->found.expires - RENEW_BEFORE;
    bool usable = credentials->found_any && !credentials->expired;
    *keys = &credentials->keys;
    if (usable && (fresh || now < credentials->renew_not))
        return 0;
    struct aws_found found = {0};
    int status = find(credentials, now, &found);
    if (status == 0)
        status = take(credentials, &found, now);
    else if (usable && status != EXIT_LATER) {
        credentials->renew_not = now + pause_by_chance();
        status = 0;
    }
    aws_found_free(&found);
    if (status != 0)
        *keys = NULL;
    return status;
}

void aws_credentials_expire(struct aws_credentials *credentials) {
    credentials->expired = true;
}

const char *aws_credentials_source(const struct aws_credentials *credentials) {
    if (credentials->choice.from == AWS_FROM_NOWHERE)
        return "none: requests are not signed";
    return credentials->found_any ? credentials->found.source : "not looked for yet";
}
