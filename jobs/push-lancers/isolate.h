/* A batch was refused, and batches are all or nothing: which documents are at fault? A state machine without a server: it says which
 * operations to post next, is told what came of it, and ends with a verdict on each. Pure code.
 *
 * A document is found guilty only by proof: posted alone it was refused; or its name stood in a refusal, and the same operations without it
 * were accepted. Halves of a refused batch are a way to look, not proof, for the batch as such may have been at fault (its size). With n
 * operations and k bad documents it takes about 2k posts when refusals name documents, and about k log2(n/k) + 2k when they do not. */
#ifndef PUSH_LANCERS_ISOLATE_H
#define PUSH_LANCERS_ISOLATE_H

#include <stdbool.h>
#include <stddef.h>

#include "operation.h"

struct isolate_range {
    size_t from;
    size_t to;
    size_t last_named;    /* left out because the last refusal of these operations named it; to: none */
    bool guilty;          /* there is a bad one in it, so do not post it whole */
    bool first_of_halves; /* if it is accepted, the range below it on the stack is guilty */
};

enum { ISOLATE_DEPTH = 64 };

struct isolate {
    size_t count;
    unsigned char *verdicts; /* enum outcome; UNKNOWN: not settled yet */
    bool *suspect;
    bool *chosen; /* what isolate_next() wants posted */
    struct isolate_range stack[ISOLATE_DEPTH];
    size_t depth;
    size_t single; /* the suspect being posted alone; count: none is */
    size_t posts;
    size_t max_posts;
};

/* `active`: the operations that were in the refused batch (FORGETs were not); the others are settled as applied. `named`: the one that the
 * refusal named, or `count`. After `max_posts` posts it gives up: where every document is refused, the mapping is wrong and not a row. */
void isolate_start(struct isolate *isolate, size_t count, const bool *active, size_t named, size_t max_posts);
void isolate_free(struct isolate *isolate);

/* Chooses the next post (isolate->chosen). False at the end. */
bool isolate_next(struct isolate *isolate);

/* What came of it. `named`: the operation that a refusal named, or isolate->count. */
void isolate_accepted(struct isolate *isolate);
void isolate_refused(struct isolate *isolate, size_t named);

/* Ends it early, and settles the rest: what was posted last stays unknown if `unanswered`, all else was certainly not applied. Also to be
 * called at the end, when isolate_next() may have given up; returns whether it had. */
bool isolate_finish(struct isolate *isolate, bool unanswered);

#endif
