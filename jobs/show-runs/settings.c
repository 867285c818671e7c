/* The tables of show-runs, and the checks that tables cannot express. */
#include "settings.h"

#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"

const char *const show_jobs[] = {"count-categories", "push-lancers",       "report-indexes",
                                 "measure-queries",  "prune-indexes",      "report-features",
                                 "prune-features",   "watch-slow-queries", NULL};

static const struct setting expect[] = {
    {.key = "every",
     .type = SETTING_DURATION,
     .offset = offsetof(struct expect_settings, every),
     .flags = SETTING_REQUIRED,
     .max = INT64_C(366) * 86400000,
     .help =
         "How far apart two runs are at most: 24h for every night, 72h for the nights before working days. 0: it is "
         "not expected to run, and never overdue."},
    {.key = NULL},
};

const struct section expect_section = {
    .name = "expect",
    .argument = "JOB",
    .size = sizeof(struct expect_settings),
    .settings = expect,
    .help = "How often a job should run, for show-runs. A job that is expected and never ran is failing. Without this "
            "section the interval is the usual one between its runs by cron (--trigger cron).",
};

const struct option_spec show_options[] = {
    {"job", 0, OPTION_TEXT, offsetof(struct show_options, job), "JOB", NULL, OPTION_OPERAND,
     "show the history of this job"},
    {"run", 0, OPTION_TEXT, offsetof(struct show_options, run), "ID", NULL, 0, "show the whole record of a run"},
    {"json", 0, OPTION_FLAG, offsetof(struct show_options, json), NULL, NULL, 0, "print as JSON"},
    {"html", 0, OPTION_TEXT, offsetof(struct show_options, html), "DIR", NULL, 0,
     "write everything into DIR/index.html, a page that needs no network"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

static bool is_job(const char *name) {
    for (size_t i = 0; show_jobs[i] != NULL; i++)
        if (strcmp(show_jobs[i], name) == 0)
            return true;
    return false;
}

const char *show_nearest_job(const char *name) {
    const char *nearest = show_jobs[0];
    for (size_t i = 1; show_jobs[i] != NULL; i++)
        if (text_distance(name, show_jobs[i]) < text_distance(name, nearest))
            nearest = show_jobs[i];
    return nearest;
}

static int check_expected(const struct settings *all) {
    int status = 0;
    for (size_t i = 0; i < settings_count(all, &expect_section); i++) {
        const char *name = NULL;
        settings_at(all, &expect_section, i, &name);
        if (!is_job(name))
            status =
                settings_problem(all, &expect_section, i, "\"%s\" is no job that leaves records; did you mean \"%s\"?",
                                 name, show_nearest_job(name));
    }
    return status;
}

int show_prepare(const struct settings *all, const void *given) {
    const struct show_options *options = given;
    int forms = (options->job != NULL) + (options->run != NULL) + (options->html != NULL);
    if (forms > 1)
        return fail(EXIT_USAGE, "JOB, --run and --html cannot be asked for at once");
    if (options->html != NULL && options->json)
        return fail(EXIT_USAGE, "--html and --json cannot be asked for at once");
    return check_expected(all);
}
