/* Name resolution with a deadline. getaddrinfo(3) cannot be bounded (resolv.conf(5) alone allows minutes), so it has a thread of its own,
 * which is abandoned when it takes too long: what the two share then belongs to the thread, which frees it whenever it ends. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "wire_private.h"

struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done, abandoned;
    char *host, *port;
    int error; /* of getaddrinfo */
    int system_error;
    struct addrinfo *addresses;
};

static void lookup_free(struct lookup *lookup) {
    if (lookup->addresses != NULL)
        freeaddrinfo(lookup->addresses);
    pthread_cond_destroy(&lookup->changed);
    pthread_mutex_destroy(&lookup->lock);
    free(lookup->host);
    free(lookup->port);
    free(lookup);
}

static void *look_up(void *context) {
    struct lookup *lookup = context;
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int error = getaddrinfo(lookup->host, lookup->port, &hints, &addresses);
    pthread_mutex_lock(&lookup->lock);
    lookup->error = error;
    lookup->system_error = errno;
    lookup->addresses = error == 0 ? addresses : NULL;
    lookup->done = true;
    bool ours = lookup->abandoned;
    pthread_cond_signal(&lookup->changed);
    pthread_mutex_unlock(&lookup->lock);
    if (ours)
        lookup_free(lookup);
    return NULL;
}

/* Starts the thread with all signals blocked: they are meant for the others. */
static int start_thread(pthread_t *thread, struct lookup *lookup) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(thread, NULL, look_up, lookup);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

/* Waits for the thread. When it takes too long it is abandoned, and `lookup` is its own from then on: *ours is false. */
static int await_lookup(struct wire *wire, struct lookup *lookup, pthread_t thread, int64_t deadline, bool *ours) {
    int status = 0;
    pthread_mutex_lock(&lookup->lock);
    while (!lookup->done && (status = wire_check_stop(wire)) == 0) {
        int64_t now = clock_monotonic();
        if (now >= deadline) {
            status = wire_give(wire, EXIT_UNAVAILABLE, "the name service timed out");
            break;
        }
        int64_t until = deadline - now < WIRE_SLICE ? deadline : now + WIRE_SLICE;
        struct timespec time = {.tv_sec = until / 1000, .tv_nsec = until % 1000 * 1000000};
        pthread_cond_timedwait(&lookup->changed, &lookup->lock, &time);
    }
    *ours = lookup->done;
    lookup->abandoned = !lookup->done;
    pthread_mutex_unlock(&lookup->lock);
    if (*ours)
        pthread_join(thread, NULL);
    else
        pthread_detach(thread);
    return status;
}

static struct lookup *lookup_new(const char *host, const char *port) {
    struct lookup *lookup = xcalloc(1, sizeof *lookup);
    lookup->host = xstrdup(host);
    lookup->port = xstrdup(port);
    pthread_mutex_init(&lookup->lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&lookup->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    return lookup;
}

int wire_resolve(struct wire *wire, const char *host, const char *port, int64_t deadline, struct addrinfo **out) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_NUMERICHOST};
    if (getaddrinfo(host, port, &hints, out) == 0)
        return 0;
    struct lookup *lookup = lookup_new(host, port);
    pthread_t thread;
    int error = start_thread(&thread, lookup);
    int status = 0;
    if (error != 0) {
        status = wire_give(wire, EXIT_SYSTEM, "cannot start a thread: %s", strerror(error));
    } else {
        bool ours = true;
        status = await_lookup(wire, lookup, thread, deadline, &ours);
        if (!ours)
            return status;
    }
    if (status == 0 && lookup->error != 0)
        status = wire_give(wire, EXIT_UNAVAILABLE, "cannot resolve the host name: %s",
                           lookup->error == EAI_SYSTEM ? strerror(lookup->system_error) : gai_strerror(lookup->error));
    if (status == 0) {
        *out = lookup->addresses;
        lookup->addresses = NULL;
    }
    lookup_free(lookup);
    return status;
}
