/* Which of the numbers among a job's outputs are worth a column. Pure code. */
#ifndef NIGHTSHIFT_SHOW_RUNS_OUTPUTS_H
#define NIGHTSHIFT_SHOW_RUNS_OUTPUTS_H

#include "nightshift/base/text.h"
#include "seen.h"

struct output_names {
    const char **items; /* belong to the runs */
    size_t count;
};

/* At most `limit` names of outputs of these runs: those that have been the largest, in that order, and "unchanged" last. */
void outputs_choose(const struct seen *const *runs, size_t count, size_t limit, struct output_names *names);
void outputs_free(struct output_names *names);

/* Whether the run has this output; *value is set if so. */
bool outputs_of(const struct seen *run, const char *name, int64_t *value);

#endif
