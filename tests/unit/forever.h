/* Waiting in unit tests. No test measures how fast this machine is: what is asserted must hold when it is slow, and when it stands still for
 * some seconds. So a time is only ever too short (a wait that ended before its timeout), or FOREVER; and what should block in vain blocks
 * for longer than that. */
#ifndef TESTS_UNIT_FOREVER_H
#define TESTS_UNIT_FOREVER_H

#include <unistd.h>

#include "nightshift/base/clock.h"

/* Milliseconds that only something that hangs can take: the ceiling of every wait, and the timeout of all that must succeed. */
enum { FOREVER = 30000 };

/* Waits until the condition holds, and fails the test when it never does. */
#define AWAIT(condition)                                                                        \
    do {                                                                                        \
        for (int64_t await_until = clock_monotonic() + FOREVER; !(condition); clock_sleep(5)) { \
            if (clock_monotonic() < await_until)                                                \
                continue;                                                                       \
            print_error("waited in vain for: %s\n", #condition);                                \
            _fail(__FILE__, __LINE__);                                                          \
        }                                                                                       \
    } while (0)

/* A program that hangs is ended, and so has failed, before whoever runs the tests has to do it. */
static inline void end_when_it_hangs(void) {
    alarm(20 * FOREVER / 1000);
}

#endif
