/* Being asked to stop. The supervisor (job/supervise.h) sends the worker SIGTERM, for a signal of its own, a passed deadline or a lost
 * lease. A thread of the worker waits for it, so that code stuck in a library call can be helped out of it: a database connection, for
 * example, registers a function that sends KILL QUERY over a second connection. */
#ifndef NIGHTSHIFT_RUN_INTERRUPT_H
#define NIGHTSHIFT_RUN_INTERRUPT_H

#include <stdbool.h>

/* Blocks SIGTERM and starts the waiting thread. Call in the worker before any other thread starts. Returns 0 or EXIT_SYSTEM. */
int interrupt_start(void);

/* True from the moment we were asked to stop. Long loops ask once per item and return EXIT_LATER. */
bool interrupt_requested(void);

/* Registers `cancel`, which the waiting thread calls (once, on request) with `context`; at most 16 at a time. interrupt_off() removes it and
 * waits if it is running just then, so that the context may be freed afterwards. */
void interrupt_on(void (*cancel)(void *context), void *context);
void interrupt_off(const void *context);

/* Sleeps, or returns early when asked to stop. Returns interrupt_requested(). */
bool interrupt_sleep(int milliseconds);

#endif
