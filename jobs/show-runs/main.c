/* show-runs: what ran, what failed, what is overdue. Only looks: it takes no lease and leaves no record. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "check_runs.h"
#include "gather.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/redis.h"
#include "overview.h"
#include "runs_json.h"
#include "runs_page.h"
#include "settings.h"

/* --run ID: as it is stored, indented. */
static int print_record(const struct run *run, const struct gathered *gathered, const char *run_id) {
    char *line = NULL;
    int status = gather_record(run, gathered, run_id, &line);
    if (status == 0 && line == NULL) {
        log_error("there is no record of run \"%s\"", run_id);
        log_hint("a whole id is needed, as show-runs JOB lists them");
        return gathered->redis_status != 0 ? gathered->redis_status : EXIT_USAGE;
    }
    json_t *record = status == 0 ? json_loads(line, 0, NULL) : NULL;
    if (record != NULL) {
        json_dumpf(record, stdout, JSON_INDENT(2));
        putchar('\n');
    } else if (status == 0) {
        status = fail(EXIT_ATTENTION, "the record of run \"%s\" is damaged", run_id);
    }
    json_decref(record);
    free(line);
    return status;
}

static int print_job(const struct gathered *gathered, const struct show_options *options) {
    const struct job_runs *job = gathered_find(gathered, options->job);
    if (job == NULL) {
        log_error("there is no job \"%s\" that leaves records", options->job);
        log_hint("did you mean %s?", show_nearest_job(options->job));
        return EXIT_USAGE;
    }
    if (options->json)
        runs_json_print_job(gathered, job, stdout);
    else
        story_print(gathered, job, stdout);
    return 0;
}

static bool has_records(const struct gathered *gathered) {
    for (size_t i = 0; i < gathered->count; i++)
        if (gathered->jobs[i].runs.count > 0)
            return true;
    return false;
}

static int show(struct run *run) {
    const struct show_options *options = run->options;
    struct gathered gathered = {0};
    int status = gather(run, &gathered);
    if (status != 0)
        goto out;
    /* One host's half of the picture is better than none, but no half at all is none. */
    if (gathered.redis_problem != NULL && !has_records(&gathered)) {
        status = fail(gathered.redis_status, "there are no records here, and those of other hosts cannot be read: %s",
                      gathered.redis_problem);
        goto out;
    }
    if (gathered.redis_problem != NULL)
        log_warning("the records of other hosts cannot be read: %s", gathered.redis_problem);
    if (options->run != NULL)
        status = print_record(run, &gathered, options->run);
    else if (options->job != NULL)
        status = print_job(&gathered, options);
    else if (options->html != NULL)
        status = runs_page_write(run, &gathered, options->html);
    else if (options->json)
        runs_json_print(&gathered, stdout);
    else
        overview_print(&gathered, stdout);
out:
    gathered_free(&gathered);
    return status;
}

static const struct section *const sections[] = {&suite_section, &redis_section, &expect_section, NULL};

static const struct job job = {
    .name = "show-runs",
    .purpose = "Shows what ran, what failed and what is overdue, here and on the other hosts.",
    .options = show_options,
    .options_size = sizeof(struct show_options),
    .reads_only = true,
    .sections = sections,
    .prepare = show_prepare,
    .check = check_runs,
    .run = show,
};

int main(int argc, char **argv) {
    return run_main(&job, argc, argv);
}
