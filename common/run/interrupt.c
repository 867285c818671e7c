/* The thread that waits for SIGTERM. It runs ordinary code, not a signal handler, so cancel functions may do anything, even connect to a
 * server. */
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

enum { MAX_ACTIONS = 16 };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool requested;
    struct {
        void (*cancel)(void *context);
        void *context;
    } actions[MAX_ACTIONS];
} interrupt = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* The time that interrupt_sleep() waits until is one of the monotonic clock, which PTHREAD_COND_INITIALIZER does not know. */
static void prepare_condition(void) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&interrupt.changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

static pthread_once_t condition_prepared = PTHREAD_ONCE_INIT;

static void *wait_for_request(void *unused) {
    (void)unused;
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    int signal_number = 0;
    while (sigwait(&set, &signal_number) != 0)
        ;
    pthread_once(&condition_prepared, prepare_condition);
    pthread_mutex_lock(&interrupt.lock);
    interrupt.requested = true;
    pthread_cond_broadcast(&interrupt.changed);
    /* Under the lock: an owner that unregisters now waits until its cancel function is through. */
    for (size_t i = 0; i < MAX_ACTIONS; i++)
        if (interrupt.actions[i].cancel != NULL)
            interrupt.actions[i].cancel(interrupt.actions[i].context);
    pthread_mutex_unlock(&interrupt.lock);
    return NULL;
}

int interrupt_start(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    pthread_t thread;
    int error = pthread_sigmask(SIG_BLOCK, &set, NULL);
    if (error == 0)
        error = pthread_create(&thread, NULL, wait_for_request, NULL);
    if (error != 0)
        return fail(EXIT_SYSTEM, "cannot start the thread that waits for signals: %s", strerror(error));
    pthread_detach(thread);
    return 0;
}

bool interrupt_requested(void) {
    pthread_mutex_lock(&interrupt.lock);
    bool requested = interrupt.requested;
    pthread_mutex_unlock(&interrupt.lock);
    return requested;
}

void interrupt_on(void (*cancel)(void *context), void *context) {
    pthread_mutex_lock(&interrupt.lock);
    size_t i = 0;
    while (i < MAX_ACTIONS && interrupt.actions[i].cancel != NULL)
        i++;
    if (i == MAX_ACTIONS)
        abort(); /* a job that holds more connections than the limit says: it could not be stopped any more */
    interrupt.actions[i].cancel = cancel;
    interrupt.actions[i].context = context;
    pthread_mutex_unlock(&interrupt.lock);
}

void interrupt_off(const void *context) {
    pthread_mutex_lock(&interrupt.lock);
    for (size_t i = 0; i < MAX_ACTIONS; i++)
        if (interrupt.actions[i].context == context) {
            interrupt.actions[i].cancel = NULL;
            interrupt.actions[i].context = NULL;
        }
    pthread_mutex_unlock(&interrupt.lock);
}

bool interrupt_sleep(int milliseconds) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += milliseconds / 1000;
    until.tv_nsec += milliseconds % 1000 * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    pthread_once(&condition_prepared, prepare_condition);
    pthread_mutex_lock(&interrupt.lock);
    while (!interrupt.requested && pthread_cond_timedwait(&interrupt.changed, &interrupt.lock, &until) == 0)
        ;
    bool requested = interrupt.requested;
    pthread_mutex_unlock(&interrupt.lock);
    return requested;
}
