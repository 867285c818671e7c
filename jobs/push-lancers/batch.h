/* One batch for documents/batch: the bytes to post, and what they do, for the journal and for taking a refused batch apart. Pure code.
 *
 * Keys come in strictly ascending order, so one document is never twice in a batch nor in two batches of a run: which of two operations on one
 * id wins is not defined (facts of the service: no order within a second). */
#ifndef PUSH_LANCERS_BATCH_H
#define PUSH_LANCERS_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "operation.h"

enum {
    BATCH_BYTES = 5000000,         /* "5 MB", of which nobody knows whether it means MB or MiB */
    BATCH_BYTES_LIMIT = 5242880,   /* the most that a setting may allow */
    BATCH_BYTES_MINIMUM = 1100000, /* one document of 1 MiB and the brackets must fit */
    BATCH_OPERATIONS = 32768       /* bounds the memory of batches of nothing but deletes */
};

struct batch_item {
    struct hash hash;
    uint32_t json_at;
    uint32_t json_length;
    uint32_t key_at;
    uint16_t key_length;
    uint8_t kind;
};

struct batch {
    struct text json; /* "[" and operations with commas; batch_close() adds "]" */
    struct text keys;
    struct batch_item *items;
    size_t count;
    size_t capacity;
    size_t adds;
    size_t deletes; /* what is left are FORGETs: a batch without adds and deletes has nothing to post */
    size_t max_bytes;
    uint64_t intent; /* the number of its record in the journal; 0: it has none yet */
};

void batch_init(struct batch *batch, size_t max_bytes); /* up to BATCH_BYTES_LIMIT */
void batch_clear(struct batch *batch);                  /* keeps the memory */
void batch_free(struct batch *batch);

/* Whether there is room; an empty batch has room for every document. */
bool batch_fits(const struct batch *batch, const struct operation *operation);

/* Copies it. EXIT_BUG if it does not fit, or its key is not greater than the last one's. */
int batch_add(struct batch *batch, const struct operation *operation);

/* Ends the array: batch->json is then what is posted. */
void batch_close(struct batch *batch);

/* Valid until the batch changes. */
struct operation batch_operation(const struct batch *batch, size_t index);

/* The operation on this document, or batch->count. */
size_t batch_find(const struct batch *batch, const char *id, size_t length);

/* Appends the array of those operations whose `chosen` is true, and says how many are adds and deletes. */
void batch_select(const struct batch *batch, const bool *chosen, struct text *json, size_t *adds, size_t *deletes);

#endif
