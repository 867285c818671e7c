/* The supervisor: forks the worker, then waits on four things at once: signals (signalfd), the worker's reports (pipe), the deadline, and
 * the next renewal of the lease. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/supervise.h"
#include "nightshift/run/interrupt.h"

/* Why the worker is being stopped. */
enum stop_cause { STOP_NONE, STOP_SIGNAL, STOP_DEADLINE, STOP_LEASE };

struct watch {
    const struct supervision *supervision;
    struct record_builder *builder;
    pid_t worker;
    int signals; /* signalfd */
    int reports; /* read end of the pipe; -1 when it has ended */
    enum stop_cause cause;
    int signal_number; /* for STOP_SIGNAL */
    int64_t kill_at;   /* monotonic; 0: not asked to stop yet */
    int64_t renew_at;  /* monotonic; 0: never */
    bool ended;
    int wait_status;
};

static void fill_signals(sigset_t *set) {
    static const int signals[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigemptyset(set);
    for (size_t i = 0; i < LENGTH_OF(signals); i++)
        sigaddset(set, signals[i]);
}

/* The worker's whole life. */
static _Noreturn void work(const struct supervision *supervision, int descriptor, pid_t supervisor) {
    /* Whoever kills the supervisor with -9 must not leave a worker behind that nobody watches. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(EXIT_SYSTEM);
    /* Ctrl-C reaches the whole process group; only the supervisor decides. SIGTERM is handled by the thread that interrupt_start() makes. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigset_t set;
    fill_signals(&set);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    int status = interrupt_start();
    struct record *record = descriptor >= 0 ? record_open(descriptor) : NULL;
    if (status == 0)
        status = supervision->work(supervision->context, record);
    if ((fflush(stdout) != 0 || ferror(stdout)) && (status == EXIT_DONE || status == EXIT_ATTENTION))
        status = fail(EXIT_CANNOT_WRITE, "cannot write to the standard output: %s", strerror(errno));
    record_close(record);
    exit(status);
}

static void stop_worker(struct watch *watch, enum stop_cause cause) {
    if (watch->cause != STOP_NONE) {
        /* Asked a second time: at once. */
        kill(watch->worker, SIGKILL);
        return;
    }
    watch->cause = cause;
    watch->kill_at = clock_monotonic() + SUPERVISE_GRACE;
    kill(watch->worker, SIGTERM);
}

static void read_signals(struct watch *watch) {
    struct signalfd_siginfo info;
    while (read(watch->signals, &info, sizeof info) == (ssize_t)sizeof info) {
        int number = (int)info.ssi_signo;
        if (number == SIGCHLD) {
            if (waitpid(watch->worker, &watch->wait_status, WNOHANG) == watch->worker)
                watch->ended = true;
            continue;
        }
        log_warning("received signal %d (%s), stopping", number, strsignal(number));
        if (watch->cause == STOP_NONE)
            watch->signal_number = number;
        stop_worker(watch, STOP_SIGNAL);
    }
}

static void read_reports(struct watch *watch) {
    char block[16384];
    ssize_t got = read(watch->reports, block, sizeof block);
    if (got > 0) {
        record_builder_feed(watch->builder, block, (size_t)got);
    } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(watch->reports);
        watch->reports = -1;
    }
}

static void check_times(struct watch *watch) {
    int64_t now = clock_monotonic();
    const struct supervision *supervision = watch->supervision;
    if (watch->cause == STOP_NONE && supervision->deadline > 0 && now >= supervision->deadline) {
        log_error("the deadline has passed, stopping");
        stop_worker(watch, STOP_DEADLINE);
    }
    if (watch->cause == STOP_NONE && watch->renew_at > 0 && now >= watch->renew_at) {
        watch->renew_at = now + supervision->renew_every;
        if (supervision->renew(supervision->renew_context) != 0)
            stop_worker(watch, STOP_LEASE);
    }
    if (watch->kill_at > 0 && now >= watch->kill_at) {
        log_error("the worker did not stop within %d s, killing it", SUPERVISE_GRACE / 1000);
        kill(watch->worker, SIGKILL);
        watch->kill_at = now + SUPERVISE_GRACE;
    }
}

/* Milliseconds until something is due, for poll(2); -1: nothing is. */
static int time_left(const struct watch *watch) {
    int64_t next = watch->kill_at;
    if (watch->cause == STOP_NONE) {
        if (watch->supervision->deadline > 0)
            next = watch->supervision->deadline;
        if (watch->renew_at > 0 && (next == 0 || watch->renew_at < next))
            next = watch->renew_at;
    }
    if (next == 0)
        return -1;
    int64_t left = next - clock_monotonic();
    return left < 0 ? 0 : left > 60000 ? 60000 : (int)left;
}

/* Until the worker has ended and all its reports are read. */
static void watch_worker(struct watch *watch) {
    while (!watch->ended || watch->reports >= 0) {
        struct pollfd waits[] = {{.fd = watch->signals, .events = POLLIN}, {.fd = watch->reports, .events = POLLIN}};
        int ready = poll(waits, watch->reports >= 0 ? 2 : 1, watch->ended ? 0 : time_left(watch));
        if (ready < 0 && errno != EINTR)
            break;
        if (ready > 0 && waits[0].revents != 0)
            read_signals(watch);
        if (ready > 0 && watch->reports >= 0 && waits[1].revents != 0)
            read_reports(watch);
        /* A grandchild could hold the pipe open; when the worker is gone and the pipe is empty, that was all. */
        if (ready == 0 && watch->ended)
            break;
        if (!watch->ended)
            check_times(watch);
    }
    if (watch->reports >= 0)
        close(watch->reports);
}

static int crashed(const struct watch *watch, int number) {
    record_builder_set(watch->builder, "signal", json_integer(number));
    if (number == SIGKILL)
        return fail(EXIT_SYSTEM, "the worker was killed (signal 9), perhaps for lack of memory");
    log_error("the worker crashed with signal %d (%s)", number, strsignal(number));
    log_hint("this is a bug of nightshift; what it had done by then is in the run record");
    return EXIT_BUG;
}

static int exit_code_of(const struct watch *watch) {
    bool killed = WIFSIGNALED(watch->wait_status);
    int own = killed ? -1 : WEXITSTATUS(watch->wait_status);
    /* A worker that was asked to stop but had finished already tells the truth with its own code. */
    bool stopped_early = watch->cause != STOP_NONE && (killed || own == EXIT_LATER);
    if (stopped_early && watch->cause == STOP_SIGNAL) {
        record_builder_set(watch->builder, "signal", json_integer(watch->signal_number));
        return EXIT_SIGNAL + watch->signal_number;
    }
    if (stopped_early)
        return EXIT_LATER;
    return killed ? crashed(watch, WTERMSIG(watch->wait_status)) : own;
}

void supervise_block_signals(void) {
    sigset_t set;
    fill_signals(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int supervise(const struct supervision *supervision, struct record_builder *builder, int leaves_record) {
    int pipes[2] = {-1, -1};
    sigset_t set;
    fill_signals(&set);
    supervise_block_signals();
    struct watch watch = {.supervision = supervision, .builder = builder, .reports = -1};
    watch.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (watch.signals < 0 || (leaves_record && pipe2(pipes, O_CLOEXEC) != 0))
        return fail(EXIT_SYSTEM, "cannot start the worker: %s", strerror(errno));
    fflush(NULL);
    pid_t supervisor = getpid();
    watch.worker = fork();
    if (watch.worker < 0)
        return fail(EXIT_SYSTEM, "cannot start the worker: %s", strerror(errno));
    if (watch.worker == 0) {
        if (pipes[0] >= 0)
            close(pipes[0]);
        close(watch.signals);
        work(supervision, pipes[1], supervisor);
    }
    if (pipes[1] >= 0)
        close(pipes[1]);
    watch.reports = pipes[0];
    if (supervision->renew_every > 0)
        watch.renew_at = clock_monotonic() + supervision->renew_every;
    watch_worker(&watch);
    close(watch.signals);
    return exit_code_of(&watch);
}
