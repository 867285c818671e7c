/* count-categories: counts what a marketplace's pages would count on every view, once a night, and publishes the counts into memcached. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "collect.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/check.h"
#include "nightshift/job/mirror.h"
#include "nightshift/job/ping.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/mysql.h"
#include "nightshift/stores/redis.h"
#include "publish.h"
#include "settings.h"
#include "show.h"

static const char state_name[] = "published";

/* The cache as one run sees it. */
struct cache {
    const struct memcached_settings *settings;
    struct memcached_nodes nodes;
    struct memcached_placement *placement;
    struct memcached_pool *pool;
};

static void cache_close(struct cache *cache) {
    memcached_pool_close(cache->pool);
    memcached_placement_free(cache->placement);
    memcached_nodes_free(&cache->nodes);
    *cache = (struct cache){0};
}

static int cache_open(const struct run *run, struct cache *cache) {
    *cache = (struct cache){.settings = settings_of(run->settings, &memcached_section)};
    int status = memcached_nodes_load(cache->settings, &cache->nodes);
    if (status == 0)
        status = memcached_placement_open(cache->settings, &cache->nodes, &cache->placement);
    if (status == 0)
        cache->pool = memcached_pool_open(cache->settings, &cache->nodes);
    return status;
}

static int make_plan(const struct cache *cache, const struct collection *collection, struct publish_plan *plan) {
    const struct plan_input input = {
        .memcached = cache->settings, .placement = cache->placement, .collection = collection, .now = clock_now()};
    return publish_plan_make(&input, plan);
}

/* The last published counts; none at all is no error. */
static int load_baseline(struct run *run, struct state *state, struct baseline *baseline) {
    int status = mirror_load(run, state_name, state);
    if (status != 0 || state->version == 0)
        return status;
    const char *reason = baseline_decode(&state->body, baseline);
    if (reason != NULL)
        log_warning("the state of the last run cannot be used (%s); only absolute guards apply", reason);
    return 0;
}

static void report_guard(struct run *run, const struct collected *item, const struct guard *guard, bool accepted) {
    /* It can name categories, whose ids may be any bytes; JSON takes UTF-8 only. */
    struct text finding = {0};
    text_append_printable(&finding, guard->finding, strlen(guard->finding));
    record_set(run->record, "guards[]",
               json_pack("{s:s, s:s, s:f, s:f, s:b, s:b, s:s}", "name", guard->name, "count", item->name, "value",
                         guard->value, "limit", guard->limit, "ok", guard->ok, "accepted", accepted, "finding",
                         text_string(&finding)));
    text_free(&finding);
}

/* Judges one count. The names of guards that refuse and were not accepted are added to `refusing`. */
static void judge(struct run *run, struct collected *item, const struct baseline *baseline, struct strings *refusing) {
    const struct count_options *options = run->options;
    const struct guard_input input = {
        .limits = item->settings,
        .counts = &item->counts,
        .baseline = baseline_of(baseline, item->name),
        .circle = item->circle,
        .independent_total = item->has_independent_total ? &item->independent_total : NULL,
    };
    guards_judge(&input, &item->guards);
    for (size_t i = 0; i < item->guards.count; i++) {
        const struct guard *guard = &item->guards.items[i];
        /* Sums along a circle are wrong whatever anybody thinks of them. */
        bool acceptable = strcmp(guard->name, "circle") != 0;
        bool accepted = !guard->ok && acceptable && strings_contain(&options->accept, guard->name);
        report_guard(run, item, guard, accepted);
        if (accepted)
            log_warning("[count %s] accepted: %s", item->name, guard->finding);
        else if (!guard->ok)
            log_error("[count %s] guard \"%s\": %s", item->name, guard->name, guard->finding);
        if (!guard->ok && !accepted && !strings_contain(refusing, guard->name))
            strings_add(refusing, guard->name);
    }
}

/* All guards of all counts, so that one run tells everything that is wrong. */
static int check_guards(struct run *run, struct collection *collection, const struct baseline *baseline) {
    struct strings refusing = {0};
    struct text names = {0};
    for (size_t i = 0; i < collection->count; i++)
        judge(run, &collection->items[i], baseline, &refusing);
    for (size_t i = 0; i < refusing.count; i++)
        text_printf(&names, "%s%s", i > 0 ? "," : "", refusing.items[i]);
    int status = 0;
    if (strings_contain(&refusing, "circle")) {
        log_hint("mend the parents in the table of categories; sums along a circle cannot be right");
        status = EXIT_GUARD;
    } else if (refusing.count > 0) {
        log_hint("if this is right, run again with --accept %s", text_string(&names));
        status = EXIT_GUARD;
    }
    if (status != 0)
        log_error("nothing was published");
    text_free(&names);
    strings_free(&refusing);
    return status;
}

/* What was seen in the cache becomes what the next run compares with; what was not keeps its old value. */
static void update_baseline(const struct collection *collection, const struct publish_plan *plan,
                            struct baseline *baseline) {
    for (size_t i = 0; i < collection->count; i++) {
        const struct collected *item = &collection->items[i];
        bool map_verified = false;
        bool any_verified = false;
        bool *verified = xcalloc(item->counts.count, sizeof *verified);
        for (size_t j = 0; j < plan->item_count; j++) {
            const struct planned_key *key = &plan->keys[plan->item_keys[j]];
            if (key->count != item || plan->items[j].read != OUTCOME_VERIFIED || key->kind == KEY_TIME)
                continue;
            any_verified = true;
            if (key->kind == KEY_MAP)
                map_verified = true;
            else
                verified[key->category] = true;
        }
        const struct baseline_count *old = baseline_of(baseline, item->name);
        const char **ids = xcalloc(item->counts.count, sizeof *ids);
        int64_t *numbers = xcalloc(item->counts.count, sizeof *numbers);
        size_t kept = 0;
        for (size_t j = 0; j < item->counts.count; j++) {
            const struct category *category = &item->counts.items[j];
            bool seen = map_verified || verified[j];
            int64_t before = old != NULL ? baseline_find(old, category->id) : -1;
            if (!seen && before < 0)
                continue;
            ids[kept] = category->id;
            numbers[kept++] = seen ? category->count : before;
        }
        if (any_verified) {
            struct baseline_count *count = baseline_take(baseline, item->name);
            count->total = item->counts.total;
            count->at = collection->taken_at;
            baseline_replace(count, ids, numbers, kept);
        }
        free(ids);
        free(numbers);
        free(verified);
    }
}

/* How this night differs from the last: for the record. */
static void report_changes(struct run *run, const struct collection *collection, const struct baseline *baseline) {
    int64_t changed = 0;
    int64_t added = 0;
    int64_t unchanged = 0;
    for (size_t i = 0; i < collection->count; i++) {
        const struct collected *item = &collection->items[i];
        const struct baseline_count *old = baseline_of(baseline, item->name);
        for (size_t j = 0; j < item->counts.count; j++) {
            int64_t before = old != NULL ? baseline_find(old, item->counts.items[j].id) : -1;
            added += before < 0;
            changed += before >= 0 && before != item->counts.items[j].count;
            unchanged += before == item->counts.items[j].count;
        }
        record_set(run->record, "changes.totals[]",
                   json_pack("{s:s, s:o, s:I}", "count", item->name, "old",
                             old != NULL ? json_integer(old->total) : json_null(), "new",
                             (json_int_t)item->counts.total));
    }
    record_integer(run->record, "changes.changed", changed);
    record_integer(run->record, "changes.added", added);
    record_integer(run->record, "outputs.unchanged", unchanged);
}

static void report_nodes(struct run *run, const struct cache *cache) {
    for (size_t i = 0; i < cache->nodes.count; i++) {
        struct memcached_health health;
        memcached_pool_health(cache->pool, i, &health);
        record_set(run->record, "outputs.nodes[]",
                   json_pack("{s:s, s:b, s:b, s:s*}", "node", health.node, "asked", health.asked, "reached",
                             health.reached, "reason", health.reason));
    }
}

/* With discovery: whether the cluster has changed while we wrote, so that keys are now looked for elsewhere. */
static bool nodes_have_changed(const struct cache *cache) {
    struct memcached_nodes now = {0};
    if (cache->settings->discovery == NULL || memcached_nodes_load(cache->settings, &now) != 0)
        return false;
    bool changed = now.version != cache->nodes.version;
    memcached_nodes_free(&now);
    return changed;
}

static int publish_once(struct run *run, const struct collection *collection, struct baseline *baseline, bool *again) {
    struct cache cache;
    struct publish_plan plan = {0};
    int status = cache_open(run, &cache);
    if (status == 0)
        status = make_plan(&cache, collection, &plan);
    if (status == 0)
        status = publish(run, cache.pool, &cache.nodes, &plan);
    if (cache.pool != NULL)
        report_nodes(run, &cache);
    if (status == 0) {
        struct publish_result result = publish_count(&plan);
        status = publish_status(&result);
        if (status != EXIT_DONE)
            fail(status, "%zu of %zu keys are not verified", result.planned - result.verified, result.planned);
        log_info("%zu of %zu keys published and verified on %zu nodes", result.verified, result.planned,
                 cache.nodes.count);
        update_baseline(collection, &plan, baseline);
        *again = nodes_have_changed(&cache);
    }
    publish_plan_free(&plan);
    cache_close(&cache);
    return status;
}

static int publish_all(struct run *run, const struct collection *collection, struct state *state,
                       struct baseline *baseline) {
    bool again = false;
    int status = publish_once(run, collection, baseline, &again);
    if (again) {
        log_warning("the list of memcached nodes changed meanwhile; publishing again");
        status = publish_once(run, collection, baseline, &again);
    }
    if (status != EXIT_DONE && status != EXIT_ATTENTION)
        return status;
    record_phase(run->record, "state");
    text_clear(&state->body);
    baseline_encode(baseline, &state->body);
    int saved = mirror_save(run, state_name, state);
    return saved != 0 ? saved : status;
}

/* --dry-run and --verify: the plan against what the cache holds now. */
static int compare_with_cache(struct run *run, const struct collection *collection) {
    const struct count_options *options = run->options;
    struct cache cache;
    struct publish_plan plan = {0};
    int status = cache_open(run, &cache);
    if (status == 0)
        status = make_plan(&cache, collection, &plan);
    const struct show_input input = {.nodes = &cache.nodes, .pool = cache.pool, .plan = &plan};
    if (status == 0)
        status = options->verify ? show_verification(&input) : show_changes(&input);
    publish_plan_free(&plan);
    cache_close(&cache);
    return status;
}

static int explain(struct run *run) {
    const struct count_options *options = run->options;
    struct cache cache;
    int status = cache_open(run, &cache);
    if (status == 0)
        status = show_key(cache.settings, cache.placement, cache.pool, &cache.nodes, options->explain);
    cache_close(&cache);
    return status;
}

static int run_job(struct run *run) {
    const struct count_options *options = run->options;
    if (options->explain != NULL)
        return explain(run);
    struct collection collection = {0};
    struct state state = {0};
    struct baseline baseline = {0};
    int status = collect(run, &collection);
    if (status != 0 || options->verify) {
        if (status == 0)
            status = compare_with_cache(run, &collection);
        goto out;
    }
    record_phase(run->record, "guards");
    status = load_baseline(run, &state, &baseline);
    if (status == 0) {
        report_changes(run, &collection, &baseline);
        status = check_guards(run, &collection, &baseline);
    }
    if (status == 0)
        status = run->dry_run ? compare_with_cache(run, &collection) : publish_all(run, &collection, &state, &baseline);
out:
    baseline_free(&baseline);
    state_free(&state);
    collection_free(&collection);
    return status;
}

static int check_job(struct run *run) {
    struct cache cache;
    int status = collect_check(run);
    int cache_status = cache_open(run, &cache);
    if (cache_status == 0)
        cache_status = show_health(cache.pool, &cache.nodes);
    cache_close(&cache);
    int house_status = check_house(run);
    return status != 0 ? status : cache_status != 0 ? cache_status : house_status;
}

static const struct section *const sections[] = {
    &suite_section, &mysql_section, &memcached_section, &redis_section, &ping_section, &count_section, NULL};

static const struct job job = {
    .name = "count-categories",
    .purpose = "Counts rows per category in MySQL and publishes the counts into memcached, verified.",
    .options = count_options,
    .options_size = sizeof(struct count_options),
    .sections = sections,
    .prepare = count_prepare,
    .check = check_job,
    .run = run_job,
};

int main(int argc, char **argv) {
    return run_main(&job, argc, argv);
}
