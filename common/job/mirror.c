/* State in two places. The local file is written first and is the one that must succeed; the mirror refuses a writer whose fence is older than
 * the last one it has seen. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/mirror.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/redis.h"

/* KEYS state; ARGV fence, blob. */
static const char save_script[] =
    "if tonumber(ARGV[1]) < tonumber(redis.call('HGET', KEYS[1], 'fence') or '0') then return 0 end "
    "redis.call('HSET', KEYS[1], 'fence', ARGV[1], 'blob', ARGV[2]) return 1";

static struct redis *open_mirror(const struct run *run) {
    const struct redis_settings *settings = settings_of(run->settings, &redis_section);
    return settings != NULL && settings->server != NULL ? redis_new(settings) : NULL;
}

static int load_mirrored(struct run *run, const char *name, struct state *state) {
    struct redis *redis = open_mirror(run);
    struct redis_reply *reply = NULL;
    const char *bytes = NULL;
    size_t length = 0;
    if (redis == NULL)
        return 0;
    char *key = redis_key(redis, "{%s}:state:%s", run->job->name, name);
    const char *words[] = {"HGET", key, "blob"};
    int status = redis_command(redis, REDIS_RETRY | REDIS_QUIET, LENGTH_OF(words), words, NULL, &reply);
    if (status == 0)
        status = redis_as_bytes(redis, reply, &bytes, &length);
    if (status != 0)
        log_warning("cannot read the mirrored state: %s", redis_reason(redis));
    bool newer = status == 0 && bytes != NULL && state_is_newer(bytes, length);
    struct state mirrored = {.body = {.limit = state->body.limit}};
    const char *reason =
        status == 0 && bytes != NULL && !newer ? state_decode(run->job->name, name, bytes, length, &mirrored) : NULL;
    if (reason != NULL)
        log_warning("the state mirrored in Redis cannot be used: %s", reason);
    /* Of the same version: as a rule the same state. If not, another host wrote it while ours could not be mirrored, and it counts. */
    if (mirrored.version > 0 && mirrored.version >= state->version) {
        log_debug("the mirrored state %s is newer (version %" PRId64 ", here %" PRId64 ")", name, mirrored.version,
                  state->version);
        state_free(state);
        *state = mirrored;
        mirrored = (struct state){0};
    }
    state_free(&mirrored);
    redis_reply_free(reply);
    free(key);
    redis_free(redis);
    return newer ? fail(EXIT_GUARD, "cannot use the state mirrored in Redis: a newer nightshift has written it") : 0;
}

int mirror_load(struct run *run, const char *name, struct state *state) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    int status = state_load(suite->state_dir, run->job->name, name, state);
    return status == 0 ? load_mirrored(run, name, state) : status;
}

static int save_mirrored(struct run *run, const char *name, const struct state *state) {
    struct redis *redis = open_mirror(run);
    struct redis_reply *reply = NULL;
    struct text blob = {0};
    int64_t written = 1;
    char fence[24];
    if (redis == NULL)
        return 0;
    char *key = redis_key(redis, "{%s}:state:%s", run->job->name, name);
    state_encode(run->job->name, name, state, &blob);
    snprintf(fence, sizeof fence, "%" PRId64, run->fence);
    const char *keys[] = {key};
    const char *arguments[] = {fence, text_string(&blob)};
    const size_t lengths[] = {strlen(fence), blob.length};
    const struct redis_script script = {.text = save_script,
                                        .keys = keys,
                                        .key_count = 1,
                                        .arguments = arguments,
                                        .argument_lengths = lengths,
                                        .argument_count = 2};
    int status = redis_eval(redis, REDIS_RETRY | REDIS_QUIET, &script, &reply);
    if (status == 0)
        status = redis_as_integer(redis, reply, &written);
    if (status != 0) {
        log_warning("cannot mirror the state: %s", redis_reason(redis));
        status = 0;
    } else if (written == 0) {
        status = fail(EXIT_LATER, "another run has taken the lease meanwhile and written a newer state");
    }
    redis_reply_free(reply);
    text_free(&blob);
    free(key);
    redis_free(redis);
    return status;
}

int mirror_save(struct run *run, const char *name, struct state *state) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    state->version++;
    int status = state_save(suite->state_dir, run->job->name, name, state);
    /* Without a fence this run holds no lease in Redis and has no say there. */
    if (status == 0 && run->fence > 0)
        status = save_mirrored(run, name, state);
    return status;
}
