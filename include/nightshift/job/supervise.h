/* Running the job's work in a process of its own. The supervisor stays outside of all libraries that can hang or abort, so that deadline,
 * lease renewal and run record hold whatever happens to the worker. */
#ifndef NIGHTSHIFT_JOB_SUPERVISE_H
#define NIGHTSHIFT_JOB_SUPERVISE_H

#include <stdint.h>

#include "nightshift/run/record.h"

struct supervision {
    int (*work)(void *context, struct record *record); /* runs in the worker; returns an exit code */
    void *context;
    int64_t deadline; /* monotonic milliseconds; 0: none */
    /* Called about every `renew_every` milliseconds while the worker runs (0: never). A status other than 0 stops the worker, because
     * the lease is lost. */
    int (*renew)(void *context);
    void *renew_context;
    int64_t renew_every;
};

/* How long a worker that was asked to stop may take before it is killed. DESIGN: ends by deadline + 5 s. */
enum { SUPERVISE_GRACE = 5000 };

/* Holds back the signals that supervise() handles; one that arrives before it is called then stops the worker at once. */
void supervise_block_signals(void);

/* Starts the worker, waits for it, and returns the exit code of the run: the worker's own; 128+n when a signal n to us made it stop early;
 * EXIT_LATER for the deadline or a lost lease; EXIT_BUG when it crashed; EXIT_SYSTEM when the system killed it. What it reported is in
 * `builder` afterwards. `leaves_record` false: the worker gets NULL as record. */
int supervise(const struct supervision *supervision, struct record_builder *builder, int leaves_record);

#endif
