/* [watch-slow-queries], [mute ID] and the options. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SETTINGS_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/run/options.h"
#include "nightshift/run/settings.h"

enum watch_mode {
    WATCH_POSITION, /* SELECT only: remembers how many rows were read */
    WATCH_ROTATE,   /* as position, and moves the table away with RENAME when it has grown to rotate_after rows */
    WATCH_RDS,      /* the same by CALL mysql.rds_rotate_slow_log */
};

enum watch_start { WATCH_FROM_BEGINNING, WATCH_FROM_END };

/* [watch-slow-queries] */
struct watch_settings {
    int mode;             /* enum watch_mode */
    int start;            /* enum watch_start: of an instance that was never read */
    int64_t rotate_after; /* rows */
    int64_t max_rows;     /* per instance and run */
    int64_t batch_rows;   /* between two writes of the ledger */
    int64_t max_time;     /* milliseconds in which a run begins batches */
    int64_t max_query;    /* bytes of a query that are read */
    struct strings ignore_users;
    bool samples;
    struct strings tell; /* "new", "worse", "known" */
    int64_t max_groups;  /* in one notice */
    double worse;        /* percent */
    int64_t worse_count;
    int64_t max_fingerprints;
    int64_t forget; /* milliseconds */
};

extern const struct section watch_section;

/* [mute ID] */
struct mute_settings {
    char *reason;
    char *until; /* 2026-12-31: the last day on which it is quiet */
};

extern const struct section mute_section;

struct watch_options {
    bool list; /* what is remembered, without reading anything new */
    bool json;
};

extern const struct option_spec watch_options[];

int watch_prepare(const struct settings *settings, const void *options);

#endif
