/* run_main(): what every job does around its work, in one order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xxhash.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/job/job.h"
#include "nightshift/job/lease.h"
#include "nightshift/job/ping.h"
#include "nightshift/job/records.h"
#include "nightshift/job/supervise.h"
#include "nightshift/run/suite.h"
#include "outcome.h"
#include "process.h"

/* In the worker: what went wrong goes into the record too. */
static void report_message(void *record, enum log_level level, bool hint, const char *message) {
    record_text(record, level == LOG_LEVEL_WARNING ? "log.warnings[]" : hint ? "log.hints[]" : "log.errors[]", message);
}

static int work(void *context, struct record *record) {
    struct run *run = context;
    run->record = record;
    log_listen(record != NULL ? report_message : NULL, record);
    if (run->shared->check)
        return run->job->check(run);
    return run->job->run(run);
}

/* What the worker logged counts as if the supervisor had. */
static void take_log(struct record_builder *builder) {
    static const struct {
        const char *list;
        enum log_level level;
        bool hint;
    } lists[] = {
        {"errors", LOG_LEVEL_ERROR, false}, {"hints", LOG_LEVEL_ERROR, true}, {"warnings", LOG_LEVEL_WARNING, false}};
    json_t *log = json_incref(json_object_get(builder->root, "log"));
    json_object_del(builder->root, "log");
    for (size_t i = 0; i < LENGTH_OF(lists); i++) {
        json_t *messages = json_object_get(log, lists[i].list);
        for (size_t j = 0; j < json_array_size(messages); j++)
            outcome_listen(builder, lists[i].level, lists[i].hint, json_string_value(json_array_get(messages, j)));
    }
    json_decref(log);
}

/* "auto" is the minute of the start: hosts with the same cron line and clocks that agree to the second or so are in the same one. */
static char *resolve_slot(const char *slot, int64_t now) {
    if (slot == NULL || strcmp(slot, "auto") != 0)
        return slot != NULL ? xstrdup(slot) : NULL;
    char minute[32];
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    gmtime_r(&seconds, &fields);
    strftime(minute, sizeof minute, "%Y-%m-%dT%H:%MZ", &fields);
    return xstrdup(minute);
}

/* The same host and job always wait the same time, two hosts hardly ever. */
static void wait_splay(const struct run *run) {
    if (run->shared->splay <= 0)
        return;
    char *who = xasprintf("%s/%s", process_host(), run->job->name);
    int64_t wait = (int64_t)(XXH3_64bits(who, strlen(who)) % (uint64_t)run->shared->splay);
    free(who);
    log_debug("waiting %lld ms of splay", (long long)wait);
    clock_sleep(wait);
}

static int make_directories(const struct suite_settings *suite) {
    char *runs = xasprintf("%s/runs", suite->state_dir);
    int status = file_ensure_directory(suite->state_dir);
    if (status == 0)
        status = file_ensure_directory(runs);
    if (status != 0)
        log_hint("[suite] state_dir must be a directory that this user may write to");
    free(runs);
    return status;
}

/* The deadline bounds the work: splay and standby come before it. */
static int64_t deadline_of(const struct run *run) {
    return run->shared->deadline > 0 ? clock_monotonic() + run->shared->deadline : 0;
}

/* A run that changes nothing: no lease, no record. */
static int run_read_only(struct run *run) {
    struct record_builder builder;
    record_builder_start(&builder);
    struct supervision supervision = {.work = work, .context = run, .deadline = deadline_of(run)};
    int status = supervise(&supervision, &builder, 0);
    record_builder_free(&builder);
    return status;
}

/* The lock file is in state_dir, so while we hold it nobody else writes this job's files there. metrics_dir may be shared. */
static void sweep(const struct run *run, const struct suite_settings *suite) {
    char *prefix = xasprintf("%s.", run->job->name);
    char *runs = xasprintf("%s/runs", suite->state_dir);
    file_sweep(suite->state_dir, prefix);
    file_sweep(runs, prefix);
    free(runs);
    free(prefix);
}

/* The work, once the lease is ours. */
static int work_leased(struct run *run, struct lease *lease, struct record_builder *builder) {
    run->fence = lease_fence(lease);
    record_builder_set(builder, "lease.fence", json_integer(run->fence));
    const struct supervision supervision = {
        .work = work,
        .context = run,
        .deadline = deadline_of(run),
        .renew = lease_renew,
        .renew_context = lease,
        .renew_every = run->fence > 0 ? LEASE_RENEW : 0,
    };
    int status = supervise(&supervision, builder, 1);
    take_log(builder);
    return status;
}

/* A Redis that could not be reached for the lease is not waited for again. */
static void mirror_record(const struct redis_settings *redis, const struct run *run, int work_status, int status,
                          json_t *record) {
    bool reached = redis != NULL && redis->server != NULL &&
                   (run->fence > 0 || work_status == EXIT_LATER || work_status == EXIT_DENIED);
    if (!reached)
        return;
    /* It may have turned out only now that the record cannot be written here. */
    if (status != work_status) {
        json_object_set_new(record, "exit_code", json_integer(status));
        json_object_set_new(record, "result", json_string(exit_word(status)));
    }
    records_mirror(redis, record);
}

static int run_leased(struct run *run, struct outcome_context *context) {
    struct record_builder builder;
    struct lease *lease = NULL;
    const struct ping_settings *ping = settings_of(run->settings, &ping_section);
    const struct redis_settings *redis = settings_of(run->settings, &redis_section);
    const struct ping_event event = {.job = run->job->name, .run_id = run->id, .host = process_host()};
    const struct lease_request request = {
        .suite = context->suite, .redis = redis, .job = run->job->name, .run_id = run->id, .slot = context->slot};
    record_builder_start(&builder);
    outcome_begin(context, &builder);
    log_listen(outcome_listen, &builder);
    int status = lease_take(&request, &lease);
    bool skipped = status == 0 && lease == NULL;
    if (lease != NULL) {
        /* From here on a signal waits for the supervisor: the run ends with a record. */
        supervise_block_signals();
        sweep(run, context->suite);
        ping_start(ping, &event);
        status = work_leased(run, lease, &builder);
    }
    /* The slot is done when the work is: a record that cannot be written is no reason for the other host to do it again. */
    int work_status = status;
    status = outcome_write(context, &builder, status, skipped ? "skipped" : NULL);
    if (!skipped) {
        mirror_record(redis, run, work_status, status, builder.root);
        ping_end(ping, &event, status, json_string_value(json_object_get(builder.root, "reason")));
    }
    log_listen(NULL, NULL);
    lease_release(lease, work_status);
    record_builder_free(&builder);
    return status;
}

static int start_run(struct run *run, int argc, char **argv) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    struct outcome_context context = {
        .run = run,
        .suite = suite,
        .argc = argc,
        .argv = argv,
        .started_at = clock_now(),
        .started_clock = clock_monotonic(),
    };
    random_uuid7(run->id, context.started_at);
    log_set_run(run->id);
    if (run->shared->read_only || run->job->reads_only)
        return run_read_only(run);
    int status = make_directories(suite);
    if (status != 0)
        return status;
    char *slot = resolve_slot(run->shared->slot, context.started_at);
    context.slot = slot;
    wait_splay(run);
    status = run_leased(run, &context);
    free(slot);
    return status;
}

static int load_settings(struct run *run, struct settings **settings) {
    int status = settings_load(run->shared->config, run->job->sections, settings);
    if (status != 0)
        return status;
    const struct suite_settings *suite = settings_of(*settings, &suite_section);
    if (clock_set_zone(suite->time_zone) != 0)
        return settings_problem(*settings, &suite_section, 0, "unknown time_zone \"%s\"", suite->time_zone);
    run->settings = *settings;
    return run->job->prepare != NULL ? run->job->prepare(*settings, run->options) : 0;
}

static int check_output(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    return fail(EXIT_CANNOT_WRITE, "cannot write to the standard output");
}

int run_main(const struct job *job, int argc, char **argv) {
    process_prepare();
    log_start(job->name, LOG_LEVEL_WARNING);
    struct shared_options shared;
    void *options = xcalloc(1, job->options_size);
    struct settings *settings = NULL;
    struct run run = {.job = job, .shared = &shared, .options = options};
    const struct options_context context = {job->name, job->purpose, job->options, options};
    int status = options_parse(&context, argc, argv, &shared);
    if (status != 0)
        goto out;
    /* On a terminal somebody waits for a word; under cron silence means success. */
    int level = LOG_LEVEL_WARNING + shared.verbosity + (log_on_terminal() && shared.verbosity >= 0 ? 1 : 0);
    log_start(job->name, level > LOG_LEVEL_DEBUG ? LOG_LEVEL_DEBUG : (enum log_level)level);
    if (shared.help) {
        options_print_help(&context, stdout);
        status = check_output(0);
        goto out;
    }
    if (shared.version) {
        printf("%s (nightshift) %s\n", job->name, NIGHTSHIFT_VERSION);
        status = check_output(0);
        goto out;
    }
    if (shared.print_config == PRINT_SAMPLE || shared.print_config == PRINT_MANUAL) {
        (shared.print_config == PRINT_SAMPLE ? settings_print_sample : settings_print_manual)(job->sections, stdout);
        status = check_output(0);
        goto out;
    }
    status = load_settings(&run, &settings);
    if (status != 0)
        goto out;
    if (shared.print_config == PRINT_VALUES) {
        settings_print(settings, stdout);
        status = check_output(0);
        goto out;
    }
    run.dry_run = shared.dry_run;
    status = start_run(&run, argc, argv);
out:
    settings_free(settings);
    options_free(&context);
    free(options);
    return status;
}
