/* Running tests/standins/notices.php in a unit test, and reading what it has seen. */
#ifndef TESTS_STANDINS_NOTICES_H
#define TESTS_STANDINS_NOTICES_H

#include <arpa/inet.h>
#include <jansson.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "../unit/support.h"
#include "nightshift/base/clock.h"

/* fail_msg() of cmocka, which would call the log's fail(). */
#define fail_with(...) (print_error(__VA_ARGS__), print_error("\n"), _fail(__FILE__, __LINE__))

#define NOTICES_SECRET "cAnArY-sEcReT-5417"
#define NOTICES_ROOM "424242"

struct notices {
    char *directory;
    int port;
    pid_t pid; /* 0: not running */
};

/* Whether the stand-in on this port is ours: tests that run side by side may reach for the same port. */
static inline bool notices_answer(const struct notices *notices, int port) {
    static const char request[] = "GET /ready HTTP/1.0\r\n\r\n";
    struct text answer = {0};
    char block[1024];
    int peer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(peer, (const struct sockaddr *)&name, sizeof name) == 0 &&
        write(peer, request, sizeof request - 1) == sizeof request - 1)
        for (ssize_t got = 0; (got = read(peer, block, sizeof block)) > 0;)
            text_append(&answer, block, (size_t)got);
    close(peer);
    bool ours = strstr(text_string(&answer), notices->directory) != NULL;
    text_free(&answer);
    return ours;
}

static inline void notices_stop(struct notices *notices) {
    if (notices->pid > 0) {
        kill(notices->pid, SIGKILL);
        waitpid(notices->pid, NULL, 0);
    }
    notices->pid = 0;
}

static inline pid_t notices_fork(const struct notices *notices, int port) {
    char *address = xasprintf("127.0.0.1:%d", port);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setenv("NOTICES_DIR", notices->directory, 1);
        setenv("NOTICES_SECRET", NOTICES_SECRET, 1);
        setenv("NOTICES_ROOM", NOTICES_ROOM, 1);
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);
        for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
            dup2(null, descriptor);
        execlp("php", "php", "-n", "-S", address, "tests/standins/notices.php", (char *)NULL);
        _exit(127);
    }
    free(address);
    return pid;
}

/* Starts the stand-in on its port, which it keeps when it is started again; the first time, on a free one. */
static inline void notices_start(struct notices *notices) {
    static int next;
    for (int tries = 0; tries < 100; tries++) {
        int port = notices->port != 0 ? notices->port : 12000 + (int)(getpid() * 7LL + next++) % 18000;
        notices->pid = notices_fork(notices, port);
        for (int waited = 0; notices->pid > 0 && waited < FOREVER / 10; waited++) {
            if (notices_answer(notices, port)) {
                notices->port = port;
                return;
            }
            clock_sleep(10);
            if (waitpid(notices->pid, NULL, WNOHANG) != 0)
                notices->pid = 0;
        }
        notices_stop(notices);
    }
    fail_with("cannot start php -S tests/standins/notices.php; run the tests from the top of the tree");
}

/* What the next requests meet; see notices.php. */
static inline void notices_script(const struct notices *notices, const char *lines) {
    char *path = xasprintf("%s/script", notices->directory);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(lines, file);
    fclose(file);
    free(path);
}

/* Forgets all that was seen, and the uses that count for rate limits. */
static inline void notices_forget(const struct notices *notices) {
    static const char *const names[] = {"requests.jsonl", "told.jsonl", "times.json", "script"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        char *path = xasprintf("%s/%s", notices->directory, names[i]);
        unlink(path);
        free(path);
    }
}

/* The lines of "requests.jsonl" or "told.jsonl" as an array, which the caller owns. */
static inline json_t *notices_read(const struct notices *notices, const char *name) {
    char *path = xasprintf("%s/%s", notices->directory, name);
    char *content = scene_read(path);
    struct strings lines = {0};
    json_t *all = json_array();
    if (content != NULL)
        strings_split(&lines, content, "\n");
    for (size_t i = 0; i < lines.count; i++)
        json_array_append_new(all, json_loads(lines.items[i], 0, NULL));
    strings_free(&lines);
    free(content);
    free(path);
    return all;
}

static inline size_t notices_count(const struct notices *notices, const char *name) {
    json_t *all = notices_read(notices, name);
    size_t count = json_array_size(all);
    json_decref(all);
    return count;
}

/* A value of one line; the caller frees it. NULL if there is no such line. */
static inline char *notices_value(const struct notices *notices, const char *name, size_t line, const char *key) {
    json_t *all = notices_read(notices, name);
    const char *value = json_string_value(json_object_get(json_array_get(all, line), key));
    char *copy = value != NULL ? xstrdup(value) : NULL;
    json_decref(all);
    return copy;
}

#endif
