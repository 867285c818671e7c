/* Collects a request, sends it to its service under the domain's lock, and sends the reply, or what a fault has made of it. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "server.h"
#include "sigv4.h"

enum {
    BODY_LIMIT = 20971520,     /* seen in the field: "Request size exceeded 20971520 bytes" */
    REQUEST_LINE_LIMIT = 8190, /* method, URL and protocol; "Submitting search requests" */
    HEAD_MEMORY = 256 * 1024,
    IDLE_SECONDS = 600,
    DELAY_SLICE = 50, /* milliseconds */
};

struct server {
    struct MHD_Daemon *daemon;
    struct domain *domain;
};

/* One exchange, from its first line to its end. */
struct exchange {
    struct request request;
    bool begun;
};

/* --- carrying out ------------------------------------------------------------------------------------------------------------------- */

static bool service_of(const struct request *request, enum service *service) {
    static const struct {
        const char *path;
        enum service service;
    } paths[] = {{"/2013-01-01/documents/batch", SERVICE_DOCUMENT},
                 {"/2013-01-01/search", SERVICE_SEARCH},
                 {"/2013-01-01/suggest", SERVICE_SUGGEST},
                 {"/", SERVICE_CONFIGURATION}};
    for (size_t i = 0; i < LENGTH_OF(paths); i++)
        if (strcmp(request->path, paths[i].path) == 0) {
            *service = paths[i].service;
            return true;
        }
    return false;
}

static void serve_checked(struct domain *domain, enum service service, const struct request *request,
                          struct reply *reply) {
    static void (*const services[])(struct domain *, const struct request *, struct reply *) = {
        documents_serve, search_serve, suggest_serve, configuration_serve};
    struct denial denial = {0};
    pthread_mutex_lock(&domain->lock);
    reply->number = ++domain->requests;
    bool complete = service != SERVICE_DOCUMENT || documents_check_length(request, reply);
    if (complete && access_check(&domain->access, request, service, clock_now(), &denial))
        services[service](domain, request, reply);
    else if (complete)
        access_refuse(reply, service, &denial);
    pthread_mutex_unlock(&domain->lock);
    free(denial.message);
}

static bool is_too_large(const struct request *request, struct reply *reply) {
    size_t line = strlen(request->method) + 1 + strlen(request->path) + (request->has_query ? 1 : 0) +
                  strlen(request->query) + strlen(" HTTP/1.1");
    if (request->body.full)
        reply_html(reply, 413, reply_reason(413), "Request size exceeded 20971520 bytes");
    else if (line > REQUEST_LINE_LIMIT)
        reply_html(reply, 413, reply_reason(413), "The request line is longer than 8190 bytes");
    return request->body.full || line > REQUEST_LINE_LIMIT;
}

static void record(const struct domain *domain, const struct request *request, const struct reply *reply,
                   const json_t *fault) {
    char hash[SIGV4_HEX + 1];
    if (domain->options.log_file == NULL)
        return;
    sigv4_sha256(text_string(&request->body), request->body.length, hash);
    json_t *entry = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s, s:i}", "at", (json_int_t)clock_now(), "method",
                              request->method, "path", request->path, "query", request->query, "bytes",
                              (json_int_t)request->body.length, "sha256", hash, "status", (int)reply->status);
    if (fault != NULL)
        json_object_set_new(entry, "fault", json_deep_copy(fault));
    char *line = json_dumps(entry, JSON_COMPACT);
    if (line != NULL)
        file_append_line(domain->options.log_file, line, strlen(line), 0600);
    free(line);
    json_decref(entry);
}

/* A fault's delay, which the end of the server cuts short. */
static void delay(const struct domain *domain, const json_t *fault, const char *name) {
    int64_t end = clock_monotonic() + faults_delay(fault, name);
    for (int64_t left = 0; (left = end - clock_monotonic()) > 0 && !domain->stopping;)
        clock_sleep(left < DELAY_SLICE ? left : DELAY_SLICE);
}

static void carry_out(struct domain *domain, const struct request *request, struct reply *reply) {
    enum service service = SERVICE_DOCUMENT;
    json_t *fault = NULL;
    if (strncmp(request->path, "/_", 2) == 0) {
        control_serve(domain, request, reply);
        return;
    }
    bool known = service_of(request, &service);
    if (known && (fault = faults_take(domain->faults, service)) != NULL)
        delay(domain, fault, "delay_before");
    if (!known)
        reply_html(reply, 403, reply_reason(403), "Request forbidden by administrative rules.");
    else if (faults_apply_request(fault) && !is_too_large(request, reply))
        serve_checked(domain, service, request, reply);
    if (fault != NULL) {
        faults_change_reply(fault, service, reply);
        delay(domain, fault, "delay");
    }
    record(domain, request, reply, fault);
    json_decref(fault);
}

/* --- libmicrohttpd ------------------------------------------------------------------------------------------------------------------ */

/* A body that breaks off: its length is announced, and the connection closed before all of it is sent. */
struct broken_body {
    char *bytes;
    size_t end;
};

static ssize_t read_broken_body(void *context, uint64_t position, char *out, size_t room) {
    const struct broken_body *body = context;
    if (position >= body->end)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    size_t count = body->end - (size_t)position < room ? body->end - (size_t)position : room;
    memcpy(out, body->bytes + position, count);
    return (ssize_t)count;
}

static void free_broken_body(void *context) {
    struct broken_body *body = context;
    free(body->bytes);
    free(body);
}

static struct MHD_Response *make_response(struct reply *reply) {
    if (reply->cut != CUT_BODY)
        return MHD_create_response_from_buffer(reply->body.length, reply->body.data, MHD_RESPMEM_MUST_COPY);
    struct broken_body *body = xcalloc(1, sizeof *body);
    size_t length = reply->body.length;
    body->end = reply->cut_at < length ? reply->cut_at : length;
    body->bytes = text_take(&reply->body);
    return MHD_create_response_from_callback(length, 4096, read_broken_body, body, free_broken_body);
}

static enum MHD_Result send_reply(struct MHD_Connection *connection, struct reply *reply) {
    char id[32];
    if (reply->cut == CUT_BEFORE || reply->cut == CUT_AFTER)
        return MHD_NO;
    struct MHD_Response *response = make_response(reply);
    if (response == NULL)
        return MHD_NO;
    snprintf(id, sizeof id, "local-%llu", (unsigned long long)reply->number);
    MHD_add_response_header(response, "x-amzn-RequestId", id);
    if (reply->type != NULL)
        MHD_add_response_header(response, "Content-Type", reply->type);
    for (size_t i = 0; i < reply->headers.count; i++)
        MHD_add_response_header(response, reply->headers.items[i].name, reply->headers.items[i].value);
    enum MHD_Result result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called with the request line as it came; what it returns is the exchange's from then on. */
static void *on_request_line(void *context, const char *target, struct MHD_Connection *connection) {
    struct exchange *exchange = xcalloc(1, sizeof *exchange);
    const char *mark = strchr(target, '?');
    (void)context, (void)connection;
    exchange->request.path = mark != NULL ? xstrndup(target, (size_t)(mark - target)) : xstrdup(target);
    exchange->request.query = xstrdup(mark != NULL ? mark + 1 : "");
    exchange->request.has_query = mark != NULL;
    exchange->request.body.limit = BODY_LIMIT;
    return exchange;
}

static enum MHD_Result on_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
    (void)kind;
    pairs_add(context, name, value != NULL ? value : "");
    return MHD_YES;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url, const char *method,
                                  const char *version, const char *bytes, size_t *length, void **place) {
    struct server *server = context;
    struct exchange *exchange = *place;
    (void)url, (void)version;
    if (!exchange->begun) {
        exchange->begun = true;
        exchange->request.method = xstrdup(method);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, on_header, &exchange->request.headers);
        return MHD_YES;
    }
    if (*length > 0) {
        text_append(&exchange->request.body, bytes, *length);
        *length = 0;
        return MHD_YES;
    }
    struct reply reply = {.status = 500, .type = TYPE_JSON};
    carry_out(server->domain, &exchange->request, &reply);
    enum MHD_Result result = send_reply(connection, &reply);
    reply_free(&reply);
    return result;
}

static void on_end(void *context, struct MHD_Connection *connection, void **place,
                   enum MHD_RequestTerminationCode code) {
    struct exchange *exchange = *place;
    (void)context, (void)connection, (void)code;
    if (exchange == NULL)
        return;
    request_free(&exchange->request);
    free(exchange);
    *place = NULL;
}

static void on_message(void *context, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
static void on_message(void *context, const char *format, va_list arguments) {
    (void)context;
    char *message = xvasprintf(format, arguments);
    log_debug("%s", message);
    free(message);
}

/* Our own socket, so that an address in use is told from other failures, and nothing but loopback is ever bound. */
static int listen_on(int64_t port, unsigned *chosen) {
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int yes = 1;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0 &&
        bind(listener, (const struct sockaddr *)&name, size) == 0 && listen(listener, 128) == 0 &&
        getsockname(listener, (struct sockaddr *)&name, &size) == 0) {
        *chosen = ntohs(name.sin_port);
        return listener;
    }
    log_error("cannot listen on 127.0.0.1:%lld: %s", (long long)port, strerror(errno));
    if (listener >= 0)
        close(listener);
    return -1;
}

int server_start(struct domain *domain, struct server **out, unsigned *port) {
    struct server *server = xcalloc(1, sizeof *server);
    int listener = listen_on(domain->options.port, port);
    server->domain = domain;
    if (listener >= 0)
        server->daemon = MHD_start_daemon(
            MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_USE_ERROR_LOG, 0, NULL,
            NULL, on_request, server, MHD_OPTION_EXTERNAL_LOGGER, on_message, NULL, MHD_OPTION_LISTEN_SOCKET, listener,
            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_end, NULL,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEAD_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (server->daemon == NULL) {
        free(server);
        return listener < 0 ? EXIT_UNAVAILABLE : fail(EXIT_UNAVAILABLE, "cannot start the HTTP server");
    }
    *out = server;
    return 0;
}

void server_stop(struct server *server) {
    if (server == NULL)
        return;
    server->domain->stopping = true;
    MHD_stop_daemon(server->daemon);
    free(server);
}
