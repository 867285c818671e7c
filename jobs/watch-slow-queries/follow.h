/* Reading the slow log of one instance exactly once. How: follow.c. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_FOLLOW_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_FOLLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "instances.h"
#include "ledger.h"
#include "settings.h"
#include "slow_row.h"

/* Where rows go. */
struct follow_sink {
    void (*take)(void *context, const struct slow_row *row);
    /* Called after each batch, with the position already moved behind its last row: makes rows and position permanent. Returns 0 or an
     * exit code, which ends the reading. */
    int (*commit)(void *context);
    void *context;
};

struct follow_input {
    const struct watch_settings *settings;
    struct instance *instance;
    struct position *position; /* moved */
    int64_t until;             /* monotonic milliseconds: no batch begins after it */
    bool dry_run;              /* reads, and neither rotates nor drops anything */
};

struct follow_result {
    int64_t rows;       /* handed to take */
    int64_t skipped;    /* the watcher's own, and those of ignore_users */
    int64_t unreadable; /* rows with a value that cannot be understood: counted, passed over */
    int64_t shifted;    /* rows whose time cannot be right: another session's zone, or a changed clock */
    int64_t backlog;    /* rows left to read: 0 when read to the end */
    bool rotated;
    bool gap;         /* rows may have been lost: the table was emptied or replaced since it was last read */
    char *gap_reason; /* a sentence for people; freed by the caller */
    bool advise_rotation;
    bool rotation_refused; /* the server does not let us rotate; told now, and again rotate_after rows later */
};

/* Returns 0 or an exit code, and has then logged why; what was committed stays. */
int follow(const struct follow_input *input, const struct follow_sink *sink, struct follow_result *result);

#endif
