/* The baseline as JSON: {"NAME": {"total": 5, "at": 1700000000000, "counts": {"12": 5}}}. */
#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "baseline.h"

static int compare(const void *a, const void *b) {
    return strcmp(((const struct baseline_entry *)a)->id, ((const struct baseline_entry *)b)->id);
}

static void clear_entries(struct baseline_count *count) {
    for (size_t i = 0; i < count->entry_count; i++)
        free(count->entries[i].id);
    free(count->entries);
    count->entries = NULL;
    count->entry_count = 0;
}

struct baseline_count *baseline_take(struct baseline *baseline, const char *name) {
    for (size_t i = 0; i < baseline->count; i++)
        if (strcmp(baseline->items[i].name, name) == 0)
            return &baseline->items[i];
    baseline->items = xgrow(baseline->items, baseline->count, sizeof *baseline->items);
    baseline->items[baseline->count] = (struct baseline_count){.name = xstrdup(name)};
    return &baseline->items[baseline->count++];
}

const struct baseline_count *baseline_of(const struct baseline *baseline, const char *name) {
    for (size_t i = 0; i < baseline->count; i++)
        if (strcmp(baseline->items[i].name, name) == 0)
            return &baseline->items[i];
    return NULL;
}

int64_t baseline_find(const struct baseline_count *count, const char *id) {
    char *key = xstrdup(id);
    struct baseline_entry wanted = {.id = key};
    const struct baseline_entry *found =
        count->entry_count > 0 ? bsearch(&wanted, count->entries, count->entry_count, sizeof wanted, compare) : NULL;
    free(key);
    return found != NULL ? found->count : -1;
}

void baseline_replace(struct baseline_count *count, const char *const *ids, const int64_t *counts, size_t length) {
    clear_entries(count);
    count->entries = xcalloc(length, sizeof *count->entries);
    for (size_t i = 0; i < length; i++)
        count->entries[i] = (struct baseline_entry){xstrdup(ids[i]), counts[i]};
    count->entry_count = length;
    if (length > 0)
        qsort(count->entries, length, sizeof *count->entries, compare);
}

static bool is_count(const json_t *value) {
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

static const char *decode_count(struct baseline *baseline, const char *name, json_t *value) {
    json_t *counts = json_object_get(value, "counts");
    const char *reason = NULL;
    if (!is_count(json_object_get(value, "total")) || !json_is_object(counts))
        return "a count without total or counts";
    struct baseline_count *count = baseline_take(baseline, name);
    count->total = json_integer_value(json_object_get(value, "total"));
    count->at = json_integer_value(json_object_get(value, "at"));
    size_t length = json_object_size(counts);
    const char **ids = xcalloc(length, sizeof *ids);
    int64_t *numbers = xcalloc(length, sizeof *numbers);
    size_t at = 0;
    const char *id = NULL;
    json_t *number = NULL;
    json_object_foreach(counts, id, number) {
        if (!is_count(number))
            reason = "a category whose count is no number from 0 on";
        ids[at] = id;
        numbers[at++] = json_integer_value(number);
    }
    baseline_replace(count, ids, numbers, at);
    free(ids);
    free(numbers);
    return reason;
}

const char *baseline_decode(const struct text *body, struct baseline *baseline) {
    const char *reason = NULL;
    *baseline = (struct baseline){0};
    json_t *root = json_loadb(text_string(body), body->length, 0, NULL);
    if (!json_is_object(root))
        reason = "not a JSON object";
    const char *name = NULL;
    json_t *value = NULL;
    if (reason == NULL)
        json_object_foreach(root, name, value) {
            if (reason == NULL)
                reason = decode_count(baseline, name, value);
        }
    if (reason != NULL)
        baseline_free(baseline);
    json_decref(root);
    return reason;
}

void baseline_encode(const struct baseline *baseline, struct text *body) {
    json_t *root = json_object();
    for (size_t i = 0; i < baseline->count; i++) {
        const struct baseline_count *count = &baseline->items[i];
        json_t *counts = json_object();
        for (size_t j = 0; j < count->entry_count; j++)
            json_object_set_new(counts, count->entries[j].id, json_integer(count->entries[j].count));
        json_object_set_new(root, count->name,
                            json_pack("{s:I, s:I, s:o}", "total", (json_int_t)count->total, "at", (json_int_t)count->at,
                                      "counts", counts));
    }
    char *string = json_dumps(root, JSON_COMPACT);
    text_add(body, string != NULL ? string : "{}");
    free(string);
    json_decref(root);
}

void baseline_free(struct baseline *baseline) {
    for (size_t i = 0; i < baseline->count; i++) {
        clear_entries(&baseline->items[i]);
        free(baseline->items[i].name);
    }
    free(baseline->items);
    *baseline = (struct baseline){0};
}
