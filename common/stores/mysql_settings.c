/* The [mysql] section, and addresses as they are written in it. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mysql_private.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/mysql_reader.h"

enum { DEFAULT_PORT = 3306, SOCKET_PATH_MAX = 107 };

#define AT(member) offsetof(struct mysql_settings, member)

static const struct setting settings[] = {
    {.key = "writer",
     .type = SETTING_TEXT,
     .offset = AT(writer),
     .help = "The server that takes writes: host:port, [address]:port, or the path of a Unix socket. The port is 3306 "
             "unless given."},
    {.key = "readers",
     .type = SETTING_LIST,
     .offset = AT(readers),
     .help = "Replicas for long queries, in the order of preference. The first that answers and is at most "
             "max_replica_lag behind is taken."},
    {.key = "allow_writer",
     .type = SETTING_FLAG,
     .offset = AT(allow_writer),
     .fallback = "no",
     .help = "Whether long queries may run on the writer when no reader is fit."},
    {.key = "max_replica_lag",
     .type = SETTING_DURATION,
     .offset = AT(max_replica_lag),
     .fallback = "60s",
     .max = 30LL * 86400000,
     .help = "How far a reader may be behind."},
    {.key = "database",
     .type = SETTING_TEXT,
     .offset = AT(database),
     .help = "The database that table names without one belong to."},
    {.key = "user", .type = SETTING_TEXT, .offset = AT(user), .help = "The account. Goes before that of option_file."},
    {.key = "password_file",
     .type = SETTING_PATH,
     .offset = AT(password_file),
     .help = "File that holds the password and nothing else, closed to other users; or fd:N, an inherited descriptor."},
    {.key = "option_file",
     .type = SETTING_PATH,
     .offset = AT(option_file),
     .help = "A my.cnf, closed to other users, from which user and password are taken; nothing else in it is used. The "
             "client library itself reads no option files."},
    {.key = "option_group",
     .type = SETTING_TEXT,
     .offset = AT(option_group),
     .fallback = "client",
     .help = "The group of option_file."},
    {.key = "tls",
     .type = SETTING_CHOICE,
     .offset = AT(tls),
     .fallback = "auto",
     .choices = "auto|verify|off",
     .help =
         "verify: the connection is encrypted, and the certificate is signed by tls_ca and names the host. auto: the "
         "same, except over a Unix socket or a loopback address. off: neither encrypted nor verified."},
    {.key = "tls_ca",
     .type = SETTING_PATH,
     .offset = AT(tls_ca),
     .fallback = "/etc/ssl/certs/ca-certificates.crt",
     .help = "Certificates of the authorities to trust, in PEM form."},
    {.key = "connect_timeout",
     .type = SETTING_DURATION,
     .offset = AT(connect_timeout),
     .fallback = "5s",
     .min = 1000,
     .max = 300000,
     .help = "For one attempt to connect, up to the end of the login. The next attempt starts only within this time of "
             "the first."},
    {.key = "read_timeout",
     .type = SETTING_DURATION,
     .offset = AT(read_timeout),
     .fallback = "6m",
     .min = 1000,
     .max = 86400000,
     .help = "How long the server may be silent while it works on a statement; must be more than statement_limit."},
    {.key = "write_timeout",
     .type = SETTING_DURATION,
     .offset = AT(write_timeout),
     .fallback = "30s",
     .min = 1000,
     .max = 86400000,
     .help = "How long sending may take."},
    {.key = "statement_limit",
     .type = SETTING_DURATION,
     .offset = AT(statement_limit),
     .fallback = "5m",
     .max = 86400000,
     .help = "After this time the server itself ends a SELECT (max_execution_time of MySQL from 5.7.8 on, "
             "max_statement_time of MariaDB from 10.1 on). 0: no limit."},
    {.key = NULL},
};

/* A host name or an IPv4 address: nothing that a client library could take for something else (Connector/C loads a plugin for "name://"). */
static bool is_host(const char *host) {
    size_t length = strlen(host);
    return length > 0 && length <= 255 && host[0] != '-' &&
           strspn(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_") == length;
}

static bool is_loopback(const char *host) {
    unsigned char v4[4];
    unsigned char v6[16];
    if (inet_pton(AF_INET, host, v4) == 1)
        return v4[0] == 127;
    if (inet_pton(AF_INET6, host, v6) == 1) {
        static const unsigned char one[16] = {[15] = 1};
        return memcmp(v6, one, sizeof one) == 0;
    }
    return strcasecmp(host, "localhost") == 0; /* RFC 6761, section 6.3 */
}

const char *database_address_parse(const char *string, struct database_address *address) {
    *address = (struct database_address){.port = DEFAULT_PORT};
    if (*string == '/') {
        if (strlen(string) > SOCKET_PATH_MAX)
            return "the path is too long for a Unix socket (107 bytes)";
        address->path = xstrdup(string);
        return NULL;
    }
    const char *end = NULL; /* of the host */
    const char *reason = NULL;
    unsigned char v6[16];
    if (*string == '[') {
        end = strchr(string, ']');
        if (end == NULL || (end[1] != '\0' && end[1] != ':'))
            return "not [address]:port";
        address->host = xstrndup(string + 1, (size_t)(end - string - 1));
        reason = inet_pton(AF_INET6, address->host, v6) == 1 ? NULL : "not an IPv6 address in the brackets";
        end++;
    } else {
        end = string + strcspn(string, ":");
        address->host = xstrndup(string, (size_t)(end - string));
        if (*end == ':' && strchr(end + 1, ':') != NULL)
            reason = "an IPv6 address needs brackets: [address]:port";
        else if (!is_host(address->host))
            reason = "not host:port or /path";
    }
    int64_t port = DEFAULT_PORT;
    if (reason == NULL && *end == ':' && (parse_integer(end + 1, &port) != NULL || port < 1 || port > 65535))
        reason = "the port is not a number from 1 to 65535";
    address->port = (unsigned)port;
    address->loopback = reason == NULL && is_loopback(address->host);
    if (reason != NULL)
        database_address_free(address);
    return reason;
}

void database_address_free(struct database_address *address) {
    free(address->path);
    free(address->host);
    *address = (struct database_address){0};
}

bool database_address_needs_tls(const struct database_address *address, int tls) {
    if (tls == MYSQL_TLS_AUTO)
        return address->path == NULL && !address->loopback;
    return tls == MYSQL_TLS_VERIFY;
}

static char *check_address(const struct mysql_settings *values, const char *key, const char *string) {
    struct database_address address;
    const char *reason = database_address_parse(string, &address);
    if (reason == NULL && values->tls == MYSQL_TLS_VERIFY && address.path != NULL)
        reason = "\"tls = verify\" is not possible over a Unix socket; auto is";
    char *problem = reason != NULL ? xasprintf("\"%s\" names \"%s\": %s", key, string, reason) : NULL;
    database_address_free(&address);
    return problem;
}

static char *check(const void *section_values) {
    const struct mysql_settings *values = section_values;
    if (values->writer == NULL && values->readers.count == 0)
        return xstrdup("needs \"writer\" or \"readers\"");
    if (values->allow_writer && values->writer == NULL)
        return xstrdup("\"allow_writer = yes\" needs \"writer\"");
    char *problem = values->writer != NULL ? check_address(values, "writer", values->writer) : NULL;
    for (size_t i = 0; problem == NULL && i < values->readers.count; i++) {
        problem = check_address(values, "readers", values->readers.items[i]);
        if (problem == NULL && values->writer != NULL && strcmp(values->readers.items[i], values->writer) == 0)
            problem = xstrdup("the writer is among \"readers\"; \"allow_writer = yes\" lets long queries run on it");
    }
    if (problem != NULL)
        return problem;
    if (values->user == NULL && values->option_file == NULL)
        return xstrdup("needs \"user\", or an \"option_file\" that names one");
    if (values->password_file != NULL && values->option_file != NULL)
        return xstrdup("takes \"password_file\" or \"option_file\", not both");
    if (values->option_file != NULL && values->option_group == NULL)
        return xstrdup("\"option_file\" needs an \"option_group\"");
    if (values->tls != MYSQL_TLS_OFF && values->tls_ca == NULL)
        return xstrdup("\"tls_ca\" may be empty only with \"tls = off\"");
    if (values->statement_limit > 0 && values->read_timeout <= values->statement_limit)
        return xstrdup(
            "\"read_timeout\" must be more than \"statement_limit\", so that the server ends a statement first");
    return NULL;
}

const struct section mysql_section = {
    .name = "mysql",
    .size = sizeof(struct mysql_settings),
    .settings = settings,
    .help = "The MySQL or MariaDB servers.",
    .check = check,
};

int database_reader_prepare(const struct settings *all) {
    const struct mysql_settings *values = settings_of(all, &mysql_section);
    if (values->readers.count == 0 && !values->allow_writer)
        return settings_problem(
            all, &mysql_section, 0,
            "without \"readers\", long queries could only run on the writer: say so by \"allow_writer = yes\"");
    return 0;
}
