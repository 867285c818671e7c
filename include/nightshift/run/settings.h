/* The settings file. What may stand in it is described by tables: one `struct section` per [section], one `struct setting` per key, with the
 * place in a C struct where its value goes. Loading, checking, --print-config, the sample file and the manual page all work from these
 * tables and so cannot disagree. */
#ifndef NIGHTSHIFT_RUN_SETTINGS_H
#define NIGHTSHIFT_RUN_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "nightshift/base/text.h"

enum setting_type {
    SETTING_TEXT,       /* char *; NULL when absent */
    SETTING_PATH,       /* char *; relative to the directory of the settings file */
    SETTING_SQL,        /* char *; may continue on indented lines */
    SETTING_LIST,       /* struct strings; separated by commas, may continue on indented lines */
    SETTING_FLAG,       /* bool */
    SETTING_INTEGER,    /* int64_t within min..max */
    SETTING_SIZE,       /* int64_t, bytes, within min..max */
    SETTING_DURATION,   /* int64_t, milliseconds, within min..max */
    SETTING_PERCENTAGE, /* double, percent, within min..max */
    SETTING_CHOICE,     /* int, the index of the word in `choices` */
    SETTING_FAMILY, /* struct setting_family; any number of keys: `key` is "field.NAME" in the table, "field.skills" in the file */
};

enum {
    SETTING_REQUIRED = 1, /* an error when it is not set */
    SETTING_SECRET = 2,   /* masked by --print-config; its file must be closed to other users */
};

struct setting {
    const char *key; /* NULL ends a table */
    enum setting_type type;
    size_t offset;        /* of the value in the section's struct */
    const char *fallback; /* the default, as one would write it in the file; NULL: none */
    const char *choices;  /* for SETTING_CHOICE: "int|string|json" */
    int64_t min, max;     /* inclusive; 0 and 0: any value from 0 on */
    unsigned flags;
    const char *help; /* one or two sentences */
};

/* The keys of one family in the order of the file: what stands behind the dot, and the value as it is written. */
struct setting_family {
    struct strings names;
    struct strings values;
};

struct section {
    const char *name;
    const char *argument; /* NULL: [name], once. "NAME": [name NAME], any number of times */
    size_t size;          /* of the struct that the values go into */
    const struct setting *settings;
    const char *help;
    /* Checks combinations within one section: NULL, or the reason why they cannot be (allocated, freed by the caller). May be NULL. */
    char *(*check)(const void *values);
};

struct settings;

/* Reads `path` and the files that [suite] include names, and logs every problem found, each with file and line. `sections` ends with NULL.
 * Returns 0, EXIT_SETTINGS, or EXIT_DENIED when a file that holds a secret is open to others. */
int settings_load(const char *path, const struct section *const *sections, struct settings **out);
void settings_free(struct settings *settings);

/* The values of a section without an argument: filled with defaults if the file does not have it. */
const void *settings_of(const struct settings *settings, const struct section *section);

/* The [name NAME] sections in the order of the file. */
size_t settings_count(const struct settings *settings, const struct section *section);
const void *settings_at(const struct settings *settings, const struct section *section, size_t index,
                        const char **name);

const char *settings_path(const struct settings *settings);   /* of the main file */
const char *settings_digest(const struct settings *settings); /* XXH3-128 over all files read, hexadecimal */

/* Logs a problem with a section that the tables cannot express, with the section's file and line. Returns EXIT_SETTINGS. */
int settings_problem(const struct settings *settings, const struct section *section, size_t index, const char *format,
                     ...) PRINTF_LIKE(4, 5);

/* --print-config: every value with where it comes from ("nightshift.ini:12" or "default"), secrets masked. */
void settings_print(const struct settings *settings, FILE *out);

/* --print-config=sample: a commented file of all sections and keys; --print-config=manual: the same as mdoc(7) list items. */
void settings_print_sample(const struct section *const *sections, FILE *out);
void settings_print_manual(const struct section *const *sections, FILE *out);

#endif
