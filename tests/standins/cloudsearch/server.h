/* The HTTP side: libmicrohttpd on 127.0.0.1, one thread per connection. */
#ifndef CLOUDSEARCH_SERVER_H
#define CLOUDSEARCH_SERVER_H

#include "domain.h"

struct server;

/* 0 or EXIT_UNAVAILABLE. Port 0 takes a free one; *port is the one in use. */
int server_start(struct domain *domain, struct server **server, unsigned *port);

/* Waits for the requests that are being carried out. */
void server_stop(struct server *server);

#endif
