/* Names for people. */
#include "site.h"

#include <stdlib.h>
#include <string.h>

static const char usual_port[] = ":3306";

const char *site_server(const struct site_instance *instance) {
    if (instance->server != NULL && instance->server[0] != '\0')
        return instance->server;
    return instance->name != NULL ? instance->name : "(unknown)";
}

/* "db1" of "db1.internal:3306", "db1:3307" of "db1.internal:3307". Addresses keep all their numbers: a first label
 * without a letter is no name. "[::1]:3306" stays whole, as its first colon does not begin a port. */
static char *shorten(const char *server) {
    size_t length = strcspn(server, ":");
    size_t label = strcspn(server, ".:");
    if (server[0] == '/')
        return xstrdup(server);
    if (strspn(server, "0123456789") == label)
        label = length;
    const char *port = strcmp(server + length, usual_port) == 0 ? "" : server + length;
    return xasprintf("%.*s%s", (int)label, server, port);
}

/* A short name is of use only while no other server has it too. */
static bool is_clear(const struct site *site, const char *server, const char *name) {
    bool clear = true;
    for (size_t i = 0; clear && i < site->instance_count; i++) {
        char *other = shorten(site_server(&site->instances[i]));
        clear = strcmp(other, name) != 0 || strcmp(site_server(&site->instances[i]), server) == 0;
        free(other);
    }
    return clear;
}

void site_add_server(const struct site *site, const char *name, struct text *out) {
    const char *server = NULL;
    for (size_t i = 0; server == NULL && i < site->instance_count; i++)
        if (site->instances[i].name != NULL && strcmp(site->instances[i].name, name) == 0)
            server = site_server(&site->instances[i]);
    if (server == NULL) {
        text_add(out, name);
        return;
    }
    char *shown = shorten(server);
    text_add(out, is_clear(site, server, shown) ? shown : server);
    free(shown);
}

void site_add_tables(struct text *out, const struct strings *tables) {
    for (size_t i = 0; i < tables->count; i++) {
        text_add(out, i > 0 ? ", " : "");
        text_add(out, tables->items[i]);
    }
}

void site_find_feature(const struct site *site, const struct strings *tables, const char **feature,
                       const char **owner) {
    *feature = NULL;
    *owner = NULL;
    if (site->feature_of != NULL)
        site->feature_of(site->context, tables, feature, owner);
}
