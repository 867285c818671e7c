/* The outbox on disk: one file per notice, ID.notice.state, in the form of run/state.h (so that a damaged one is found
 * and set aside). Names sort by time. Nothing here talks to a service. */
#ifndef NIGHTSHIFT_WEB_NOTIFY_OUTBOX_H
#define NIGHTSHIFT_WEB_NOTIFY_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/web/notify.h"
#include "nightshift/web/notify_message.h"

enum {
    NOTIFY_OUTBOX_LIMIT = 500,     /* notices waiting; the oldest beyond it go into the summary */
    NOTIFY_ASIDE_LIMIT = 200,      /* files kept in each of rejected/, unknown/, old/ */
    NOTIFY_DELIVERED_LIMIT = 1000, /* notices whose delivery is remembered */
};

/* A notice that has left the queue, and the directory it goes to. */
enum notify_verdict { NOTIFY_PENDING, NOTIFY_REJECTED, NOTIFY_UNKNOWN, NOTIFY_OLD };

struct notify_notice {
    char *id;  /* run id and sequence: also the file's name */
    char *key; /* the id, when the caller gave none */
    char *job, *host, *run_id, *at;
    int64_t created;         /* milliseconds since 1970, as all times here */
    int64_t version;         /* of the file */
    int64_t attempts;        /* begun so far */
    int64_t attempting;      /* when an attempt began whose outcome is not known; 0: none */
    int attempting_via;      /* enum notify_via of that attempt */
    int64_t not_before;      /* when the next attempt may be made */
    bool held;               /* not_before comes from a rate limit, and so holds for all notices */
    int verdict;             /* enum notify_verdict: set before the file is moved */
    char *reason;            /* the last failure, or of the verdict; NULL: none */
    struct strings replaces; /* a summary: the ids that it stands for */
    struct notify_message *message;
};

struct notify_origin notify_notice_origin(const struct notify_notice *notice);
void notify_notice_free(struct notify_notice *notice);

struct notify_outbox {
    char *directory;
    int lock; /* descriptor; -1: not taken */
};

int notify_outbox_make(struct notify_outbox *outbox, const char *state_dir);
void notify_outbox_free(struct notify_outbox *outbox);

/* Waits for up to `milliseconds` while another process flushes; then EXIT_LATER. Needed for all that follows but
 * notify_outbox_save() of a new notice. Dies with the process. */
int notify_outbox_lock(struct notify_outbox *outbox, int64_t milliseconds);
void notify_outbox_unlock(struct notify_outbox *outbox);

/* Writes the notice, with the next version: on disk when it returns 0; EXIT_CANNOT_WRITE. */
int notify_outbox_save(const struct notify_outbox *outbox, struct notify_notice *notice);

/* All waiting notices by id. Sets damaged files aside (counted), finishes moves that a crash has cut short, and removes
 * what was being written an hour ago when a process died. A notice that cannot be read just now (too many open files, say)
 * stays where it is, and is EXIT_SYSTEM or EXIT_DENIED; the others are loaded all the same. `notices` is an array of
 * *count pointers, for notify_outbox_release(). */
int notify_outbox_load(const struct notify_outbox *outbox, struct notify_notice ***notices, size_t *count,
                       size_t *damaged);
void notify_outbox_release(struct notify_notice **notices, size_t count);

/* Removes a notice that needs no trace. EXIT_CANNOT_WRITE. */
int notify_outbox_remove(const struct notify_outbox *outbox, const struct notify_notice *notice);

/* Moves a notice to the directory of the verdict, with the reason written into it first. EXIT_CANNOT_WRITE. */
int notify_outbox_set_aside(const struct notify_outbox *outbox, struct notify_notice *notice, int verdict,
                            const char *reason);

/* What has been delivered: lines of an id and the hash of a key, the newest NOTIFY_DELIVERED_LIMIT of them. A damaged
 * memory is set aside and counts as empty. */
struct notify_delivered {
    struct strings lines;
    int64_t version;
};

int notify_delivered_load(const struct notify_outbox *outbox, struct notify_delivered *delivered);
bool notify_delivered_has(const struct notify_delivered *delivered, const struct notify_notice *notice);
int notify_delivered_add(const struct notify_outbox *outbox, struct notify_delivered *delivered,
                         const struct notify_notice *notice);
void notify_delivered_free(struct notify_delivered *delivered);

#endif
