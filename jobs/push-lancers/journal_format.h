/* The sizes of journal.h's records, shared by its reader and its writer. */
#ifndef PUSH_LANCERS_JOURNAL_FORMAT_H
#define PUSH_LANCERS_JOURNAL_FORMAT_H

#include "journal.h"
#include "packing.h"

enum {
    JOURNAL_FORMAT = 1,
    JOURNAL_HEADER = 72,
    JOURNAL_MAGIC_SIZE = 20,
    JOURNAL_FRAME = 32,
    JOURNAL_INTENT = 1,  /* per operation: kind 1 | key length 2 | key | hash 16, of an add */
    JOURNAL_OUTCOME = 2, /* number of the intent 8 | per operation: outcome 1 */
    JOURNAL_OUTCOME_START = 8
};

#define JOURNAL_MAGIC "nightshift-journal!"

/* More than BATCH_OPERATIONS adds with the longest keys. */
enum { JOURNAL_PAYLOAD = BATCH_OPERATIONS * (3 + ROWKEY_STORED + 16) };

#endif
