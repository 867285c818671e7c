/* Who may do what: keys, signatures, and the access policy for clients without one. Pure but for reading the keys. */
#ifndef CLOUDSEARCH_ACCESS_H
#define CLOUDSEARCH_ACCESS_H

#include <stdint.h>

#include "exchange.h"

enum service { SERVICE_DOCUMENT, SERVICE_SEARCH, SERVICE_SUGGEST, SERVICE_CONFIGURATION };

enum policy {
    POLICY_SEARCH, /* anonymous clients may search and suggest */
    POLICY_OPEN,   /* and upload */
    POLICY_NONE,   /* nothing */
};

struct credential {
    char *access_key, *secret;
    char *token;     /* NULL: a lasting key, which must come without one */
    int64_t expires; /* milliseconds since 1970; 0: never */
};

struct access {
    struct credential *credentials;
    size_t count;
    enum policy policy;
    const char *region;
    int64_t max_skew; /* milliseconds that a request's date may be off */
};

/* Why a request was refused. */
struct denial {
    unsigned status;
    const char *code; /* NULL: not refused */
    char *message;
};

/* Reads keys from a file in the form of ~/.aws/credentials: [any name], aws_access_key_id, aws_secret_access_key, aws_session_token, expiration
 * (yyyy-mm-ddTHH:mm:ssZ, ours). 0, EXIT_SETTINGS, EXIT_DENIED. */
int access_read_file(struct access *access, const char *path);

/* Adds the key in AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN; false when there is none. */
bool access_read_environment(struct access *access);
void access_add(struct access *access, const char *key, const char *secret, const char *token, int64_t expires);
void access_free(struct access *access);

/* `denial` is filled when the answer is false; its message is to be freed. */
bool access_check(const struct access *access, const struct request *request, enum service service, int64_t now,
                  struct denial *denial);

/* The refusal in the form of the service. */
void access_refuse(struct reply *reply, enum service service, const struct denial *denial);

#endif
