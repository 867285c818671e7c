/* --json: what show.h says of the documents. */
#include <jansson.h>
#include <string.h>

#include "history.h"
#include "nightshift/base/clock.h"
#include "show_private.h"

/* Only valid UTF-8 can be a JSON string; what is none is made printable. NULL becomes null. */
static json_t *make_string(const char *string) {
    if (string == NULL)
        return json_null();
    json_t *value = json_string(string);
    if (value != NULL)
        return value;
    struct text clean = {0};
    text_append_printable(&clean, string, strlen(string));
    value = json_string(text_string(&clean));
    text_free(&clean);
    return value;
}

static json_t *make_seconds(int64_t microseconds) {
    return json_real((double)microseconds / 1e6);
}

static json_t *make_time(int64_t milliseconds) {
    if (milliseconds == 0)
        return json_null();
    struct text time = {0};
    clock_add_local(&time, milliseconds);
    json_t *value = json_string(text_string(&time));
    text_free(&time);
    return value;
}

static json_t *make_day(int64_t day) {
    struct text name = {0};
    clock_add_day(&name, day);
    json_t *value = json_string(text_string(&name));
    text_free(&name);
    return value;
}

static json_t *make_strings(const struct strings *strings) {
    json_t *array = json_array();
    for (size_t i = 0; strings != NULL && i < strings->count; i++)
        json_array_append_new(array, make_string(strings->items[i]));
    return array;
}

static void add_tally(json_t *object, const struct tally *tally) {
    json_object_set_new(object, "count", json_integer(tally->count));
    json_object_set_new(object, "total", make_seconds(tally->total));
    json_object_set_new(object, "worst", make_seconds(tally->worst));
}

/* What it is about: fingerprint, tables, feature, owner. */
static void add_subject(json_t *object, const struct site *site, const char *fingerprint,
                        const struct strings *tables) {
    const char *feature = NULL;
    const char *owner = NULL;
    static const struct strings none = {0};
    tables = tables != NULL ? tables : &none;
    site_find_feature(site, tables, &feature, &owner);
    json_object_set_new(object, "fingerprint", make_string(fingerprint));
    json_object_set_new(object, "tables", make_strings(tables));
    json_object_set_new(object, "feature", make_string(feature));
    json_object_set_new(object, "owner", make_string(owner));
}

static json_t *make_instances(const struct site *site) {
    json_t *array = json_array();
    for (size_t i = 0; i < site->instance_count; i++) {
        const struct site_instance *from = &site->instances[i];
        json_t *object = json_object();
        bool reached = from->reached;
        int64_t limit = from->rate_limit > 1 ? from->rate_limit : 1;
        json_object_set_new(object, "server", make_string(site_server(from)));
        json_object_set_new(object, "instance", make_string(from->name));
        json_object_set_new(object, "reached", json_boolean(reached));
        json_object_set_new(object, "writer", reached ? json_boolean(from->writer) : json_null());
        json_object_set_new(object, "logging", reached ? json_boolean(from->logging) : json_null());
        json_object_set_new(object, "rate_limit", reached ? json_integer(limit) : json_null());
        json_object_set_new(object, "long_query_time",
                            from->long_query_time >= 0 ? make_seconds(from->long_query_time) : json_null());
        json_object_set_new(object, "rows", json_integer(from->rows));
        json_object_set_new(object, "read_at", make_time(from->read_at));
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
    json_object_set_new(object, "server", make_string(server));
    json_object_set_new(object, "instance", make_string(group->instance));
    add_tally(object, &group->all);
    json_object_set_new(object, "lock_time", make_seconds(group->lock_time));
    json_object_set_new(object, "rows_examined", json_integer(group->rows_examined));
    json_object_set_new(object, "rows_sent", json_integer(group->rows_sent));
    json_object_set_new(object, "users", make_strings(&group->users));
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
    json_object_set_new(object, "id", make_string(finding->id));
    json_object_set_new(object, "verdict", make_string(verdict_name(finding->verdict)));
    json_object_set_new(object, "reason", make_string(finding->reason));
    add_subject(object, input->site, finding->fingerprint,
                finding->group_count > 0 ? &finding->groups[0]->tables : NULL);
    add_tally(object, &finding->all);
    json_object_set_new(object, "median", make_seconds(finding->median));
    json_object_set_new(object, "rows_examined", json_integer(finding->rows_examined));
    json_object_set_new(object, "rows_sent", json_integer(finding->rows_sent));
    json_object_set_new(object, "first_seen", make_time(finding->first_seen));
    json_object_set_new(object, "instances", instances);
    if (input->samples)
        json_object_set_new(object, "sample", make_string(slowest != NULL ? slowest->sample : NULL));
    return object;
}

static json_t *make_row(const struct show_input *input, const struct history_row *row) {
    const struct known *known = row->known;
    json_t *object = json_object();
    json_t *days = json_array();
    json_t *recent = json_object();
    json_object_set_new(object, "id", make_string(known->id));
    json_object_set_new(object, "verdict", make_string(verdict_name(row->verdict)));
    json_object_set_new(object, "reason", make_string(row->mute != NULL ? row->mute->reason : NULL));
    add_subject(object, input->site, known->fingerprint, &known->tables);
    add_tally(object, &known->all);
    json_object_set_new(object, "first_seen", make_time(known->first_seen));
    json_object_set_new(object, "last_seen", make_time(known->last_seen));
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
    json_object_set_new(document, "kind", make_string(kind));
    json_object_set_new(document, "at", make_time(input->now));
    json_object_set_new(document, "instances", make_instances(input->site));
    return document;
}

/* Durations have six digits behind the point, and 15 in all are what a double keeps. */
static void print(json_t *document, FILE *out) {
    json_dumpf(document, out, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    fputc('\n', out);
    json_decref(document);
}

void show_json_findings(const struct show_input *input, const struct findings *findings, FILE *out) {
    json_t *document = begin(input, "findings");
    json_t *array = json_array();
    for (size_t i = 0; i < findings->count; i++)
        json_array_append_new(array, make_finding(input, &findings->items[i]));
    json_object_set_new(document, "findings", array);
    json_object_set_new(document, "gaps", make_strings(input->gaps));
    print(document, out);
}

void show_json_history(const struct show_input *input, const struct history_row *rows, size_t count, FILE *out) {
    json_t *document = begin(input, "history");
    json_t *array = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(array, make_row(input, &rows[i]));
    json_object_set_new(document, "fingerprints", array);
    json_object_set_new(document, "gaps", make_strings(input->gaps));
    print(document, out);
}
