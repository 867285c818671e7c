/* Writing the journal: whole records, each with one write. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xxhash.h>

#include "journal_format.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"

struct journal {
    char *path;
    int descriptor;
    uint64_t identity;
    pthread_mutex_t lock; /* from here on: of whoever writes a record */
    uint64_t number;
    bool torn; /* a record was not written whole, so nothing may follow it */
    bool any;  /* from here on: of journal_intent() */
    struct rowkey last;
    struct text intent;
    struct text outcome; /* of journal_outcome() */
};

int64_t journal_generation(int64_t last, int64_t now) {
    return now > last ? now : last + 1;
}

static int cannot_write(const struct journal *journal) {
    return fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", journal->path, strerror(errno));
}

int journal_create(const char *path, const struct hash *fingerprint, const struct manifest_info *base,
                   int64_t generation, struct journal **out) {
    unsigned char header[JOURNAL_HEADER] = JOURNAL_MAGIC;
    struct journal *journal = xcalloc(1, sizeof *journal);
    journal->path = xstrdup(path);
    journal->number = 1;
    pthread_mutex_init(&journal->lock, NULL);
    pack_number(header + JOURNAL_MAGIC_SIZE, JOURNAL_FORMAT, 4);
    memcpy(header + 24, fingerprint->bytes, sizeof fingerprint->bytes);
    pack_number(header + 40, (uint64_t)base->generation, 8);
    pack_number(header + 48, base->checksum, 8);
    pack_number(header + 56, (uint64_t)generation, 8);
    journal->identity = XXH3_64bits(header, JOURNAL_HEADER - 8);
    pack_number(header + JOURNAL_HEADER - 8, journal->identity, 8);
    int status = 0;
    journal->descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (journal->descriptor < 0 && errno == EEXIST)
        status = fail(EXIT_BUG, "the journal \"%s\" of an earlier run has not been settled", path);
    else if (journal->descriptor < 0 || file_write_all(journal->descriptor, header, sizeof header) != 0 ||
             fdatasync(journal->descriptor) != 0 || file_flush_parent(path) != 0)
        status = cannot_write(journal);
    if (status != 0) {
        journal_close(journal);
        return status;
    }
    *out = journal;
    return 0;
}

/* `record` is room for the frame, and the payload. */
static int write_locked(struct journal *journal, uint32_t type, struct text *record) {
    if (journal->torn)
        return EXIT_CANNOT_WRITE;
    if (record->full || record->length - JOURNAL_FRAME > JOURNAL_PAYLOAD)
        return fail(EXIT_BUG, "cannot write \"%s\": the batch is too large", journal->path);
    unsigned char *frame = (unsigned char *)record->data;
    size_t payload = record->length - JOURNAL_FRAME;
    pack_number(frame, type, 4);
    pack_number(frame + 4, payload, 4);
    pack_number(frame + 8, journal->number, 8);
    pack_number(frame + 16, XXH3_64bits_withSeed(frame + JOURNAL_FRAME, payload, journal->identity), 8);
    pack_number(frame + 24, XXH3_64bits_withSeed(frame, JOURNAL_FRAME - 8, journal->identity), 8);
    journal->number++;
    journal->torn = file_write_all(journal->descriptor, record->data, record->length) != 0;
    return journal->torn ? cannot_write(journal) : 0;
}

/* *number: of the record; may be NULL. */
static int write_record(struct journal *journal, uint32_t type, struct text *record, uint64_t *number) {
    pthread_mutex_lock(&journal->lock);
    if (number != NULL)
        *number = journal->number;
    int status = write_locked(journal, type, record);
    pthread_mutex_unlock(&journal->lock);
    return status;
}

static void begin_record(struct text *record) {
    static const unsigned char frame[JOURNAL_FRAME] = {0};
    text_clear(record);
    text_append(record, frame, sizeof frame);
}

int journal_intent(struct journal *journal, struct batch *batch) {
    begin_record(&journal->intent);
    for (size_t i = 0; i < batch->count; i++) {
        struct operation operation = batch_operation(batch, i);
        unsigned char start[3] = {(unsigned char)operation.kind};
        if (operation.key_length > ROWKEY_STORED ||
            (journal->any &&
             rowkey_compare(journal->last.bytes, journal->last.length, operation.key, operation.key_length) >= 0))
            return fail(EXIT_BUG, "cannot write \"%s\": an operation is out of order", journal->path);
        journal->any = true;
        journal->last.length = operation.key_length;
        memcpy(journal->last.bytes, operation.key, operation.key_length);
        pack_number(start + 1, operation.key_length, 2);
        text_append(&journal->intent, start, sizeof start);
        text_append(&journal->intent, operation.key, operation.key_length);
        if (operation.kind == OPERATION_ADD)
            text_append(&journal->intent, operation.hash.bytes, sizeof operation.hash.bytes);
    }
    int status = write_record(journal, JOURNAL_INTENT, &journal->intent, &batch->intent);
    if (status == 0 && fdatasync(journal->descriptor) != 0)
        status = cannot_write(journal);
    return status;
}

int journal_outcome(struct journal *journal, const struct batch *batch, const unsigned char *outcomes) {
    unsigned char start[JOURNAL_OUTCOME_START];
    if (batch->intent == 0)
        return fail(EXIT_BUG, "cannot write \"%s\": the outcome is of a batch without an intent", journal->path);
    begin_record(&journal->outcome);
    pack_number(start, batch->intent, sizeof start);
    text_append(&journal->outcome, start, sizeof start);
    text_append(&journal->outcome, outcomes, batch->count);
    return write_record(journal, JOURNAL_OUTCOME, &journal->outcome, NULL);
}

void journal_close(struct journal *journal) {
    if (journal == NULL)
        return;
    if (journal->descriptor >= 0)
        close(journal->descriptor);
    pthread_mutex_destroy(&journal->lock);
    text_free(&journal->intent);
    text_free(&journal->outcome);
    free(journal->path);
    free(journal);
}
