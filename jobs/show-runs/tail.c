/* Reading from behind: one piece of the file's end is read and cut into lines. */
#include "tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/text.h"

enum { BLOCK = 64 * 1024, LINE_LIMIT = 16 * 1024 * 1024 };

/* *descriptor is -1 for a file that is not there. */
static int open_lines(const char *path, int *descriptor, off_t *size) {
    struct stat info;
    /* O_NONBLOCK: a FIFO in the place of a file must not hang. */
    *descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (*descriptor < 0 && (errno == ENOENT || errno == ENOTDIR))
        return 0;
    if (*descriptor < 0)
        return fail(errno == EACCES || errno == EPERM ? EXIT_DENIED : EXIT_SYSTEM, "cannot read \"%s\": %s", path,
                    strerror(errno));
    if (fstat(*descriptor, &info) == 0 && S_ISREG(info.st_mode)) {
        *size = info.st_size;
        return 0;
    }
    close(*descriptor);
    *descriptor = -1;
    return fail(EXIT_SYSTEM, "cannot read \"%s\": not a regular file", path);
}

/* Reads what is between the offset and the end; less if the file has become shorter. */
static int read_end(const char *path, int descriptor, off_t from, char *bytes, size_t size, size_t *length) {
    *length = 0;
    while (*length < size) {
        ssize_t got = pread(descriptor, bytes + *length, size - *length, from + (off_t)*length);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail(EXIT_SYSTEM, "cannot read \"%s\": %s", path, strerror(errno));
        if (got == 0)
            break;
        *length += (size_t)got;
    }
    return 0;
}

/* Where the last `lines` lines begin; *passed says whether there are lines before. */
static size_t find_begin(const char *bytes, size_t length, size_t lines, bool *passed) {
    size_t end = length > 0 && bytes[length - 1] == '\n' ? length - 1 : length;
    for (size_t at = end; at > 0; at--)
        if (bytes[at - 1] == '\n' && --lines == 0) {
            *passed = true;
            return at;
        }
    return 0;
}

static void take_lines(const char *bytes, size_t length, void (*take)(void *context, const char *line, size_t length),
                       void *context) {
    for (size_t at = 0; at < length;) {
        const char *end = memchr(bytes + at, '\n', length - at);
        size_t line = end != NULL ? (size_t)(end - (bytes + at)) : length - at;
        if (line > 0)
            take(context, bytes + at, line);
        at += line + 1;
    }
}

int tail_read(const char *path, const struct tail_limits *limits,
              void (*take)(void *context, const char *line, size_t length), void *context, struct tail_result *result) {
    int descriptor = -1;
    off_t size = 0;
    char *bytes = NULL;
    size_t length = 0;
    *result = (struct tail_result){.whole = true};
    int status = open_lines(path, &descriptor, &size);
    if (status != 0 || descriptor < 0)
        goto out;
    result->found = true;
    size_t wanted = (uintmax_t)size > limits->bytes ? limits->bytes : (size_t)size;
    off_t from = size - (off_t)wanted;
    bytes = xmalloc(wanted + 1);
    status = read_end(path, descriptor, from, bytes, wanted, &length);
    if (status != 0)
        goto out;
    bool passed = from > 0;
    size_t begin = 0;
    if (from > 0) {
        /* The first line is a rest of one, unless the piece happens to begin behind a line break. */
        const char *end = memchr(bytes, '\n', length);
        begin = end != NULL ? (size_t)(end - bytes) + 1 : length;
    }
    begin += find_begin(bytes + begin, length - begin, limits->lines, &passed);
    result->whole = !passed;
    take_lines(bytes + begin, length - begin, take, context);
out:
    if (descriptor >= 0)
        close(descriptor);
    free(bytes);
    return status;
}

/* Adds what the block has of the line that is pending. Returns whether it ends in the block. */
static bool next_line(struct text *pending, const char *block, size_t length, size_t *at) {
    const char *end = memchr(block + *at, '\n', length - *at);
    size_t part = end != NULL ? (size_t)(end - (block + *at)) : length - *at;
    text_append(pending, block + *at, part);
    *at += part + (end != NULL ? 1 : 0);
    return end != NULL;
}

/* The pending line, if it is the one; else it is forgotten. */
static char *judge_line(struct text *pending, const char *part) {
    if (!pending->full && strstr(text_string(pending), part) != NULL)
        return text_take(pending);
    text_clear(pending);
    return NULL;
}

int tail_find(const char *path, const char *part, char **line) {
    int descriptor = -1;
    off_t size = 0;
    size_t length = 0;
    char *block = xmalloc(BLOCK);
    struct text pending = {.limit = LINE_LIMIT};
    *line = NULL;
    int status = open_lines(path, &descriptor, &size);
    if (status != 0 || descriptor < 0)
        goto out;
    for (off_t offset = 0; *line == NULL; offset += (off_t)length) {
        status = read_end(path, descriptor, offset, block, BLOCK, &length);
        if (status != 0 || length == 0)
            break;
        for (size_t at = 0; at < length && *line == NULL;)
            if (next_line(&pending, block, length, &at))
                *line = judge_line(&pending, part);
    }
    if (status == 0 && *line == NULL)
        *line = judge_line(&pending, part);
out:
    if (descriptor >= 0)
        close(descriptor);
    text_free(&pending);
    free(block);
    return status;
}
