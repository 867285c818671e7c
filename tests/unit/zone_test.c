/* Local times to UTC, against what the C library says of every hour, and by hand where it cannot be asked. */
#include <time.h>

#include "../../jobs/push-lancers/zone.h"
#include "support.h"

static int64_t at(int year, int month, int day, int hour, int minute) {
    struct tm fields = {.tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute};
    return (int64_t)timegm(&fields);
}

static void check(const char *name, int64_t local, int64_t utc) {
    struct zone *zone = zone_load(name);
    assert_non_null(zone);
    assert_int_equal(zone_to_utc(zone, local), utc);
    zone_free(zone);
}

static void japan_is_nine_hours_ahead(void **state) {
    (void)state;
    check("Asia/Tokyo", at(2026, 11, 23, 3, 4), at(2026, 11, 22, 18, 4));
    check("Asia/Tokyo", at(9999, 12, 31, 23, 59), at(9999, 12, 31, 14, 59));
    check("Asia/Tokyo", at(1949, 7, 1, 12, 0), at(1949, 7, 1, 2, 0)); /* summer time, under occupation */
    check("UTC", at(2026, 11, 23, 3, 4), at(2026, 11, 23, 3, 4));
}

static void summer_time_begins_and_ends(void **state) {
    (void)state;
    check("America/New_York", at(2026, 3, 8, 1, 59), at(2026, 3, 8, 6, 59));
    check("America/New_York", at(2026, 3, 8, 2, 30), at(2026, 3, 8, 7, 30)); /* there is no such time */
    check("America/New_York", at(2026, 3, 8, 3, 0), at(2026, 3, 8, 7, 0));
    check("America/New_York", at(2026, 11, 1, 1, 30), at(2026, 11, 1, 5, 30)); /* twice: the first */
    check("America/New_York", at(2026, 11, 1, 2, 0), at(2026, 11, 1, 7, 0));
    check("America/New_York", at(2449, 7, 1, 12, 0), at(2449, 7, 1, 16, 0));
    check("America/New_York", at(2451, 7, 1, 12, 0), at(2451, 7, 1, 16, 0));
    check("America/New_York", at(9998, 7, 1, 12, 0), at(9998, 7, 1, 16, 0));
    check("America/New_York", at(9998, 1, 1, 12, 0), at(9998, 1, 1, 17, 0));
}

/* Every UTC hour of these years, as a local time, must lead back to itself, or to the first of two equal local times. */
static void every_hour_of_many_years_comes_back(void **state) {
    (void)state;
    static const char *const names[] = {"Asia/Tokyo",          "America/New_York",  "Europe/Berlin",
                                        "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia"};
    for (size_t i = 0; i < LENGTH_OF(names); i++) {
        struct zone *zone = zone_load(names[i]);
        assert_non_null(zone);
        setenv("TZ", names[i], 1);
        tzset();
        for (int64_t utc = at(1990, 1, 1, 0, 0); utc < at(2050, 1, 1, 0, 0); utc += 1800) {
            struct tm fields;
            time_t moment = (time_t)utc;
            assert_non_null(localtime_r(&moment, &fields));
            int64_t local = utc + fields.tm_gmtoff;
            int64_t back = zone_to_utc(zone, local);
            if (back == utc)
                continue;
            struct tm first;
            time_t earlier = (time_t)back;
            assert_true(back < utc);
            assert_non_null(localtime_r(&earlier, &first));
            assert_int_equal(back + first.tm_gmtoff, local);
        }
        unsetenv("TZ");
        tzset();
        zone_free(zone);
    }
}

static void unknown_zones_are_told_and_the_environment_is_put_back(void **state) {
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    assert_null(zone_load("Asia/Tokio"));
    assert_null(zone_load("../../etc/passwd"));
    zone_free(zone_load("Asia/Tokyo"));
    assert_string_equal(getenv("TZ"), "Europe/Berlin");
    unsetenv("TZ");
    zone_free(zone_load("Asia/Tokyo"));
    assert_null(getenv("TZ"));
    zone_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(japan_is_nine_hours_ahead),
        cmocka_unit_test(summer_time_begins_and_ends),
        cmocka_unit_test(every_hour_of_many_years_comes_back),
        cmocka_unit_test(unknown_zones_are_told_and_the_environment_is_put_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
