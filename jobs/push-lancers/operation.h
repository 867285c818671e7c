/* What is done to one document, from the merge that decides it to the journal that remembers it. */
#ifndef PUSH_LANCERS_OPERATION_H
#define PUSH_LANCERS_OPERATION_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* XXH3-128 over the bytes of an add operation, in its canonical (big-endian) form. All zero: not known. */
struct hash {
    unsigned char bytes[16];
};

static inline bool hash_equal(const struct hash *a, const struct hash *b) {
    return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

enum operation_kind {
    OPERATION_ADD = 1,
    OPERATION_DELETE = 2,
    OPERATION_FORGET = 3, /* nothing is sent: an entry of a document that the domain never took leaves the manifest */
};

struct operation {
    enum operation_kind kind;
    const unsigned char *key; /* as rowkey.h makes it */
    size_t key_length;
    struct hash hash; /* of an add */
    const char *json; /* {"type":...}; nothing for a FORGET */
    size_t json_length;
};

/* What became of an operation that was about to be sent. */
enum outcome {
    OUTCOME_UNKNOWN = 0, /* it may have been applied: no answer, or none that can be trusted */
    OUTCOME_APPLIED = 1,
    OUTCOME_REFUSED = 2, /* the domain does not take this document; what it held before, it still holds */
    OUTCOME_NOT_SENT = 3 /* it was certainly not applied, for reasons that are not its own */
};

#endif
