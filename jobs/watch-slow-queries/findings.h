/* What the pending groups mean: one finding per fingerprint, judged against its own history, worst first. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_FINDINGS_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_FINDINGS_H

#include <stddef.h>
#include <stdint.h>

#include "ledger.h"

enum verdict {
    VERDICT_NEW,   /* never seen before, or forgotten since */
    VERDICT_WORSE, /* today more often, longer in all, or slower than on any earlier day, by a factor: judge_history() */
    VERDICT_KNOWN,
    VERDICT_MUTED,
};

const char *verdict_name(int verdict); /* "new", "worse", "known", "muted" */

/* One line of [mute]. */
struct mute {
    const char *id; /* 32 hexadecimal digits, upper or lower case */
    const char *reason;
    int64_t until; /* first day, since 1970, on which it is heard again */
};

struct judge_rules {
    int64_t today;       /* days since 1970, in the site's time zone */
    double worse_factor; /* > 1 */
    int64_t worse_count; /* a day with fewer queries of a fingerprint is never worse for their number or total */
    const struct mute *mutes;
    size_t mute_count;
};

/* Pointers lead into the ledger and the rules. */
struct finding {
    const char *id;
    const char *fingerprint;
    int verdict; /* enum verdict */
    char
        *reason; /* for worse: "412 today, at most 120 on any of the 14 days before"; for muted the reason; else NULL */
    const struct known *known;   /* its history before these groups; NULL: none */
    const struct group **groups; /* one per instance, slowest in all first */
    size_t group_count;
    struct tally all; /* over all instances */
    int64_t median;   /* of all their times */
    int64_t rows_sent;
    int64_t rows_examined;
    int64_t first_seen; /* of the history, else the earliest of the groups */
};

struct findings {
    struct finding *items; /* new, worse, known, muted; within each by total time, largest first */
    size_t count;
    size_t of[VERDICT_MUTED + 1]; /* how many of each verdict */
    const struct group **groups;  /* what the findings' `groups` lead into */
};

/* Why nobody shall hear of this fingerprint today; NULL: no reason. */
const struct mute *mute_of(const struct judge_rules *rules, const char *id);

/* How the days of `fresh`, which are not in `known` yet, compare with all days before them. VERDICT_WORSE with a reason appended,
 * else VERDICT_KNOWN. judge.c says what is worse. */
int judge_history(const struct known *known, const struct days *fresh, const struct judge_rules *rules,
                  struct text *reason);

/* `out` is filled; it is valid while the ledger and the rules are not changed. */
void findings_make(const struct ledger *ledger, const struct judge_rules *rules, struct findings *out);
void findings_free(struct findings *findings);

#endif
