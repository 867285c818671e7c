/* One parser for every number that a person writes, so that "5MB" or "36h" means the same in all nine jobs. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "nightshift/base/parse.h"

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit duration_units[] = {{"w", 7LL * 86400 * 1000}, {"d", 86400LL * 1000}, {"h", 3600LL * 1000},
                                             {"m", 60LL * 1000},        {"s", 1000},           {"ms", 1}};

static const struct unit size_units[] = {{"", 1},
                                         {"B", 1},
                                         {"kB", 1000},
                                         {"KB", 1000},
                                         {"MB", 1000 * 1000},
                                         {"GB", 1000 * 1000 * 1000},
                                         {"KiB", 1024},
                                         {"MiB", 1024 * 1024},
                                         {"GiB", 1024 * 1024 * 1024}};

const char *parse_integer(const char *string, int64_t *out) {
    char *end = NULL;
    /* strtoll would skip white space and accept an empty string. */
    if (!(*string == '-' || (*string >= '0' && *string <= '9')))
        return "not a whole number";
    errno = 0;
    long long value = strtoll(string, &end, 10);
    if (*end != '\0' || end == string || (end == string + 1 && *string == '-'))
        return "not a whole number";
    if (errno == ERANGE)
        return "too large";
    *out = value;
    return NULL;
}

static const char *parse_with_unit(const char *string, const struct unit *units, size_t count, int64_t *out) {
    size_t digits = strspn(string, "0123456789");
    if (digits == 0)
        return "not a number with a unit";
    int64_t value = 0;
    for (size_t i = 0; i < digits; i++)
        if (__builtin_mul_overflow(value, 10, &value) || __builtin_add_overflow(value, string[i] - '0', &value))
            return "too large";
    for (size_t i = 0; i < count; i++)
        if (strcmp(string + digits, units[i].name) == 0) {
            if (__builtin_mul_overflow(value, units[i].factor, &value))
                return "too large";
            *out = value;
            return NULL;
        }
    if (string[digits] == '\0' && value == 0) {
        *out = 0;
        return NULL;
    }
    return string[digits] == '\0' ? "the unit is missing" : "unknown unit";
}

const char *parse_duration(const char *string, int64_t *milliseconds) {
    int64_t value = 0;
    const char *problem = parse_with_unit(string, duration_units, LENGTH_OF(duration_units), &value);
    if (problem != NULL)
        return strcmp(problem, "too large") == 0 ? problem : "not a duration such as 30s, 5m, 36h or 90d";
    *milliseconds = value;
    return NULL;
}

const char *parse_size(const char *string, int64_t *bytes) {
    return parse_with_unit(string, size_units, LENGTH_OF(size_units), bytes);
}

const char *parse_percentage(const char *string, double *percent) {
    char *end = NULL;
    if (!(*string >= '0' && *string <= '9'))
        return "not a percentage such as 20%";
    double value = strtod(string, &end);
    if (strcmp(end, "%") != 0 || string[1] == 'x' || string[1] == 'X')
        return "not a percentage such as 20%";
    if (!(value <= 1e6))
        return "too large";
    *percent = value;
    return NULL;
}

const char *parse_day(const char *string, int64_t *day) {
    static const char shape[] = "dddd-dd-dd";
    struct tm given = {0};
    /* strptime() alone would take white space and single digits. */
    for (size_t i = 0; i < sizeof shape; i++)
        if (shape[i] == 'd' ? string[i] < '0' || string[i] > '9' : string[i] != shape[i])
            return "not a day such as 2026-11-23";
    if (strptime(string, "%Y-%m-%d", &given) == NULL)
        return "not a day such as 2026-11-23";
    struct tm real = given;
    time_t seconds = timegm(&real);
    /* strptime() knows no lengths of months; timegm() makes the 31st of June the 1st of July. */
    if (real.tm_mday != given.tm_mday)
        return "a day that the month does not have";
    *day = seconds / 86400;
    return NULL;
}

const char *parse_flag(const char *string, bool *out) {
    static const char *const words[][2] = {{"yes", "no"}, {"true", "false"}, {"on", "off"}, {"1", "0"}};
    for (size_t i = 0; i < LENGTH_OF(words); i++)
        for (size_t no = 0; no < 2; no++)
            if (strcasecmp(string, words[i][no]) == 0) {
                *out = no == 0;
                return NULL;
            }
    return "neither yes nor no";
}

void text_add_duration(struct text *text, int64_t milliseconds) {
    if (milliseconds == 0) {
        text_add(text, "0");
        return;
    }
    /* Weeks are read but not written: "35d" says more to a reader than "5w". */
    size_t i = 1;
    while (milliseconds % duration_units[i].factor != 0)
        i++;
    text_printf(text, "%" PRId64 "%s", milliseconds / duration_units[i].factor, duration_units[i].name);
}
