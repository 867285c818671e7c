/* The HTTP client against a small server of its own, which says whatever a case needs, and against openssl s_server for
 * TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/web/http.h"

#include "forever.h"

/* One connection, or several: reads a request, says `answer`, and goes on as told. */
struct server {
    pthread_t thread;
    int listener, port;
    char url[64];
    const char *answer;
    size_t length;       /* of answer; 0: strlen */
    int connections;     /* how many to serve before it ends */
    bool keeps_open;     /* waits for the client to close, and answers further requests on the way */
    int trickle;         /* milliseconds between single bytes; 0: all at once */
    struct text request; /* everything received */
    atomic_int requests;
};

/* The length of the request that begins here, or 0 if its headers have not all arrived. */
static size_t request_length(const struct text *request) {
    const char *end = strstr(text_string(request), "\r\n\r\n");
    const char *length = strcasestr(text_string(request), "Content-Length:");
    if (end == NULL)
        return 0;
    size_t body = length != NULL && length < end ? strtoul(length + 15, NULL, 10) : 0;
    return (size_t)(end - request->data) + 4 + body;
}

static void say(const struct server *server, int peer) {
    size_t length = server->length > 0 ? server->length : strlen(server->answer);
    if (server->trickle == 0) {
        send(peer, server->answer, length, MSG_NOSIGNAL);
        return;
    }
    for (size_t i = 0; i < length && send(peer, server->answer + i, 1, MSG_NOSIGNAL) == 1; i++)
        clock_sleep(server->trickle);
}

static void *serve(void *context) {
    struct server *server = context;
    for (int i = 0; i < server->connections; i++) {
        int peer = accept(server->listener, NULL, NULL);
        struct text request = {0};
        char bytes[16384];
        size_t whole = 0;
        for (ssize_t got; (got = recv(peer, bytes, sizeof bytes, 0)) > 0;) {
            text_append(&request, bytes, (size_t)got);
            if (whole == 0)
                whole = request_length(&request);
            if (whole == 0 || request.length < whole)
                continue;
            whole = 0;
            text_clear(&server->request);
            text_append(&server->request, request.data, request.length);
            atomic_fetch_add(&server->requests, 1);
            text_clear(&request);
            if (server->answer != NULL)
                say(server, peer);
            if (!server->keeps_open)
                break;
        }
        text_free(&request);
        close(peer);
    }
    return NULL;
}

static int bind_free_port(int *port) {
    for (*port = 10200 + (int)(getpid() % 20000); *port < 32768; (*port)++) {
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in name = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        if (bind(listener, (const struct sockaddr *)&name, sizeof name) == 0)
            return listener;
        close(listener);
    }
    fail_msg("no free port");
    return -1;
}

static void server_start(struct server *server) {
    server->listener = bind_free_port(&server->port);
    assert_int_equal(listen(server->listener, 8), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%d/pAtH-sEcReT", server->port);
    if (server->connections == 0)
        server->connections = 1;
    assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
}

static void server_end(struct server *server) {
    pthread_join(server->thread, NULL);
    close(server->listener);
    text_free(&server->request);
}

static int get(const char *url, int64_t timeout, struct http_answer *answer) {
    struct http *http = http_new(NULL, NULL);
    struct http_request request = {.url = url, .connect_timeout = timeout, .timeout = timeout};
    int status = http_request(http, &request, answer);
    http_free(http);
    return status;
}

/* Serves this answer once and gets it. */
static int get_answer(const char *bytes, size_t length, struct http_answer *answer) {
    struct server server = {.answer = bytes, .length = length};
    server_start(&server);
    int status = get(server.url, FOREVER, answer);
    server_end(&server);
    return status;
}

static void requests_arrive_as_meant(void **state) {
    (void)state;
    struct server server = {
        .answer = "HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Limit: 1\r\nx-limit:  7 \r\nEmpty:\r\n\r\nhe\0lo",
        .keeps_open = true};
    server.length = strlen(server.answer) + 3;
    server_start(&server);
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    const char *const headers[] = {"X-ChatWorkToken: tOkEn", "Content-Type: application/json"};
    struct http_request request = {.method = HTTP_POST,
                                   .url = server.url,
                                   .headers = headers,
                                   .header_count = 2,
                                   .body = "a\0b",
                                   .body_length = 3,
                                   .connect_timeout = FOREVER,
                                   .timeout = FOREVER};
    assert_int_equal(http_request(http, &request, &answer), 0);
    assert_int_equal(answer.status, 201);
    assert_int_equal(answer.body.length, 5);
    assert_memory_equal(answer.body.data, "he\0lo", 5);
    char *value = http_answer_header(&answer, "X-LIMIT");
    assert_string_equal(value, "7");
    free(value);
    value = http_answer_header(&answer, "Empty");
    assert_string_equal(value, "");
    free(value);
    assert_null(http_answer_header(&answer, "X-Lim"));
    const char *sent = text_string(&server.request);
    assert_memory_equal(sent, "POST /pAtH-sEcReT HTTP/1.1\r\n", 28);
    assert_non_null(strstr(sent, "\r\nUser-Agent: nightshift/" NIGHTSHIFT_VERSION "\r\n"));
    assert_non_null(strstr(sent, "\r\nX-ChatWorkToken: tOkEn\r\n"));
    assert_non_null(strstr(sent, "\r\nContent-Type: application/json\r\n"));
    assert_null(strstr(sent, "urlencoded"));
    assert_null(strstr(sent, "Accept-Encoding"));
    assert_memory_equal(server.request.data + server.request.length - 3, "a\0b", 3);

    /* The same connection, another method; nothing is left of the first request. */
    request = (struct http_request){.url = server.url, .connect_timeout = FOREVER, .timeout = FOREVER};
    assert_int_equal(http_request(http, &request, &answer), 0);
    sent = text_string(&server.request);
    assert_memory_equal(sent, "GET ", 4);
    assert_null(strstr(sent, "tOkEn"));
    assert_int_equal(answer.body.length, 5);
    request.method = HTTP_PUT;
    assert_int_equal(http_request(http, &request, &answer), 0);
    assert_memory_equal(text_string(&server.request), "PUT ", 4);
    assert_non_null(strstr(text_string(&server.request), "Content-Length: 0\r\n"));
    http_free(http);
    http_answer_free(&answer);
    server_end(&server); /* it serves one connection only: all three came over it */
}

static void large_bodies_are_sent_without_asking_leave(void **state) {
    (void)state;
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    server_start(&server);
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    size_t size = 5 * 1024 * 1024;
    char *body = xmalloc(size);
    memset(body, 'b', size);
    struct http_request request = {.method = HTTP_POST,
                                   .url = server.url,
                                   .body = body,
                                   .body_length = size,
                                   .connect_timeout = FOREVER,
                                   .timeout = FOREVER};
    assert_int_equal(http_request(http, &request, &answer), 0);
    assert_null(strcasestr(text_string(&server.request), "\r\nExpect:"));
    assert_true(server.request.length > size);
    free(body);
    http_free(http);
    http_answer_free(&answer);
    server_end(&server);
}

static void every_status_is_an_answer(void **state) {
    (void)state;
    struct http_answer answer = {0};
    assert_int_equal(get_answer("HTTP/1.1 503 Busy\r\nRetry-After: 9\r\nContent-Length: 4\r\n\r\nbusy", 0, &answer), 0);
    assert_int_equal(answer.status, 503);
    assert_string_equal(answer.body.data, "busy");
    char *value = http_answer_header(&answer, "retry-after");
    assert_string_equal(value, "9");
    free(value);
    assert_int_equal(get_answer("HTTP/1.1 100 Continue\r\nX: 1\r\n\r\nHTTP/1.1 404 No\r\nY: 2\r\n\r\nz", 0, &answer),
                     0);
    assert_int_equal(answer.status, 404);
    assert_null(http_answer_header(&answer, "X"));
    assert_string_equal(answer.body.data, "z");
    http_answer_free(&answer);
}

static void redirects_are_not_followed(void **state) {
    (void)state;
    struct server target = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    server_start(&target);
    char *redirect = xasprintf("HTTP/1.1 302 Found\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n", target.url);
    struct http_answer answer = {0};
    assert_int_equal(get_answer(redirect, 0, &answer), 0);
    assert_int_equal(answer.status, 302);
    assert_int_equal(target.requests, 0);
    assert_int_equal(get(target.url, FOREVER, &answer), 0); /* lets the thread end */
    assert_int_equal(target.requests, 1);
    free(redirect);
    http_answer_free(&answer);
    server_end(&target);
}

static void answers_are_bounded(void **state) {
    (void)state;
    static const char head[] = "HTTP/1.1 200 OK\r\n\r\n";
    static char bytes[HTTP_BODY_LIMIT + 200];
    struct http_answer answer = {0};
    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, head, sizeof head - 1);
    assert_int_equal(get_answer(bytes, sizeof head - 1 + HTTP_BODY_LIMIT, &answer), 0);
    assert_int_equal(answer.body.length, HTTP_BODY_LIMIT);
    assert_int_equal(get_answer(bytes, sizeof head + HTTP_BODY_LIMIT, &answer), EXIT_UNAVAILABLE);
    assert_string_equal(text_string(&answer.reason), "the answer is too large");
    assert_int_equal(answer.status, 0);

    memcpy(bytes, "HTTP/1.1 200 OK\r\nX:", 19);
    memcpy(bytes + HTTP_HEADER_LIMIT + 100, "\r\n\r\n", 4);
    assert_int_equal(get_answer(bytes, HTTP_HEADER_LIMIT + 104, &answer), EXIT_UNAVAILABLE);
    assert_int_equal(answer.status, 0);
    http_answer_free(&answer);
}

/* A body that was announced and cut, a chunked one, and headers cut at every byte. */
static void cut_answers_are_failures(void **state) {
    (void)state;
    static const char whole[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\r\n0123456789";
    static const char chunked[] =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n01234\r\n5\r\n56789\r\n0\r\n\r\n";
    struct http_answer answer = {0};
    for (size_t length = 1; length < sizeof whole - 1; length++)
        if (get_answer(whole, length, &answer) != EXIT_UNAVAILABLE)
            fail_msg("cut to %zu bytes: \"%.*s\"", length, (int)length, whole);
    assert_int_equal(get_answer(whole, 0, &answer), 0);
    for (size_t length = 1; length < sizeof chunked - 1 - 2; length++)
        if (get_answer(chunked, length, &answer) != EXIT_UNAVAILABLE)
            fail_msg("cut to %zu bytes: \"%.*s\"", length, (int)length, chunked);
    assert_int_equal(get_answer(chunked, 0, &answer), 0);
    assert_string_equal(answer.body.data, "0123456789");
    http_answer_free(&answer);
}

/* It is our timeout that ends it, and not HTTP_STALL, which would need half a minute. */
static void assert_given_up(const char *url, int64_t timeout) {
    struct http_answer answer = {0};
    int64_t began = clock_monotonic();
    assert_int_equal(get(url, timeout, &answer), EXIT_UNAVAILABLE);
    int64_t took = clock_monotonic() - began;
    assert_true(took >= timeout - 2 && took < FOREVER);
    if (strstr(text_string(&answer.reason), "timed out after") == NULL)
        fail_msg("%s", text_string(&answer.reason));
    http_answer_free(&answer);
}

static void slow_servers_hold_us_for_the_timeout_only(void **state) {
    (void)state;
    struct server silent = {.keeps_open = true};
    server_start(&silent);
    assert_given_up(silent.url, 300);
    server_end(&silent);

    /* So many bytes take more than a minute, each comes well within the timeout, and they are too fast for HTTP_STALL. */
    static char answer[3500];
    memset(answer, 'x', sizeof answer - 1);
    int head = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: 3400\r\n\r\n");
    answer[head] = 'x';
    struct server slow = {.answer = answer, .length = (size_t)head + 3400, .trickle = 20};
    server_start(&slow);
    assert_given_up(slow.url, 700);
    server_end(&slow);
}

static void refused_connections_and_bad_urls_have_reasons(void **state) {
    (void)state;
    int port = 0;
    close(bind_free_port(&port));
    char address[64];
    snprintf(address, sizeof address, "http://127.0.0.1:%d/sEcReT", port);
    const struct {
        const char *url;
        int status;
    } cases[] = {
        {address, EXIT_UNAVAILABLE},
        {"http://no-such-host.invalid/sEcReT", EXIT_UNAVAILABLE},
        {"file:///etc/passwd?sEcReT", EXIT_SETTINGS},
        {"ftp://127.0.0.1/sEcReT", EXIT_SETTINGS},
        {"gopher://127.0.0.1:1/sEcReT", EXIT_SETTINGS},
        {"sEcReT", EXIT_SETTINGS},
        {"/sEcReT", EXIT_SETTINGS},
        {"http://", EXIT_SETTINGS},
        {"", EXIT_SETTINGS},
        {"http://127.0.0.1:99999/sEcReT", EXIT_SETTINGS},
        {"http://a b/sEcReT", EXIT_SETTINGS},
        {"http://127.0.0.1/sEcReT\r\nX: y", EXIT_SETTINGS},
        {"dict://127.0.0.1/sEcReT", EXIT_SETTINGS},
    };
    struct http_answer answer = {0};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int status = get(cases[i].url, FOREVER, &answer);
        if (status != cases[i].status || answer.reason.length == 0 || strstr(answer.reason.data, "sEcReT") != NULL)
            fail_msg("\"%s\": %d, \"%s\"", cases[i].url, status, text_string(&answer.reason));
        assert_int_equal(answer.status, 0);
    }
    http_answer_free(&answer);
}

static void secrets_go_over_tls_or_loopback_only(void **state) {
    (void)state;
    struct http *http = http_new(NULL, NULL);
    struct http_answer answer = {0};
    static const struct {
        const char *url;
        bool refused;
    } cases[] = {
        {"http://192.0.2.1:9/", true},  {"http://localhost.example.com:9/", true},
        {"HTTP://10.0.0.1:9/", true},   {"http://127.0.0.1:9@10.0.0.1:9/", true},
        {"http://127.0.0.1:9/", false}, {"http://[::1]:9/", false},
        {"http://localhost:9/", false}, {"https://127.0.0.1:9/", false},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct http_request request = {.url = cases[i].url, .connect_timeout = 500, .timeout = 500, .secret = true};
        int status = http_request(http, &request, &answer);
        if (status != (cases[i].refused ? EXIT_SETTINGS : EXIT_UNAVAILABLE))
            fail_msg("%s: %d, %s", cases[i].url, status, text_string(&answer.reason));
    }
    struct http_request request = {.url = "http://127.0.0.1:9/",
                                   .headers = (const char *const[]){"A: b\r\nC: d"},
                                   .header_count = 1,
                                   .connect_timeout = 500,
                                   .timeout = 500};
    assert_int_equal(http_request(http, &request, &answer), EXIT_BUG);
    request = (struct http_request){.url = "http://127.0.0.1:9/", .connect_timeout = 500};
    assert_int_equal(http_request(http, &request, &answer), EXIT_BUG);
    http_free(http);
    http_free(NULL);
    http_answer_free(&answer);
}

static void environment_sets_no_proxy(void **state) {
    (void)state;
    struct server proxy = {.answer = "HTTP/1.1 299 Proxy\r\nContent-Length: 0\r\n\r\n"};
    server_start(&proxy);
    struct server server = {.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"};
    server_start(&server);
    proxy.url[strlen(proxy.url) - strlen("/pAtH-sEcReT")] = '\0';
    setenv("http_proxy", proxy.url, 1);
    setenv("ALL_PROXY", proxy.url, 1);
    setenv("no_proxy", "*", 1);
    struct http_answer answer = {0};
    unsetenv("no_proxy");
    assert_int_equal(get(server.url, FOREVER, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_int_equal(proxy.requests, 0);
    /* And the one that is asked for is used, whatever the environment says. */
    setenv("no_proxy", "*", 1);
    struct http *http = http_new(proxy.url, NULL);
    struct http_request request = {.url = server.url, .connect_timeout = FOREVER, .timeout = FOREVER};
    assert_int_equal(http_request(http, &request, &answer), 0);
    assert_int_equal(answer.status, 299);
    http_free(http);
    unsetenv("http_proxy");
    unsetenv("ALL_PROXY");
    unsetenv("no_proxy");
    http_answer_free(&answer);
    server_end(&server);
    server_end(&proxy);
}

static void hosts_are_shown_without_secrets(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"https://hc-ping.com/uuid-sEcReT/start?x=sEcReT", "hc-ping.com"},
        {"http://user:sEcReT@127.0.0.1:8080/x", "127.0.0.1:8080"},
        {"https://[::1]:9/x#sEcReT", "[::1]:9"},
        {"sEcReT", "(not a URL)"},
        {"", "(not a URL)"},
        {"http://a b/sEcReT", "(not a URL)"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *host = http_host(cases[i][0]);
        assert_string_equal(host, cases[i][1]);
        free(host);
    }
}

static int stop_in_child(const char *url) {
    if (interrupt_start() != 0)
        return 2;
    struct http_answer answer = {0};
    if (get(url, 10 * FOREVER, &answer) != EXIT_LATER) /* or EXIT_UNAVAILABLE for HTTP_STALL */
        return 3;
    if (get(url, 10 * FOREVER, &answer) != EXIT_LATER)
        return 4;
    http_answer_free(&answer);
    return 0;
}

static void being_asked_to_stop_ends_a_request(void **state) {
    (void)state;
    struct server silent = {.keeps_open = true};
    server_start(&silent);
    pid_t child = fork();
    if (child == 0)
        _exit(stop_in_child(silent.url));
    AWAIT(atomic_load(&silent.requests) == 1); /* from here on the child waits for an answer */
    kill(child, SIGTERM);
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    server_end(&silent);
}

/* --- TLS --- */

static void run_in(const char *directory, const char *command_line) {
    char *whole = xasprintf("cd %s && { %s; } >>openssl.log 2>&1", directory, command_line);
    if (system(whole) != 0)
        fail_msg("failed, is openssl installed? %s", whole);
    free(whole);
}

static pid_t start_tls(const char *directory, int port) {
    char accept_on[32], certificate[128], key[128];
    snprintf(accept_on, sizeof accept_on, "127.0.0.1:%d", port);
    snprintf(certificate, sizeof certificate, "%s/localhost.crt", directory);
    snprintf(key, sizeof key, "%s/localhost.key", directory);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
        int null = open("/dev/null", O_RDWR);
        for (int descriptor = 0; descriptor < 3; descriptor++)
            dup2(null, descriptor);
        execlp("openssl", "openssl", "s_server", "-www", "-accept", accept_on, "-cert", certificate, "-key", key,
               (char *)NULL);
        _exit(127);
    }
    int64_t until = clock_monotonic() + FOREVER;
    bool runs = true;
    while (runs && clock_monotonic() < until) {
        struct sockaddr_in name = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int result = connect(probe, (const struct sockaddr *)&name, sizeof name);
        close(probe);
        if (result == 0)
            return pid;
        clock_sleep(20);
        runs = waitpid(pid, NULL, WNOHANG) == 0;
    }
    if (runs)
        kill(pid, SIGKILL);
    fail_msg("openssl s_server does not start");
    return -1;
}

static void certificates_are_verified(void **state) {
    (void)state;
    char directory[] = "/tmp/http_test.XXXXXX";
    assert_non_null(mkdtemp(directory));
    run_in(directory, "for n in localhost stranger; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 "
                      "-nodes -days 2 -subj /CN=localhost -addext subjectAltName=DNS:localhost -keyout $n.key -out "
                      "$n.crt; done");
    int port = 0;
    close(bind_free_port(&port));
    pid_t pid = start_tls(directory, port);
    static const struct {
        const char *host, *ca;
        int status;
    } cases[] = {
        {"localhost", "localhost.crt", 0},
        {"127.0.0.1", "localhost.crt", EXIT_UNAVAILABLE},
        {"localhost", "stranger.crt", EXIT_UNAVAILABLE},
        {"localhost", NULL, EXIT_UNAVAILABLE},
        {"localhost", "missing.crt", EXIT_SETTINGS},
    };
    struct http_answer answer = {0};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char url[64], ca[128];
        snprintf(url, sizeof url, "https://%s:%d/", cases[i].host, port);
        snprintf(ca, sizeof ca, "%s/%s", directory, cases[i].ca != NULL ? cases[i].ca : "");
        struct http *http = http_new(NULL, cases[i].ca != NULL ? ca : NULL);
        struct http_request request = {.url = url, .connect_timeout = FOREVER, .timeout = FOREVER, .secret = true};
        int status = http_request(http, &request, &answer);
        if (status != cases[i].status || (status == 0 && answer.status != 200))
            fail_msg("case %zu: %d, %s", i, status, text_string(&answer.reason));
        http_free(http);
    }
    http_answer_free(&answer);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    char *line = xasprintf("rm -r %s", directory);
    assert_int_equal(system(line), 0);
    free(line);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_arrive_as_meant),
        cmocka_unit_test(large_bodies_are_sent_without_asking_leave),
        cmocka_unit_test(every_status_is_an_answer),
        cmocka_unit_test(redirects_are_not_followed),
        cmocka_unit_test(answers_are_bounded),
        cmocka_unit_test(cut_answers_are_failures),
        cmocka_unit_test(slow_servers_hold_us_for_the_timeout_only),
        cmocka_unit_test(refused_connections_and_bad_urls_have_reasons),
        cmocka_unit_test(secrets_go_over_tls_or_loopback_only),
        cmocka_unit_test(environment_sets_no_proxy),
        cmocka_unit_test(hosts_are_shown_without_secrets),
        cmocka_unit_test(being_asked_to_stop_ends_a_request),
        cmocka_unit_test(certificates_are_verified),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
