/* Redis against real servers, which the test starts itself, and against a stub for what no real server can be made to
 * say. A missing redis-server or openssl is a failure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include "nightshift/base/log.h" /* before cmocka, which makes fail() a macro */
#include <cmocka.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/redis.h"

#include "forever.h"

static char directory[] = "/tmp/redis_test.XXXXXX";

/* What was logged since the last look. */
static int errors_logged;
static char last_error[1024];
static struct text everything_logged;

static void listen_to_log(void *context, enum log_level level, bool hint, const char *message) {
    (void)context;
    text_printf(&everything_logged, "%s\n", message);
    if (level != LOG_LEVEL_ERROR || hint)
        return;
    errors_logged++;
    snprintf(last_error, sizeof last_error, "%s", message);
}

static int take_errors_logged(void) {
    int count = errors_logged;
    errors_logged = 0;
    return count;
}

static const char *path_of(const char *name) {
    static char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    return path;
}

static int free_port(void) {
    static int next = 0;
    next = next == 0 ? 10200 + (int)(getpid() % 20000) : next + 1;
    for (; next < 32768; next++) {
        int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        struct sockaddr_in name = {
            .sin_family = AF_INET, .sin_port = htons((uint16_t)next), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        int result = bind(probe, (const struct sockaddr *)&name, sizeof name);
        close(probe);
        if (result == 0)
            return next;
    }
    fail_msg("no free port");
    return -1;
}

static void write_file(const char *name, const char *content, mode_t mode) {
    int file = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    assert_true(file >= 0);
    assert_int_equal(write(file, content, strlen(content)), (ssize_t)strlen(content));
    close(file);
}

/* --- Servers --- */

struct server {
    pid_t pid;
    int port;
    char address[64]; /* 127.0.0.1:port */
};

static struct redis_settings settings_for(char *address) {
    static char prefix[] = "t:";
    return (struct redis_settings){.server = address, .timeout = FOREVER, .key_prefix = prefix};
}

static void stop(struct server *server) {
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}

static void spawn(struct server *server, const char *const *options) {
    char port[16];
    snprintf(port, sizeof port, "%d", server->port);
    const char *words[48] = {"redis-server", "--port", port,           "--bind",     "127.0.0.1",
                             "--save",       "",       "--appendonly", "no",         "--daemonize",
                             "no",           "--dir",  directory,      "--loglevel", "warning"};
    size_t count = 15;
    for (; options != NULL && *options != NULL; options++)
        words[count++] = *options;
    server->pid = fork();
    assert_true(server->pid >= 0);
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that crashes leaves nothing behind */
        int log = open(path_of("server.log"), O_WRONLY | O_CREAT | O_APPEND, 0600);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execvp(words[0], (char **)(uintptr_t)words);
        _exit(127);
    }
}

static int connect_once(const struct redis_settings *settings) {
    struct redis *redis = redis_new(settings);
    int status = redis_connect(redis, REDIS_QUIET);
    redis_free(redis);
    return status;
}

/* Waits until the server says something other than "connection refused". */
static void await(struct server *server, int until) {
    struct redis_settings settings = settings_for(server->address);
    for (int64_t limit = clock_monotonic() + FOREVER; clock_monotonic() < limit;) {
        int status = connect_once(&settings);
        if (status == until)
            return;
        if (waitpid(server->pid, NULL, WNOHANG) == server->pid) {
            server->pid = 0;
            fail_msg("redis-server does not start: is it installed?");
        }
        clock_sleep(20);
    }
    stop(server);
    fail_msg("redis-server does not answer");
}

static struct server start(const char *const *options, int until) {
    struct server server = {.port = free_port()};
    snprintf(server.address, sizeof server.address, "127.0.0.1:%d", server.port);
    spawn(&server, options);
    await(&server, until);
    return server;
}

/* The server of all tests that need nothing special. */
static struct server shared;

static struct redis *open_shared(struct redis_settings *settings) {
    *settings = settings_for(shared.address);
    return redis_new(settings);
}

/* Splits at spaces and sends. */
static int command(struct redis *redis, unsigned flags, const char *line, struct redis_reply **reply) {
    char *copy = xstrdup(line);
    const char *words[32];
    size_t count = 0;
    for (char *save = NULL, *word = strtok_r(copy, " ", &save); word != NULL; word = strtok_r(NULL, " ", &save))
        words[count++] = word;
    int status = redis_command(redis, flags, count, words, NULL, reply);
    free(copy);
    return status;
}

static void expect_integer(struct redis *redis, const char *line, int64_t expected) {
    struct redis_reply *reply = NULL;
    int64_t value = -1;
    assert_int_equal(command(redis, 0, line, &reply), 0);
    assert_int_equal(redis_as_integer(redis, reply, &value), 0);
    assert_int_equal(value, expected);
    redis_reply_free(reply);
}

/* NULL: nil. */
static void expect_bytes(struct redis *redis, const char *line, const char *expected) {
    struct redis_reply *reply = NULL;
    const char *bytes = NULL;
    size_t length = 0;
    assert_int_equal(command(redis, 0, line, &reply), 0);
    assert_int_equal(redis_as_bytes(redis, reply, &bytes, &length), 0);
    if (expected == NULL) {
        assert_null(bytes);
    } else {
        assert_non_null(bytes);
        assert_string_equal(bytes, expected);
        assert_int_equal(length, strlen(expected));
    }
    redis_reply_free(reply);
}

/* The command fails with this status, logs once, says these words, and gives no reply. */
static void expect_failure(struct redis *redis, const char *line, int status, const char *words) {
    struct redis_reply *reply = (struct redis_reply *)(uintptr_t)1;
    take_errors_logged();
    assert_int_equal(command(redis, 0, line, &reply), status);
    assert_null(reply);
    assert_int_equal(take_errors_logged(), 1);
    if (strstr(redis_reason(redis), words) == NULL || strcmp(redis_reason(redis), last_error) != 0)
        fail_msg("\"%s\" was logged, \"%s\" is the reason, without \"%s\"", last_error, redis_reason(redis), words);
}

/* --- Commands --- */

static void answers_have_their_types(void **state) {
    (void)state;
    struct redis_settings settings;
    struct redis *redis = open_shared(&settings);
    expect_bytes(redis, "SET a 1", "OK");
    expect_bytes(redis, "GET a", "1");
    expect_integer(redis, "INCR a", 2);
    expect_integer(redis, "DECRBY a 9223372036854775807", -9223372036854775805);
    expect_bytes(redis, "GET nothing", NULL);
    expect_integer(redis, "DEL a", 1);
    assert_string_equal(redis_reason(redis), "");

    struct redis_reply *reply = NULL;
    int64_t value = 7;
    const char *bytes = "unchanged";
    size_t length = 7;
    assert_int_equal(command(redis, 0, "GET nothing", &reply), 0);
    assert_int_equal(redis_as_integer(redis, reply, &value), EXIT_BUG);
    assert_int_equal(value, 7);
    redis_reply_free(reply);
    assert_int_equal(command(redis, 0, "DEL nothing", &reply), 0);
    assert_int_equal(redis_as_bytes(redis, reply, &bytes, &length), EXIT_BUG);
    assert_string_equal(bytes, "unchanged");
    redis_reply_free(reply);
    assert_int_equal(command(redis, 0, "SET a 1", NULL), 0);
    char *key = redis_key(redis, "{%s}:%d", "job", 7);
    assert_string_equal(key, "t:{job}:7");
    free(key);
    redis_free(redis);
    redis_free(NULL);
    redis_reply_free(NULL);
}

static void arrays_may_be_nested_and_hold_anything(void **state) {
    (void)state;
    struct redis_settings settings;
    struct redis *redis = open_shared(&settings);
    struct redis_reply *reply = NULL;
    const struct redis_script script = {.text =
                                            "return {1, {'two', {}}, false, redis.error_reply('BAD inside'), ARGV[1]}",
                                        .arguments = (const char *const[]){"a\0b"},
                                        .argument_lengths = (const size_t[]){3},
                                        .argument_count = 1};
    assert_int_equal(redis_eval(redis, 0, &script, &reply), 0);
    assert_int_equal(reply->type, REDIS_ARRAY);
    assert_int_equal(reply->count, 5);
    assert_int_equal(reply->items[0]->type, REDIS_INTEGER);
    assert_int_equal(reply->items[0]->integer, 1);
    assert_int_equal(reply->items[1]->type, REDIS_ARRAY);
    assert_int_equal(reply->items[1]->count, 2);
    assert_string_equal(reply->items[1]->items[0]->bytes, "two");
    assert_int_equal(reply->items[1]->items[1]->type, REDIS_ARRAY);
    assert_int_equal(reply->items[1]->items[1]->count, 0);
    assert_int_equal(reply->items[2]->type, REDIS_NIL);
    assert_int_equal(reply->items[3]->type, REDIS_ERROR);
    assert_string_equal(reply->items[3]->bytes, "BAD inside");
    assert_int_equal(reply->items[4]->length, 3);
    assert_memory_equal(reply->items[4]->bytes, "a\0b", 4);
    redis_reply_free(reply);
    redis_free(redis);
}

static void words_are_never_commands(void **state) {
    (void)state;
    struct redis_settings settings;
    struct redis *redis = open_shared(&settings);
    static char value[256 * 1024];
    for (size_t i = 0; i < sizeof value; i++)
        value[i] = (char)(i * 7 + i / 256);
    const char *key = "k\r\nDEL b\r\n\0 x";
    const char *words[] = {"SET", key, value};
    const size_t lengths[] = {3, 13, sizeof value};
    struct redis_reply *reply = NULL;
    assert_int_equal(redis_command(redis, 0, 3, words, lengths, NULL), 0);
    words[0] = "GET";
    assert_int_equal(redis_command(redis, 0, 2, words, lengths, &reply), 0);
    assert_int_equal(reply->length, sizeof value);
    assert_memory_equal(reply->bytes, value, sizeof value);
    redis_reply_free(reply);
    words[0] = "DEL";
    assert_int_equal(redis_command(redis, 0, 2, words, lengths, &reply), 0);
    assert_int_equal(reply->integer, 1);
    redis_reply_free(reply);

    /* An empty word is a word. */
    assert_int_equal(redis_command(redis, 0, 3, (const char *const[]){"SET", "", ""}, NULL, NULL), 0);
    assert_int_equal(redis_command(redis, 0, 2, (const char *const[]){"DEL", ""}, NULL, &reply), 0);
    assert_int_equal(reply->integer, 1);
    redis_reply_free(reply);
    redis_free(redis);
}

static void requests_and_answers_are_bounded(void **state) {
    (void)state;
    struct redis_settings settings;
    struct redis *redis = open_shared(&settings);
    assert_int_equal(redis_command(redis, REDIS_QUIET, 0, NULL, NULL, NULL), EXIT_BUG);
    const char *words[] = {"SET", "big", ""};
    const size_t lengths[] = {3, 3, (size_t)REDIS_REQUEST_LIMIT + 1};
    assert_int_equal(redis_command(redis, REDIS_QUIET, 3, words, lengths, NULL), EXIT_BUG);
    assert_int_equal(command(redis, 0, "SETRANGE big 16777000 x", NULL), 0);
    expect_integer(redis, "STRLEN big", 16777001);
    struct redis_reply *reply = NULL;
    assert_int_equal(command(redis, 0, "GET big", &reply), 0);
    assert_int_equal(reply->length, 16777001);
    redis_reply_free(reply);
    assert_int_equal(command(redis, 0, "SETRANGE big 16777300 x", NULL), 0);
    expect_failure(redis, "GET big", EXIT_UNAVAILABLE, "too long");
    expect_integer(redis, "DEL big", 1); /* and not the rest of the value */
    redis_free(redis);
}

/* --- The lock scripts of the lease --- */

static int64_t run_script(struct redis *redis, const char *text, const char *const *keys, size_t key_count,
                          const char *const *arguments, size_t argument_count) {
    const struct redis_script script = {
        .text = text, .keys = keys, .key_count = key_count, .arguments = arguments, .argument_count = argument_count};
    struct redis_reply *reply = NULL;
    int64_t value = -1;
    assert_int_equal(redis_eval(redis, 0, &script, &reply), 0);
    assert_int_equal(redis_as_integer(redis, reply, &value), 0);
    redis_reply_free(reply);
    return value;
}

static void lock_scripts_do_what_the_lease_needs(void **state) {
    (void)state;
    static const char acquire[] = "if redis.call('SET',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then return "
                                  "redis.call('INCR',KEYS[2]) else return 0 end";
    static const char renew[] =
        "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('PEXPIRE',KEYS[1],ARGV[2]) "
        "else return 0 end";
    static const char release[] = "if redis.call('GET',KEYS[1])==ARGV[1] then return redis.call('DEL',KEYS[1]) else "
                                  "return 0 end";
    static const char fenced[] =
        "if tonumber(ARGV[1]) < tonumber(redis.call('HGET',KEYS[1],'fence') or '0') then return "
        "redis.error_reply('FENCED') end redis.call('HSET',KEYS[1],'fence',ARGV[1],"
        "'watermark',ARGV[2]) return 1";
    struct redis_settings settings;
    struct redis *redis = open_shared(&settings);
    const char *keys[] = {"t:{job}:mutex", "t:{job}:fence"}, *hash[] = {"t:{job}:state"};
    assert_int_equal(run_script(redis, acquire, keys, 2, (const char *const[]){"us", "600000"}, 2), 1);
    assert_int_equal(run_script(redis, acquire, keys, 2, (const char *const[]){"them", "600000"}, 2), 0);
    assert_int_equal(run_script(redis, renew, keys, 1, (const char *const[]){"them", "1"}, 2), 0);
    assert_int_equal(run_script(redis, renew, keys, 1, (const char *const[]){"us", "600000"}, 2), 1);
    assert_int_equal(run_script(redis, release, keys, 1, (const char *const[]){"them"}, 1), 0);
    assert_int_equal(run_script(redis, renew, keys, 1, (const char *const[]){"us", "1"}, 2), 1);
    AWAIT(run_script(redis, "return redis.call('EXISTS',KEYS[1])", keys, 1, NULL, 0) == 0);
    assert_int_equal(run_script(redis, renew, keys, 1, (const char *const[]){"us", "600000"}, 2), 0);
    assert_int_equal(run_script(redis, acquire, keys, 2, (const char *const[]){"them", "600000"}, 2), 2);
    assert_int_equal(run_script(redis, release, keys, 1, (const char *const[]){"us"}, 1), 0);
    assert_int_equal(run_script(redis, release, keys, 1, (const char *const[]){"them"}, 1), 1);
    assert_int_equal(run_script(redis, fenced, hash, 1, (const char *const[]){"2", "new"}, 2), 1);
    const struct redis_script late = {.text = fenced,
                                      .keys = hash,
                                      .key_count = 1,
                                      .arguments = (const char *const[]){"1", "old"},
                                      .argument_count = 2};
    assert_int_equal(redis_eval(redis, REDIS_QUIET, &late, NULL), EXIT_BUG);
    assert_non_null(strstr(redis_reason(redis), "FENCED"));
    expect_bytes(redis, "HGET t:{job}:state watermark", "new");
    redis_free(redis);
}

/* --- Logging in --- */

static int log_in_with(struct server *server, char *user, const char *password, int64_t database, struct redis **out) {
    static struct redis_settings settings;
    static char file[256];
    settings = settings_for(server->address);
    settings.user = user;
    settings.database = database;
    if (password != NULL) {
        write_file("password", password, 0600);
        snprintf(file, sizeof file, "%s", path_of("password"));
        settings.password_file = file;
    }
    struct redis *redis = redis_new(&settings);
    take_errors_logged();
    int status = redis_connect(redis, 0);
    assert_int_equal(take_errors_logged(), status == 0 ? 0 : 1);
    if (out != NULL)
        *out = redis;
    else
        redis_free(redis);
    return status;
}

static void passwords_are_checked_and_never_logged(void **state) {
    (void)state;
    static const char secret[] = "cAnArY-7f3a";
    struct server server =
        start((const char *const[]){"--requirepass", secret, "--user", "worker", "on", ">cAnArY-w0rk", "~t:*", "+get",
                                    "+set", "+eval", "--user", "mute", "on", "nopass", "~*", "+select", NULL},
              EXIT_DENIED);
    struct redis *redis = NULL;
    assert_int_equal(log_in_with(&server, NULL, secret, 3, &redis), 0);
    expect_bytes(redis, "SET t:a 1", "OK");
    redis_free(redis);
    assert_int_equal(log_in_with(&server, NULL, "cAnArY-7f3a\n", 0, NULL), 0); /* an editor's line break */
    assert_int_equal(log_in_with(&server, NULL, "cAnArY-wrong", 0, NULL), EXIT_DENIED);
    assert_non_null(strstr(last_error, "refused the user or the password"));
    assert_int_equal(log_in_with(&server, NULL, NULL, 0, NULL), EXIT_DENIED);
    assert_non_null(strstr(last_error, "wants a password"));
    assert_int_equal(log_in_with(&server, NULL, NULL, 3, NULL), EXIT_DENIED);
    assert_int_equal(log_in_with(&server, (char[]){"nobody"}, secret, 0, NULL), EXIT_DENIED);
    assert_int_equal(log_in_with(&server, NULL, secret, 99, NULL), EXIT_SETTINGS);
    assert_non_null(strstr(last_error, "no database 99"));
    assert_int_equal(log_in_with(&server, NULL, "", 0, NULL), EXIT_SETTINGS);
    assert_int_equal(log_in_with(&shared, NULL, secret, 0, NULL), EXIT_DENIED); /* a server that has none */

    /* An account that may do little, not even PING. */
    assert_int_equal(log_in_with(&server, (char[]){"worker"}, "cAnArY-w0rk", 0, &redis), 0);
    expect_bytes(redis, "GET t:none", NULL);
    expect_failure(redis, "GET other", EXIT_DENIED, "NOPERM");
    expect_failure(redis, "DEL t:a", EXIT_DENIED, "does not let this account");
    const struct redis_script script = {
        .text = "return redis.call('DEL',KEYS[1])", .keys = (const char *const[]){"t:a"}, .key_count = 1};
    assert_int_equal(redis_eval(redis, REDIS_QUIET, &script, NULL), EXIT_DENIED);
    redis_free(redis);
    stop(&server);

    /* A server on which AUTH has another name quotes the arguments, and so the password, in its error. */
    server = start((const char *const[]){"--rename-command", "AUTH", "HIDDEN", NULL}, 0);
    assert_int_equal(log_in_with(&server, NULL, secret, 0, NULL), EXIT_DENIED);
    stop(&server);
    assert_null(strstr(text_string(&everything_logged), "cAnArY"));
}

static void open_password_file_is_refused(void **state) {
    (void)state;
    struct redis_settings settings = settings_for(shared.address);
    write_file("open", "x", 0644);
    chmod(path_of("open"), 0644);
    char file[256];
    snprintf(file, sizeof file, "%s", path_of("open"));
    settings.password_file = file;
    struct redis *redis = redis_new(&settings);
    take_errors_logged();
    assert_int_equal(redis_connect(redis, 0), EXIT_DENIED);
    assert_int_equal(take_errors_logged(), 1);
    redis_free(redis);
}

/* --- Servers that fail --- */

static void absent_server_is_refused_at_once(void **state) {
    (void)state;
    char address[64];
    snprintf(address, sizeof address, "127.0.0.1:%d", free_port());
    struct redis_settings settings = settings_for(address);
    struct redis *redis = redis_new(&settings);
    expect_failure(redis, "GET a", EXIT_UNAVAILABLE, "Connection refused");
    assert_non_null(strstr(last_error, address));
    assert_int_equal(command(redis, REDIS_QUIET | REDIS_RETRY, "GET a", NULL), EXIT_UNAVAILABLE);
    assert_int_equal(take_errors_logged(), 0);
    redis_free(redis);
}

static void unix_socket_works(void **state) {
    (void)state;
    char path[256];
    snprintf(path, sizeof path, "%s", path_of("socket"));
    struct server server = start((const char *const[]){"--unixsocket", path, NULL}, 0);
    struct redis_settings settings = settings_for(path);
    struct redis *redis = redis_new(&settings);
    expect_bytes(redis, "SET a 1", "OK");
    redis_free(redis);
    stop(&server);
}

static void stopped_server_holds_us_for_the_timeout_only(void **state) {
    (void)state;
    struct server server = start(NULL, 0);
    struct redis_settings settings = settings_for(server.address);
    struct redis *redis = redis_new(&settings);
    expect_bytes(redis, "SET a first", "OK");
    expect_bytes(redis, "SET b second", "OK");
    settings.timeout = 300;
    kill(server.pid, SIGSTOP);
    for (unsigned flags = 0; flags <= REDIS_RETRY; flags++) {
        int64_t began = clock_monotonic();
        assert_int_equal(command(redis, flags | REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE);
        int64_t took = clock_monotonic() - began;
        if (took < 300 || took >= FOREVER)
            fail_msg("took %lld ms", (long long)took);
        assert_non_null(strstr(redis_reason(redis), "timed out"));
    }
    kill(server.pid, SIGCONT);
    await(&server, 0);
    /* The answer that came too late is not taken for this one. */
    settings.timeout = FOREVER;
    expect_bytes(redis, "GET b", "second");
    redis_free(redis);
    stop(&server);
}

/* Would end this process with SIGPIPE, or fail though the new server is fine. */
static void server_killed_between_commands_is_found_again(void **state) {
    (void)state;
    struct server server = start(NULL, 0);
    struct redis_settings settings = settings_for(server.address);
    struct redis *redis = redis_new(&settings);
    expect_bytes(redis, "SET a 1", "OK");
    stop(&server);
    expect_failure(redis, "GET a", EXIT_UNAVAILABLE, "Connection refused");
    expect_failure(redis, "GET a", EXIT_UNAVAILABLE, "Connection refused");
    spawn(&server, NULL);
    await(&server, 0);
    expect_bytes(redis, "GET a", NULL);
    stop(&server);
    spawn(&server, NULL);
    await(&server, 0);
    expect_integer(redis, "INCR a", 1); /* replaced before anything was sent: safe without REDIS_RETRY */
    stop(&server);
    redis_free(redis);
}

static void errors_of_real_servers_are_classed(void **state) {
    (void)state;
    struct server server = start(NULL, 0);
    struct redis_settings settings = settings_for(server.address);
    struct redis *redis = redis_new(&settings);
    const struct redis_script write = {
        .text = "return redis.call('SET',KEYS[1],'1')", .keys = (const char *const[]){"a"}, .key_count = 1};
    expect_failure(redis, "NONSENSE", EXIT_BUG, "unknown command");
    expect_integer(redis, "LPUSH list 1", 1);
    expect_failure(redis, "INCR list", EXIT_BUG, "WRONGTYPE");

    expect_bytes(redis, "CONFIG SET maxmemory 1", "OK");
    expect_failure(redis, "SET a 1", EXIT_UNAVAILABLE, "is out of memory: OOM ");
    assert_int_equal(redis_eval(redis, REDIS_QUIET, &write, NULL), EXIT_UNAVAILABLE);
    assert_non_null(strstr(redis_reason(redis), "is out of memory"));
    expect_bytes(redis, "CONFIG SET maxmemory 0", "OK");
    expect_bytes(redis, "SET a 1", "OK");

    char replica_of[64];
    snprintf(replica_of, sizeof replica_of, "REPLICAOF 127.0.0.1 %d", free_port());
    expect_bytes(redis, replica_of, "OK");
    expect_failure(redis, "SET a 1", EXIT_UNAVAILABLE, "is a read-only replica");
    assert_int_equal(redis_eval(redis, REDIS_QUIET, &write, NULL), EXIT_UNAVAILABLE);
    assert_non_null(strstr(redis_reason(redis), "is a read-only replica"));
    expect_bytes(redis, "CONFIG SET replica-serve-stale-data no", "OK");
    expect_failure(redis, "GET a", EXIT_UNAVAILABLE, "has lost its primary");
    redis_free(redis);
    stop(&server);

    server = start((const char *const[]){"--cluster-enabled", "yes", "--cluster-config-file", "nodes", NULL}, 0);
    settings = settings_for(server.address);
    redis = redis_new(&settings);
    expect_failure(redis, "SET a 1", EXIT_UNAVAILABLE, "cluster that is down");
    redis_free(redis);
    stop(&server);
}

static void loading_server_is_unavailable(void **state) {
    (void)state;
    struct server server = start(NULL, 0);
    struct redis_settings settings = settings_for(server.address);
    struct redis *redis = redis_new(&settings);
    const struct redis_script fill = {.text = "for i=1,60000 do redis.call('SET','k'..i,'v') end"};
    assert_int_equal(redis_eval(redis, 0, &fill, NULL), 0);
    expect_bytes(redis, "SAVE", "OK");
    redis_free(redis);
    stop(&server);
    /* One millisecond per key, so a minute in all, and a look at the clients after every KiB. */
    server = start(
        (const char *const[]){"--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024", NULL},
        EXIT_UNAVAILABLE);
    settings = settings_for(server.address);
    redis = redis_new(&settings);
    int status = 0;
    AWAIT((status = redis_connect(redis, REDIS_QUIET)) != EXIT_UNAVAILABLE ||
          strstr(redis_reason(redis), "is still loading its data") != NULL);
    assert_int_equal(status, EXIT_UNAVAILABLE);
    redis_free(redis);
    stop(&server);
    unlink(path_of("dump.rdb"));
}

/* --- A stub for what real servers do not say on demand --- */

struct stub {
    pthread_t thread;
    int listener;
    char address[64];
    const char *const *answers; /* one for each connection, after PING; NULL: close instead of answering */
    size_t count;
    size_t lengths[4]; /* 0: strlen */
};

static void *serve(void *context) {
    struct stub *stub = context;
    for (size_t i = 0; i < stub->count; i++) {
        int peer = accept(stub->listener, NULL, NULL);
        char bytes[4096];
        while (recv(peer, bytes, sizeof bytes, 0) > 0) {
            if (memmem(bytes, 16, "PING", 4) != NULL) {
                send(peer, "+PONG\r\n", 7, MSG_NOSIGNAL);
                continue;
            }
            if (stub->answers[i] == NULL)
                break;
            size_t length = stub->lengths[i] > 0 ? stub->lengths[i] : strlen(stub->answers[i]);
            send(peer, stub->answers[i], length, MSG_NOSIGNAL);
        }
        close(peer);
    }
    return NULL;
}

static void stub_start(struct stub *stub, const char *const *answers, size_t count) {
    int port = free_port();
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *stub = (struct stub){.answers = answers, .count = count};
    snprintf(stub->address, sizeof stub->address, "127.0.0.1:%d", port);
    stub->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(stub->listener, (const struct sockaddr *)&name, sizeof name), 0);
    assert_int_equal(listen(stub->listener, 8), 0);
}

static void stub_run(struct stub *stub) {
    assert_int_equal(pthread_create(&stub->thread, NULL, serve, stub), 0);
}

/* Ends when all its connections are through. */
static void stub_end(struct stub *stub) {
    pthread_join(stub->thread, NULL);
    close(stub->listener);
}

static void answer_of_stub_is(const char *answer, size_t length, int status, const char *words) {
    struct stub stub;
    stub_start(&stub, &answer, 1);
    stub.lengths[0] = length;
    stub_run(&stub);
    struct redis_settings settings = settings_for(stub.address);
    if (strcmp(words, "timed out") == 0)
        settings.timeout = 500;
    struct redis *redis = redis_new(&settings);
    expect_failure(redis, "GET a", status, words);
    redis_free(redis);
    stub_end(&stub);
}

static void other_errors_are_classed(void **state) {
    (void)state;
    static const struct {
        const char *answer;
        int status;
        const char *words;
    } cases[] = {
        {"-MOVED 15495 10.0.0.1:6379\r\n", EXIT_UNAVAILABLE, "another node has this key"},
        {"-ASK 15495 10.0.0.1:6379\r\n", EXIT_UNAVAILABLE, "moving this key"},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", EXIT_UNAVAILABLE, "cannot save"},
        {"-BUSY Redis is busy running a script\r\n", EXIT_UNAVAILABLE, "busy"},
        {"-ERR max number of clients reached\r\n", EXIT_UNAVAILABLE, "no room"},
        {"-DENIED Redis is running in protected mode\r\n", EXIT_DENIED, "from this host"},
        {"-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: -OOM command not allowed\r\n",
         EXIT_UNAVAILABLE, "is out of memory"},
        {"-ERR Error running script (call to f_1): @user_script:1: -READONLY You can't write\r\n", EXIT_UNAVAILABLE,
         "is a read-only replica"},
        {"-ERR Error running script (call to f_1): @user_script:1: @user_script: 1: The user executing the script "
         "can't "
         "run this command or subcommand\r\n",
         EXIT_DENIED, "does not let this account"},
        {"-ERR ACL failure in script: User w has no permissions to run the 'set' command script: f\r\n", EXIT_DENIED,
         "does not let this account"},
        {"-ERR Error running script (call to f_1): @user_script:1: user_script:1: attempt to call nil\r\n", EXIT_BUG,
         "refused GET"},
        /* What only looks like one of them. */
        {"-OOMPH no\r\n", EXIT_BUG, "refused GET"},
        {"-ERR value: -OOM is no number\r\n", EXIT_BUG, "refused GET"},
        {"-\r\n", EXIT_BUG, "refused GET"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        answer_of_stub_is(cases[i].answer, 0, cases[i].status, cases[i].words);
}

static void broken_answers_are_refused(void **state) {
    (void)state;
    static const char *const answers[] = {
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "$9999999999999999999999\r\n",
        ":12x\r\n",
        "*2000000\r\n", /* too many items */
        "*2147483647\r\n",
        "*4294967297\r\n",
        "*-2\r\n",
        "*1000000\r\n*1000000\r\n",                                          /* too many in all */
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n!\r\n", /* deep, then nonsense */
        "%1\r\n+a\r\n+b\r\n",                                                /* RESP3 */
        ",1.5\r\n",
        "#t\r\n",
        "*1\r\n#t\r\n",
        "=5\r\ntxt:a\r\n",
        "+OK\r\n+OK\r\n", /* two answers */
    };
    for (size_t i = 0; i < LENGTH_OF(answers); i++)
        answer_of_stub_is(answers[i], 0, EXIT_UNAVAILABLE, "does not answer as Redis does");
    answer_of_stub_is(NULL, 0, EXIT_UNAVAILABLE, "closed the connection");
    answer_of_stub_is("$5\r\nab", 0, EXIT_UNAVAILABLE, "timed out");
    answer_of_stub_is("*2\r\n+a\r\n", 0, EXIT_UNAVAILABLE, "timed out");
    static char giant[17 * 1024 * 1024];
    memset(giant, 'x', sizeof giant);
    memcpy(giant, "$99999999\r\n", 11);
    answer_of_stub_is(giant, sizeof giant, EXIT_UNAVAILABLE, "too long");
}

static void only_what_the_caller_allows_is_sent_twice(void **state) {
    (void)state;
    struct stub stub;
    stub_start(&stub, (const char *const[]){NULL, "+second\r\n"}, 2);
    stub_run(&stub);
    struct redis_settings settings = settings_for(stub.address);
    struct redis *redis = redis_new(&settings);
    expect_failure(redis, "INCR a", EXIT_UNAVAILABLE, "closed the connection");
    expect_bytes(redis, "GET a", "second");
    redis_free(redis);
    stub_end(&stub);

    stub_start(&stub, (const char *const[]){NULL, "+second\r\n"}, 2);
    stub_run(&stub);
    settings = settings_for(stub.address);
    redis = redis_new(&settings);
    struct redis_reply *reply = NULL;
    take_errors_logged();
    assert_int_equal(command(redis, REDIS_RETRY, "GET a", &reply), 0);
    assert_string_equal(reply->bytes, "second");
    assert_int_equal(take_errors_logged(), 0);
    assert_string_equal(redis_reason(redis), "");
    redis_reply_free(reply);
    redis_free(redis);
    stub_end(&stub);

    /* Once, and not more often. */
    stub_start(&stub, (const char *const[]){NULL, NULL}, 2);
    stub_run(&stub);
    settings = settings_for(stub.address);
    redis = redis_new(&settings);
    assert_int_equal(command(redis, REDIS_RETRY | REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE);
    redis_free(redis);
    stub_end(&stub);
}

/* The rest of an answer that could not be understood may still be on its way. */
static void connection_is_given_up_after_a_broken_answer(void **state) {
    (void)state;
    struct stub stub;
    stub_start(&stub, (const char *const[]){"%1\r\n", "+second\r\n"}, 2);
    stub_run(&stub);
    struct redis_settings settings = settings_for(stub.address);
    struct redis *redis = redis_new(&settings);
    expect_failure(redis, "GET a", EXIT_UNAVAILABLE, "does not answer as Redis does");
    expect_bytes(redis, "GET a", "second");
    redis_free(redis);
    stub_end(&stub);
}

/* --- Being asked to stop --- */

static int stop_in_child(const struct redis_settings *settings) {
    if (interrupt_start() != 0)
        return 2;
    struct redis *redis = redis_new(settings);
    if (redis_connect(redis, 0) != 0)
        return 3;
    take_errors_logged();
    /* There is no answer, ever. */
    if (command(redis, REDIS_RETRY, "BLPOP nothing 0", NULL) != EXIT_LATER || take_errors_logged() != 0)
        return 4;
    if (command(redis, 0, "GET a", NULL) != EXIT_LATER)
        return 5;
    if (command(redis, REDIS_PATIENT, "SET stopped yes", NULL) != 0)
        return 6;
    redis_free(redis);
    return 0;
}

static bool has_blocked_client(struct redis *redis) {
    struct redis_reply *reply = NULL;
    assert_int_equal(command(redis, 0, "INFO clients", &reply), 0);
    bool found = strstr(reply->bytes, "blocked_clients:1\r") != NULL;
    redis_reply_free(reply);
    return found;
}

static void being_asked_to_stop_ends_a_command(void **state) {
    (void)state;
    struct server server = start(NULL, 0);
    struct redis_settings settings = settings_for(server.address);
    settings.timeout = 2 * FOREVER;
    struct redis *redis = redis_new(&settings);
    pid_t child = fork();
    if (child == 0)
        _exit(stop_in_child(&settings));
    AWAIT(has_blocked_client(redis));
    kill(child, SIGTERM);
    int result = -1;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    expect_bytes(redis, "GET stopped", "yes");
    redis_free(redis);
    stop(&server);
}

/* --- TLS --- */

static void run(const char *command_line) {
    char *whole = xasprintf("cd %s && { %s; } >>openssl.log 2>&1", directory, command_line);
    if (system(whole) != 0)
        fail_msg("failed, is openssl installed? %s", whole);
    free(whole);
}

static void make_certificates(void) {
    static const char *const names[][2] = {
        {"localhost", "DNS:localhost"}, {"address", "IP:127.0.0.1"}, {"other", "DNS:other.example.com"}};
    static const char *const authorities[] = {"ca", "stranger"};
    for (size_t i = 0; i < LENGTH_OF(authorities); i++) {
        char *line = xasprintf("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "
                               "/CN=%s -keyout %s.key -out %s.crt",
                               authorities[i], authorities[i], authorities[i]);
        run(line);
        free(line);
    }
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        const char *name = names[i][0];
        char *line = xasprintf("openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=%s -keyout "
                               "%s.key -out %s.csr && echo subjectAltName=%s >%s.ext && openssl x509 -req -in %s.csr "
                               "-CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile %s.ext -out %s.crt",
                               name, name, name, names[i][1], name, name, name, name);
        run(line);
        free(line);
    }
    run("openssl x509 -req -in localhost.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days -1 -extfile localhost.ext "
        "-out expired.crt && cp localhost.key expired.key");
}

struct tls_server {
    struct server server;
    int tls_port;
};

static struct tls_server start_tls(const char *name) {
    char certificate[256], key[256], port[16];
    snprintf(certificate, sizeof certificate, "%s/%s.crt", directory, name);
    snprintf(key, sizeof key, "%s/%s.key", directory, name);
    struct tls_server result = {.tls_port = free_port()};
    snprintf(port, sizeof port, "%d", result.tls_port);
    result.server =
        start((const char *const[]){"--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key,
                                    "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no", NULL},
              0);
    return result;
}

/* Connects with TLS and sends a command. `ca` NULL: the system's store. */
static int try_tls(const char *host, int port, const char *ca, int64_t timeout, char *reason, size_t size) {
    char address[64], file[256];
    snprintf(address, sizeof address, "%s:%d", host, port);
    struct redis_settings settings = settings_for(address);
    settings.tls = WIRE_TLS_VERIFY;
    settings.timeout = timeout;
    if (ca != NULL) {
        snprintf(file, sizeof file, "%s", path_of(ca));
        settings.tls_ca = file;
    }
    struct redis *redis = redis_new(&settings);
    struct redis_reply *reply = NULL;
    int status = command(redis, REDIS_QUIET, "ECHO hello", &reply);
    if (status == 0 && strcmp(reply->bytes, "hello") != 0)
        status = -1;
    snprintf(reason, size, "%s", redis_reason(redis));
    redis_reply_free(reply);
    redis_free(redis);
    return status;
}

static void tls_is_verified(void **state) {
    (void)state;
    make_certificates();
    static const struct {
        const char *certificate, *host, *ca;
        int status;
        const char *words;
    } cases[] = {
        {"localhost", "localhost", "ca.crt", 0, ""},
        {"localhost", "127.0.0.1", "ca.crt", EXIT_UNAVAILABLE, "mismatch"},
        {"localhost", "localhost", "stranger.crt", EXIT_UNAVAILABLE, "certificate was refused: "},
        {"localhost", "localhost", NULL, EXIT_UNAVAILABLE, "certificate was refused: "},
        {"localhost", "localhost", "missing.crt", EXIT_SETTINGS, "cannot read CA certificates"},
        {"localhost", "localhost", "openssl.log", EXIT_SETTINGS, "cannot read CA certificates"},
        {"address", "127.0.0.1", "ca.crt", 0, ""},
        {"address", "localhost", "ca.crt", EXIT_UNAVAILABLE, "mismatch"},
        {"other", "localhost", "ca.crt", EXIT_UNAVAILABLE, "mismatch"},
        {"expired", "localhost", "ca.crt", EXIT_UNAVAILABLE, "expired"},
    };
    struct tls_server tls = {.tls_port = 0};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        if (i == 0 || strcmp(cases[i].certificate, cases[i - 1].certificate) != 0) {
            stop(&tls.server);
            tls = start_tls(cases[i].certificate);
        }
        char reason[512];
        int status = try_tls(cases[i].host, tls.tls_port, cases[i].ca, FOREVER, reason, sizeof reason);
        if (status != cases[i].status || strstr(reason, cases[i].words) == NULL)
            fail_msg("case %zu: %d, \"%s\"", i, status, reason);
    }
    /* TLS to a plain port, and the other way round. */
    char reason[512];
    int64_t began = clock_monotonic();
    assert_int_equal(try_tls("localhost", tls.server.port, "ca.crt", 1000, reason, sizeof reason), EXIT_UNAVAILABLE);
    char address[64];
    snprintf(address, sizeof address, "localhost:%d", tls.tls_port);
    struct redis_settings settings = settings_for(address);
    settings.tls = WIRE_TLS_OFF;
    settings.timeout = 1000;
    assert_int_equal(connect_once(&settings), EXIT_UNAVAILABLE);
    assert_true(clock_monotonic() - began < FOREVER);
    stop(&tls.server);
}

static void tls_connection_survives_its_server(void **state) {
    (void)state;
    struct tls_server tls = start_tls("localhost");
    char address[64], file[256];
    snprintf(address, sizeof address, "localhost:%d", tls.tls_port);
    snprintf(file, sizeof file, "%s", path_of("ca.crt"));
    struct redis_settings settings = settings_for(address);
    settings.tls = WIRE_TLS_VERIFY;
    settings.tls_ca = file;
    struct redis *redis = redis_new(&settings);
    static char value[1024 * 1024];
    memset(value, 'v', sizeof value);
    const size_t lengths[] = {3, 1, sizeof value};
    struct redis_reply *reply = NULL;
    assert_int_equal(redis_command(redis, 0, 3, (const char *const[]){"SET", "a", value}, lengths, NULL), 0);
    assert_int_equal(command(redis, 0, "GET a", &reply), 0);
    assert_int_equal(reply->length, sizeof value);
    assert_memory_equal(reply->bytes, value, sizeof value);
    redis_reply_free(reply);
    /* The same connection is used for all. */
    struct redis_reply *id = NULL;
    assert_int_equal(command(redis, 0, "CLIENT ID", &id), 0);
    expect_integer(redis, "CLIENT ID", id->integer);
    redis_reply_free(id);

    kill(tls.server.pid, SIGSTOP);
    settings.timeout = 300;
    int64_t began = clock_monotonic();
    assert_int_equal(command(redis, REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE);
    assert_int_equal(command(redis, REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE); /* within the handshake */
    assert_true(clock_monotonic() - began >= 600 && clock_monotonic() - began < FOREVER);
    kill(tls.server.pid, SIGCONT);
    settings.timeout = FOREVER;
    expect_integer(redis, "STRLEN a", sizeof value);
    stop(&tls.server);
    assert_int_equal(command(redis, REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE);
    assert_int_equal(command(redis, REDIS_QUIET, "GET a", NULL), EXIT_UNAVAILABLE);
    redis_free(redis);
}

/* The process would be gone if a write of OpenSSL raised SIGPIPE. */
static void writing_to_a_closed_tls_connection_is_an_error(void **state) {
    (void)state;
    struct tls_server tls = start_tls("localhost");
    char address[64], file[256];
    snprintf(address, sizeof address, "localhost:%d", tls.tls_port);
    snprintf(file, sizeof file, "%s", path_of("ca.crt"));
    struct wire *wire = wire_new(&(struct wire_target){.address = address, .tls = WIRE_TLS_VERIFY, .tls_ca = file});
    assert_int_equal(wire_connect(wire, clock_monotonic() + FOREVER), 0);
    assert_true(wire_is_ready(wire)); /* although the tickets of TLS 1.3 have arrived unasked */
    stop(&tls.server);
    int status = 0;
    AWAIT((status = wire_write_all(wire, "x", 1, clock_monotonic() + FOREVER)) != 0);
    assert_int_equal(status, EXIT_UNAVAILABLE);
    wire_free(wire);
}

/* --- Settings --- */

static void settings_that_cannot_be_are_refused(void **state) {
    (void)state;
#define SETTINGS(...)                                      \
    (struct redis_settings) {                              \
        .key_prefix = (char[]){"nightshift:"}, __VA_ARGS__ \
    }
#define TEXT(string)     \
    .server = (char[]) { \
        string           \
    }
    const struct redis_settings good[] = {
        SETTINGS(.server = NULL),
        SETTINGS(TEXT("db:6379")),
        SETTINGS(TEXT("/run/redis.sock"), .password_file = (char[]){"x"}),
        SETTINGS(TEXT("db:6379"), .tls_ca = (char[]){"x"}),
        SETTINGS(TEXT("localhost:6379"), .tls_ca = (char[]){"x"}, .tls = WIRE_TLS_VERIFY),
    };
    const struct redis_settings bad[] = {
        SETTINGS(TEXT("db")),
        SETTINGS(TEXT("redis://db:6379")),
        SETTINGS(TEXT("/run/redis.sock"), .tls = WIRE_TLS_VERIFY),
        SETTINGS(TEXT("db:6379"), .user = (char[]){"u"}),
        SETTINGS(TEXT("db:6379"), .tls_ca = (char[]){"x"}, .tls = WIRE_TLS_OFF),
        SETTINGS(TEXT("localhost:6379"), .tls_ca = (char[]){"x"}),
        {TEXT("db:6379"), .key_prefix = (char[]){"{x}:"}},
        {TEXT("db:6379"), .key_prefix = (char[]){"a b"}},
    };
    for (size_t i = 0; i < LENGTH_OF(good); i++)
        assert_null(redis_section.check(&good[i]));
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        char *reason = redis_section.check(&bad[i]);
        if (reason == NULL)
            fail_msg("bad settings %zu were taken", i);
        free(reason);
    }
}

static int set_up(void **state) {
    (void)state;
    if (mkdtemp(directory) == NULL)
        return -1;
    log_listen(listen_to_log, NULL);
    shared = start(NULL, 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop(&shared);
    text_free(&everything_logged);
    char *line = xasprintf("rm -r %s", directory);
    int result = system(line);
    free(line);
    return result;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_have_their_types),
        cmocka_unit_test(arrays_may_be_nested_and_hold_anything),
        cmocka_unit_test(words_are_never_commands),
        cmocka_unit_test(requests_and_answers_are_bounded),
        cmocka_unit_test(lock_scripts_do_what_the_lease_needs),
        cmocka_unit_test(passwords_are_checked_and_never_logged),
        cmocka_unit_test(open_password_file_is_refused),
        cmocka_unit_test(absent_server_is_refused_at_once),
        cmocka_unit_test(unix_socket_works),
        cmocka_unit_test(stopped_server_holds_us_for_the_timeout_only),
        cmocka_unit_test(server_killed_between_commands_is_found_again),
        cmocka_unit_test(errors_of_real_servers_are_classed),
        cmocka_unit_test(loading_server_is_unavailable),
        cmocka_unit_test(other_errors_are_classed),
        cmocka_unit_test(broken_answers_are_refused),
        cmocka_unit_test(only_what_the_caller_allows_is_sent_twice),
        cmocka_unit_test(connection_is_given_up_after_a_broken_answer),
        cmocka_unit_test(being_asked_to_stop_ends_a_command),
        cmocka_unit_test(tls_is_verified),
        cmocka_unit_test(tls_connection_survives_its_server),
        cmocka_unit_test(writing_to_a_closed_tls_connection_is_an_error),
        cmocka_unit_test(settings_that_cannot_be_are_refused),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
