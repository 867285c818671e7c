/* --json: what show.h says of the documents. */
#include <jansson.h>
#include <string.h>

#include "history.h"
#include "nightshift/base/clock.h"
#include "nightshift/report/json.h"
#include "show_private.h"

static json_t *make_day(int64_t day) {
    struct text name = {0};
    clock_add_day(&name, day);
    json_t *value = json_string(text_string(&name));
    text_free(&name);
    return value;
}

static void add_tally(json_t *object, const struct tally *tally) {
    json_object_set_new(object, "count", json_integer(tally->count));
    json_object_set_new(object, "total", report_json_seconds(tally->total));
    json_object_set_new(object, "worst", report_json_seconds(tally->worst));
}

/* What it is about: fingerprint, tables, feature, owner. */
static void add_subject(json_t *object, const struct site *site, const char *fingerprint,
                        const struct strings *tables) {
    const char *feature = NULL;
    const char *owner = NULL;
    static const struct strings none = {0};
    tables = tables != NULL ? tables : &none;
    site_find_feature(site, tables, &feature, &owner);
    json_object_set_new(object, "fingerprint", report_json_text(fingerprint));
    json_object_set_new(object, "tables", report_json_strings(tables));
    json_object_set_new(object, "feature", report_json_text(feature));
    json_object_set_new(object, "owner", report_json_text(owner));
}

static json_t *make_instances(const struct site *site) {
    json_t *array = json_array();
    for (size_t i = 0; i < site->instance_count; i++) {
        const struct site_instance *from = &site->instances[i];
        json_t *object = json_object();
        bool reached = from->reached;
        int64_t limit = from->rate_limit > 1 ? from->rate_limit : 1;
        json_object_set_new(object, "server", report_json_text(site_server(from)));
        json_object_set_new(object, "instance", report_json_text(from->name));
        json_object_set_new(object, "reached", json_boolean(reached));
        json_object_set_new(object, "writer", reached ? json_boolean(from->writer) : json_null());
        json_object_set_new(object, "logging", reached ? json_boolean(from->logging) : json_null());
        json_object_set_new(object, "rate_limit", reached ? json_integer(limit) : json_null());
        json_object_set_new(object, "long_query_time",
                            from->long_query_time >= 0 ? report_json_seconds(from->long_query_time) : json_null());
        json_object_set_new(object, "rows", json_integer(from->rows));
        json_object_set_new(object, "read_at", report_json_time(from->read_at));
        json_object_set_new(object, "backlog", from->backlog >= 0 ? json_integer(from->backlog) : json_null());
        json_object_set_new(object, "advise_rotation", json_boolean(from->advise_rotation));
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *make_group(const struct site *site, const struct group *group) {
    json_t *object = json_object();
    const char *server = NULL;
    for (size_t i = 0; i < site->instance_count; i++)
        if (site->instances[i].name != NULL && strcmp(site->instances[i].name, group->instance) == 0)
            server = site_server(&site->instances[i]);
    json_object_set_new(object, "server", report_json_text(server));
    json_object_set_new(object, "instance", report_json_text(group->instance));
    add_tally(object, &group->all);
    json_object_set_new(object, "lock_time", report_json_seconds(group->lock_time));
    json_object_set_new(object, "rows_examined", json_integer(group->rows_examined));
    json_object_set_new(object, "rows_sent", json_integer(group->rows_sent));
    json_object_set_new(object, "users", report_json_strings(&group->users));
    return object;
}

static json_t *make_finding(const struct show_input *input, const struct finding *finding) {
    json_t *object = json_object();
    json_t *instances = json_array();
    const struct group *slowest = NULL;
    for (size_t i = 0; i < finding->group_count; i++) {
        const struct group *group = finding->groups[i];
        json_array_append_new(instances, make_group(input->site, group));
        if (group->sample != NULL && (slowest == NULL || group->all.worst > slowest->all.worst))
            slowest = group;
    }
    json_object_set_new(object, "id", report_json_text(finding->id));
    json_object_set_new(object, "verdict", report_json_text(verdict_name(finding->verdict)));
    json_object_set_new(object, "reason", report_json_text(finding->reason));
    add_subject(object, input->site, finding->fingerprint,
                finding->group_count > 0 ? &finding->groups[0]->tables : NULL);
    add_tally(object, &finding->all);
    json_object_set_new(object, "median", report_json_seconds(finding->median));
    json_object_set_new(object, "rows_examined", json_integer(finding->rows_examined));
    json_object_set_new(object, "rows_sent", json_integer(finding->rows_sent));
    json_object_set_new(object, "first_seen", report_json_time(finding->first_seen));
    json_object_set_new(object, "instances", instances);
    if (input->samples)
        json_object_set_new(object, "sample", report_json_text(slowest != NULL ? slowest->sample : NULL));
    return object;
}

static json_t *make_row(const struct show_input *input, const struct history_row *row) {
    const struct known *known = row->known;
    json_t *object = json_object();
    json_t *days = json_array();
    json_t *recent = json_object();
    json_object_set_new(object, "id", report_json_text(known->id));
    json_object_set_new(object, "verdict", report_json_text(verdict_name(row->verdict)));
    json_object_set_new(object, "reason", report_json_text(row->mute != NULL ? row->mute->reason : NULL));
    add_subject(object, input->site, known->fingerprint, &known->tables);
    add_tally(object, &known->all);
    json_object_set_new(object, "first_seen", report_json_time(known->first_seen));
    json_object_set_new(object, "last_seen", report_json_time(known->last_seen));
    json_object_set_new(recent, "days", json_integer(HISTORY_RECENT_DAYS));
    add_tally(recent, &row->recent);
    json_object_set_new(object, "recent", recent);
    for (size_t i = 0; i < known->days.count; i++) {
        json_t *day = json_object();
        json_object_set_new(day, "day", make_day(known->days.items[i].day));
        add_tally(day, &known->days.items[i].tally);
        json_array_append_new(days, day);
    }
    json_object_set_new(object, "days", days);
    return object;
}

static json_t *begin(const struct show_input *input, const char *kind) {
    json_t *document = json_object();
    json_object_set_new(document, "kind", report_json_text(kind));
    json_object_set_new(document, "at", report_json_time(input->now));
    json_object_set_new(document, "instances", make_instances(input->site));
    return document;
}

void show_json_findings(const struct show_input *input, const struct findings *findings, FILE *out) {
    json_t *document = begin(input, "findings");
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count; i++)
        json_array_append_new(array, make_finding(input, &findings->items[i]));
    json_object_set_new(document, "findings", array);
    json_object_set_new(document, "gaps", report_json_strings(input->gaps));
    report_json_print(document, out);
}

void show_json_history(const struct show_input *input, const struct history_row *rows, size_t count, FILE *out) {
    json_t *document = begin(input, "history");
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, make_row(input, &rows[i]));
    json_object_set_new(document, "fingerprints", array);
    json_object_set_new(document, "gaps", report_json_strings(input->gaps));
    report_json_print(document, out);
}
