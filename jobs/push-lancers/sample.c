/* Algorithm R: the first documents fill the sample, and the n-th takes the place of one of them with probability most / n. */
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "sample.h"

/* SplitMix64 (Steele, Lea, Flood 2014): good enough to choose documents, and the same everywhere for one seed. */
static uint64_t next_random(struct sample *sample) {
    uint64_t mixed = sample->random += 0x9E3779B97F4A7C15U;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

void sample_start(struct sample *sample, const struct document_plan *plan, size_t most, uint64_t seed) {
    *sample = (struct sample){.plan = plan, .fields = document_field_count(plan), .most = most, .random = seed};
    sample->items = xcalloc(most, sizeof *sample->items);
    sample->returned = xcalloc(sample->fields, sizeof *sample->returned);
}

static void clear_item(struct sample_item *item) {
    free(item->id);
    free(item->want);
    free(item->have);
    *item = (struct sample_item){0};
}

void sample_free(struct sample *sample) {
    for (size_t i = 0; i < sample->count; i++)
        clear_item(&sample->items[i]);
    free(sample->items);
    free(sample->returned);
    *sample = (struct sample){0};
}

static void digest_fields(const struct sample *sample, const json_t *fields, uint64_t *digests) {
    for (size_t i = 0; i < sample->fields; i++)
        digests[i] = compare_digest(sample->plan, i, json_object_get(fields, document_field_name(sample->plan, i)));
}

void sample_pass(struct sample *sample, const unsigned char *key, size_t key_length, const struct text *json,
                 bool sent) {
    size_t place = sample->count;
    sample->passed++;
    if (sample->count == sample->most)
        place = (size_t)(next_random(sample) % (uint64_t)sample->passed);
    if (place >= sample->most)
        return;
    struct text id = {0};
    json_t *operation = json_loadb(json->data, json->length, 0, NULL);
    struct sample_item *item = &sample->items[place];
    clear_item(item);
    document_id(sample->plan, key, key_length, &id);
    *item = (struct sample_item){.key_length = key_length,
                                 .id = text_take(&id),
                                 .sent = sent,
                                 .want = xcalloc(sample->fields, sizeof *item->want),
                                 .have = xcalloc(sample->fields, sizeof *item->have)};
    memcpy(item->key, key, key_length);
    digest_fields(sample, json_object_get(operation, "fields"), item->want);
    sample->count += place == sample->count;
    json_decref(operation);
}

static int by_key(const void *a, const void *b) {
    const struct sample_item *first = a;
    const struct sample_item *second = b;
    return rowkey_compare(first->key, first->key_length, second->key, second->key_length);
}

void sample_sort(struct sample *sample) {
    if (sample->count > 1)
        qsort(sample->items, sample->count, sizeof *sample->items, by_key);
}

void sample_found(struct sample *sample, const char *id, const json_t *fields) {
    for (size_t i = 0; i < sample->count; i++) {
        struct sample_item *item = &sample->items[i];
        if (strcmp(item->id, id) != 0)
            continue;
        item->found = true;
        digest_fields(sample, fields, item->have);
        for (size_t j = 0; j < sample->fields; j++)
            sample->returned[j] = sample->returned[j] || item->have[j] != 0;
        return;
    }
}

enum sample_verdict sample_judge(const struct sample *sample, const struct sample_item *item, int64_t *compared,
                                 struct text *differing) {
    enum sample_verdict verdict = SAMPLE_AS_SENT;
    if (!item->found)
        return SAMPLE_MISSING;
    for (size_t i = 0; i < sample->fields; i++) {
        if (item->want[i] == 0 || !sample->returned[i])
            continue;
        if (compared != NULL)
            ++*compared;
        if (item->want[i] == item->have[i])
            continue;
        verdict = SAMPLE_DIFFERENT;
        if (differing != NULL)
            text_printf(differing, "%s%s", differing->length > 0 ? ", " : "", document_field_name(sample->plan, i));
    }
    return verdict;
}

void sample_add_unreturned(const struct sample *sample, struct text *names) {
    for (size_t i = 0; i < sample->fields; i++) {
        bool sent = false;
        bool found = false;
        for (size_t j = 0; j < sample->count; j++) {
            sent = sent || sample->items[j].want[i] != 0;
            found = found || sample->items[j].found;
        }
        if (sent && found && !sample->returned[i])
            text_printf(names, "%s%s", names->length > 0 ? ", " : "", document_field_name(sample->plan, i));
    }
}
