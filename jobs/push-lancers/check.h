/* push-lancers --check. */
#ifndef PUSH_LANCERS_CHECK_H
#define PUSH_LANCERS_CHECK_H

#include "nightshift/job/job.h"

/* Connects to the reader, runs the first page's query without rows, finds the credentials and says where they come from, compares the domain's
 * state and index fields with the columns, and posts an empty batch, which is refused for being empty where we may upload, and otherwise for
 * being us. Changes nothing. */
int push_check(struct run *run);

#endif
