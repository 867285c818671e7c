/* watch-slow-queries: reads the slow log of every server once, and tells people of the queries that are new or have become worse. */
#include <stdio.h>

#include "nightshift/base/exits.h"
#include "nightshift/job/notices.h"
#include "nightshift/job/ping.h"
#include "nightshift/run/feature.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/mysql.h"
#include "nightshift/stores/redis.h"
#include "check.h"
#include "settings.h"
#include "tell.h"
#include "watch.h"

/* A run shall be over before the next one begins. */
enum { FLUSH_TIME = 20000 };

static bool goes_on(int status) {
    return status != EXIT_CANNOT_WRITE && status != EXIT_LATER;
}

static int watch_once(struct watch *watch, struct notify *notify) {
    bool changed = watch->ledger.sealed != NULL;
    record_phase(watch->run->record, "resume");
    int status = tell(watch, notify, true);
    if (status != 0)
        return status;
    record_phase(watch->run->record, "read");
    status = watch_read(watch);
    record_phase(watch->run->record, "tell");
    changed = changed || watch->ledger.pending.count > 0 || watch->ledger.gaps.count > 0;
    if (goes_on(status))
        status = exit_combine(status, tell(watch, notify, false));
    if (goes_on(status) && !watch->run->dry_run)
        status = exit_combine(status, tell_page(watch, changed));
    return status;
}

static int flush(struct watch *watch, struct notify *notify) {
    struct notify_budget budget = {.now = watch->now, .time = FLUSH_TIME};
    struct notify_result result = {0};
    record_phase(watch->run->record, "notify");
    int status = notify_flush(notify, &budget, &result);
    record_integer(watch->run->record, "outputs.notices_delivered", (int64_t)result.delivered);
    record_integer(watch->run->record, "outputs.notices_waiting", (int64_t)result.waiting);
    return status;
}

static int run_job(struct run *run) {
    const struct watch_options *options = run->options;
    struct watch watch = {0};
    struct notify *notify = NULL;
    int status = watch_load(run, &watch);
    if (status == 0 && options->list) {
        status = tell_history(&watch);
        goto out;
    }
    if (status == 0 && !run->dry_run)
        status = notices_open(run, &notify);
    if (status == 0)
        status = watch_once(&watch, notify);
    if (notify != NULL && goes_on(status))
        status = exit_combine(status, flush(&watch, notify));
out:
    notify_close(notify);
    watch_free(&watch);
    return status;
}

static const struct section *const sections[] = {&suite_section, &mysql_section,   &redis_section,
                                                 &ping_section,  &notify_section,  &watch_section,
                                                 &mute_section,  &feature_section, NULL};

static const struct job job = {
    .name = "watch-slow-queries",
    .purpose = "Reads the slow log of every MySQL server once and tells people of new and worse queries.",
    .options = watch_options,
    .options_size = sizeof(struct watch_options),
    .sections = sections,
    .prepare = watch_prepare,
    .check = watch_check,
    .run = run_job,
};

int main(int argc, char **argv) {
    return run_main(&job, argc, argv);
}
