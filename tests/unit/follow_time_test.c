/* When a query ended: which times are taken, and what stands in for one that cannot be. */
#include "../../jobs/watch-slow-queries/follow_time.h"
#include "support.h"

enum { MINUTE = 60000, HOUR = 60 * MINUTE };

static const int64_t now = 1518662333000;

static void check(int64_t claimed, int64_t newest, int64_t read_at, int64_t wanted, bool wanted_shifted, int line) {
    const struct position position = {.newest = newest, .read_at = read_at};
    bool shifted = !wanted_shifted;
    int64_t got = follow_time(claimed, now, &position, &shifted);
    if (got == wanted && shifted == wanted_shifted)
        return;
    print_error("%lld ms before now%s, not %lld\n", (long long)(now - got), shifted ? ", shifted" : "",
                (long long)(now - wanted));
    _fail(__FILE__, line);
}

#define CHECK(...) check(__VA_ARGS__, __LINE__)

static void test_first_rows_may_be_of_any_time(void **state) {
    (void)state;
    CHECK(now - 9000LL * HOUR, 0, 0, now - 9000LL * HOUR, false);
    CHECK(now + 14 * MINUTE, 0, 0, now + 14 * MINUTE, false);
    CHECK(now + 15 * MINUTE, 0, 0, now, true);
    CHECK(now + 9 * HOUR, 0, 0, now, true);
    CHECK(0, 0, 0, now, true);
    CHECK(-5, 0, 0, now, true);
}

static void test_later_rows_come_after_those_before(void **state) {
    (void)state;
    int64_t newest = now - 3 * HOUR;
    CHECK(now - HOUR, newest, newest, now - HOUR, false);
    CHECK(newest, newest, newest, newest, false);
    CHECK(newest - 14 * MINUTE, newest, newest, newest - 14 * MINUTE, false);
    CHECK(newest - 15 * MINUTE, newest, newest, newest, true);
    CHECK(now + 9 * HOUR, newest, newest, newest, true);
    CHECK(0, newest, newest, newest, true);
}

/* They were not there when the table was last read to its end. */
static void test_shifted_rows_come_after_the_last_reading(void **state) {
    (void)state;
    CHECK(now - 9 * HOUR, now - 3 * HOUR, now - MINUTE, now - MINUTE, true);
    CHECK(now - 9 * HOUR, now - MINUTE, now - 3 * HOUR, now - MINUTE, true);
    CHECK(now - 9 * HOUR, now - MINUTE, now + HOUR, now, true); /* our clock is wrong */
    CHECK(now - 9 * HOUR, now + 10 * MINUTE, 0, now, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_first_rows_may_be_of_any_time),
        cmocka_unit_test(test_later_rows_come_after_those_before),
        cmocka_unit_test(test_shifted_rows_come_after_the_last_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
