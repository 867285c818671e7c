/* Sums, days and times. Memory grows by xgrow(), whose capacity is the next power of two. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/memory.h"
#include "tally.h"

void tally_add(struct tally *tally, const struct tally *more) {
    tally->count = tally_sum(tally->count, more->count);
    tally->total = tally_sum(tally->total, more->total);
    if (more->worst > tally->worst)
        tally->worst = more->worst;
}

/* How many of the days are not after `day`. The one that is looked for is nearly always the last. */
static size_t days_until(const struct days *days, int64_t day) {
    size_t at = days->count;
    while (at > 0 && days->items[at - 1].day > day)
        at--;
    return at;
}

void days_add(struct days *days, int64_t day, const struct tally *more) {
    size_t at = days_until(days, day);
    if (at > 0 && days->items[at - 1].day == day) {
        tally_add(&days->items[at - 1].tally, more);
        return;
    }
    if (days->count >= DAYS_LIMIT) {
        if (at == 0)
            return;
        at--;
        memmove(days->items, days->items + 1, at * sizeof *days->items);
    } else {
        days->items = xgrow(days->items, days->count, sizeof *days->items);
        memmove(days->items + at + 1, days->items + at, (days->count - at) * sizeof *days->items);
        days->count++;
    }
    days->items[at] = (struct day){.day = day, .tally = *more};
}

struct tally days_tally(const struct days *days, int64_t day) {
    size_t at = days_until(days, day);
    return at > 0 && days->items[at - 1].day == day ? days->items[at - 1].tally : (struct tally){0};
}

void days_free(struct days *days) {
    free(days->items);
    *days = (struct days){0};
}

/* splitmix64 (Steele, Lea, Flood 2014): numbers that follow each other become bits without a pattern. */
static uint64_t scatter(uint64_t number) {
    number += 0x9E3779B97F4A7C15u;
    number = (number ^ (number >> 30)) * 0xBF58476D1CE4E5B9u;
    number = (number ^ (number >> 27)) * 0x94D049BB133111EBu;
    return number ^ (number >> 31);
}

void times_add(struct times *times, int64_t time) {
    bool all = times->seen == (int64_t)times->count;
    times->seen = tally_sum(times->seen, 1);
    if (all && times->count < TIMES_LIMIT) {
        times->items = xgrow(times->items, times->count, sizeof *times->items);
        times->items[times->count++] = time;
        return;
    }
    uint64_t place = scatter((uint64_t)times->seen) % (uint64_t)times->seen;
    if (place < times->count)
        times->items[place] = time;
}

void times_thin(struct times *times, size_t keep) {
    if (times->count <= keep)
        return;
    /* The beginning of a shuffle (Fisher and Yates). */
    for (size_t i = 0; i < keep; i++) {
        size_t other = i + scatter((uint64_t)times->seen ^ (uint64_t)i << 32) % (times->count - i);
        int64_t moved = times->items[i];
        times->items[i] = times->items[other];
        times->items[other] = moved;
    }
    times->count = keep;
    size_t capacity = 1;
    while (capacity < keep)
        capacity *= 2;
    times->items = xreallocarray(times->items, capacity, sizeof *times->items);
}

struct weighed {
    int64_t time;
    double weight;
};

static int compare_weighed(const void *a, const void *b) {
    int64_t left = ((const struct weighed *)a)->time;
    int64_t right = ((const struct weighed *)b)->time;
    return (left > right) - (left < right);
}

/* The first time by which at least `share` of the weight is reached. Sums of weights are not exact: the caller leaves
 * a margin that is far below the weight of one time. */
static int64_t time_at(const struct weighed *sorted, size_t count, double share) {
    double sum = 0;
    size_t at = 0;
    while (at + 1 < count && (sum += sorted[at].weight) < share)
        at++;
    return sorted[at].time;
}

int64_t times_median_of(const struct times *const *list, size_t length) {
    size_t count = 0;
    for (size_t i = 0; i < length; i++)
        count += list[i]->count;
    if (count == 0)
        return 0;
    struct weighed *sorted = xcalloc(count, sizeof *sorted);
    double whole = 0;
    size_t at = 0;
    for (size_t i = 0; i < length; i++)
        for (size_t j = 0; j < list[i]->count; j++) {
            double weight = (double)list[i]->seen / (double)list[i]->count;
            sorted[at++] = (struct weighed){.time = list[i]->items[j], .weight = weight};
            whole += weight;
        }
    qsort(sorted, count, sizeof *sorted, compare_weighed);
    const double margin = 0.25;
    int64_t lower = time_at(sorted, count, whole / 2 - margin);
    int64_t upper = time_at(sorted, count, whole / 2 + margin);
    free(sorted);
    /* Their sum might not fit. */
    return lower / 2 + upper / 2 + (lower % 2 + upper % 2) / 2;
}

int64_t times_median(const struct times *times) {
    return times_median_of(&times, 1);
}
