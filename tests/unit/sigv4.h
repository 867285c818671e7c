/* A verifier of Signature Version 4 for the requests that a test has recorded. It is itself tested against what AWS's own
 * signer made (golden/signatures.json), and takes nothing from the code under test. */
#ifndef TESTS_UNIT_SIGV4_H
#define TESTS_UNIT_SIGV4_H

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/memory.h"
#include "nightshift/base/text.h"

enum { SIGV4_HASH = 32 };

/* The value of a header in a raw request, or NULL; freed by the caller. */
static inline char *sigv4_header(const char *raw, const char *name) {
    size_t length = strlen(name);
    const char *end = strstr(raw, "\r\n\r\n");
    for (const char *line = strstr(raw, "\r\n"); line != NULL && line < end; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) != 0 || line[length] != ':')
            continue;
        const char *value = line + length + 1 + strspn(line + length + 1, " ");
        return xstrndup(value, strcspn(value, "\r"));
    }
    return NULL;
}

static inline void sigv4_add_hash(struct text *text, const void *bytes, size_t length) {
    unsigned char hash[SIGV4_HASH];
    EVP_Digest(bytes, length, hash, NULL, EVP_sha256(), NULL);
    for (size_t i = 0; i < sizeof hash; i++)
        text_printf(text, "%02x", (unsigned)hash[i]);
}

static inline void sigv4_mac(unsigned char *key, size_t key_length, const char *message) {
    unsigned char result[SIGV4_HASH];
    HMAC(EVP_sha256(), key, (int)key_length, (const unsigned char *)message, strlen(message), result, NULL);
    memcpy(key, result, sizeof result);
}

/* The part of the header Authorization between `begin` and the next comma or the end. */
static inline char *sigv4_part(const char *authorization, const char *begin) {
    const char *at = authorization != NULL ? strstr(authorization, begin) : NULL;
    return xstrndup(at != NULL ? at + strlen(begin) : "", at != NULL ? strcspn(at + strlen(begin), ",") : 0);
}

static inline void sigv4_canonical(const char *raw, size_t length, const char *names, struct text *out) {
    const char *path = strchr(raw, ' ') + 1;
    const char *body = strstr(raw, "\r\n\r\n") + 4;
    struct strings signed_names = {0};
    text_printf(out, "%.*s\n%.*s\n\n", (int)strcspn(raw, " "), raw, (int)strcspn(path, " "), path);
    strings_split(&signed_names, names, ";");
    for (size_t i = 0; i < signed_names.count; i++) {
        char *value = sigv4_header(raw, signed_names.items[i]);
        text_printf(out, "%s:%s\n", signed_names.items[i], value != NULL ? value : "(missing)");
        free(value);
    }
    text_printf(out, "\n%s\n", names);
    sigv4_add_hash(out, body, length - (size_t)(body - raw));
    strings_free(&signed_names);
}

/* Whether the raw request is signed with that key for that region and service: NULL, or what is wrong. */
static inline const char *sigv4_check(const char *raw, size_t length, const char *access_key, const char *secret_key,
                                      const char *region, const char *service) {
    char *authorization = sigv4_header(raw, "Authorization");
    char *date = sigv4_header(raw, "X-Amz-Date");
    char *token = sigv4_header(raw, "X-Amz-Security-Token");
    char *credential = sigv4_part(authorization, "Credential=");
    char *names = sigv4_part(authorization, "SignedHeaders=");
    char *signature = sigv4_part(authorization, "Signature=");
    char *scope = xasprintf("%.8s/%s/%s/aws4_request", date != NULL ? date : "", region, service);
    char *wanted = xasprintf("%s/%s", access_key, scope);
    unsigned char key[256];
    struct text canonical = {0}, to_sign = {0}, hex = {0};
    const char *wrong = NULL;
    if (authorization == NULL || strncmp(authorization, "AWS4-HMAC-SHA256 ", 17) != 0 || date == NULL)
        wrong = "it is not signed";
    else if (strcmp(credential, wanted) != 0)
        wrong = "another key, day, region or service";
    else if (strstr(names, "host") == NULL || strstr(names, "content-type") == NULL ||
             (token != NULL && strstr(names, "x-amz-security-token") == NULL))
        wrong = "a header is not signed";
    if (wrong == NULL) {
        sigv4_canonical(raw, length, names, &canonical);
        text_printf(&to_sign, "AWS4-HMAC-SHA256\n%s\n%s\n", date, scope);
        sigv4_add_hash(&to_sign, canonical.data, canonical.length);
        size_t key_length = (size_t)snprintf((char *)key, sizeof key, "AWS4%s", secret_key);
        char *const steps[] = {xasprintf("%.8s", date), xstrdup(region), xstrdup(service), xstrdup("aws4_request"),
                               text_take(&to_sign)};
        for (size_t i = 0; i < LENGTH_OF(steps); i++) {
            sigv4_mac(key, i == 0 ? key_length : SIGV4_HASH, steps[i]);
            free(steps[i]);
        }
        for (size_t i = 0; i < SIGV4_HASH; i++)
            text_printf(&hex, "%02x", (unsigned)key[i]);
        if (strcmp(text_string(&hex), signature) != 0)
            wrong = "the signature is another";
    }
    char *const owned[] = {authorization, date, token, credential, names, signature, scope, wanted};
    for (size_t i = 0; i < LENGTH_OF(owned); i++)
        free(owned[i]);
    text_free(&canonical);
    text_free(&hex);
    return wrong;
}

#endif
