/* Turning counts into items. A bad category id (a control character, too long) spoils its own key and no other. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/stores/memcached_key.h"
#include "nightshift/stores/memcached_value.h"
#include "plan.h"

static const char *lookup_id(const void *context, const char *name) {
    const struct category *category = context;
    return strcmp(name, "id") == 0 ? category->id : NULL;
}

static struct planned_key *add_key(struct publish_plan *plan, enum key_kind kind, const struct collected *count) {
    plan->keys = xgrow(plan->keys, plan->count, sizeof *plan->keys);
    plan->keys[plan->count] = (struct planned_key){.kind = kind, .count = count};
    return &plan->keys[plan->count++];
}

static void add_item(const struct plan_input *input, struct publish_plan *plan, const struct memcached_item *item,
                     size_t key_index) {
    struct planned_key *planned = &plan->keys[key_index];
    struct memcached_key key;
    const char *reason = memcached_key_make(input->memcached, planned->name, &key);
    if (reason != NULL) {
        planned->refused = xstrdup(reason);
        plan->refused++;
        return;
    }
    planned->key = xstrdup(key.string);
    plan->items = xgrow(plan->items, plan->item_count, sizeof *plan->items);
    plan->item_keys = xgrow(plan->item_keys, plan->item_count, sizeof *plan->item_keys);
    plan->items[plan->item_count] = *item;
    plan->items[plan->item_count].key = planned->key;
    plan->items[plan->item_count].node = memcached_placement_node(input->placement, &key);
    plan->items[plan->item_count].bytes = text_string(&planned->bytes);
    plan->items[plan->item_count].length = planned->bytes.length;
    plan->item_keys[plan->item_count++] = key_index;
}

static void plan_counts(const struct plan_input *input, struct publish_plan *plan, const struct collected *count,
                        uint32_t expiry) {
    for (size_t i = 0; count->settings->key != NULL && i < count->counts.count; i++) {
        const struct category *category = &count->counts.items[i];
        struct planned_key *planned = add_key(plan, KEY_COUNT, count);
        struct memcached_item item = {.expiry = expiry};
        struct text name = {0};
        text_add_template(&name, count->settings->key, lookup_id, category);
        planned->name = text_take(&name);
        planned->category = i;
        memcached_value_count((enum value_format)count->settings->value, input->memcached, category->count,
                              &planned->bytes, &item.flags);
        add_item(input, plan, &item, plan->count - 1);
    }
}

static void plan_map(const struct plan_input *input, struct publish_plan *plan, const struct collected *count,
                     uint32_t expiry) {
    if (count->settings->map_key == NULL)
        return;
    struct planned_key *planned = add_key(plan, KEY_MAP, count);
    struct memcached_item item = {.expiry = expiry};
    struct memcached_entry *entries = xcalloc(count->counts.count, sizeof *entries);
    for (size_t i = 0; i < count->counts.count; i++)
        entries[i] = (struct memcached_entry){count->counts.items[i].id, count->counts.items[i].count};
    planned->name = xstrdup(count->settings->map_key);
    const char *reason = memcached_value_map((enum value_format)count->settings->value, input->memcached, entries,
                                             count->counts.count, &planned->bytes, &item.flags);
    free(entries);
    if (reason == NULL) {
        add_item(input, plan, &item, plan->count - 1);
        return;
    }
    planned->refused = xstrdup(reason);
    plan->refused++;
}

static void plan_time(const struct plan_input *input, struct publish_plan *plan, const struct collected *count,
                      uint32_t expiry) {
    if (count->settings->generated_at == NULL)
        return;
    struct planned_key *planned = add_key(plan, KEY_TIME, count);
    struct memcached_item item = {.expiry = expiry};
    planned->name = xstrdup(count->settings->generated_at);
    memcached_value_count((enum value_format)count->settings->value, input->memcached,
                          input->collection->taken_at / 1000, &planned->bytes, &item.flags);
    add_item(input, plan, &item, plan->count - 1);
}

static int compare_keys(const void *a, const void *b, void *context) {
    const struct publish_plan *plan = context;
    return strcmp(plan->items[*(const size_t *)a].key, plan->items[*(const size_t *)b].key);
}

/* Two values under one key would verify as wrong for ever, whichever came last. */
static int check_distinct(const struct publish_plan *plan) {
    int status = 0;
    size_t *order = xcalloc(plan->item_count, sizeof *order);
    for (size_t i = 0; i < plan->item_count; i++)
        order[i] = i;
    /* The context is only read; qsort_r() has no const. */
    struct publish_plan readable = *plan;
    if (plan->item_count > 0)
        qsort_r(order, plan->item_count, sizeof *order, compare_keys, &readable);
    for (size_t i = 1; status == 0 && i < plan->item_count; i++)
        if (strcmp(plan->items[order[i - 1]].key, plan->items[order[i]].key) == 0)
            status =
                fail(EXIT_SETTINGS,
                     "two values have the same key \"%s\": that of \"%s\" in [count %s] and of \"%s\" in [count %s]",
                     plan->items[order[i]].key, plan->keys[plan->item_keys[order[i - 1]]].name,
                     plan->keys[plan->item_keys[order[i - 1]]].count->name, plan->keys[plan->item_keys[order[i]]].name,
                     plan->keys[plan->item_keys[order[i]]].count->name);
    free(order);
    return status;
}

int publish_plan_make(const struct plan_input *input, struct publish_plan *plan) {
    static void (*const planners[KEY_KINDS])(const struct plan_input *, struct publish_plan *, const struct collected *,
                                             uint32_t) = {plan_counts, plan_map, plan_time};
    for (int kind = 0; kind < KEY_KINDS; kind++) {
        plan->first[kind] = plan->item_count;
        for (size_t i = 0; i < input->collection->count; i++) {
            const struct collected *count = &input->collection->items[i];
            uint32_t expiry = 0;
            const char *reason = memcached_value_expiry(count->settings->ttl, input->now, &expiry);
            if (reason != NULL)
                return fail(EXIT_SETTINGS, "[count %s] ttl cannot be used: %s", count->name, reason);
            planners[kind](input, plan, count, expiry);
        }
    }
    plan->first[KEY_KINDS] = plan->item_count;
    return check_distinct(plan);
}

void publish_plan_free(struct publish_plan *plan) {
    for (size_t i = 0; i < plan->count; i++) {
        free(plan->keys[i].name);
        free(plan->keys[i].key);
        free(plan->keys[i].refused);
        text_free(&plan->keys[i].bytes);
    }
    free(plan->keys);
    free(plan->items);
    free(plan->item_keys);
    *plan = (struct publish_plan){0};
}
