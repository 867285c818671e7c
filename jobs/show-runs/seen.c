/* From a line of JSON to a struct seen, and lists of them. */
#include "seen.h"

#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"

static char *copy_text(const json_t *record, const char *name) {
    const char *value = json_string_value(json_object_get(record, name));
    return value != NULL ? xstrdup(value) : NULL;
}

static char *copy_first(const json_t *list) {
    const char *value = json_string_value(json_array_get(list, 0));
    return value != NULL ? xstrdup(value) : NULL;
}

static int64_t integer_of(const json_t *record, const char *name) {
    return json_integer_value(json_object_get(record, name));
}

/* Sums along a circle are wrong whatever anybody thinks of them: that guard takes no --accept. */
static char *find_guard(const json_t *record) {
    size_t at = 0;
    const json_t *guard = NULL;
    json_array_foreach(json_object_get(record, "guards"), at, guard) {
        const char *name = json_string_value(json_object_get(guard, "name"));
        bool refused = json_is_false(json_object_get(guard, "ok")) && !json_is_true(json_object_get(guard, "accepted"));
        if (refused && name != NULL && strcmp(name, "circle") != 0)
            return xstrdup(name);
    }
    return NULL;
}

static void read_outputs(json_t *record, struct seen *seen) {
    const char *name = NULL;
    const json_t *value = NULL;
    json_object_foreach(json_object_get(record, "outputs"), name, value) {
        if (json_is_integer(value) && seen->output_count < SEEN_OUTPUTS)
            seen->outputs[seen->output_count++] = (struct seen_output){xstrdup(name), json_integer_value(value)};
    }
}

static bool is_record(const json_t *record) {
    static const char *const numbers[] = {"started_at_ms", "ended_at_ms", "duration_ms", "exit_code"};
    for (size_t i = 0; i < LENGTH_OF(numbers); i++)
        if (!json_is_integer(json_object_get(record, numbers[i])) || integer_of(record, numbers[i]) < 0)
            return false;
    return json_is_string(json_object_get(record, "run_id")) && integer_of(record, "exit_code") < 256;
}

bool seen_read(const char *line, size_t length, struct seen *seen, bool *newer) {
    json_t *record = json_loadb(line, length, 0, NULL);
    *seen = (struct seen){0};
    bool readable = is_record(record);
    if (readable) {
        *newer = *newer || integer_of(record, "schema") > SEEN_SCHEMA;
        *seen = (struct seen){
            .run_id = copy_text(record, "run_id"),
            .host = copy_text(record, "host"),
            .trigger = copy_text(record, "trigger"),
            .slot = copy_text(record, "slot"),
            .result = copy_text(record, "result"),
            .reason = copy_text(record, "reason"),
            .hint = copy_text(record, "hint"),
            .warning = copy_first(json_object_get(record, "warnings")),
            .guard = find_guard(record),
            .started_at = integer_of(record, "started_at_ms"),
            .ended_at = integer_of(record, "ended_at_ms"),
            .duration = integer_of(record, "duration_ms"),
            .success_at = integer_of(record, "success_at_ms"),
            .exit_code = (int)integer_of(record, "exit_code"),
            .signal = (int)(integer_of(record, "signal") & 127),
            .warnings = json_array_size(json_object_get(record, "warnings")),
        };
        read_outputs(record, seen);
    }
    json_decref(record);
    return readable;
}

void seen_free(struct seen *seen) {
    free(seen->run_id);
    free(seen->host);
    free(seen->trigger);
    free(seen->slot);
    free(seen->result);
    free(seen->reason);
    free(seen->hint);
    free(seen->warning);
    free(seen->guard);
    for (size_t i = 0; i < seen->output_count; i++)
        free(seen->outputs[i].name);
    *seen = (struct seen){0};
}

bool seen_skipped(const struct seen *seen) {
    return seen->result != NULL && strcmp(seen->result, "skipped") == 0;
}

bool seen_done(const struct seen *seen) {
    return !seen_skipped(seen) && (seen->exit_code == EXIT_DONE || seen->exit_code == EXIT_ATTENTION);
}

const struct seen *seen_list_find(const struct seen_list *list, const char *run_id) {
    /* What is asked for is mostly among the last. */
    for (size_t i = list->count; i > 0; i--)
        if (strcmp(list->items[i - 1].run_id, run_id) == 0)
            return &list->items[i - 1];
    return NULL;
}

void seen_list_add(struct seen_list *list, struct seen *seen) {
    if (seen_list_find(list, seen->run_id) != NULL) {
        seen_free(seen);
        return;
    }
    list->items = xgrow(list->items, list->count, sizeof *list->items);
    list->items[list->count++] = *seen;
    *seen = (struct seen){0};
}

static int compare_ends(const void *left, const void *right) {
    const struct seen *a = left;
    const struct seen *b = right;
    if (a->ended_at != b->ended_at)
        return a->ended_at < b->ended_at ? -1 : 1;
    return strcmp(a->run_id, b->run_id);
}

void seen_list_sort(struct seen_list *list) {
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_ends);
}

void seen_list_free(struct seen_list *list) {
    for (size_t i = 0; i < list->count; i++)
        seen_free(&list->items[i]);
    free(list->items);
    *list = (struct seen_list){0};
}
