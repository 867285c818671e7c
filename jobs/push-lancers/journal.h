/* What a run has sent, between two manifests. Before a batch is sent, its operations are on disk (the intent); afterwards follows what became
 * of each (the outcome). The next manifest is the last one with the journal applied to it: settle() makes it, at the end of a run and, when
 * that did not happen, before the next. So the end of every run is the recovery from a crash, and there is no other way to go wrong.
 *
 * Why intents: a batch can have been applied although we were killed before the answer. Then the domain may hold a document that the manifest
 * does not know, so that it would never be deleted; or another content than the manifest says, so that a row that changes back would look
 * unchanged. An operation without an outcome makes its entry MANIFEST_UNSURE: the next run sends the row whatever its hash, or deletes it.
 *
 * Only the intent has to reach the disk before anything else may happen, with one fdatasync per batch. An outcome that is lost costs sending
 * its batch again.
 *
 *     header   magic 20 | format 4 | fingerprint 16 | generation and checksum of the manifest it goes on from 8 + 8 | generation 8 | checksum 8
 *     record   type 4 | payload length 4 | number 8 | checksum of the payload 8 | checksum of these 24 bytes 8 | payload
 *
 * The intent of the next batch may come before the outcome of one that is still under way, so that nothing waits for the disk; never two of
 * them. So an outcome says whose it is.
 *
 * A record that the file is too short for was being written when the run ended, and says nothing: it was not on disk, so its batch was not
 * sent. The same goes for a record of nothing but zeros at the end, which is what a power cut leaves. Anything else that is not right is
 * damage, and nothing may be concluded from the journal: EXIT_GUARD. */
#ifndef PUSH_LANCERS_JOURNAL_H
#define PUSH_LANCERS_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "batch.h"
#include "manifest.h"

struct journal;

/* The generation, and version of all that it changes, of a run that goes on from `last`: greater, and also greater than that of a manifest that
 * was lost, if clocks (milliseconds since 1970) go forward. */
int64_t journal_generation(int64_t last, int64_t now);

/* Starts a new journal; there must be none (EXIT_BUG: settle() comes first). */
int journal_create(const char *path, const struct hash *fingerprint, const struct manifest_info *base,
                   int64_t generation, struct journal **out);
/* Returns once the operations are on disk: only then may they be sent. Keys ascend from batch to batch, else EXIT_BUG. May be called while
 * another thread reports the outcome of the batch before. */
int journal_intent(struct journal *journal, struct batch *batch);
/* Outcomes (enum outcome) of the batch's operations, in their order. May come in several parts: those that are still UNKNOWN change nothing. */
int journal_outcome(struct journal *journal, const struct batch *batch, const unsigned char *outcomes);
void journal_close(struct journal *journal); /* the file stays; NULL is allowed */

/* --- reading --- */

struct journal_header {
    bool exists;
    struct hash fingerprint;
    int64_t base_generation;
    uint64_t base_checksum;
    int64_t generation;
};

struct journal_item {
    enum operation_kind kind;
    enum outcome outcome;
    struct hash hash;
    const unsigned char *key;
    size_t key_length;
};

struct journal_reader;

/* A missing or just begun journal is empty (header->exists false). */
int journal_open(const char *path, struct journal_reader **out, struct journal_header *header);
/* The next operation in order of keys, valid until the next call; *item is NULL after the last one. Holds one batch in memory. */
int journal_next(struct journal_reader *reader, const struct journal_item **item);
void journal_reader_free(struct journal_reader *reader); /* NULL is allowed */

#endif
