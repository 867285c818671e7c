/* Moving a grown slow log table away, so that reading it stays cheap. Nothing is lost by it: what is moved is still read to its end, by the
 * same position. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_ROTATE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_ROTATE_H

#include <stdbool.h>

#include "ledger.h"
#include "nightshift/stores/mysql.h"
#include "settings.h"

struct rotation {
    struct database *database;
    const struct position *position;
    int mode;     /* enum watch_mode */
    bool tell;    /* a refusal is worth a warning; else it was told before */
    bool rotated; /* filled */
    bool refused; /* filled: it will not work until somebody changes something */
};

/* Rotates the live table if its generation is the position's, and nothing unread lies where it would be moved. Returns 0, rotated or not, or
 * an exit code when the server failed. */
int rotate(struct rotation *rotation);

/* Drops what mode rotate moved away; for a table that was read to its end. A server that refuses is only logged. */
int rotate_drop(struct database *database);

/* Whether `first` begins a generation that is done with. */
bool rotate_is_done(const struct position *position, const char *first);

#endif
