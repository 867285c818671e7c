/* Times written down, time zones, and the order of run ids. */
#include <time.h>

#include "support.h"

#include "nightshift/base/clock.h"
#include "nightshift/base/random.h"

#define NOON 1764158400123 /* 2025-11-26T12:00:00.123Z */

static void assert_written(void (*add)(struct text *text, int64_t value), int64_t value, const char *wanted) {
    struct text text = {0};
    add(&text, value);
    assert_string_equal(text_string(&text), wanted);
    text_free(&text);
}

static void utc_times(void **state) {
    (void)state;
    assert_written(clock_add_utc, 0, "1970-01-01T00:00:00.000Z");
    assert_written(clock_add_utc, NOON, "2025-11-26T12:00:00.123Z");
    assert_written(clock_add_utc, 2147483648000, "2038-01-19T03:14:08.000Z");
    assert_written(clock_add_utc, 1709164799999, "2024-02-28T23:59:59.999Z");
    assert_written(clock_add_utc, 1709251199999, "2024-02-29T23:59:59.999Z");
}

static void local_times_follow_their_zone(void **state) {
    (void)state;
    static const struct {
        const char *zone;
        int64_t now;
        const char *written;
    } cases[] = {
        {"UTC", NOON, "2025-11-26T12:00:00.123+00:00"},
        {"Asia/Tokyo", NOON, "2025-11-26T21:00:00.123+09:00"},
        {"Asia/Kolkata", NOON, "2025-11-26T17:30:00.123+05:30"},
        {"America/St_Johns", NOON, "2025-11-26T08:30:00.123-03:30"},
        /* one second before and after New York puts its clocks back, 2025-11-02 */
        {"America/New_York", 1762063199000, "2025-11-02T01:59:59.000-04:00"},
        {"America/New_York", 1762063200000, "2025-11-02T01:00:00.000-05:00"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_int_equal(clock_set_zone(cases[i].zone), 0);
        assert_written(clock_add_local, cases[i].now, cases[i].written);
    }
}

static void what_is_no_zone_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {"",
                                        "Nowhere/Else",
                                        "asia/tokyo",
                                        "/etc/passwd",
                                        "../../etc/passwd",
                                        "Asia",
                                        "Asia/",
                                        "Asia/../../../../etc/passwd",
                                        "zone.tab",
                                        "tzdata.zi",
                                        "Asia/Tokyo "};
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        if (clock_set_zone(cases[i]) == 0)
            print_error("zone \"%s\" is taken\n", cases[i]);
        assert_int_equal(clock_set_zone(cases[i]), -1);
    }
    assert_written(clock_add_local, NOON, "2025-11-26T21:00:00.123+09:00");
}

static void days_are_those_of_the_zone(void **state) {
    (void)state;
    const int64_t day = 86400000;
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0);
    assert_int_equal(clock_day(20780 * day - 9 * 3600000), 20780);
    assert_int_equal(clock_day(20780 * day - 9 * 3600000 - 1000), 20779);
    assert_int_equal(clock_set_zone("America/New_York"), 0);
    assert_int_equal(clock_day(20780 * day), 20779);
    assert_int_equal(clock_set_zone("UTC"), 0);
    assert_int_equal(clock_day(20780 * day), 20780);
    assert_written(clock_add_day, 20780, "2026-11-23");
    assert_written(clock_add_day, 0, "1970-01-01");
    assert_written(clock_add_day, 19782, "2024-02-29");
}

static void spans_for_people(void **state) {
    (void)state;
    static const struct {
        int64_t milliseconds;
        const char *written;
    } cases[] = {
        {0, "0 ms"},
        {999, "999 ms"},
        {1000, "1.0 s"},
        {12349, "12.3 s"},
        {59999, "59.9 s"},
        {60000, "1 min 00 s"},
        {245000, "4 min 05 s"},
        {3599999, "59 min 59 s"},
        {3600000, "1 h 00 min"},
        {12000000, "3 h 20 min"},
        {86399999, "23 h 59 min"},
        {86400000, "1 d 00 h"},
        {439200000, "5 d 02 h"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_written(clock_add_span, cases[i].milliseconds, cases[i].written);
}

static void sleeping_takes_its_time(void **state) {
    (void)state;
    int64_t began = clock_monotonic();
    clock_sleep(20);
    assert_true(clock_monotonic() - began >= 20);
    clock_sleep(0);
    clock_sleep(-1);
    assert_true(clock_monotonic() - began < FOREVER);
}

static void the_clock_counts_milliseconds_since_1970(void **state) {
    (void)state;
    int64_t seconds = (int64_t)time(NULL);
    int64_t now = clock_now();
    assert_true(now >= seconds * 1000 && now < seconds * 1000 + FOREVER);
}

static void run_ids_sort_by_time(void **state) {
    (void)state;
    char before[UUID_LENGTH + 1] = "";
    char id[UUID_LENGTH + 1];
    static const int64_t times[] = {0, 1, 255, 256, 65535, 65536, NOON, NOON + 1, 0xFFFFFFFFFFFF};
    for (size_t i = 0; i < LENGTH_OF(times); i++) {
        random_uuid7(id, times[i]);
        assert_true(strcmp(id, before) > 0);
        memcpy(before, id, sizeof before);
    }
}

static void a_run_id_is_a_version_7_uuid(void **state) {
    (void)state;
    char id[UUID_LENGTH + 1];
    char other[UUID_LENGTH + 1];
    for (int i = 0; i < 1000; i++) {
        random_uuid7(id, NOON);
        assert_int_equal(strlen(id), UUID_LENGTH);
        assert_int_equal(strspn(id, "0123456789abcdef-"), UUID_LENGTH);
        assert_memory_equal(id, "019ac008", 8); /* the time comes first */
        assert_int_equal(id[8] == '-' && id[13] == '-' && id[18] == '-' && id[23] == '-', 1);
        assert_int_equal(id[14], '7');
        assert_non_null(strchr("89ab", id[19]));
    }
    random_uuid7(other, NOON);
    assert_string_not_equal(id, other);
}

static void tokens_differ(void **state) {
    (void)state;
    char a[TOKEN_LENGTH + 1];
    char b[TOKEN_LENGTH + 1];
    random_token(a);
    random_token(b);
    assert_int_equal(strspn(a, "0123456789abcdef"), TOKEN_LENGTH);
    assert_string_not_equal(a, b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(utc_times),
        cmocka_unit_test(local_times_follow_their_zone),
        cmocka_unit_test(what_is_no_zone_is_refused),
        cmocka_unit_test(days_are_those_of_the_zone),
        cmocka_unit_test(spans_for_people),
        cmocka_unit_test(sleeping_takes_its_time),
        cmocka_unit_test(the_clock_counts_milliseconds_since_1970),
        cmocka_unit_test(run_ids_sort_by_time),
        cmocka_unit_test(a_run_id_is_a_version_7_uuid),
        cmocka_unit_test(tokens_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
