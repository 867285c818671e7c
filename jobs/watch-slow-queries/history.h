/* The ledger's history as people look at it: by the time that each fingerprint took lately. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_HISTORY_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_HISTORY_H

#include "findings.h"
#include "ledger.h"

enum { HISTORY_RECENT_DAYS = 14 };

/* One fingerprint; pointers lead into the ledger and the rules. */
struct history_row {
    const struct known *known;
    struct tally recent;     /* of the last HISTORY_RECENT_DAYS days, today included */
    int verdict;             /* enum verdict: what it was told as today, else VERDICT_KNOWN or VERDICT_MUTED */
    const struct mute *mute; /* of VERDICT_MUTED */
};

/* ledger->known_count rows, the largest recent total first; the caller frees the array. */
struct history_row *history_rows(const struct ledger *ledger, const struct judge_rules *rules);

#endif
