/* Three guards; only a ceiling that is reached at the end counts, but it can be known to be passed before. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "nightshift/base/memory.h"
#include "nightshift/base/parse.h"
#include "push_guards.h"

static const char *const names[PUSH_GUARD_COUNT] = {"min_rows", "max_delete", "max_change"};

const char *push_ceiling_parse(const char *string, struct push_ceiling *out) {
    struct push_ceiling ceiling = {0};
    size_t length = strlen(string);
    ceiling.relative = length > 0 && string[length - 1] == '%';
    const char *reason =
        ceiling.relative ? parse_percentage(string, &ceiling.percent) : parse_integer(string, &ceiling.documents);
    if (reason == NULL && (ceiling.percent > 100 || ceiling.documents < 0))
        reason = "must be from 0% to 100%, or a number of documents from 0 on";
    if (reason == NULL)
        *out = ceiling;
    return reason;
}

enum push_guard push_guard_find(const char *name) {
    size_t at = 0;
    while (at < PUSH_GUARD_COUNT && strcmp(names[at], name) != 0)
        at++;
    return (enum push_guard)at;
}

/* Documents that the domain holds, as far as we know. */
static int64_t held(const struct manifest_info *base) {
    return base->states[MANIFEST_HELD] + base->states[MANIFEST_UNSURE] + base->states[MANIFEST_REFUSED_NEW];
}

static int64_t allowed(const struct push_ceiling *ceiling, const struct manifest_info *base) {
    return ceiling->relative ? (int64_t)ceil((double)held(base) * ceiling->percent / 100) : ceiling->documents;
}

static int64_t rows_of(const int64_t *counts) {
    return counts[DECISION_ADD_NEW] + counts[DECISION_ADD_CHANGED] + counts[DECISION_ADD_AGAIN] +
           counts[DECISION_UNCHANGED] + counts[DECISION_STILL_REFUSED];
}

struct tally {
    int64_t value;
    int64_t limit;
    int64_t most; /* what the value could become at worst */
};

static struct tally tally_of(const struct push_guards *guards, enum push_guard guard, const struct manifest_info *base,
                             const int64_t *counts) {
    if (guard == PUSH_GUARD_MIN_ROWS)
        return (struct tally){rows_of(counts), guards->min_rows, INT64_MAX};
    if (guard == PUSH_GUARD_MAX_DELETE)
        return (struct tally){counts[DECISION_DELETE], allowed(&guards->max_delete, base), held(base)};
    return (struct tally){counts[DECISION_ADD_CHANGED], allowed(&guards->max_change, base), base->entries};
}

enum push_stance push_guards_stance(const struct push_guards *guards, const struct manifest_info *base,
                                    const int64_t *counts) {
    enum push_stance stance = PUSH_FREE;
    for (enum push_guard guard = 0; guard < PUSH_GUARD_COUNT; guard++) {
        struct tally tally = tally_of(guards, guard, base, counts);
        if (guards->waived[guard])
            continue;
        if (guard == PUSH_GUARD_MIN_ROWS) {
            if (tally.value < tally.limit)
                stance = PUSH_HOLD;
            continue;
        }
        if (tally.value > tally.limit)
            return PUSH_REFUSED;
        if (tally.most > tally.limit)
            stance = PUSH_HOLD;
    }
    return stance;
}

static char *finding_of(enum push_guard guard, const struct tally *tally, const struct manifest_info *base) {
    if (guard == PUSH_GUARD_MIN_ROWS)
        return xasprintf("the query gave %" PRId64 " documents; at least %" PRId64 " are expected", tally->value,
                         tally->limit);
    return xasprintf("%" PRId64 " of %" PRId64 " documents would be %s; at most %" PRId64 " may be", tally->value,
                     held(base), guard == PUSH_GUARD_MAX_DELETE ? "deleted" : "changed", tally->limit);
}

bool push_guards_judge(const struct push_guards *guards, const struct manifest_info *base, const int64_t *counts,
                       struct push_verdict verdicts[PUSH_GUARD_COUNT]) {
    bool all = true;
    for (enum push_guard guard = 0; guard < PUSH_GUARD_COUNT; guard++) {
        struct tally tally = tally_of(guards, guard, base, counts);
        bool passes = guard == PUSH_GUARD_MIN_ROWS ? tally.value >= tally.limit : tally.value <= tally.limit;
        verdicts[guard] = (struct push_verdict){
            .name = names[guard],
            .finding = finding_of(guard, &tally, base),
            .value = tally.value,
            .limit = tally.limit,
            .ok = passes || guards->waived[guard],
            .waived = !passes && guards->waived[guard],
        };
        all = all && verdicts[guard].ok;
    }
    return all;
}
