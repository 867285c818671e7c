/* What the parts of aws_credentials share. */
#ifndef COMMON_WEB_AWS_PRIVATE_H
#define COMMON_WEB_AWS_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/web/http.h"

/* Keys that were found, all parts allocated. Start with {0}. */
struct aws_found {
    char *access_key;
    char *secret_key;
    char *token;     /* "" for lasting keys */
    int64_t expires; /* milliseconds since 1970; 0: never */
    char *source;    /* for people */
};

void aws_found_free(struct aws_found *found); /* wipes it, too */

/* --- aws_profile.c: pure --- */

/* One profile in one file. Start with {0}. */
struct aws_profile {
    bool present;
    char *access_key;
    char *secret_key;
    char *token;
    char *region;
    char *refused; /* the first key of a kind that we do not support, such as "sso_session"; NULL: none */
    bool role;     /* it is "role_arn", which in the SDKs comes before the profile's own keys */
};

/* Reads profile `name` of a file's content. In a config file (`config`) its section is [profile NAME], and [default];
 * else [NAME]. Whatever cannot be understood is skipped, as the SDKs do: the file serves other programs too. */
void aws_profile_parse(const char *content, bool config, const char *name, struct aws_profile *profile);
void aws_profile_free(struct aws_profile *profile); /* wipes it, too */

/* --- aws_metadata.c: services that hand out keys on this machine --- */

/* Each returns 0 or an exit code (EXIT_UNAVAILABLE, EXIT_SETTINGS, EXIT_DENIED, EXIT_LATER) with its reason in `reason`,
 * and logs nothing. `timeout` is that of one attempt; there are four. */
int aws_container_fetch(struct http *http, int64_t timeout, struct aws_found *found, struct text *reason);
int aws_instance_fetch(struct http *http, int64_t timeout, struct aws_found *found, struct text *reason);

/* The URL of the container's service, from the two variables (NULL: not set), or NULL with the reason why it must not be
 * asked. The caller frees it. */
char *aws_container_url(const char *relative, const char *full, struct text *reason);

/* The answer with keys of both services. 0, or EXIT_UNAVAILABLE with its reason. */
int aws_found_parse(const char *body, size_t length, struct aws_found *found, struct text *reason);

/* "2026-11-24T05:07:09Z", with or without a fraction of a second, as milliseconds; false for anything else. */
bool aws_parse_time(const char *string, int64_t *milliseconds);

/* --- Small things --- */

void aws_wipe(char *string); /* overwrites and frees; NULL is fine */
void aws_wipe_text(struct text *text);
bool aws_is_plain(const char *string); /* not empty, printable, without spaces: fit for a header */

/* A variable of the environment; NULL when it is not set or empty. */
const char *aws_variable(const char *name);

#endif
