/* What --dry-run shows: the counts, and of each kind of change a few documents; changed ones field by field against what the domain holds. */
#ifndef PUSH_LANCERS_PREVIEW_H
#define PUSH_LANCERS_PREVIEW_H

#include "document.h"
#include "merge.h"
#include "nightshift/web/cloudsearch.h"
#include "push.h"

struct preview;

struct preview *preview_start(const struct document_plan *plan);

/* For push->watch; `context` is the preview. */
void preview_watch(void *context, const struct decision *decision, const struct text *json);

/* Prints to stdout. The domain is asked for the old contents only where a search endpoint is set; that it cannot be asked is said and no
 * failure. EXIT_LATER. */
int preview_print(struct preview *preview, struct cloudsearch *cloudsearch, bool searchable, const struct push *push);

void preview_free(struct preview *preview); /* NULL is allowed */

#endif
