/* Filling batches. Offsets instead of pointers, because buffers move as they grow. */
#include <stdlib.h>
#include <string.h>

#include "batch.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "rowkey.h"

void batch_init(struct batch *batch, size_t max_bytes) {
    *batch = (struct batch){.max_bytes = max_bytes < BATCH_BYTES_LIMIT ? max_bytes : BATCH_BYTES_LIMIT};
    batch_clear(batch);
}

void batch_clear(struct batch *batch) {
    text_clear(&batch->json);
    text_clear(&batch->keys);
    text_add(&batch->json, "[");
    batch->count = 0;
    batch->adds = 0;
    batch->deletes = 0;
    batch->intent = 0;
}

void batch_free(struct batch *batch) {
    text_free(&batch->json);
    text_free(&batch->keys);
    free(batch->items);
    *batch = (struct batch){0};
}

bool batch_fits(const struct batch *batch, const struct operation *operation) {
    /* A comma before it and the bracket at the end. */
    return batch->count < BATCH_OPERATIONS &&
           (operation->json_length == 0 || batch->json.length + operation->json_length + 2 <= batch->max_bytes);
}

static bool is_next(const struct batch *batch, const struct operation *operation) {
    if (batch->count == 0)
        return true;
    struct operation last = batch_operation(batch, batch->count - 1);
    return rowkey_compare(last.key, last.key_length, operation->key, operation->key_length) < 0;
}

int batch_add(struct batch *batch, const struct operation *operation) {
    if (!batch_fits(batch, operation) || !is_next(batch, operation) || operation->key_length > UINT16_MAX)
        return fail(EXIT_BUG, "cannot put an operation into a batch: it is too large or out of order");
    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity > 0 ? batch->capacity * 2 : 256;
        batch->items = xreallocarray(batch->items, batch->capacity, sizeof *batch->items);
    }
    if (operation->json_length > 0 && batch->adds + batch->deletes > 0)
        text_append(&batch->json, ",", 1);
    batch->items[batch->count++] = (struct batch_item){
        .hash = operation->hash,
        .json_at = (uint32_t)batch->json.length,
        .json_length = (uint32_t)operation->json_length,
        .key_at = (uint32_t)batch->keys.length,
        .key_length = (uint16_t)operation->key_length,
        .kind = (uint8_t)operation->kind,
    };
    text_append(&batch->json, operation->json, operation->json_length);
    text_append(&batch->keys, operation->key, operation->key_length);
    batch->adds += operation->kind == OPERATION_ADD;
    batch->deletes += operation->kind == OPERATION_DELETE;
    return 0;
}

void batch_close(struct batch *batch) {
    text_append(&batch->json, "]", 1);
}

struct operation batch_operation(const struct batch *batch, size_t index) {
    const struct batch_item *item = &batch->items[index];
    return (struct operation){
        .kind = (enum operation_kind)item->kind,
        .key = (const unsigned char *)text_string(&batch->keys) + item->key_at,
        .key_length = item->key_length,
        .hash = item->hash,
        .json = text_string(&batch->json) + item->json_at,
        .json_length = item->json_length,
    };
}

/* Our own operations begin in one of two ways, and no character of an id is ever escaped. */
static bool is_of(const struct operation *operation, const char *id, size_t length) {
    static const char add[] = "{\"type\":\"add\",\"id\":\"";
    static const char delete[] = "{\"type\":\"delete\",\"id\":\"";
    bool adds = operation->kind == OPERATION_ADD;
    size_t start = adds ? sizeof add - 1 : sizeof delete - 1;
    return operation->json_length > start + length && memcmp(operation->json, adds ? add : delete, start) == 0 &&
           memcmp(operation->json + start, id, length) == 0 && operation->json[start + length] == '"';
}

size_t batch_find(const struct batch *batch, const char *id, size_t length) {
    for (size_t i = 0; i < batch->count; i++) {
        struct operation operation = batch_operation(batch, i);
        if (is_of(&operation, id, length))
            return i;
    }
    return batch->count;
}

void batch_select(const struct batch *batch, const bool *chosen, struct text *json, size_t *adds, size_t *deletes) {
    *adds = 0;
    *deletes = 0;
    text_add(json, "[");
    for (size_t i = 0; i < batch->count; i++) {
        struct operation operation = batch_operation(batch, i);
        if (!chosen[i] || operation.json_length == 0)
            continue;
        if (*adds + *deletes > 0)
            text_append(json, ",", 1);
        text_append(json, operation.json, operation.json_length);
        *adds += operation.kind == OPERATION_ADD;
        *deletes += operation.kind == OPERATION_DELETE;
    }
    text_add(json, "]");
}
