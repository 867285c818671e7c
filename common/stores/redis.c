/* Redis over our own connection. A command is encoded and decoded by hiredis; between the two, one deadline covers connecting,
 * logging in, sending, reading, and where the caller allows it a second try. */
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/redis.h"

#define AT(member) offsetof(struct redis_settings, member)

static const struct setting settings[] = {
    {.key = "server",
     .type = SETTING_TEXT,
     .offset = AT(server),
     .help = "host:port, [IPv6 address]:port, or the path of a Unix socket. Without it the jobs work without Redis."},
    {.key = "user",
     .type = SETTING_TEXT,
     .offset = AT(user),
     .help = "Account (Redis 6 and newer); without it the default user, with the password alone."},
    {.key = "password_file",
     .type = SETTING_PATH,
     .offset = AT(password_file),
     .help = "File that holds the password and nothing else, closed to other users."},
    {.key = "database",
     .type = SETTING_INTEGER,
     .offset = AT(database),
     .fallback = "0",
     .max = 1000000,
     .help = "Number of the database."},
    {.key = "tls",
     .type = SETTING_CHOICE,
     .offset = AT(tls),
     .fallback = "auto",
     .choices = WIRE_TLS_CHOICES,
     .help =
         "verify: TLS, with the certificate checked against the host name. off: none; passwords and data can then be "
         "read on the way. auto: verify, but none for Unix sockets and loopback addresses."},
    {.key = "tls_ca",
     .type = SETTING_PATH,
     .offset = AT(tls_ca),
     .help = "File with the certificates (PEM) of the authorities to trust, instead of those the system trusts."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(timeout),
     .fallback = "3s",
     .min = 100,
     .max = 60000,
     .help = "How long one command may take, connecting included."},
    {.key = "key_prefix",
     .type = SETTING_TEXT,
     .offset = AT(key_prefix),
     .fallback = "nightshift:",
     .help = "Beginning of the names of all keys. Hosts that share the work need the same."},
    {.key = "when_down",
     .type = SETTING_CHOICE,
     .offset = AT(when_down),
     .fallback = "refuse",
     .choices = "refuse|local",
     .help =
         "What a job does when Redis cannot be reached. refuse: it does not run, since the other host may be running "
         "it. local: it runs under the lease of this host alone."},
    {.key = NULL},
};

static char *check_settings(const void *values) {
    const struct redis_settings *redis = values;
    if (redis->server == NULL)
        return NULL;
    const char *wrong = wire_check_address(redis->server);
    if (wrong != NULL)
        return xasprintf("server = %s: %s", redis->server, wrong);
    if (redis->tls == WIRE_TLS_VERIFY && *redis->server == '/')
        return xstrdup("tls = verify: a Unix socket has no name that TLS could verify");
    struct wire_target target = {.address = redis->server, .tls = (enum wire_tls)redis->tls};
    if (redis->tls_ca != NULL && !wire_uses_tls(&target))
        return xstrdup("tls_ca has no effect, because this server is used without TLS; set tls = verify");
    if (redis->user != NULL && redis->password_file == NULL)
        return xstrdup("user needs password_file");
    /* A brace would move the {tag} that keeps a job's keys on one node of a cluster (Redis Cluster specification, "Hash tags"). */
    if (redis->key_prefix != NULL && strpbrk(redis->key_prefix, "{} \t*?[]\\") != NULL)
        return xstrdup("key_prefix must not contain braces, spaces, or any of *?[]\\");
    return NULL;
}

const struct section redis_section = {
    .name = "redis",
    .size = sizeof(struct redis_settings),
    .settings = settings,
    .help = "Where jobs on several hosts agree who runs. Optional.",
    .check = check_settings,
};

struct redis {
    const struct redis_settings *settings;
    struct wire *wire;
    char *password; /* NULL: not read yet, or none */
    size_t password_length;
    struct text reason;
    const char *hint; /* to the reason; NULL: none */
};

static const char login_hint[] =
    "check user and password_file in [redis]; a server without a password needs neither, and "
    "servers before Redis 6 know no users";
static const char rights_hint[] =
    "grant this account all commands on the keys that begin with key_prefix, and SELECT and "
    "PING";
static const char cluster_hint[] = "use a Redis without cluster mode, or one whose cluster has a single shard";

struct redis *redis_new(const struct redis_settings *redis_settings) {
    struct redis *redis = xcalloc(1, sizeof *redis);
    redis->settings = redis_settings;
    redis->wire = wire_new(&(struct wire_target){.address = redis_settings->server,
                                                 .tls = (enum wire_tls)redis_settings->tls,
                                                 .tls_ca = redis_settings->tls_ca});
    return redis;
}

void redis_free(struct redis *redis) {
    if (redis == NULL)
        return;
    if (redis->password != NULL)
        explicit_bzero(redis->password, redis->password_length);
    free(redis->password);
    wire_free(redis->wire);
    text_free(&redis->reason);
    free(redis);
}

const char *redis_reason(const struct redis *redis) {
    return text_string(&redis->reason);
}

/* Sets the reason and returns the status; report() logs it once the call is known to have failed for good. */
static int give(struct redis *redis, int status, const char *format, ...) PRINTF_LIKE(3, 4);

static int give(struct redis *redis, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redis->hint = NULL;
    text_clear(&redis->reason);
    text_vprintf(&redis->reason, format, arguments);
    va_end(arguments);
    return status;
}

static int report(const struct redis *redis, unsigned flags, int status) {
    if (status == 0 || (flags & REDIS_QUIET) != 0 || redis->reason.length == 0)
        return status;
    if (status == EXIT_LATER) {
        log_info("%s", redis_reason(redis));
        return status;
    }
    fail(status, "%s", redis_reason(redis));
    if (redis->hint != NULL)
        log_hint("%s", redis->hint);
    return status;
}

/* --- Errors of the server --- */

struct error_class {
    const char *code; /* what the error begins with */
    int status;
    const char *words; /* continues: Redis "db:6379" ... */
    const char *hint;  /* NULL: none */
};

static const struct error_class error_classes[] = {
    {"NOAUTH", EXIT_DENIED, "wants a password", login_hint},
    {"WRONGPASS", EXIT_DENIED, "refused the user or the password", login_hint},
    {"NOPERM", EXIT_DENIED, "does not let this account do that", rights_hint},
    {"DENIED", EXIT_DENIED, "does not accept connections from this host", NULL}, /* protected mode */
    {"LOADING", EXIT_UNAVAILABLE, "is still loading its data", NULL},
    {"READONLY", EXIT_UNAVAILABLE, "is a read-only replica", NULL},
    {"MASTERDOWN", EXIT_UNAVAILABLE, "is a replica that has lost its primary", NULL},
    {"NOREPLICAS", EXIT_UNAVAILABLE, "refuses writes because it has too few replicas", NULL},
    {"OOM", EXIT_UNAVAILABLE, "is out of memory", NULL},
    {"MISCONF", EXIT_UNAVAILABLE, "refuses writes because it cannot save its data", NULL},
    {"BUSY", EXIT_UNAVAILABLE, "is busy with a long script", NULL},
    {"MOVED", EXIT_UNAVAILABLE, "is a node of a cluster, and another node has this key", cluster_hint},
    {"ASK", EXIT_UNAVAILABLE, "is a node of a cluster that is moving this key", cluster_hint},
    {"TRYAGAIN", EXIT_UNAVAILABLE, "is a node of a cluster that is moving these keys", cluster_hint},
    {"CLUSTERDOWN", EXIT_UNAVAILABLE, "is a node of a cluster that is down", NULL},
    {"ERR max number of clients", EXIT_UNAVAILABLE, "has no room for another connection", NULL},
    /* What a script may not do, in Redis 6, 7.0, and 7.2 and newer. */
    {"The user executing the script can't", EXIT_DENIED, "does not let this account do that", rights_hint},
    {"ERR The user executing the script can't", EXIT_DENIED, "does not let this account do that", rights_hint},
    {"ERR ACL failure in script:", EXIT_DENIED, "does not let this account do that", rights_hint},
};

static bool begins_with_code(const char *text, const char *code) {
    size_t length = strlen(code);
    return strncmp(text, code, length) == 0 && strchr(" ,'\n", text[length]) != NULL;
}

/* What happened inside a script. Up to Redis 6 it is wrapped: "ERR Error running script (call to f_...): @user_script:1:
 * @user_script: 1: -OOM command not allowed ...". The text itself if it is not. */
static const char *unwrap(const char *text) {
    const char *inner = text;
    if (strncmp(text, "ERR Error running script", 24) != 0)
        return text;
    for (const char *place = text; (place = strstr(place, "@user_script:")) != NULL;) {
        place += strlen("@user_script:");
        inner = place + strspn(place, " 0123456789:");
    }
    return *inner == '-' ? inner + 1 : inner;
}

/* NULL: an error of no known class. */
static const struct error_class *classify(const char *text) {
    const char *inner = unwrap(text);
    for (size_t i = 0; i < LENGTH_OF(error_classes); i++)
        if (begins_with_code(inner, error_classes[i].code))
            return &error_classes[i];
    return NULL;
}

/* The status of an error that `command` got as its answer. */
static int judge_error(struct redis *redis, const char *command, const char *error) {
    const struct error_class *class = classify(error);
    if (class == NULL)
        return give(redis, EXIT_BUG, "Redis \"%s\" refused %s: %s", redis->settings->server, command, error);
    /* After a failover the name may stand for another server, so let the next command look. */
    if (class->status == EXIT_UNAVAILABLE)
        wire_close(redis->wire);
    give(redis, 0, "Redis \"%s\" %s: %s", redis->settings->server, class->words, error);
    redis->hint = class->hint;
    return class->status;
}

/* --- Decoding --- */

/* What the callbacks of hiredis' reader count. One per answer. */
struct decoder {
    size_t items;
    bool refused;
};

/* A reply of this type, put into its place in the array that it belongs to, if any. */
static struct redis_reply *place(const redisReadTask *task, enum redis_type type) {
    struct redis_reply *reply = xcalloc(1, sizeof *reply);
    reply->type = type;
    if (task->parent != NULL) {
        struct redis_reply *parent = task->parent->obj;
        parent->items[task->idx] = reply;
    }
    return reply;
}

/* For what RESP2 does not have, or what is too much: NULL ends the reading with an error. */
static void *refuse(const redisReadTask *task) {
    struct decoder *decoder = task->privdata;
    decoder->refused = true;
    return NULL;
}

static void *create_string(const redisReadTask *task, char *bytes, size_t length) {
    if (task->type != REDIS_REPLY_STRING && task->type != REDIS_REPLY_STATUS && task->type != REDIS_REPLY_ERROR)
        return refuse(task);
    struct redis_reply *reply = place(task, task->type == REDIS_REPLY_ERROR ? REDIS_ERROR : REDIS_STRING);
    reply->bytes = xstrndup(bytes, length);
    reply->length = length;
    return reply;
}

static void *create_integer(const redisReadTask *task, long long value) {
    struct redis_reply *reply = place(task, REDIS_INTEGER);
    reply->integer = value;
    return reply;
}

static void *create_nil(const redisReadTask *task) {
    return place(task, REDIS_NIL);
}

#if HIREDIS_MAJOR >= 1
typedef size_t element_count;

static void *create_double(const redisReadTask *task, double value, char *bytes, size_t length) {
    (void)value, (void)bytes, (void)length;
    return refuse(task);
}

static void *create_bool(const redisReadTask *task, int value) {
    (void)value;
    return refuse(task);
}
#else
typedef int element_count;
#endif

static void *create_array(const redisReadTask *task, element_count count) {
    struct decoder *decoder = task->privdata;
    /* The server announces the number before it sends the items: believing it would let 12 bytes allocate gigabytes. */
    if (task->type != REDIS_REPLY_ARRAY || (size_t)count > REDIS_ITEM_LIMIT - decoder->items)
        return refuse(task);
    decoder->items += (size_t)count;
    struct redis_reply *reply = place(task, REDIS_ARRAY);
    reply->count = (size_t)count;
    reply->items =
        xcalloc(reply->count, sizeof *reply->items); /* NOLINT(bugprone-sizeof-expression): an array of pointers */
    return reply;
}

void redis_reply_free(struct redis_reply *reply) {
    if (reply == NULL)
        return;
    for (size_t i = 0; i < reply->count; i++)
        redis_reply_free(reply->items[i]);
    free(reply->items);
    free(reply->bytes);
    free(reply);
}

static void free_object(void *reply) {
    redis_reply_free(reply);
}

/* Reads until the reader has one whole answer. */
static int read_answer(struct redis *redis, redisReader *reader, int64_t deadline, void **answer) {
    const char *server = redis->settings->server;
    const struct decoder *decoder = reader->privdata;
    size_t total = 0;
    while (*answer == NULL) {
        char bytes[16384];
        size_t got = 0;
        int status = wire_read_some(redis->wire, bytes, sizeof bytes, &got, deadline);
        if (status != 0)
            return give(redis, status, "no answer from Redis \"%s\": %s", server, wire_reason(redis->wire));
        total += got;
        if (total > REDIS_ANSWER_LIMIT || redisReaderFeed(reader, bytes, got) != REDIS_OK)
            return give(redis, EXIT_UNAVAILABLE, "the answer from Redis \"%s\" is too long", server);
        if (redisReaderGetReply(reader, answer) != REDIS_OK)
            return give(redis, EXIT_UNAVAILABLE, "\"%s\" does not answer as Redis does: %s", server,
                        decoder->refused ? "too many array items, or an unknown type" : reader->errstr);
    }
    if (reader->pos != reader->len)
        return give(redis, EXIT_UNAVAILABLE, "\"%s\" does not answer as Redis does: more than one answer", server);
    return 0;
}

/* A command in its form on the wire. */
struct packet {
    char *bytes; /* from hiredis */
    size_t length;
};

static void packet_free(struct packet *packet) {
    if (packet->bytes == NULL)
        return;
    explicit_bzero(packet->bytes, packet->length); /* it may hold the password */
    redisFreeCommand(packet->bytes);
}

/* Sends one command and reads its answer. After a failure the connection is closed: an answer that comes late
 * must not be taken for that to the next command. */
static int exchange(struct redis *redis, const struct packet *packet, int64_t deadline, struct redis_reply **reply) {
    redisReplyObjectFunctions functions = {
        .createString = create_string,
        .createArray = create_array,
        .createInteger = create_integer,
        .createNil = create_nil,
        .freeObject = free_object,
#if HIREDIS_MAJOR >= 1
        .createDouble = create_double,
        .createBool = create_bool,
#endif
    };
    int status = wire_write_all(redis->wire, packet->bytes, packet->length, deadline);
    if (status != 0)
        return give(redis, status, "cannot send to Redis \"%s\": %s", redis->settings->server,
                    wire_reason(redis->wire));
    redisReader *reader = redisReaderCreateWithFunctions(&functions);
    if (reader == NULL)
        return give(redis, EXIT_SYSTEM, "out of memory");
    struct decoder decoder = {0};
    reader->privdata = &decoder;
    void *answer = NULL;
    status = read_answer(redis, reader, deadline, &answer);
    redisReaderFree(reader);
    if (status == 0) {
        *reply = answer;
        return 0;
    }
    redis_reply_free(answer);
    wire_close(redis->wire);
    return status;
}

/* --- Commands --- */

struct command {
    size_t count;
    const char *const *words;
    const size_t *lengths; /* NULL: strings */
};

static int encode(struct redis *redis, const struct command *command, struct packet *packet) {
    size_t *lengths = xcalloc(command->count, sizeof *lengths);
    const char **words = xcalloc(command->count, sizeof *words);
    size_t total = 0;
    int status = 0;
    for (size_t i = 0; i < command->count && total <= REDIS_REQUEST_LIMIT; i++) {
        words[i] = command->words[i];
        lengths[i] = command->lengths != NULL ? command->lengths[i] : strlen(words[i]);
        total += lengths[i] < REDIS_REQUEST_LIMIT ? lengths[i] : REDIS_REQUEST_LIMIT + 1;
    }
    if (command->count == 0 || command->count > REDIS_ITEM_LIMIT || total > REDIS_REQUEST_LIMIT) {
        status = give(redis, EXIT_BUG, "a command for Redis \"%s\" is empty or too long", redis->settings->server);
        goto out;
    }
    long long length = redisFormatCommandArgv(&packet->bytes, (int)command->count, words, lengths);
    if (length < 0)
        status = give(redis, EXIT_SYSTEM, "out of memory");
    else
        packet->length = (size_t)length;
out:
    free(words);
    free(lengths);
    return status;
}

/* One command of the login. *reply may be an error. */
static int converse(struct redis *redis, const struct command *command, int64_t deadline, struct redis_reply **reply) {
    struct packet packet = {0};
    int status = encode(redis, command, &packet);
    if (status == 0)
        status = exchange(redis, &packet, deadline, reply);
    packet_free(&packet);
    return status;
}

static int load_password(struct redis *redis) {
    struct text content = {0};
    int status = file_read_secret(redis->settings->password_file, &content);
    if (status == 0 && content.length == 0)
        status = fail(EXIT_SETTINGS, "the password file \"%s\" is empty", redis->settings->password_file);
    if (status == 0) {
        redis->password = xstrndup(content.data, content.length);
        redis->password_length = content.length;
    }
    if (content.data != NULL)
        explicit_bzero(content.data, content.capacity);
    text_free(&content);
    return status;
}

static int authenticate(struct redis *redis, int64_t deadline) {
    const char *user = redis->settings->user;
    const char *words[3] = {"AUTH", user != NULL ? user : redis->password, redis->password};
    const size_t lengths[3] = {4, user != NULL ? strlen(user) : redis->password_length, redis->password_length};
    struct redis_reply *reply = NULL;
    int status = converse(redis, &(struct command){user != NULL ? 3 : 2, words, lengths}, deadline, &reply);
    if (status == 0 && reply->type == REDIS_ERROR) {
        const struct error_class *class = classify(reply->bytes);
        /* Without the server's words: for a command it does not know, they quote the arguments. */
        give(redis, 0, "Redis \"%s\" %s", redis->settings->server,
             class != NULL ? class->words : "refused to log in with a password");
        redis->hint = class != NULL ? class->hint : login_hint;
        status = class != NULL ? class->status : EXIT_DENIED;
    }
    redis_reply_free(reply);
    return status;
}

static int select_database(struct redis *redis, int64_t deadline) {
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)redis->settings->database);
    const char *words[2] = {"SELECT", number};
    struct redis_reply *reply = NULL;
    int status = converse(redis, &(struct command){2, words, NULL}, deadline, &reply);
    if (status == 0 && reply != NULL && reply->type == REDIS_ERROR) {
        status = judge_error(redis, "SELECT", reply->bytes);
        if (status == EXIT_BUG)
            status = give(redis, EXIT_SETTINGS, "Redis \"%s\" has no database %s: %s", redis->settings->server, number,
                          reply->bytes);
    }
    redis_reply_free(reply);
    return status;
}

/* A server that is loading, or no Redis at all, accepts connections too. */
static int ping(struct redis *redis, int64_t deadline) {
    const char *words[1] = {"PING"};
    struct redis_reply *reply = NULL;
    int status = converse(redis, &(struct command){1, words, NULL}, deadline, &reply);
    if (status == 0 && reply->type == REDIS_ERROR && strncmp(reply->bytes, "NOPERM", 6) != 0)
        status = judge_error(redis, "PING", reply->bytes);
    redis_reply_free(reply);
    return status;
}

/* Connects and logs in. */
static int log_in(struct redis *redis, int64_t deadline) {
    int status = 0;
    if (redis->settings->password_file != NULL && redis->password == NULL) {
        status = load_password(redis);
        if (status != 0) {
            text_clear(&redis->reason); /* it is logged already */
            return status;
        }
    }
    status = wire_connect(redis->wire, deadline);
    if (status != 0)
        return give(redis, status, "cannot connect to Redis \"%s\": %s", redis->settings->server,
                    wire_reason(redis->wire));
    if (redis->password != NULL)
        status = authenticate(redis, deadline);
    if (status == 0 && redis->settings->database != 0)
        status = select_database(redis, deadline);
    if (status == 0)
        status = ping(redis, deadline);
    if (status != 0)
        wire_close(redis->wire);
    return status;
}

/* What every call begins with: the deadline, and a connection that is not known to be dead. */
static int begin(struct redis *redis, unsigned flags, int64_t *deadline) {
    *deadline = clock_monotonic() + redis->settings->timeout;
    text_clear(&redis->reason);
    wire_set_patient(redis->wire, (flags & REDIS_PATIENT) != 0);
    /* Asked here, so that a connection is not given up on which nothing has been sent. */
    if ((flags & REDIS_PATIENT) == 0 && interrupt_requested())
        return give(redis, EXIT_LATER, "nothing sent to Redis \"%s\": asked to stop", redis->settings->server);
    return wire_is_ready(redis->wire) ? 0 : log_in(redis, *deadline);
}

int redis_connect(struct redis *redis, unsigned flags) {
    int64_t deadline = 0;
    return report(redis, flags, begin(redis, flags, &deadline));
}

int redis_command(struct redis *redis, unsigned flags, size_t count, const char *const *words, const size_t *lengths,
                  struct redis_reply **reply) {
    struct packet packet = {0};
    struct redis_reply *answer = NULL;
    int64_t deadline = 0;
    if (reply != NULL)
        *reply = NULL;
    int status = begin(redis, flags, &deadline);
    if (status == 0)
        status = encode(redis, &(struct command){count, words, lengths}, &packet);
    if (status != 0)
        goto out;
    status = exchange(redis, &packet, deadline, &answer);
    if (status == EXIT_UNAVAILABLE && (flags & REDIS_RETRY) != 0 && clock_monotonic() < deadline) {
        status = log_in(redis, deadline);
        if (status == 0)
            status = exchange(redis, &packet, deadline, &answer);
    }
    if (status == 0 && answer != NULL && answer->type == REDIS_ERROR)
        status = judge_error(redis, words[0], answer->bytes);
    if (status == 0) {
        text_clear(&redis->reason);
        if (reply != NULL) {
            *reply = answer;
            answer = NULL;
        }
    }
out:
    redis_reply_free(answer);
    packet_free(&packet);
    return report(redis, flags, status);
}

int redis_eval(struct redis *redis, unsigned flags, const struct redis_script *script, struct redis_reply **reply) {
    size_t count = 3 + script->key_count + script->argument_count;
    const char **words = xcalloc(count, sizeof *words);
    size_t *lengths = xcalloc(count, sizeof *lengths);
    char keys[24];
    snprintf(keys, sizeof keys, "%zu", script->key_count);
    words[0] = "EVAL";
    words[1] = script->text;
    words[2] = keys;
    for (size_t i = 0; i < script->key_count; i++)
        words[3 + i] = script->keys[i];
    for (size_t i = 0; i < script->argument_count; i++)
        words[3 + script->key_count + i] = script->arguments[i];
    for (size_t i = 0; i < count; i++)
        lengths[i] = i < 3 + script->key_count || script->argument_lengths == NULL
                         ? strlen(words[i])
                         : script->argument_lengths[i - 3 - script->key_count];
    int status = redis_command(redis, flags, count, words, lengths, reply);
    free(words);
    free(lengths);
    return status;
}

int redis_as_integer(struct redis *redis, const struct redis_reply *reply, int64_t *value) {
    if (reply->type != REDIS_INTEGER)
        return report(redis, 0,
                      give(redis, EXIT_BUG, "Redis \"%s\" gave an answer that is no integer", redis->settings->server));
    *value = reply->integer;
    return 0;
}

int redis_as_bytes(struct redis *redis, const struct redis_reply *reply, const char **bytes, size_t *length) {
    if (reply->type != REDIS_STRING && reply->type != REDIS_NIL)
        return report(redis, 0,
                      give(redis, EXIT_BUG, "Redis \"%s\" gave an answer that is no string", redis->settings->server));
    *bytes = reply->bytes;
    *length = reply->length;
    return 0;
}

char *redis_key(const struct redis *redis, const char *format, ...) {
    struct text key = {0};
    text_add(&key, redis->settings->key_prefix != NULL ? redis->settings->key_prefix : "");
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&key, format, arguments);
    va_end(arguments);
    return text_take(&key);
}
