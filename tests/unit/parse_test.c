/* Numbers as people write them: what is taken, what is refused, and that a refusal leaves the value alone. */
#include <inttypes.h>

#include "support.h"

#include "nightshift/base/parse.h"

enum { UNTOUCHED = 777 };

typedef const char *parser(const char *string, int64_t *out);

struct number_case {
    const char *string;
    int64_t value;
    const char *problem; /* NULL: it is taken */
};

static void check_numbers(parser *parse, const struct number_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        int64_t value = UNTOUCHED;
        const char *problem = parse(cases[i].string, &value);
        if (cases[i].problem == NULL && problem != NULL)
            print_error("\"%s\" is refused: %s\n", cases[i].string, problem);
        if (cases[i].problem == NULL) {
            assert_null(problem);
            assert_int_equal(value, cases[i].value);
        } else {
            assert_non_null(problem);
            assert_contains(problem, cases[i].problem);
            assert_int_equal(value, UNTOUCHED);
        }
    }
}

static void integers(void **state) {
    (void)state;
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"-1", -1, NULL},
        {"007", 7, NULL},
        {"9223372036854775807", INT64_MAX, NULL},
        {"-9223372036854775808", INT64_MIN, NULL},
        {"9223372036854775808", 0, "too large"},
        {"-9223372036854775809", 0, "too large"},
        {"99999999999999999999999", 0, "too large"},
        {"", 0, "not a whole number"},
        {"-", 0, "not a whole number"},
        {"--1", 0, "not a whole number"},
        {"- 1", 0, "not a whole number"},
        {"+1", 0, "not a whole number"},
        {" 1", 0, "not a whole number"},
        {"1 ", 0, "not a whole number"},
        {"1.0", 0, "not a whole number"},
        {"1,000", 0, "not a whole number"},
        {"0x10", 0, "not a whole number"},
        {"1e3", 0, "not a whole number"},
        {"\xEF\xBC\x91", 0, "not a whole number"}, /* a full-width digit */
    };
    check_numbers(parse_integer, cases, LENGTH_OF(cases));
}

static void durations(void **state) {
    (void)state;
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"0s", 0, NULL},
        {"250ms", 250, NULL},
        {"30s", 30000, NULL},
        {"5m", 300000, NULL},
        {"36h", 129600000, NULL},
        {"90d", 7776000000, NULL},
        {"2w", 1209600000, NULL},
        {"9223372036854775s", 9223372036854775000, NULL},
        {"9223372036854776s", 0, "too large"}, /* in milliseconds it is */
        {"999999999999999999w", 0, "too large"},
        {"9999999999999999999ms", 0, "too large"},
        {"30", 0, "not a duration such as 30s, 5m, 36h or 90d"},
        {"", 0, "not a duration"},
        {"s", 0, "not a duration"},
        {"-5s", 0, "not a duration"},
        {" 5s", 0, "not a duration"},
        {"5 s", 0, "not a duration"},
        {"5S", 0, "not a duration"},
        {"5s ", 0, "not a duration"},
        {"1h30m", 0, "not a duration"},
        {"1.5h", 0, "not a duration"},
        {"5M", 0, "not a duration"},
        {"5MB", 0, "not a duration"},
    };
    check_numbers(parse_duration, cases, LENGTH_OF(cases));
}

static void sizes(void **state) {
    (void)state;
    static const struct number_case cases[] = {
        {"0", 0, NULL},
        {"1048576", 1048576, NULL},
        {"12B", 12, NULL},
        {"5kB", 5000, NULL},
        {"5KiB", 5120, NULL},
        {"5MB", 5000000, NULL},
        {"5MiB", 5242880, NULL},
        {"2GB", 2000000000, NULL},
        {"2GiB", 2147483648, NULL},
        {"8589934591GiB", 9223372035781033984, NULL},
        {"8589934592GiB", 0, "too large"},
        {"9223372037GB", 0, "too large"},
        {"5mb", 0, "unknown unit"},
        {"5M", 0, "unknown unit"},
        {"5 MB", 0, "unknown unit"},
        {"5s", 0, "unknown unit"},
        {"-1", 0, "not a number with a unit"},
        {"MB", 0, "not a number with a unit"},
    };
    check_numbers(parse_size, cases, LENGTH_OF(cases));
}

static void percentages(void **state) {
    (void)state;
    static const struct {
        const char *string;
        double value;
        const char *problem;
    } cases[] = {
        {"0%", 0, NULL},           {"20%", 20, NULL},          {"12.5%", 12.5, NULL},      {"100%", 100, NULL},
        {"1000000%", 1e6, NULL},   {"1000001%", 0, "large"},   {"1e400%", 0, "large"},     {"20", 0, "percentage"},
        {"%", 0, "percentage"},    {"", 0, "percentage"},      {"-5%", 0, "percentage"},   {"+5%", 0, "percentage"},
        {"nan%", 0, "percentage"}, {"inf%", 0, "percentage"},  {"0x1F%", 0, "percentage"}, {"20 %", 0, "percentage"},
        {"20%%", 0, "percentage"}, {"12,5%", 0, "percentage"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        double value = UNTOUCHED;
        const char *problem = parse_percentage(cases[i].string, &value);
        assert_int_equal(problem != NULL, cases[i].problem != NULL);
        if (problem != NULL)
            assert_contains(problem, cases[i].problem);
        double wanted = problem != NULL ? UNTOUCHED : cases[i].value;
        assert_float_equal(value, wanted, 0);
    }
}

static void days(void **state) {
    (void)state;
    static const struct number_case cases[] = {
        {"1970-01-01", 0, NULL},
        {"1970-01-02", 1, NULL},
        {"2024-02-29", 19782, NULL},
        {"2026-11-23", 20780, NULL},
        {"2038-01-20", 24856, NULL},
        {"2026-02-29", 0, "a day that the month does not have"},
        {"2026-06-31", 0, "a day that the month does not have"},
        {"2026-13-01", 0, "not a day such as"},
        {"2026-11-00", 0, "not a day such as"},
        {"2026-11-2", 0, "not a day such as"},
        {"2026-1-023", 0, "not a day such as"},
        {"26-11-23", 0, "not a day such as"},
        {"2026/11/23", 0, "not a day such as"},
        {"2026-11-23 ", 0, "not a day such as"},
        {" 2026-11-2", 0, "not a day such as"},
        {"2026- 1-02", 0, "not a day such as"},
        {"", 0, "not a day such as"},
    };
    check_numbers(parse_day, cases, LENGTH_OF(cases));
}

static void flags(void **state) {
    (void)state;
    static const char *const yes[] = {"yes", "true", "on", "1", "YES", "True"};
    static const char *const no[] = {"no", "false", "off", "0", "No"};
    static const char *const neither[] = {"", "y", "n", "2", "enabled", "yes ", "01"};
    for (size_t i = 0; i < LENGTH_OF(yes); i++) {
        bool value = false;
        assert_null(parse_flag(yes[i], &value));
        assert_true(value);
    }
    for (size_t i = 0; i < LENGTH_OF(no); i++) {
        bool value = true;
        assert_null(parse_flag(no[i], &value));
        assert_false(value);
    }
    for (size_t i = 0; i < LENGTH_OF(neither); i++) {
        bool value = true;
        assert_non_null(parse_flag(neither[i], &value));
        assert_true(value);
    }
}

static void written_durations_are_short_and_read_back(void **state) {
    (void)state;
    static const struct {
        int64_t milliseconds;
        const char *written;
    } cases[] = {
        {0, "0"},       {1, "1ms"},         {1500, "1500ms"}, {30000, "30s"},    {90000, "90s"},
        {300000, "5m"}, {129600000, "36h"}, {86400000, "1d"}, {604800000, "7d"}, {INT64_MAX, "9223372036854775807ms"}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        int64_t back = UNTOUCHED;
        text_add_duration(&text, cases[i].milliseconds);
        assert_string_equal(text_string(&text), cases[i].written);
        assert_null(parse_duration(text_string(&text), &back));
        assert_int_equal(back, cases[i].milliseconds);
        text_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
        cmocka_unit_test(percentages),
        cmocka_unit_test(days),
        cmocka_unit_test(flags),
        cmocka_unit_test(written_durations_are_short_and_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
