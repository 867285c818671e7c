/* From the ledger's pending groups to people: the notice, the terminal, the page. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_TELL_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_TELL_H

#include "nightshift/web/notify.h"
#include "watch.h"

/* Judges what is pending, prints it, puts the notice into the outbox, and moves the groups into the history. Does nothing when nothing is
 * pending. `resumed`: these are groups that an earlier run had sealed. Returns 0, EXIT_CANNOT_WRITE or EXIT_LATER. */
int tell(struct watch *watch, struct notify *notify, bool resumed);

/* Writes report_dir/slow-queries.html if anything has `changed`, or if it was written more than ten minutes ago. EXIT_CANNOT_WRITE. */
int tell_page(struct watch *watch, bool changed);

/* --list. */
int tell_history(struct watch *watch);

#endif
