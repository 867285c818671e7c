/* AWS Signature Version 4, the side that checks. Pure: no clock, no keys but those given. Source: "Create a signed AWS API request", IAM User
 * Guide; the rules that matter for CloudSearch are in the canonical query (sorted by name, then value; a space is %20). */
#ifndef CLOUDSEARCH_SIGV4_H
#define CLOUDSEARCH_SIGV4_H

#include <stdint.h>

#include "exchange.h"

enum { SIGV4_HEX = 64 };

/* What stands in an Authorization header: AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=hex */
struct sigv4_parts {
    char *access_key;
    char *date; /* yyyymmdd */
    char *region;
    char *service;
    char *terminator;
    char *signed_headers;
    char *signature;
};

/* NULL, or what is wrong with the header, as AWS words it. `parts` is to be freed in either case. */
const char *sigv4_parse(const char *authorization, struct sigv4_parts *parts);
void sigv4_free(struct sigv4_parts *parts);

/* Whether a header is named in the list "a;b;c". */
bool sigv4_is_signed(const char *signed_headers, const char *name);

void sigv4_sha256(const void *bytes, size_t length, char out[SIGV4_HEX + 1]);
void sigv4_canonical_query(struct text *text, const char *query);
void sigv4_canonical_request(struct text *text, const struct request *request, const char *signed_headers,
                             const char *payload_hash);

/* `timestamp` is that of the request: yyyymmddThhmmssZ. */
void sigv4_string_to_sign(struct text *text, const struct sigv4_parts *parts, const char *timestamp,
                          const char *canonical);
void sigv4_sign(const struct sigv4_parts *parts, const char *secret, const char *string_to_sign,
                char out[SIGV4_HEX + 1]);

/* yyyymmddThhmmssZ to milliseconds since 1970; false if it is something else. */
bool sigv4_time(const char *timestamp, int64_t *milliseconds);

#endif
