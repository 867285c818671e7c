/* [feature NAME]: what the site is made of, as its people see it. report-features and prune-features work on it; other
 * jobs use it to say whose a thing is. */
#ifndef NIGHTSHIFT_RUN_FEATURE_H
#define NIGHTSHIFT_RUN_FEATURE_H

#include "nightshift/run/settings.h"

struct feature_settings {
    char *owner;
    char *contact;
    char *why;
    struct strings tables;
};

extern const struct section feature_section;

/* The feature that one of the tables ("works", "marketplace.works") belongs to, and its owner: that of the earliest table that any feature
 * claims, and of several features that claim it the first in the file. Both are NULL when none does; an owner that is not
 * given is NULL too. They belong to the settings. */
void feature_of_tables(const struct settings *settings, const struct strings *tables, const char **name,
                       const char **owner);

#endif
