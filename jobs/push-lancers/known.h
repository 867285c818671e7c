/* What all hosts know of the manifest, which itself is only on the host that pushed last: the generation of the last run that sent anything. It
 * is written, and mirrored, between the creation of the run's journal and its first batch. A manifest of another generation, or none, does not
 * say what the domain holds. Nor does a newer one: a host that stood still in between, or whose clock is fast, may have missed what another one
 * pushed. A run that died between journal and this leaves a journal without an intent, which does not count (settle_drop_unsent()). */
#ifndef PUSH_LANCERS_KNOWN_H
#define PUSH_LANCERS_KNOWN_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/job/job.h"
#include "nightshift/run/state.h"

struct known {
    struct state state;
    int64_t generation; /* 0: nobody has pushed yet */
    char *host;         /* that did; NULL: nobody */
};

/* `name`: of the domain. Fails as mirror_load() does; a state that cannot be understood is EXIT_GUARD. */
int known_load(struct run *run, const char *name, struct known *known);

/* Before the first batch of a run of this generation. Fails as mirror_save() does. */
int known_save(struct run *run, const char *name, struct known *known, int64_t generation);

void known_free(struct known *known);

#endif
