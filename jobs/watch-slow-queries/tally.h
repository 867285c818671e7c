/* Sums of slow queries: in all, by day, and the single times that a median is made of. Pure code; times are in
 * microseconds throughout. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_TALLY_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_TALLY_H

#include <stddef.h>
#include <stdint.h>

enum {
    DAYS_LIMIT = 62,    /* days that are kept, the newest */
    TIMES_LIMIT = 1000, /* times that are kept */
};

struct tally {
    int64_t count;
    int64_t total;
    int64_t worst;
};

/* The sum, or INT64_MAX or INT64_MIN where it is beyond them: a wrong clock of a server must not make a sum negative. */
static inline int64_t tally_sum(int64_t a, int64_t b) {
    int64_t sum = 0;
    if (__builtin_add_overflow(a, b, &sum))
        return b > 0 ? INT64_MAX : INT64_MIN;
    return sum;
}

void tally_add(struct tally *tally, const struct tally *more);

/* What happened on one day: `day` is days since 1970-01-01, in the site's time zone. */
struct day {
    int64_t day;
    struct tally tally;
};

/* Ascending, each day once. */
struct days {
    struct day *items;
    size_t count;
};

/* Of more than DAYS_LIMIT days the oldest is dropped. */
void days_add(struct days *days, int64_t day, const struct tally *more);

/* That day's tally; all 0 when it is not there. */
struct tally days_tally(const struct days *days, int64_t day);
void days_free(struct days *days);

/* Times of single queries: all of them while `count` is `seen`, else a random choice of them, each query being as likely in it as any
 * other (reservoir sampling, Vitter 1985, algorithm R). Every second or fourth one instead would meet queries that a program runs
 * in turns. What seems random is made from `seen`, so that the same rows give the same choice. */
struct times {
    int64_t *items;
    size_t count;
    int64_t seen;
};

void times_add(struct times *times, int64_t time);

/* Leaves a random choice of at most `keep` > 0 of them, and gives memory back. It does not grow again. */
void times_thin(struct times *times, size_t keep);

/* The mean of the middle two; 0 when there is none. Of several, each kept time stands for seen/count queries. Exact when
 * all times were kept. */
int64_t times_median(const struct times *times);
int64_t times_median_of(const struct times *const *list, size_t length);

#endif
