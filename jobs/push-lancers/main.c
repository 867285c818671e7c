/* push-lancers: keeps a CloudSearch domain in step with the rows of a query. The idea: remember in a manifest what the domain has acknowledged,
 * merge it with the rows in the order of their keys, and send what differs. Reading order: merge.h, manifest.h, journal.h, settle.h, push.h. */
#include <unistd.h>

#include "check.h"
#include "journal.h"
#include "known.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/job.h"
#include "nightshift/job/ping.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/redis.h"
#include "nightshift/web/cloudsearch_search.h"
#include "preview.h"
#include "push.h"
#include "reconcile.h"
#include "settings.h"
#include "summary.h"
#include "target.h"
#include "verify.h"

/* Whether the manifest may be believed, and if not, why; NULL: it may. */
static const char *distrust(const struct known *known, const struct manifest_info *manifest) {
    if (known->generation == manifest->generation)
        return NULL;
    if (known->generation < manifest->generation)
        return "the state of this job was lost, so another host may have pushed since";
    return manifest->exists ? "another host has pushed since, or an old file was brought back" : "it is missing";
}

/* A dry run changes nothing: it looks at the manifest as it is. */
static int look_at_manifest(const struct target *target, const struct known *known, struct manifest_info *info) {
    bool cut_short = access(target->settle.journal, F_OK) == 0;
    int status = manifest_verify(target->settle.manifest, &target->settle.fingerprint, info);
    const char *problem = status == 0 && !cut_short ? distrust(known, info) : NULL;
    if (cut_short)
        log_warning("the last run was cut short; what became of its last batch will be settled by the next run");
    if (problem != NULL)
        log_warning("the manifest of \"%s\" cannot be believed: %s; a run would first ask the domain what it holds",
                    target->domain, problem);
    return status;
}

/* Settles what the last run left, and reads all of the manifest: a block found damaged in the middle of a push would be found too late. */
static int load_manifest(const struct settle *files, const struct known *known, struct manifest_info *info) {
    int status = settle_drop_unsent(files, known->generation);
    if (status == 0)
        status = settle(files, info);
    return status == 0 ? manifest_verify(files->manifest, &files->fingerprint, info) : status;
}

struct doubt {
    const char *reason; /* not to believe the manifest; NULL: none */
    bool damaged;       /* manifest or journal cannot even be read */
};

/* Where nothing at all is known, this is the first run; or everything was lost, and then the domain holds something. */
static int doubt_first_run(const struct target *target, struct doubt *doubt) {
    int64_t count = 0;
    int status = cloudsearch_count(target->cloudsearch, &count);
    if (status == 0 && count > 0)
        doubt->reason = "there is none, and the domain is not empty";
    return status;
}

static int judge_manifest(const struct target *target, const struct known *known, bool searchable,
                          struct manifest_info *info, struct doubt *doubt) {
    int status = load_manifest(&target->settle, known, info);
    if (status == EXIT_GUARD) {
        *info = (struct manifest_info){0};
        *doubt = (struct doubt){"it is damaged", true};
        return 0;
    }
    if (status != 0)
        return status;
    doubt->reason = distrust(known, info);
    bool first = doubt->reason == NULL && !info->exists;
    return first && searchable ? doubt_first_run(target, doubt) : 0;
}

/* Asks the domain what it holds. */
static int rebuild(struct run *run, const struct target *target, bool trusted, int64_t generation,
                   struct manifest_info *info) {
    const struct reconcile_setup setup = {
        .cloudsearch = target->cloudsearch,
        .plan = target->plan,
        .settle = &target->settle,
        .trusted = trusted,
        .generation = generation,
    };
    struct reconcile_result result = {0};
    record_phase(run->record, "reconcile");
    int status = reconcile(&setup, &result, info);
    if (status != 0)
        return status;
    record_set(run->record, "reconciled",
               json_pack("{s:I, s:I, s:I, s:I}", "ids", (json_int_t)result.ids, "foreign", (json_int_t)result.foreign,
                         "unknown", (json_int_t)result.unknown, "absent", (json_int_t)result.absent));
    log_info(
        "the domain holds %lld documents: %lld that the manifest did not know; %lld are missing; %lld are not ours",
        (long long)result.ids, (long long)result.unknown, (long long)result.absent, (long long)result.foreign);
    if (result.foreign > 0)
        log_warning("%lld documents of the domain have ids that this job does not make; they are left alone",
                    (long long)result.foreign);
    return 0;
}

/* Brings the manifest into a state that can be believed. */
static int prepare_manifest(struct run *run, struct target *target, struct known *known, struct manifest_info *info,
                            bool *repaired) {
    const struct push_options *options = run->options;
    const struct cloudsearch_settings *cloudsearch = settings_of(run->settings, &cloudsearch_section);
    bool searchable = cloudsearch->search_endpoint != NULL;
    struct doubt doubt = {0};
    if (run->dry_run)
        return look_at_manifest(target, known, info);
    int status = judge_manifest(target, known, searchable, info, &doubt);
    if (status != 0)
        return status;
    if (doubt.reason != NULL)
        log_warning("the manifest of \"%s\" cannot be believed: %s; asking the domain what it holds", target->domain,
                    doubt.reason);
    else if (!options->reconcile)
        return 0;
    if (!searchable)
        return fail(doubt.reason == NULL ? EXIT_SETTINGS : EXIT_GUARD,
                    "what the domain holds can only be found out with [cloudsearch] search_endpoint");
    if (doubt.damaged)
        settle_give_up(&target->settle);
    *repaired = doubt.reason != NULL;
    int64_t last = info->generation > known->generation ? info->generation : known->generation;
    int64_t generation = journal_generation(last, clock_now());
    status = rebuild(run, target, doubt.reason == NULL, generation, info);
    return status != 0 ? status : known_save(run, target->domain, known, generation);
}

/* The journal of this run becomes part of the manifest, whatever else has happened. */
static int settle_run(const struct target *target, const struct push *push) {
    struct manifest_info info = {0};
    return push->generation != 0 ? settle(&target->settle, &info) : 0;
}

static int push_and_report(struct push *push, const struct target *target, struct verify *verify,
                           struct preview *preview) {
    const struct cloudsearch_settings *cloudsearch = settings_of(push->run->settings, &cloudsearch_section);
    record_phase(push->run->record, "push");
    int status = push_rows(push);
    record_phase(push->run->record, "settle");
    int settled = settle_run(target, push);
    push_summarise(push);
    if (preview != NULL && (status == 0 || status == EXIT_GUARD)) {
        int shown = preview_print(preview, target->cloudsearch, cloudsearch->search_endpoint != NULL, push);
        return status != 0 ? status : shown;
    }
    if (status == 0 && settled == 0 && verify != NULL) {
        record_phase(push->run->record, "verify");
        status = verify_finish(verify, push->run, target->cloudsearch, &target->settle, target->settings->verify_time);
    }
    status = exit_combine(status, settled);
    return exit_combine(status, push_attention(push));
}

static int push_once(struct run *run, struct target *target, struct known *known) {
    const struct push_options *options = run->options;
    struct verify *verify = NULL;
    struct preview *preview = NULL;
    struct push push = {
        .run = run,
        .settings = target->settings,
        .database = target->database,
        .cloudsearch = target->cloudsearch,
        .plan = target->plan,
        .columns = target->columns.count,
        .settle = &target->settle,
        .domain = target->domain,
        .known = known,
    };
    bool repaired = false;
    record_phase(run->record, "manifest");
    int status = prepare_manifest(run, target, known, &push.base, &repaired);
    if (status != 0)
        return status;
    if (run->dry_run) {
        preview = preview_start(target->plan);
        push.watch = preview_watch;
        push.watch_context = preview;
    } else if (options->verify != NULL) {
        verify = verify_start(target->plan, push_verify_count(options), (uint64_t)clock_now());
        push.watch = verify_watch;
        push.watch_context = verify;
    }
    status = push_and_report(&push, target, verify, preview);
    if (repaired)
        status = exit_combine(status, EXIT_ATTENTION);
    push_free(&push);
    verify_free(verify);
    preview_free(preview);
    return status;
}

static int run_job(struct run *run) {
    const struct push_options *options = run->options;
    struct target target = {0};
    struct known known = {0};
    if (run->dry_run && options->verify != NULL)
        return fail(EXIT_USAGE, "--verify looks up what was sent, and --dry-run sends nothing");
    record_phase(run->record, "connect");
    int status = target_open(run, &target);
    if (status == 0)
        status = known_load(run, target.domain, &known);
    if (status == 0)
        status = push_once(run, &target, &known);
    known_free(&known);
    target_close(&target);
    return status;
}

static const struct section *const sections[] = {
    &suite_section, &mysql_section, &cloudsearch_section, &redis_section, &ping_section, &push_section, NULL};

static const struct job job = {
    .name = "push-lancers",
    .purpose =
        "Brings a CloudSearch domain up to date with the rows of a query: adds what changed, deletes what vanished.",
    .options = push_options,
    .options_size = sizeof(struct push_options),
    .sections = sections,
    .prepare = push_prepare,
    .check = push_check,
    .run = run_job,
};

int main(int argc, char **argv) {
    return run_main(&job, argc, argv);
}
