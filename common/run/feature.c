/* The [feature NAME] section. */
#include <fnmatch.h>
#include <string.h>

#include "nightshift/run/feature.h"

#define AT(member) offsetof(struct feature_settings, member)

static const struct setting settings[] = {
    {.key = "owner", .type = SETTING_TEXT, .offset = AT(owner), .help = "Person or team that answers for it."},
    {.key = "contact",
     .type = SETTING_TEXT,
     .offset = AT(contact),
     .help = "How to reach them: a room, a mail address."},
    {.key = "why", .type = SETTING_TEXT, .offset = AT(why), .help = "Why it exists, in a sentence."},
    {.key = "tables",
     .type = SETTING_LIST,
     .offset = AT(tables),
     .help = "Its tables, with * and ? for any characters. A name without a database stands for the table in any "
             "database. A table that several features name counts for the first of them."},
    {.key = NULL},
};

const struct section feature_section = {
    .name = "feature",
    .argument = "NAME",
    .size = sizeof(struct feature_settings),
    .settings = settings,
    .help = "A feature of the site: who owns it and what it consists of. There may be any number of these sections.",
};

static bool claims(const struct feature_settings *feature, const char *table) {
    const char *dot = strchr(table, '.');
    for (size_t i = 0; i < feature->tables.count; i++) {
        const char *pattern = feature->tables.items[i];
        const char *name = strchr(pattern, '.') == NULL && dot != NULL ? dot + 1 : table;
        if (fnmatch(pattern, name, 0) == 0)
            return true;
    }
    return false;
}

void feature_of_tables(const struct settings *all, const struct strings *tables, const char **name,
                       const char **owner) {
    *name = NULL;
    *owner = NULL;
    for (size_t i = 0; i < tables->count; i++)
        for (size_t j = 0; j < settings_count(all, &feature_section); j++) {
            const char *found = NULL;
            const struct feature_settings *feature = settings_at(all, &feature_section, j, &found);
            if (claims(feature, tables->items[i])) {
                *name = found;
                *owner = feature->owner;
                return;
            }
        }
}
