/* Reading manifests. Nothing is believed before its checksum has been: sizes are bounded by the buffer, not by what the file says. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "manifest_format.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"

struct manifest {
    char *path;
    int descriptor; /* -1: there is no file */
    uint64_t identity;
    int64_t generation;
    uint64_t blocks; /* that the trailer promises */
    uint64_t block;  /* the next one */
    uint64_t chain;  /* that the trailer promises */
    XXH3_state_t *seen;
    off_t offset;
    off_t trailer;
    int64_t promised[MANIFEST_STATES];
    int64_t states[MANIFEST_STATES];
    uint64_t left; /* entries of the current block */
    bool any;
    bool first_of_block;
    struct unpacking from;
    struct manifest_entry entry;
    unsigned char buffer[BLOCK_HEADER_SIZE + PAYLOAD_LIMIT];
};

static int damaged(const struct manifest *manifest, const char *reason) {
    return fail(EXIT_GUARD, "cannot use the manifest \"%s\": %s", manifest->path, reason);
}

/* Reads exactly `length` bytes at `offset`; EXIT_GUARD when the file is shorter. */
static int read_at(const struct manifest *manifest, void *buffer, size_t length, off_t offset) {
    unsigned char *at = buffer;
    while (length > 0) {
        ssize_t got = pread(manifest->descriptor, at, length, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(EXIT_CANNOT_WRITE, "cannot read \"%s\": %s", manifest->path, strerror(errno));
        if (got == 0)
            return damaged(manifest, "it is cut short");
        at += got;
        length -= (size_t)got;
        offset += got;
    }
    return 0;
}

static int read_header(struct manifest *manifest, const struct hash *fingerprint, struct manifest_info *info) {
    unsigned char header[HEADER_SIZE];
    int status = read_at(manifest, header, sizeof header, 0);
    if (status != 0)
        return status;
    manifest->identity = unpack_number(header + HEADER_SIZE - 8, 8);
    if (memcmp(header, MANIFEST_MAGIC, MAGIC_SIZE) != 0 || manifest->identity != XXH3_64bits(header, HEADER_SIZE - 8))
        return damaged(manifest, "its beginning is damaged");
    if (unpack_number(header + MAGIC_SIZE, 4) != FORMAT_VERSION)
        return damaged(manifest, "it was written by another version of nightshift");
    manifest->generation = (int64_t)unpack_number(header + 24, 8);
    info->generation = manifest->generation;
    memcpy(info->fingerprint.bytes, header + 32, sizeof info->fingerprint.bytes);
    if (fingerprint != NULL && !hash_equal(fingerprint, &info->fingerprint)) {
        status = damaged(manifest, "it belongs to another domain, or the form of the document ids has changed");
        log_hint("the ids that the domain holds have to be read from it: run once with --reconcile");
    }
    return status;
}

static int read_trailer(struct manifest *manifest, struct manifest_info *info) {
    unsigned char trailer[TRAILER_SIZE];
    int status = read_at(manifest, trailer, sizeof trailer, manifest->trailer);
    if (status != 0)
        return status;
    info->checksum = unpack_number(trailer + TRAILER_SIZE - 8, 8);
    if (memcmp(trailer, TRAILER_MAGIC, MAGIC_SIZE) != 0 ||
        info->checksum != XXH3_64bits_withSeed(trailer, TRAILER_SIZE - 8, manifest->identity))
        return damaged(manifest, "it is not complete");
    manifest->blocks = unpack_number(trailer + 24, 8);
    for (size_t i = 0; i < MANIFEST_STATES; i++) {
        manifest->promised[i] = (int64_t)unpack_number(trailer + 32 + 8 * i, 8);
        info->states[i] = manifest->promised[i];
        info->entries += manifest->promised[i];
    }
    manifest->chain = unpack_number(trailer + 64, 8);
    return 0;
}

static int read_ends(struct manifest *manifest, const struct hash *fingerprint, struct manifest_info *info) {
    struct stat file;
    if (fstat(manifest->descriptor, &file) != 0 || !S_ISREG(file.st_mode))
        return damaged(manifest, "it is not a regular file");
    info->exists = true;
    manifest->trailer = file.st_size - TRAILER_SIZE;
    if (manifest->trailer < HEADER_SIZE)
        return damaged(manifest, "it is cut short");
    manifest->offset = HEADER_SIZE;
    int status = read_header(manifest, fingerprint, info);
    return status != 0 ? status : read_trailer(manifest, info);
}

int manifest_open(const char *path, const struct hash *fingerprint, struct manifest **out, struct manifest_info *info) {
    struct manifest *manifest = xcalloc(1, sizeof *manifest);
    int status = 0;
    *info = (struct manifest_info){0};
    manifest->path = xstrdup(path);
    manifest->seen = XXH3_createState();
    if (manifest->seen == NULL)
        abort();
    XXH3_64bits_reset(manifest->seen);
    manifest->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (manifest->descriptor >= 0) {
        posix_fadvise(manifest->descriptor, 0, 0, POSIX_FADV_SEQUENTIAL);
        status = read_ends(manifest, fingerprint, info);
    } else if (errno != ENOENT)
        status = fail(EXIT_CANNOT_WRITE, "cannot read \"%s\": %s", path, strerror(errno));
    if (status != 0) {
        manifest_close(manifest);
        return status;
    }
    *out = manifest;
    return 0;
}

static int read_block(struct manifest *manifest) {
    unsigned char *buffer = manifest->buffer;
    int status = read_at(manifest, buffer, BLOCK_HEADER_SIZE, manifest->offset);
    if (status != 0)
        return status;
    size_t payload = (size_t)unpack_number(buffer, 4);
    uint64_t entries = unpack_number(buffer + 4, 4);
    off_t end = manifest->offset + BLOCK_HEADER_SIZE + (off_t)payload;
    if (payload > PAYLOAD_LIMIT || end > manifest->trailer || entries == 0 || entries > payload / ENTRY_MINIMUM)
        return damaged(manifest, "a block has an impossible size");
    status = read_at(manifest, buffer + BLOCK_HEADER_SIZE, payload, manifest->offset + BLOCK_HEADER_SIZE);
    if (status != 0)
        return status;
    if (unpack_number(buffer + 24, 8) != manifest_block_checksum(buffer, payload, manifest->identity) ||
        unpack_number(buffer + 8, 8) != manifest->block)
        return damaged(manifest, "a block is damaged or not in its place");
    XXH3_64bits_update(manifest->seen, buffer + 24, 8);
    manifest->offset = end;
    manifest->block++;
    manifest->left = entries;
    manifest->first_of_block = true;
    manifest->from = (struct unpacking){buffer + BLOCK_HEADER_SIZE, payload};
    return 0;
}

static bool unpack_key(struct manifest *manifest, struct manifest_entry *entry) {
    const unsigned char *lengths = unpack_bytes(&manifest->from, 1);
    if (lengths == NULL)
        return false;
    uint64_t shared = *lengths >> 4;
    uint64_t rest = *lengths & 0xF;
    if (*lengths == LENGTHS_APART &&
        (!unpack_variable(&manifest->from, &shared) || !unpack_variable(&manifest->from, &rest)))
        return false;
    if (shared > (manifest->first_of_block ? 0 : entry->key_length) || rest > ROWKEY_STORED - shared)
        return false;
    const unsigned char *bytes = unpack_bytes(&manifest->from, (size_t)rest);
    if (bytes == NULL)
        return false;
    /* Both have the first `shared` bytes in common, so that their rests decide the order. */
    if (manifest->any && !manifest->first_of_block &&
        rowkey_compare(entry->key + shared, entry->key_length - (size_t)shared, bytes, (size_t)rest) >= 0)
        return false;
    if (manifest->any && manifest->first_of_block &&
        rowkey_compare(entry->key, entry->key_length, bytes, (size_t)rest) >= 0)
        return false;
    memcpy(entry->key + shared, bytes, (size_t)rest);
    entry->key_length = (size_t)(shared + rest);
    return true;
}

static bool unpack_entry(struct manifest *manifest) {
    struct manifest_entry *entry = &manifest->entry;
    const unsigned char *flags = unpack_bytes(&manifest->from, 1);
    if (flags == NULL || (*flags & ~(unsigned)(FLAG_STATE | FLAG_SAME_VERSION)) != 0 || !unpack_key(manifest, entry))
        return false;
    entry->state = (enum manifest_state)(*flags & FLAG_STATE);
    entry->hash = (struct hash){{0}};
    if (entry->state != MANIFEST_UNSURE) {
        const unsigned char *hash = unpack_bytes(&manifest->from, sizeof entry->hash.bytes);
        if (hash == NULL)
            return false;
        memcpy(entry->hash.bytes, hash, sizeof entry->hash.bytes);
    }
    if (manifest->first_of_block)
        entry->version = manifest->generation;
    uint64_t version = (uint64_t)entry->version;
    if ((*flags & FLAG_SAME_VERSION) == 0 && !unpack_variable(&manifest->from, &version))
        return false;
    entry->version = (int64_t)version;
    return true;
}

/* After the last block: all that the trailer promised has been seen, and nothing else. */
static int check_end(const struct manifest *manifest) {
    if (manifest->descriptor < 0)
        return 0;
    bool whole = manifest->offset == manifest->trailer && manifest->chain == XXH3_64bits_digest(manifest->seen);
    for (size_t i = 0; i < MANIFEST_STATES; i++)
        whole = whole && manifest->states[i] == manifest->promised[i];
    return whole ? 0 : damaged(manifest, "its parts do not add up");
}

int manifest_next(struct manifest *manifest, const struct manifest_entry **entry) {
    *entry = NULL;
    if (manifest->left == 0) {
        if (manifest->block == manifest->blocks)
            return check_end(manifest);
        int status = read_block(manifest);
        if (status != 0)
            return status;
    }
    if (!unpack_entry(manifest))
        return damaged(manifest, "an entry is damaged or out of order");
    manifest->any = true;
    manifest->first_of_block = false;
    manifest->states[manifest->entry.state]++;
    if (--manifest->left == 0 && manifest->from.left != 0)
        return damaged(manifest, "a block has more than its entries");
    *entry = &manifest->entry;
    return 0;
}

void manifest_close(struct manifest *manifest) {
    if (manifest == NULL)
        return;
    if (manifest->descriptor >= 0)
        close(manifest->descriptor);
    XXH3_freeState(manifest->seen);
    free(manifest->path);
    free(manifest);
}

int manifest_verify(const char *path, const struct hash *fingerprint, struct manifest_info *info) {
    struct manifest *manifest = NULL;
    const struct manifest_entry *entry = NULL;
    int status = manifest_open(path, fingerprint, &manifest, info);
    if (status != 0)
        return status;
    do
        status = manifest_next(manifest, &entry);
    while (status == 0 && entry != NULL);
    manifest_close(manifest);
    return status;
}

void manifest_set_aside(const char *path) {
    char *aside = xasprintf("%s.bad", path);
    if (rename(path, aside) == 0)
        log_warning("\"%s\" cannot be used; it is kept as \"%s\"", path, aside);
    else if (errno != ENOENT)
        log_warning("cannot rename \"%s\": %s", path, strerror(errno));
    free(aside);
}
