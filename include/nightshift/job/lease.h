/* Who may run: one run of a job at a time on this host (flock in state_dir, which ends with the process whatever happens to it), and with
 * Redis one at a time, and once per slot, on all hosts.
 *
 * In Redis, under {JOB}: a mutex with our token and a short life that is renewed while we run; a fence, a number that grows with every
 * mutex taken, so that what a run writes after it has lost its lease can be refused; and per slot a key that says running, done or failed.
 * A slot is taken over when it failed, or when its holder is gone (running, but without a mutex). See also Redis' own page on distributed
 * locks, which asks for the fence. */
#ifndef NIGHTSHIFT_JOB_LEASE_H
#define NIGHTSHIFT_JOB_LEASE_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/run/suite.h"
#include "nightshift/stores/redis.h"

struct lease;

struct lease_request {
    const struct suite_settings *suite;
    const struct redis_settings *redis; /* NULL or without a server: this host only */
    const char *job;
    const char *run_id;
    const char *slot; /* NULL: no slot */
};

enum { LEASE_LIFE = 30000, LEASE_RENEW = 10000 }; /* milliseconds */

/* Takes the lease. Returns 0 with *out set; 0 with *out NULL when the slot is done or being worked on elsewhere (after waiting for [suite]
 * standby); EXIT_LATER when another run holds the lease; or the status of what cannot be reached or written, logged. */
int lease_take(const struct lease_request *request, struct lease **out);

/* Prolongs the mutex; for struct supervision. Not 0 when the lease is lost, logged: stop working. A Redis that cannot be reached is
 * tolerated until the mutex must have run out. */
int lease_renew(void *lease);

int64_t lease_fence(const struct lease *lease); /* 0 without Redis */

/* Marks the slot done or failed by the exit code, and lets go. NULL is fine. A failure here is logged as a warning: the run has ended. */
void lease_release(struct lease *lease, int exit_code);

/* --- Looking at leases without touching them --- */

struct lease_view {
    bool held;    /* a run holds it now */
    char *run_id; /* of that run, or of the last one that held it; NULL: not known */
    char *host;   /* of that run; NULL: this one */
};

/* The lease of this host. Nobody has to wait because of the look: it asks the kernel's list of locks and takes none. A
 * job that never ran has an empty view. EXIT_DENIED or EXIT_SYSTEM for a lock file that cannot be read. */
int lease_look(const char *state_dir, const char *job, struct lease_view *view);

/* The mutex in Redis, unless it belongs to a run on this host, of which lease_look() knows better. Quiet; returns what
 * redis_command() does. */
int lease_look_elsewhere(struct redis *redis, const char *state_dir, const char *job, struct lease_view *view);

void lease_view_free(struct lease_view *view);

#endif
