/* The state of a job (run/state.h), kept in state_dir and, with Redis, mirrored there: the higher version wins, so that the other host can take
 * over, and a lost Redis loses nothing. A run that has lost its lease cannot write to the mirror: its fence is too low. */
#ifndef NIGHTSHIFT_JOB_MIRROR_H
#define NIGHTSHIFT_JOB_MIRROR_H

#include "nightshift/job/job.h"
#include "nightshift/run/state.h"

/* Reads the newer of the two; of the same version, the mirrored one. Version 0 when there is none. A mirror that cannot be reached is a warning, a local file that cannot be read an
 * error. EXIT_GUARD when either was written by a newer nightshift. */
int mirror_load(struct run *run, const char *name, struct state *state);

/* Raises the version by one and writes both, the local file first. EXIT_CANNOT_WRITE for that; EXIT_LATER when another run has taken the
 * lease meanwhile; a mirror that cannot be reached is a warning. */
int mirror_save(struct run *run, const char *name, struct state *state);

#endif
