/* The tables of watch-slow-queries, and the checks that tables cannot express. */
#include <ctype.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/sql/fingerprint.h"
#include "settings.h"

#define AT(member) offsetof(struct watch_settings, member)

static const struct setting settings[] = {
    {.key = "mode",
     .type = SETTING_CHOICE,
     .offset = AT(mode),
     .fallback = "position",
     .choices = "position|rotate|rds",
     .help = "How mysql.slow_log is read. position: only with SELECT, remembering how many rows were read; somebody "
             "else has to keep the table small. rotate: the same, and a table that has grown to rotate_after rows is "
             "moved away with RENAME, read to its end and dropped. rds: the same with mysql.rds_rotate_slow_log, for "
             "RDS and Aurora."},
    {.key = "start",
     .type = SETTING_CHOICE,
     .offset = AT(start),
     .fallback = "beginning",
     .choices = "beginning|end",
     .help = "Where an instance is begun that was never read before: at the first row of its table, or behind the "
             "last one."},
    {.key = "rotate_after",
     .type = SETTING_INTEGER,
     .offset = AT(rotate_after),
     .fallback = "10000",
     .min = 1,
     .max = 1000000000,
     .help = "Rows after which the table is rotated. The table has no index: every run goes over all of its rows."},
    {.key = "max_rows",
     .type = SETTING_INTEGER,
     .offset = AT(max_rows),
     .fallback = "100000",
     .min = 1,
     .max = 10000000,
     .help = "Rows that one run reads of each instance. What is left is read by the next runs, and reported."},
    {.key = "batch_rows",
     .type = SETTING_INTEGER,
     .offset = AT(batch_rows),
     .fallback = "10000",
     .min = 1,
     .max = 1000000,
     .help = "Rows after which what was read is made permanent."},
    {.key = "max_time",
     .type = SETTING_DURATION,
     .offset = AT(max_time),
     .fallback = "30s",
     .min = 1000,
     .max = 86400000,
     .help = "After this time a run begins no further batch. Less than the interval between two runs is right."},
    {.key = "max_query",
     .type = SETTING_SIZE,
     .offset = AT(max_query),
     .fallback = "64KiB",
     .min = 1024,
     .max = 1048576,
     .help = "Bytes of a query that are read. The fingerprint of a longer one is that of its beginning."},
    {.key = "ignore_users",
     .type = SETTING_LIST,
     .offset = AT(ignore_users),
     .help = "MySQL users whose queries are passed over, such as the one that makes the backups."},
    {.key = "samples",
     .type = SETTING_FLAG,
     .offset = AT(samples),
     .fallback = "no",
     .help = "Whether notices show the slowest query as it was, with its values: names, addresses and tokens of your "
             "users among them. Without it no value leaves the database."},
    {.key = "tell",
     .type = SETTING_LIST,
     .offset = AT(tell),
     .fallback = "new, worse",
     .help = "Of which queries a notice tells, each by its fingerprint. new: never seen before. worse: today more "
             "often, longer or slower than on any day before. known: all others. What is not told is summed up."},
    {.key = "max_groups",
     .type = SETTING_INTEGER,
     .offset = AT(max_groups),
     .fallback = "10",
     .min = 1,
     .max = 100,
     .help = "Fingerprints in one notice; the worst come first, the rest is counted."},
    {.key = "worse",
     .type = SETTING_PERCENTAGE,
     .offset = AT(worse),
     .fallback = "200%",
     .min = 101,
     .help = "How a day must compare with the worst day before for a query to be worse."},
    {.key = "worse_count",
     .type = SETTING_INTEGER,
     .offset = AT(worse_count),
     .fallback = "10",
     .min = 1,
     .max = 1000000000,
     .help = "A day with fewer queries of a fingerprint is never worse for their number or their total time."},
    {.key = "max_fingerprints",
     .type = SETTING_INTEGER,
     .offset = AT(max_fingerprints),
     .fallback = "2000",
     .min = 10,
     .max = 20000,
     .help = "Fingerprints that are remembered. Those that were not seen for the longest time are forgotten first."},
    {.key = "forget",
     .type = SETTING_DURATION,
     .offset = AT(forget),
     .fallback = "90d",
     .min = 86400000,
     .help = "A fingerprint that was not seen for so long is forgotten, and new when it comes back."},
    {.key = NULL},
};

static char *check(const void *values) {
    static const char *const words[] = {"new", "worse", "known"};
    const struct watch_settings *watch = values;
    for (size_t i = 0; i < watch->tell.count; i++) {
        bool found = false;
        for (size_t j = 0; j < LENGTH_OF(words); j++)
            found = found || strcmp(watch->tell.items[i], words[j]) == 0;
        if (!found)
            return xasprintf("\"tell\" takes new, worse and known, not \"%s\"", watch->tell.items[i]);
    }
    return NULL;
}

const struct section watch_section = {
    .name = "watch-slow-queries",
    .size = sizeof(struct watch_settings),
    .settings = settings,
    .help = "How watch-slow-queries reads mysql.slow_log of every server in [mysql], and what it tells.",
    .check = check,
};

static const struct setting mute[] = {
    {.key = "reason",
     .type = SETTING_TEXT,
     .offset = offsetof(struct mute_settings, reason),
     .flags = SETTING_REQUIRED,
     .help = "Why nobody needs to hear of it, and what is being done."},
    {.key = "until",
     .type = SETTING_TEXT,
     .offset = offsetof(struct mute_settings, until),
     .flags = SETTING_REQUIRED,
     .help = "The last day on which it is quiet, such as 2026-12-31."},
    {.key = NULL},
};

static char *check_mute(const void *values) {
    const struct mute_settings *given = values;
    int64_t day = 0;
    const char *problem = given->until != NULL ? parse_day(given->until, &day) : NULL;
    return problem != NULL ? xasprintf("\"until\" is %s", problem) : NULL;
}

const struct section mute_section = {
    .name = "mute",
    .argument = "ID",
    .size = sizeof(struct mute_settings),
    .settings = mute,
    .help = "A query that watch-slow-queries keeps quiet about, by the 32 digits of its fingerprint's id as notices "
            "and pt-query-digest show them. It is counted all the same.",
    .check = check_mute,
};

const struct option_spec watch_options[] = {
    {"list", 0, OPTION_FLAG, offsetof(struct watch_options, list), NULL, NULL, OPTION_READ_ONLY,
     "show all fingerprints that are remembered, and read nothing"},
    {"json", 0, OPTION_FLAG, offsetof(struct watch_options, json), NULL, NULL, 0,
     "print what was found, or the --list, as JSON"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

static bool is_fingerprint_id(const char *name) {
    size_t digits = 0;
    while (isxdigit((unsigned char)name[digits]))
        digits++;
    return digits == FINGERPRINT_ID_SIZE - 1 && name[digits] == '\0';
}

int watch_prepare(const struct settings *all, const void *options) {
    (void)options;
    int status = 0;
    for (size_t i = 0; i < settings_count(all, &mute_section); i++) {
        const char *name = NULL;
        settings_at(all, &mute_section, i, &name);
        if (!is_fingerprint_id(name))
            status =
                settings_problem(all, &mute_section, i, "\"%s\" is not a fingerprint's id of %d hexadecimal digits",
                                 name, FINGERPRINT_ID_SIZE - 1);
    }
    return status;
}
