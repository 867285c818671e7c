/* Publishing to real memcached processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <libmemcached/memcached.h>

#include "forever.h"
#include "memcached_ports.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/memcached_placement.h"
#include "nightshift/stores/memcached_pool.h"

enum { NODES = 3, CONNECTIONS = 4, NOBODY = 65534 };

/* ---- real nodes ---- */

struct server {
    pid_t pid;
    uint16_t port;
};

static bool answers(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = connect(descriptor, (struct sockaddr *)&address, sizeof address) == 0;
    close(descriptor);
    return connected;
}

/* Only from the main thread: the server dies with the thread that started it. */
static void start(struct server *server) {
    char port[8];
    snprintf(port, sizeof port, "%u", (unsigned)server->port);
    server->pid = fork();
    if (server->pid == 0) {
        /* Not root, which memcached refuses to be; and before prctl(2), because a change of user undoes it. */
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(126);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        execlp("memcached", "memcached", "-l", "127.0.0.1", "-U", "0", "-p", port, (char *)NULL);
        _exit(127);
    }
    /* It may also end: is memcached installed? */
    pid_t ended = 0;
    AWAIT(answers(server->port) || (ended = waitpid(server->pid, NULL, WNOHANG)) != 0);
    assert_int_equal(ended, 0);
}

static void stop(struct server *server) {
    if (server->pid > 0) {
        kill(server->pid, SIGKILL);
        waitpid(server->pid, NULL, 0);
    }
    server->pid = 0;
}

/* ---- what every test works with ---- */

struct fixture {
    struct server servers[NODES];
    struct memcached_settings settings;
    struct memcached_nodes nodes;
    struct memcached_pool *pool;
    struct memcached_item *items;
    size_t count;
};

static void open_pool(struct fixture *fixture) {
    memcached_pool_close(fixture->pool);
    fixture->pool = memcached_pool_open(&fixture->settings, &fixture->nodes);
}

static int set_up(void **state) {
    struct fixture *fixture = xcalloc(1, sizeof *fixture);
    fixture->settings = (struct memcached_settings){.client = PHP_MEMCACHED_KETAMA,
                                                    .prefix_hashed = true,
                                                    .connect_timeout = FOREVER,
                                                    .timeout = FOREVER,
                                                    .connections = CONNECTIONS};
    for (size_t i = 0; i < NODES; i++) {
        fixture->servers[i].port = free_port();
        start(&fixture->servers[i]);
        memcached_nodes_add(&fixture->nodes, "127.0.0.1", fixture->servers[i].port, 1);
    }
    open_pool(fixture);
    *state = fixture;
    return 0;
}

static void free_items(struct fixture *fixture) {
    for (size_t i = 0; i < fixture->count; i++) {
        free((char *)(uintptr_t)fixture->items[i].key);
        free((char *)(uintptr_t)fixture->items[i].bytes);
    }
    free(fixture->items);
    fixture->items = NULL;
    fixture->count = 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    for (size_t i = 0; i < NODES; i++)
        stop(&fixture->servers[i]);
    memcached_pool_close(fixture->pool);
    memcached_nodes_free(&fixture->nodes);
    free_items(fixture);
    free(fixture);
    return 0;
}

static void make_items(struct fixture *fixture, size_t count) {
    struct memcached_placement *placement = NULL;
    free_items(fixture);
    fixture->items = xcalloc(count, sizeof *fixture->items);
    fixture->count = count;
    assert_int_equal(memcached_placement_open(&fixture->settings, &fixture->nodes, &placement), 0);
    for (size_t i = 0; i < count; i++) {
        struct memcached_item *item = &fixture->items[i];
        struct memcached_key key;
        char *name = xasprintf("category_count_%zu", i);
        assert_null(memcached_key_make(&fixture->settings, name, &key));
        item->bytes = xasprintf("value %zu of some forty bytes, as counts are", i);
        *item = (struct memcached_item){.key = name,
                                        .node = memcached_placement_node(placement, &key),
                                        .bytes = item->bytes,
                                        .length = strlen(item->bytes),
                                        .flags = 1};
    }
    memcached_placement_free(placement);
}

static int publish(struct fixture *fixture) {
    return memcached_pool_publish(fixture->pool, fixture->items, fixture->count, NULL);
}

static int verify(struct fixture *fixture) {
    return memcached_pool_verify(fixture->pool, fixture->items, fixture->count, NULL);
}

static size_t count_written(const struct fixture *fixture, enum memcached_outcome outcome) {
    size_t count = 0;
    for (size_t i = 0; i < fixture->count; i++)
        count += fixture->items[i].written == outcome;
    return count;
}

static size_t count_read(const struct fixture *fixture, enum memcached_outcome outcome) {
    size_t count = 0;
    for (size_t i = 0; i < fixture->count; i++)
        count += fixture->items[i].read == outcome;
    return count;
}

static size_t count_on(const struct fixture *fixture, size_t node) {
    size_t count = 0;
    for (size_t i = 0; i < fixture->count; i++)
        count += fixture->items[i].node == node;
    return count;
}

/* A handle as the application would have it: it decides by itself where a key is. */
static memcached_st *application(const struct fixture *fixture) {
    memcached_st *handle = memcached_create(NULL);
    memcached_behavior_set(handle, MEMCACHED_BEHAVIOR_KETAMA_WEIGHTED, 1);
    for (size_t i = 0; i < NODES; i++)
        memcached_server_add(handle, "127.0.0.1", fixture->servers[i].port);
    return handle;
}

/* ---- tests with real nodes ---- */

struct progress_seen {
    size_t calls, done, count;
};

static void see_progress(void *context, size_t done, size_t count) {
    struct progress_seen *seen = context;
    seen->calls++;
    assert_true(done >= seen->done);
    seen->done = done;
    seen->count = count;
}

static void everything_is_stored_where_the_application_reads_it(void **state) {
    struct fixture *fixture = *state;
    struct progress_seen seen = {0};
    struct memcached_progress progress = {.report = see_progress, .context = &seen};
    make_items(fixture, 2000);
    assert_int_equal(memcached_pool_publish(fixture->pool, fixture->items, fixture->count, &progress), 0);
    assert_int_equal(count_written(fixture, OUTCOME_STORED), 2000);
    assert_true(seen.calls > 0);
    assert_int_equal(seen.done, 2000);
    assert_int_equal(seen.count, 2000);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), 2000);
    memcached_st *handle = application(fixture);
    for (size_t i = 0; i < fixture->count; i++) {
        const struct memcached_item *item = &fixture->items[i];
        size_t length = 0;
        uint32_t flags = 0;
        memcached_return_t code;
        char *bytes = memcached_get(handle, item->key, strlen(item->key), &length, &flags, &code);
        assert_int_equal(code, MEMCACHED_SUCCESS);
        assert_int_equal(length, item->length);
        assert_memory_equal(bytes, item->bytes, length);
        assert_int_equal(flags, 1);
        free(bytes);
    }
    memcached_free(handle);
    for (size_t node = 0; node < NODES; node++) {
        struct memcached_health health;
        memcached_pool_health(fixture->pool, node, &health);
        assert_true(health.asked && health.reached && !health.down);
        assert_null(health.reason);
    }
}

static void verify_catches_whatever_is_not_as_published(void **state) {
    struct fixture *fixture = *state;
    make_items(fixture, 500);
    assert_int_equal(publish(fixture), 0);
    memcached_st *handle = application(fixture);
    const struct memcached_item *items = fixture->items;
    memcached_set(handle, items[3].key, strlen(items[3].key), "another value", 13, 0, 1);
    memcached_set(handle, items[5].key, strlen(items[5].key), items[5].bytes, items[5].length, 0, 768);
    memcached_delete(handle, items[7].key, strlen(items[7].key), 0);
    char *same_length = xstrdup(items[9].bytes);
    same_length[0] = 'V';
    memcached_set(handle, items[9].key, strlen(items[9].key), same_length, items[9].length, 0, 1);
    free(same_length);
    memcached_free(handle);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(items[3].read, OUTCOME_DIFFERENT);
    assert_string_equal(items[3].reason, "13 bytes came back instead of 42");
    assert_int_equal(items[5].read, OUTCOME_DIFFERENT);
    assert_string_equal(items[5].reason, "flags 768 came back instead of 1");
    assert_int_equal(items[7].read, OUTCOME_MISSING);
    assert_int_equal(items[9].read, OUTCOME_DIFFERENT);
    assert_string_equal(items[9].reason, "other bytes came back");
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), 496);
}

static void a_value_too_large_is_reported_and_the_old_one_is_gone(void **state) {
    struct fixture *fixture = *state;
    make_items(fixture, 20);
    assert_int_equal(publish(fixture), 0);
    struct memcached_item *item = &fixture->items[4];
    free((char *)(uintptr_t)item->bytes);
    item->length = 2 * 1024 * 1024;
    item->bytes = xcalloc(item->length, 1);
    assert_int_equal(publish(fixture), 0);
    assert_int_equal(item->written, OUTCOME_TOO_LARGE);
    assert_non_null(item->reason);
    assert_int_equal(count_written(fixture, OUTCOME_STORED), 19);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(item->read, OUTCOME_MISSING);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), 19);
}

static void a_refused_port_costs_only_its_own_keys(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 6000 };
    stop(&fixture->servers[1]);
    make_items(fixture, COUNT);
    size_t lost = count_on(fixture, 1);
    /* Else a pause of 200 ms for each key would make more than a minute. */
    assert_in_range(lost, 2 * FOREVER * CONNECTIONS / 200, COUNT);
    int64_t begin = clock_monotonic();
    assert_int_equal(publish(fixture), 0);
    assert_int_equal(verify(fixture), 0);
    assert_in_range(clock_monotonic() - begin, 0, FOREVER);
    assert_int_equal(count_written(fixture, OUTCOME_UNREACHABLE), lost);
    assert_int_equal(count_written(fixture, OUTCOME_STORED), COUNT - lost);
    assert_int_equal(count_read(fixture, OUTCOME_UNREACHABLE), lost);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), COUNT - lost);
    struct memcached_health health;
    memcached_pool_health(fixture->pool, 1, &health);
    assert_true(health.asked && health.down && !health.reached);
    assert_string_equal(health.reason, "Connection refused");
    for (size_t i = 0; i < fixture->count; i++)
        if (fixture->items[i].node == 1)
            assert_string_equal(fixture->items[i].reason, "Connection refused");
}

/* How many connections a node has seen, this one included: each attempt that failed has one of its own. */
static long connections_of(uint16_t port) {
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static const char question[] = "stats\r\nquit\r\n";
    struct text answer = {0};
    char bytes[4096];
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(descriptor, question, sizeof question - 1, MSG_NOSIGNAL), sizeof question - 1);
    for (ssize_t got; (got = recv(descriptor, bytes, sizeof bytes, 0)) > 0;)
        text_append(&answer, bytes, (size_t)got);
    close(descriptor);
    const char *line = strstr(text_string(&answer), "STAT total_connections ");
    assert_non_null(line);
    long count = strtol(line + strlen("STAT total_connections "), NULL, 10);
    text_free(&answer);
    return count;
}

/* Stopped before the pool ever reached it, and after. */
static void a_stopped_node_costs_a_few_timeouts_in_all(void **state) {
    struct fixture *fixture = *state;
    enum { COUNT = 600 };
    make_items(fixture, COUNT);
    size_t lost = count_on(fixture, 2);
    assert_in_range(lost, 100, COUNT);
    for (int round = 0; round < 2; round++) {
        if (round == 1)
            assert_int_equal(publish(fixture), 0);
        long before = connections_of(fixture->servers[2].port);
        fixture->settings.timeout = 1000;
        kill(fixture->servers[2].pid, SIGSTOP);
        int64_t begin = clock_monotonic();
        assert_int_equal(publish(fixture), 0);
        assert_int_equal(verify(fixture), 0);
        assert_true(clock_monotonic() - begin >= fixture->settings.timeout);
        kill(fixture->servers[2].pid, SIGCONT);
        fixture->settings.timeout = FOREVER;
        /* Two attempts for a key, and before the node counts as down, a worker may have begun with a second key. */
        long attempts = 0, asked = 0;
        AWAIT((attempts = connections_of(fixture->servers[2].port) - before - ++asked) >= CONNECTIONS);
        assert_true(attempts <= 4 * CONNECTIONS);
        assert_int_equal(count_written(fixture, OUTCOME_UNREACHABLE), lost);
        assert_int_equal(count_read(fixture, OUTCOME_UNREACHABLE), lost);
        assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), COUNT - lost);
        open_pool(fixture);
    }
    assert_int_equal(publish(fixture), 0);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), COUNT);
}

static void a_key_cannot_carry_a_command(void **state) {
    struct fixture *fixture = *state;
    struct memcached_item items[] = {
        {.key = "a 0 0 1\r\nx\r\nset injected", .bytes = "y", .length = 1},
        {.key = "with space", .bytes = "y", .length = 1},
        {.key = "", .bytes = "y", .length = 1},
        {.key = "no_such_node", .node = NODES, .bytes = "y", .length = 1},
        {.key = "good", .bytes = "y", .length = 1},
    };
    assert_int_equal(memcached_pool_publish(fixture->pool, items, 5, NULL), 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(items[i].written, OUTCOME_REFUSED);
    assert_int_equal(items[4].written, OUTCOME_STORED);
    struct memcached_lookup lookups[] = {
        {.key = "injected"}, {.key = "a"}, {.key = "get\r\nflush_all"}, {.key = "good"}};
    assert_int_equal(memcached_pool_get(fixture->pool, lookups, 4), 0);
    assert_int_equal(lookups[0].outcome, OUTCOME_MISSING);
    assert_int_equal(lookups[1].outcome, OUTCOME_MISSING);
    assert_int_equal(lookups[2].outcome, OUTCOME_REFUSED);
    assert_int_equal(lookups[3].outcome, OUTCOME_FOUND);
    memcached_lookups_free(lookups, 4);
}

static void any_bytes_survive(void **state) {
    struct fixture *fixture = *state;
    struct memcached_item items[] = {
        {.key = "empty", .bytes = "", .length = 0, .flags = 0},
        {.key = "binary", .bytes = "a\0b\r\nEND\r\n", .length = 10, .flags = UINT32_MAX},
        {.key = "\xe3\x82\xab\xe3\x83\x86", .bytes = "utf-8 key", .length = 9, .flags = 768},
        {.key = "month", .bytes = "31 days", .length = 7, .expiry = (uint32_t)(clock_now() / 1000) + 31 * 86400},
        {.key = "empty", .bytes = "", .length = 0, .flags = 0}, /* twice the same key */
    };
    assert_int_equal(memcached_pool_publish(fixture->pool, items, LENGTH_OF(items), NULL), 0);
    assert_int_equal(memcached_pool_verify(fixture->pool, items, LENGTH_OF(items), NULL), 0);
    for (size_t i = 0; i < LENGTH_OF(items); i++)
        assert_int_equal(items[i].read, OUTCOME_VERIFIED);
    struct memcached_lookup lookups[] = {
        {.key = "binary"}, {.key = "nothing"}, {.key = "empty"}, {.key = "empty", .node = 1}};
    assert_int_equal(memcached_pool_get(fixture->pool, lookups, 4), 0);
    assert_int_equal(lookups[0].outcome, OUTCOME_FOUND);
    assert_int_equal(lookups[0].length, 10);
    assert_memory_equal(lookups[0].bytes, "a\0b\r\nEND\r\n", 11);
    assert_int_equal(lookups[0].flags, UINT32_MAX);
    assert_int_equal(lookups[1].outcome, OUTCOME_MISSING);
    assert_null(lookups[1].bytes);
    assert_int_equal(lookups[2].outcome, OUTCOME_FOUND);
    assert_int_equal(lookups[2].length, 0);
    assert_int_equal(lookups[3].outcome, OUTCOME_MISSING);
    memcached_lookups_free(lookups, 4);
}

/* Returns when a publish has begun to arrive at the first node. */
static void wait_until_begun(const struct fixture *fixture) {
    memcached_st *handle = application(fixture);
    const struct memcached_item *item = fixture->items;
    while (item->node != 0)
        item++;
    AWAIT(memcached_exist(handle, item->key, strlen(item->key)) == MEMCACHED_SUCCESS);
    memcached_free(handle);
}

static void *publish_aside(void *argument) {
    return publish(argument) == 0 ? argument : NULL;
}

static void a_restart_in_the_middle_is_seen_and_repaired(void **state) {
    struct fixture *fixture = *state;
    pthread_t thread;
    void *published = NULL;
    make_items(fixture, 20000);
    size_t on_node = count_on(fixture, 0);
    assert_int_equal(pthread_create(&thread, NULL, publish_aside, fixture), 0);
    wait_until_begun(fixture);
    stop(&fixture->servers[0]);
    start(&fixture->servers[0]);
    pthread_join(thread, &published);
    assert_non_null(published);
    open_pool(fixture);
    assert_int_equal(verify(fixture), 0);
    size_t missing = count_read(fixture, OUTCOME_MISSING);
    /* memcached forgets everything: what was stored before the kill is gone, though its set had succeeded. */
    assert_in_range(missing, 1, on_node);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), 20000 - missing);
    assert_int_equal(count_written(fixture, OUTCOME_STORED) + count_written(fixture, OUTCOME_UNREACHABLE), 20000);
    assert_int_equal(publish(fixture), 0);
    assert_int_equal(verify(fixture), 0);
    assert_int_equal(count_read(fixture, OUTCOME_VERIFIED), 20000);
}

static void a_probe_tells_who_is_there(void **state) {
    struct fixture *fixture = *state;
    struct memcached_health health;
    stop(&fixture->servers[1]);
    assert_int_equal(memcached_pool_probe(fixture->pool), 0);
    memcached_pool_health(fixture->pool, 0, &health);
    assert_true(health.reached && !health.down);
    assert_true(health.version[0] >= '1' && health.version[0] <= '9');
    memcached_pool_health(fixture->pool, 1, &health);
    assert_true(!health.reached && health.down);
    assert_string_equal(health.reason, "Connection refused");
}

/* Serves one connection as a node that stores; but the second value comes with a request to stop, and is stored when that was heard. */
static void *be_asked_to_stop(void *argument) {
    int listener = *(const int *)argument, descriptor = accept(listener, NULL, NULL);
    char bytes[4096];
    for (int sets = 0; recv(descriptor, bytes, sizeof bytes, 0) > 0; sets++) {
        if (sets == 1)
            kill(getpid(), SIGTERM);
        while (sets >= 1 && !interrupt_requested())
            clock_sleep(1);
        send(descriptor, "STORED\r\n", 8, MSG_NOSIGNAL);
    }
    close(descriptor);
    return NULL;
}

/* In a process of its own, because a request to stop cannot be taken back. */
static void a_request_to_stop_ends_a_publish(void **state) {
    struct fixture *fixture = *state;
    stop(&fixture->servers[0]);
    int listener = listen_on(fixture->servers[0].port);
    assert_true(listener >= 0);
    fixture->settings.connections = 1;
    make_items(fixture, 300);
    pid_t pid = fork();
    if (pid == 0) {
        pthread_t thread;
        if (interrupt_start() != 0 || pthread_create(&thread, NULL, be_asked_to_stop, &listener) != 0)
            _exit(2);
        int status = publish(fixture);
        pthread_join(thread, NULL);
        bool some = count_written(fixture, OUTCOME_STORED) > 0;
        bool not_all = count_written(fixture, OUTCOME_NOT_TRIED) > 0;
        _exit(status == EXIT_LATER && some && not_all ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(listener);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(everything_is_stored_where_the_application_reads_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(verify_catches_whatever_is_not_as_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_value_too_large_is_reported_and_the_old_one_is_gone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_refused_port_costs_only_its_own_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_stopped_node_costs_a_few_timeouts_in_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_key_cannot_carry_a_command, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_bytes_survive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_restart_in_the_middle_is_seen_and_repaired, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_probe_tells_who_is_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_to_stop_ends_a_publish, set_up, tear_down),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
