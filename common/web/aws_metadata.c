/* The two services on this machine that hand out keys: that of a container (ECS, EKS, Greengrass), and EC2's instance
 * metadata. Of the latter only version 2, in which every question carries a token that had to be asked for with PUT: a page
 * that tricks a server into fetching a URL cannot do that, and one may switch version 1 off for it.
 *
 * Sources: "How the container credential provider works" of the SDK reference guide; "Use the Instance Metadata Service" of
 * the EC2 user guide. */
#include <arpa/inet.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "aws_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/memory.h"
#include "nightshift/run/interrupt.h"

enum {
    ATTEMPTS = 4,
    FIRST_PAUSE = 100,        /* milliseconds; doubled each time */
    ANSWER_LIMIT = 64 * 1024, /* bytes */
    TOKEN_LIMIT = 16 * 1024,
    ROLE_LIMIT = 128,
    EXCERPT = 200,
};

static int say(struct text *reason, int status, const char *format, ...) PRINTF_LIKE(3, 4);

static int say(struct text *reason, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    text_clear(reason);
    text_vprintf(reason, format, arguments);
    va_end(arguments);
    return status;
}

/* --- Pure --- */

bool aws_parse_time(const char *string, int64_t *milliseconds) {
    struct tm broken = {0};
    const char *rest = strptime(string, "%Y-%m-%dT%H:%M:%S", &broken);
    if (rest == NULL)
        return false;
    if (*rest == '.' && rest[1] != 'Z')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (strcmp(rest, "Z") != 0)
        return false;
    *milliseconds = (int64_t)timegm(&broken) * 1000;
    return true;
}

/* What the service says about a failure: {"Code":..,"Message":..}. Nothing else of a body is shown, it might hold keys. */
static void add_words(struct text *reason, const json_t *document) {
    static const char *const names[] = {"Code", "code", "Message", "message"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        const char *words = json_string_value(json_object_get(document, names[i]));
        if (words == NULL)
            continue;
        text_add(reason, ": ");
        text_append_printable(reason, words, strnlen(words, EXCERPT));
    }
}

int aws_found_parse(const char *body, size_t length, struct aws_found *found, struct text *reason) {
    int status = 0;
    json_t *document = json_loadb(body, length, 0, NULL);
    const char *code = json_string_value(json_object_get(document, "Code"));
    const char *access_key = json_string_value(json_object_get(document, "AccessKeyId"));
    const char *secret_key = json_string_value(json_object_get(document, "SecretAccessKey"));
    const char *token = json_string_value(json_object_get(document, "Token"));
    const char *expiration = json_string_value(json_object_get(document, "Expiration"));
    int64_t expires = 0;
    if (code != NULL && strcmp(code, "Success") != 0) {
        status = say(reason, EXIT_UNAVAILABLE, "it has no keys");
        add_words(reason, document);
    } else if (access_key == NULL || !aws_is_plain(access_key) || secret_key == NULL || !aws_is_plain(secret_key) ||
               (token != NULL && *token != '\0' && !aws_is_plain(token))) {
        status = say(reason, EXIT_UNAVAILABLE, "its answer does not hold keys");
    } else if (expiration != NULL && !aws_parse_time(expiration, &expires)) {
        status = say(reason, EXIT_UNAVAILABLE, "its answer has an expiration that is no time");
    } else {
        found->access_key = xstrdup(access_key);
        found->secret_key = xstrdup(secret_key);
        found->token = xstrdup(token != NULL ? token : "");
        found->expires = expires;
    }
    json_decref(document);
    return status;
}

/* Whether plain http may be spoken with it: what is not on this machine must not see the token. */
static bool is_local_host(const char *url) {
    static const char *const allowed[] = {"localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]"};
    char *host = http_host(url);
    char *port = strrchr(host, ':');
    if (port != NULL && strchr(port, ']') == NULL)
        *port = '\0';
    struct in_addr address;
    bool local = inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127;
    for (size_t i = 0; i < LENGTH_OF(allowed); i++)
        local = local || strcasecmp(host, allowed[i]) == 0;
    free(host);
    return local;
}

char *aws_container_url(const char *relative, const char *full, struct text *reason) {
    if (relative != NULL && *relative != '/') {
        say(reason, 0, "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI does not begin with a slash");
        return NULL;
    }
    if (relative != NULL)
        return xasprintf("http://169.254.170.2%s", relative);
    if (strncasecmp(full, "https://", 8) == 0 || (strncasecmp(full, "http://", 7) == 0 && is_local_host(full)))
        return xstrdup(full);
    say(reason, 0, "AWS_CONTAINER_CREDENTIALS_FULL_URI is neither https nor on this machine");
    return NULL;
}

/* --- Questions --- */

struct question {
    enum http_method method;
    const char *url;
    const char *header; /* NULL: none */
    int64_t timeout;
};

/* Asks until there is an answer that is not the service's own trouble. */
static int ask(struct http *http, const struct question *question, struct http_answer *answer, struct text *reason) {
    const char *const headers[] = {"Content-Type:", question->header};
    struct http_request request = {.method = question->method,
                                   .url = question->url,
                                   .headers = headers,
                                   .header_count = question->header != NULL ? 2 : 1,
                                   .connect_timeout = question->timeout,
                                   .timeout = question->timeout,
                                   .body_limit = ANSWER_LIMIT};
    int status = 0;
    for (int i = 0, pause = FIRST_PAUSE; i < ATTEMPTS; i++, pause *= 2) {
        if (i > 0 && interrupt_sleep(pause))
            return say(reason, EXIT_LATER, "asked to stop");
        status = http_request(http, &request, answer);
        if (status != 0 && status != EXIT_UNAVAILABLE)
            return say(reason, status, "%s", text_string(&answer->reason));
        if (status == 0 && answer->status < 500 && answer->status != 429)
            return 0;
    }
    if (status != 0)
        return say(reason, status, "%s", text_string(&answer->reason));
    return say(reason, EXIT_UNAVAILABLE, "status %ld", answer->status);
}

static int refuse(const struct http_answer *answer, struct text *reason) {
    say(reason, EXIT_UNAVAILABLE, "status %ld", answer->status);
    json_t *document = json_loadb(text_string(&answer->body), answer->body.length, 0, NULL);
    add_words(reason, document);
    json_decref(document);
    return EXIT_UNAVAILABLE;
}

static int take_keys(const struct http_answer *answer, struct aws_found *found, struct text *reason) {
    if (answer->status != 200)
        return refuse(answer, reason);
    return aws_found_parse(text_string(&answer->body), answer->body.length, found, reason);
}

/* --- Container --- */

/* The value of the header Authorization, or an empty text. It is read each time: EKS replaces the file every few hours. */
static int read_authorization(struct text *token, struct text *reason) {
    const char *path = aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
    const char *value = aws_variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
    token->limit = TOKEN_LIMIT;
    bool found = false;
    /* Its mode is the container's business: there is nobody else in it. */
    if (path != NULL && file_read(path, token, &found) != 0)
        return say(reason, EXIT_SETTINGS, "the token in \"%s\" cannot be read", path);
    if (path != NULL && !found)
        return say(reason, EXIT_SETTINGS, "the token file \"%s\" is missing", path);
    if (path == NULL && value != NULL)
        text_add(token, value);
    while (token->length > 0 && strchr("\r\n", token->data[token->length - 1]) != NULL)
        token->data[--token->length] = '\0';
    for (size_t i = 0; i < token->length; i++)
        if (token->data[i] < 0x20 || token->data[i] > 0x7E)
            return say(reason, EXIT_SETTINGS, "its authorization token cannot stand in a header");
    return 0;
}

int aws_container_fetch(struct http *http, int64_t timeout, struct aws_found *found, struct text *reason) {
    struct text token = {0};
    struct http_answer answer = {0};
    char *header = NULL;
    char *url = aws_container_url(aws_variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
                                  aws_variable("AWS_CONTAINER_CREDENTIALS_FULL_URI"), reason);
    int status = url != NULL ? read_authorization(&token, reason) : EXIT_SETTINGS;
    if (status != 0)
        goto out;
    if (token.length > 0)
        header = xasprintf("Authorization: %s", token.data);
    struct question question = {.method = HTTP_GET, .url = url, .header = header, .timeout = timeout};
    status = ask(http, &question, &answer, reason);
    if (status == 0)
        status = take_keys(&answer, found, reason);
    if (status == 0)
        found->source = xstrdup("the container's service");
out:
    aws_wipe(header);
    aws_wipe_text(&token);
    aws_wipe_text(&answer.body);
    http_answer_free(&answer);
    free(url);
    return status;
}

/* --- EC2 --- */

struct instance {
    struct http *http;
    const char *base;
    int64_t timeout;
    char *header; /* with the token; NULL: none yet */
};

static int take_token(struct instance *instance, struct text *reason) {
    struct http_answer answer = {0};
    char *url = xasprintf("%s/latest/api/token", instance->base);
    struct question question = {.method = HTTP_PUT,
                                .url = url,
                                .header = "X-aws-ec2-metadata-token-ttl-seconds: 21600",
                                .timeout = instance->timeout};
    int status = ask(instance->http, &question, &answer, reason);
    if (status == 0 && answer.status != 200)
        status = say(reason, EXIT_UNAVAILABLE, "status %ld for a token of version 2", answer.status);
    else if (status == 0 && (answer.body.length > TOKEN_LIMIT || !aws_is_plain(text_string(&answer.body))))
        status = say(reason, EXIT_UNAVAILABLE, "its answer is not a token");
    aws_wipe(instance->header);
    instance->header = NULL;
    if (status == 0)
        instance->header = xasprintf("X-aws-ec2-metadata-token: %s", text_string(&answer.body));
    aws_wipe_text(&answer.body);
    http_answer_free(&answer);
    free(url);
    return status;
}

/* GET with the token, and once more with a new one when it is no longer known. */
static int ask_instance(struct instance *instance, const char *path, struct http_answer *answer, struct text *reason) {
    char *url = xasprintf("%s/latest/meta-data/iam/security-credentials/%s", instance->base, path);
    int status = instance->header != NULL ? 0 : take_token(instance, reason);
    for (int i = 0; i < 2 && status == 0; i++) {
        struct question question = {
            .method = HTTP_GET, .url = url, .header = instance->header, .timeout = instance->timeout};
        status = ask(instance->http, &question, answer, reason);
        if (status != 0 || answer->status != 401 || i == 1)
            break;
        status = take_token(instance, reason);
    }
    free(url);
    return status;
}

/* The first line of the answer, if it can be the name of a role. The caller frees it. */
static char *role_of(const struct http_answer *answer) {
    static const char characters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
    const char *name = text_string(&answer->body);
    name += strspn(name, " \t\r\n");
    size_t length = strcspn(name, " \t\r\n");
    if (length == 0 || length > ROLE_LIMIT || strspn(name, characters) < length)
        return NULL;
    return xstrndup(name, length);
}

int aws_instance_fetch(struct http *http, int64_t timeout, struct aws_found *found, struct text *reason) {
    const char *endpoint = aws_variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
    char *base = xstrdup(endpoint != NULL ? endpoint : "http://169.254.169.254");
    struct instance instance = {.http = http, .base = base, .timeout = timeout};
    struct http_answer answer = {0};
    char *role = NULL;
    if (*base != '\0' && base[strlen(base) - 1] == '/')
        base[strlen(base) - 1] = '\0';
    int status = ask_instance(&instance, "", &answer, reason);
    if (status != 0)
        goto out;
    if (answer.status == 404) {
        status = say(reason, EXIT_SETTINGS, "the instance has no role");
        goto out;
    }
    role = answer.status == 200 ? role_of(&answer) : NULL;
    if (role == NULL) {
        status = answer.status != 200 ? refuse(&answer, reason)
                                      : say(reason, EXIT_UNAVAILABLE, "its answer is not the name of a role");
        goto out;
    }
    status = ask_instance(&instance, role, &answer, reason);
    if (status == 0)
        status = take_keys(&answer, found, reason);
    if (status == 0)
        found->source = xasprintf("EC2 instance role \"%s\"", role);
out:
    aws_wipe(instance.header);
    aws_wipe_text(&answer.body);
    http_answer_free(&answer);
    free(role);
    free(base);
    return status;
}
