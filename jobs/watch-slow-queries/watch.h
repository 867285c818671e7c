/* One run of watch-slow-queries: what it was given, what it found, and the ledger that it moves on. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_WATCH_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "findings.h"
#include "follow.h"
#include "instances.h"
#include "ledger.h"
#include "nightshift/job/job.h"
#include "nightshift/run/state.h"
#include "settings.h"
#include "site.h"

struct watch {
    struct run *run;
    const struct watch_settings *settings;
    int64_t now; /* milliseconds since 1970, one for the whole run */
    struct ledger ledger;
    struct state state; /* the ledger as it was last read or written */
    struct instances instances;
    struct follow_result *results; /* one per instance */
    struct judge_rules rules;
    struct mute *mutes;
    struct site_instance *site_instances;
    struct site site;
};

/* Loads the ledger. EXIT_GUARD for one that cannot be understood: nothing is read then, or all would be told again. */
int watch_load(struct run *run, struct watch *watch);
void watch_free(struct watch *watch);

/* Writes the ledger. In a dry run nothing is written. EXIT_CANNOT_WRITE, EXIT_LATER as mirror_save(). */
int watch_save(struct watch *watch);

/* Reads what is new on every instance into the ledger. Returns 0, or the exit code of the worst that happened; what could be read was. */
int watch_read(struct watch *watch);

/* Fills watch->site from the instances and the ledger; call again when they have changed. */
void watch_describe(struct watch *watch);

#endif
