/* Operations that wait for the guards, in an unlinked temporary file: it disappears with the process, however that ends, and memory does not
 * grow with it. Written once, then read once, in order. */
#ifndef PUSH_LANCERS_SPOOL_H
#define PUSH_LANCERS_SPOOL_H

#include <stdbool.h>
#include <stdint.h>

#include "operation.h"

struct spool;

/* In a directory on disk. `max_bytes`: how large it may grow. EXIT_CANNOT_WRITE. */
int spool_create(const char *directory, int64_t max_bytes, struct spool **out);
void spool_free(struct spool *spool); /* NULL is allowed */

/* EXIT_CANNOT_WRITE, also when it would be larger than it may. */
int spool_add(struct spool *spool, const struct operation *operation);
int64_t spool_bytes(const struct spool *spool);

/* From writing to reading. */
int spool_rewind(struct spool *spool);
/* Valid until the next call. *found is false at the end. EXIT_SYSTEM when the disk does not give back what was written: each add is checked
 * against its hash, and the whole against a checksum. */
int spool_next(struct spool *spool, struct operation *operation, bool *found);

#endif
