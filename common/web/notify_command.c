/* Running a command that tells people, without a shell: no word of a notice is ever an argument or a name. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/web/notify_send.h"
#include "nightshift/web/notify_text.h"

enum {
    POLL = 20,           /* milliseconds between two looks at the child */
    OUTPUT_LIMIT = 4096, /* bytes of its output that are kept */
    OUTPUT_SHOWN = 200,  /* characters of them that are shown */
    DRAIN_BLOCKS = 16,
};

int notify_command_check(const char *path) {
    struct stat info;
    if (stat(path, &info) != 0)
        return fail(EXIT_SETTINGS, "cannot run \"%s\": %s", path, strerror(errno));
    if (!S_ISREG(info.st_mode) || access(path, X_OK) != 0)
        return fail(EXIT_SETTINGS, "cannot run \"%s\": not an executable file", path);
    if ((info.st_uid != 0 && info.st_uid != geteuid()) || (info.st_mode & 022) != 0) {
        log_error("cannot run \"%s\": it can be changed by other users", path);
        log_hint("chown it to the user that runs the job and chmod go-w it");
        return EXIT_DENIED;
    }
    return 0;
}

/* The message as a file in memory: the child may read it at any pace, or not at all, and we cannot hang on it. */
static int make_input(const struct text *input) {
    int descriptor = memfd_create("notice", MFD_CLOEXEC);
    for (size_t at = 0; descriptor >= 0 && at < input->length;) {
        ssize_t written = write(descriptor, input->data + at, input->length - at);
        if (written < 0 && errno != EINTR) {
            close(descriptor);
            return -1;
        }
        at += written > 0 ? (size_t)written : 0;
    }
    if (descriptor >= 0)
        lseek(descriptor, 0, SEEK_SET);
    return descriptor;
}

/* A group of its own, so that all of it can be killed; our blocked and ignored signals are not inherited. */
static int set_attributes(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int error =
        posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (error == 0)
        error = posix_spawnattr_setpgroup(attributes, 0);
    if (error == 0)
        error = posix_spawnattr_setsigmask(attributes, &none);
    return error != 0 ? error : posix_spawnattr_setsigdefault(attributes, &all);
}

/* Returns 0 or an errno; *child is its process id. */
static int spawn(const char *path, const char *id, int input, int output, pid_t *child) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    const char *zone = getenv("TZ");
    char *environment[] = {xstrdup("PATH=/usr/local/bin:/usr/bin:/bin"), xstrdup("LC_ALL=C.UTF-8"),
                           xasprintf("NIGHTSHIFT_NOTICE_ID=%s", id), xasprintf("TZ=%s", zone != NULL ? zone : "UTC"),
                           NULL};
    char *name = xstrdup(path);
    char *arguments[] = {name, NULL};
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    int error = posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
    if (error == 0)
        error = posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
    if (error == 0)
        error = set_attributes(&attributes);
    if (error == 0)
        error = posix_spawn(child, path, &actions, &attributes, arguments, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    for (size_t i = 0; environment[i] != NULL; i++)
        free(environment[i]);
    free(name);
    return error;
}

/* Takes what is there; what is over the limit is dropped, so that a chatty command is not held up. A few blocks at a time,
 * so that it cannot hold us up either. */
static void drain(int descriptor, struct text *output) {
    char block[4096];
    for (int i = 0; i < DRAIN_BLOCKS; i++) {
        ssize_t got = read(descriptor, block, sizeof block);
        if (got <= 0)
            return;
        text_append(output, block, (size_t)got);
    }
}

/* Waits until the child has ended, or kills it. Returns its wait status, or -1 with *stopped telling why it was killed. */
static int await(pid_t child, int descriptor, int64_t timeout, struct text *output, const char **stopped) {
    int64_t until = clock_monotonic() + timeout;
    int ended = 0;
    *stopped = NULL;
    while (waitpid(child, &ended, WNOHANG) == 0) {
        struct pollfd readable = {.fd = descriptor, .events = POLLIN};
        if (interrupt_requested())
            *stopped = "asked to stop";
        else if (clock_monotonic() >= until)
            *stopped = "it took too long";
        if (*stopped != NULL) {
            kill(-child, SIGKILL);
            kill(child, SIGKILL); /* should it have left its group */
            while (waitpid(child, &ended, 0) < 0 && errno == EINTR)
                ;
            break;
        }
        /* Closed by the child: poll() would return at once, again and again. */
        if (poll(&readable, 1, POLL) > 0 && (readable.revents & POLLIN) == 0)
            clock_sleep(POLL);
        drain(descriptor, output);
    }
    drain(descriptor, output);
    return *stopped == NULL ? ended : -1;
}

static void conclude(struct notify_attempt *attempt, int ended, const char *stopped, const struct text *output) {
    bool good = stopped == NULL && WIFEXITED(ended) && WEXITSTATUS(ended) == 0;
    attempt->outcome = good ? NOTIFY_DELIVERED : stopped != NULL ? NOTIFY_UNSURE : NOTIFY_FAILED;
    text_clear(&attempt->reason);
    if (stopped != NULL)
        text_printf(&attempt->reason, "the command was killed: %s", stopped);
    else if (WIFSIGNALED(ended))
        text_printf(&attempt->reason, "the command was ended by signal %d", WTERMSIG(ended));
    else
        text_printf(&attempt->reason, "the command ended with %d", WEXITSTATUS(ended));
    char *shown = notify_text_clean(text_string(output), OUTPUT_SHOWN, false);
    if (*shown != '\0' && !good)
        text_printf(&attempt->reason, ": %s", shown);
    free(shown);
}

void notify_command_run(const char *path, const char *id, const struct text *input, int64_t timeout,
                        struct notify_attempt *attempt) {
    struct text output = {.limit = OUTPUT_LIMIT};
    int ends[2] = {-1, -1};
    pid_t child = -1;
    attempt->wait = 0;
    int descriptor = make_input(input);
    int error = descriptor < 0 || pipe2(ends, O_CLOEXEC) != 0 ? errno : 0;
    if (error == 0 && fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
        error = errno;
    if (error == 0)
        error = spawn(path, id, descriptor, ends[1], &child);
    if (ends[1] >= 0)
        close(ends[1]);
    if (error == 0) {
        const char *stopped = NULL;
        int ended = await(child, ends[0], timeout, &output, &stopped);
        conclude(attempt, ended, stopped, &output);
    } else {
        attempt->outcome = NOTIFY_FAILED;
        text_clear(&attempt->reason);
        text_printf(&attempt->reason, "cannot run the command: %s", strerror(error));
    }
    if (ends[0] >= 0)
        close(ends[0]);
    if (descriptor >= 0)
        close(descriptor);
    text_free(&output);
}
