/* Telling a monitor such as healthchecks.io or Cronitor that a run began and how it ended, by one GET each. A monitor that cannot be reached
 * is a warning and never changes the run's result. */
#ifndef NIGHTSHIFT_JOB_PING_H
#define NIGHTSHIFT_JOB_PING_H

#include "nightshift/run/settings.h"

struct ping_settings {
    char *start; /* URL templates; NULL: not sent */
    char *end;
    int64_t timeout; /* milliseconds */
};

extern const struct section ping_section;

struct ping_event {
    const char *job;
    const char *run_id;
    const char *host;
};

void ping_start(const struct ping_settings *settings, const struct ping_event *event);

/* `reason` may be NULL. */
void ping_end(const struct ping_settings *settings, const struct ping_event *event, int exit_code, const char *reason);

#endif
