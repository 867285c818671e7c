/* A document service that only drains: push_sink FILE listens on a free port of 127.0.0.1, writes its number into FILE and answers every POST
 * with how many operations the body had. It checks nothing and keeps nothing, so that what is measured against it is the sender. Ended by a
 * signal. Operations begin with {"type":" and no field of the bench's tables is called type, so that looking at braces is enough. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* The buffer stays in the processor's cache, from the copy into it to the search through it. */
enum { CONNECTIONS = 16, BUFFER = 256 * 1024, HEADERS = 8 * 1024, ROOM = 16 };

static const char opening[] = "{\"type\":\"";
enum { OPENING = sizeof opening - 1 };

struct connection {
    char headers[HEADERS];
    size_t header_length;
    long long left; /* of the body; -1: headers are coming */
    char tail[ROOM];
    size_t tail_length; /* end of the body so far, in which an operation may begin */
    long long adds, deletes;
};

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "push_sink: cannot %s: %s\n", what, strerror(errno));
    exit(71);
}

/* `bytes` has ROOM before it, where the tail of what came before goes. */
static void take_body(struct connection *connection, char *bytes, size_t length) {
    const char *at = bytes - connection->tail_length, *const end = bytes + length;
    memcpy(bytes - connection->tail_length, connection->tail, connection->tail_length);
    connection->tail_length = 0;
    while ((at = memchr(at, '{', (size_t)(end - at))) != NULL) {
        if (end - at <= OPENING) {
            connection->tail_length = (size_t)(end - at);
            memcpy(connection->tail, at, connection->tail_length);
            break;
        }
        if (memcmp(at, opening, OPENING) == 0) {
            connection->adds += at[OPENING] == 'a';
            connection->deletes += at[OPENING] == 'd';
        }
        at++;
    }
    connection->left -= (long long)length;
}

/* A client that has gone is seen by the next recv(). */
static void send_all(int socket, const char *text) {
    if (send(socket, text, strlen(text), MSG_NOSIGNAL) < 0)
        shutdown(socket, SHUT_RDWR);
}

static void answer(int socket, struct connection *connection) {
    char body[128], text[256];
    snprintf(body, sizeof body, "{\"status\":\"success\",\"adds\":%lld,\"deletes\":%lld}", connection->adds,
             connection->deletes);
    snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             strlen(body), body);
    send_all(socket, text);
    *connection = (struct connection){.left = -1};
}

/* Returns how many of the bytes belonged to the headers. */
static size_t take_headers(int socket, struct connection *connection, const char *bytes, size_t length) {
    size_t before = connection->header_length;
    size_t taken = length < HEADERS - 1 - before ? length : HEADERS - 1 - before;
    memcpy(connection->headers + before, bytes, taken);
    connection->headers[connection->header_length += taken] = '\0';
    char *end = strstr(connection->headers, "\r\n\r\n");
    if (end == NULL)
        return taken;
    *end = '\0';
    const char *expected = strcasestr(connection->headers, "\r\nExpect:");
    const char *size = strcasestr(connection->headers, "\r\nContent-Length:");
    connection->left = size != NULL ? strtoll(strchr(size, ':') + 1, NULL, 10) : 0;
    if (expected != NULL)
        send_all(socket, "HTTP/1.1 100 Continue\r\n\r\n");
    return (size_t)(end + 4 - connection->headers) - before;
}

/* Not woken for less than this: one process switch for many of the sender's writes. */
static void wake_for(int socket, const struct connection *connection) {
    int bytes = connection->left <= 0 ? 1 : connection->left < BUFFER ? (int)connection->left : BUFFER;
    setsockopt(socket, SOL_SOCKET, SO_RCVLOWAT, &bytes, sizeof bytes);
}

/* False at the end of the connection. */
static int serve(int socket, struct connection *connection) {
    static char room[ROOM + BUFFER];
    char *bytes = room + ROOM;
    ssize_t got = recv(socket, bytes, BUFFER, 0);
    if (got <= 0)
        return 0;
    size_t length = (size_t)got;
    if (connection->left < 0) {
        size_t taken = take_headers(socket, connection, bytes, length);
        memmove(bytes, bytes + taken, length - taken);
        length -= taken;
    }
    if (length > 0)
        take_body(connection, bytes, length);
    if (connection->left == 0)
        answer(socket, connection);
    wake_for(socket, connection);
    return 1;
}

static int listen_anywhere(const char *path) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, CONNECTIONS) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
        fail("listen");
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "%d\n", ntohs(address.sin_port)) < 0 || fclose(file) != 0)
        fail("write the port");
    return listener;
}

static void take_connection(struct pollfd *polled, struct connection *connections) {
    int one = 1;
    for (size_t i = 1; i <= CONNECTIONS; i++) {
        if (polled[i].fd >= 0)
            continue;
        polled[i].fd = accept(polled[0].fd, NULL, NULL);
        setsockopt(polled[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        connections[i] = (struct connection){.left = -1};
        return;
    }
    errno = EMFILE;
    fail("take another connection");
}

int main(int count, char **arguments) {
    static struct connection connections[CONNECTIONS + 1];
    struct pollfd polled[CONNECTIONS + 1];
    if (count != 2) {
        fprintf(stderr, "usage: push_sink FILE\n");
        return 64;
    }
    for (size_t i = 0; i <= CONNECTIONS; i++)
        polled[i] = (struct pollfd){.fd = -1, .events = POLLIN};
    polled[0].fd = listen_anywhere(arguments[1]);
    while (poll(polled, CONNECTIONS + 1, -1) > 0) {
        if (polled[0].revents != 0)
            take_connection(polled, connections);
        for (size_t i = 1; i <= CONNECTIONS; i++) {
            if (polled[i].revents == 0 || serve(polled[i].fd, &connections[i]))
                continue;
            close(polled[i].fd);
            polled[i].fd = -1;
        }
    }
    fail("wait");
}
