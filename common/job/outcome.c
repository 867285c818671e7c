/* The run record's frame, and its way to disk. A record is appended to a history of JSON lines, which no later success pushes out, and kept
 * as the job's last one. */
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/run/metrics.h"
#include "outcome.h"
#include "process.h"

enum { RECORD_SCHEMA = 1, WARNINGS_KEPT = 20 };

static json_t *local_time(int64_t now) {
    struct text time = {0};
    clock_add_local(&time, now);
    json_t *value = json_string(text_string(&time));
    text_free(&time);
    return value;
}

static char *record_path(const struct outcome_context *context, const char *ending) {
    return xasprintf("%s/runs/%s.%s", context->suite->state_dir, context->run->job->name, ending);
}

void outcome_begin(const struct outcome_context *context, struct record_builder *builder) {
    static const char *const triggers[] = {"unsaid", "cron", "manual"};
    json_t *root = builder->root;
    const struct passwd *user = getpwuid(geteuid());
    json_object_set_new(root, "schema", json_integer(RECORD_SCHEMA));
    json_object_set_new(root, "run_id", json_string(context->run->id));
    json_object_set_new(root, "batch", json_string(context->run->job->name));
    json_object_set_new(root, "version", json_string(NIGHTSHIFT_VERSION));
    json_object_set_new(root, "host", json_string(process_host()));
    json_object_set_new(root, "pid", json_integer(getpid()));
    json_object_set_new(root, "user", json_string(user != NULL ? user->pw_name : "unknown"));
    json_object_set_new(root, "trigger", json_string(triggers[context->run->shared->trigger]));
    json_object_set_new(root, "tty", json_boolean(isatty(STDERR_FILENO)));
    json_t *arguments = json_array();
    for (int i = 0; i < context->argc; i++) {
        /* Options carry no secrets; what is not UTF-8 is not worth failing for. */
        json_t *argument = json_string(context->argv[i]);
        json_array_append_new(arguments, argument != NULL ? argument : json_string("?"));
    }
    json_object_set_new(root, "argv", arguments);
    json_object_set_new(root, "config_path", json_string(settings_path(context->run->settings)));
    json_object_set_new(root, "config_digest", json_string(settings_digest(context->run->settings)));
    json_object_set_new(root, "slot", context->slot != NULL ? json_string(context->slot) : json_null());
    json_object_set_new(root, "started_at", local_time(context->started_at));
    json_object_set_new(root, "started_at_ms", json_integer(context->started_at));
}

void outcome_listen(void *context, enum log_level level, bool hint, const char *message) {
    struct record_builder *builder = context;
    json_t *root = builder->root;
    const char *field = level == LOG_LEVEL_WARNING ? "warnings[]" : hint ? "hint" : "reason";
    /* The first error is the reason, its hint the next step; later ones follow from it. */
    bool wanted = level == LOG_LEVEL_WARNING ? json_array_size(json_object_get(root, "warnings")) < WARNINGS_KEPT
                                             : json_object_get(root, field) == NULL;
    if (wanted)
        record_builder_set(builder, field, json_string(message));
}

/* The end of the last successful run, from the record of the run before this one. */
static json_t *previous_success(const struct outcome_context *context) {
    struct text content = {.limit = 16 * 1024 * 1024};
    bool found = false;
    char *path = record_path(context, "last.json");
    json_t *previous = NULL;
    if (file_read(path, &content, &found) == 0 && found)
        previous = json_loadb(text_string(&content), content.length, 0, NULL);
    json_t *success = json_incref(json_object_get(previous, "success_at_ms"));
    json_decref(previous);
    free(path);
    text_free(&content);
    return success;
}

static void add_usage(json_t *root) {
    struct rusage own;
    struct rusage worker;
    if (getrusage(RUSAGE_SELF, &own) != 0 || getrusage(RUSAGE_CHILDREN, &worker) != 0)
        return;
    double user = (double)(own.ru_utime.tv_sec + worker.ru_utime.tv_sec) +
                  (double)(own.ru_utime.tv_usec + worker.ru_utime.tv_usec) / 1e6;
    double system = (double)(own.ru_stime.tv_sec + worker.ru_stime.tv_sec) +
                    (double)(own.ru_stime.tv_usec + worker.ru_stime.tv_usec) / 1e6;
    json_object_set_new(root, "rusage",
                        json_pack("{s:f, s:f, s:I}", "utime", user, "stime", system, "maxrss_kb",
                                  (json_int_t)(worker.ru_maxrss > own.ru_maxrss ? worker.ru_maxrss : own.ru_maxrss)));
}

static void complete(const struct outcome_context *context, struct record_builder *builder, int exit_code,
                     const char *result) {
    json_t *root = builder->root;
    int64_t clock = clock_monotonic();
    int64_t ended = clock_now();
    record_builder_end_phase(builder, clock);
    json_object_set_new(root, "ended_at", local_time(ended));
    json_object_set_new(root, "ended_at_ms", json_integer(ended));
    json_object_set_new(root, "duration_ms", json_integer(clock - context->started_clock));
    json_object_set_new(root, "exit_code", json_integer(exit_code));
    json_object_set_new(root, "result", json_string(result != NULL ? result : exit_word(exit_code)));
    json_t *before = previous_success(context);
    bool success = result == NULL && (exit_code == EXIT_DONE || exit_code == EXIT_ATTENTION);
    if (before != NULL)
        json_object_set(root, "previous_success_at_ms", before);
    if (success)
        json_object_set_new(root, "success_at_ms", json_integer(ended));
    else if (before != NULL)
        json_object_set(root, "success_at_ms", before);
    json_decref(before);
    add_usage(root);
}

int outcome_write(const struct outcome_context *context, struct record_builder *builder, int exit_code,
                  const char *result) {
    complete(context, builder, exit_code, result);
    /* Metrics first, so that the record can tell of their failure. */
    bool worth_telling = exit_code == EXIT_DONE || exit_code == EXIT_ATTENTION;
    if (context->suite->metrics_dir != NULL) {
        int status = metrics_write(context->suite->metrics_dir, builder->root);
        if (status != 0 && worth_telling) {
            exit_code = status;
            json_object_set_new(builder->root, "exit_code", json_integer(exit_code));
            json_object_set_new(builder->root, "result", json_string(exit_word(exit_code)));
        }
    }
    char *line = json_dumps(builder->root, JSON_COMPACT);
    if (line == NULL)
        return fail(EXIT_BUG, "cannot write the run record: it does not encode");
    char *history = record_path(context, "jsonl");
    char *last = record_path(context, "last.json");
    int status = file_append_line(history, line, strlen(line), 0600);
    if (status == 0)
        status = file_replace(last, line, strlen(line), 0600);
    free(line);
    free(history);
    free(last);
    return status != 0 && worth_telling ? status : exit_code;
}
