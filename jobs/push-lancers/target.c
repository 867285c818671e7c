/* Opening what a run works with, in the order in which mistakes are cheapest to find. */
#include <stdlib.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/mysql_reader.h"
#include "rows.h"
#include "target.h"

/* A list that GROUP_CONCAT() cuts is cut with a warning only, and the documents would lose values: the default is 1,024 bytes. */
static const char *const session = "SET SESSION group_concat_max_len = 16777216";

static int open_database(struct run *run, struct target *target) {
    const struct mysql_settings *mysql = settings_of(run->settings, &mysql_section);
    const struct database_client client = {.job = run->job->name, .run_id = run->id};
    struct reader_choice choice = {0};
    int status = database_open_reader(mysql, &client, &target->database, &choice);
    if (status == 0) {
        const struct server_identity *identity = database_identity(target->database);
        record_set(run->record, "inputs.server",
                   json_pack("{s:s, s:s, s:s, s:b, s:I}", "address", choice.server, "host", identity->hostname,
                             "version", identity->version_text, "writer", choice.writer, "lag_ms",
                             (json_int_t)choice.lag));
        status = database_run(target->database, session, NULL, NULL);
    }
    reader_choice_free(&choice);
    return status;
}

static int make_plan(struct run *run, struct target *target) {
    const struct push_settings *settings = target->settings;
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    const struct document_rules rules = {
        .origin = "[push-lancers]",
        .document_id = settings->document_id,
        .any_id = settings->any_id,
        .omit_empty = settings->empty == 1,
        .wide = (enum document_wide)settings->wide,
        .zone = settings->time_zone != NULL ? settings->time_zone : suite->time_zone,
    };
    size_t count = settings->fields.names.count;
    struct document_override *overrides = xcalloc(count + 1, sizeof *overrides);
    for (size_t i = 0; i < count; i++)
        overrides[i] = (struct document_override){settings->fields.names.items[i], settings->fields.values.items[i]};
    int status =
        document_plan_make(&rules, target->columns.items, target->columns.count, overrides, count, &target->plan);
    free(overrides);
    return status;
}

int target_open(struct run *run, struct target *target) {
    const struct cloudsearch_settings *cloudsearch = settings_of(run->settings, &cloudsearch_section);
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    target->settings = settings_of(run->settings, &push_section);
    if (cloudsearch->document_endpoint == NULL)
        return fail(EXIT_SETTINGS, "[cloudsearch] needs \"document_endpoint\"");
    int status = cloudsearch_open(cloudsearch, NULL, &target->cloudsearch);
    if (status == 0)
        status = open_database(run, target);
    if (status == 0)
        status = row_columns_load(target->database, target->settings->query, "[push-lancers] query", &target->columns);
    if (status == 0)
        status = make_plan(run, target);
    if (status != 0)
        return status;
    const char *domain = cloudsearch_domain(target->cloudsearch);
    target->domain = domain != NULL ? domain : "domain";
    struct hash fingerprint = document_fingerprint(target->plan, cloudsearch->document_endpoint);
    settle_init(&target->settle, suite->state_dir, target->domain, &fingerprint);
    return 0;
}

void target_close(struct target *target) {
    settle_free(&target->settle);
    document_plan_free(target->plan);
    row_columns_free(&target->columns);
    database_close(target->database);
    cloudsearch_close(target->cloudsearch);
}
