/* Reading an INI file line by line. inih splits the lines; everything that it would pass over in silence is caught before it sees a line:
 * lines too long for its buffer (Debian's inih 55 cuts them at 199 bytes and reads the rest as a new line), NUL bytes, invalid UTF-8, lines
 * that continue nothing, and files that are not files. */
#ifndef NIGHTSHIFT_RUN_INI_H
#define NIGHTSHIFT_RUN_INI_H

#include <stdbool.h>
#include <stddef.h>

struct ini_entry {
    size_t section; /* index into sections */
    char *key;
    char *value;
    const char *file;
    int line;
    bool continued; /* the value goes on over indented lines, joined by line breaks */
};

struct ini_section {
    char *name;     /* "count" of [count works] */
    char *argument; /* "works", or NULL */
    const char *file;
    int line;
};

/* All files read so far; grows with each ini_read(). */
struct ini {
    struct ini_section *sections;
    size_t section_count;
    struct ini_entry *entries;
    size_t entry_count;
    char **files; /* names as used in messages */
    size_t file_count;
    size_t problems; /* logged so far */
    void *digest;    /* XXH3 state over the bytes of all files */
};

/* Longest line, in bytes, that Debian's inih takes whole. */
enum { INI_LINE_MAX = 198, INI_SECTION_MAX = 48 };

/* Reads one more file. Problems are logged as "file:line: message" and counted in ini->problems. Returns 0, or the status of a file that
 * could not be read at all. */
int ini_read(struct ini *ini, const char *path);

/* Logs a problem and counts it. */
void ini_problem(struct ini *ini, const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* The digest over all files read, as 32 hexadecimal digits. */
void ini_digest(const struct ini *ini, char out[33]);

void ini_free(struct ini *ini);

#endif
