/* The settings and options of count-categories. */
#ifndef COUNT_CATEGORIES_SETTINGS_H
#define COUNT_CATEGORIES_SETTINGS_H

#include "nightshift/run/options.h"
#include "nightshift/run/settings.h"
#include "nightshift/stores/memcached_value.h"

/* One [count NAME]. */
struct count_settings {
    char *query;        /* category id, count */
    char *categories;   /* category id, and optionally its parent's id; NULL: only ids that `query` returns */
    bool roll_up;       /* a category's count includes those of all categories below it */
    char *key;          /* template with {id}; NULL: no key per category */
    char *map_key;      /* NULL: no map */
    char *generated_at; /* key of the time of the counts; NULL: none */
    int value;          /* enum value_format */
    int64_t ttl;        /* milliseconds */
    char *total;        /* query of one number that the counts must add up to; NULL: none */
    /* Guards; see guards.h. */
    int64_t min_total;
    double max_drop, max_rise, max_changed, changed_by, max_total_difference;
    int64_t many, max_unknown, max_zeroed;
};

extern const struct section count_section;

struct count_options {
    const char *explain;
    bool verify;
    struct strings only;
    struct strings accept;
};

extern const struct option_spec count_options[];

/* Checks options against settings, and what two sections must agree on. Logs; 0, EXIT_SETTINGS or EXIT_USAGE. */
int count_prepare(const struct settings *settings, const void *options);

/* Whether --only leaves this count in. */
bool count_is_wanted(const struct count_options *options, const char *name);

#endif
