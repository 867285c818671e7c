/* The checks of a signed request, in the order in which AWS makes them: is it complete, is the key known, is it for us, is it of now, is the
 * signature right. Codes and texts follow "Common errors" of the configuration service and what SDK users quote. */
#include <ini.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/crypto.h>

#include "access.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "sigv4.h"

enum { CREDENTIALS_LIMIT = 65536 };

void access_add(struct access *access, const char *key, const char *secret, const char *token, int64_t expires) {
    access->credentials = xgrow(access->credentials, access->count, sizeof *access->credentials);
    access->credentials[access->count++] = (struct credential){.access_key = xstrdup(key),
                                                               .secret = xstrdup(secret),
                                                               .token = token != NULL ? xstrdup(token) : NULL,
                                                               .expires = expires};
}

bool access_read_environment(struct access *access) {
    const char *key = getenv("AWS_ACCESS_KEY_ID");
    const char *secret = getenv("AWS_SECRET_ACCESS_KEY");
    const char *token = getenv("AWS_SESSION_TOKEN");
    if (key == NULL || secret == NULL || *key == '\0' || *secret == '\0')
        return false;
    access_add(access, key, secret, token != NULL && *token != '\0' ? token : NULL, 0);
    return true;
}

/* The section being read. */
struct profile {
    struct access *access;
    char *section, *key, *secret, *token;
    int64_t expires;
    bool bad;
};

static void end_profile(struct profile *profile) {
    if (profile->key != NULL && profile->secret != NULL)
        access_add(profile->access, profile->key, profile->secret, profile->token, profile->expires);
    free(profile->section);
    free(profile->key);
    free(profile->secret);
    free(profile->token);
    *profile = (struct profile){.access = profile->access, .bad = profile->bad};
}

static bool read_expiration(const char *value, int64_t *out) {
    struct tm broken = {0};
    const char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &broken);
    *out = (int64_t)timegm(&broken) * 1000;
    return end != NULL && *end == '\0';
}

static int on_setting(void *context, const char *section, const char *name, const char *value) {
    struct profile *profile = context;
    if (profile->section == NULL || strcmp(profile->section, section) != 0) {
        end_profile(profile);
        profile->section = xstrdup(section);
    }
    char **place = strcmp(name, "aws_access_key_id") == 0       ? &profile->key
                   : strcmp(name, "aws_secret_access_key") == 0 ? &profile->secret
                   : strcmp(name, "aws_session_token") == 0     ? &profile->token
                                                                : NULL;
    if (place != NULL) {
        free(*place);
        *place = xstrdup(value);
        return 1;
    }
    if (strcmp(name, "expiration") == 0 && read_expiration(value, &profile->expires))
        return 1;
    profile->bad = strcmp(name, "region") != 0;
    return profile->bad ? 0 : 1;
}

int access_read_file(struct access *access, const char *path) {
    struct text content = {.limit = CREDENTIALS_LIMIT};
    struct profile profile = {.access = access};
    size_t before = access->count;
    int status = file_read_secret(path, &content);
    if (status == 0) {
        int line = ini_parse_string(text_string(&content), on_setting, &profile);
        end_profile(&profile);
        if (line != 0 || profile.bad)
            status = fail(EXIT_SETTINGS, "%s:%d: not a setting of a credentials file", path, line);
        else if (access->count == before)
            status = fail(EXIT_SETTINGS, "\"%s\" has no access key", path);
    }
    text_free(&content);
    return status;
}

void access_free(struct access *access) {
    for (size_t i = 0; i < access->count; i++) {
        free(access->credentials[i].access_key);
        free(access->credentials[i].secret);
        free(access->credentials[i].token);
    }
    free(access->credentials);
    *access = (struct access){0};
}

static bool deny(struct denial *denial, unsigned status, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
static bool deny(struct denial *denial, unsigned status, const char *code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    *denial = (struct denial){.status = status, .code = code, .message = xvasprintf(format, arguments)};
    va_end(arguments);
    return false;
}

static bool check_anonymous(const struct access *access, enum service service, struct denial *denial) {
    static const char *const actions[] = {"document", "search", "suggest"};
    if (service == SERVICE_CONFIGURATION)
        return deny(denial, 403, "MissingAuthenticationToken", "Missing Authentication Token");
    if (access->policy == POLICY_OPEN || (access->policy == POLICY_SEARCH && service != SERVICE_DOCUMENT))
        return true;
    return deny(denial, 403, "AccessDenied",
                "User: anonymous is not authorized to perform: cloudsearch:%s on resource: "
                "arn:aws:cloudsearch:%s:000000000000:domain/local",
                actions[service], access->region);
}

/* Every one of our headers must be signed, else somebody on the way could change it. */
static bool check_signed_headers(const struct request *request, const struct sigv4_parts *parts,
                                 struct denial *denial) {
    for (size_t i = 0; i < request->headers.count; i++) {
        const char *name = request->headers.items[i].name;
        bool ours = strcasecmp(name, "host") == 0 || strncasecmp(name, "x-amz-", 6) == 0;
        if (ours && !sigv4_is_signed(parts->signed_headers, name))
            return deny(denial, 403, "SignatureDoesNotMatch", "'%s' must be a 'SignedHeader' in the AWS Authorization.",
                        name);
    }
    return true;
}

/* The date of the request as yyyymmddThhmmssZ: X-Amz-Date, else Date in that form or that of RFC 9110. */
static bool find_date(const struct request *request, char out[17], int64_t *milliseconds) {
    const char *date = request_header(request, "x-amz-date");
    struct tm broken = {0};
    if (date == NULL)
        date = request_header(request, "date");
    if (date == NULL)
        return false;
    if (sigv4_time(date, milliseconds)) {
        snprintf(out, 17, "%s", date);
        return true;
    }
    const char *end = strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &broken);
    if (end == NULL || *end != '\0')
        return false;
    *milliseconds = (int64_t)timegm(&broken) * 1000;
    return strftime(out, 17, "%Y%m%dT%H%M%SZ", &broken) == 16;
}

static void add_stamp(struct text *text, int64_t time) {
    time_t seconds = (time_t)(time / 1000);
    struct tm broken;
    char stamp[17] = "";
    gmtime_r(&seconds, &broken);
    strftime(stamp, sizeof stamp, "%Y%m%dT%H%M%SZ", &broken);
    text_add(text, stamp);
}

static bool check_time(const struct access *access, const char *stamp, int64_t time, int64_t now, enum service service,
                       struct denial *denial) {
    if (llabs(now - time) <= access->max_skew)
        return true;
    struct text message = {0};
    bool late = time < now;
    text_printf(&message, "Signature %s: %s is now %s than ", late ? "expired" : "not yet current", stamp,
                late ? "earlier" : "later");
    add_stamp(&message, late ? now - access->max_skew : now + access->max_skew);
    text_add(&message, " (");
    add_stamp(&message, now);
    text_printf(&message, " %c %lld min.)", late ? '-' : '+', (long long)(access->max_skew / 60000));
    /* The configuration service has an error of its own for this. */
    bool configuration = service == SERVICE_CONFIGURATION;
    deny(denial, configuration ? 400 : 403, configuration ? "RequestExpired" : "SignatureDoesNotMatch", "%s",
         text_string(&message));
    text_free(&message);
    return false;
}

static bool check_scope(const struct access *access, const struct sigv4_parts *parts, const char *stamp,
                        struct denial *denial) {
    const char *code = "SignatureDoesNotMatch";
    if (strcmp(parts->region, access->region) != 0)
        return deny(denial, 403, code, "Credential should be scoped to a valid region, not '%s'. ", parts->region);
    if (strcmp(parts->service, "cloudsearch") != 0)
        return deny(denial, 403, code, "Credential should be scoped to correct service: 'cloudsearch'. ");
    if (strcmp(parts->terminator, "aws4_request") != 0)
        return deny(denial, 403, code, "Credential should be scoped with a valid terminator: 'aws4_request', not '%s'.",
                    parts->terminator);
    if (strlen(parts->date) != 8 || strncmp(parts->date, stamp, 8) != 0)
        return deny(
            denial, 403, code,
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s'.",
            parts->date, stamp);
    return true;
}

static const struct credential *find_credential(const struct access *access, const char *key) {
    for (size_t i = 0; i < access->count; i++)
        if (strcmp(access->credentials[i].access_key, key) == 0)
            return &access->credentials[i];
    return NULL;
}

static bool check_token(const struct request *request, const struct credential *credential, int64_t now,
                        struct denial *denial) {
    const char *token = request_header(request, "x-amz-security-token");
    bool same =
        (token == NULL) == (credential->token == NULL) && (token == NULL || strcmp(token, credential->token) == 0);
    if (!same)
        return deny(denial, 403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    if (credential->expires != 0 && credential->expires <= now)
        return deny(denial, 403, "ExpiredToken", "The security token included in the request is expired");
    return true;
}

static bool check_signature(const struct request *request, const struct sigv4_parts *parts, const char *stamp,
                            const char *secret, struct denial *denial) {
    char payload[SIGV4_HEX + 1];
    char signature[SIGV4_HEX + 1];
    struct text canonical = {0};
    struct text to_sign = {0};
    const char *claimed = request_header(request, "x-amz-content-sha256");
    bool good = false;
    sigv4_sha256(text_string(&request->body), request->body.length, payload);
    sigv4_canonical_request(&canonical, request, parts->signed_headers, payload);
    sigv4_string_to_sign(&to_sign, parts, stamp, text_string(&canonical));
    sigv4_sign(parts, secret, text_string(&to_sign), signature);
    if (claimed != NULL && strcmp(claimed, payload) != 0)
        deny(denial, 403, "SignatureDoesNotMatch",
             "The value of 'X-Amz-Content-Sha256' is not the hash of the payload: '%s' != '%s'. UNSIGNED-PAYLOAD is "
             "for other services.",
             claimed, payload);
    else if (strlen(parts->signature) == SIGV4_HEX && CRYPTO_memcmp(parts->signature, signature, SIGV4_HEX) == 0)
        good = true;
    else
        deny(denial, 403, "SignatureDoesNotMatch",
             "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
             "Access Key and "
             "signing method. Consult the service documentation for details.\n\nThe Canonical String for this request "
             "should have "
             "been\n'%s'\n\nThe String-to-Sign should have been\n'%s'\n",
             text_string(&canonical), text_string(&to_sign));
    text_free(&canonical);
    text_free(&to_sign);
    return good;
}

static bool check_parts(const struct access *access, const struct request *request, const struct sigv4_parts *parts,
                        enum service service, int64_t now, struct denial *denial) {
    char stamp[17] = "";
    int64_t time = 0;
    const struct credential *credential = find_credential(access, parts->access_key);
    if (!find_date(request, stamp, &time))
        return deny(denial, 403, "IncompleteSignature",
                    "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.");
    if (!sigv4_is_signed(parts->signed_headers, "host"))
        return deny(denial, 403, "SignatureDoesNotMatch", "'Host' must be a 'SignedHeader' in the AWS Authorization.");
    if (credential == NULL)
        return deny(denial, 403, "InvalidClientTokenId", "The security token included in the request is invalid.");
    return check_signed_headers(request, parts, denial) && check_scope(access, parts, stamp, denial) &&
           check_time(access, stamp, time, now, service, denial) && check_token(request, credential, now, denial) &&
           check_signature(request, parts, stamp, credential->secret, denial);
}

bool access_check(const struct access *access, const struct request *request, enum service service, int64_t now,
                  struct denial *denial) {
    const char *authorization = request_header(request, "authorization");
    struct sigv4_parts parts;
    *denial = (struct denial){0};
    if (strstr(request->query, "X-Amz-Signature=") != NULL)
        return deny(denial, 400, "IncompleteSignature",
                    "cloudsearch-local does not serve signatures in the query string");
    if (authorization == NULL)
        return check_anonymous(access, service, denial);
    const char *reason = sigv4_parse(authorization, &parts);
    bool good = reason == NULL
                    ? check_parts(access, request, &parts, service, now, denial)
                    : deny(denial, service == SERVICE_CONFIGURATION ? 400 : 403, "IncompleteSignature", "%s", reason);
    sigv4_free(&parts);
    return good;
}

void access_refuse(struct reply *reply, enum service service, const struct denial *denial) {
    if (service == SERVICE_CONFIGURATION) {
        reply_text(
            reply, denial->status, TYPE_XML,
            "<ErrorResponse xmlns=\"http://cloudsearch.amazonaws.com/doc/2013-01-01/\"><Error><Type>Sender</Type>");
        text_printf(&reply->body, "<Code>%s</Code><Message>", denial->code);
        xml_add(&reply->body, denial->message);
        text_add(&reply->body, "</Message></Error><RequestId>local</RequestId></ErrorResponse>\n");
        return;
    }
    char *type = xasprintf("#%s", denial->code);
    char *old = xasprintf("[*Deprecated*: Use the outer message field] %s", denial->message);
    json_t *body = service == SERVICE_DOCUMENT
                       ? json_pack("{s:s, s:[{s:s}], s:s, s:s}", "__type", type, "errors", "message", old, "message",
                                   denial->message, "status", "error")
                       : json_pack("{s:s, s:{s:s, s:s}, s:s}", "__type", type, "error", "rid", "local", "message", old,
                                   "message", denial->message);
    reply_json(reply, denial->status, body);
    free(type);
    free(old);
}
