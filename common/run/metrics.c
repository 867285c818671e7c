/* The Prometheus text format, version 0.0.4. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/file.h"
#include "nightshift/base/text.h"
#include "nightshift/run/metrics.h"

static void add_head(struct text *out, const char *name, const char *help) {
    text_printf(out, "# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
}

static void add_label_value(struct text *out, const char *value) {
    for (; *value != '\0'; value++)
        if (*value == '\n')
            text_add(out, "\\n");
        else
            text_printf(out, *value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
}

static void add_sample(struct text *out, const char *name, const json_t *record, const char *label,
                       const char *label_value, double value) {
    text_printf(out, "%s{batch=\"", name);
    add_label_value(out, json_string_value(json_object_get(record, "batch")));
    text_add(out, "\"");
    if (label != NULL) {
        text_printf(out, ",%s=\"", label);
        add_label_value(out, label_value);
        text_add(out, "\"");
    }
    text_printf(out, "} %.15g\n", value);
}

static void add_milliseconds(struct text *out, const char *name, const char *help, const json_t *record,
                             const char *field) {
    const json_t *value = json_object_get(record, field);
    if (!json_is_integer(value))
        return;
    add_head(out, name, help);
    add_sample(out, name, record, NULL, NULL, (double)json_integer_value(value) / 1000.0);
}

/* Same name, same labels: a phase that was entered twice is one sample, or the scrape would break. */
static void add_phases(struct text *out, const json_t *record) {
    static const char name[] = "batch_phase_duration_seconds";
    const json_t *phases = json_object_get(record, "phases");
    struct strings seen = {0};
    for (size_t i = 0; i < json_array_size(phases); i++) {
        const char *phase = json_string_value(json_object_get(json_array_get(phases, i), "name"));
        if (phase == NULL || strings_contain(&seen, phase))
            continue;
        if (seen.count == 0)
            add_head(out, name, "Duration of each phase of the last run.");
        strings_add(&seen, phase);
        json_int_t milliseconds = 0;
        for (size_t j = i; j < json_array_size(phases); j++) {
            const json_t *other = json_array_get(phases, j);
            const char *other_name = json_string_value(json_object_get(other, "name"));
            if (other_name != NULL && strcmp(other_name, phase) == 0)
                milliseconds += json_integer_value(json_object_get(other, "ms"));
        }
        add_sample(out, name, record, "phase", phase, (double)milliseconds / 1000.0);
    }
    strings_free(&seen);
}

static void add_outputs(struct text *out, json_t *record) {
    static const char name[] = "batch_last_run_items";
    json_t *outputs = json_object_get(record, "outputs");
    const char *outcome = NULL;
    json_t *value = NULL;
    bool headed = false;
    json_object_foreach(outputs, outcome, value) {
        if (!json_is_integer(value))
            continue;
        if (!headed)
            add_head(out, name, "Items of the last run by outcome.");
        headed = true;
        add_sample(out, name, record, "outcome", outcome, (double)json_integer_value(value));
    }
}

static void add_guards(struct text *out, const json_t *record) {
    static const char name[] = "batch_guard_tripped";
    const json_t *guards = json_object_get(record, "guards");
    struct strings seen = {0};
    for (size_t i = 0; i < json_array_size(guards); i++) {
        const char *guard = json_string_value(json_object_get(json_array_get(guards, i), "name"));
        if (guard == NULL || strings_contain(&seen, guard))
            continue;
        if (seen.count == 0)
            add_head(out, name, "1 if the guard refused the data of the last run.");
        strings_add(&seen, guard);
        /* One sample per guard, whatever number of queries it watched over: the same labels twice would break the scrape. */
        bool tripped = false;
        for (size_t j = i; j < json_array_size(guards); j++) {
            const json_t *other = json_array_get(guards, j);
            const char *other_name = json_string_value(json_object_get(other, "name"));
            if (other_name != NULL && strcmp(other_name, guard) == 0 && json_is_false(json_object_get(other, "ok")))
                tripped = true;
        }
        add_sample(out, name, record, "guard", guard, tripped ? 1 : 0);
    }
    strings_free(&seen);
}

int metrics_write(const char *directory, const json_t *record) {
    struct text out = {0};
    /* Objects are only read, but jansson's iterators do not take const. */
    json_t *readable = json_deep_copy(record);
    add_milliseconds(&out, "batch_last_success_timestamp_seconds", "End of the last successful run.", readable,
                     "success_at_ms");
    add_milliseconds(&out, "batch_last_run_timestamp_seconds", "End of the last run.", readable, "ended_at_ms");
    add_milliseconds(&out, "batch_last_run_duration_seconds", "Duration of the last run.", readable, "duration_ms");
    add_head(&out, "batch_last_run_exit_code", "Exit code of the last run.");
    add_sample(&out, "batch_last_run_exit_code", readable, NULL, NULL,
               (double)json_integer_value(json_object_get(readable, "exit_code")));
    add_phases(&out, readable);
    add_outputs(&out, readable);
    add_guards(&out, readable);
    char *path = xasprintf("%s/%s.prom", directory, json_string_value(json_object_get(readable, "batch")));
    int status = file_replace(path, text_string(&out), out.length, 0644);
    free(path);
    json_decref(readable);
    text_free(&out);
    return status;
}
