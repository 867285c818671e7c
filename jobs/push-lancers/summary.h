/* What a push leaves in the run record and says at the end. */
#ifndef PUSH_LANCERS_SUMMARY_H
#define PUSH_LANCERS_SUMMARY_H

#include "push.h"

/* Into the record, and one line at info level. */
void push_summarise(const struct push *push);

/* EXIT_ATTENTION when rows or documents were refused, now or on an earlier night; else 0. */
int push_attention(const struct push *push);

#endif
