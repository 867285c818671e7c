/* Each guard is one small function; the table gives their names and their order. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "guards.h"

static void add(struct guards *guards, struct guard guard) {
    guards->items = xgrow(guards->items, guards->count, sizeof *guards->items);
    guards->items[guards->count++] = guard;
}

static void judge_circle(const struct guard_input *input, struct guards *guards) {
    if (!input->limits->roll_up)
        return;
    add(guards, (struct guard){
                    .name = "circle",
                    .value = input->circle != NULL,
                    .ok = input->circle == NULL,
                    .finding = input->circle != NULL ? xasprintf("category \"%s\" is below itself", input->circle)
                                                     : xstrdup("the categories form a tree"),
                });
}

static void judge_unknown(const struct guard_input *input, struct guards *guards) {
    const struct counts *counts = input->counts;
    /* Without a list of categories only rows that name none (NULL) are unknown. */
    if (!counts->closed && counts->unknown == 0)
        return;
    struct text sample = {0};
    for (size_t i = 0; i < counts->unknown_sample.count; i++)
        text_printf(&sample, "%s%s", i > 0 ? ", " : "", counts->unknown_sample.items[i]);
    add(guards, (struct guard){
                    .name = "unknown",
                    .value = (double)counts->unknown,
                    .limit = (double)input->limits->max_unknown,
                    .ok = counts->unknown <= (size_t)input->limits->max_unknown,
                    .finding = xasprintf(
                        "%zu unknown categories with a count of %" PRId64 "%s%s; at most %" PRId64 " are allowed",
                        counts->unknown, counts->unknown_total, counts->unknown > 0 ? ", such as " : "",
                        text_string(&sample), input->limits->max_unknown),
                });
    text_free(&sample);
}

static void judge_minimum(const struct guard_input *input, struct guards *guards) {
    add(guards, (struct guard){
                    .name = "minimum",
                    .value = (double)input->counts->total,
                    .limit = (double)input->limits->min_total,
                    .ok = input->counts->total >= input->limits->min_total,
                    .finding = xasprintf("the sum is %" PRId64 "; at least %" PRId64 " is expected",
                                         input->counts->total, input->limits->min_total),
                });
}

/* The difference of two totals in percent of the second; anything against nothing is 100 %. */
static double percent_off(int64_t value, int64_t of) {
    if (of == 0)
        return value == 0 ? 0 : 100;
    return ((double)value - (double)of) * 100.0 / (double)of;
}

static void judge_total(const struct guard_input *input, struct guards *guards) {
    if (input->independent_total == NULL)
        return;
    int64_t sum = input->counts->total + input->counts->unknown_total;
    double off = percent_off(sum, *input->independent_total);
    off = off < 0 ? -off : off;
    add(guards, (struct guard){
                    .name = "total",
                    .value = off,
                    .limit = input->limits->max_total_difference,
                    .ok = off <= input->limits->max_total_difference,
                    .finding = xasprintf("the sum is %" PRId64 " and the independent total %" PRId64
                                         ", %.1f%% apart; at most %.1f%% is allowed",
                                         sum, *input->independent_total, off, input->limits->max_total_difference),
                });
}

static void judge_drop_and_rise(const struct guard_input *input, struct guards *guards) {
    if (input->baseline == NULL)
        return;
    double off = percent_off(input->counts->total, input->baseline->total);
    add(guards, (struct guard){
                    .name = "drop",
                    .value = off < 0 ? -off : 0,
                    .limit = input->limits->max_drop,
                    .ok = -off <= input->limits->max_drop,
                    .finding = xasprintf("the sum went from %" PRId64 " to %" PRId64
                                         " (%+.1f%%); a drop of at most %.1f%% is allowed",
                                         input->baseline->total, input->counts->total, off, input->limits->max_drop),
                });
    /* From nothing any rise is infinite, and right. */
    if (input->baseline->total == 0)
        return;
    add(guards, (struct guard){
                    .name = "rise",
                    .value = off > 0 ? off : 0,
                    .limit = input->limits->max_rise,
                    .ok = off <= input->limits->max_rise,
                    .finding = xasprintf("the sum went from %" PRId64 " to %" PRId64
                                         " (%+.1f%%); a rise of at most %.1f%% is allowed",
                                         input->baseline->total, input->counts->total, off, input->limits->max_rise),
                });
}

static bool has_changed(int64_t old, int64_t new, const struct count_settings *limits) {
    int64_t difference = new > old ? new - old : old - new;
    double off = percent_off(new, old);
    return difference >= limits->many && (off < 0 ? -off : off) > limits->changed_by;
}

static void judge_zeroed(const struct guard_input *input, struct guards *guards) {
    const struct count_settings *limits = input->limits;
    size_t zeroed = 0;
    const char *first_zeroed = "";
    /* From the side of what was published: a category that is gone altogether shows no count any more either. */
    for (size_t i = 0; i < input->baseline->entry_count; i++) {
        const struct baseline_entry *old = &input->baseline->entries[i];
        size_t at = counts_find(input->counts, old->id);
        bool empty = at == NO_CATEGORY || input->counts->items[at].count == 0;
        if (old->count >= limits->many && empty && zeroed++ == 0)
            first_zeroed = old->id;
    }
    add(guards, (struct guard){
                    .name = "zero",
                    .value = (double)zeroed,
                    .limit = (double)limits->max_zeroed,
                    .ok = zeroed <= (size_t)limits->max_zeroed,
                    .finding = xasprintf(
                        "%zu categories fell from %" PRId64 " or more to zero or are gone%s%s; at most %" PRId64 " may",
                        zeroed, limits->many, zeroed > 0 ? ", such as " : "", first_zeroed, limits->max_zeroed),
                });
}

static void judge_changed(const struct guard_input *input, struct guards *guards) {
    const struct count_settings *limits = input->limits;
    size_t changed = 0;
    size_t compared = 0;
    for (size_t i = 0; i < input->counts->count; i++) {
        const struct category *category = &input->counts->items[i];
        int64_t old = baseline_find(input->baseline, category->id);
        compared += old >= 0;
        changed += old >= 0 && has_changed(old, category->count, limits);
    }
    double part = compared > 0 ? (double)changed * 100.0 / (double)compared : 0;
    add(guards,
        (struct guard){
            .name = "changed",
            .value = part,
            .limit = limits->max_changed,
            .ok = part <= limits->max_changed,
            .finding = xasprintf("%zu of %zu categories (%.1f%%) changed by more than %.1f%%; at most %.1f%% may",
                                 changed, compared, part, limits->changed_by, limits->max_changed),
        });
}

bool guard_exists(const char *name) {
    struct strings names = {0};
    strings_split(&names, GUARD_NAMES, ",");
    bool found = strings_contain(&names, name);
    strings_free(&names);
    return found;
}

void guards_judge(const struct guard_input *input, struct guards *guards) {
    judge_circle(input, guards);
    judge_unknown(input, guards);
    judge_minimum(input, guards);
    judge_total(input, guards);
    judge_drop_and_rise(input, guards);
    if (input->baseline == NULL)
        return;
    judge_zeroed(input, guards);
    judge_changed(input, guards);
}

void guards_free(struct guards *guards) {
    for (size_t i = 0; i < guards->count; i++)
        free(guards->items[i].finding);
    free(guards->items);
    *guards = (struct guards){0};
}
