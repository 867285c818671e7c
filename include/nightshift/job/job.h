/* A job is one `struct job`; its main() hands it to run_main() and does nothing else. */
#ifndef NIGHTSHIFT_JOB_JOB_H
#define NIGHTSHIFT_JOB_JOB_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/base/random.h"
#include "nightshift/run/options.h"
#include "nightshift/run/record.h"
#include "nightshift/run/settings.h"

struct job;

/* What a job's functions get: everything is set up, and only to be read. */
struct run {
    const struct job *job;
    const struct shared_options *shared;
    const void *options; /* the job's own struct, filled from its table */
    const struct settings *settings;
    struct record *record; /* NULL in a run that leaves none; the record functions take that */
    char id[UUID_LENGTH + 1];
    int64_t fence; /* grows with each run that holds the lease in Redis; 0 without Redis */
    bool dry_run;
};

struct job {
    const char *name;
    const char *purpose; /* one line, for --help */
    const struct option_spec *options;
    size_t options_size;
    bool
        reads_only; /* every run only looks: it takes no lease and leaves no record, as with an option of OPTION_READ_ONLY */
    const struct section *const *sections; /* all that the job reads, shared ones first; ends with NULL */
    /* Checks what the tables cannot: across sections, and options against settings. Logs; returns 0, EXIT_SETTINGS or EXIT_USAGE. */
    int (*prepare)(const struct settings *settings, const void *options);
    /* --check: connects to everything and tests privileges, changes nothing. Prints what it found to stdout. */
    int (*check)(struct run *run);
    /* The work. Returns an exit code. */
    int (*run)(struct run *run);
};

/* In this order, for all jobs: parse options, load and check settings, take the lease, start record, deadline and signals, run the job in a
 * worker process, write record and metrics, ping, release. Returns the exit code. */
int run_main(const struct job *job, int argc, char **argv);

#endif
