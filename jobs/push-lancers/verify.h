/* --verify: are documents that were sent really to be found, with this content? A sample is taken while the rows pass, and looked up afterwards. */
#ifndef PUSH_LANCERS_VERIFY_H
#define PUSH_LANCERS_VERIFY_H

#include <stdint.h>

#include "document.h"
#include "merge.h"
#include "nightshift/job/job.h"
#include "nightshift/web/cloudsearch.h"
#include "settle.h"

struct verify;

/* A sample of `count` documents (1 to 1,000), each document equally likely, by a seed. */
struct verify *verify_start(const struct document_plan *plan, int64_t count, uint64_t seed);

/* For push->watch; `context` is the verify. Documents that are refused or bad are not taken. */
void verify_watch(void *context, const struct decision *decision, const struct text *json);

/* Searches for the sample until all of it is found as sent, or `time` milliseconds have passed. What the domain has not acknowledged, by the
 * manifest as settle() has left it, is not looked for. Of what is not found then, a document that this run has sent is "not yet visible", which
 * is only reported; one that it left unchanged is "missing" or "different", which is EXIT_ATTENTION. The record gets the numbers and the ids.
 * EXIT_LATER; failures of the search service. */
int verify_finish(struct verify *verify, struct run *run, struct cloudsearch *cloudsearch, const struct settle *settle,
                  int64_t time);

void verify_free(struct verify *verify); /* NULL is allowed */

#endif
