/* Batches on their way to the domain, in threads of its own: journal, rate, upload, and what to do when a batch is refused. While one batch is
 * under way the next one is written into the journal, and another is filled; there are never more than these three. */
#ifndef PUSH_LANCERS_SENDER_H
#define PUSH_LANCERS_SENDER_H

#include <stdint.h>

#include "batch.h"
#include "document.h"
#include "manifest.h"
#include "nightshift/web/cloudsearch.h"
#include "settle.h"

enum { SENDER_REFUSALS = 20 }; /* that are kept for the report */

struct sender_refusal {
    char *id;
    char *field; /* NULL: not named */
    char *reason;
};

struct sender_totals {
    int64_t batches; /* posts, those that look for a bad document among them */
    int64_t bytes;
    int64_t added; /* acknowledged */
    int64_t deleted;
    int64_t refused; /* documents */
    int64_t attempts;
    struct sender_refusal refusals[SENDER_REFUSALS];
    size_t refusal_count;
};

struct sender_setup {
    struct cloudsearch *cloudsearch;
    const struct document_plan *plan;
    const struct settle *settle;      /* where the journal is */
    const struct manifest_info *base; /* what the journal goes on from */
    int64_t generation;
    int64_t max_batch;
    int64_t interval; /* milliseconds from the beginning of one post to that of the next */
    /* Called once, by a thread of the sender's, when there is a journal and before anything is sent; its failure ends the run. */
    int (*begin)(void *context);
    void *context;
};

struct sender;

/* Starts the thread. `setup` is copied, what it points to must outlive the sender. EXIT_SYSTEM. */
int sender_start(const struct sender_setup *setup, struct sender **out);

/* Puts an operation into the batch that is being filled; one that is full is handed over first, which waits while the one before is still under
 * way. Returns the status of the thread, when it has failed. */
int sender_add(struct sender *sender, const struct operation *operation);

/* Hands over the last batch, waits for all, ends the thread. Returns its status. To be called once; `totals` is valid until sender_free(). */
int sender_finish(struct sender *sender, const struct sender_totals **totals);

/* Without sender_finish() the batch that is being filled is lost, the one under way is waited for. NULL is allowed. */
void sender_free(struct sender *sender);

#endif
