/* Dates as MySQL writes them ("2026-11-23 03:04:05.678", "2026-11-23"; also with T and Z, as text columns may hold them) to RFC 3339 in UTC. */
#include <string.h>

#include "document_private.h"

struct moment {
    int year, month, day, hour, minute, second, milliseconds;
    bool utc;
};

static inline bool take_number(struct value *rest, size_t digits, int *out) {
    int number = 0;
    if (rest->length < digits)
        return false;
    for (size_t i = 0; i < digits; i++) {
        if (rest->bytes[i] < '0' || rest->bytes[i] > '9')
            return false;
        number = number * 10 + (rest->bytes[i] - '0');
    }
    *out = number;
    *rest = (struct value){rest->bytes + digits, rest->length - digits};
    return true;
}

static inline bool take(struct value *rest, char character) {
    if (rest->length == 0 || rest->bytes[0] != character)
        return false;
    *rest = (struct value){rest->bytes + 1, rest->length - 1};
    return true;
}

/* 1 to 6 digits; what is below a millisecond is cut off, as CloudSearch has no place for it. */
static bool take_fraction(struct value *rest, int *milliseconds) {
    int digit = 0;
    size_t count = 0;
    for (; count < 6 && take_number(rest, 1, &digit); count++)
        if (count < 3)
            *milliseconds = *milliseconds * 10 + digit;
    for (size_t i = count; i < 3; i++)
        *milliseconds *= 10;
    return count > 0;
}

static bool read_moment(struct value rest, struct moment *moment) {
    if (!take_number(&rest, 4, &moment->year) || !take(&rest, '-') || !take_number(&rest, 2, &moment->month) ||
        !take(&rest, '-') || !take_number(&rest, 2, &moment->day))
        return false;
    if (rest.length == 0)
        return true;
    if (!(take(&rest, ' ') || take(&rest, 'T')) || !take_number(&rest, 2, &moment->hour) || !take(&rest, ':') ||
        !take_number(&rest, 2, &moment->minute) || !take(&rest, ':') || !take_number(&rest, 2, &moment->second))
        return false;
    if (take(&rest, '.') && !take_fraction(&rest, &moment->milliseconds))
        return false;
    moment->utc = take(&rest, 'Z');
    return rest.length == 0;
}

static bool exists(const struct moment *moment) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (moment->year % 4 == 0 && moment->year % 100 != 0) || moment->year % 400 == 0;
    return moment->month <= 12 && moment->day <= days[moment->month - 1] + (leap && moment->month == 2) &&
           moment->hour <= 23 && moment->minute <= 59 && moment->second <= 59;
}

/* Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from 1 March so that leap days come last. */
static int64_t days_of(const struct moment *moment) {
    int64_t year = moment->year - (moment->month <= 2);
    int64_t day_of_year = (153 * ((moment->month + 9) % 12) + 2) / 5 + moment->day - 1;
    /* From year -1 on, which is as far as 1 March of the year before 0 can lie. */
    year += 400;
    return year * 365 + year / 4 - year / 100 + year / 400 + day_of_year - 719468 - 146097;
}

static void set_day(struct moment *moment, int64_t days) {
    int64_t since = days + 719468 + 146097;
    int64_t era = since / 146097;
    int64_t of_era = since % 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * of_year + 2) / 153;
    moment->day = (int)(of_year - (153 * month + 2) / 5 + 1);
    moment->month = (int)(month < 10 ? month + 3 : month - 9);
    moment->year = (int)(year + (era - 1) * 400 + (moment->month <= 2));
}

static void shift(struct moment *moment, const struct zone *zone) {
    int64_t days = days_of(moment);
    int64_t seconds = zone_to_utc(zone, days * 86400 + moment->hour * 3600 + moment->minute * 60 + moment->second);
    int64_t of_day = (seconds % 86400 + 86400) % 86400;
    int64_t day = (seconds - of_day) / 86400;
    if (day != days)
        set_day(moment, day);
    moment->hour = (int)(of_day / 3600);
    moment->minute = (int)(of_day / 60 % 60);
    moment->second = (int)(of_day % 60);
}

static char *put_digits(char *at, int number, int count) {
    for (int i = count - 1; i >= 0; i--, number /= 10)
        at[i] = (char)('0' + number % 10);
    return at + count;
}

/* By hand: printf would take longer than all the rest of a row. */
static void add_moment(struct text *out, const struct moment *moment) {
    char written[32];
    char *at = put_digits(written, moment->year, 4);
    *at++ = '-';
    at = put_digits(at, moment->month, 2);
    *at++ = '-';
    at = put_digits(at, moment->day, 2);
    *at++ = 'T';
    at = put_digits(at, moment->hour, 2);
    *at++ = ':';
    at = put_digits(at, moment->minute, 2);
    *at++ = ':';
    at = put_digits(at, moment->second, 2);
    if (moment->milliseconds > 0) {
        *at++ = '.';
        at = put_digits(at, moment->milliseconds, 3);
    }
    *at++ = 'Z';
    document_append(out, written, (size_t)(at - written));
}

enum encoded document_encode_date(const struct zone *zone, struct value value, struct text *out,
                                  struct document_counts *counts, const char **reason) {
    struct moment moment = {0};
    if (!read_moment(value, &moment)) {
        *reason = "is not a date";
        return FAULTY;
    }
    /* 0000-00-00, and 2026-00-00 or 2026-11-00, which MySQL keeps for dates that are known in part. */
    if (moment.month == 0 || moment.day == 0) {
        counts->zero_dates++;
        return OMITTED;
    }
    if (!exists(&moment)) {
        *reason = "is a date that does not exist";
        return FAULTY;
    }
    if (zone != NULL && !moment.utc)
        shift(&moment, zone);
    if (moment.year < 0 || moment.year > 9999) {
        *reason = "is outside of the years 0000 to 9999 in UTC";
        return FAULTY;
    }
    add_moment(out, &moment);
    return ENCODED;
}
