/* Never delete, never trust an acknowledgement: a value counts when a second connection has read it. A failed set may have destroyed the old
 * value, so what could not be written is reported as it was read back: missing, not stale. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/progress.h"
#include "publish.h"

enum { NAMED_IN_LOG = 10, NAMED_IN_RECORD = 500 };

static void advance(void *context, size_t done, size_t count) {
    size_t *before = context;
    (void)count;
    progress_add((int64_t)(done - *before));
    *before = done;
}

static bool is_good(const struct memcached_item *item) {
    return item->read == OUTCOME_VERIFIED;
}

static int write_and_read(struct memcached_pool *pool, struct memcached_item *items, size_t count) {
    size_t done = 0;
    const struct memcached_progress report = {.report = advance, .context = &done};
    int status = memcached_pool_publish(pool, items, count, &report);
    done = 0;
    if (status == 0)
        status = memcached_pool_verify(pool, items, count, &report);
    return status;
}

/* Once more for what was set but did not come back: a node that restarted in between, another writer, an eviction. */
static int repair(struct memcached_pool *pool, struct memcached_item *items, size_t count) {
    struct memcached_item *again = xcalloc(count, sizeof *again);
    size_t *origin = xcalloc(count, sizeof *origin);
    size_t bad = 0;
    for (size_t i = 0; i < count; i++)
        if (!is_good(&items[i]) && items[i].read != OUTCOME_UNREACHABLE && items[i].written != OUTCOME_TOO_LARGE) {
            origin[bad] = i;
            again[bad++] = items[i];
        }
    int status = bad > 0 ? write_and_read(pool, again, bad) : 0;
    for (size_t i = 0; i < bad; i++)
        items[origin[i]] = again[i];
    free(again);
    free(origin);
    return status;
}

static bool all_good(const struct publish_plan *plan, const struct collected *count) {
    for (size_t i = 0; i < plan->count; i++)
        if (plan->keys[i].count == count && plan->keys[i].refused != NULL)
            return false;
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct planned_key *key = &plan->keys[plan->item_keys[i]];
        if (key->count == count && key->kind != KEY_TIME && !is_good(&plan->items[i]))
            return false;
    }
    return true;
}

/* The time of the counts is only told of counts that are all in place. */
static int publish_times(struct memcached_pool *pool, struct publish_plan *plan) {
    int status = 0;
    for (size_t i = plan->first[KEY_TIME]; status == 0 && i < plan->first[KEY_TIME + 1]; i++) {
        if (all_good(plan, plan->keys[plan->item_keys[i]].count))
            status = write_and_read(pool, &plan->items[i], 1);
        else
            plan->items[i].reason = "withheld, because not all of its counts are in place";
    }
    return status;
}

int publish(struct run *run, struct memcached_pool *pool, const struct memcached_nodes *nodes,
            struct publish_plan *plan) {
    int status = 0;
    record_phase(run->record, "publish");
    progress_start("keys", 2 * (int64_t)plan->item_count);
    for (int kind = KEY_COUNT; status == 0 && kind < KEY_TIME; kind++) {
        struct memcached_item *items = plan->items + plan->first[kind];
        size_t count = plan->first[kind + 1] - plan->first[kind];
        if (count == 0)
            continue;
        status = write_and_read(pool, items, count);
        if (status == 0)
            status = repair(pool, items, count);
    }
    if (status == 0)
        status = publish_times(pool, plan);
    progress_end();
    publish_report(run, nodes, plan);
    return status;
}

struct publish_result publish_count(const struct publish_plan *plan) {
    struct publish_result result = {.planned = plan->count, .refused = plan->refused};
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct memcached_item *item = &plan->items[i];
        result.set += item->written == OUTCOME_STORED;
        result.too_large += item->written == OUTCOME_TOO_LARGE;
        result.verified += item->read == OUTCOME_VERIFIED;
        result.missing += item->read == OUTCOME_MISSING;
        result.different += item->read == OUTCOME_DIFFERENT;
        result.unreachable += item->read == OUTCOME_UNREACHABLE;
        result.refused += item->read == OUTCOME_REFUSED;
    }
    return result;
}

int publish_status(const struct publish_result *result) {
    if (result->verified == result->planned)
        return EXIT_DONE;
    /* "None reached" is told apart from "some": with not one key to show, nothing was done. */
    return result->verified == 0 && result->unreachable > 0 ? EXIT_UNAVAILABLE : EXIT_ATTENTION;
}

static const char *state_of(const struct memcached_item *item) {
    if (item->read == OUTCOME_NOT_TRIED && item->reason != NULL)
        return item->reason;
    return memcached_outcome_word(item->read != OUTCOME_NOT_TRIED ? item->read : item->written);
}

static void record_problem(struct run *run, const struct planned_key *key, const char *node, const char *state,
                           const char *reason) {
    record_set(run->record, "problems[]",
               json_pack("{s:s, s:s, s:s*, s:s, s:s*}", "count", key->count->name, "key",
                         key->key != NULL ? key->key : "(refused)", "node", node, "state", state, "reason", reason));
}

/* One log line per node and state, with the first few keys by name. */
struct problem_line {
    size_t node;
    const char *state;
    const char *reason;
    size_t count;
    struct text keys;
};

static struct problem_line *line_for(struct problem_line **lines, size_t *count, const struct memcached_item *item) {
    const char *state = state_of(item);
    for (size_t i = 0; i < *count; i++)
        if ((*lines)[i].node == item->node && strcmp((*lines)[i].state, state) == 0)
            return &(*lines)[i];
    *lines = xgrow(*lines, *count, sizeof **lines);
    (*lines)[*count] = (struct problem_line){.node = item->node, .state = state, .reason = item->reason};
    return &(*lines)[(*count)++];
}

static void report_items(struct run *run, const struct memcached_nodes *nodes, const struct publish_plan *plan) {
    struct problem_line *lines = NULL;
    size_t line_count = 0;
    size_t recorded = 0;
    for (size_t i = 0; i < plan->item_count; i++) {
        const struct memcached_item *item = &plan->items[i];
        if (is_good(item))
            continue;
        struct problem_line *line = line_for(&lines, &line_count, item);
        if (line->count++ < NAMED_IN_LOG)
            text_printf(&line->keys, "%s%s", line->count > 1 ? ", " : "", item->key);
        log_debug("key %s on %s: %s", item->key, nodes->items[item->node].name, state_of(item));
        if (recorded++ < NAMED_IN_RECORD)
            record_problem(run, &plan->keys[plan->item_keys[i]], nodes->items[item->node].name, state_of(item),
                           item->reason);
    }
    for (size_t i = 0; i < line_count; i++) {
        log_warning("%zu keys on memcached node %s are not as they should be: %s%s%s (%s%s)", lines[i].count,
                    nodes->items[lines[i].node].name, lines[i].state,
                    lines[i].reason != NULL && lines[i].reason != lines[i].state ? ": " : "",
                    lines[i].reason != NULL && lines[i].reason != lines[i].state ? lines[i].reason : "",
                    text_string(&lines[i].keys), lines[i].count > NAMED_IN_LOG ? ", ..." : "");
        text_free(&lines[i].keys);
    }
    free(lines);
}

static void report_refused(struct run *run, const struct publish_plan *plan) {
    size_t named = 0;
    for (size_t i = 0; i < plan->count; i++) {
        const struct planned_key *key = &plan->keys[i];
        if (key->refused == NULL)
            continue;
        if (named++ < NAMED_IN_LOG)
            log_warning("[count %s] \"%s\" cannot be a key: %s", key->count->name, key->name, key->refused);
        if (named <= NAMED_IN_RECORD)
            record_problem(run, key, NULL, "refused", key->refused);
    }
}

void publish_report(struct run *run, const struct memcached_nodes *nodes, const struct publish_plan *plan) {
    struct publish_result result = publish_count(plan);
    const struct {
        const char *path;
        size_t value;
    } outputs[] = {
        {"outputs.planned", result.planned},      {"outputs.set", result.set},
        {"outputs.verified", result.verified},    {"outputs.missing", result.missing},
        {"outputs.mismatched", result.different}, {"outputs.unreachable", result.unreachable},
        {"outputs.refused", result.refused},
    };
    for (size_t i = 0; i < LENGTH_OF(outputs); i++)
        record_integer(run->record, outputs[i].path, (int64_t)outputs[i].value);
    report_refused(run, plan);
    report_items(run, nodes, plan);
}
