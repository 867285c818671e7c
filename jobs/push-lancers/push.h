/* One pass over the rows: documents are made, compared with the manifest, and what has to be done is sent, as soon as no guard can forbid it any
 * more. */
#ifndef PUSH_LANCERS_PUSH_H
#define PUSH_LANCERS_PUSH_H

#include <stdbool.h>
#include <stdint.h>

#include "document.h"
#include "known.h"
#include "manifest.h"
#include "merge.h"
#include "nightshift/job/job.h"
#include "nightshift/stores/mysql.h"
#include "nightshift/web/cloudsearch.h"
#include "sender.h"
#include "settings.h"
#include "settle.h"

enum { PUSH_SAMPLES = 20 }; /* of bad rows that are kept for the report */

/* A row that cannot be a document. */
struct bad_row {
    char *key;
    const char *field; /* of the plan */
    const char *reason;
};

/* What one pass needs, and what it leaves. */
struct push {
    struct run *run;
    const struct push_settings *settings;
    struct database *database;
    struct cloudsearch *cloudsearch;
    const struct document_plan *plan;
    size_t columns;
    const struct settle *settle;
    struct manifest_info base;
    const char *domain;
    struct known *known;
    /* Called with every decision and the document's operation (NULL: none), before anything is done about it. NULL: nobody wants to know. */
    void (*watch)(void *context, const struct decision *decision, const struct text *json);
    void *watch_context;

    /* Results. */
    int64_t counts[DECISION_KINDS];
    int64_t rows;
    struct document_counts changed; /* characters and dates that were changed or left out */
    struct bad_row bad[PUSH_SAMPLES];
    size_t bad_count;
    struct sender *sender;
    const struct sender_totals *totals; /* NULL: nothing was sent */
    int64_t generation;                 /* of what was sent; 0: nothing was */
};

/* In a dry run nothing is sent, and guards that refuse are only reported. EXIT_GUARD: refused, and nothing was sent. */
int push_rows(struct push *push);

void push_free(struct push *push); /* what the results hold */

#endif
