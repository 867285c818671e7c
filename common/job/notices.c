/* Opening the outbox as the run that tells. */
#include "nightshift/job/notices.h"
#include "nightshift/run/suite.h"
#include "process.h"

int notices_open(const struct run *run, struct notify **out) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    const struct notify_sender sender = {
        .state_dir = suite->state_dir, .job = run->job->name, .run_id = run->id, .host = process_host()};
    return notify_open(settings_of(run->settings, &notify_section), &sender, out);
}
