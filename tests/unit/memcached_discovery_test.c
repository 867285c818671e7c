/* ElastiCache discovery against a false endpoint. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/stores/memcached_discovery.h"

#include "forever.h"

#define PAYLOAD \
    "12\n"      \
    "name.0001.use1.cache.amazonaws.com|10.82.235.120|11211 name.0002.use1.cache.amazonaws.com||11218\n"

/* ---- the payload ---- */

static void the_payload_is_read_in_its_order(void **state) {
    (void)state;
    struct memcached_nodes nodes;
    assert_null(memcached_discovery_parse(PAYLOAD, strlen(PAYLOAD), &nodes));
    assert_int_equal(nodes.version, 12);
    assert_int_equal(nodes.count, 2);
    assert_string_equal(nodes.items[0].host, "name.0001.use1.cache.amazonaws.com");
    assert_int_equal(nodes.items[0].port, 11211);
    assert_string_equal(nodes.items[1].name, "name.0002.use1.cache.amazonaws.com:11218");
    assert_int_equal(nodes.items[1].weight, 1);
    memcached_nodes_free(&nodes);
}

static void a_broken_payload_gives_no_nodes(void **state) {
    (void)state;
    static const char *const payloads[] = {
        "",
        "12",
        "12\n",
        "12\n\n",
        "x\na|1.2.3.4|11211\n",
        "-1\na|1.2.3.4|11211\n",
        "12\na|b\n",
        "12\na|b|0\n",
        "12\na|b|65536\n",
        "12\na|b|11211|x\n",
        "12\n|b|11211\n",
        "12\na|b|11211 c\n",
        "12\na b|c|1\n",
        "12\na\r|c|1\n",
        "12\na;b|c|1\n",
    };
    for (size_t i = 0; i < LENGTH_OF(payloads); i++) {
        struct memcached_nodes nodes;
        if (memcached_discovery_parse(payloads[i], strlen(payloads[i]), &nodes) == NULL)
            fail_msg("taken: %s", payloads[i]);
        assert_int_equal(nodes.count, 0);
        assert_null(nodes.items);
    }
    struct memcached_nodes nodes;
    assert_non_null(memcached_discovery_parse("1\na|b|1\n\0", 9, &nodes));
}

/* ---- the conversation ---- */

struct endpoint {
    int listener;
    const char *config_reply; /* to "config get cluster"; NULL: none */
    const char *get_reply;    /* to "get AmazonElastiCache:cluster" */
    bool slowly;              /* byte by byte */
    int timeout;              /* 0: FOREVER */
};

static void answer(const struct endpoint *endpoint, int descriptor) {
    char command[256] = "";
    ssize_t length = recv(descriptor, command, sizeof command - 1, 0);
    const char *reply = NULL;
    if (length > 0 && strcmp(command, "config get cluster\r\n") == 0)
        reply = endpoint->config_reply;
    else if (length > 0 && strcmp(command, "get AmazonElastiCache:cluster\r\n") == 0)
        reply = endpoint->get_reply;
    size_t step = endpoint->slowly || reply == NULL ? 1 : strlen(reply);
    for (size_t i = 0; reply != NULL && i < strlen(reply); i += step)
        send(descriptor, reply + i, step, MSG_NOSIGNAL);
    /* Until the client hangs up: an answer must be enough without an end of the connection. */
    while (recv(descriptor, command, sizeof command, 0) > 0)
        ;
}

static void *be_endpoint(void *argument) {
    const struct endpoint *endpoint = argument;
    int descriptor;
    while ((descriptor = accept(endpoint->listener, NULL, NULL)) >= 0) {
        answer(endpoint, descriptor);
        close(descriptor);
    }
    return NULL;
}

static int ask(struct endpoint *endpoint, struct memcached_nodes *nodes) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint16_t port = (uint16_t)(20000 + getpid() % 9000);
    endpoint->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    do
        address.sin_port = htons(++port);
    while (bind(endpoint->listener, (struct sockaddr *)&address, sizeof address) != 0);
    assert_int_equal(listen(endpoint->listener, 8), 0);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, be_endpoint, endpoint), 0);
    char *name = xasprintf("127.0.0.1:%u", (unsigned)port);
    struct memcached_settings settings = {
        .discovery = name, .connect_timeout = FOREVER, .timeout = endpoint->timeout > 0 ? endpoint->timeout : FOREVER};
    int status = memcached_nodes_load(&settings, nodes);
    free(name);
    shutdown(endpoint->listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    close(endpoint->listener);
    return status;
}

static void expect_nodes(struct endpoint endpoint) {
    struct memcached_nodes nodes;
    assert_int_equal(ask(&endpoint, &nodes), 0);
    assert_int_equal(nodes.version, 12);
    assert_int_equal(nodes.count, 2);
    assert_string_equal(nodes.items[1].host, "name.0002.use1.cache.amazonaws.com");
    memcached_nodes_free(&nodes);
}

static void both_protocols_are_spoken(void **state) {
    (void)state;
    assert_int_equal(strlen(PAYLOAD), 100);
    expect_nodes((struct endpoint){.config_reply = "CONFIG cluster 0 100\r\n" PAYLOAD "\r\nEND\r\n"});
    expect_nodes((struct endpoint){.config_reply = "CONFIG cluster 0 100\r\n" PAYLOAD "\r\nEND\r\n", .slowly = true});
    expect_nodes((struct endpoint){.config_reply = "ERROR\r\n",
                                   .get_reply = "VALUE AmazonElastiCache:cluster 0 100\r\n" PAYLOAD "\r\nEND\r\n"});
}

static void expect_failure(struct endpoint endpoint) {
    struct memcached_nodes nodes;
    int64_t begin = clock_monotonic();
    assert_int_equal(ask(&endpoint, &nodes), EXIT_UNAVAILABLE);
    assert_int_equal(nodes.count, 0);
    assert_in_range(clock_monotonic() - begin, endpoint.timeout, FOREVER - 1);
}

static void whatever_else_comes_is_a_failure_in_bounded_time(void **state) {
    (void)state;
    expect_failure((struct endpoint){.config_reply = NULL, .timeout = 300});
    expect_failure((struct endpoint){.config_reply = "ERROR\r\n", .get_reply = "END\r\n"});
    expect_failure((struct endpoint){.config_reply = "ERROR\r\n", .get_reply = NULL, .timeout = 300});
    expect_failure((struct endpoint){.config_reply = "CONFIG cluster 0 100\r\n12\nname", .timeout = 300});
    expect_failure(
        (struct endpoint){.config_reply = "CONFIG cluster 0 99999999\r\n" PAYLOAD, .get_reply = "ERROR\r\n"});
    expect_failure((struct endpoint){.config_reply = "CONFIG cluster 0 -1\r\n" PAYLOAD, .get_reply = "ERROR\r\n"});
    expect_failure(
        (struct endpoint){.config_reply = "CONFIG cluster 0 3\r\n12\n\r\nEND\r\n", .get_reply = "ERROR\r\n"});
}

static void nobody_there(void **state) {
    (void)state;
    struct memcached_settings settings = {
        .discovery = (char[]){"127.0.0.1:1"}, .connect_timeout = FOREVER, .timeout = FOREVER};
    struct memcached_nodes nodes;
    assert_int_equal(memcached_nodes_load(&settings, &nodes), EXIT_UNAVAILABLE);
    settings.discovery = (char[]){"nonsense"};
    assert_int_equal(memcached_nodes_load(&settings, &nodes), EXIT_SETTINGS);
    settings.discovery = (char[]){"no-such-host.invalid:11211"};
    assert_int_equal(memcached_nodes_load(&settings, &nodes), EXIT_UNAVAILABLE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_payload_is_read_in_its_order),
        cmocka_unit_test(a_broken_payload_gives_no_nodes),
        cmocka_unit_test(both_protocols_are_spoken),
        cmocka_unit_test(whatever_else_comes_is_a_failure_in_bounded_time),
        cmocka_unit_test(nobody_there),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
