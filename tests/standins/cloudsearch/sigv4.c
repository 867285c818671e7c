/* The canonical request is built from the bytes of the request line and headers as they came; that a client canonicalised them in another
 * way is just what a check has to find. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "sigv4.h"

static const char algorithm[] = "AWS4-HMAC-SHA256";

/* The value of "name=" up to a comma or the end, or NULL. */
static char *part_of(const char *authorization, const char *name) {
    size_t length = strlen(name);
    for (const char *at = authorization; (at = strstr(at, name)) != NULL; at += length) {
        bool starts = at == authorization || at[-1] == ' ' || at[-1] == ',';
        if (starts && at[length] == '=')
            return xstrndup(at + length + 1, strcspn(at + length + 1, ", "));
    }
    return NULL;
}

const char *sigv4_parse(const char *authorization, struct sigv4_parts *parts) {
    *parts = (struct sigv4_parts){0};
    if (strncmp(authorization, algorithm, strlen(algorithm)) != 0 || authorization[strlen(algorithm)] != ' ')
        return "Unsupported AWS 'algorithm'";
    char *credential = part_of(authorization, "Credential");
    parts->signed_headers = part_of(authorization, "SignedHeaders");
    parts->signature = part_of(authorization, "Signature");
    if (credential == NULL)
        return "Authorization header requires 'Credential' parameter.";
    /* An access key id holds no slash. */
    char **places[] = {&parts->access_key, &parts->date, &parts->region, &parts->service, &parts->terminator};
    size_t found = 0;
    for (char *at = credential; at != NULL && found < LENGTH_OF(places); found++) {
        char *slash = strchr(at, '/');
        *places[found] = slash != NULL ? xstrndup(at, (size_t)(slash - at)) : xstrdup(at);
        at = slash != NULL ? slash + 1 : NULL;
    }
    free(credential);
    if (found != LENGTH_OF(places))
        return "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term";
    if (parts->signed_headers == NULL)
        return "Authorization header requires 'SignedHeaders' parameter.";
    return parts->signature == NULL ? "Authorization header requires 'Signature' parameter." : NULL;
}

void sigv4_free(struct sigv4_parts *parts) {
    free(parts->access_key);
    free(parts->date);
    free(parts->region);
    free(parts->service);
    free(parts->terminator);
    free(parts->signed_headers);
    free(parts->signature);
    *parts = (struct sigv4_parts){0};
}

bool sigv4_is_signed(const char *signed_headers, const char *name) {
    size_t length = strlen(name);
    for (const char *at = signed_headers; *at != '\0';) {
        size_t item = strcspn(at, ";");
        if (item == length && strncasecmp(at, name, length) == 0)
            return true;
        at += item + (at[item] == ';' ? 1 : 0);
    }
    return false;
}

static void add_hex(char *out, const unsigned char *bytes, size_t length) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < length; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * length] = '\0';
}

void sigv4_sha256(const void *bytes, size_t length, char out[SIGV4_HEX + 1]) {
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};
    EVP_Digest(bytes, length, digest, NULL, EVP_sha256(), NULL);
    add_hex(out, digest, SIGV4_HEX / 2);
}

static void add_encoded(struct text *text, const char *bytes, size_t length, const char *keep) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        if (c != '\0' && (isalnum(c) || strchr(keep, c) != NULL))
            text_append(text, bytes + i, 1);
        else
            text_printf(text, "%%%02X", c);
    }
}

static int compare_parameters(const void *a, const void *b) {
    const struct pair *first = a;
    const struct pair *second = b;
    int order = strcmp(first->name, second->name);
    return order != 0 ? order : strcmp(first->value, second->value);
}

/* Decodes a name or value and encodes it again in the one canonical way. */
static char *canonical_part(const char *bytes, size_t length) {
    struct text decoded = {0};
    struct text encoded = {0};
    if (!pairs_decode_part(&decoded, bytes, length)) {
        text_clear(&decoded);
        text_append(&decoded, bytes, length);
    }
    add_encoded(&encoded, text_string(&decoded), decoded.length, "-_.~");
    text_free(&decoded);
    return text_take(&encoded);
}

void sigv4_canonical_query(struct text *text, const char *query) {
    struct pairs pairs = {0};
    while (*query != '\0') {
        size_t length = strcspn(query, "&");
        const char *equals = memchr(query, '=', length);
        size_t name_length = equals != NULL ? (size_t)(equals - query) : length;
        char *name = canonical_part(query, name_length);
        char *value = equals != NULL ? canonical_part(equals + 1, length - name_length - 1) : xstrdup("");
        if (length > 0)
            pairs_add(&pairs, name, value);
        free(name);
        free(value);
        query += length + (query[length] == '&' ? 1 : 0);
    }
    if (pairs.count > 0)
        qsort(pairs.items, pairs.count, sizeof *pairs.items, compare_parameters);
    for (size_t i = 0; i < pairs.count; i++)
        text_printf(text, "%s%s=%s", i > 0 ? "&" : "", pairs.items[i].name, pairs.items[i].value);
    pairs_free(&pairs);
}

/* Trims, and makes one space of several. */
static void add_header_value(struct text *text, const char *value) {
    bool space = false;
    for (value += strspn(value, " \t"); *value != '\0'; value++) {
        if (*value == ' ' || *value == '\t') {
            space = true;
            continue;
        }
        if (space)
            text_add(text, " ");
        space = false;
        text_append(text, value, 1);
    }
}

static void add_header(struct text *text, const struct pairs *headers, const char *name, size_t length) {
    bool first = true;
    text_append(text, name, length);
    text_add(text, ":");
    for (size_t i = 0; i < headers->count; i++) {
        if (strlen(headers->items[i].name) != length || strncasecmp(headers->items[i].name, name, length) != 0)
            continue;
        if (!first)
            text_add(text, ",");
        first = false;
        add_header_value(text, headers->items[i].value);
    }
    text_add(text, "\n");
}

void sigv4_canonical_request(struct text *text, const struct request *request, const char *signed_headers,
                             const char *payload_hash) {
    text_printf(text, "%s\n", request->method);
    add_encoded(text, request->path, strlen(request->path), "-_.~/");
    text_add(text, "\n");
    sigv4_canonical_query(text, request->query);
    text_add(text, "\n");
    for (const char *at = signed_headers; *at != '\0';) {
        size_t length = strcspn(at, ";");
        add_header(text, &request->headers, at, length);
        at += length + (at[length] == ';' ? 1 : 0);
    }
    text_printf(text, "\n%s\n%s", signed_headers, payload_hash);
}

void sigv4_string_to_sign(struct text *text, const struct sigv4_parts *parts, const char *timestamp,
                          const char *canonical) {
    char hash[SIGV4_HEX + 1];
    sigv4_sha256(canonical, strlen(canonical), hash);
    text_printf(text, "%s\n%s\n%s/%s/%s/%s\n%s", algorithm, timestamp, parts->date, parts->region, parts->service,
                parts->terminator, hash);
}

void sigv4_sign(const struct sigv4_parts *parts, const char *secret, const char *string_to_sign,
                char out[SIGV4_HEX + 1]) {
    unsigned char key[EVP_MAX_MD_SIZE] = {0};
    unsigned char next[EVP_MAX_MD_SIZE] = {0};
    char *first = xasprintf("AWS4%s", secret);
    const char *steps[] = {parts->date, parts->region, parts->service, parts->terminator, string_to_sign};
    const void *current = first;
    size_t length = strlen(first);
    for (size_t i = 0; i < LENGTH_OF(steps); i++) {
        HMAC(EVP_sha256(), current, (int)length, (const unsigned char *)steps[i], strlen(steps[i]), next, NULL);
        memcpy(key, next, sizeof key);
        current = key;
        length = SIGV4_HEX / 2;
    }
    add_hex(out, key, SIGV4_HEX / 2);
    explicit_bzero(first, strlen(first));
    free(first);
}

bool sigv4_time(const char *timestamp, int64_t *milliseconds) {
    struct tm broken = {0};
    if (strlen(timestamp) != 16)
        return false;
    const char *end = strptime(timestamp, "%Y%m%dT%H%M%SZ", &broken);
    if (end == NULL || *end != '\0')
        return false;
    *milliseconds = (int64_t)timegm(&broken) * 1000;
    return true;
}
