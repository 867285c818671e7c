/* Where the keys come from that requests to AWS are signed with. The chain is that of AWS's SDKs, as far as a batch host
 * needs it; the first source that is there is taken, and if it does not work, that is an error and not a reason to look
 * further:
 *
 *   1. [cloudsearch] profile or credentials_file, if one is set: only the files are asked
 *   2. the environment: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN. As in botocore, and unlike the
 *      JavaScript SDK, these come before AWS_PROFILE; the log says which source was used
 *   3. ~/.aws/credentials [NAME] (AWS_SHARED_CREDENTIALS_FILE) over ~/.aws/config [profile NAME] (AWS_CONFIG_FILE); NAME
 *      is AWS_PROFILE or "default". "~" is the home of the user we run as by the system's user database, not HOME: cron
 *      and sudo set that as they like
 *   4. a container: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, or AWS_CONTAINER_CREDENTIALS_FULL_URI with
 *      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE (read again each time) or AWS_CONTAINER_AUTHORIZATION_TOKEN
 *   5. the EC2 instance's role: instance metadata, version 2 only
 *
 * SSO, assumed roles, web identities and credential_process are refused by name: they run programs or talk to services
 * that a nightly job should not depend on. A role of the instance or the container does what they are for.
 *
 * A secret that is given by environment can be read by whoever may read /proc/PID/environ, that is by the same user and
 * by root. It is accepted for AWS alone because that is how containers and schedulers hand it over. A file that holds
 * keys must be closed to group and others, like all secrets of the suite.
 *
 * Keys never appear in messages; the key's id is not shown either. */
#ifndef NIGHTSHIFT_WEB_AWS_CREDENTIALS_H
#define NIGHTSHIFT_WEB_AWS_CREDENTIALS_H

#include <stdint.h>

/* In the order of the words of [cloudsearch] credentials. */
enum aws_from {
    AWS_FROM_CHAIN,
    AWS_FROM_ENVIRONMENT,
    AWS_FROM_FILE,
    AWS_FROM_CONTAINER,
    AWS_FROM_EC2,
    AWS_FROM_NOWHERE, /* requests are not signed: the service's policy lets this host in */
};

struct aws_choice {
    int from;                     /* enum aws_from */
    const char *profile;          /* NULL: AWS_PROFILE, or "default" */
    const char *credentials_file; /* NULL: AWS_SHARED_CREDENTIALS_FILE, or ~/.aws/credentials */
    int64_t timeout;              /* milliseconds, of one question to the container's or instance's service; 0: 1 s */
};

/* What a request is signed with. */
struct aws_keys {
    const char *access_key;
    const char *secret_key;
    const char *token; /* "" for lasting keys */
};

struct aws_credentials;

/* Asks nobody yet. The strings of `choice` must outlive it. Never fails; wiped by aws_credentials_free(), which takes
 * NULL. One thread at a time. */
struct aws_credentials *aws_credentials_new(const struct aws_choice *choice);
void aws_credentials_free(struct aws_credentials *credentials);

/* The keys to sign with now: `now` is clock_now(). They are fetched the first time, and again from five minutes before
 * they expire; while that fails, keys that were good are used on (AWS prolongs them in an outage) and the source is asked
 * again after 5 to 10 minutes. A change of the source is logged (level info). *keys is valid until the next call; NULL
 * with AWS_FROM_NOWHERE.
 * Returns 0; EXIT_SETTINGS when there are none, or of a kind we refuse; EXIT_DENIED for a file that is open to others, or
 * keys that have expired and cannot be renewed; EXIT_UNAVAILABLE when the source that was found fails; EXIT_LATER when
 * asked to stop. Everything but 0 has been logged, EXIT_LATER excepted. */
int aws_credentials_get(struct aws_credentials *credentials, int64_t now, const struct aws_keys **keys);

/* The service says that they have expired: fetch new ones at the next aws_credentials_get(), whatever the time, and use
 * the old ones no more. */
void aws_credentials_expire(struct aws_credentials *credentials);

/* Where they came from, for people: "the environment", "profile \"batch\" of /root/.aws/credentials", "EC2 instance role
 * \"batch\"", "none". Valid until the next aws_credentials_get(). */
const char *aws_credentials_source(const struct aws_credentials *credentials);

/* AWS_REGION, AWS_DEFAULT_REGION, or that of the profile in ~/.aws/config; NULL when nothing names one. Asks no network.
 * Valid as long as `credentials`. */
const char *aws_credentials_region(struct aws_credentials *credentials);

#endif
