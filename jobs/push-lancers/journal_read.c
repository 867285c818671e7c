/* Reading the journal: one intent with its outcomes at a time. The next intent may lie between them; then reading goes on from there, and passes
 * the outcomes of the one before. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include "journal_format.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"

struct frame {
    uint64_t type;
    size_t payload;
    uint64_t number;
    uint64_t checksum;
};

struct journal_reader {
    char *path;
    int descriptor; /* -1: there is no file */
    uint64_t identity;
    uint64_t number;
    off_t offset;
    off_t size;
    uint64_t intent_number;
    struct text intent; /* payload of the current batch */
    struct text outcome;
    struct unpacking from;
    unsigned char *outcomes;
    size_t count;
    size_t at;
    bool any;
    struct rowkey last;
    struct journal_item item;
};

static int damaged(const struct journal_reader *reader, const char *reason) {
    return fail(EXIT_GUARD, "cannot use the journal \"%s\": %s", reader->path, reason);
}

static int read_at(const struct journal_reader *reader, void *buffer, size_t length, off_t offset) {
    unsigned char *at = buffer;
    while (length > 0) {
        ssize_t got = pread(reader->descriptor, at, length, offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return fail(EXIT_CANNOT_WRITE, "cannot read \"%s\": %s", reader->path,
                        got < 0 ? strerror(errno) : "it became shorter");
        at += got;
        length -= (size_t)got;
        offset += got;
    }
    return 0;
}

/* Whether the file has nothing but zeros from `offset` on. */
static int is_zero(const struct journal_reader *reader, off_t offset, bool *zero) {
    unsigned char block[4096];
    *zero = true;
    while (*zero && offset < reader->size) {
        size_t length = reader->size - offset < (off_t)sizeof block ? (size_t)(reader->size - offset) : sizeof block;
        int status = read_at(reader, block, length, offset);
        if (status != 0)
            return status;
        for (size_t i = 0; i < length; i++)
            *zero = *zero && block[i] == 0;
        offset += (off_t)length;
    }
    return 0;
}

static int read_header(struct journal_reader *reader, struct journal_header *header) {
    unsigned char bytes[JOURNAL_HEADER];
    /* Cut within its header, or zeros: nothing had been sent, because no intent was on disk. */
    bool zero = false;
    int status = is_zero(reader, 0, &zero);
    if (status != 0 || reader->size < JOURNAL_HEADER || zero) {
        reader->size = 0;
        return status;
    }
    status = read_at(reader, bytes, sizeof bytes, 0);
    if (status != 0)
        return status;
    reader->identity = unpack_number(bytes + JOURNAL_HEADER - 8, 8);
    if (memcmp(bytes, JOURNAL_MAGIC, JOURNAL_MAGIC_SIZE) != 0 ||
        reader->identity != XXH3_64bits(bytes, JOURNAL_HEADER - 8))
        return damaged(reader, "its beginning is damaged");
    if (unpack_number(bytes + JOURNAL_MAGIC_SIZE, 4) != JOURNAL_FORMAT)
        return damaged(reader, "it was written by another version of nightshift");
    header->exists = true;
    memcpy(header->fingerprint.bytes, bytes + 24, sizeof header->fingerprint.bytes);
    header->base_generation = (int64_t)unpack_number(bytes + 40, 8);
    header->base_checksum = unpack_number(bytes + 48, 8);
    header->generation = (int64_t)unpack_number(bytes + 56, 8);
    reader->offset = JOURNAL_HEADER;
    return 0;
}

int journal_open(const char *path, struct journal_reader **out, struct journal_header *header) {
    struct journal_reader *reader = xcalloc(1, sizeof *reader);
    struct stat file;
    int status = 0;
    *header = (struct journal_header){0};
    reader->path = xstrdup(path);
    reader->number = 1;
    reader->descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (reader->descriptor >= 0 && fstat(reader->descriptor, &file) == 0) {
        reader->size = file.st_size;
        status = read_header(reader, header);
    } else if (errno != ENOENT)
        status = fail(EXIT_CANNOT_WRITE, "cannot read \"%s\": %s", path, strerror(errno));
    if (status != 0) {
        journal_reader_free(reader);
        return status;
    }
    *out = reader;
    return 0;
}

/* The frame at the offset; *found is false at the end, also at one that was being written. */
static int read_frame(struct journal_reader *reader, struct frame *frame, bool *found) {
    unsigned char bytes[JOURNAL_FRAME];
    *found = false;
    if (reader->size - reader->offset < JOURNAL_FRAME)
        return 0;
    int status = read_at(reader, bytes, sizeof bytes, reader->offset);
    if (status != 0)
        return status;
    if (unpack_number(bytes + 24, 8) != XXH3_64bits_withSeed(bytes, JOURNAL_FRAME - 8, reader->identity)) {
        bool zero = false;
        status = is_zero(reader, reader->offset, &zero);
        return status != 0 || zero ? status : damaged(reader, "a record is damaged");
    }
    frame->type = unpack_number(bytes, 4);
    frame->payload = (size_t)unpack_number(bytes + 4, 4);
    frame->number = unpack_number(bytes + 8, 8);
    frame->checksum = unpack_number(bytes + 16, 8);
    if (frame->number != reader->number || frame->payload > JOURNAL_PAYLOAD)
        return damaged(reader, "a record is not in its place");
    *found = reader->size - reader->offset - JOURNAL_FRAME >= (off_t)frame->payload;
    return 0;
}

static int read_payload(struct journal_reader *reader, const struct frame *frame, struct text *payload) {
    if (payload->capacity <= frame->payload) {
        payload->capacity = frame->payload + 1;
        payload->data = xreallocarray(payload->data, payload->capacity, 1);
    }
    int status = read_at(reader, payload->data, frame->payload, reader->offset + JOURNAL_FRAME);
    if (status != 0)
        return status;
    payload->length = frame->payload;
    payload->data[payload->length] = '\0';
    if (frame->checksum != XXH3_64bits_withSeed(payload->data, payload->length, reader->identity))
        return damaged(reader, "a record is damaged");
    reader->offset += JOURNAL_FRAME + (off_t)frame->payload;
    reader->number++;
    return 0;
}

/* One operation of the intent; false if the payload is not made of whole ones. */
static bool unpack_item(struct unpacking *from, struct journal_item *item) {
    const unsigned char *start = unpack_bytes(from, 3);
    if (start == NULL || start[0] < OPERATION_ADD || start[0] > OPERATION_FORGET)
        return false;
    *item = (struct journal_item){.kind = (enum operation_kind)start[0], .key_length = unpack_number(start + 1, 2)};
    item->key = unpack_bytes(from, item->key_length);
    if (item->key == NULL || item->key_length > ROWKEY_STORED)
        return false;
    if (item->kind != OPERATION_ADD)
        return true;
    const unsigned char *hash = unpack_bytes(from, sizeof item->hash.bytes);
    if (hash != NULL)
        memcpy(item->hash.bytes, hash, sizeof item->hash.bytes);
    return hash != NULL;
}

static bool count_items(struct journal_reader *reader) {
    struct unpacking from = {(const unsigned char *)reader->intent.data, reader->intent.length};
    struct journal_item item;
    for (reader->count = 0; from.left > 0; reader->count++)
        if (!unpack_item(&from, &item))
            return false;
    return true;
}

/* `before` and `next`: numbers of the intents beside this batch's, which may be reported on at the same time; 0: there is none. */
static int take_outcome(struct journal_reader *reader, uint64_t before, uint64_t next) {
    const unsigned char *payload = (const unsigned char *)reader->outcome.data;
    uint64_t whose = reader->outcome.length < JOURNAL_OUTCOME_START ? 0 : unpack_number(payload, JOURNAL_OUTCOME_START);
    if (whose != 0 && (whose == before || whose == next))
        return 0;
    if (whose != reader->intent_number || reader->outcome.length != JOURNAL_OUTCOME_START + reader->count)
        return damaged(reader, "an outcome is of another batch");
    for (size_t i = 0; i < reader->count; i++) {
        unsigned char outcome = payload[JOURNAL_OUTCOME_START + i];
        if (outcome > OUTCOME_NOT_SENT)
            return damaged(reader, "an outcome is unknown");
        if (outcome != OUTCOME_UNKNOWN)
            reader->outcomes[i] = outcome;
    }
    return 0;
}

/* Up to the intent after the next one. Leaves the reader at the next one, or at the end. */
static int read_outcomes(struct journal_reader *reader, uint64_t before) {
    struct frame frame;
    bool found = false;
    off_t next_offset = 0;
    uint64_t next = 0;
    int status = 0;
    while ((status = read_frame(reader, &frame, &found)) == 0 && found) {
        if (frame.type == JOURNAL_OUTCOME) {
            status = read_payload(reader, &frame, &reader->outcome);
            if (status == 0)
                status = take_outcome(reader, before, next);
            if (status != 0)
                return status;
        } else if (next == 0) {
            next = reader->number++;
            next_offset = reader->offset;
            reader->offset += JOURNAL_FRAME + (off_t)frame.payload;
        } else {
            break;
        }
    }
    if (status == 0 && next != 0) {
        reader->number = next;
        reader->offset = next_offset;
    }
    return status;
}

static int read_batch(struct journal_reader *reader, bool *found) {
    struct frame frame;
    uint64_t before = reader->intent_number;
    int status = read_frame(reader, &frame, found);
    if (status != 0 || !*found)
        return status;
    if (frame.type != JOURNAL_INTENT)
        return damaged(reader, "an outcome has no batch");
    reader->intent_number = frame.number;
    status = read_payload(reader, &frame, &reader->intent);
    if (status != 0)
        return status;
    if (!count_items(reader))
        return damaged(reader, "an operation is damaged");
    reader->outcomes = xreallocarray(reader->outcomes, reader->count, 1);
    memset(reader->outcomes, OUTCOME_UNKNOWN, reader->count);
    reader->from = (struct unpacking){(const unsigned char *)reader->intent.data, reader->intent.length};
    reader->at = 0;
    return read_outcomes(reader, before);
}

int journal_next(struct journal_reader *reader, const struct journal_item **item) {
    *item = NULL;
    while (reader->at == reader->count) {
        bool found = false;
        int status = read_batch(reader, &found);
        if (status != 0 || !found)
            return status;
    }
    if (!unpack_item(&reader->from, &reader->item) ||
        (reader->any &&
         rowkey_compare(reader->last.bytes, reader->last.length, reader->item.key, reader->item.key_length) >= 0))
        return damaged(reader, "an operation is out of order");
    reader->any = true;
    reader->last.length = reader->item.key_length;
    memcpy(reader->last.bytes, reader->item.key, reader->item.key_length);
    reader->item.outcome = (enum outcome)reader->outcomes[reader->at++];
    *item = &reader->item;
    return 0;
}

void journal_reader_free(struct journal_reader *reader) {
    if (reader == NULL)
        return;
    if (reader->descriptor >= 0)
        close(reader->descriptor);
    text_free(&reader->intent);
    text_free(&reader->outcome);
    free(reader->outcomes);
    free(reader->path);
    free(reader);
}
