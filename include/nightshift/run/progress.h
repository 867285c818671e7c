/* Progress for whoever waits: on a terminal a bar with rate and remaining time for anything that takes over a second, elsewhere a line at
 * info level every minute. One progress at a time; its functions may be called from several threads. */
#ifndef NIGHTSHIFT_RUN_PROGRESS_H
#define NIGHTSHIFT_RUN_PROGRESS_H

#include <stdint.h>

/* `total` 0: unknown. `what` names the items ("rows", "keys") and must outlive the progress. */
void progress_start(const char *what, int64_t total);
void progress_add(int64_t done);
void progress_end(void);

#endif
