/* The answers of a server. hiredis' reader knows the protocol; the replies it makes are ours, by the callbacks here, so that the number of
 * items and the length of an answer have a limit, and out of memory ends the program as everywhere else. */
#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "redis_private.h"

/* What the callbacks of hiredis' reader count. One per answer. */
struct decoder {
    size_t items;
    bool refused;
};

/* A reply of this type, put into its place in the array that it belongs to, if any. */
static struct redis_reply *place(const redisReadTask *task, enum redis_type type) {
    struct redis_reply *reply = xcalloc(1, sizeof *reply);
    reply->type = type;
    if (task->parent != NULL) {
        struct redis_reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

/* For what RESP2 does not have, or what is too much: NULL ends the reading with an error. */
static void *refuse(const redisReadTask *task) {
    struct decoder *decoder = task->privdata;
    decoder->refused = true;
    return NULL;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length) {
    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS && task->type != REDIS_REPLY_ERROR)
        return refuse(task);
    struct redis_reply *reply = place(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_STRING);
    reply->bytes = xstrndup(bytes, length);
    reply->length = length;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value) {
    struct redis_reply *reply = place(task, REDIS_INTEGER);
    reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task) {
    return place(task, REDIS_NIL);
}

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;

static void *create_double(const redisReadTask *task, double value, char *bytes, size_t length) {
    (void)value, (void)bytes, (void)length;
    return refuse(task);
}

static void *create_bool(const redisReadTask *task, int value) {
    (void)value;
    return refuse(task);
}
#else
typedef int element_count;
#endif

static void *create_array(const redisReadTask *task, element_count count) {
    struct decoder *decoder = task->privdata;
    /* The server announces the number before it sends the items: believing it would let 12 bytes allocate gigabytes. */
    if (task->type != REDIS_REPLY_ARRAY || (size_t)count > REDIS_ITEM_LIMIT - decoder->items)
        return refuse(task);
    decoder->items += (size_t)count;
    struct redis_reply *reply = place(task, REDIS_ARRAY);
    reply->count = (size_t)count;
    reply->items =
        xcalloc(reply->count, sizeof *reply->items); /* NOLINT(bugprone-sizeof-expression): an array of pointers */
    return reply;
}

void redis_reply_free(struct redis_reply *reply) {
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->count; i++)
        redis_reply_free(reply->items[i]);
    free(reply->items);
    free(reply->bytes);
    free(reply);
}

static void free_object(void *reply) {
    redis_reply_free(reply);
}

/* Reads until the reader has one whole answer. */
static int read_answer(struct redis *redis, redisReader *reader, int64_t deadline, void **answer) {
    const char *server = redis->settings->server;
    const struct decoder *decoder = reader->privdata;
    size_t total = 0;
    while (*answer == NULL) {
        char bytes[16384];
        size_t got = 0;
        int status = wire_read_some(redis->wire, bytes, sizeof bytes, &got, deadline);
        if (status != 0)
            return redis_give(redis, status, "no answer from Redis \"%s\": %s", server, wire_reason(redis->wire));
        total += got;
        if (total > REDIS_ANSWER_LIMIT || redisReaderFeed(reader, bytes, got) != REDIS_OK)
            return redis_give(redis, EXIT_UNAVAILABLE, "the answer from Redis \"%s\" is too long", server);
        if (redisReaderGetReply(reader, answer) != REDIS_OK)
            return redis_give(redis, EXIT_UNAVAILABLE, "\"%s\" does not answer as Redis does: %s", server,
                              decoder->refused ? "too many array items, or an unknown type" : reader->errstr);
    }
    if (reader->pos != reader->len)
        return redis_give(redis, EXIT_UNAVAILABLE, "\"%s\" does not answer as Redis does: more than one answer",
                          server);
    return 0;
}

int redis_reply_read(struct redis *redis, int64_t deadline, struct redis_reply **reply) {
    redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
    };
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader == NULL) {
        /* The command is on its way: its answer must not be taken for that of the next one. */
        wire_close(redis->wire);
        return redis_give(redis, EXIT_SYSTEM, "out of memory");
    }
    struct decoder decoder = {0};
    reader->privdata = &decoder;
    void *answer = NULL;
    int status = read_answer(redis, reader, deadline, &answer);
    redisReaderFree(reader);
    if (status == 0) {
        *reply = answer;
        return 0;
    }
    redis_reply_free(answer);
    wire_close(redis->wire);
    return status;
}

int redis_as_integer(struct redis *redis, const struct redis_reply *reply, int64_t *value) {
    if (reply->type != REDIS_INTEGER)
        return redis_report(
            redis, 0,
            redis_give(redis, EXIT_BUG, "Redis \"%s\" gave an answer that is no integer", redis->settings->server));
    *value = reply->integer;
    return 0;
}

int redis_as_bytes(struct redis *redis, const struct redis_reply *reply, const char **bytes, size_t *length) {
    if (reply->type != REDIS_STRING && reply->type != REDIS_NIL)
        return redis_report(
            redis, 0,
            redis_give(redis, EXIT_BUG, "Redis \"%s\" gave an answer that is no string", redis->settings->server));
    *bytes = reply->bytes;
    *length = reply->length;
    return 0;
}
