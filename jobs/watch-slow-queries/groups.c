/* A group is found through a hash table of XXH3-128 sums, without comparing texts: the sum of the fingerprint as
 * fingerprint_make() made it, which is not kept. A group that came out of the ledger is known by its id (the MD5 of that
 * text) only; so each group is in the table by its id as well, and by its fingerprint from its first row on. That spares
 * the MD5, the tables and the masking for all rows but the first. */
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "groups.h"
#include "masked.h"
#include "nightshift/base/utf8.h"

struct slot {
    XXH128_hash_t hash;
    size_t place; /* in `items`, plus 1; 0: empty */
};

struct groups_index {
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t used;
    size_t times; /* kept in all groups */
    size_t bytes;
};

enum {
    FIRST_CAPACITY = 64,
    STRING_BYTES = 32, /* what a string costs besides its characters: its pointer, and malloc's own */
};

/* Fingerprints and ids are hashed with different seeds, so that no query can pass for an id. */
static XXH128_hash_t hash_of(const char *instance, const char *bytes, size_t length, uint64_t kind) {
    return XXH3_128bits_withSeed(bytes, length, XXH3_64bits_withSeed(instance, strlen(instance), kind));
}

static XXH128_hash_t hash_id(const char *instance, const char *id) {
    return hash_of(instance, id, FINGERPRINT_ID_SIZE - 1, 1);
}

/* The slot of this hash, or the empty one where it belongs. */
static struct slot *find_slot(const struct groups_index *index, XXH128_hash_t hash) {
    size_t at = (size_t)hash.low64 & (index->capacity - 1);
    while (index->slots[at].place != 0 && !XXH128_isEqual(index->slots[at].hash, hash))
        at = (at + 1) & (index->capacity - 1);
    return &index->slots[at];
}

static void grow_index(struct groups_index *index) {
    struct groups_index larger = *index;
    larger.capacity *= 2;
    larger.slots = xcalloc(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < index->capacity; i++)
        if (index->slots[i].place != 0)
            *find_slot(&larger, index->slots[i].hash) = index->slots[i];
    free(index->slots);
    *index = larger;
}

static void remember(struct groups_index *index, XXH128_hash_t hash, size_t place) {
    if (index->used >= index->capacity / 4 * 3)
        grow_index(index);
    *find_slot(index, hash) = (struct slot){.hash = hash, .place = place + 1};
    index->used++;
}

static struct groups_index *index_of(struct groups *groups) {
    if (groups->index == NULL) {
        groups->index = xcalloc(1, sizeof *groups->index);
        groups->index->capacity = FIRST_CAPACITY;
        groups->index->slots = xcalloc(FIRST_CAPACITY, sizeof *groups->index->slots);
    }
    return groups->index;
}

static size_t strings_bytes(const struct strings *strings) {
    size_t bytes = 0;
    for (size_t i = 0; i < strings->count; i++)
        bytes += strlen(strings->items[i]) + STRING_BYTES;
    return bytes;
}

static size_t group_bytes(const struct group *group) {
    return sizeof *group + strlen(group->fingerprint) + strlen(group->instance) + (size_t)2 * STRING_BYTES +
           group->days.count * sizeof *group->days.items + strings_bytes(&group->tables) +
           strings_bytes(&group->users) + (group->sample != NULL ? strlen(group->sample) + STRING_BYTES : 0);
}

void groups_put(struct groups *groups, struct group *group) {
    struct groups_index *index = index_of(groups);
    groups->items = xgrow(groups->items, groups->count, sizeof *groups->items);
    index->times += group->times.count;
    index->bytes += group_bytes(group);
    remember(index, hash_id(group->instance, group->id), groups->count);
    groups->items[groups->count++] = *group;
    *group = (struct group){0};
}

/* Adds a name that is not in the list yet, if there is room. */
static void add_name(struct strings *names, const char *name) {
    if (*name == '\0' || strings_contain(names, name) || names->count >= GROUPS_NAMES_LIMIT)
        return;
    struct text printable = {0};
    masked_append(&printable, name, strlen(name), GROUPS_NAME_LIMIT);
    if (!strings_contain(names, text_string(&printable)))
        strings_add(names, text_string(&printable));
    text_free(&printable);
}

static void make_group(struct groups *groups, const struct groups_input *input, const char *id, bool further) {
    const struct slow_row *row = input->row;
    struct group group = {.first = row->finished, .last = row->finished, .instance = xstrdup(input->instance)};
    memcpy(group.id, id, sizeof group.id);
    if (further) {
        group.fingerprint = xstrdup(GROUPS_FURTHER);
    } else {
        struct strings tables = {0};
        group.fingerprint = masked_fingerprint(row->query, row->query_length, GROUPS_FINGERPRINT_LIMIT);
        fingerprint_tables(row->query, row->query_length, &tables);
        for (size_t i = 0; i < tables.count; i++)
            add_name(&group.tables, tables.items[i]);
        strings_free(&tables);
    }
    groups_put(groups, &group);
}

/* The place of the group of a fingerprint, which is made if there is none. */
static size_t place_of(struct groups *groups, const struct groups_input *input, const struct text *fingerprint) {
    struct groups_index *index = index_of(groups);
    const XXH128_hash_t hash = hash_of(input->instance, fingerprint->data, fingerprint->length, 0);
    size_t place = find_slot(index, hash)->place;
    if (place != 0)
        return place - 1;
    char id[FINGERPRINT_ID_SIZE];
    fingerprint_id(fingerprint->data, fingerprint->length, id);
    place = find_slot(index, hash_id(input->instance, id))->place;
    bool further = place == 0 && (groups->count >= GROUPS_LIMIT || index->bytes >= GROUPS_BYTES_LIMIT);
    if (further) {
        fingerprint_id(GROUPS_FURTHER, sizeof GROUPS_FURTHER - 1, id);
        place = find_slot(index, hash_id(input->instance, id))->place;
    }
    if (place == 0) {
        make_group(groups, input, id, further);
        place = groups->count;
    }
    /* What is gathered in one group is not remembered one by one: that would be without bound. */
    if (!further)
        remember(index, hash, place - 1);
    return place - 1;
}

/* As it was, made valid UTF-8 without NUL. */
static char *copy_sample(const struct slow_row *row) {
    struct text sample = {0};
    const char *query = row->query;
    const size_t length = masked_cut(query, row->query_length, GROUPS_SAMPLE_LIMIT);
    for (size_t at = 0, used = 0; at<length; at += used> 0 ? used : 1) {
        unsigned code = 0;
        used = utf8_decode(query + at, length - at, &code);
        if (used > 0 && code != 0)
            text_append(&sample, query + at, used);
        else
            text_printf(&sample, "\\x%02X", (unsigned)(unsigned char)query[at]);
    }
    char *copy = xstrndup(text_string(&sample), masked_cut(text_string(&sample), sample.length, GROUPS_SAMPLE_LIMIT));
    text_free(&sample);
    return copy;
}

/* Before the row is counted: whether it is the slowest shows in the group's worst time. */
static void keep_sample(struct groups_index *index, struct group *group, const struct groups_input *input) {
    if (input->sample && group->sample != NULL && input->row->time <= group->all.worst)
        return;
    if (group->sample != NULL)
        index->bytes -= strlen(group->sample) + STRING_BYTES;
    free(group->sample);
    group->sample = NULL;
    if (!input->sample || index->bytes >= GROUPS_BYTES_LIMIT / 2)
        return;
    group->sample = copy_sample(input->row);
    index->bytes += strlen(group->sample) + STRING_BYTES;
}

static void thin_times(struct groups *groups) {
    const size_t keep = GROUPS_TIMES_TOTAL / 2 / groups->count;
    for (size_t i = 0; i < groups->count; i++) {
        struct times *times = &groups->items[i].times;
        groups->index->times -= times->count;
        times_thin(times, keep > 0 ? keep : 1);
        groups->index->times += times->count;
    }
}

static int64_t not_negative(int64_t number) {
    return number > 0 ? number : 0;
}

static void count_row(struct groups_index *index, struct group *group, const struct groups_input *input) {
    const struct slow_row *row = input->row;
    const int64_t time = not_negative(row->time);
    const struct tally one = {.count = 1, .total = time, .worst = time};
    const size_t days = group->days.count;
    const size_t times = group->times.count;
    const size_t users = group->users.count;
    tally_add(&group->all, &one);
    days_add(&group->days, input->day, &one);
    times_add(&group->times, time);
    add_name(&group->users, row->user);
    index->times += group->times.count - times;
    index->bytes += (group->days.count - days) * sizeof *group->days.items;
    if (group->users.count > users)
        index->bytes += strlen(group->users.items[users]) + STRING_BYTES;
    group->lock_time = tally_sum(group->lock_time, not_negative(row->lock_time));
    group->rows_sent = tally_sum(group->rows_sent, not_negative(row->rows_sent));
    group->rows_examined = tally_sum(group->rows_examined, not_negative(row->rows_examined));
    if (row->finished < group->first)
        group->first = row->finished;
    if (row->finished > group->last)
        group->last = row->finished;
}

void groups_add(struct groups *groups, const struct groups_input *input, struct text *scratch) {
    const size_t size = FINGERPRINT_SIZE(input->row->query_length);
    if (scratch->capacity < size) {
        scratch->data = xreallocarray(scratch->data, size, 1);
        scratch->capacity = size;
    }
    scratch->length = fingerprint_make(input->row->query, input->row->query_length, scratch->data, scratch->capacity);
    const size_t place = place_of(groups, input, scratch);
    struct group *group = &groups->items[place];
    keep_sample(groups->index, group, input);
    count_row(groups->index, group, input);
    if (groups->index->times > GROUPS_TIMES_TOTAL)
        thin_times(groups);
}

void group_free(struct group *group) {
    free(group->fingerprint);
    free(group->instance);
    days_free(&group->days);
    free(group->times.items);
    strings_free(&group->tables);
    strings_free(&group->users);
    free(group->sample);
    *group = (struct group){0};
}

void groups_free(struct groups *groups) {
    for (size_t i = 0; i < groups->count; i++)
        group_free(&groups->items[i]);
    free(groups->items);
    if (groups->index != NULL)
        free(groups->index->slots);
    free(groups->index);
    *groups = (struct groups){0};
}
