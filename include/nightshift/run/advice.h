/* What a run's end means and what to do next, in words: the table of base/exits.h, made specific by what the run record
 * says. Pure code. */
#ifndef NIGHTSHIFT_RUN_ADVICE_H
#define NIGHTSHIFT_RUN_ADVICE_H

#include "nightshift/base/text.h"

/* A run that is over. Strings that are not known are NULL. */
struct advice_case {
    const char *job;
    int exit_code;
    int signal;          /* that ended the worker; 0: none, or not known */
    const char *reason;  /* the first error of the run: `cannot connect to MySQL "db:3306": ...` */
    const char *warning; /* the first one: "reader db:3306 is passed over: ..." */
    const char *hint;    /* what the run itself advised */
    const char *guard;   /* the first guard that refused and may be accepted */
};

/* Appends what the exit code says: "a server or service cannot be reached or failed after all retries"; for 143 "ended by
 * signal 15 (Terminated), after leaving everything consistent"; for a code that no job has, that. */
void advice_add_words(struct text *out, int exit_code);

/* Appends the next step, a clause. It is the run's own hint if there is one, because that knows most; only where waiting for others is the
 * remedy (EXIT_UNAVAILABLE, EXIT_LATER) the hint is one more way. */
void advice_add_next(struct text *out, const struct advice_case *run);

/* The same of a run that left no record: its supervisor was ended by kill -9, a reboot or a loss of power, or could not
 * write. */
void advice_add_next_killed(struct text *out, const char *job);

#endif
