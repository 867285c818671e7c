/* The guards: reasons not to believe a set of counts. Pure code. A guard that refuses keeps everything as it is in the cache; an engineer who
 * knows better names it with --accept. */
#ifndef COUNT_CATEGORIES_GUARDS_H
#define COUNT_CATEGORIES_GUARDS_H

#include <stdbool.h>
#include <stddef.h>

#include "baseline.h"
#include "counts.h"
#include "settings.h"

#define GUARD_NAMES "circle, unknown, minimum, total, drop, rise, zero, changed"

struct guard {
    const char *name;
    char *finding; /* for people: what was found, against which limit */
    double value;
    double limit;
    bool ok;
};

struct guards {
    struct guard *items;
    size_t count;
};

struct guard_input {
    const struct count_settings *limits;
    const struct counts *counts;
    const struct baseline_count
        *baseline;                    /* what was published last; NULL: nothing yet, then only absolute guards apply */
    const char *circle;               /* from counts_finish(), or NULL */
    const int64_t *independent_total; /* of the `total` query, or NULL */
};

bool guard_exists(const char *name);

/* Adds the verdict of each guard that applies. */
void guards_judge(const struct guard_input *input, struct guards *guards);
void guards_free(struct guards *guards);

#endif
