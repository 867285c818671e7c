/* Reading into the ledger. Rows become groups as they arrive, and with each batch groups and position are written together: whatever ends
 * the run, a row is either read and to be told, or still to be read. */
#include "watch.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/job/mirror.h"
#include "nightshift/report/format.h"
#include "nightshift/run/feature.h"

static const char state_name[] = "ledger";

/* How stale "last read at" may become in the file while nothing else changes there. */
enum { IDLE_SAVE_EVERY = 300000 };

static void load_mutes(struct watch *watch) {
    size_t count = settings_count(watch->run->settings, &mute_section);
    watch->mutes = xcalloc(count, sizeof *watch->mutes);
    for (size_t i = 0; i < count; i++) {
        const char *id = NULL;
        int64_t last = 0;
        const struct mute_settings *mute = settings_at(watch->run->settings, &mute_section, i, &id);
        (void)parse_day(mute->until, &last); /* checked by the section */
        watch->mutes[i] = (struct mute){.id = id, .reason = mute->reason, .until = last + 1};
    }
    watch->rules.mutes = watch->mutes;
    watch->rules.mute_count = count;
}

int watch_load(struct run *run, struct watch *watch) {
    *watch = (struct watch){.run = run, .settings = settings_of(run->settings, &watch_section), .now = clock_now()};
    watch->rules.today = clock_day(watch->now);
    watch->rules.worse_factor = watch->settings->worse / 100;
    watch->rules.worse_count = watch->settings->worse_count;
    load_mutes(watch);
    int status = mirror_load(run, state_name, &watch->state);
    if (status != 0 || watch->state.version == 0)
        return status;
    const char *reason = ledger_decode(&watch->state.body, &watch->ledger);
    text_free(&watch->state.body);
    if (reason == NULL)
        return 0;
    fail(EXIT_GUARD, "cannot use the state \"%s\" of version %" PRId64 ": %s", state_name, watch->state.version,
         reason);
    return log_hint("without it every row of every slow log is told again; move it away only if that is what you want"),
           EXIT_GUARD;
}

void watch_free(struct watch *watch) {
    for (size_t i = 0; watch->results != NULL && i < watch->instances.count; i++)
        free(watch->results[i].gap_reason);
    free(watch->results);
    instances_close(&watch->instances);
    ledger_free(&watch->ledger);
    state_free(&watch->state);
    free(watch->mutes);
    free(watch->site_instances);
    *watch = (struct watch){0};
}

int watch_save(struct watch *watch) {
    if (watch->run->dry_run)
        return 0;
    ledger_encode(&watch->ledger, &watch->state.body);
    if (watch->state.body.full)
        return fail(EXIT_BUG, "the state is too large");
    int status = mirror_save(watch->run, state_name, &watch->state);
    text_free(&watch->state.body); /* megabytes, which the ledger holds already */
    return status;
}

/* --- one instance --- */

struct reading {
    struct watch *watch;
    const struct instance *instance;
    struct follow_result *result;
    bool gap_noted;
    struct text scratch;
};

static void take_row(void *context, const struct slow_row *row) {
    struct reading *reading = context;
    const struct groups_input input = {.instance = reading->instance->name,
                                       .row = row,
                                       .day = clock_day(row->finished),
                                       .sample = reading->watch->settings->samples};
    groups_add(&reading->watch->ledger.pending, &input, &reading->scratch);
}

/* A gap must be in the ledger as soon as the position behind it is. */
static void note_gap(struct reading *reading) {
    if (!reading->result->gap || reading->gap_noted)
        return;
    reading->gap_noted = true;
    const char *reason = reading->result->gap_reason != NULL ? reading->result->gap_reason : "rows may be lost";
    struct text sentence = {0};
    log_warning("%s: %s", reading->instance->server, reason);
    format_time(&sentence, reading->watch->now);
    text_printf(&sentence, " %s: %s", reading->instance->server, reason);
    strings_add(&reading->watch->ledger.gaps, text_string(&sentence));
    text_free(&sentence);
}

static int commit_batch(void *context) {
    struct reading *reading = context;
    note_gap(reading);
    return watch_save(reading->watch);
}

static void report_instance(const struct watch *watch, const struct instance *instance,
                            const struct follow_result *result) {
    record_set(watch->run->record, "outputs.instances[]",
               json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:b}", "instance", instance->name, "server",
                         instance->server, "rows", (json_int_t)result->rows, "skipped", (json_int_t)result->skipped,
                         "unreadable", (json_int_t)result->unreadable, "shifted", (json_int_t)result->shifted,
                         "backlog", (json_int_t)result->backlog, "rotated", result->rotated, "gap", result->gap));
}

/* Returns the exit code for this instance. */
static int read_instance(struct watch *watch, size_t index, int64_t until) {
    struct instance *instance = &watch->instances.items[index];
    struct follow_result *result = &watch->results[index];
    struct reading reading = {.watch = watch, .instance = instance, .result = result};
    struct position *position = ledger_position(&watch->ledger, instance->name);
    int64_t read_before = position->read_at;
    free(position->server);
    position->server = xstrdup(instance->server);
    const struct follow_input input = {.settings = watch->settings,
                                       .instance = instance,
                                       .position = position,
                                       .until = until,
                                       .dry_run = watch->run->dry_run};
    const struct follow_sink sink = {.take = take_row, .commit = commit_batch, .context = &reading};
    int status = follow(&input, &sink, result);
    /* Nothing was read, and still somebody may ask when this was last looked at. */
    bool stale = position->read_at - read_before > IDLE_SAVE_EVERY;
    if (result->gap && !reading.gap_noted)
        stale = true;
    if (status == 0 && stale)
        status = commit_batch(&reading);
    text_free(&reading.scratch);
    report_instance(watch, instance, result);
    if (status != 0)
        return status;
    bool look = result->gap || result->unreadable > 0 || result->rotation_refused;
    return exit_combine(look ? EXIT_ATTENTION : 0, check_logging(instance));
}

int watch_read(struct watch *watch) {
    int worst = 0;
    int64_t until = clock_monotonic() + watch->settings->max_time;
    int status = instances_open(watch->run, &watch->instances, &worst);
    if (status != 0)
        return status;
    watch->results = xcalloc(watch->instances.count, sizeof *watch->results);
    for (size_t i = 0; i < watch->instances.count; i++) {
        status = read_instance(watch, i, until);
        /* The ledger could not be written, or the lease is lost: reading on would be for nothing. */
        if (status == EXIT_CANNOT_WRITE || status == EXIT_LATER)
            return status;
        worst = exit_combine(worst, status);
    }
    return worst;
}

/* --- for people --- */

static void find_feature(void *context, const struct strings *tables, const char **feature, const char **owner) {
    const struct watch *watch = context;
    feature_of_tables(watch->run->settings, tables, feature, owner);
}

/* What this run saw of an instance; its last position speaks for one that was not reached. */
static struct site_instance describe_instance(const struct watch *watch, const struct position *position) {
    struct site_instance described = {.name = position->instance,
                                      .server = position->server,
                                      .long_query_time = -1,
                                      .rows = position->rows,
                                      .read_at = position->read_at,
                                      .backlog = -1};
    for (size_t i = 0; i < watch->instances.count; i++) {
        const struct instance *instance = &watch->instances.items[i];
        if (strcmp(instance->name, position->instance) != 0)
            continue;
        described.server = instance->server;
        described.reached = true;
        described.writer = instance->writer;
        described.logging = instance->enabled && instance->to_table;
        described.rate_limit = instance->rate_limit;
        described.long_query_time = instance->long_query_time;
        described.backlog = watch->results[i].backlog;
        described.advise_rotation = watch->results[i].advise_rotation;
    }
    return described;
}

void watch_describe(struct watch *watch) {
    size_t known = watch->ledger.position_count;
    size_t strange = watch->instances.unreachable.count;
    free(watch->site_instances);
    watch->site_instances = xcalloc(known + strange, sizeof *watch->site_instances);
    size_t count = 0;
    for (size_t i = 0; i < known; i++)
        watch->site_instances[count++] = describe_instance(watch, &watch->ledger.positions[i]);
    for (size_t i = 0; i < strange; i++) {
        bool described = false;
        for (size_t j = 0; j < known; j++)
            described =
                described || strcmp(watch->ledger.positions[j].server, watch->instances.unreachable.items[i]) == 0;
        if (!described)
            watch->site_instances[count++] = (struct site_instance){
                .server = watch->instances.unreachable.items[i], .long_query_time = -1, .backlog = -1};
    }
    watch->site = (struct site){.instances = watch->site_instances, .instance_count = count};
    if (settings_count(watch->run->settings, &feature_section) > 0) {
        watch->site.feature_of = find_feature;
        watch->site.context = watch;
    }
}
