/* What "worse" means. A day of a fingerprint, so far, is compared with the whole days before it: with the worst of them, not
 * with their mean, so that what happens every Monday is no news. It is worse when it is at least `worse_factor` times
 *
 *   - as many queries, and at least `worse_count`, as on any day before
 *   - as much time in all, likewise, and more by a second
 *   - as slow a query as the slowest before, and slower by more than a second: MySQL 5.6 tells whole seconds, so that
 *     what was 1 s and is 2 s now can be a microsecond's difference
 *   - as slow on average as all days before together, from 5 queries on, and by 0.1 s
 *
 * The least differences are for queries that are logged because they use no index: these take milliseconds, and twice as
 * many are not worth anybody's attention.
 *
 * The day on which a fingerprint was first seen is not whole, and there must be a whole day to compare with; so the first day
 * that can be worse is the second one after it. Days without any query count, they are just not written down.
 *
 * People are told once a day. What they were told then joins the history, so that the day is worse again when it is
 * another factor above that. Days before the last one that was told of are not judged.
 *
 * The groups may hold several days, after midnight or when runs were skipped. Each is compared with those before it, the
 * newest first. */
#include <inttypes.h>
#include <stdbool.h>
#include <strings.h>
#include <time.h>

#include "findings.h"
#include "nightshift/base/clock.h"

enum {
    SECOND = 1000000, /* times are in microseconds */
    LEAST_MORE_TOTAL = SECOND,
    LEAST_MORE_WORST = SECOND + 1,
    LEAST_MORE_MEAN = SECOND / 10,
    LEAST_COUNT_FOR_MEAN = 5,
};

/* The days before one day. */
struct past {
    int64_t days;
    int64_t count, total; /* the largest of a day */
    struct tally all;
    struct tally told; /* of this day, if it was told */
};

static int64_t mean(const struct tally *tally) {
    return tally->count > 0 ? tally->total / tally->count : 0;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* The first `count` days. */
static struct past past_of(const struct days *days, size_t count) {
    struct past past = {.days = days->items[count].day - days->items[0].day};
    for (size_t i = 0; i < count; i++) {
        const struct tally *tally = &days->items[i].tally;
        past.count = larger(past.count, tally->count);
        past.total = larger(past.total, tally->total);
        tally_add(&past.all, tally);
    }
    return past;
}

static void add_day(struct text *out, int64_t day, int64_t today) {
    char date[64] = "";
    const time_t seconds = (time_t)(day * 86400);
    struct tm broken = {0};
    if (day == today || day == today - 1) {
        text_add(out, day == today ? " today" : " yesterday");
        return;
    }
    if (gmtime_r(&seconds, &broken) != NULL && strftime(date, sizeof date, " on %Y-%m-%d", &broken) > 0)
        text_add(out, date);
}

/* One way to be worse, and how it is said: "412 today, at most 120 on any of the 14 days before". */
struct measure {
    bool counts; /* enough queries for it */
    int64_t value, before, told, least_more;
    bool is_time;
    const char *what, *most, *of;
};

static void add_value(struct text *out, const struct measure *measure, int64_t value) {
    if (measure->is_time)
        clock_add_span(out, value / 1000);
    else
        text_printf(out, "%" PRId64, value);
}

static bool is_worse(const struct measure *measure, double factor) {
    const int64_t bound = larger(measure->before, measure->told);
    return measure->counts && measure->value >= tally_sum(bound, measure->least_more) &&
           (double)measure->value >= factor * (double)bound;
}

static int judge_day(const struct past *past, const struct day *day, const struct judge_rules *rules,
                     struct text *reason) {
    const struct tally *tally = &day->tally;
    const struct tally *told = &past->told;
    const bool many = tally->count >= rules->worse_count;
    const struct measure measures[] = {
        {many, tally->count, past->count, told->count, 1, false, "", "at most ", " on any of"},
        {many, tally->total, past->total, told->total, LEAST_MORE_TOTAL, true, " in all", "at most ", " on any of"},
        {true, tally->worst, past->all.worst, told->worst, LEAST_MORE_WORST, true, " for one query", "at most ",
         " on any of"},
        {tally->count >= LEAST_COUNT_FOR_MEAN, mean(tally), mean(&past->all), mean(told), LEAST_MORE_MEAN, true,
         " on average", "", " over"},
    };
    for (size_t i = 0; i < LENGTH_OF(measures); i++) {
        const struct measure *measure = &measures[i];
        if (!is_worse(measure, rules->worse_factor))
            continue;
        add_value(reason, measure, measure->value);
        text_add(reason, measure->what);
        add_day(reason, day->day, rules->today);
        text_printf(reason, ", %s", measure->most);
        add_value(reason, measure, measure->before);
        text_printf(reason, "%s the %" PRId64 " days before", measure->of, past->days);
        return VERDICT_WORSE;
    }
    return VERDICT_KNOWN;
}

/* Where the first day is that is not before `day`; there is one. */
static size_t place_of(const struct days *days, int64_t day) {
    size_t at = 0;
    while (days->items[at].day < day)
        at++;
    return at;
}

int judge_history(const struct known *known, const struct days *fresh, const struct judge_rules *rules,
                  struct text *reason) {
    struct days days = {0};
    int verdict = VERDICT_KNOWN;
    for (size_t i = 0; i < known->days.count; i++)
        days_add(&days, known->days.items[i].day, &known->days.items[i].tally);
    for (size_t i = 0; i < fresh->count; i++)
        days_add(&days, fresh->items[i].day, &fresh->items[i].tally);
    /* A day that is still to come was told of by a wrong clock, and must not silence all days until then. */
    const bool told = known->told_day <= rules->today;
    for (size_t i = fresh->count; i-- > 0 && verdict == VERDICT_KNOWN;) {
        const int64_t day = fresh->items[i].day;
        if (told && day < known->told_day)
            break;
        const size_t at = place_of(&days, day);
        /* So too for a day that is older than all that are kept: it is before the first of them. */
        if (day - days.items[0].day < 2)
            continue;
        struct past past = past_of(&days, at);
        if (told && day == known->told_day)
            past.told = known->told;
        verdict = judge_day(&past, &days.items[at], rules, reason);
    }
    days_free(&days);
    return verdict;
}

const struct mute *mute_of(const struct judge_rules *rules, const char *id) {
    for (size_t i = 0; i < rules->mute_count; i++)
        if (rules->today < rules->mutes[i].until && strcasecmp(rules->mutes[i].id, id) == 0)
            return &rules->mutes[i];
    return NULL;
}
