/* The lease: a file lock on this host, and where Redis is configured a mutex, a fence and a slot there, all changed by scripts so that two
 * hosts that ask at the same moment get two different answers. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/base/random.h"
#include "nightshift/job/lease.h"
#include "lease_private.h"
#include "process.h"

enum { SLOT_LIFE = 2 * 86400 * 1000, STANDBY_POLL = 500 };

struct lease {
    int descriptor;      /* of the lock file */
    struct redis *redis; /* NULL: this host only */
    char *mutex;         /* key names */
    char *fence_key;
    char *slot;   /* NULL: none */
    char *holder; /* the mutex's value: our token, our place, and for people host and run id */
    char *place;
    int64_t fence;
    int64_t safe_until; /* monotonic: the mutex is ours at least until then */
};

/* KEYS mutex, fence[, slot]; ARGV holder, life, slot's life, host, place. Returns {word, detail}.
 *
 * A mutex from our own place is left over from a run that was killed: we hold the file lock there, so its holder is gone, and nobody needs to
 * wait for the mutex to run out. */
static const char acquire_script[] =
    "local holder = redis.call('GET', KEYS[1]) "
    "if holder and string.match(holder, '^%S+ (%S+)') == ARGV[5] then holder = false end "
    "if KEYS[3] then "
    "  local state = redis.call('HGET', KEYS[3], 'state') "
    "  if state == 'done' then return {'done', redis.call('HGET', KEYS[3], 'host')} end "
    "  if state == 'running' and holder and holder == redis.call('HGET', KEYS[3], 'holder') then "
    "    return {'running', redis.call('HGET', KEYS[3], 'host')} end "
    "end "
    "if holder then return {'held', holder} end "
    "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) "
    "if KEYS[3] then "
    "  redis.call('HSET', KEYS[3], 'state', 'running', 'host', ARGV[4], 'holder', ARGV[1]) "
    "  redis.call('PEXPIRE', KEYS[3], ARGV[3]) "
    "end "
    "return {'taken', tostring(redis.call('INCR', KEYS[2]))}";

static const char renew_script[] =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) else return 0 end";

/* KEYS mutex[, slot]; ARGV holder, the slot's new state. */
static const char release_script[] =
    "if KEYS[2] and redis.call('HGET', KEYS[2], 'holder') == ARGV[1] then redis.call('HSET', KEYS[2], 'state', "
    "ARGV[2]) end "
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";

static void lease_free(struct lease *lease) {
    if (lease == NULL)
        return;
    if (lease->descriptor >= 0)
        close(lease->descriptor);
    redis_free(lease->redis);
    free(lease->mutex);
    free(lease->fence_key);
    free(lease->slot);
    free(lease->holder);
    free(lease->place);
    free(lease);
}

static int lock_file(const struct lease_request *request, struct lease *lease) {
    int status = 0;
    char *path = xasprintf("%s/%s.lock", request->suite->state_dir, request->job);
    char holder[128] = "";
    lease->descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lease->descriptor < 0) {
        status = fail(errno == EACCES ? EXIT_DENIED : EXIT_CANNOT_WRITE, "cannot open the lock file \"%s\": %s", path,
                      strerror(errno));
        goto out;
    }
    if (flock(lease->descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            status = fail(EXIT_SYSTEM, "cannot lock \"%s\": %s", path, strerror(errno));
            goto out;
        }
        if (pread(lease->descriptor, holder, sizeof holder - 1, 0) < 0)
            holder[0] = '\0';
        holder[strcspn(holder, "\n")] = '\0';
        status = fail(EXIT_LATER, "another run of %s holds the lease on this host (%s)", request->job, holder);
        goto out;
    }
    /* For the message above; nobody relies on it. */
    char *line = xasprintf("pid %d, run %s\n", (int)getpid(), request->run_id);
    if (ftruncate(lease->descriptor, 0) != 0 || pwrite(lease->descriptor, line, strlen(line), 0) < 0)
        log_debug("cannot note who holds \"%s\": %s", path, strerror(errno));
    free(line);
out:
    free(path);
    return status;
}

/* Host and run id of a mutex's value. */
static const char *people_part(const char *holder) {
    for (int words = 0; words < 2; words++) {
        const char *space = strchr(holder, ' ');
        holder = space != NULL ? space + 1 : holder;
    }
    return holder;
}

/* One try. *word is what the script said, *detail who is in the way; both are freed by the caller. */
static int ask(struct lease *lease, char **word, char **detail) {
    struct redis_reply *reply = NULL;
    char life[24];
    char slot_life[24];
    snprintf(life, sizeof life, "%d", LEASE_LIFE);
    snprintf(slot_life, sizeof slot_life, "%d", SLOT_LIFE);
    const char *keys[] = {lease->mutex, lease->fence_key, lease->slot};
    const char *arguments[] = {lease->holder, life, slot_life, process_host(), lease->place};
    const struct redis_script script = {.text = acquire_script,
                                        .keys = keys,
                                        .key_count = lease->slot != NULL ? 3 : 2,
                                        .arguments = arguments,
                                        .argument_count = LENGTH_OF(arguments)};
    int64_t asked = clock_monotonic();
    int status = redis_eval(lease->redis, REDIS_QUIET, &script, &reply);
    if (status == 0 && (reply->type != REDIS_ARRAY || reply->count != 2 || reply->items[0]->bytes == NULL))
        status = fail(EXIT_BUG, "the answer of Redis to the lease script has another form");
    if (status == 0) {
        *word = xstrdup(reply->items[0]->bytes);
        *detail = xstrdup(reply->items[1]->bytes != NULL ? reply->items[1]->bytes : "");
        lease->safe_until = asked + LEASE_LIFE;
    }
    redis_reply_free(reply);
    return status;
}

/* Waits as long as the slot is being worked on elsewhere, at most `standby`. */
static int ask_with_standby(struct lease *lease, int64_t standby, char **word, char **detail) {
    int64_t until = clock_monotonic() + standby;
    for (;;) {
        int status = ask(lease, word, detail);
        if (status != 0 || strcmp(*word, "running") != 0 || clock_monotonic() >= until)
            return status;
        free(*word);
        free(*detail);
        *word = *detail = NULL;
        clock_sleep(STANDBY_POLL);
    }
}

char *lease_place_of(int descriptor) {
    struct text boot = {.limit = 64};
    struct stat info;
    bool found = false;
    if (fstat(descriptor, &info) != 0 || file_read("/proc/sys/kernel/random/boot_id", &boot, &found) != 0 || !found) {
        /* Nobody's place: such a mutex has to run out. */
        char token[TOKEN_LENGTH + 1];
        random_token(token);
        text_add(&boot, token);
    } else {
        text_printf(&boot, "/%ju/%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    }
    char *place = text_take(&boot);
    for (char *c = strchr(place, '\n'); c != NULL; c = strchr(place, '\n'))
        *c = '-';
    return place;
}

/* *ours is false when the slot is somebody else's. */
static int lock_in_redis(const struct lease_request *request, struct lease *lease, bool *ours) {
    char token[TOKEN_LENGTH + 1];
    char *word = NULL;
    char *detail = NULL;
    random_token(token);
    lease->redis = redis_new(request->redis);
    lease->mutex = redis_key(lease->redis, "{%s}:lease", request->job);
    lease->fence_key = redis_key(lease->redis, "{%s}:fence", request->job);
    lease->slot = request->slot != NULL ? redis_key(lease->redis, "{%s}:slot:%s", request->job, request->slot) : NULL;
    lease->place = lease_place_of(lease->descriptor);
    lease->holder = xasprintf("%s %s %s run %s", token, lease->place, process_host(), request->run_id);
    *ours = true;
    int status = ask_with_standby(lease, request->suite->standby, &word, &detail);
    if (status == EXIT_UNAVAILABLE && request->redis->when_down == REDIS_DOWN_LOCAL) {
        log_warning("%s; running with the lease of this host alone", redis_reason(lease->redis));
        redis_free(lease->redis);
        lease->redis = NULL;
        return 0;
    }
    if (status != 0) {
        log_error("cannot take the lease: %s", redis_reason(lease->redis));
        if (status == EXIT_UNAVAILABLE)
            log_hint("without Redis nobody knows whether the other host is running; [redis] when_down = local runs "
                     "nevertheless");
    } else if (strcmp(word, "taken") == 0) {
        if (parse_integer(detail, &lease->fence) != NULL)
            status = fail(EXIT_BUG, "the fence in Redis is not a number");
    } else if (strcmp(word, "held") == 0) {
        status = fail(EXIT_LATER, "another run of %s holds the lease (%s)", request->job, people_part(detail));
    } else {
        log_info("slot %s is %s on %s; nothing to do", request->slot, word, detail);
        *ours = false;
    }
    free(word);
    free(detail);
    return status;
}

int lease_take(const struct lease_request *request, struct lease **out) {
    struct lease *lease = xcalloc(1, sizeof *lease);
    lease->descriptor = -1;
    *out = NULL;
    bool ours = true;
    int status = lock_file(request, lease);
    if (status == 0 && request->redis != NULL && request->redis->server != NULL)
        status = lock_in_redis(request, lease, &ours);
    else if (status == 0 && request->slot != NULL)
        log_debug("without [redis] a slot is only this host's lock");
    if (status == 0 && ours) {
        *out = lease;
        lease = NULL;
    }
    lease_free(lease);
    return status;
}

int lease_renew(void *context) {
    struct lease *lease = context;
    struct redis_reply *reply = NULL;
    int64_t prolonged = 0;
    char life[24];
    snprintf(life, sizeof life, "%d", LEASE_LIFE);
    const char *keys[] = {lease->mutex};
    const char *arguments[] = {lease->holder, life};
    const struct redis_script script = {
        .text = renew_script, .keys = keys, .key_count = 1, .arguments = arguments, .argument_count = 2};
    int64_t asked = clock_monotonic();
    int status = redis_eval(lease->redis, REDIS_RETRY | REDIS_QUIET | REDIS_PATIENT, &script, &reply);
    if (status == 0)
        status = redis_as_integer(lease->redis, reply, &prolonged);
    redis_reply_free(reply);
    if (status == 0 && prolonged == 1) {
        lease->safe_until = asked + LEASE_LIFE;
        return 0;
    }
    if (status == 0)
        return fail(EXIT_LATER, "the lease was lost: another run has taken it, or Redis has forgotten it");
    /* Still ours for a while; after that somebody else may have it. */
    if (clock_monotonic() + LEASE_RENEW < lease->safe_until) {
        log_warning("cannot renew the lease yet: %s", redis_reason(lease->redis));
        return 0;
    }
    return fail(EXIT_LATER, "the lease was lost: %s", redis_reason(lease->redis));
}

int64_t lease_fence(const struct lease *lease) {
    return lease->fence;
}

void lease_release(struct lease *lease, int exit_code) {
    if (lease == NULL)
        return;
    if (lease->redis != NULL && lease->fence > 0) {
        /* The data's own refusals would be the same on the other host; anything else may go better there. */
        bool done = exit_code == EXIT_DONE || exit_code == EXIT_ATTENTION || exit_code == EXIT_GUARD;
        const char *keys[] = {lease->mutex, lease->slot};
        const char *arguments[] = {lease->holder, done ? "done" : "failed"};
        const struct redis_script script = {.text = release_script,
                                            .keys = keys,
                                            .key_count = lease->slot != NULL ? 2 : 1,
                                            .arguments = arguments,
                                            .argument_count = 2};
        if (redis_eval(lease->redis, REDIS_QUIET | REDIS_PATIENT, &script, NULL) != 0)
            log_warning("cannot release the lease, it ends by itself within %d s: %s", LEASE_LIFE / 1000,
                        redis_reason(lease->redis));
    }
    lease_free(lease);
}
