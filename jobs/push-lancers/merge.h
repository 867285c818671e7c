/* One pass over the rows of the database and the entries of the manifest, both in the order of their keys: what is only here is new, what is
 * only there is to be deleted, and of the rest the hashes say whether it has changed. Pure code; holds one row and one entry.
 *
 * The keys of the rows must rise strictly. A query that is not sorted by its key, or gives a row twice, would make documents look deleted that
 * are not: the first key out of order is an error, and nothing that has been decided so far may then be sent (push_guards.h). A string key has to be
 * sorted by its bytes (ORDER BY CAST(k AS BINARY), or a column with a binary collation). */
#ifndef PUSH_LANCERS_MERGE_H
#define PUSH_LANCERS_MERGE_H

#include <stdbool.h>
#include <stdint.h>

#include "manifest.h"

struct merge_row {
    const unsigned char *key;
    size_t key_length;
    struct hash hash;
    bool bad; /* it cannot be a document (document.h): what the domain holds of it stays as it is */
};

struct merge_source {
    void *context;
    /* The next one, valid until the next call; NULL after the last one. Each returns 0 or an exit code, which ends the merge. */
    int (*next_row)(void *context, const struct merge_row **row);
    int (*next_entry)(void *context, const struct manifest_entry **entry);
    /* Which keys this run is about (--only-ids); NULL: all of them. */
    bool (*wanted)(void *context, const unsigned char *key, size_t key_length);
    enum rowkey_kind key_kind; /* for messages */
    const char *origin;        /* of the query, for messages */
    bool everything;           /* --full: unchanged and refused documents are sent again too */
};

enum decision_kind {
    DECISION_END,
    DECISION_ADD_NEW,
    DECISION_ADD_CHANGED,   /* also: a refused document whose content is another one now */
    DECISION_ADD_AGAIN,     /* an unsure entry, or --full */
    DECISION_UNCHANGED,     /* nothing to do */
    DECISION_STILL_REFUSED, /* the domain refused this very content: nothing to do */
    DECISION_BAD_ROW,       /* nothing to do */
    DECISION_DELETE,
    DECISION_FORGET, /* of an entry of a document that the domain does not hold: OPERATION_FORGET */
    DECISION_KINDS
};

struct decision {
    enum decision_kind kind;
    const unsigned char *key; /* valid until the next decision, as is what the row's callback has made */
    size_t key_length;
    const struct merge_row *row;        /* NULL: there is none */
    const struct manifest_entry *entry; /* NULL: there is none */
};

struct merge;

struct merge *merge_start(const struct merge_source *source);
void merge_free(struct merge *merge); /* NULL is allowed */

/* EXIT_SETTINGS for rows out of order, or what a source said. */
int merge_next(struct merge *merge, struct decision *decision);

/* How many decisions of each kind there have been (indexed by enum decision_kind). */
const int64_t *merge_counts(const struct merge *merge);

#endif
