/* The narrow door to libcurl: its many conveniences (redirects, proxies, cookies, netrc, decompression, other protocols) are
 * each a way to send a secret to the wrong place or to be filled by a server, so none of them is left on. */
#include <assert.h>
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "nightshift/base/parse.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/web/http.h"

#ifndef NIGHTSHIFT_VERSION
#error "NIGHTSHIFT_VERSION is set by the Makefile"
#endif

static_assert(LIBCURL_VERSION_NUM >= 0x075801, "libcurl before 7.88.1 signs some requests wrongly");

enum {
    STALL_SPEED = 30, /* bytes per second */
    NO_WAIT = 1,      /* milliseconds */
};

struct http {
    CURL *curl;
    char *proxy;
    char *ca;
};

struct http *http_new(const char *proxy, const char *ca) {
    struct http *http = xcalloc(1, sizeof *http);
    curl_global_init(CURL_GLOBAL_DEFAULT); /* counts its calls */
    http->proxy = xstrdup(proxy != NULL ? proxy : "");
    http->ca = ca != NULL ? xstrdup(ca) : NULL;
    return http;
}

void http_free(struct http *http) {
    if (http == NULL)
        return;
    curl_easy_cleanup(http->curl);
    curl_global_cleanup();
    free(http->proxy);
    free(http->ca);
    free(http);
}

/* --- URLs --- */

/* One part of a URL, or NULL; the caller frees it. */
static char *url_part(const char *url, CURLUPart part) {
    CURLU *parsed = curl_url();
    char *value = NULL, *copy = NULL;
    if (parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(parsed, part, &value, 0) == CURLUE_OK && value != NULL)
        copy = xstrdup(value);
    curl_free(value);
    curl_url_cleanup(parsed);
    return copy;
}

char *http_host(const char *url) {
    char *host = url_part(url, CURLUPART_HOST);
    char *port = url_part(url, CURLUPART_PORT);
    char *shown = host == NULL || *host == '\0' ? xstrdup("(not a URL)")
                  : port == NULL                ? xstrdup(host)
                                                : xasprintf("%s:%s", host, port);
    free(host);
    free(port);
    return shown;
}

/* NULL, or why this URL must not be used (a string literal). */
static const char *check_url(const char *url, bool secret) {
    char *scheme = url_part(url, CURLUPART_SCHEME);
    char *host = url_part(url, CURLUPART_HOST);
    const char *wrong = NULL;
    if (scheme == NULL || host == NULL || *host == '\0')
        wrong = "it is not a URL";
    else if (strcasecmp(scheme, "https") != 0 && strcasecmp(scheme, "http") != 0)
        wrong = "only https and http can be used";
    else if (secret && strcasecmp(scheme, "https") != 0 && strcmp(host, "127.0.0.1") != 0 &&
             strcmp(host, "[::1]") != 0 && strcasecmp(host, "localhost") != 0)
        wrong = "it must begin with https, because a secret is sent to it";
    free(scheme);
    free(host);
    return wrong;
}

/* --- Signed requests: what libcurl signs correctly in all versions --- */

#define LETTERS_AND_DIGITS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

/* Whether it is a string of these characters alone, and not empty. */
static bool is_made_of(const char *string, const char *characters) {
    return string != NULL && *string != '\0' && string[strspn(string, characters)] == '\0';
}

static bool is_printable(const char *string) {
    for (const char *c = string; *c != '\0'; c++)
        if (*c < 0x21 || *c > 0x7E)
            return false;
    return true;
}

/* NULL, or what is wrong. libcurl would pass the path on, and sign it, each after rules of its version; of these
 * characters all rules make the same. */
static const char *check_signed_url(const char *url) {
    const char *host = strstr(url, "://");
    const char *path = host != NULL ? strchr(host + 3, '/') : NULL;
    if (path == NULL)
        return "a signed request without a path";
    if (memchr(host + 3, '@', (size_t)(path - host - 3)) != NULL)
        return "a signed request with a user in its URL";
    if (strpbrk(url, "?#") != NULL)
        return "a signed request with a query string";
    if (!is_made_of(path, LETTERS_AND_DIGITS "-._~/") || strstr(path, "//") != NULL || strstr(path, "/.") != NULL)
        return "a signed request whose path is not plain";
    return NULL;
}

/* The value is signed with its white space folded, so it must have none to fold. */
static const char *check_signed_header(const struct http_request *request) {
    static const char name[] = "Content-Type: ";
    if (request->header_count != 1 || strncmp(request->headers[0], name, sizeof name - 1) != 0)
        return "a signed request with other headers than Content-Type";
    const char *value = request->headers[0] + sizeof name - 1;
    size_t length = strlen(value);
    if (!is_made_of(value, LETTERS_AND_DIGITS "-._+/;= ") || value[0] == ' ' || value[length - 1] == ' ' ||
        strstr(value, "  ") != NULL)
        return "a signed request whose Content-Type is not plain";
    return NULL;
}

static const char *check_signature(const struct http_signature *signature) {
    static const char name[] = LETTERS_AND_DIGITS "-";
    if (!is_made_of(signature->region, name) || !is_made_of(signature->service, name))
        return "a signed request without a region and a service";
    if (signature->access_key == NULL || *signature->access_key == '\0' || !is_printable(signature->access_key) ||
        signature->secret_key == NULL || *signature->secret_key == '\0')
        return "a signed request without a key";
    if (signature->token != NULL && !is_printable(signature->token))
        return "a signed request with a token that no header can hold";
    return NULL;
}

/* NULL, or why this request must not be signed (a string literal). */
static const char *check_signed(const struct http_request *request) {
    if (request->method != HTTP_POST)
        return "a signed request that is not a POST";
    if (request->body == NULL || request->body_length == 0)
        return "a signed request without a body";
    const char *wrong = check_signed_url(request->url);
    if (wrong == NULL)
        wrong = check_signed_header(request);
    return wrong != NULL ? wrong : check_signature(request->signature);
}

/* --- The answer --- */

/* Where libcurl's callbacks put things. */
struct transfer {
    struct http_answer *answer;
    bool headers_complete;
    bool too_large;
};

static size_t keep(struct transfer *transfer, struct text *text, const char *bytes, size_t length) {
    text_append(text, bytes, length);
    if (!text->full)
        return length;
    transfer->too_large = true;
    return 0; /* ends the transfer */
}

static size_t take_header(char *bytes, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    size_t length = size * count;
    /* An interim answer (100 Continue) has headers of its own; only those of the last one count. */
    if (length >= 5 && memcmp(bytes, "HTTP/", 5) == 0) {
        text_clear(&transfer->answer->headers);
        transfer->headers_complete = false;
    }
    if (length <= 2 && (length == 0 || bytes[0] == '\r' || bytes[0] == '\n'))
        transfer->headers_complete = true;
    return keep(transfer, &transfer->answer->headers, bytes, length);
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    struct transfer *transfer = context;
    return keep(transfer, &transfer->answer->body, bytes, size * count);
}

static int look_up_from_work(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                             curl_off_t up) {
    (void)context, (void)down_total, (void)down, (void)up_total, (void)up;
    return interrupt_requested() ? 1 : 0;
}

void http_answer_free(struct http_answer *answer) {
    text_free(&answer->headers);
    text_free(&answer->body);
    text_free(&answer->reason);
    answer->status = 0;
}

char *http_answer_header(const struct http_answer *answer, const char *name) {
    size_t name_length = strlen(name);
    char *value = NULL;
    for (const char *line = text_string(&answer->headers); *line != '\0';) {
        size_t length = strcspn(line, "\r\n");
        if (length > name_length && line[name_length] == ':' && strncasecmp(line, name, name_length) == 0) {
            const char *begin = line + name_length + 1, *end = line + length;
            while (begin < end && (*begin == ' ' || *begin == '\t'))
                begin++;
            while (end > begin && (end[-1] == ' ' || end[-1] == '\t'))
                end--;
            free(value);
            value = xstrndup(begin, (size_t)(end - begin));
        }
        line += length;
        line += strspn(line, "\r\n");
    }
    return value;
}

int64_t http_answer_wait(const struct http_answer *answer, int64_t now) {
    char *after = http_answer_header(answer, "Retry-After");
    int64_t wait = 0;
    int64_t seconds = 0;
    if (after != NULL && parse_integer(after, &seconds) == NULL)
        wait = seconds > INT64_MAX / 1000 ? INT64_MAX : seconds * 1000;
    else if (after != NULL && curl_getdate(after, NULL) > 0)
        wait = (int64_t)curl_getdate(after, NULL) * 1000 - now;
    free(after);
    return wait > 0 ? wait : 0;
}

/* --- The request --- */

static int give(struct http_answer *answer, int status, const char *reason) {
    text_clear(&answer->reason);
    text_add(&answer->reason, reason);
    return status;
}

static int add_header(struct curl_slist **list, struct http_answer *answer, const char *header) {
    if (strpbrk(header, "\r\n") != NULL)
        return give(answer, EXIT_BUG, "a header with a line break in it");
    struct curl_slist *longer = curl_slist_append(*list, header);
    if (longer == NULL)
        return give(answer, EXIT_SYSTEM, "out of memory");
    *list = longer;
    return 0;
}

static int make_headers(const struct http_request *request, struct http_answer *answer, struct curl_slist **out) {
    const struct http_signature *signature = request->signature;
    int status = 0;
    /* Without this, curl waits up to a second for leave to send a body of more than 1 MiB. libcurl 7.88 would sign it as
     * a header that is then not sent; there, the wait is made short instead. */
    if (signature == NULL)
        status = add_header(out, answer, "Expect:");
    for (size_t i = 0; i < request->header_count && status == 0; i++)
        status = add_header(out, answer, request->headers[i]);
    if (status == 0 && signature != NULL && signature->token != NULL && *signature->token != '\0') {
        char *header = xasprintf("X-Amz-Security-Token: %s", signature->token);
        status = add_header(out, answer, header);
        explicit_bzero(header, strlen(header));
        free(header);
    }
    return status;
}

/* What never changes from request to request. */
static CURLcode set_policy(CURL *curl, const struct http *http) {
    CURLcode code = CURLE_OK;
#define SET(option, value) \
    if (code == CURLE_OK)  \
    code = curl_easy_setopt(curl, option, value)
#if LIBCURL_VERSION_NUM >= 0x075500
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_REDIR_PROTOCOLS_STR, "https");
#else
    SET(CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
    SET(CURLOPT_REDIR_PROTOCOLS, (long)CURLPROTO_HTTPS);
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
    /* A timed-out name resolution is left to its thread; older versions wait for it. */
    SET(CURLOPT_QUICK_EXIT, 1L);
#endif
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_PROXY, http->proxy); /* "": none, whatever the environment says */
    SET(CURLOPT_NOPROXY, "");
    SET(CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    if (http->ca != NULL)
        SET(CURLOPT_CAINFO, http->ca);
    SET(CURLOPT_USERAGENT, "nightshift/" NIGHTSHIFT_VERSION);
    SET(CURLOPT_LOW_SPEED_LIMIT, (long)STALL_SPEED);
    SET(CURLOPT_NOPROGRESS, 0L);
    SET(CURLOPT_XFERINFOFUNCTION, look_up_from_work);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    return code;
}

static CURLcode set_request(CURL *curl, const struct http_request *request, struct transfer *transfer) {
    CURLcode code = CURLE_OK;
    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)request->connect_timeout);
    SET(CURLOPT_TIMEOUT_MS, (long)request->timeout);
    SET(CURLOPT_LOW_SPEED_TIME, request->stall > 0 ? (long)((request->stall + 999) / 1000) : (long)HTTP_STALL);
    SET(CURLOPT_HEADERDATA, transfer);
    SET(CURLOPT_WRITEDATA, transfer);
    if (request->method == HTTP_GET)
        return code;
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDS, request->body != NULL ? request->body : "");
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)(request->body != NULL ? request->body_length : 0));
    if (request->method == HTTP_PUT)
        SET(CURLOPT_CUSTOMREQUEST, "PUT");
    return code;
}

static CURLcode set_signature(CURL *curl, const struct http_signature *signature) {
    CURLcode code = CURLE_OK;
    if (signature == NULL)
        return code;
    char *scope = xasprintf("aws:amz:%s:%s", signature->region, signature->service);
    SET(CURLOPT_AWS_SIGV4, scope);
    SET(CURLOPT_USERNAME, signature->access_key);
    SET(CURLOPT_PASSWORD, signature->secret_key);
    SET(CURLOPT_EXPECT_100_TIMEOUT_MS, (long)NO_WAIT);
    free(scope);
    return code;
}
#undef SET

/* The status of a finished transfer, and its reason if it failed. `words` are libcurl's own, possibly empty. */
static int judge(CURLcode code, const struct transfer *transfer, const char *words) {
    struct http_answer *answer = transfer->answer;
    if (transfer->too_large)
        return give(answer, EXIT_UNAVAILABLE, "the answer is too large");
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return give(answer, EXIT_LATER, "asked to stop");
    if (code == CURLE_OK && !transfer->headers_complete)
        return give(answer, EXIT_UNAVAILABLE, "the connection ended within the headers of the answer");
    if (code == CURLE_OK)
        return 0;
    give(answer, 0, *words != '\0' ? words : curl_easy_strerror(code));
    bool ours = code == CURLE_SSL_CACERT_BADFILE || code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    return ours ? EXIT_SETTINGS : code == CURLE_OUT_OF_MEMORY ? EXIT_SYSTEM : EXIT_UNAVAILABLE;
}

static int perform(struct http *http, const struct http_request *request, const struct curl_slist *headers,
                   struct http_answer *answer) {
    if (http->curl == NULL)
        http->curl = curl_easy_init();
    if (http->curl == NULL)
        return give(answer, EXIT_SYSTEM, "cannot set up libcurl");
    char words[CURL_ERROR_SIZE] = "";
    struct transfer transfer = {.answer = answer};
    curl_easy_reset(http->curl); /* keeps the connections */
    CURLcode code = set_policy(http->curl, http);
    if (code == CURLE_OK)
        code = set_request(http->curl, request, &transfer);
    if (code == CURLE_OK)
        code = set_signature(http->curl, request->signature);
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_HTTPHEADER, headers);
    if (code == CURLE_OK)
        code = curl_easy_setopt(http->curl, CURLOPT_ERRORBUFFER, words);
    /* An option that this libcurl refuses is a promise of http.h that it would not keep. */
    if (code != CURLE_OK)
        return give(answer, EXIT_SYSTEM, curl_easy_strerror(code));
    code = curl_easy_perform(http->curl);
    int status = judge(code, &transfer, words);
    if (status == 0)
        curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &answer->status);
    curl_easy_reset(http->curl); /* it must not point at what ends with this function */
    return status;
}

int http_request(struct http *http, const struct http_request *request, struct http_answer *answer) {
    answer->status = 0;
    text_clear(&answer->headers);
    text_clear(&answer->body);
    text_clear(&answer->reason);
    answer->headers.limit = HTTP_HEADER_LIMIT;
    answer->body.limit = request->body_limit > 0 ? request->body_limit : HTTP_BODY_LIMIT;
    const char *wrong = check_url(request->url, request->secret || request->signature != NULL);
    if (wrong != NULL)
        return give(answer, EXIT_SETTINGS, wrong);
    if (request->signature != NULL && (wrong = check_signed(request)) != NULL)
        return give(answer, EXIT_BUG, wrong);
    if (request->timeout <= 0 || request->connect_timeout <= 0)
        return give(answer, EXIT_BUG, "a request without a timeout");
    if (interrupt_requested())
        return give(answer, EXIT_LATER, "asked to stop");
    struct curl_slist *headers = NULL;
    int status = make_headers(request, answer, &headers);
    if (status == 0)
        status = perform(http, request, headers, answer);
    curl_slist_free_all(headers);
    return status;
}
