/* The servers behind the names. Two names can lead to the same server (a cluster's endpoint and an instance's, a name and an address), and a
 * name to another server than yesterday: positions belong to the server, so each is asked who it is. */
#include "instances.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

static bool is_on(const char *value) {
    return strcasecmp(value, "ON") == 0 || strcmp(value, "1") == 0;
}

/* Seconds with a fraction, as in "10.000000". */
static int64_t parse_seconds(const char *value) {
    return (int64_t)(strtod(value, NULL) * 1000000 + 0.5);
}

static bool names_table(const char *log_output) {
    struct strings words = {0};
    bool found = false;
    strings_split(&words, log_output, ",");
    for (size_t i = 0; i < words.count; i++)
        found = found || strcasecmp(words.items[i], "TABLE") == 0;
    strings_free(&words);
    return found;
}

/* What identity does not have: the port, which tells two MariaDB servers on one host from each other. */
static int ask(struct instance *instance, int64_t *port) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int status = database_query(instance->database,
                                "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('slow_query_log', 'log_output', "
                                "'long_query_time', 'log_slow_rate_limit', 'port')",
                                NULL, &rows);
    if (status == 0)
        status = rows_next(rows, &fields);
    while (status == 0 && fields != NULL) {
        const char *name = fields[0].bytes != NULL ? fields[0].bytes : "";
        const char *value = fields[1].bytes != NULL ? fields[1].bytes : "";
        if (strcasecmp(name, "slow_query_log") == 0)
            instance->enabled = is_on(value);
        else if (strcasecmp(name, "log_output") == 0)
            instance->to_table = names_table(value);
        else if (strcasecmp(name, "long_query_time") == 0)
            instance->long_query_time = parse_seconds(value);
        else if (strcasecmp(name, "port") == 0)
            (void)field_integer(&fields[1], port);
        else if (field_integer(&fields[1], &instance->rate_limit) != NULL || instance->rate_limit < 1)
            instance->rate_limit = 1;
        status = rows_next(rows, &fields);
    }
    rows_close(rows);
    return status;
}

/* Aurora's instances may be copies of each other down to the uuid, but not in their names. */
static char *name_of(const struct server_identity *identity, int64_t port) {
    if (identity->aurora || *identity->uuid == '\0')
        return identity->aurora ? xasprintf("aurora:%s", identity->hostname)
                                : xasprintf("%s:%" PRId64 "/%" PRId64, identity->hostname, port, identity->server_id);
    return xstrdup(identity->uuid);
}

static bool is_known(const struct instances *instances, const char *name) {
    for (size_t i = 0; i < instances->count; i++)
        if (strcmp(instances->items[i].name, name) == 0)
            return true;
    return false;
}

static int rank(int status) {
    return status == 0 ? 0 : status == EXIT_UNAVAILABLE ? 3 : status == EXIT_DENIED ? 2 : 1;
}

static void leave_out(struct instances *instances, const char *server, int status, int *worst) {
    strings_add(&instances->unreachable, server);
    if (rank(status) > rank(*worst))
        *worst = status;
}

/* As many connections can be stopped by a request (run/interrupt.h); Aurora has a writer and up to 15 readers. */
enum { INSTANCES_LIMIT = 16 };

static void open_one(const struct run *run, struct instances *instances, const char *server, bool writer, int *worst) {
    struct mysql_settings settings = *(const struct mysql_settings *)settings_of(run->settings, &mysql_section);
    const struct database_client client = {.job = run->job->name, .run_id = run->id, .unlogged = true};
    struct instance instance = {.server = server, .writer = writer, .rate_limit = 1};
    int64_t port = 0;
    settings.database = NULL; /* not every instance must have it */
    int status = 0;
    if (instances->count == INSTANCES_LIMIT)
        status = fail(EXIT_SETTINGS, "\"%s\" is left out: no more than %d servers are watched by one configuration",
                      server, INSTANCES_LIMIT);
    if (status == 0)
        status = database_open(&settings, server, &client, &instance.database);
    if (status == 0)
        status = ask(&instance, &port);
    if (status != 0) {
        leave_out(instances, server, status, worst);
        database_close(instance.database);
        return;
    }
    instance.name = name_of(database_identity(instance.database), port);
    if (is_known(instances, instance.name)) {
        log_debug("\"%s\" is a server that was named before", server);
        database_close(instance.database);
        free(instance.name);
        return;
    }
    instances->items = xgrow(instances->items, instances->count, sizeof *instances->items);
    instances->items[instances->count++] = instance;
}

int instances_open(const struct run *run, struct instances *instances, int *worst) {
    const struct mysql_settings *settings = settings_of(run->settings, &mysql_section);
    *instances = (struct instances){0};
    *worst = 0;
    if (settings->writer != NULL)
        open_one(run, instances, settings->writer, true, worst);
    for (size_t i = 0; i < settings->readers.count && !interrupt_requested(); i++)
        open_one(run, instances, settings->readers.items[i], false, worst);
    return interrupt_requested() ? EXIT_LATER : 0;
}

void instances_close(struct instances *instances) {
    for (size_t i = 0; i < instances->count; i++) {
        database_close(instances->items[i].database);
        free(instances->items[i].name);
    }
    free(instances->items);
    strings_free(&instances->unreachable);
    *instances = (struct instances){0};
}
