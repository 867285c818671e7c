/* The settings and options of push-lancers. */
#ifndef PUSH_LANCERS_SETTINGS_H
#define PUSH_LANCERS_SETTINGS_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/run/options.h"
#include "nightshift/run/settings.h"
#include "push_guards.h"

/* [push-lancers] */
struct push_settings {
    char *query;
    char *document_id;
    bool any_id;
    struct setting_family fields; /* field.NAME = rule, see document.h */
    int empty;                    /* 0: keep, 1: omit */
    int wide;                     /* enum document_wide */
    char *time_zone;              /* NULL: that of [suite] */
    int64_t page_rows;
    int64_t max_batch;
    int64_t batch_interval; /* milliseconds, as are all times */
    int64_t min_rows;
    char *max_delete;
    char *max_change;
    int64_t verify_time;
};

extern const struct section push_section;

struct push_options {
    bool full;
    bool reconcile;
    struct strings only_ids;
    struct strings accept;
    const char *verify; /* how many documents; NULL: none */
};

extern const struct option_spec push_options[];

/* For struct job. */
int push_prepare(const struct settings *settings, const void *options);

/* What the settings and --accept say, which push_prepare() has found right. */
void push_guards_from(const struct push_settings *settings, const struct strings *accept, struct push_guards *guards);

/* --verify; 0 when it is absent. */
int64_t push_verify_count(const struct push_options *options);

#endif
