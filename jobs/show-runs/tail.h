/* The last lines of a file that may be of any size, in bounded memory. */
#ifndef NIGHTSHIFT_SHOW_RUNS_TAIL_H
#define NIGHTSHIFT_SHOW_RUNS_TAIL_H

#include <stdbool.h>
#include <stddef.h>

struct tail_limits {
    size_t bytes; /* at most so many of the file's end are read */
    size_t lines; /* and at most so many of its last lines are taken */
};

struct tail_result {
    bool found; /* there is such a file */
    bool whole; /* every line of it was taken; also when there is none */
};

/* Calls `take` with each of the last lines, in the order of the file, without their line breaks. A line that begins before
 * what is read is passed over; a last line without its line break is a line too. Returns 0; or logs and returns EXIT_DENIED,
 * or EXIT_SYSTEM for a file that cannot be read. */
int tail_read(const char *path, const struct tail_limits *limits,
              void (*take)(void *context, const char *line, size_t length), void *context, struct tail_result *result);

/* The first line of the file that has `part` in it. All of the file may be read, in blocks; a line longer than 16 MiB is
 * passed over. *line is NULL if there is none, else freed by the caller. Errors as above. */
int tail_find(const char *path, const char *part, char **line);

#endif
