/* The [redis] section, and the check of what only makes sense together. */
#include <stddef.h>
#include <string.h>

#include "nightshift/base/memory.h"
#include "nightshift/stores/redis.h"

#define AT(member) offsetof(struct redis_settings, member)

static const struct setting settings[] = {
    {.key = "server",
     .type = SETTING_TEXT,
     .offset = AT(server),
     .help = "host:port, [IPv6 address]:port, or the path of a Unix socket. Without it the jobs work without Redis."},
    {.key = "user",
     .type = SETTING_TEXT,
     .offset = AT(user),
     .help = "Account (Redis 6 and newer); without it the default user, with the password alone."},
    {.key = "password_file",
     .type = SETTING_PATH,
     .offset = AT(password_file),
     .help = "File that holds the password and nothing else, closed to other users."},
    {.key = "database",
     .type = SETTING_INTEGER,
     .offset = AT(database),
     .fallback = "0",
     .max = 1000000,
     .help = "Number of the database."},
    {.key = "tls",
     .type = SETTING_CHOICE,
     .offset = AT(tls),
     .fallback = "auto",
     .choices = WIRE_TLS_CHOICES,
     .help =
         "verify: TLS, with the certificate checked against the host name. off: none; passwords and data can then be "
         "read on the way. auto: verify, but none for Unix sockets and loopback addresses."},
    {.key = "tls_ca",
     .type = SETTING_PATH,
     .offset = AT(tls_ca),
     .help = "File with the certificates (PEM) of the authorities to trust, instead of those the system trusts."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(timeout),
     .fallback = "3s",
     .min = 100,
     .max = 60000,
     .help = "How long one command may take, connecting included."},
    {.key = "key_prefix",
     .type = SETTING_TEXT,
     .offset = AT(key_prefix),
     .fallback = "nightshift:",
     .help = "Beginning of the names of all keys. Hosts that share the work need the same."},
    {.key = "when_down",
     .type = SETTING_CHOICE,
     .offset = AT(when_down),
     .fallback = "refuse",
     .choices = "refuse|local",
     .help =
         "What a job does when Redis cannot be reached. refuse: it does not run, since the other host may be running "
         "it. local: it runs under the lease of this host alone."},
    {.key = NULL},
};

static char *check_settings(const void *values) {
    const struct redis_settings *redis = values;
    if (redis->server == NULL)
        return NULL;
    const char *wrong = wire_check_address(redis->server);
    if (wrong != NULL)
        return xasprintf("server = %s: %s", redis->server, wrong);
    if (redis->tls == WIRE_TLS_VERIFY && *redis->server == '/')
        return xstrdup("tls = verify: a Unix socket has no name that TLS could verify");
    struct wire_target target = {.address = redis->server, .tls = (enum wire_tls)redis->tls};
    if (redis->tls_ca != NULL && !wire_uses_tls(&target))
        return xstrdup("tls_ca has no effect, because this server is used without TLS; set tls = verify");
    if (redis->user != NULL && redis->password_file == NULL)
        return xstrdup("user needs password_file");
    /* A brace would move the {tag} that keeps a job's keys on one node of a cluster (Redis Cluster specification, "Hash tags"). */
    if (redis->key_prefix != NULL && strpbrk(redis->key_prefix, "{} \t*?[]\\") != NULL)
        return xstrdup("key_prefix must not contain braces, spaces, or any of *?[]\\");
    return NULL;
}

const struct section redis_section = {
    .name = "redis",
    .size = sizeof(struct redis_settings),
    .settings = settings,
    .help = "Where jobs on several hosts agree who runs. Optional.",
    .check = check_settings,
};
