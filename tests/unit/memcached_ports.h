/* Ports for the servers that tests start. */
#ifndef MEMCACHED_PORTS_H
#define MEMCACHED_PORTS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FIRST_PORT = 20100, LAST_PORT = 29900 };

static int listen_on(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(descriptor, (struct sockaddr *)&address, sizeof address) == 0 && listen(descriptor, 64) == 0)
        return descriptor;
    close(descriptor);
    return -1;
}

/* A port that nothing listens on; never the same twice. */
static uint16_t free_port(void) {
    static uint16_t next;
    if (next == 0)
        next = (uint16_t)(FIRST_PORT + getpid() * 97 % (LAST_PORT - FIRST_PORT));
    for (;;) {
        next = next >= LAST_PORT ? FIRST_PORT : (uint16_t)(next + 1);
        int descriptor = listen_on(next);
        if (descriptor < 0)
            continue;
        close(descriptor);
        return next;
    }
}

#endif
