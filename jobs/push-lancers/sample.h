/* Documents taken at random while the rows pass, and what a later look at the domain says about them. Of each it keeps a number per field
 * (compare.h) and not the document, so that it takes some megabytes at most. Pure code. */
#ifndef PUSH_LANCERS_SAMPLE_H
#define PUSH_LANCERS_SAMPLE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "document.h"
#include "manifest.h"

struct sample_item {
    unsigned char key[ROWKEY_STORED];
    size_t key_length;
    char *id;
    bool sent;      /* by this run */
    bool held;      /* the manifest says that the domain has acknowledged it */
    bool found;     /* by the last look */
    uint64_t *want; /* of each field, as sent */
    uint64_t *have; /* of each field, as found */
};

struct sample {
    const struct document_plan *plan;
    size_t fields;
    struct sample_item *items;
    size_t count;
    size_t most;
    int64_t passed; /* documents that could have been taken */
    uint64_t random;
    bool *returned; /* by field: some document that was found had it, so the domain returns this field */
};

enum sample_verdict { SAMPLE_AS_SENT, SAMPLE_MISSING, SAMPLE_DIFFERENT };

/* `most` documents at most, each as likely as any other, by a seed. */
void sample_start(struct sample *sample, const struct document_plan *plan, size_t most, uint64_t seed);
void sample_free(struct sample *sample);

/* One document passes: its key, of up to ROWKEY_STORED bytes, and its add operation. */
void sample_pass(struct sample *sample, const unsigned char *key, size_t key_length, const struct text *json,
                 bool sent);

/* Sorts by key, for comparing with the manifest. */
void sample_sort(struct sample *sample);

/* What a search says about the document with this id: its fields. Ids that are not in the sample are passed over. */
void sample_found(struct sample *sample, const char *id, const json_t *fields);

/* By all that has been found so far. A field that was sent and is never returned for any document is not compared, nor is one that was not sent:
 * the domain may fill it by a default of its own. `compared` and `differing` (names, with commas) are added to; NULL: not wanted. */
enum sample_verdict sample_judge(const struct sample *sample, const struct sample_item *item, int64_t *compared,
                                 struct text *differing);

/* Names of the fields that were sent and never returned, with commas. */
void sample_add_unreturned(const struct sample *sample, struct text *names);

#endif
