/* The outbox's files. Each step leaves the directory in a state from which the next load goes on: a notice is one file
 * that is replaced whole; what is to become of it is written into it before it is moved. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/run/state.h"
#include "nightshift/web/notify_outbox.h"

static const char ending[] = ".notice.state"; /* of run/state.h: job = the id, name = "notice" */
static const char *const aside[] = {"", "rejected", "unknown", "old"};

enum {
    FILE_LIMIT = 1024 * 1024, /* bytes of a notice; larger than any message can become */
    STALE = 3600,             /* seconds after which a file that was being written is nobody's */
    POLL = 50,                /* milliseconds between two looks at the lock */
};

struct notify_origin notify_notice_origin(const struct notify_notice *notice) {
    return (struct notify_origin){.id = notice->id,
                                  .key = notice->key,
                                  .job = notice->job,
                                  .host = notice->host,
                                  .run_id = notice->run_id,
                                  .at = notice->at};
}

void notify_notice_free(struct notify_notice *notice) {
    if (notice == NULL)
        return;
    free(notice->id);
    free(notice->key);
    free(notice->job);
    free(notice->host);
    free(notice->run_id);
    free(notice->at);
    free(notice->reason);
    strings_free(&notice->replaces);
    notify_message_free(notice->message);
    free(notice);
}

/* --- The directory --- */

int notify_outbox_make(struct notify_outbox *outbox, const char *state_dir) {
    *outbox = (struct notify_outbox){.directory = xasprintf("%s/outbox", state_dir), .lock = -1};
    return file_ensure_directory(outbox->directory);
}

void notify_outbox_free(struct notify_outbox *outbox) {
    notify_outbox_unlock(outbox);
    free(outbox->directory);
    outbox->directory = NULL;
}

int notify_outbox_lock(struct notify_outbox *outbox, int64_t milliseconds) {
    int64_t until = clock_monotonic() + milliseconds;
    char *path = xasprintf("%s/lock", outbox->directory);
    int status = 0;
    int descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (descriptor < 0)
        status = fail(EXIT_CANNOT_WRITE, "cannot open \"%s\": %s", path, strerror(errno));
    while (status == 0 && flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            status = fail(EXIT_CANNOT_WRITE, "cannot lock \"%s\": %s", path, strerror(errno));
        else if (clock_monotonic() >= until || interrupt_sleep(POLL))
            status = fail(EXIT_LATER, "another run is sending notices from \"%s\"", outbox->directory);
    }
    if (status == 0) {
        outbox->lock = descriptor;
        descriptor = -1;
    }
    if (descriptor >= 0)
        close(descriptor);
    free(path);
    return status;
}

void notify_outbox_unlock(struct notify_outbox *outbox) {
    if (outbox->lock >= 0)
        close(outbox->lock);
    outbox->lock = -1;
}

static int flush_directory(const char *path) {
    int descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = descriptor < 0 ? -1 : fsync(descriptor);
    if (descriptor >= 0)
        close(descriptor);
    return result;
}

/* The names in a directory that end as notices do, sorted, so oldest first. */
static int by_name(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static bool is_notice(const char *name) {
    size_t length = strlen(name);
    return name[0] != '.' && length > sizeof ending - 1 && strcmp(name + length - (sizeof ending - 1), ending) == 0;
}

/* What file_replace() was writing when its process died. A living one takes seconds, not an hour. */
static void remove_if_stale(const char *directory, const char *name) {
    char *path = xasprintf("%s/%s", directory, name);
    struct stat info;
    bool stale = name[0] == '.' && strstr(name, ".state.") != NULL && lstat(path, &info) == 0 &&
                 S_ISREG(info.st_mode) && info.st_mtime < time(NULL) - STALE;
    if (stale && unlink(path) != 0)
        log_debug("cannot remove \"%s\": %s", path, strerror(errno));
    free(path);
}

static int list(const char *directory, struct strings *names) {
    DIR *handle = opendir(directory);
    if (handle == NULL)
        return fail(EXIT_CANNOT_WRITE, "cannot list \"%s\": %s", directory, strerror(errno));
    for (const struct dirent *entry = NULL; (entry = readdir(handle)) != NULL;) {
        if (is_notice(entry->d_name))
            strings_add(names, entry->d_name);
        else
            remove_if_stale(directory, entry->d_name);
    }
    closedir(handle);
    if (names->count > 0)
        qsort(names->items, names->count, sizeof *names->items, by_name);
    return 0;
}

/* --- One notice as bytes --- */

static json_t *encode(const struct notify_notice *notice) {
    const struct notify_origin origin = notify_notice_origin(notice);
    json_t *document = notify_message_to_json(notice->message, &origin);
    json_t *replaces = json_array();
    for (size_t i = 0; i < notice->replaces.count; i++)
        json_array_append_new(replaces, json_string(notice->replaces.items[i]));
    json_t *more = json_pack("{s:I, s:I, s:I, s:i, s:I, s:b, s:i, s:s?, s:o, s:s?}", "created",
                             (json_int_t)notice->created, "attempts", (json_int_t)notice->attempts, "attempting",
                             (json_int_t)notice->attempting, "attempting_via", notice->attempting_via, "not_before",
                             (json_int_t)notice->not_before, "held", notice->held ? 1 : 0, "verdict", notice->verdict,
                             "reason", notice->reason, "replaces", replaces, "note_template", notice->message->note);
    if (document != NULL && json_object_update(document, more) != 0) {
        json_decref(document);
        document = NULL;
    }
    json_decref(more);
    return document;
}

static char *text_of(const json_t *document, const char *name) {
    const char *value = json_string_value(json_object_get(document, name));
    return value != NULL ? xstrdup(value) : NULL;
}

static int64_t integer_of(const json_t *document, const char *name) {
    return json_integer_value(json_object_get(document, name));
}

/* NULL if the document is no notice of this id. */
static struct notify_notice *decode(const json_t *document, const char *id) {
    struct notify_notice *notice = xcalloc(1, sizeof *notice);
    size_t index = 0;
    const json_t *item = NULL;
    notice->id = text_of(document, "id");
    notice->key = text_of(document, "key");
    notice->job = text_of(document, "job");
    notice->host = text_of(document, "host");
    notice->run_id = text_of(document, "run_id");
    notice->at = text_of(document, "at");
    notice->reason = text_of(document, "reason");
    notice->created = integer_of(document, "created");
    notice->attempts = integer_of(document, "attempts");
    notice->attempting = integer_of(document, "attempting");
    notice->not_before = integer_of(document, "not_before");
    notice->held = json_is_true(json_object_get(document, "held"));
    int64_t via = integer_of(document, "attempting_via");
    int64_t verdict = integer_of(document, "verdict");
    json_array_foreach(json_object_get(document, "replaces"), index, item) if (json_is_string(item))
        strings_add(&notice->replaces, json_string_value(item));
    notice->message = notify_message_from_json(document);
    bool good = notice->id != NULL && strcmp(notice->id, id) == 0 && notice->key != NULL && notice->job != NULL &&
                notice->host != NULL && notice->run_id != NULL && notice->at != NULL && notice->message != NULL &&
                via >= NOTIFY_NONE && via <= NOTIFY_COMMAND && verdict >= NOTIFY_PENDING && verdict <= NOTIFY_OLD;
    notice->attempting_via = (int)via;
    notice->verdict = (int)verdict;
    if (good)
        return notice;
    notify_notice_free(notice);
    return NULL;
}

int notify_outbox_save(const struct notify_outbox *outbox, struct notify_notice *notice) {
    json_t *document = encode(notice);
    char *bytes = document != NULL ? json_dumps(document, JSON_COMPACT) : NULL;
    json_decref(document);
    if (bytes == NULL)
        return fail(EXIT_CANNOT_WRITE, "cannot write the notice \"%s\": out of memory", notice->id);
    struct state state = {.version = notice->version + 1};
    text_add(&state.body, bytes);
    int status = state_save(outbox->directory, notice->id, "notice", &state);
    if (status == 0)
        notice->version++;
    text_free(&state.body);
    free(bytes);
    return status;
}

/* --- Loading --- */

/* *out is NULL, with *reason, when the file holds no notice. A file that cannot be read just now is another matter, and a status. */
static int read_notice(const char *path, const char *id, struct notify_notice **out, const char **reason) {
    struct text content = {.limit = FILE_LIMIT};
    struct state state = {.body = {.limit = FILE_LIMIT}};
    struct notify_notice *notice = NULL;
    json_t *document = NULL;
    struct stat info;
    int status = 0;
    *reason = "it is too large";
    if (stat(path, &info) == 0 && info.st_size > FILE_LIMIT)
        goto out;
    status = file_read(path, &content, NULL);
    if (status != 0)
        goto out;
    *reason = state_decode(id, "notice", text_string(&content), content.length, &state);
    if (*reason != NULL)
        goto out;
    document = json_loadb(text_string(&state.body), state.body.length, JSON_REJECT_DUPLICATES, NULL);
    notice = document != NULL ? decode(document, id) : NULL;
    if (notice != NULL)
        notice->version = state.version;
    else
        *reason = "its content is not a notice";
out:
    json_decref(document);
    text_free(&state.body);
    text_free(&content);
    *out = notice;
    return status;
}

static void set_damaged_aside(const char *path, const char *reason) {
    char *bad = xasprintf("%s.bad", path);
    log_warning("the notice \"%s\" cannot be used: %s; it is kept as \"%s\"", path, reason, bad);
    if (rename(path, bad) != 0)
        log_warning("cannot rename \"%s\": %s", path, strerror(errno));
    free(bad);
}

static int move_aside(const struct notify_outbox *outbox, const struct notify_notice *notice);

int notify_outbox_load(const struct notify_outbox *outbox, struct notify_notice ***notices, size_t *count,
                       size_t *damaged) {
    struct strings names = {0};
    *notices = NULL;
    *count = 0;
    *damaged = 0;
    int status = list(outbox->directory, &names);
    int unread = 0;
    for (size_t i = 0; i < names.count && status == 0; i++) {
        const char *reason = NULL;
        char *path = xasprintf("%s/%s", outbox->directory, names.items[i]);
        char *id = xstrndup(names.items[i], strlen(names.items[i]) - (sizeof ending - 1));
        struct notify_notice *notice = NULL;
        int read = read_notice(path, id, &notice, &reason);
        if (read != 0) {
            unread = read == EXIT_DENIED ? EXIT_DENIED : EXIT_SYSTEM;
        } else if (notice == NULL) {
            set_damaged_aside(path, reason);
            ++*damaged;
        } else if (notice->verdict != NOTIFY_PENDING) {
            status = move_aside(outbox, notice);
            notify_notice_free(notice);
        } else {
            *notices = xgrow(*notices, *count, sizeof(struct notify_notice *));
            (*notices)[(*count)++] = notice;
        }
        free(id);
        free(path);
    }
    strings_free(&names);
    return exit_combine(status, unread);
}

void notify_outbox_release(struct notify_notice **notices, size_t count) {
    for (size_t i = 0; i < count; i++)
        notify_notice_free(notices[i]);
    free(notices);
}

/* --- Leaving --- */

int notify_outbox_remove(const struct notify_outbox *outbox, const struct notify_notice *notice) {
    char *path = xasprintf("%s/%s%s", outbox->directory, notice->id, ending);
    int status = 0;
    if ((unlink(path) != 0 && errno != ENOENT) || flush_directory(outbox->directory) != 0)
        status = fail(EXIT_CANNOT_WRITE, "cannot remove \"%s\": %s", path, strerror(errno));
    free(path);
    return status;
}

/* Keeps the newest of what was moved aside. */
static void limit_directory(const char *directory) {
    struct strings names = {0};
    if (list(directory, &names) == 0 && names.count > NOTIFY_ASIDE_LIMIT)
        for (size_t i = 0; i < names.count - NOTIFY_ASIDE_LIMIT; i++) {
            char *path = xasprintf("%s/%s", directory, names.items[i]);
            if (unlink(path) != 0)
                log_debug("cannot remove \"%s\": %s", path, strerror(errno));
            free(path);
        }
    strings_free(&names);
}

static int move_aside(const struct notify_outbox *outbox, const struct notify_notice *notice) {
    char *directory = xasprintf("%s/%s", outbox->directory, aside[notice->verdict]);
    char *from = xasprintf("%s/%s%s", outbox->directory, notice->id, ending);
    char *to = xasprintf("%s/%s%s", directory, notice->id, ending);
    int status = file_ensure_directory(directory);
    /* Durable in the new place before the old one forgets it. */
    if (status == 0 &&
        (rename(from, to) != 0 || flush_directory(directory) != 0 || flush_directory(outbox->directory) != 0))
        status = fail(EXIT_CANNOT_WRITE, "cannot move \"%s\" to \"%s\": %s", from, directory, strerror(errno));
    if (status == 0)
        limit_directory(directory);
    free(to);
    free(from);
    free(directory);
    return status;
}

int notify_outbox_set_aside(const struct notify_outbox *outbox, struct notify_notice *notice, int verdict,
                            const char *reason) {
    notice->verdict = verdict;
    free(notice->reason);
    notice->reason = xstrdup(reason);
    int status = notify_outbox_save(outbox, notice);
    return status == 0 ? move_aside(outbox, notice) : status;
}

/* --- The memory of what was delivered --- */

/* Keys can be long and hold anything; their hash is enough. The caller frees it. */
static char *hash_of(const struct notify_notice *notice) {
    XXH128_hash_t hash = XXH3_128bits(notice->key, strlen(notice->key));
    return xasprintf("%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
}

int notify_delivered_load(const struct notify_outbox *outbox, struct notify_delivered *delivered) {
    struct state state = {0};
    *delivered = (struct notify_delivered){0};
    int status = state_load(outbox->directory, "notify", "delivered", &state);
    strings_split(&delivered->lines, text_string(&state.body), "\n");
    delivered->version = state.version;
    state_free(&state);
    return status;
}

bool notify_delivered_has(const struct notify_delivered *delivered, const struct notify_notice *notice) {
    char *hash = hash_of(notice);
    bool found = false;
    for (size_t i = 0; i < delivered->lines.count && !found; i++) {
        const char *known = strchr(delivered->lines.items[i], ' ');
        found = known != NULL && strcmp(known + 1, hash) == 0;
    }
    free(hash);
    return found;
}

int notify_delivered_add(const struct notify_outbox *outbox, struct notify_delivered *delivered,
                         const struct notify_notice *notice) {
    char *hash = hash_of(notice);
    char *line = xasprintf("%s %s", notice->id, hash);
    strings_add(&delivered->lines, line);
    free(line);
    free(hash);
    size_t count = delivered->lines.count;
    struct state state = {.version = delivered->version + 1};
    for (size_t i = count > NOTIFY_DELIVERED_LIMIT ? count - NOTIFY_DELIVERED_LIMIT : 0; i < count; i++)
        text_printf(&state.body, "%s\n", delivered->lines.items[i]);
    int status = state_save(outbox->directory, "notify", "delivered", &state);
    if (status == 0)
        delivered->version++;
    state_free(&state);
    return status;
}

void notify_delivered_free(struct notify_delivered *delivered) {
    strings_free(&delivered->lines);
}
