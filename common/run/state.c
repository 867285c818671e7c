/* State files: one header line that proves the rest whole and ours, then the body. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/run/state.h"

static const char magic[] = "nightshift-state";
enum { FORMAT = 1, STATE_LIMIT = 512 * 1024 * 1024 };

static char *path_of(const char *directory, const char *job, const char *name) {
    return xasprintf("%s/%s.%s.state", directory, job, name);
}

/* The header line without its line break. The version takes part in the hash: it decides which of two hosts' states wins. */
static char *header_of(const char *job, const char *name, int64_t version, const char *body, size_t length) {
    return xasprintf("%s %d %s %s %" PRId64 " %zu %016" PRIx64, magic, FORMAT, job, name, version, length,
                     (uint64_t)XXH3_64bits_withSeed(body, length, (XXH64_hash_t)version));
}

void state_encode(const char *job, const char *name, const struct state *state, struct text *out) {
    const char *body = text_string(&state->body);
    char *header = header_of(job, name, state->version, body, state->body.length);
    text_printf(out, "%s\n", header);
    text_append(out, body, state->body.length);
    free(header);
}

const char *state_decode(const char *job, const char *name, const char *bytes, size_t length, struct state *state) {
    const char *end = memchr(bytes, '\n', length);
    if (end == NULL)
        return "it has no header";
    const char *reason = NULL;
    struct strings fields = {0};
    char *header = xstrndup(bytes, (size_t)(end - bytes));
    const char *body = end + 1;
    size_t body_length = length - (size_t)(body - bytes);
    strings_split(&fields, header, " ");
    int64_t format = 0;
    int64_t version = 0;
    char *expected = NULL;
    struct text copy = {.limit = state->body.limit};
    if (fields.count != 7 || strcmp(fields.items[0], magic) != 0)
        reason = "it has no header";
    else if (parse_integer(fields.items[1], &format) != NULL || format != FORMAT)
        reason = "it was written by another version of nightshift";
    else if (strcmp(fields.items[2], job) != 0 || strcmp(fields.items[3], name) != 0)
        reason = "it belongs to another job";
    else if (parse_integer(fields.items[4], &version) != NULL || version < 1)
        reason = "its version is not a number";
    if (reason == NULL) {
        /* What was written for this version and body is the only header that can stand here. */
        expected = header_of(job, name, version, body, body_length);
        text_append(&copy, body, body_length);
        if (strlen(header) != (size_t)(end - bytes) || strcmp(header, expected) != 0)
            reason = "it is damaged";
        else if (copy.full)
            reason = "it is too large";
    }
    if (reason == NULL) {
        text_free(&state->body);
        *state = (struct state){.version = version, .body = copy};
        copy = (struct text){0};
    }
    text_free(&copy);
    free(expected);
    free(header);
    strings_free(&fields);
    return reason;
}

bool state_is_newer(const char *bytes, size_t length) {
    int64_t format = 0;
    const char *end = memchr(bytes, '\n', length);
    if (end == NULL)
        return false;
    struct strings fields = {0};
    char *header = xstrndup(bytes, (size_t)(end - bytes));
    strings_split(&fields, header, " ");
    bool newer = fields.count >= 2 && strcmp(fields.items[0], magic) == 0 &&
                 parse_integer(fields.items[1], &format) == NULL && format > FORMAT;
    strings_free(&fields);
    free(header);
    return newer;
}

int state_load(const char *directory, const char *job, const char *name, struct state *state) {
    char *path = path_of(directory, job, name);
    struct text content = {.limit = STATE_LIMIT};
    bool found = false;
    *state = (struct state){.body = {.limit = STATE_LIMIT}};
    int status = file_read(path, &content, &found);
    if (status != 0 || !found)
        goto out;
    if (state_is_newer(text_string(&content), content.length)) {
        status = fail(EXIT_GUARD, "cannot use the state \"%s\": a newer nightshift has written it", path);
        goto out;
    }
    const char *reason = state_decode(job, name, text_string(&content), content.length, state);
    if (reason != NULL) {
        char *aside = xasprintf("%s.bad", path);
        log_warning("the state \"%s\" cannot be used: %s; it is kept as \"%s\"", path, reason, aside);
        if (rename(path, aside) != 0)
            log_warning("cannot rename \"%s\": %s", path, strerror(errno));
        free(aside);
    }
out:
    text_free(&content);
    free(path);
    return status;
}

int state_save(const char *directory, const char *job, const char *name, const struct state *state) {
    char *path = path_of(directory, job, name);
    struct text content = {.limit = STATE_LIMIT};
    state_encode(job, name, state, &content);
    /* A state cut at a buffer's limit would look whole to the next run. */
    int status = state->body.full || content.full
                     ? fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": the state is too large", path)
                     : file_replace(path, text_string(&content), content.length, 0600);
    text_free(&content);
    free(path);
    return status;
}

void state_free(struct state *state) {
    text_free(&state->body);
    state->version = 0;
}
