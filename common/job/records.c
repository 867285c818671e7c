/* Copies of run records in Redis. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/log.h"
#include "nightshift/job/records.h"

/* KEYS hosts, list; ARGV host, ended at, line, how many are kept, life. The line may be there already when the command is
 * sent again after a broken connection. */
static const char mirror_script[] =
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) redis.call('PEXPIRE', KEYS[1], ARGV[5]) "
    "redis.call('LREM', KEYS[2], 0, ARGV[3]) redis.call('LPUSH', KEYS[2], ARGV[3]) "
    "redis.call('LTRIM', KEYS[2], 0, ARGV[4] - 1) redis.call('PEXPIRE', KEYS[2], ARGV[5]) return 1";

/* Takes the largest member out of the record and notes its name. */
static void leave_out_largest(json_t *record) {
    const char *name = "";
    json_t *value = NULL;
    const char *largest = NULL;
    size_t size = 0;
    json_object_foreach(record, name, value) {
        size_t length = json_dumpb(value, NULL, 0, JSON_COMPACT | JSON_ENCODE_ANY);
        if (length > size && strcmp(name, "left_out") != 0) {
            largest = name;
            size = length;
        }
    }
    if (largest == NULL)
        return;
    json_t *list = json_object_get(record, "left_out");
    if (list == NULL) {
        list = json_array();
        json_object_set_new(record, "left_out", list);
    }
    json_array_append_new(list, json_string(largest));
    json_object_del(record, largest);
}

char *records_line(json_t *record) {
    json_t *copy = json_copy(record);
    while (json_dumpb(copy, NULL, 0, JSON_COMPACT) > RECORDS_LINE_LIMIT && json_object_size(copy) > 1)
        leave_out_largest(copy);
    char *line = json_dumps(copy, JSON_COMPACT);
    json_decref(copy);
    return line;
}

void records_mirror(const struct redis_settings *settings, json_t *record) {
    const char *job = json_string_value(json_object_get(record, "batch"));
    const char *host = json_string_value(json_object_get(record, "host"));
    char *line = records_line(record);
    char ended[24];
    char kept[24];
    char life[24];
    if (job == NULL || host == NULL || line == NULL) {
        free(line);
        return;
    }
    struct redis *redis = redis_new(settings);
    char *hosts = redis_key(redis, "{%s}:runs", job);
    char *list = redis_key(redis, "{%s}:runs:%s", job, host);
    snprintf(ended, sizeof ended, "%" PRId64, (int64_t)json_integer_value(json_object_get(record, "ended_at_ms")));
    snprintf(kept, sizeof kept, "%d", RECORDS_KEPT);
    snprintf(life, sizeof life, "%" PRId64, (int64_t)RECORDS_DAYS * 86400000);
    const char *keys[] = {hosts, list};
    const char *arguments[] = {host, ended, line, kept, life};
    const struct redis_script script = {.text = mirror_script,
                                        .keys = keys,
                                        .key_count = LENGTH_OF(keys),
                                        .arguments = arguments,
                                        .argument_count = LENGTH_OF(arguments)};
    if (redis_eval(redis, REDIS_RETRY | REDIS_QUIET | REDIS_PATIENT, &script, NULL) != 0)
        log_warning("cannot put the run record where other hosts see it: %s", redis_reason(redis));
    free(list);
    free(hosts);
    redis_free(redis);
    free(line);
}

static int fetch_host(struct redis *redis, const char *job, const char *host,
                      void (*take)(void *context, const char *line, size_t length), void *context) {
    struct redis_reply *reply = NULL;
    char *key = redis_key(redis, "{%s}:runs:%s", job, host);
    const char *words[] = {"LRANGE", key, "0", "-1"};
    int status = redis_command(redis, REDIS_RETRY | REDIS_QUIET, LENGTH_OF(words), words, NULL, &reply);
    for (size_t i = 0; status == 0 && reply->type == REDIS_ARRAY && i < reply->count; i++)
        if (reply->items[i]->bytes != NULL)
            take(context, reply->items[i]->bytes, reply->items[i]->length);
    redis_reply_free(reply);
    free(key);
    return status;
}

int records_fetch(struct redis *redis, const char *job, void (*take)(void *context, const char *line, size_t length),
                  void *context) {
    struct redis_reply *reply = NULL;
    char *key = redis_key(redis, "{%s}:runs", job);
    const char *words[] = {"HKEYS", key};
    int status = redis_command(redis, REDIS_RETRY | REDIS_QUIET, LENGTH_OF(words), words, NULL, &reply);
    for (size_t i = 0; status == 0 && reply->type == REDIS_ARRAY && i < reply->count; i++)
        if (reply->items[i]->bytes != NULL)
            status = fetch_host(redis, job, reply->items[i]->bytes, take, context);
    redis_reply_free(reply);
    free(key);
    return status;
}
