/* Writing files so that a reader, or the machine after a power cut, finds the old or the new one, never half of one; and reading secrets
 * only from places that nobody else could have read or changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"

static const char letters_and_digits[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

enum { SECRET_LIMIT = 65536 };

int file_write_all(int descriptor, const void *content, size_t length) {
    const char *bytes = content;
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return -1;
        bytes += written;
        length -= (size_t)written;
    }
    return 0;
}

static char *parent_of(const char *path) {
    char *copy = xstrdup(path);
    char *parent = xstrdup(dirname(copy));
    free(copy);
    return parent;
}

/* A rename is only on disk when its directory is. */
int file_flush_parent(const char *path) {
    char *parent = parent_of(path);
    int descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int result = descriptor < 0 ? -1 : fsync(descriptor);
    if (descriptor >= 0)
        close(descriptor);
    free(parent);
    return result;
}

int file_replace(const char *path, const void *bytes, size_t length, mode_t mode) {
    int status = 0;
    int descriptor = -1;
    bool made = false;
    /* A leading dot and no known ending: collectors that look for *.prom or *.json never see it. */
    char *parent = parent_of(path);
    const char *slash = strrchr(path, '/');
    char *beside = xasprintf("%s/.%s.XXXXXX", parent, slash != NULL ? slash + 1 : path);
    free(parent);

    descriptor = mkostemp(beside, O_CLOEXEC);
    if (descriptor < 0) {
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
        goto out;
    }
    made = true;
    /* mkostemp() makes it 0600 whatever the reader of the file needs. */
    if (file_write_all(descriptor, bytes, length) != 0 || fchmod(descriptor, mode) != 0 || fsync(descriptor) != 0) {
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
        goto out;
    }
    int closed = close(descriptor);
    descriptor = -1;
    if (closed != 0 || rename(beside, path) != 0) {
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
        goto out;
    }
    made = false;
    if (file_flush_parent(path) != 0)
        status = fail(EXIT_CANNOT_WRITE, "cannot flush the directory of \"%s\": %s", path, strerror(errno));
out:
    if (descriptor >= 0)
        close(descriptor);
    if (made)
        unlink(beside);
    free(beside);
    return status;
}

static int read_all(int descriptor, struct text *content) {
    char block[16384];
    for (;;) {
        ssize_t got = read(descriptor, block, sizeof block);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -1;
        if (got == 0)
            return 0;
        text_append(content, block, (size_t)got);
        if (content->full) {
            errno = EFBIG;
            return -1;
        }
    }
}

int file_read(const char *path, struct text *content, bool *found) {
    int status = 0;
    /* O_NONBLOCK: a FIFO in the place of a file must not hang the job. */
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (found != NULL)
        *found = descriptor >= 0 || errno != ENOENT;
    if (descriptor < 0) {
        if (found != NULL && errno == ENOENT)
            return 0;
        return fail(errno == EACCES || errno == EPERM ? EXIT_DENIED : EXIT_SETTINGS, "cannot read \"%s\": %s", path,
                    strerror(errno));
    }
    struct stat info;
    if (fstat(descriptor, &info) == 0 && !S_ISREG(info.st_mode))
        status = fail(EXIT_SETTINGS, "cannot read \"%s\": not a regular file", path);
    else if (read_all(descriptor, content) != 0)
        status = fail(EXIT_SYSTEM, "cannot read \"%s\": %s", path, strerror(errno));
    close(descriptor);
    return status;
}

int file_check_private(int descriptor, const char *path, const char *what) {
    struct stat info;
    if (fstat(descriptor, &info) != 0)
        return fail(EXIT_SYSTEM, "cannot examine \"%s\": %s", path, strerror(errno));
    if (info.st_uid != geteuid() && info.st_uid != 0) {
        log_error("%s \"%s\" belongs to another user (uid %u)", what, path, (unsigned)info.st_uid);
        log_hint("chown it to the user that runs the job");
        return EXIT_DENIED;
    }
    if ((info.st_mode & 077) != 0) {
        log_error("%s \"%s\" is open to other users (mode %04o)", what, path, (unsigned)(info.st_mode & 07777));
        log_hint("chmod 600 %s", path);
        return EXIT_DENIED;
    }
    return 0;
}

/* Checks the directories from `resolved` (which is used up) to the root. */
static int check_directories(char *resolved, const char *path) {
    int status = 0;
    for (char *end = resolved + strlen(resolved); status == 0 && end != NULL; end = strrchr(resolved, '/')) {
        *end = '\0';
        struct stat info;
        const char *directory = *resolved != '\0' ? resolved : "/";
        bool open_to_all = stat(directory, &info) == 0 && (info.st_mode & 022) != 0 && (info.st_mode & S_ISVTX) == 0;
        if (open_to_all) {
            log_error("the directory \"%s\" above the secret \"%s\" can be changed by other users (mode %04o)",
                      directory, path, (unsigned)(info.st_mode & 07777));
            log_hint("chmod go-w %s", directory);
            status = EXIT_DENIED;
        }
    }
    return status;
}

/* Whoever can write to a directory above a secret, or above a link to it, can put another file in its place. */
static int check_directories_above(const char *path) {
    int status = 0;
    char *target = realpath(path, NULL);
    char *parent = parent_of(path);
    char *above_link = realpath(parent, NULL);
    char *above_target = target != NULL ? parent_of(target) : NULL;
    if (above_link == NULL || above_target == NULL) {
        status = fail(EXIT_SETTINGS, "cannot read \"%s\": %s", path, strerror(errno));
        goto out;
    }
    status = check_directories(above_target, path);
    if (status == 0)
        status = check_directories(above_link, path);
out:
    free(above_target);
    free(above_link);
    free(parent);
    free(target);
    return status;
}

static void drop_last_line_break(struct text *content) {
    while (content->length > 0 && strchr("\r\n", content->data[content->length - 1]) != NULL)
        content->data[--content->length] = '\0';
}

/* Whoever started us opened it and vouches for it: there is no path that others could have changed. */
static int read_inherited(const char *name, struct text *content) {
    int64_t descriptor = -1;
    if (parse_integer(name + strlen("fd:"), &descriptor) != NULL || descriptor < 3 || descriptor > 1023)
        return fail(EXIT_SETTINGS, "cannot read the secret \"%s\": not a descriptor from fd:3 to fd:1023", name);
    content->limit = SECRET_LIMIT;
    /* A second reader (the worker, after --check) starts at the beginning again where that is possible. */
    lseek((int)descriptor, 0, SEEK_SET);
    if (read_all((int)descriptor, content) != 0)
        return fail(EXIT_SETTINGS, "cannot read the secret \"%s\": %s", name, strerror(errno));
    drop_last_line_break(content);
    if (content->length == 0) {
        log_error("the secret \"%s\" is empty, or was read before", name);
        log_hint("open a file there, not a pipe: a second connection reads it again");
        return EXIT_SETTINGS;
    }
    return 0;
}

int file_read_secret(const char *path, struct text *content) {
    if (strncmp(path, "fd:", 3) == 0)
        return read_inherited(path, content);
    int status = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (descriptor < 0)
        return fail(errno == EACCES || errno == EPERM ? EXIT_DENIED : EXIT_SETTINGS,
                    "cannot read the secret \"%s\": %s", path, strerror(errno));
    struct stat info;
    if (fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
        status = fail(EXIT_SETTINGS, "cannot read the secret \"%s\": not a regular file", path);
        goto out;
    }
    status = file_check_private(descriptor, path, "the secret");
    if (status == 0)
        status = check_directories_above(path);
    if (status != 0)
        goto out;
    content->limit = SECRET_LIMIT;
    if (read_all(descriptor, content) != 0) {
        status = fail(EXIT_SETTINGS, "cannot read the secret \"%s\": %s", path, strerror(errno));
        goto out;
    }
    drop_last_line_break(content);
out:
    close(descriptor);
    return status;
}

int file_ensure_directory(const char *path) {
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return fail(EXIT_CANNOT_WRITE, "cannot make the directory \"%s\": %s", path, strerror(errno));
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
        return fail(EXIT_CANNOT_WRITE, "\"%s\" is not a directory", path);
    return 0;
}

int file_append_line(const char *path, const char *line, size_t length, mode_t mode) {
    int status = 0;
    struct text whole = {0};
    int descriptor = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode);
    if (descriptor < 0)
        return fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
    char last = '\n';
    off_t size = lseek(descriptor, 0, SEEK_END);
    if (size > 0 && pread(descriptor, &last, 1, size - 1) == 1 && last != '\n')
        text_add(&whole, "\n");
    text_append(&whole, line, length);
    text_add(&whole, "\n");
    if (file_write_all(descriptor, whole.data, whole.length) != 0 || fsync(descriptor) != 0) {
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
        /* Half a line would be read as garbage; should this fail too, the next line starts on a new one. */
        if (size >= 0 && ftruncate(descriptor, size) != 0)
            log_debug("cannot take half a line back out of \"%s\": %s", path, strerror(errno));
    }
    if (close(descriptor) != 0 && status == 0)
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
    text_free(&whole);
    return status;
}

/* ".NAME.XXXXXX", as mkostemp() makes it from ".NAME." and six letters or digits. */
static bool is_left_behind(const char *name, const char *prefix) {
    size_t length = strlen(name);
    return name[0] == '.' && strncmp(name + 1, prefix, strlen(prefix)) == 0 && length > strlen(prefix) + 8 &&
           name[length - 7] == '.' && strspn(name + length - 6, letters_and_digits) == 6;
}

void file_sweep(const char *directory, const char *prefix) {
    DIR *stream = opendir(directory);
    if (stream == NULL)
        return;
    for (const struct dirent *entry = readdir(stream); entry != NULL; entry = readdir(stream))
        if (is_left_behind(entry->d_name, prefix) && unlinkat(dirfd(stream), entry->d_name, 0) == 0)
            log_debug("removed \"%s/%s\", which a killed run left behind", directory, entry->d_name);
    closedir(stream);
}
