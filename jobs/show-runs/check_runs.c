/* --check: one line per job that is not well, and an exit code. */
#include "check_runs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "describe.h"
#include "gather.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/suite.h"
#include "settings.h"

static void report_failure(const struct job_runs *job, int64_t now) {
    struct text line = {0};
    text_printf(&line, "%s is %s: ", job->name, due_state_word(job->due.state));
    if (job->due.state == DUE_MISSING) {
        text_clear(&line);
        text_printf(&line, "%s never ran: ", job->name);
    }
    describe_add_reason(&line, job, now);
    text_add(&line, "; next: ");
    describe_add_next(&line, job);
    log_error("%s", text_string(&line));
    text_free(&line);
}

static void print_well(const struct job_runs *job, int64_t now) {
    struct text line = {0};
    if (job->due.state == DUE_NEVER)
        return;
    text_printf(&line, "ok  %s %s", job->name, due_state_word(job->due.state));
    if (job->due.data_at > 0) {
        text_add(&line, ", data of ");
        clock_add_span(&line, now - job->due.data_at);
        text_add(&line, " ago");
    }
    puts(text_string(&line));
    text_free(&line);
}

static int judge_job(const struct job_runs *job, int64_t now, bool talks) {
    struct text doubts = {0};
    gathered_add_doubts(&doubts, job);
    if (doubts.length > 0)
        log_info("%s: %s", job->name, text_string(&doubts));
    text_free(&doubts);
    if (due_is_failure(job->due.state)) {
        report_failure(job, now);
        return EXIT_ATTENTION;
    }
    if (talks)
        print_well(job, now);
    return 0;
}

static int refuse_forms(const struct show_options *options) {
    if (options->run == NULL && options->html == NULL && !options->json)
        return 0;
    return fail(EXIT_USAGE, "--check goes with JOB, not with --run, --html or --json");
}

int check_runs(struct run *run) {
    const struct show_options *options = run->options;
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    const struct redis_settings *redis = settings_of(run->settings, &redis_section);
    bool talks = isatty(STDOUT_FILENO) || run->shared->verbosity > 0;
    struct gathered gathered = {0};
    int status = refuse_forms(options);
    if (status == 0)
        status = gather(run, &gathered);
    if (status != 0)
        goto out;
    if (options->job != NULL && gathered_find(&gathered, options->job) == NULL) {
        status = fail(EXIT_USAGE, "there is no job \"%s\" that leaves records", options->job);
        goto out;
    }
    if (talks)
        printf("ok  records in %s/runs\n", suite->state_dir);
    if (gathered.redis_problem != NULL)
        status = fail(gathered.redis_status, "the records of other hosts cannot be read: %s", gathered.redis_problem);
    else if (talks && gathered.with_redis)
        printf("ok  Redis %s\n", redis->server);
    for (size_t i = 0; i < gathered.count; i++)
        if (options->job == NULL || strcmp(options->job, gathered.jobs[i].name) == 0)
            status = exit_combine(status, judge_job(&gathered.jobs[i], gathered.now, talks));
out:
    gathered_free(&gathered);
    return status;
}
