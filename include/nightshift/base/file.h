/* Files that other processes read, and files that hold secrets. Functions return 0 or an exit code, and log the reason themselves. */
#ifndef NIGHTSHIFT_BASE_FILE_H
#define NIGHTSHIFT_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "nightshift/base/text.h"

/* Replaces `path` by a file with this content, whole or not at all: written beside its place, flushed to disk, renamed, and the directory
 * flushed too. EXIT_CANNOT_WRITE, with the old file untouched. */
int file_replace(const char *path, const void *bytes, size_t length, mode_t mode);

/* Reads a regular file of at most content->limit bytes. A missing file is no error where the caller gives `found` (then false), else
 * EXIT_SETTINGS; EXIT_DENIED when modes forbid it. */
int file_read(const char *path, struct text *content, bool *found);

/* Reads a secret: the file must be regular, belong to us or to root, and be closed to group and others (else EXIT_DENIED); the last line
 * break is dropped. Directories above it must not be writable by others, unless sticky. "fd:N" reads an inherited descriptor instead. At most
 * 64 KiB. */
int file_read_secret(const char *path, struct text *content);

/* The checks of file_read_secret() on an open file: EXIT_DENIED with a hint, or 0. `what` names it in the message. */
int file_check_private(int descriptor, const char *path, const char *what);

/* Creates the directory (not its parents) with mode 0700 if it is not there; EXIT_CANNOT_WRITE. */
int file_ensure_directory(const char *path);

/* Removes what a file_replace() that was killed left behind in the directory, of files whose names begin with `prefix`. Only for whoever is
 * the only one to write such files just now. */
void file_sweep(const char *directory, const char *prefix);

/* Appends one line with a single write. If an earlier line was cut short by a crash, starts on a new line. EXIT_CANNOT_WRITE. */
int file_append_line(const char *path, const char *line, size_t length, mode_t mode);

/* For files that are written in pieces. Both return 0, or -1 with errno: writes all bytes, however many calls it takes; flushes the directory
 * that a path is in, without which a rename or a new file is not on disk. */
int file_write_all(int descriptor, const void *bytes, size_t length);
int file_flush_parent(const char *path);

#endif
