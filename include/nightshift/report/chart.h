/* Charts as inline SVG, which need no script and take their colours from the page of html.h. Values that are not there
 * are NAN: a gap, which is not the same as 0. */
#ifndef NIGHTSHIFT_REPORT_CHART_H
#define NIGHTSHIFT_REPORT_CHART_H

#include <stddef.h>

#include "nightshift/base/text.h"

enum chart_kind { CHART_BARS, CHART_LINE };

/* The size of a word: one bar or point per value, from 0 to the largest. */
struct chart_spark {
    enum chart_kind kind;
    const double *values; /* >= 0, or NAN */
    size_t count;
    size_t recent;     /* the last so many are drawn stronger */
    const char *label; /* read out, and shown when pointed at: what it shows, from when to when, the extremes */
};

void chart_add_spark(struct text *out, const struct chart_spark *spark);

/* As wide as the page: bars, with the largest value written above, the first and the last name below, and each bar's
 * name and value shown when it is pointed at. */
struct chart_bars {
    const char *title;
    const char *const *names; /* of the values, along the axis: "2026-11-23" */
    const double *values;     /* >= 0, or NAN */
    size_t count;
    size_t recent;
    void (*format)(struct text *out, double value);
};

void chart_add_bars(struct text *out, const struct chart_bars *chart);

#endif
