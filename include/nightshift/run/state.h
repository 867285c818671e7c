/* What a job remembers between two runs: a blob with a version number, kept in a file of the state directory that is replaced whole. A file
 * that is damaged, or belongs to another job, is set aside as FILE.bad and counts as absent. */
#ifndef NIGHTSHIFT_RUN_STATE_H
#define NIGHTSHIFT_RUN_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/base/text.h"

struct state {
    int64_t version; /* 0: there is none */
    struct text body;
};

/* The blob with its header line, as it stands in the file and in the mirror: magic, format, job, name, version, length, XXH3-64 (seeded
 * with the version). */
void state_encode(const char *job, const char *name, const struct state *state, struct text *out);

/* NULL, or why the bytes are not a state of this job and name (a string literal); *state is set on success only. */
const char *state_decode(const char *job, const char *name, const char *bytes, size_t length, struct state *state);

/* Whether the bytes begin as a state of a later format than ours. Such a one is no damage: what it knows must not be lost. */
bool state_is_newer(const char *bytes, size_t length);

/* Reads DIR/JOB.NAME.state. A missing or damaged file leaves version 0. Returns 0, EXIT_GUARD for a file that a newer nightshift has
 * written, or the status of a file that cannot be read. */
int state_load(const char *directory, const char *job, const char *name, struct state *state);

/* EXIT_CANNOT_WRITE, with the old state in place. */
int state_save(const char *directory, const char *job, const char *name, const struct state *state);

void state_free(struct state *state);

#endif
