/* Records of sizes, hash, key and bytes, in blocks that are read and written whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "document.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "packing.h"
#include "spool.h"

enum { BLOCK = 256 * 1024, RECORD_HEADER = 4 + 4 + 1 + 16 };

struct spool {
    char *directory;
    int descriptor;
    int64_t max_bytes;
    int64_t bytes;    /* written so far, or left to read */
    uint64_t records; /* written so far, or left to read */
    XXH3_state_t *checksum;
    uint64_t expected;
    struct text block;
    size_t at; /* reading: where in the block */
};

static int cannot(const struct spool *spool, const char *what, int status) {
    return fail(status, "cannot %s a temporary file in \"%s\": %s", what, spool->directory, strerror(errno));
}

/* O_TMPFILE makes a file without a name; not every file system can. */
static int open_nameless(const char *directory) {
    int descriptor = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (descriptor >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT))
        return descriptor;
    char *path = xasprintf("%s/.push-lancers.spool.XXXXXX", directory);
    descriptor = mkostemp(path, O_CLOEXEC);
    if (descriptor >= 0)
        unlink(path);
    free(path);
    return descriptor;
}

int spool_create(const char *directory, int64_t max_bytes, struct spool **out) {
    struct spool *spool = xcalloc(1, sizeof *spool);
    spool->directory = xstrdup(directory);
    spool->max_bytes = max_bytes;
    spool->checksum = XXH3_createState();
    if (spool->checksum == NULL)
        abort();
    XXH3_64bits_reset(spool->checksum);
    spool->descriptor = open_nameless(directory);
    if (spool->descriptor < 0) {
        int status = cannot(spool, "make", EXIT_CANNOT_WRITE);
        spool_free(spool);
        return status;
    }
    *out = spool;
    return 0;
}

void spool_free(struct spool *spool) {
    if (spool == NULL)
        return;
    if (spool->descriptor >= 0)
        close(spool->descriptor);
    XXH3_freeState(spool->checksum);
    text_free(&spool->block);
    free(spool->directory);
    free(spool);
}

static int flush(struct spool *spool) {
    if (file_write_all(spool->descriptor, text_string(&spool->block), spool->block.length) != 0)
        return cannot(spool, "write", EXIT_CANNOT_WRITE);
    text_clear(&spool->block);
    return 0;
}

int spool_add(struct spool *spool, const struct operation *operation) {
    unsigned char header[RECORD_HEADER];
    size_t length = RECORD_HEADER + operation->key_length + operation->json_length;
    if (spool->bytes + (int64_t)length > spool->max_bytes) {
        log_error("the operations that wait for the guards take more than %lld bytes", (long long)spool->max_bytes);
        log_hint("lower max_change, or allow a larger spool");
        return EXIT_CANNOT_WRITE;
    }
    pack_number(header, operation->key_length, 4);
    pack_number(header + 4, operation->json_length, 4);
    header[8] = (unsigned char)operation->kind;
    memcpy(header + 9, operation->hash.bytes, sizeof operation->hash.bytes);
    if (spool->block.length + length > BLOCK) {
        int status = flush(spool);
        if (status != 0)
            return status;
    }
    text_append(&spool->block, header, sizeof header);
    text_append(&spool->block, operation->key, operation->key_length);
    text_append(&spool->block, operation->json, operation->json_length);
    XXH3_64bits_update(spool->checksum, header, sizeof header);
    XXH3_64bits_update(spool->checksum, operation->key, operation->key_length);
    if (operation->kind != OPERATION_ADD)
        XXH3_64bits_update(spool->checksum, operation->json, operation->json_length);
    spool->bytes += (int64_t)length;
    spool->records++;
    return 0;
}

int64_t spool_bytes(const struct spool *spool) {
    return spool->bytes;
}

int spool_rewind(struct spool *spool) {
    int status = flush(spool);
    if (status == 0 && lseek(spool->descriptor, 0, SEEK_SET) != 0)
        status = cannot(spool, "read", EXIT_SYSTEM);
    spool->expected = XXH3_64bits_digest(spool->checksum);
    XXH3_64bits_reset(spool->checksum);
    spool->at = 0;
    return status;
}

/* Makes `length` bytes available at block.data + at. */
static int fill(struct spool *spool, size_t length) {
    struct text *block = &spool->block;
    size_t have = block->length - spool->at;
    if (have >= length)
        return 0;
    size_t wanted = length > BLOCK ? length : BLOCK;
    if (block->capacity < wanted + 1) {
        block->capacity = wanted + 1;
        block->data = xreallocarray(block->data, block->capacity, 1);
    }
    if (have > 0)
        memmove(block->data, block->data + spool->at, have);
    block->length = have;
    spool->at = 0;
    while (block->length < length) {
        ssize_t got = read(spool->descriptor, block->data + block->length, wanted - block->length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return cannot(spool, "read", EXIT_SYSTEM);
        if (got == 0)
            return fail(EXIT_SYSTEM, "a temporary file in \"%s\" became shorter", spool->directory);
        block->length += (size_t)got;
    }
    return 0;
}

static int damaged(const struct spool *spool) {
    return fail(EXIT_SYSTEM, "a temporary file in \"%s\" was damaged", spool->directory);
}

int spool_next(struct spool *spool, struct operation *operation, bool *found) {
    *found = spool->records > 0;
    if (!*found)
        return spool->bytes == 0 && spool->expected == XXH3_64bits_digest(spool->checksum) ? 0 : damaged(spool);
    int status = fill(spool, RECORD_HEADER);
    if (status != 0)
        return status;
    const unsigned char *header = (const unsigned char *)spool->block.data + spool->at;
    size_t key = (size_t)unpack_number(header, 4);
    size_t json = (size_t)unpack_number(header + 4, 4);
    size_t length = RECORD_HEADER + key + json;
    if ((int64_t)length > spool->bytes)
        return damaged(spool);
    status = fill(spool, length);
    if (status != 0)
        return status;
    header = (const unsigned char *)spool->block.data + spool->at;
    *operation = (struct operation){
        .kind = (enum operation_kind)header[8],
        .key = header + RECORD_HEADER,
        .key_length = key,
        .json = spool->block.data + spool->at + RECORD_HEADER + key,
        .json_length = json,
    };
    memcpy(operation->hash.bytes, header + 9, sizeof operation->hash.bytes);
    XXH3_64bits_update(spool->checksum, header, operation->kind == OPERATION_ADD ? RECORD_HEADER + key : length);
    spool->at += length;
    spool->bytes -= (int64_t)length;
    spool->records--;
    if (operation->kind != OPERATION_ADD)
        return 0;
    struct hash hash = document_hash(operation->json, json);
    return hash_equal(&hash, &operation->hash) ? 0 : damaged(spool);
}
