/* The notice of a run. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_MESSAGE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_MESSAGE_H

#include "findings.h"
#include "nightshift/web/notify.h"
#include "settings.h"
#include "site.h"

struct message_input {
    const struct watch_settings *settings; /* tell, max_groups, samples */
    const struct findings *findings;
    const struct strings *gaps; /* sentences: rows that were lost; NULL: none */
    const struct site *site;
};

/* NULL when there is nothing to tell: no finding of a verdict in `tell`, and no gap. Free with notify_message_free().
 * A muted finding is never told. */
struct notify_message *message_make(const struct message_input *input);

/* The ids of what is told as new or worse, whether it is in the message or counted as left out: for ledger_settle(). */
void message_told(const struct message_input *input, struct strings *ids);

#endif
