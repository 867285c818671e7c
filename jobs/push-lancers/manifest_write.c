/* Writing manifests: entries are packed into a block, blocks go out as they fill. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "manifest_format.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"

enum { BLOCKS_AT_ONCE = 32 };

struct manifest_writer {
    char *path;
    char *beside; /* NULL: committed */
    int descriptor;
    uint64_t identity; /* checksum of the header */
    int64_t generation;
    uint64_t blocks;
    XXH3_state_t *chain;
    int64_t states[MANIFEST_STATES];
    struct manifest_entry last; /* its key and version are what the next entry differs from */
    bool any;
    uint32_t block_entries;
    size_t used;
    unsigned char block[BLOCK_HEADER_SIZE + PAYLOAD_LIMIT];
};

uint64_t manifest_block_checksum(const unsigned char *block, size_t payload, uint64_t seed) {
    uint64_t header = XXH3_64bits_withSeed(block, BLOCK_HEADER_SIZE - 8, seed);
    return XXH3_64bits_withSeed(block + BLOCK_HEADER_SIZE, payload, header);
}

static int cannot_write(const struct manifest_writer *writer) {
    return fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", writer->path, strerror(errno));
}

static int write_header(struct manifest_writer *writer, const struct hash *fingerprint) {
    unsigned char header[HEADER_SIZE] = MANIFEST_MAGIC;
    pack_number(header + MAGIC_SIZE, FORMAT_VERSION, 4);
    pack_number(header + 24, (uint64_t)writer->generation, 8);
    memcpy(header + 32, fingerprint->bytes, sizeof fingerprint->bytes);
    writer->identity = XXH3_64bits(header, HEADER_SIZE - 8);
    pack_number(header + HEADER_SIZE - 8, writer->identity, 8);
    return file_write_all(writer->descriptor, header, sizeof header) == 0 ? 0 : cannot_write(writer);
}

int manifest_create(const char *path, const struct hash *fingerprint, int64_t generation,
                    struct manifest_writer **out) {
    struct manifest_writer *writer = xcalloc(1, sizeof *writer);
    const char *slash = strrchr(path, '/');
    int parent = slash != NULL ? (int)(slash - path) + 1 : 0;
    writer->path = xstrdup(path);
    /* The name that file_sweep() knows, should we be killed. */
    writer->beside = xasprintf("%.*s.%s.XXXXXX", parent, path, path + parent);
    writer->generation = generation;
    writer->chain = XXH3_createState();
    if (writer->chain == NULL)
        abort();
    XXH3_64bits_reset(writer->chain);
    writer->descriptor = mkostemp(writer->beside, O_CLOEXEC);
    int status = 0;
    if (writer->descriptor < 0) {
        status = cannot_write(writer);
        free(writer->beside);
        writer->beside = NULL;
    } else {
        status = write_header(writer, fingerprint);
    }
    if (status != 0) {
        manifest_writer_free(writer);
        return status;
    }
    *out = writer;
    return 0;
}

static int flush_block(struct manifest_writer *writer) {
    unsigned char *block = writer->block;
    if (writer->block_entries == 0)
        return 0;
    memset(block, 0, BLOCK_HEADER_SIZE);
    pack_number(block, writer->used, 4);
    pack_number(block + 4, writer->block_entries, 4);
    pack_number(block + 8, writer->blocks, 8);
    pack_number(block + 24, manifest_block_checksum(block, writer->used, writer->identity), 8);
    XXH3_64bits_update(writer->chain, block + 24, 8);
    if (file_write_all(writer->descriptor, block, BLOCK_HEADER_SIZE + writer->used) != 0)
        return cannot_write(writer);
    /* On its way to the disk while the next blocks are made, so that little is left for the fsync() at the end. Only a hint. */
    if (writer->blocks % BLOCKS_AT_ONCE == 0)
        sync_file_range(writer->descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    writer->blocks++;
    writer->block_entries = 0;
    writer->used = 0;
    return 0;
}

static size_t shared_bytes(const struct manifest_entry *a, const struct manifest_entry *b) {
    size_t shared = 0;
    while (shared < a->key_length && shared < b->key_length && a->key[shared] == b->key[shared])
        shared++;
    return shared;
}

static size_t pack_entry(unsigned char *at, const struct manifest_entry *entry, size_t shared, bool same_version) {
    unsigned char *start = at;
    size_t rest = entry->key_length - shared;
    *at++ = (unsigned char)((unsigned)entry->state | (same_version ? FLAG_SAME_VERSION : 0U));
    if (shared < 15 && rest < 15)
        *at++ = (unsigned char)(shared << 4 | rest);
    else {
        *at++ = LENGTHS_APART;
        at += pack_variable(at, shared);
        at += pack_variable(at, rest);
    }
    memcpy(at, entry->key + shared, rest);
    at += rest;
    if (entry->state != MANIFEST_UNSURE) {
        memcpy(at, entry->hash.bytes, sizeof entry->hash.bytes);
        at += sizeof entry->hash.bytes;
    }
    if (!same_version)
        at += pack_variable(at, (uint64_t)entry->version);
    return (size_t)(at - start);
}

int manifest_put(struct manifest_writer *writer, const struct manifest_entry *entry) {
    const struct manifest_entry *last = &writer->last;
    if (entry->key_length > ROWKEY_STORED || entry->state >= MANIFEST_STATES ||
        (writer->any && rowkey_compare(last->key, last->key_length, entry->key, entry->key_length) >= 0))
        return fail(EXIT_BUG, "cannot write \"%s\": an entry is out of order or out of range", writer->path);
    if (writer->used + ENTRY_LIMIT > PAYLOAD_LIMIT) {
        int status = flush_block(writer);
        if (status != 0)
            return status;
    }
    /* Each block stands for itself. */
    bool first = writer->block_entries == 0;
    int64_t version = first ? writer->generation : last->version;
    writer->used += pack_entry(writer->block + BLOCK_HEADER_SIZE + writer->used, entry,
                               first ? 0 : shared_bytes(last, entry), entry->version == version);
    writer->block_entries++;
    writer->states[entry->state]++;
    writer->last.version = entry->version;
    writer->last.key_length = entry->key_length;
    memcpy(writer->last.key, entry->key, entry->key_length);
    writer->any = true;
    return 0;
}

int manifest_seal(struct manifest_writer *writer, struct manifest_info *info) {
    int status = flush_block(writer);
    if (status != 0)
        return status;
    unsigned char trailer[TRAILER_SIZE] = TRAILER_MAGIC;
    pack_number(trailer + 24, writer->blocks, 8);
    for (size_t i = 0; i < MANIFEST_STATES; i++)
        pack_number(trailer + 32 + 8 * i, (uint64_t)writer->states[i], 8);
    pack_number(trailer + 64, XXH3_64bits_digest(writer->chain), 8);
    uint64_t checksum = XXH3_64bits_withSeed(trailer, TRAILER_SIZE - 8, writer->identity);
    pack_number(trailer + TRAILER_SIZE - 8, checksum, 8);
    if (file_write_all(writer->descriptor, trailer, sizeof trailer) != 0 || fsync(writer->descriptor) != 0)
        return cannot_write(writer);
    *info = (struct manifest_info){.exists = true, .generation = writer->generation, .checksum = checksum};
    for (size_t i = 0; i < MANIFEST_STATES; i++) {
        info->states[i] = writer->states[i];
        info->entries += writer->states[i];
    }
    return 0;
}

int manifest_commit(struct manifest_writer *writer) {
    if (rename(writer->beside, writer->path) != 0)
        return cannot_write(writer);
    free(writer->beside);
    writer->beside = NULL;
    if (file_flush_parent(writer->path) != 0)
        return fail(EXIT_CANNOT_WRITE, "cannot flush the directory of \"%s\": %s", writer->path, strerror(errno));
    return 0;
}

void manifest_writer_free(struct manifest_writer *writer) {
    if (writer == NULL)
        return;
    if (writer->descriptor >= 0)
        close(writer->descriptor);
    if (writer->beside != NULL)
        unlink(writer->beside);
    free(writer->beside);
    free(writer->path);
    XXH3_freeState(writer->chain);
    free(writer);
}
