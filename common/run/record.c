/* The run record's two ends. A line on the pipe is {"path": P, "value": V} or {"phase": NAME, "at": MONOTONIC}. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/memory.h"
#include "nightshift/run/record.h"

enum { LINE_LIMIT = 1024 * 1024, LIST_LIMIT = 1000 };

struct record {
    int descriptor;
    pthread_mutex_t lock;
};

struct record *record_open(int descriptor) {
    struct record *record = xcalloc(1, sizeof *record);
    record->descriptor = descriptor;
    pthread_mutex_init(&record->lock, NULL);
    return record;
}

void record_close(struct record *record) {
    if (record == NULL)
        return;
    close(record->descriptor);
    pthread_mutex_destroy(&record->lock);
    free(record);
}

static void send_line(struct record *record, json_t *message) {
    char *line = json_dumps(message, JSON_COMPACT);
    json_decref(message);
    if (line == NULL)
        return; /* a value that is not UTF-8; json_string() has already refused it */
    size_t length = strlen(line);
    line[length++] = '\n';
    pthread_mutex_lock(&record->lock);
    for (size_t at = 0; at < length;) {
        ssize_t written = write(record->descriptor, line + at, length - at);
        if (written < 0 && errno != EINTR)
            break; /* the supervisor is gone, and we are about to follow */
        at += written > 0 ? (size_t)written : 0;
    }
    pthread_mutex_unlock(&record->lock);
    free(line);
}

void record_phase(struct record *record, const char *name) {
    if (record != NULL)
        send_line(record, json_pack("{s:s, s:I}", "phase", name, "at", (json_int_t)clock_monotonic()));
}

void record_set(struct record *record, const char *path, json_t *value) {
    if (record != NULL && value != NULL)
        send_line(record, json_pack("{s:s, s:o}", "path", path, "value", value));
    else
        json_decref(value);
}

void record_integer(struct record *record, const char *path, int64_t value) {
    record_set(record, path, json_integer(value));
}

void record_text(struct record *record, const char *path, const char *value) {
    record_set(record, path, value != NULL ? json_string(value) : json_null());
}

void record_builder_start(struct record_builder *builder) {
    *builder = (struct record_builder){.root = json_object()};
}

void record_builder_set(struct record_builder *builder, const char *path, json_t *value) {
    json_t *object = builder->root;
    const char *dot = NULL;
    while ((dot = strchr(path, '.')) != NULL) {
        char *name = xstrndup(path, (size_t)(dot - path));
        json_t *inner = json_object_get(object, name);
        if (!json_is_object(inner)) {
            inner = json_object();
            json_object_set_new(object, name, inner);
        }
        free(name);
        object = inner;
        path = dot + 1;
    }
    size_t length = strlen(path);
    if (length < 2 || strcmp(path + length - 2, "[]") != 0) {
        json_object_set_new(object, path, value);
        return;
    }
    char *name = xstrndup(path, length - 2);
    json_t *list = json_object_get(object, name);
    if (!json_is_array(list)) {
        list = json_array();
        json_object_set_new(object, name, list);
    }
    if (json_array_size(list) < LIST_LIMIT)
        json_array_append_new(list, value);
    else
        json_decref(value);
    free(name);
}

void record_builder_end_phase(struct record_builder *builder, int64_t now) {
    json_t *phases = json_object_get(builder->root, "phases");
    if (builder->phase_began == 0 || json_array_size(phases) == 0)
        return;
    json_t *last = json_array_get(phases, json_array_size(phases) - 1);
    json_object_set_new(last, "ms", json_integer(now - builder->phase_began));
    builder->phase_began = 0;
}

static void apply(struct record_builder *builder, const char *line, size_t length) {
    json_t *message = json_loadb(line, length, 0, NULL);
    json_t *value = json_object_get(message, "value");
    const char *path = json_string_value(json_object_get(message, "path"));
    const char *phase = json_string_value(json_object_get(message, "phase"));
    if (path != NULL && value != NULL)
        record_builder_set(builder, path, json_incref(value));
    else if (phase != NULL) {
        int64_t at = json_integer_value(json_object_get(message, "at"));
        record_builder_end_phase(builder, at);
        record_builder_set(builder, "phases[]", json_pack("{s:s}", "name", phase));
        builder->phase_began = at;
    }
    json_decref(message);
}

void record_builder_feed(struct record_builder *builder, const char *bytes, size_t length) {
    builder->pending = xreallocarray(builder->pending, builder->pending_length + length + 1, 1);
    memcpy(builder->pending + builder->pending_length, bytes, length);
    builder->pending_length += length;
    size_t at = 0;
    const char *end = NULL;
    while ((end = memchr(builder->pending + at, '\n', builder->pending_length - at)) != NULL) {
        size_t line = (size_t)(end - (builder->pending + at));
        apply(builder, builder->pending + at, line);
        at += line + 1;
    }
    builder->pending_length -= at;
    memmove(builder->pending, builder->pending + at, builder->pending_length);
    if (builder->pending_length > LINE_LIMIT)
        builder->pending_length = 0;
}

void record_builder_free(struct record_builder *builder) {
    json_decref(builder->root);
    free(builder->pending);
    *builder = (struct record_builder){0};
}
