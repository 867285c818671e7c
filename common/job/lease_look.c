/* Who holds a lease, for people who ask. Taking the lock for a moment to find out would make a job that starts in that moment
 * end with "another run holds the lease", so the kernel's list of locks is read instead (proc_locks(5)). */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lease_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/base/random.h"
#include "nightshift/job/lease.h"

enum { LOCKS_LIMIT = 4 * 1024 * 1024 };

static int open_lock(const char *state_dir, const char *job, int *descriptor) {
    int status = 0;
    char *path = xasprintf("%s/%s.lock", state_dir, job);
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (*descriptor < 0 && errno != ENOENT && errno != ENOTDIR)
        status = fail(errno == EACCES || errno == EPERM ? EXIT_DENIED : EXIT_SYSTEM,
                      "cannot read the lock file \"%s\": %s", path, strerror(errno));
    free(path);
    return status;
}

/* One line of /proc/locks: "1: FLOCK  ADVISORY  WRITE 1234 fe:00:567 0 EOF"; who waits for a lock has "->" behind the number. The device is
 * not compared, because stacked and copy-on-write file systems show another one there than to stat(2): inode and process together are
 * enough. */
static bool is_our_lock(const char *line, int64_t inode, int64_t pid) {
    struct strings words = {0};
    int64_t holder = 0;
    int64_t found = 0;
    strings_split(&words, line, " ");
    bool ours = words.count >= 6 && strcmp(words.items[1], "FLOCK") == 0 &&
                parse_integer(words.items[4], &holder) == NULL && holder == pid;
    const char *number = ours ? strrchr(words.items[5], ':') : NULL;
    ours = number != NULL && parse_integer(number + 1, &found) == NULL && found == inode;
    strings_free(&words);
    return ours;
}

static bool is_held(int descriptor, int64_t pid) {
    struct stat info;
    struct text locks = {.limit = LOCKS_LIMIT};
    struct strings lines = {0};
    bool found = false;
    bool held = false;
    if (pid <= 0 || pid > INT_MAX || fstat(descriptor, &info) != 0)
        return false;
    /* Without the list a living process must do. */
    if (file_read("/proc/locks", &locks, &found) != 0 || !found)
        held = kill((pid_t)pid, 0) == 0 || errno == EPERM;
    strings_split(&lines, text_string(&locks), "\n");
    for (size_t i = 0; !held && i < lines.count; i++)
        held = is_our_lock(lines.items[i], (int64_t)info.st_ino, pid);
    strings_free(&lines);
    text_free(&locks);
    return held;
}

static char *copy_run_id(const char *id) {
    return random_uuid7_time(id) >= 0 ? xstrdup(id) : NULL;
}

int lease_look(const char *state_dir, const char *job, struct lease_view *view) {
    char holder[128] = "";
    int64_t pid = 0;
    int descriptor = -1;
    struct strings words = {0};
    *view = (struct lease_view){0};
    int status = open_lock(state_dir, job, &descriptor);
    if (status != 0 || descriptor < 0)
        return status;
    /* "pid 1234, run ID" */
    if (pread(descriptor, holder, sizeof holder - 1, 0) > 0)
        strings_split(&words, holder, " ,\n");
    if (words.count == 4 && parse_integer(words.items[1], &pid) == NULL)
        view->run_id = copy_run_id(words.items[3]);
    view->held = is_held(descriptor, pid);
    strings_free(&words);
    close(descriptor);
    return 0;
}

/* A mutex's value is "TOKEN PLACE HOST run ID". */
static void parse_holder(const char *holder, const char *place, struct lease_view *view) {
    struct strings words = {0};
    strings_split(&words, holder, " ");
    if (words.count == 5 && (place == NULL || strcmp(words.items[1], place) != 0)) {
        view->held = true;
        view->host = xstrdup(words.items[2]);
        view->run_id = copy_run_id(words.items[4]);
    }
    strings_free(&words);
}

int lease_look_elsewhere(struct redis *redis, const char *state_dir, const char *job, struct lease_view *view) {
    struct redis_reply *reply = NULL;
    const char *holder = NULL;
    size_t length = 0;
    int descriptor = -1;
    *view = (struct lease_view){0};
    int status = open_lock(state_dir, job, &descriptor);
    if (status != 0)
        return status;
    char *place = descriptor >= 0 ? lease_place_of(descriptor) : NULL;
    char *key = redis_key(redis, "{%s}:lease", job);
    const char *words[] = {"GET", key};
    status = redis_command(redis, REDIS_RETRY | REDIS_QUIET, LENGTH_OF(words), words, NULL, &reply);
    if (status == 0)
        status = redis_as_bytes(redis, reply, &holder, &length);
    if (status == 0 && holder != NULL)
        parse_holder(holder, place, view);
    redis_reply_free(reply);
    free(key);
    free(place);
    if (descriptor >= 0)
        close(descriptor);
    return status;
}

void lease_view_free(struct lease_view *view) {
    free(view->run_id);
    free(view->host);
    *view = (struct lease_view){0};
}
