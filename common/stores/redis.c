/* Redis over our own connection. A command is encoded by hiredis here, and its answer decoded in redis_reply.c; between
 * the two, one deadline covers connecting, logging in, sending, reading, and where the caller allows it a second try. */
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
#include "redis_private.h"

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

int redis_give(struct redis *redis, int status, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    redis->hint = NULL;
    text_clear(&redis->reason);
    text_vprintf(&redis->reason, format, arguments);
    va_end(arguments);
    return status;
}

int redis_report(const struct redis *redis, unsigned flags, int status) {
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
        return redis_give(redis, EXIT_BUG, "Redis \"%s\" refused %s: %s", redis->settings->server, command, error);
    /* After a failover the name may stand for another server, so let the next command look. */
    if (class->status == EXIT_UNAVAILABLE)
        wire_close(redis->wire);
    redis_give(redis, 0, "Redis \"%s\" %s: %s", redis->settings->server, class->words, error);
    redis->hint = class->hint;
    return class->status;
}

/* --- Commands --- */

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

/* Sends one command and reads its answer, which may be an error. */
static int exchange(struct redis *redis, const struct packet *packet, int64_t deadline, struct redis_reply **reply) {
    int status = wire_write_all(redis->wire, packet->bytes, packet->length, deadline);
    if (status != 0)
        return redis_give(redis, status, "cannot send to Redis \"%s\": %s", redis->settings->server,
                          wire_reason(redis->wire));
    return redis_reply_read(redis, deadline, reply);
}

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
        status =
            redis_give(redis, EXIT_BUG, "a command for Redis \"%s\" is empty or too long", redis->settings->server);
        goto out;
    }
    long long length = redisFormatCommandArgv(&packet->bytes, (int)command->count, words, lengths);
    if (length < 0)
        status = redis_give(redis, EXIT_SYSTEM, "out of memory");
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
        redis_give(redis, 0, "Redis \"%s\" %s", redis->settings->server,
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
            status = redis_give(redis, EXIT_SETTINGS, "Redis \"%s\" has no database %s: %s", redis->settings->server,
                                number, reply->bytes);
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
        return redis_give(redis, status, "cannot connect to Redis \"%s\": %s", redis->settings->server,
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
        return redis_give(redis, EXIT_LATER, "nothing sent to Redis \"%s\": asked to stop", redis->settings->server);
    return wire_is_ready(redis->wire) ? 0 : log_in(redis, *deadline);
}

int redis_connect(struct redis *redis, unsigned flags) {
    int64_t deadline = 0;
    return redis_report(redis, flags, begin(redis, flags, &deadline));
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
    return redis_report(redis, flags, status);
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

char *redis_key(const struct redis *redis, const char *format, ...) {
    struct text key = {0};
    text_add(&key, redis->settings->key_prefix != NULL ? redis->settings->key_prefix : "");
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&key, format, arguments);
    va_end(arguments);
    return text_take(&key);
}
