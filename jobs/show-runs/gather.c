/* The places where runs leave traces: state_dir/runs/JOB.jsonl (and JOB.jsonl.1, which logrotate leaves), JOB.last.json,
 * the lock files, and the copies in Redis. */
#include "gather.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/records.h"
#include "nightshift/report/format.h"
#include "nightshift/run/suite.h"
#include "settings.h"
#include "tail.h"

/* A run every minute leaves 1,440 lines a day of about 1 KiB each. */
static const struct tail_limits limits = {.bytes = 4 * 1024 * 1024, .lines = 500};

/* --- Which jobs there are --- */

static void add_job(struct gathered *out, const char *name) {
    if (gathered_find(out, name) != NULL)
        return;
    out->jobs = xgrow(out->jobs, out->count, sizeof *out->jobs);
    out->jobs[out->count++] = (struct job_runs){.name = xstrdup(name), .every = DUE_NOT_SAID, .whole = true};
}

/* "JOB.jsonl", "JOB.jsonl.1" or "JOB.last.json"; the executables' names have no dots. */
static void add_job_of_file(struct gathered *out, const char *file) {
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
    static const char *const endings[] = {".jsonl", ".jsonl.1", ".last.json"};
    size_t length = strspn(file, letters);
    for (size_t i = 0; length > 0 && i < LENGTH_OF(endings); i++)
        if (strcmp(file + length, endings[i]) == 0) {
            char *name = xstrndup(file, length);
            add_job(out, name);
            free(name);
            return;
        }
}

static int find_jobs(const struct run *run, const char *directory, struct gathered *out) {
    DIR *stream = opendir(directory);
    if (stream == NULL && errno != ENOENT) {
        bool denied = errno == EACCES || errno == EPERM;
        log_error("cannot read the directory \"%s\": %s", directory, strerror(errno));
        if (denied)
            log_hint("run it as the user that the jobs run as, or as root");
        return denied ? EXIT_DENIED : EXIT_SYSTEM;
    }
    for (const struct dirent *entry = stream != NULL ? readdir(stream) : NULL; entry != NULL; entry = readdir(stream))
        add_job_of_file(out, entry->d_name);
    if (stream != NULL)
        closedir(stream);
    for (size_t i = 0; show_jobs[i] != NULL; i++)
        add_job(out, show_jobs[i]);
    for (size_t i = 0; i < settings_count(run->settings, &expect_section); i++) {
        const char *name = NULL;
        const struct expect_settings *expect = settings_at(run->settings, &expect_section, i, &name);
        for (size_t j = 0; j < out->count; j++)
            if (strcmp(out->jobs[j].name, name) == 0)
                out->jobs[j].every = expect->every;
    }
    return 0;
}

/* --- This host --- */

static void take_line(void *context, const char *line, size_t length) {
    struct job_runs *job = context;
    struct seen seen;
    if (seen_read(line, length, &seen, &job->newer))
        seen_list_add(&job->runs, &seen);
    else
        job->unreadable++;
}

static int read_files(struct job_runs *job, const char *directory) {
    static const char *const endings[] = {"jsonl.1", "jsonl", "last.json"};
    int status = 0;
    bool found = false;
    for (size_t i = 0; status == 0 && i < LENGTH_OF(endings); i++) {
        struct tail_result result;
        char *path = xasprintf("%s/%s.%s", directory, job->name, endings[i]);
        status = tail_read(path, &limits, take_line, job, &result);
        job->whole = job->whole && result.whole;
        found = found || (result.found && strcmp(endings[i], "jsonl") == 0);
        free(path);
    }
    /* A last record without a history: the history was moved away. */
    job->whole = job->whole && (found || job->runs.count == 0);
    return status;
}

static int read_here(const struct suite_settings *suite, const char *directory, struct gathered *out) {
    int status = 0;
    for (size_t i = 0; status == 0 && i < out->count; i++) {
        /* The lease first: whoever gives it back later has a record by then. */
        status = lease_look(suite->state_dir, out->jobs[i].name, &out->jobs[i].here);
        if (status == 0)
            status = read_files(&out->jobs[i], directory);
    }
    return status;
}

/* --- Other hosts --- */

static void read_elsewhere(const struct run *run, const struct suite_settings *suite, struct gathered *out) {
    const struct redis_settings *settings = settings_of(run->settings, &redis_section);
    int status = 0;
    if (settings->server == NULL)
        return;
    out->with_redis = true;
    struct redis *redis = redis_new(settings);
    for (size_t i = 0; status == 0 && i < out->count; i++) {
        struct job_runs *job = &out->jobs[i];
        status = lease_look_elsewhere(redis, suite->state_dir, job->name, &job->elsewhere);
        if (status == 0)
            status = records_fetch(redis, job->name, take_line, job);
    }
    out->redis_status = status;
    if (status != 0)
        out->redis_problem = xstrdup(redis_reason(redis));
    redis_free(redis);
}

/* --- All of it --- */

static void judge(struct job_runs *job, int64_t now) {
    seen_list_sort(&job->runs);
    const struct due_input input = {
        .runs = &job->runs,
        .whole = job->whole,
        .every = job->every,
        .held = job->here.held,
        .holder = job->here.run_id,
        .elsewhere = job->elsewhere.held ? job->elsewhere.run_id : NULL,
    };
    due_judge(&input, now, &job->due);
}

static int compare_jobs(const void *left, const void *right) {
    const struct job_runs *a = left;
    const struct job_runs *b = right;
    if (a->due.state != b->due.state)
        return a->due.state < b->due.state ? -1 : 1;
    return strcmp(a->name, b->name);
}

int gather(const struct run *run, struct gathered *out) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    char host[256] = "";
    char *directory = xasprintf("%s/runs", suite->state_dir);
    *out = (struct gathered){.now = clock_now()};
    if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
        strncpy(host, "unknown", sizeof host - 1);
    out->host = xstrdup(host);
    int status = find_jobs(run, directory, out);
    if (status == 0)
        status = read_here(suite, directory, out);
    if (status == 0)
        read_elsewhere(run, suite, out);
    for (size_t i = 0; status == 0 && i < out->count; i++)
        judge(&out->jobs[i], out->now);
    if (status == 0 && out->count > 0)
        qsort(out->jobs, out->count, sizeof *out->jobs, compare_jobs);
    free(directory);
    return status;
}

void gathered_free(struct gathered *gathered) {
    for (size_t i = 0; i < gathered->count; i++) {
        struct job_runs *job = &gathered->jobs[i];
        seen_list_free(&job->runs);
        lease_view_free(&job->here);
        lease_view_free(&job->elsewhere);
        free(job->name);
    }
    free(gathered->jobs);
    free(gathered->host);
    free(gathered->redis_problem);
    *gathered = (struct gathered){0};
}

const struct job_runs *gathered_find(const struct gathered *gathered, const char *name) {
    for (size_t i = 0; i < gathered->count; i++)
        if (strcmp(gathered->jobs[i].name, name) == 0)
            return &gathered->jobs[i];
    return NULL;
}

void gathered_add_doubts(struct text *out, const struct job_runs *job) {
    if (job->unreadable > 0) {
        format_count(out, (int64_t)job->unreadable, "line of its history is no run record and was",
                     "lines of its history are no run records and were");
        text_add(out, " passed over");
    }
    if (job->newer)
        text_printf(out, "%ssome records were written by a newer nightshift: what is new in them is not shown",
                    job->unreadable > 0 ? "; " : "");
}

/* --- One record --- */

struct wanted {
    const char *part;
    char *line;
};

static void take_wanted(void *context, const char *line, size_t length) {
    struct wanted *wanted = context;
    char *copy = xstrndup(line, length);
    if (wanted->line == NULL && strstr(copy, wanted->part) != NULL)
        wanted->line = copy;
    else
        free(copy);
}

static int find_here(const struct run *run, const struct gathered *gathered, struct wanted *wanted) {
    static const char *const endings[] = {"jsonl", "jsonl.1", "last.json"};
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    int status = 0;
    for (size_t i = 0; status == 0 && wanted->line == NULL && i < gathered->count * LENGTH_OF(endings); i++) {
        char *path = xasprintf("%s/runs/%s.%s", suite->state_dir, gathered->jobs[i / LENGTH_OF(endings)].name,
                               endings[i % LENGTH_OF(endings)]);
        status = tail_find(path, wanted->part, &wanted->line);
        free(path);
    }
    return status;
}

int gather_record(const struct run *run, const struct gathered *gathered, const char *run_id, char **line) {
    const struct redis_settings *settings = settings_of(run->settings, &redis_section);
    /* As records are written: compact. Inside a string the quotes would have backslashes. */
    char *part = xasprintf("\"run_id\":\"%s\"", run_id);
    struct wanted wanted = {.part = part};
    int status = find_here(run, gathered, &wanted);
    if (status == 0 && wanted.line == NULL && gathered->with_redis && gathered->redis_status == 0) {
        struct redis *redis = redis_new(settings);
        for (size_t i = 0; status == 0 && wanted.line == NULL && i < gathered->count; i++)
            status = records_fetch(redis, gathered->jobs[i].name, take_wanted, &wanted);
        if (status != 0)
            log_error("%s", redis_reason(redis));
        redis_free(redis);
    }
    *line = wanted.line;
    free(part);
    return status;
}
