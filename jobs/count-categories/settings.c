/* The tables of count-categories, and the checks that tables cannot express. */
#include <string.h>

#include "guards.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/stores/mysql_reader.h"
#include "settings.h"

#define AT(member) offsetof(struct count_settings, member)

static const struct setting settings[] = {
    {.key = "query",
     .type = SETTING_SQL,
     .offset = AT(query),
     .flags = SETTING_REQUIRED,
     .help = "Statement that returns two columns, category id and count, with one row per category."},
    {.key = "categories",
     .type = SETTING_SQL,
     .offset = AT(categories),
     .help = "Statement that returns the ids of all categories and, for roll_up, their parents' ids as a second "
             "column. A category without a row in the query is published as 0; a row for a category that is not listed "
             "here trips the guard unknown. Without this setting only the ids that the query returns are published."},
    {.key = "roll_up",
     .type = SETTING_FLAG,
     .offset = AT(roll_up),
     .fallback = "no",
     .help = "Whether a category's count includes the counts of all categories below it."},
    {.key = "key",
     .type = SETTING_TEXT,
     .offset = AT(key),
     .help = "Key of each category's count, as the application names it, with {id} for the category's id. Example: "
             "Category.Count/{id}"},
    {.key = "map_key",
     .type = SETTING_TEXT,
     .offset = AT(map_key),
     .help = "Key of one map that holds all counts. It is written after the single keys, and a page that reads it "
             "changes from all old to all new counts in one step."},
    {.key = "generated_at",
     .type = SETTING_TEXT,
     .offset = AT(generated_at),
     .help = "Key of the time of the counts, in Unix seconds. It is written last, and only when all else is in place, "
             "so that pages and monitors can see how old the data is."},
    {.key = "value",
     .type = SETTING_CHOICE,
     .offset = AT(value),
     .choices = VALUE_FORMAT_CHOICES,
     .fallback = "int",
     .help = "What PHP's get() returns for a count. int: an int. string: a string of digits. serialized: an int, "
             "stored as serialize() writes it. json: text for json_decode(). The map is an array, or with json text."},
    {.key = "ttl",
     .type = SETTING_DURATION,
     .offset = AT(ttl),
     .fallback = "2d",
     .min = 2000,
     .max = 157680000000,
     .help = "How long memcached keeps a value that no later run replaces. Several times the interval between runs is "
             "right."},
    {.key = "total",
     .type = SETTING_SQL,
     .offset = AT(total),
     .help = "Statement that returns one number, counted in another way, which the sum of the query's counts must "
             "match (guard total)."},
    {.key = "max_total_difference",
     .type = SETTING_PERCENTAGE,
     .offset = AT(max_total_difference),
     .fallback = "0%",
     .max = 100,
     .help = "Guard total: how far the two sums may be apart."},
    {.key = "min_total",
     .type = SETTING_INTEGER,
     .offset = AT(min_total),
     .fallback = "1",
     .help = "Guard minimum: the smallest sum of all counts that is believed."},
    {.key = "max_drop",
     .type = SETTING_PERCENTAGE,
     .offset = AT(max_drop),
     .fallback = "20%",
     .max = 100,
     .help = "Guard drop: how far the sum may fall below the one published last."},
    {.key = "max_rise",
     .type = SETTING_PERCENTAGE,
     .offset = AT(max_rise),
     .fallback = "50%",
     .help = "Guard rise: how far the sum may rise above the one published last."},
    {.key = "many",
     .type = SETTING_INTEGER,
     .offset = AT(many),
     .fallback = "10",
     .min = 1,
     .help = "Guard zero watches the categories whose last published count was at least this. Guard changed overlooks "
             "differences below it."},
    {.key = "max_zeroed",
     .type = SETTING_INTEGER,
     .offset = AT(max_zeroed),
     .fallback = "0",
     .help = "Guard zero: how many of the watched categories may fall to zero at once."},
    {.key = "changed_by",
     .type = SETTING_PERCENTAGE,
     .offset = AT(changed_by),
     .fallback = "50%",
     .help =
         "Guard changed: a category has changed when its count is more than this away from the one published last."},
    {.key = "max_changed",
     .type = SETTING_PERCENTAGE,
     .offset = AT(max_changed),
     .fallback = "30%",
     .max = 100,
     .help = "Guard changed: how large a part of the categories may have changed at once."},
    {.key = "max_unknown",
     .type = SETTING_INTEGER,
     .offset = AT(max_unknown),
     .fallback = "0",
     .help = "Guard unknown: how many rows of the query may name a category that is not listed by categories. Such "
             "rows are left out."},
    {.key = NULL},
};

static char *check(const void *values) {
    const struct count_settings *count = values;
    if (count->key == NULL && count->map_key == NULL)
        return xstrdup("needs a \"key\", a \"map_key\" or both");
    if (count->key != NULL && strstr(count->key, "{id}") == NULL)
        return xstrdup("\"key\" must contain {id}, or all categories would share one key");
    if ((count->map_key != NULL && strchr(count->map_key, '{') != NULL) ||
        (count->generated_at != NULL && strchr(count->generated_at, '{') != NULL))
        return xstrdup("\"map_key\" and \"generated_at\" are one key each and take no {...}");
    if (count->roll_up && count->categories == NULL)
        return xstrdup("\"roll_up\" needs \"categories\" with the parents' ids as second column");
    return NULL;
}

const struct section count_section = {
    .name = "count",
    .argument = "NAME",
    .size = sizeof(struct count_settings),
    .settings = settings,
    .help = "Counts that count-categories publishes. There may be any number of these sections. All are counted in one "
            "snapshot, and when a guard refuses one of them, none is published.",
    .check = check,
};

const struct option_spec count_options[] = {
    {"only", 0, OPTION_LIST, offsetof(struct count_options, only), "NAME", NULL, 0,
     "only this [count NAME]; may be given several times"},
    {"accept", 0, OPTION_LIST, offsetof(struct count_options, accept), "GUARD", NULL, 0,
     "publish although this guard refuses (" GUARD_NAMES "); goes into the record"},
    {"verify", 0, OPTION_FLAG, offsetof(struct count_options, verify), NULL, NULL, OPTION_READ_ONLY,
     "compare the cache with fresh counts; exit 1 when they differ"},
    {"explain", 0, OPTION_TEXT, offsetof(struct count_options, explain), "KEY", NULL, OPTION_READ_ONLY,
     "show full key, node, value and flags of a key as the application names it"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

bool count_is_wanted(const struct count_options *options, const char *name) {
    return options->only.count == 0 || strings_contain(&options->only, name);
}

int count_prepare(const struct settings *all, const void *given) {
    const struct count_options *options = given;
    size_t count = settings_count(all, &count_section);
    if (count == 0)
        return settings_problem(all, &count_section, 0, "there is nothing to do; add a [count NAME]");
    if (database_reader_prepare(all) != 0)
        return EXIT_SETTINGS;
    for (size_t i = 0; i < options->accept.count; i++)
        if (!guard_exists(options->accept.items[i]))
            return fail(EXIT_USAGE, "option --accept: there is no guard \"%s\"; they are " GUARD_NAMES,
                        options->accept.items[i]);
    for (size_t i = 0; i < options->only.count; i++) {
        bool found = false;
        for (size_t j = 0; j < count; j++) {
            const char *name = NULL;
            settings_at(all, &count_section, j, &name);
            found = found || strcmp(name, options->only.items[i]) == 0;
        }
        if (!found)
            return fail(EXIT_USAGE, "option --only: there is no [count %s]", options->only.items[i]);
    }
    return 0;
}
