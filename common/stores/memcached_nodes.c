/* Node lists: what the settings say, or what ElastiCache says. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/memcached.h"
#include "nightshift/stores/memcached_discovery.h"

enum { MAX_NODES = 256, MAX_WEIGHT = 1000 };

void memcached_nodes_add(struct memcached_nodes *nodes, const char *host, uint16_t port, uint32_t weight) {
    nodes->items = xgrow(nodes->items, nodes->count, sizeof *nodes->items);
    struct memcached_node *node = &nodes->items[nodes->count++];
    *node = (struct memcached_node){.host = xstrdup(host), .port = port, .weight = weight};
    if (port == 0)
        node->name = xstrdup(host);
    else
        node->name = xasprintf(strchr(host, ':') != NULL ? "[%s]:%u" : "%s:%u", host, (unsigned)port);
}

void memcached_nodes_free(struct memcached_nodes *nodes) {
    for (size_t i = 0; i < nodes->count; i++) {
        free(nodes->items[i].host);
        free(nodes->items[i].name);
    }
    free(nodes->items);
    *nodes = (struct memcached_nodes){0};
}

/* "port" or "port:weight". */
static const char *parse_port(const char *string, uint16_t *port, uint32_t *weight) {
    char *copy = xstrdup(string), *colon = strchr(copy, ':');
    int64_t number = 0, second = 1;
    if (colon != NULL)
        *colon = '\0';
    bool valid = parse_integer(copy, &number) == NULL && number >= 1 && number <= UINT16_MAX;
    bool valid_weight =
        colon == NULL || (parse_integer(colon + 1, &second) == NULL && second >= 1 && second <= MAX_WEIGHT);
    free(copy);
    if (!valid)
        return "the port must be a number from 1 to 65535";
    if (!valid_weight)
        return "the weight must be a number from 1 to 1000";
    *port = (uint16_t)number;
    *weight = (uint32_t)second;
    return NULL;
}

const char *memcached_nodes_parse(struct memcached_nodes *nodes, const char *string) {
    if (nodes->count >= MAX_NODES)
        return "too many nodes";
    if (strncmp(string, "unix://", 7) == 0)
        string += 7;
    if (string[0] == '/') {
        memcached_nodes_add(nodes, string, 0, 1);
        return NULL;
    }
    bool bracketed = string[0] == '[';
    const char *start = bracketed ? string + 1 : string;
    size_t length = strcspn(start, bracketed ? "]" : ":");
    if (length == 0)
        return "the host is missing";
    const char *rest = start + length;
    if (bracketed && *rest == ']')
        rest++;
    if (*rest != ':')
        return "the port is missing";
    if (!bracketed && strchr(rest, '[') == NULL && strchr(rest + 1, ':') != strrchr(rest, ':') &&
        strchr(rest + 1, ':') != NULL)
        return "an IPv6 address must stand in brackets";
    uint16_t port = 0;
    uint32_t weight = 1;
    const char *reason = parse_port(rest + 1, &port, &weight);
    if (reason != NULL)
        return reason;
    char *host = xstrndup(start, length);
    memcached_nodes_add(nodes, host, port, weight);
    free(host);
    return NULL;
}

int memcached_nodes_load(const struct memcached_settings *settings, struct memcached_nodes *nodes) {
    *nodes = (struct memcached_nodes){0};
    if (settings->discovery != NULL)
        return memcached_discovery_ask(settings, nodes);
    for (size_t i = 0; i < settings->nodes.count; i++) {
        const char *reason = memcached_nodes_parse(nodes, settings->nodes.items[i]);
        if (reason != NULL) {
            memcached_nodes_free(nodes);
            return fail(EXIT_SETTINGS, "cannot use the memcached node \"%s\": %s", settings->nodes.items[i], reason);
        }
    }
    return 0;
}
