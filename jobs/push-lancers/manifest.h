/* What the domain holds, as far as it has acknowledged it: one entry per document, in the order of the rows' keys (rowkey.h), in a local file
 * that is read and written in one pass and constant memory. Document ids are not stored: they follow from the keys.
 *
 *     header   magic, format, generation, fingerprint (document_fingerprint()), checksum
 *     blocks   up to 64 KiB of entries each: sizes, running number, checksum; keys share their beginning with the entry before
 *     trailer  numbers of blocks and entries by state, checksum over the checksums of all blocks
 *
 * Each checksum is XXH3-64 and starts from that of the header, so that a block of another file is as wrong as a flipped bit. Header, trailer
 * and size are checked before the first entry; an entry is handed out only from a block that is whole. A file that ends early has no
 * trailer. So a damaged manifest never says less than it should: it says nothing.
 *
 * Not there is another matter: without a manifest every row is new, and nothing is ever deleted. */
#ifndef PUSH_LANCERS_MANIFEST_H
#define PUSH_LANCERS_MANIFEST_H

#include <stdbool.h>
#include <stdint.h>

#include "operation.h"
#include "rowkey.h"

enum manifest_state {
    MANIFEST_HELD,    /* the domain holds the content of this hash */
    MANIFEST_UNSURE,  /* it may hold the document, with whatever content: a run ended between sending and the answer */
    MANIFEST_REFUSED, /* it refused the content of this hash and holds nothing */
    MANIFEST_REFUSED_NEW, /* it refused the content of this hash and holds an earlier one, perhaps */
    MANIFEST_STATES
};

struct manifest_entry {
    enum manifest_state state;
    struct hash hash;
    int64_t version; /* of the run that changed it last; per document it only ever rises */
    size_t key_length;
    unsigned char key[ROWKEY_STORED];
};

struct manifest_info {
    bool exists;
    struct hash fingerprint;
    int64_t generation; /* of the run that wrote it; 0: there is none */
    uint64_t checksum;  /* of the trailer: which file it is */
    int64_t entries;
    int64_t states[MANIFEST_STATES];
};

struct manifest;

/* Opens it for reading. A missing file is an empty manifest (info->exists false). EXIT_GUARD when it is damaged, of another format, or of
 * another domain (fingerprint; NULL: any); EXIT_CANNOT_WRITE when it cannot be read. */
int manifest_open(const char *path, const struct hash *fingerprint, struct manifest **out, struct manifest_info *info);
/* The next entry, valid until the next call; *entry is NULL after the last one, when everything has been found right. EXIT_GUARD. */
int manifest_next(struct manifest *manifest, const struct manifest_entry **entry);
void manifest_close(struct manifest *manifest); /* NULL is allowed */

/* Reads all of it. For the moment before an upload that has a use for the whole file being sound. */
int manifest_verify(const char *path, const struct hash *fingerprint, struct manifest_info *info);

/* Renames a file that cannot be used to PATH.bad, with a warning. */
void manifest_set_aside(const char *path);

/* --- writing: beside its place, until manifest_commit() --- */

struct manifest_writer;

int manifest_create(const char *path, const struct hash *fingerprint, int64_t generation, struct manifest_writer **out);
/* Entries in strictly ascending order of their keys, else EXIT_BUG. */
int manifest_put(struct manifest_writer *writer, const struct manifest_entry *entry);
/* Writes the end and flushes all to disk: what is left is the rename. */
int manifest_seal(struct manifest_writer *writer, struct manifest_info *info);
int manifest_commit(struct manifest_writer *writer);
/* Closes; what was not committed is removed. NULL is allowed. */
void manifest_writer_free(struct manifest_writer *writer);

#endif
