/* How a job stands: what its last run says, how old its data is, what is usual for it, and when it is due. Pure code; the time
 * comes in as an argument. Times are milliseconds since 1970, durations milliseconds. */
#ifndef NIGHTSHIFT_SHOW_RUNS_DUE_H
#define NIGHTSHIFT_SHOW_RUNS_DUE_H

#include "seen.h"

/* Worst first: the order in which jobs are shown. */
enum due_state {
    DUE_KILLED,    /* the last run left no record */
    DUE_FAILING,   /* the last run ended with another code than 0 and 1 */
    DUE_OVERDUE,   /* the last run was good, but its data is older than two runs */
    DUE_MISSING,   /* expected by the settings, and never ran */
    DUE_ATTENTION, /* the last run ended with 1 */
    DUE_STARTED,   /* the first run is going on */
    DUE_ELSEWHERE, /* here there are only slots that the other host owned */
    DUE_FINE,
    DUE_NEVER, /* never ran, and nobody expects it */
};

/* "failing", "never ran", ... */
const char *due_state_word(enum due_state state);
/* Whether --check fails because of it. */
bool due_is_failure(enum due_state state);

enum { DUE_NOT_SAID = -1 };

/* What is known of a job. */
struct due_input {
    const struct seen_list *runs; /* sorted */
    bool whole;                   /* these are all runs of this host since its first */
    int64_t every;                /* how often it is expected to run, by the settings; 0: not at all; DUE_NOT_SAID */
    bool held;                    /* a run holds the lease of this host */
    const char *holder;           /* the id of that run, or of the last one that held it; NULL: not known */
    const char *elsewhere;        /* the id of a run that holds the lease on another host; NULL: none does */
};

struct due {
    enum due_state state;
    const struct seen *last; /* the last run that counts; NULL: none. It belongs to the input. */
    int64_t data_at;         /* when the last run ended that was done; 0: none was */
    int64_t usual;           /* the median duration of the runs before the last that were done; DUE_NOT_SAID: too few */
    int64_t interval;        /* from one run to the next; 0: not known, or none is expected */
    int64_t next;            /* when the next run should begin; 0: not known */
    bool overdue;            /* the data is older than two runs; also of a job that is failing */
    int64_t running_since;   /* 0: no run is going on */
    const char *running_id;  /* belongs to the input */
    const char *killed_id;   /* of DUE_KILLED; belongs to the input */
    int64_t killed_at;       /* when that run had begun */
};

void due_judge(const struct due_input *input, int64_t now, struct due *due);

/* For tests: the median of the intervals between scheduled runs, 0 if there are fewer than DUE_INTERVALS. */
enum { DUE_INTERVALS = 3 };
int64_t due_usual_interval(const struct seen_list *runs);

#endif
