/* The [suite] section. */
#include "nightshift/run/suite.h"

#define AT(member) offsetof(struct suite_settings, member)

static const struct setting settings[] = {
    {.key = "state_dir",
     .type = SETTING_PATH,
     .offset = AT(state_dir),
     .fallback = "/var/lib/nightshift",
     .help = "Directory for leases, state and run records. It must belong to the user that runs the jobs; each host "
             "has its own."},
    {.key = "report_dir",
     .type = SETTING_PATH,
     .offset = AT(report_dir),
     .fallback = "/var/lib/nightshift/reports",
     .help = "Directory for the reports of jobs that make some."},
    {.key = "metrics_dir",
     .type = SETTING_PATH,
     .offset = AT(metrics_dir),
     .help = "Directory that node_exporter's textfile collector reads. Each job writes its JOB.prom there. Without it "
             "no metrics are written."},
    {.key = "time_zone",
     .type = SETTING_TEXT,
     .offset = AT(time_zone),
     .fallback = "UTC",
     .help = "Time zone of the times in logs, records and reports: an IANA name such as Asia/Tokyo."},
    {.key = "include",
     .type = SETTING_LIST,
     .offset = AT(include),
     .help = "More files to read: patterns such as conf.d/*.ini, relative to this file. Included files cannot include "
             "others."},
    {.key = "standby",
     .type = SETTING_DURATION,
     .offset = AT(standby),
     .fallback = "0",
     .max = 86400000,
     .help = "With --slot, when the other host is working on the slot: how long to wait for it, to take over if it "
             "fails. The --deadline counts from then on. 0: do not wait."},
    {.key = NULL},
};

const struct section suite_section = {
    .name = "suite",
    .size = sizeof(struct suite_settings),
    .settings = settings,
    .help = "What all jobs share.",
};
