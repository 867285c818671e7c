/* All that is known of the jobs: records and leases of this host, and with Redis those of the others. Reads only. */
#ifndef NIGHTSHIFT_SHOW_RUNS_GATHER_H
#define NIGHTSHIFT_SHOW_RUNS_GATHER_H

#include "due.h"
#include "nightshift/base/text.h"
#include "nightshift/job/job.h"
#include "nightshift/job/lease.h"

/* One job. */
struct job_runs {
    char *name;
    struct seen_list runs; /* sorted */
    bool whole;            /* all runs of this host are among them */
    size_t unreadable;     /* lines that are no records, here and in Redis */
    bool newer;            /* some are of a later format than ours */
    int64_t every;         /* of [expect JOB], or DUE_NOT_SAID */
    struct lease_view here, elsewhere;
    struct due due;
};

struct gathered {
    struct job_runs *jobs; /* in the order in which they shall be shown: worst first, then by name */
    size_t count;
    int64_t now;
    char *host; /* this one */
    bool with_redis;
    char *redis_problem; /* why records of other hosts are missing; NULL: they are not */
    int redis_status;    /* 0, or what the problem is worth as an exit code */
};

/* Reads everything and judges it. 0, or the status of what cannot be read here, logged; a Redis that cannot be read is no
 * failure. */
int gather(const struct run *run, struct gathered *out);
void gathered_free(struct gathered *gathered);

/* NULL if there is no such job. */
const struct job_runs *gathered_find(const struct gathered *gathered, const char *name);

/* Appends what disturbs the picture of a job, as a clause: lines that are no records, a later format. Nothing if all is
 * well. */
void gathered_add_doubts(struct text *out, const struct job_runs *job);

/* The record of a run as it is stored, wherever it is; *line is NULL if no place has it, else freed by the caller. */
int gather_record(const struct run *run, const struct gathered *gathered, const char *run_id, char **line);

#endif
