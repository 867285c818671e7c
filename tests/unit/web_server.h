/* A small HTTP server for tests of clients: it answers one request per connection from a script, and keeps what it was
 * asked. Nothing here has a time limit that a slow machine could pass. Also a clock that only moves when told. */
#ifndef TESTS_UNIT_WEB_SERVER_H
#define TESTS_UNIT_WEB_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>

#include "support.h"

/* cmocka's fail_msg() does not go with the log's fail(). */
#define web_fail(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

enum { WEB_FOREVER = 600000, WEB_REPLIES = 64, WEB_REQUESTS = 64 };

struct web_reply {
    int status;
    const char *headers; /* further lines, each with \r\n; NULL: none */
    const char *body;    /* NULL: empty */
    size_t cut;          /* closes after so many bytes of the whole answer; 0: never */
    bool cut_at_once;    /* closes without a byte */
    bool hang;           /* waits for the client to close */
};

struct web_server {
    pthread_t thread;
    int listener, port;
    char url[64]; /* without a slash at the end */
    const struct web_reply *replies;
    size_t reply_count; /* the last one is repeated */
    /* Answers in place of the script; set it before the first request. Body and headers have to last until the next one. */
    void (*make)(const char *body, struct web_reply *reply);
    struct text requests[WEB_REQUESTS];
    size_t count; /* requests that came; read it after web_server_end() or an answer */
};

/* The length of the request that begins here, or 0 if its headers have not all arrived. */
static inline size_t web_request_length(const struct text *request) {
    const char *end = strstr(text_string(request), "\r\n\r\n");
    const char *length = strcasestr(text_string(request), "\r\nContent-Length:");
    if (end == NULL)
        return 0;
    size_t body = length != NULL && length < end ? strtoul(length + 17, NULL, 10) : 0;
    return (size_t)(end - request->data) + 4 + body;
}

static inline void web_send(int peer, const struct web_reply *reply) {
    struct text answer = {0};
    const char *body = reply->body != NULL ? reply->body : "";
    text_printf(&answer, "HTTP/1.1 %d Told\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", reply->status,
                strlen(body), reply->headers != NULL ? reply->headers : "");
    text_append(&answer, body, strlen(body));
    size_t length = reply->cut > 0 && reply->cut < answer.length ? reply->cut : answer.length;
    for (size_t sent = 0; sent < length;) {
        ssize_t more = send(peer, answer.data + sent, length - sent, MSG_NOSIGNAL);
        if (more <= 0)
            break;
        sent += (size_t)more;
    }
    text_free(&answer);
}

static inline void web_serve_one(struct web_server *server, int peer) {
    struct text request = {0};
    char bytes[16384];
    for (ssize_t got; (got = recv(peer, bytes, sizeof bytes, 0)) > 0;) {
        text_append(&request, bytes, (size_t)got);
        size_t whole = web_request_length(&request);
        if (whole > 0 && request.length >= whole)
            break;
    }
    if (request.length > 0) {
        size_t at = server->count < server->reply_count ? server->count : server->reply_count - 1;
        const char *head_end = strstr(text_string(&request), "\r\n\r\n");
        struct web_reply made = {0};
        const struct web_reply *reply = server->make != NULL ? &made : &server->replies[at];
        if (server->make != NULL)
            server->make(head_end != NULL ? head_end + 4 : "", &made);
        if (server->count < WEB_REQUESTS)
            server->requests[server->count] = request;
        else
            text_free(&request);
        server->count++;
        if (reply->hang)
            while (recv(peer, bytes, sizeof bytes, 0) > 0)
                ;
        else if (!reply->cut_at_once)
            web_send(peer, reply);
        shutdown(peer, SHUT_WR);
    }
    close(peer);
}

static inline void *web_serve(void *context) {
    struct web_server *server = context;
    for (int peer; (peer = accept(server->listener, NULL, NULL)) >= 0;)
        web_serve_one(server, peer);
    return NULL;
}

static inline void web_server_start(struct web_server *server, const struct web_reply *replies, size_t count) {
    *server = (struct web_server){.replies = replies, .reply_count = count};
    for (server->port = 10200 + (int)(getpid() % 20000); server->port < 32768; server->port++) {
        server->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in name = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)server->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(server->listener, (const struct sockaddr *)&name, sizeof name) == 0 &&
            listen(server->listener, 64) == 0)
            break;
        close(server->listener);
    }
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d", server->port);
    assert_int_equal(pthread_create(&server->thread, NULL, web_serve, server), 0);
}

/* Stops answering; the requests stay readable. */
static inline void web_server_stop(struct web_server *server) {
    shutdown(server->listener, SHUT_RDWR);
    pthread_join(server->thread, NULL);
    close(server->listener);
}

static inline void web_server_free(struct web_server *server) {
    for (size_t i = 0; i < WEB_REQUESTS; i++)
        text_free(&server->requests[i]);
}

static inline const char *web_body(const struct web_server *server, size_t index) {
    const char *end = strstr(text_string(&server->requests[index]), "\r\n\r\n");
    return end != NULL ? end + 4 : "";
}

/* --- The clock --- */

struct web_clock {
    int64_t now;
    int64_t waited; /* in all */
    size_t waits;
    size_t stop_at; /* the wait that is asked to stop; 0: none */
};

static inline int64_t web_clock_now(void *context) {
    return ((struct web_clock *)context)->now;
}

static inline bool web_clock_wait(void *context, int64_t milliseconds) {
    struct web_clock *clock = context;
    clock->now += milliseconds;
    clock->waited += milliseconds;
    return ++clock->waits == clock->stop_at;
}

#endif
