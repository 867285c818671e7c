/* Reasons not to believe what a merge has decided, judged before the first byte is sent. Pure code.
 *
 * How that goes together with one pass. The last delete falls out with the last row, so nothing may be sent before the stream has ended, unless
 * no guard can refuse any more. A second pass over the database would cost what the whole run costs. So operations are held in a spool
 * (spool.h), and what has to be held is little, because the guards themselves bound it:
 * - a first run has no baseline, and only min_rows applies: it passes after so many rows, and everything goes straight on to the
 *   domain, however large the table;
 * - a night with no change holds nothing;
 * - otherwise at most what max_change and max_delete allow is held, and new rows: one more, and the guard has refused, so that nothing needs
 *   to be kept any more and the rest is only counted for the message.
 * push_guards_stance() says which of the three it is, after every decision. Guards that were waived (--accept) bind nothing. */
#ifndef PUSH_LANCERS_PUSH_GUARDS_H
#define PUSH_LANCERS_PUSH_GUARDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "manifest.h"
#include "merge.h"

#define PUSH_GUARD_NAMES "min_rows, max_delete, max_change"

enum push_guard { PUSH_GUARD_MIN_ROWS, PUSH_GUARD_MAX_DELETE, PUSH_GUARD_MAX_CHANGE, PUSH_GUARD_COUNT };

/* "10%" of the documents that the domain holds (rounded up), or "5000" of them. */
struct push_ceiling {
    bool relative;
    double percent;
    int64_t documents;
};

struct push_guards {
    int64_t min_rows; /* rows of the query that are documents */
    struct push_ceiling max_delete;
    struct push_ceiling max_change; /* existing documents that get another content; new ones destroy nothing */
    bool waived[PUSH_GUARD_COUNT];
};

/* NULL or the reason for a refusal (a string literal). */
const char *push_ceiling_parse(const char *string, struct push_ceiling *out);

/* The guard of this name, or PUSH_GUARD_COUNT. */
enum push_guard push_guard_find(const char *name);

enum push_stance {
    PUSH_HOLD,    /* hold operations back: more rows may still trip a guard */
    PUSH_FREE,    /* whatever comes, no guard will refuse: send */
    PUSH_REFUSED, /* whatever comes, a guard refuses: keep nothing */
};

/* `counts` as merge_counts() gives them; `base`: the manifest before the run. */
enum push_stance push_guards_stance(const struct push_guards *guards, const struct manifest_info *base,
                                    const int64_t *counts);

struct push_verdict {
    const char *name;
    char *finding; /* for people; freed by the caller */
    int64_t value;
    int64_t limit;
    bool ok; /* also true for a waived guard */
    bool waived;
};

/* The verdicts at the end of the rows; true if none refuses. */
bool push_guards_judge(const struct push_guards *guards, const struct manifest_info *base, const int64_t *counts,
                       struct push_verdict verdicts[PUSH_GUARD_COUNT]);

#endif
