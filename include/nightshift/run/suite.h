/* [suite]: what all jobs share. */
#ifndef NIGHTSHIFT_RUN_SUITE_H
#define NIGHTSHIFT_RUN_SUITE_H

#include "nightshift/run/settings.h"

struct suite_settings {
    char *state_dir;
    char *report_dir;
    char *metrics_dir; /* NULL: no metrics are written */
    char *time_zone;
    struct strings include;
    int64_t standby; /* how long the host that finds its slot taken waits for the other to fail */
};

extern const struct section suite_section;

#endif
