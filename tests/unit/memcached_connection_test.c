/* What the library makes of nodes that misbehave in every way a connection can. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "forever.h"
#include "memcached_ports.h"
#include "nightshift/base/clock.h"
#include "nightshift/stores/memcached_pool.h"

struct false_node {
    int listener;
    const char *reply; /* to every command but version and quit; NULL: none */
    bool hang_up;      /* after the reply */
    int delay;         /* milliseconds before the first reply */
    atomic_int connections, open;
};

struct conversation {
    struct false_node *node;
    int descriptor;
};

static void *converse(void *argument) {
    struct conversation *conversation = argument;
    struct false_node *node = conversation->node;
    char bytes[4096];
    int delay = node->delay;
    while (recv(conversation->descriptor, bytes, sizeof bytes, 0) > 0) {
        clock_sleep(delay);
        delay = 0;
        if (node->reply != NULL)
            send(conversation->descriptor, node->reply, strlen(node->reply), MSG_NOSIGNAL);
        if (node->hang_up)
            break;
    }
    close(conversation->descriptor);
    free(conversation);
    atomic_fetch_sub(&node->open, 1);
    return NULL;
}

static void *be_false_node(void *argument) {
    struct false_node *node = argument;
    for (;;) {
        int descriptor = accept(node->listener, NULL, NULL);
        if (descriptor < 0)
            return NULL;
        atomic_fetch_add(&node->connections, 1);
        atomic_fetch_add(&node->open, 1);
        struct conversation *conversation = xmalloc(sizeof *conversation);
        *conversation = (struct conversation){.node = node, .descriptor = descriptor};
        pthread_t thread;
        pthread_create(&thread, NULL, converse, conversation);
        pthread_detach(thread);
    }
}

/* How a reply ends: it is all that is wanted, more of it is waited for in vain, or the connection ends with it. IS_LATE is whole, and comes
 * after the 5 seconds that the library waits by itself. */
enum ending { IS_WHOLE, FALLS_SILENT, HANGS_UP, IS_LATE };

enum { LATE = 5500 /* milliseconds */ };

/* Gets two keys, `key` and `other`, and sets one, over a node that always answers `reply`. */
static void meet(const char *reply, enum ending ending, struct memcached_lookup lookups[2],
                 struct memcached_item *item) {
    uint16_t port = free_port();
    struct false_node node = {.listener = listen_on(port),
                              .reply = reply,
                              .hang_up = ending == HANGS_UP,
                              .delay = ending == IS_LATE ? LATE : 0};
    struct memcached_settings settings = {
        .connect_timeout = FOREVER, .timeout = ending == FALLS_SILENT ? 500 : FOREVER, .connections = 1};
    struct memcached_nodes nodes = {0};
    pthread_t thread;
    memcached_nodes_add(&nodes, "127.0.0.1", port, 1);
    pthread_create(&thread, NULL, be_false_node, &node);
    struct memcached_pool *pool = memcached_pool_open(&settings, &nodes);
    lookups[0] = (struct memcached_lookup){.key = "key"};
    lookups[1] = (struct memcached_lookup){.key = "other"};
    assert_int_equal(memcached_pool_get(pool, lookups, 2), 0);
    memcached_pool_close(pool);
    pool = memcached_pool_open(&settings, &nodes);
    *item = (struct memcached_item){.key = "key", .bytes = "x", .length = 1};
    /* Answers to a get abort in a set: see memcached_connection.c. */
    if (reply == NULL || (strncmp(reply, "END", 3) != 0 && strncmp(reply, "VALUE", 5) != 0))
        assert_int_equal(memcached_pool_publish(pool, item, 1, NULL), 0);
    memcached_pool_close(pool);
    shutdown(node.listener, SHUT_RDWR);
    pthread_join(thread, NULL);
    while (atomic_load(&node.open) > 0)
        clock_sleep(1);
    close(node.listener);
    memcached_nodes_free(&nodes);
    assert_in_range(atomic_load(&node.connections), 1, 6);
    lookups[0].reason = lookups[1].reason = NULL; /* ended with their pool */
    memcached_lookups_free(lookups, 2);
}

static void only_a_complete_answer_says_that_a_key_is_missing(void **state) {
    (void)state;
    static const struct {
        const char *reply;
        enum ending ending;
        enum memcached_outcome first, second, written;
    } cases[] = {
        {"END\r\n", IS_WHOLE, OUTCOME_MISSING, OUTCOME_MISSING, OUTCOME_NOT_TRIED},
        {"VALUE key 0 1\r\nx\r\nEND\r\n", IS_WHOLE, OUTCOME_FOUND, OUTCOME_MISSING, OUTCOME_NOT_TRIED},
        {"VALUE key 0 1\r\nx\r\nEND\r\n", IS_LATE, OUTCOME_FOUND, OUTCOME_MISSING, OUTCOME_NOT_TRIED},
        {"VALUE other 0 1\r\nx\r\nEND\r\n", IS_WHOLE, OUTCOME_MISSING, OUTCOME_FOUND, OUTCOME_NOT_TRIED},
        {"VALUE key 0 1\r\nx\r\n", FALLS_SILENT, OUTCOME_FOUND, OUTCOME_UNREACHABLE, OUTCOME_NOT_TRIED},
        {"VALUE key 0 1\r\nx\r\n", HANGS_UP, OUTCOME_FOUND, OUTCOME_UNREACHABLE, OUTCOME_NOT_TRIED},
        {"VALUE key 0 1\r\nx\r\nVALUE other 0 1\r\nx\r\n", HANGS_UP, OUTCOME_FOUND, OUTCOME_FOUND, OUTCOME_NOT_TRIED},
        {"VALUE key 0 10\r\nx\r\n", FALLS_SILENT, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_NOT_TRIED},
        {"VALUE key 0 10\r\nx\r\n", HANGS_UP, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_NOT_TRIED},
        {"VALUE key 99999999999999999999 1\r\nx\r\nEND\r\n", IS_WHOLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE,
         OUTCOME_NOT_TRIED},
        {"VALUE third 0 1\r\nx\r\nEND\r\n", IS_WHOLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_NOT_TRIED},
        {NULL, FALLS_SILENT, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE},
        {NULL, HANGS_UP, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE},
        {"ERROR\r\n", IS_WHOLE, OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED},
        {"CLIENT_ERROR no\r\n", IS_WHOLE, OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED},
        {"SERVER_ERROR out of memory storing object\r\n", IS_WHOLE, OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED},
        {"HTTP/1.1 400 Bad Request\r\n\r\n", IS_WHOLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE},
        {"-ERR unknown command\r\n", IS_WHOLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE, OUTCOME_UNREACHABLE},
        {"NOT_STORED\r\n", IS_WHOLE, OUTCOME_REFUSED, OUTCOME_REFUSED, OUTCOME_REFUSED},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct memcached_lookup lookups[2];
        struct memcached_item item;
        int64_t began = clock_monotonic();
        meet(cases[i].reply, cases[i].ending, lookups, &item);
        if (clock_monotonic() - began >= FOREVER)
            fail_msg("case %zu: it was waited for more", i);
        if (lookups[0].outcome != cases[i].first || lookups[1].outcome != cases[i].second ||
            item.written != cases[i].written)
            fail_msg("case %zu: %s, %s, %s", i, memcached_outcome_word(lookups[0].outcome),
                     memcached_outcome_word(lookups[1].outcome), memcached_outcome_word(item.written));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_a_complete_answer_says_that_a_key_is_missing),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
