/* The tables of push-lancers, and the checks that tables cannot express. */
#include <string.h>

#include "batch.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/stores/mysql_reader.h"
#include "nightshift/web/cloudsearch.h"
#include "query.h"
#include "settings.h"

enum { VERIFY_MOST = 1000 };

#define AT(member) offsetof(struct push_settings, member)

static const struct setting settings[] = {
    {.key = "query",
     .type = SETTING_SQL,
     .offset = AT(query),
     .flags = SETTING_REQUIRED,
     .help =
         "Statement that returns one page of rows, one row per document: those whose key is greater than {after}, "
         "sorted by the key, not more than {limit}. Example: SELECT id, name AS title FROM items WHERE id > {after} "
         "AND deleted = 0 ORDER BY id LIMIT {limit}. A column's name is the name of the document's field."},
    {.key = "document_id",
     .type = SETTING_TEXT,
     .offset = AT(document_id),
     .flags = SETTING_REQUIRED,
     .help = "The documents' ids, with the key's column in braces. Example: item_{id}"},
    {.key = "any_id",
     .type = SETTING_FLAG,
     .offset = AT(any_id),
     .fallback = "no",
     .help = "Whether ids may have any of the characters that one of the service's two rules allows (letters, digits "
             "and _-=#;:/?@&). Otherwise they are those which both allow: a to z, 0 to 9 and _."},
    {.key = "field.NAME",
     .type = SETTING_FAMILY,
     .offset = AT(fields),
     .help =
         "What becomes of the column NAME, where its type does not say it: skip; int, double, date, latlon, literal "
         "or text; TYPE-array split SEPARATOR (space, tab, comma, newline or any characters); date zone ZONE; "
         "literal empty omit. Example: field.skills = literal-array split ,"},
    {.key = "empty",
     .type = SETTING_CHOICE,
     .offset = AT(empty),
     .choices = "keep|omit",
     .fallback = "keep",
     .help = "What becomes of an empty string in a text or literal field without a rule of its own."},
    {.key = "wide",
     .type = SETTING_CHOICE,
     .offset = AT(wide),
     .choices = "keep|drop|replace",
     .fallback = "keep",
     .help = "What becomes of characters above U+FFFF (emoji, rare kanji), which the service's two descriptions allow "
             "and forbid. replace: each becomes U+FFFD."},
    {.key = "time_zone",
     .type = SETTING_TEXT,
     .offset = AT(time_zone),
     .help =
         "The zone of DATE and DATETIME columns; documents have UTC. Without it, that of [suite]. TIMESTAMP columns "
         "need none."},
    {.key = "page_rows",
     .type = SETTING_INTEGER,
     .offset = AT(page_rows),
     .fallback = "5000",
     .min = 1,
     .max = 100000,
     .help = "The most that {limit} asks for. Long rows make pages smaller."},
    {.key = "max_batch",
     .type = SETTING_SIZE,
     .offset = AT(max_batch),
     .fallback = "5000000",
     .min = BATCH_BYTES_MINIMUM,
     .max = BATCH_BYTES_LIMIT,
     .help = "The most bytes in one batch. The service allows 5 MB, and nobody says whether those are 5,000,000 or "
             "5,242,880."},
    {.key = "batch_interval",
     .type = SETTING_DURATION,
     .offset = AT(batch_interval),
     .fallback = "10s",
     .max = 3600000,
     .help = "The time from the beginning of one batch to that of the next. The service asks for 10 seconds."},
    {.key = "min_rows",
     .type = SETTING_INTEGER,
     .offset = AT(min_rows),
     .fallback = "1",
     .help = "Guard min_rows: fewer rows than this are not believed, and nothing is sent."},
    {.key = "max_delete",
     .type = SETTING_TEXT,
     .offset = AT(max_delete),
     .fallback = "10%",
     .help =
         "Guard max_delete: how many documents one run may delete, as a number or as a percentage of those that the "
         "domain holds."},
    {.key = "max_change",
     .type = SETTING_TEXT,
     .offset = AT(max_change),
     .fallback = "50%",
     .help = "Guard max_change: how many documents may get another content in one run, as a number or as a percentage. "
             "New documents do not count."},
    {.key = "verify_time",
     .type = SETTING_DURATION,
     .offset = AT(verify_time),
     .fallback = "5m",
     .max = 86400000,
     .help = "How long --verify waits until what was sent can be found."},
    {.key = NULL},
};

static char *check_ceiling(const char *key, const char *value) {
    struct push_ceiling ceiling;
    const char *problem = push_ceiling_parse(value, &ceiling);
    return problem != NULL ? xasprintf("\"%s\" is \"%s\": %s", key, value, problem) : NULL;
}

static char *check(const void *values) {
    const struct push_settings *push = values;
    char *problem = query_check(push->query);
    if (problem == NULL)
        problem = check_ceiling("max_delete", push->max_delete);
    return problem != NULL ? problem : check_ceiling("max_change", push->max_change);
}

const struct section push_section = {
    .name = "push-lancers",
    .size = sizeof(struct push_settings),
    .settings = settings,
    .help = "The documents of the CloudSearch domain, and how push-lancers makes them from rows.",
    .check = check,
};

#define OPTION(member) offsetof(struct push_options, member)

const struct option_spec push_options[] = {
    {"full", 0, OPTION_FLAG, OPTION(full), NULL, NULL, 0,
     "send all documents again, also those that have not changed or were refused"},
    {"only-ids", 0, OPTION_LIST, OPTION(only_ids), "KEYS", NULL, 0,
     "only the rows with these keys, separated by commas"},
    {"reconcile", 0, OPTION_FLAG, OPTION(reconcile), NULL, NULL, 0,
     "first ask the domain for the ids of all documents, and mend what was thought of it"},
    {"verify", 0, OPTION_TEXT, OPTION(verify), "N", NULL, 0,
     "afterwards look up N documents, taken at random, by searching for them"},
    {"accept", 0, OPTION_LIST, OPTION(accept), "GUARDS", NULL, 0, "let these guards pass for once: " PUSH_GUARD_NAMES},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

static int check_options(const struct push_options *options) {
    int64_t count = 0;
    for (size_t i = 0; i < options->accept.count; i++)
        if (push_guard_find(options->accept.items[i]) == PUSH_GUARD_COUNT)
            return fail(EXIT_USAGE, "--accept: there is no guard \"%s\"; there are " PUSH_GUARD_NAMES,
                        options->accept.items[i]);
    if (options->verify != NULL) {
        const char *problem = parse_integer(options->verify, &count);
        if (problem != NULL || count < 1 || count > VERIFY_MOST)
            return fail(EXIT_USAGE, "--verify takes a number from 1 to %d, not \"%s\"", VERIFY_MOST, options->verify);
    }
    if (options->reconcile && options->only_ids.count > 0)
        return fail(EXIT_USAGE, "--reconcile is about all documents and does not go with --only-ids");
    return 0;
}

/* Before anything is sent. */
static int check_search(const struct settings *all, const struct push_options *options) {
    const struct cloudsearch_settings *cloudsearch = settings_of(all, &cloudsearch_section);
    return options->verify == NULL || cloudsearch->search_endpoint != NULL
               ? 0
               : fail(EXIT_SETTINGS, "--verify searches in the domain and needs [cloudsearch] search_endpoint");
}

int push_prepare(const struct settings *all, const void *options) {
    int status = check_options(options);
    if (status == 0)
        status = check_search(all, options);
    return status != 0 ? status : database_reader_prepare(all);
}

void push_guards_from(const struct push_settings *push, const struct strings *accept, struct push_guards *guards) {
    *guards = (struct push_guards){.min_rows = push->min_rows};
    push_ceiling_parse(push->max_delete, &guards->max_delete);
    push_ceiling_parse(push->max_change, &guards->max_change);
    for (size_t i = 0; i < accept->count; i++)
        guards->waived[push_guard_find(accept->items[i])] = true;
}

int64_t push_verify_count(const struct push_options *options) {
    int64_t count = 0;
    if (options->verify != NULL)
        parse_integer(options->verify, &count);
    return count;
}
