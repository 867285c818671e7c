/* What settings.c and settings_print.c share. */
#ifndef NIGHTSHIFT_RUN_SETTINGS_PRIVATE_H
#define NIGHTSHIFT_RUN_SETTINGS_PRIVATE_H

#include "nightshift/run/ini.h"
#include "nightshift/run/settings.h"

#define SETTINGS_NONE ((size_t)-1)

/* The values of one [section] of the file, or of one that the file does not have. */
struct bound {
    const struct section *section;
    const char *name; /* of [section NAME]; belongs to the ini */
    size_t found;     /* index into ini.sections, or SETTINGS_NONE */
    void *values;
    size_t *origins; /* per setting: index into ini.entries, or SETTINGS_NONE for the default */
};

struct settings {
    char *path;
    struct ini ini;
    char digest[33];
    struct bound *bound;
    size_t bound_count;
};

size_t settings_length(const struct section *section);

/* Whether a key of the file is this setting's. */
bool settings_key_is(const struct setting *setting, const char *key);

#endif
