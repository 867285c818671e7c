/* The connection against real sockets: what it does when the other side is slow, silent, gone, or not there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/wire.h"

#include "forever.h"

enum { SLOW = 300 /* milliseconds */ };

static atomic_bool name_service_hangs;
static atomic_int slow_lookups;

/* Stands before the C library's: a name service that takes its time for one name, or hangs, and has two addresses for another. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out) {
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = NULL;
    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    if (strcmp(host, "slow.test") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0) {
        atomic_fetch_add(&slow_lookups, 1);
        clock_sleep(SLOW);
        while (atomic_load(&name_service_hangs))
            clock_sleep(5);
        int error = real("127.0.0.1", port, hints, out);
        atomic_fetch_sub(&slow_lookups, 1);
        return error;
    }
    if (strcmp(host, "two.test") == 0 && (hints->ai_flags & AI_NUMERICHOST) == 0) {
        int error = real("127.0.0.2", port, hints, out);
        return error != 0 ? error : real("127.0.0.1", port, hints, &(*out)->ai_next);
    }
    return real(host, port, hints, out);
}

/* A listening socket on the first free port of the range that is kept for tests. */
static int listen_on(const char *address, int backlog, int *port) {
    for (*port = 10200 + (int)(getpid() % 20000); *port < 32768; (*port)++) {
        struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
        struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)*port)};
        bool is_six = strchr(address, ':') != NULL;
        inet_pton(AF_INET, address, &four.sin_addr);
        inet_pton(AF_INET6, address, &six.sin6_addr);
        int listener = socket(is_six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const struct sockaddr *name = is_six ? (const struct sockaddr *)&six : (const struct sockaddr *)&four;
        if (bind(listener, name, is_six ? sizeof six : sizeof four) == 0 && listen(listener, backlog) == 0)
            return listener;
        close(listener);
    }
    fail_msg("no free port");
    return -1;
}

static struct wire *connected(const char *host, int port) {
    char address[64];
    snprintf(address, sizeof address, "%s:%d", host, port);
    struct wire *wire = wire_new(&(struct wire_target){.address = address});
    assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), 0);
    assert_string_equal(wire_reason(wire), "");
    return wire;
}

static void addresses_are_checked(void **state) {
    (void)state;
    static const char *const good[] = {"db:6379", "127.0.0.1:1", "[::1]:65535", "/run/redis.sock",
                                       "a-b.example.com:80"};
    static const char *const bad[] = {"",      "db",        "db:",    "db:0",          "db:65536",     "db:x",
                                      ":6379", "::1:6379",  "[::1]",  "[::1]:",        "[::1]x:1",     "[db]:1",
                                      "[]:1",  "db:1 ",     "d b:1",  "db:-1",         "redis://db:1", "u@db:1",
                                      "db:+1", "db:6379/0", "[::1:1", "[fe80::1%lo]:1"};
    for (size_t i = 0; i < LENGTH_OF(good); i++)
        if (wire_check_address(good[i]) != NULL)
            fail_msg("%s: %s", good[i], wire_check_address(good[i]));
    for (size_t i = 0; i < LENGTH_OF(bad); i++)
        if (wire_check_address(bad[i]) == NULL)
            fail_msg("\"%s\" was taken for an address", bad[i]);
    char path[109];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[108] = '\0';
    assert_non_null(wire_check_address(path));
    path[107] = '\0';
    assert_null(wire_check_address(path));
}

static void only_loopback_goes_without_tls(void **state) {
    (void)state;
    static const char *const plain[] = {"/run/x",      "localhost:1", "LocalHost:1",
                                        "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"};
    static const char *const secret[] = {"db:1",    "10.0.0.1:1",         "localhost.example.com:1",
                                         "[::2]:1", "127.0.0.1.nip.io:1", "128.0.0.1:1"};
    for (size_t i = 0; i < LENGTH_OF(plain); i++) {
        assert_false(wire_uses_tls(&(struct wire_target){.address = plain[i]}));
        assert_true(wire_uses_tls(&(struct wire_target){.address = plain[i], .tls = WIRE_TLS_VERIFY}));
    }
    for (size_t i = 0; i < LENGTH_OF(secret); i++) {
        assert_true(wire_uses_tls(&(struct wire_target){.address = secret[i]}));
        assert_false(wire_uses_tls(&(struct wire_target){.address = secret[i], .tls = WIRE_TLS_OFF}));
    }
}

/* Both ways over IPv4, IPv6 and a name; then the end of the stream. */
static void bytes_pass_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *listen, *connect;
    } cases[] = {{"127.0.0.1", "127.0.0.1"}, {"127.0.0.1", "localhost"}, {"::1", "[::1]"}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int port = 0;
        int listener = listen_on(cases[i].listen, 5, &port);
        struct wire *wire = connected(cases[i].connect, port);
        int peer = accept(listener, NULL, NULL);
        char bytes[16] = "";
        size_t got = 99;
        assert_int_equal(wire_write_all(wire, "hello", 5, clock_monotonic() + FOREVER), 0);
        assert_int_equal(recv(peer, bytes, sizeof bytes, 0), 5);
        assert_memory_equal(bytes, "hello", 5);
        assert_true(wire_is_ready(wire));
        assert_int_equal(send(peer, "a\0b", 3, MSG_NOSIGNAL), 3);
        assert_int_equal(wire_read_some(wire, bytes, sizeof bytes, &got, clock_monotonic() + FOREVER), 0);
        assert_int_equal(got, 3);
        assert_memory_equal(bytes, "a\0b", 3);
        close(peer);
        assert_int_equal(wire_read_some(wire, bytes, sizeof bytes, &got, clock_monotonic() + FOREVER),
                         EXIT_UNAVAILABLE);
        assert_int_equal(got, 0);
        assert_string_equal(wire_reason(wire), "the server closed the connection");
        assert_int_equal(wire_write_all(wire, "x", 1, clock_monotonic() + FOREVER), EXIT_UNAVAILABLE);
        wire_free(wire);
        close(listener);
    }
}

static void idle_connection_that_died_is_not_ready(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 5, &port);
    struct wire *wire = connected("127.0.0.1", port);
    int peer = accept(listener, NULL, NULL);
    assert_true(wire_is_ready(wire));
    assert_int_equal(send(peer, "unasked", 7, 0), 7);
    AWAIT(!wire_is_ready(wire));
    wire_close(wire);
    assert_false(wire_is_ready(wire));
    close(peer);
    wire_free(wire);

    wire = connected("127.0.0.1", port);
    peer = accept(listener, NULL, NULL);
    close(peer);
    AWAIT(!wire_is_ready(wire));
    wire_free(wire);
    close(listener);
}

/* The process would be gone if this raised SIGPIPE. */
static void writing_to_a_closed_connection_is_an_error(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 5, &port);
    struct wire *wire = connected("127.0.0.1", port);
    close(accept(listener, NULL, NULL));
    int status = 0;
    AWAIT((status = wire_write_all(wire, "x", 1, clock_monotonic() + FOREVER)) != 0);
    assert_int_equal(status, EXIT_UNAVAILABLE);
    wire_free(wire);
    close(listener);
}

/* The deadline was waited for, and nothing else: the other side does not do anything, ever. */
static void assert_waited(int64_t began, int64_t least) {
    int64_t took = clock_monotonic() - began;
    if (took < least || took >= FOREVER)
        fail_msg("took %lld ms instead of %lld", (long long)took, (long long)least);
}

static void deadline_holds_for_a_silent_peer(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 5, &port);
    struct wire *wire = connected("127.0.0.1", port);
    char byte = 0;
    size_t got = 0;
    int64_t began = clock_monotonic();
    assert_int_equal(wire_read_some(wire, &byte, 1, &got, began + 230), EXIT_UNAVAILABLE);
    assert_waited(began, 230);
    assert_string_equal(wire_reason(wire), "timed out");
    wire_free(wire);

    /* Nobody reads: the buffers of the kernel fill up. */
    wire = connected("127.0.0.1", port);
    size_t size = 64 * 1024 * 1024;
    char *bytes = xcalloc(size, 1);
    began = clock_monotonic();
    assert_int_equal(wire_write_all(wire, bytes, size, began + 230), EXIT_UNAVAILABLE);
    assert_waited(began, 230);
    assert_string_equal(wire_reason(wire), "timed out");
    wire_free(wire);
    free(bytes);
    close(listener);
}

/* A full accept queue drops connection requests: the same as a host that swallows packets. */
static void deadline_holds_for_a_black_hole(void **state) {
    (void)state;
    enum { TOGETHER = 5000 }; /* milliseconds for two addresses */
    int port = 0, fillers[16];
    size_t count = 0;
    int good = listen_on("127.0.0.1", 5, &port);
    int hole = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1)};
    assert_int_equal(bind(hole, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(hole, 0), 0);
    for (int connected = 1; connected == 1; count++) {
        assert_true(count < LENGTH_OF(fillers));
        fillers[count] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        connect(fillers[count], (const struct sockaddr *)&name, sizeof name);
        connected = poll(&(struct pollfd){.fd = fillers[count], .events = POLLOUT}, 1, 500);
    }
    char address[64];
    snprintf(address, sizeof address, "127.0.0.2:%d", port);
    struct wire *wire = wire_new(&(struct wire_target){.address = address});
    int64_t began = clock_monotonic();
    assert_int_equal(wire_connect(wire, began + 300), EXIT_UNAVAILABLE);
    assert_waited(began, 300);
    assert_string_equal(wire_reason(wire), "timed out");
    wire_free(wire);

    /* A name whose first address is the hole leaves time for the second. */
    snprintf(address, sizeof address, "two.test:%d", port);
    wire = wire_new(&(struct wire_target){.address = address, .tls = WIRE_TLS_OFF});
    began = clock_monotonic();
    assert_int_equal(wire_connect(wire, began + TOGETHER), 0);
    assert_waited(began, TOGETHER / 2);
    assert_string_equal(wire_reason(wire), "");
    wire_free(wire);
    close(good);
    close(hole);
    while (count > 0)
        close(fillers[--count]);
}

static void deadline_holds_for_a_slow_name_service(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 5, &port);
    char address[64];
    snprintf(address, sizeof address, "slow.test:%d", port);
    struct wire *wire = wire_new(&(struct wire_target){.address = address, .tls = WIRE_TLS_OFF});
    atomic_store(&name_service_hangs, true);
    int64_t began = clock_monotonic();
    assert_int_equal(wire_connect(wire, began + 200), EXIT_UNAVAILABLE);
    assert_waited(began, 200);
    assert_string_equal(wire_reason(wire), "the name service timed out");
    atomic_store(&name_service_hangs, false);
    began = clock_monotonic();
    assert_int_equal(wire_connect(wire, began + FOREVER), 0);
    assert_true(clock_monotonic() - began >= SLOW);
    wire_free(wire);
    AWAIT(atomic_load(&slow_lookups) == 0); /* the abandoned one ends too: else it is a leak */
    close(listener);
}

static void what_is_not_there_is_refused_at_once(void **state) {
    (void)state;
    int port = 0;
    close(listen_on("127.0.0.1", 5, &port));
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", port);
    const char *const addresses[] = {address, "/nonexistent/socket", "no-such-host.invalid:6379"};
    static const char *const reasons[] = {"Connection refused", "No such file or directory",
                                          "cannot resolve the host name"};
    for (size_t i = 0; i < LENGTH_OF(addresses); i++) {
        struct wire *wire = wire_new(&(struct wire_target){.address = addresses[i], .tls = WIRE_TLS_OFF});
        assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), EXIT_UNAVAILABLE);
        if (strstr(wire_reason(wire), reasons[i]) == NULL)
            fail_msg("%s: %s", addresses[i], wire_reason(wire));
        wire_free(wire);
    }
    struct wire *wire = wire_new(&(struct wire_target){.address = "db", .tls = WIRE_TLS_OFF});
    assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), EXIT_SETTINGS);
    wire_free(wire);
    wire = wire_new(&(struct wire_target){.address = "/run/x", .tls = WIRE_TLS_VERIFY});
    assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), EXIT_SETTINGS);
    wire_free(wire);
}

/* connect(2) on a Unix socket with a full queue says EAGAIN, not EINPROGRESS. */
static void full_unix_socket_is_waited_for(void **state) {
    (void)state;
    char directory[] = "/tmp/wire_test.XXXXXX";
    assert_non_null(mkdtemp(directory));
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    snprintf(name.sun_path, sizeof name.sun_path, "%s/socket", directory);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(listener, 0), 0);
    struct wire *first = wire_new(&(struct wire_target){.address = name.sun_path});
    assert_int_equal(wire_connect(first, clock_monotonic() + FOREVER), 0);
    struct wire *second = wire_new(&(struct wire_target){.address = name.sun_path});
    int64_t began = clock_monotonic();
    assert_int_equal(wire_connect(second, began + 200), EXIT_UNAVAILABLE);
    assert_waited(began, 200);
    assert_string_equal(wire_reason(second), "timed out");
    close(accept(listener, NULL, NULL));
    assert_int_equal(wire_connect(second, clock_monotonic() + FOREVER), 0);
    wire_free(first);
    wire_free(second);
    close(listener);
    unlink(name.sun_path);
    rmdir(directory);
}

/* In a process of its own, because a request to stop cannot be taken back. Exits with 0 if all is well. */
static int stop_in_child(int port) {
    if (interrupt_start() != 0)
        return 2;
    struct wire *wire = connected("127.0.0.1", port);
    char byte = 0;
    size_t got = 0;
    if (wire_write_all(wire, "x", 1, clock_monotonic() + FOREVER) != 0)
        return 7;
    if (wire_read_some(wire, &byte, 1, &got, clock_monotonic() + 2 * FOREVER) != EXIT_LATER)
        return 3;
    if (wire_connect(wire, clock_monotonic() + FOREVER) != EXIT_LATER)
        return 4;
    wire_set_patient(wire, true);
    if (wire_connect(wire, clock_monotonic() + FOREVER) != 0 ||
        wire_write_all(wire, "x", 1, clock_monotonic() + FOREVER) != 0)
        return 5;
    int64_t began = clock_monotonic();
    if (wire_read_some(wire, &byte, 1, &got, began + 200) != EXIT_UNAVAILABLE || clock_monotonic() - began < 200)
        return 6;
    wire_free(wire);
    return 0;
}

static void being_asked_to_stop_ends_a_wait(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 5, &port);
    pid_t child = fork();
    if (child == 0)
        _exit(stop_in_child(port));
    int peer = accept(listener, NULL, NULL);
    char byte = 0;
    assert_int_equal(recv(peer, &byte, 1, 0), 1);
    clock_sleep(200); /* it waits by now, as good as always; if not, it must not begin to */
    kill(child, SIGTERM);
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    close(peer);
    close(listener);
}

static void descriptors_are_closed_on_exec_and_do_not_pile_up(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on("127.0.0.1", 64, &port);
    struct wire *wire = connected("127.0.0.1", port);
    int probe = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool found = false;
    for (int descriptor = listener + 1; descriptor < probe; descriptor++) {
        found = true;
        assert_true((fcntl(descriptor, F_GETFD) & FD_CLOEXEC) != 0);
    }
    assert_true(found);
    for (int i = 0; i < 20; i++)
        assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), 0);
    int again = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_int_equal(again, probe + 1);
    close(again);
    close(probe);
    wire_free(wire);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_checked),
        cmocka_unit_test(only_loopback_goes_without_tls),
        cmocka_unit_test(bytes_pass_both_ways),
        cmocka_unit_test(idle_connection_that_died_is_not_ready),
        cmocka_unit_test(writing_to_a_closed_connection_is_an_error),
        cmocka_unit_test(deadline_holds_for_a_silent_peer),
        cmocka_unit_test(deadline_holds_for_a_black_hole),
        cmocka_unit_test(deadline_holds_for_a_slow_name_service),
        cmocka_unit_test(what_is_not_there_is_refused_at_once),
        cmocka_unit_test(full_unix_socket_is_waited_for),
        cmocka_unit_test(being_asked_to_stop_ends_a_wait),
        cmocka_unit_test(descriptors_are_closed_on_exec_and_do_not_pile_up),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
