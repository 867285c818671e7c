/* Results on stdout. Keys that are as they should be are only counted. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/report/table.h"
#include "publish.h"
#include "show.h"

enum { SHOWN_BYTES = 20 };

/* A value in one line: long ones by their beginning and their length. */
static char *shorten(const char *bytes, size_t length) {
    struct text text = {0};
    text_append_printable(&text, bytes, length < SHOWN_BYTES ? length : SHOWN_BYTES);
    if (length > SHOWN_BYTES)
        text_printf(&text, "... (%zu bytes)", length);
    return text_take(&text);
}

static void add_line(struct table *table, const struct show_input *input, size_t item_index, const char *old) {
    const struct memcached_item *item = &input->plan->items[item_index];
    char *new = shorten(item->bytes, item->length);
    char *flags = xasprintf("%" PRIu32, item->flags);
    const char *const cells[] = {item->key, old, "->", new, input->nodes->items[item->node].name, flags};
    table_add(table, cells);
    free(new);
    free(flags);
}

static struct table *open_table(void) {
    static const char *const heads[] = {"key", ">cached", "", "counted", "node", ">flags"};
    return table_open(heads, LENGTH_OF(heads));
}

static void print_refused(const struct publish_plan *plan) {
    for (size_t i = 0; i < plan->count; i++)
        if (plan->keys[i].refused != NULL)
            log_warning("\"%s\" cannot be a key: %s", plan->keys[i].name, plan->keys[i].refused);
}

/* The lookups of all items, in their order. */
static struct memcached_lookup *look_up(const struct show_input *input, int *status) {
    const struct publish_plan *plan = input->plan;
    struct memcached_lookup *lookups = xcalloc(plan->item_count, sizeof *lookups);
    for (size_t i = 0; i < plan->item_count; i++) {
        lookups[i].key = plan->items[i].key;
        lookups[i].node = plan->items[i].node;
    }
    *status = memcached_pool_get(input->pool, lookups, plan->item_count);
    return lookups;
}

int show_changes(const struct show_input *input) {
    const struct publish_plan *plan = input->plan;
    /* The time of the counts always changes. */
    size_t compared = plan->first[KEY_TIME];
    int status = 0;
    size_t answered = 0;
    struct memcached_lookup *lookups = look_up(input, &status);
    struct table *table = open_table();
    if (status != 0)
        goto out;
    for (size_t i = 0; i < compared; i++) {
        const struct memcached_lookup *lookup = &lookups[i];
        const struct memcached_item *item = &plan->items[i];
        bool found = lookup->outcome == OUTCOME_FOUND;
        answered += found || lookup->outcome == OUTCOME_MISSING;
        bool same = found && lookup->length == item->length && lookup->flags == item->flags &&
                    memcmp(lookup->bytes, item->bytes, item->length) == 0;
        if (same)
            continue;
        char *value = found ? shorten(lookup->bytes, lookup->length) : NULL;
        /* The same digits under other flags are another type to PHP. */
        char *old = !found                         ? xasprintf("(%s)", memcached_outcome_word(lookup->outcome))
                    : lookup->flags != item->flags ? xasprintf("%s (flags %" PRIu32 ")", value, lookup->flags)
                                                   : xstrdup(value);
        add_line(table, input, i, old);
        free(old);
        free(value);
    }
    if (table_rows(table) > 0)
        table_print(table, stdout);
    printf("%zu of %zu keys would change\n", table_rows(table), compared);
    print_refused(plan);
    if (answered == 0 && compared > 0)
        status = fail(EXIT_UNAVAILABLE, "no memcached node answers");
out:
    table_free(table);
    memcached_lookups_free(lookups, plan->item_count);
    free(lookups);
    return status;
}

int show_verification(const struct show_input *input) {
    struct publish_plan *plan = input->plan;
    /* When the counts were made says nothing about whether they are right. */
    size_t compared = plan->first[KEY_TIME];
    int status = memcached_pool_verify(input->pool, plan->items, compared, NULL);
    if (status != 0)
        return status;
    size_t unreachable = 0;
    struct table *table = open_table();
    struct memcached_lookup *lookups = look_up(input, &status);
    for (size_t i = 0; status == 0 && i < compared; i++) {
        if (plan->items[i].read == OUTCOME_VERIFIED)
            continue;
        unreachable += plan->items[i].read == OUTCOME_UNREACHABLE;
        bool found = lookups[i].outcome == OUTCOME_FOUND;
        char *old = found ? shorten(lookups[i].bytes, lookups[i].length)
                          : xasprintf("(%s)", memcached_outcome_word(lookups[i].outcome));
        add_line(table, input, i, old);
        free(old);
    }
    size_t wrong = table_rows(table);
    if (wrong > 0)
        table_print(table, stdout);
    printf("%zu of %zu keys differ from fresh counts\n", wrong, compared);
    print_refused(plan);
    if (status == 0 && compared > 0 && unreachable == compared)
        status = fail(EXIT_UNAVAILABLE, "no memcached node answers");
    else if (status == 0 && (wrong > 0 || plan->refused > 0))
        status = EXIT_ATTENTION;
    table_free(table);
    memcached_lookups_free(lookups, plan->item_count);
    free(lookups);
    return status;
}

int show_key(const struct memcached_settings *settings, struct memcached_placement *placement,
             struct memcached_pool *pool, const struct memcached_nodes *nodes, const char *name) {
    struct memcached_key key;
    const char *reason = memcached_key_make(settings, name, &key);
    if (reason != NULL)
        return fail(EXIT_USAGE, "\"%s\" cannot be a key: %s", name, reason);
    struct memcached_lookup lookup = {.key = key.string, .node = memcached_placement_node(placement, &key)};
    int status = memcached_pool_get(pool, &lookup, 1);
    if (status != 0)
        return status;
    printf("name   %s\nkey    %s\nhash   %08" PRIx32 "\nnode   %s (%zu of %zu)\n", name, key.string,
           memcached_placement_hash(placement, &key), nodes->items[lookup.node].name, lookup.node + 1, nodes->count);
    if (lookup.outcome == OUTCOME_FOUND) {
        char *value = shorten(lookup.bytes, lookup.length);
        printf("flags  %" PRIu32 "\nvalue  %s\n", lookup.flags, value);
        free(value);
    } else {
        printf("value  (%s)\n", memcached_outcome_word(lookup.outcome));
    }
    if (lookup.outcome == OUTCOME_UNREACHABLE || lookup.outcome == OUTCOME_REFUSED)
        status = fail(EXIT_UNAVAILABLE, "memcached node %s does not answer: %s", nodes->items[lookup.node].name,
                      lookup.reason);
    memcached_lookups_free(&lookup, 1);
    return status;
}

int show_health(struct memcached_pool *pool, const struct memcached_nodes *nodes) {
    int status = memcached_pool_probe(pool);
    for (size_t i = 0; status != EXIT_LATER && i < nodes->count; i++) {
        struct memcached_health health;
        memcached_pool_health(pool, i, &health);
        if (health.reached)
            printf("ok  memcached node %s (%s)\n", health.node, health.version);
        else
            status = fail(EXIT_UNAVAILABLE, "memcached node %s does not answer: %s", health.node,
                          health.reason != NULL ? health.reason : "it was not asked");
    }
    return status;
}
