/* [expect JOB] and the options of show-runs. */
#ifndef NIGHTSHIFT_SHOW_RUNS_SETTINGS_H
#define NIGHTSHIFT_SHOW_RUNS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/run/options.h"
#include "nightshift/run/settings.h"

/* [expect JOB] */
struct expect_settings {
    int64_t every; /* milliseconds; 0: the job is not expected to run */
};

extern const struct section expect_section;

struct show_options {
    const char *job;  /* NULL: all */
    const char *run;  /* id of one run */
    const char *html; /* directory */
    bool json;
};

extern const struct option_spec show_options[];

/* The jobs of the suite that leave records; ends with NULL. */
extern const char *const show_jobs[];

/* The name of theirs that is most like this one. */
const char *show_nearest_job(const char *name);

int show_prepare(const struct settings *settings, const void *options);

#endif
