/* Reading the two clocks and writing times down. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nightshift/base/clock.h"

static int64_t read_clock(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_now(void) {
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic(void) {
    return read_clock(CLOCK_MONOTONIC);
}

void clock_sleep(int64_t milliseconds) {
    struct timespec wait = {.tv_sec = milliseconds / 1000, .tv_nsec = milliseconds % 1000 * 1000000};
    nanosleep(&wait, NULL);
}

/* tzset() takes an unknown name, a directory's or another file's for UTC without a word, so look at the zone's file first (tzfile(5)). */
static bool has_zone_file(const char *zone) {
    char magic[4] = "";
    if (zone[0] == '/' || strstr(zone, "..") != NULL)
        return false;
    char *path = xasprintf("/usr/share/zoneinfo/%s", zone);
    FILE *file = fopen(path, "re");
    bool found =
        file != NULL && fread(magic, 1, sizeof magic, file) == sizeof magic && memcmp(magic, "TZif", sizeof magic) == 0;
    if (file != NULL)
        fclose(file);
    free(path);
    return found;
}

/* tzset() reads the file for itself, and where that fails (too many open files) takes the name's first letters for that of a zone without an
 * offset. */
static bool is_loaded(const char *zone) {
    size_t letters = strspn(zone, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    return timezone != 0 || daylight != 0 || strlen(tzname[0]) != letters || strncmp(tzname[0], zone, letters) != 0;
}

int clock_set_zone(const char *zone) {
    /* A machine without tzdata still knows this one. */
    bool known = strcmp(zone, "UTC") == 0;
    if (!known && !has_zone_file(zone))
        return -1;
    setenv("TZ", zone, 1);
    tzset();
    /* The zone of the name GMT is what it is taken for. */
    return known || is_loaded(zone) || strncmp(zone, "GMT", 3) == 0 ? 0 : -1;
}

static void add_time(struct text *text, const struct tm *fields, int64_t now) {
    char date[40];
    strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", fields);
    text_printf(text, "%s.%03d", date, (int)(now % 1000));
}

void clock_add_local(struct text *text, int64_t now) {
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    localtime_r(&seconds, &fields);
    add_time(text, &fields, now);
    long offset = fields.tm_gmtoff / 60;
    long size = offset < 0 ? -offset : offset;
    text_printf(text, "%c%02ld:%02ld", offset < 0 ? '-' : '+', size / 60, size % 60);
}

void clock_add_utc(struct text *text, int64_t now) {
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    gmtime_r(&seconds, &fields);
    add_time(text, &fields, now);
    text_add(text, "Z");
}

int64_t clock_day(int64_t now) {
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    localtime_r(&seconds, &fields);
    return (timegm(&(struct tm){.tm_year = fields.tm_year, .tm_mon = fields.tm_mon, .tm_mday = fields.tm_mday})) /
           86400;
}

void clock_add_day(struct text *text, int64_t day) {
    time_t seconds = (time_t)(day * 86400);
    struct tm fields;
    char date[20];
    gmtime_r(&seconds, &fields);
    strftime(date, sizeof date, "%Y-%m-%d", &fields);
    text_add(text, date);
}

void clock_add_span(struct text *text, int64_t milliseconds) {
    int64_t seconds = milliseconds / 1000;
    if (milliseconds < 1000)
        text_printf(text, "%" PRId64 " ms", milliseconds);
    else if (seconds < 60)
        text_printf(text, "%" PRId64 ".%d s", seconds, (int)(milliseconds % 1000 / 100));
    else if (seconds < 3600)
        text_printf(text, "%" PRId64 " min %02d s", seconds / 60, (int)(seconds % 60));
    else if (seconds < 86400)
        text_printf(text, "%" PRId64 " h %02d min", seconds / 3600, (int)(seconds / 60 % 60));
    else
        text_printf(text, "%" PRId64 " d %02d h", seconds / 86400, (int)(seconds / 3600 % 24));
}
