/* Inline SVG. Colours and line widths are in the page's style (html_assets.c); sizes are here. */
#include <math.h>
#include <stdbool.h>

#include "nightshift/report/chart.h"
#include "nightshift/report/html.h"

enum { SPARK_STEP = 3, SPARK_HEIGHT = 20, BARS_STEP = 10, BARS_HEIGHT = 100 };

static double largest(const double *values, size_t count) {
    double most = 0;
    for (size_t i = 0; i < count; i++)
        if (isfinite(values[i]) && values[i] > most)
            most = values[i];
    return most;
}

/* From 0 to `height`; what is more than nothing can be seen. */
static double scale(double value, double most, double height) {
    if (!(value > 0) || !(most > 0))
        return 0;
    double size = value / most * height;
    return size < 1 ? 1 : size;
}

/* The ground under all values that are there: a day of 0 differs from a day that nobody knows. */
static void add_ground(struct text *out, const struct chart_spark *spark) {
    text_add(out, "<path class=\"ground\" d=\"");
    for (size_t i = 0; i < spark->count;) {
        size_t end = i;
        while (end < spark->count && isfinite(spark->values[end]))
            end++;
        if (end > i)
            text_printf(out, "M%zu %d.5H%zu", i * SPARK_STEP, SPARK_HEIGHT - 1, end * SPARK_STEP);
        i = end + 1;
    }
    text_add(out, "\"/>");
}

static void add_bars(struct text *out, const struct chart_spark *spark, size_t from, size_t end, const char *class) {
    double most = largest(spark->values, spark->count);
    text_printf(out, "<path class=\"%s\" d=\"", class);
    for (size_t i = from; i < end; i++) {
        double height = isfinite(spark->values[i]) ? scale(spark->values[i], most, SPARK_HEIGHT - 1) : 0;
        if (height > 0)
            text_printf(out, "M%zu %dv-%.1f", i * SPARK_STEP + 1, SPARK_HEIGHT, height);
    }
    text_add(out, "\"/>");
}

static void add_line(struct text *out, const struct chart_spark *spark, size_t from, size_t end, const char *class) {
    double most = largest(spark->values, spark->count);
    bool drawing = false;
    text_printf(out, "<path class=\"%s\" d=\"", class);
    for (size_t i = from; i < end; i++) {
        if (!isfinite(spark->values[i])) {
            drawing = false;
            continue;
        }
        double y = SPARK_HEIGHT - 1 - scale(spark->values[i], most, SPARK_HEIGHT - 2);
        /* A point between two gaps is a line of no length, which the style gives round ends. */
        text_printf(out, drawing ? "L%zu %.1f" : "M%zu %.1fh0", i * SPARK_STEP + 1, y);
        drawing = true;
    }
    text_add(out, "\"/>");
}

void chart_add_spark(struct text *out, const struct chart_spark *spark) {
    bool line = spark->kind == CHART_LINE;
    size_t width = spark->count * SPARK_STEP;
    size_t older = spark->count > spark->recent ? spark->count - spark->recent : 0;
    text_printf(out,
                "<svg class=\"spark %s\" width=\"%zu\" height=\"%d\" viewBox=\"0 0 %zu %d\" role=\"img\" aria-label=\"",
                line ? "lines" : "bars", width, SPARK_HEIGHT, width, SPARK_HEIGHT);
    html_add_text(out, spark->label);
    text_add(out, "\"><title>");
    html_add_text(out, spark->label);
    text_add(out, "</title>");
    add_ground(out, spark);
    /* A line's recent part begins at the last older point, so that the two meet. */
    (line ? add_line : add_bars)(out, spark, 0, older, "older");
    (line ? add_line : add_bars)(out, spark, line && older > 0 && older < spark->count ? older - 1 : older,
                                 spark->count, "recent");
    text_add(out, "</svg>");
}

/* --- Bars as wide as the page --- */

static void add_value(struct text *out, const struct chart_bars *chart, size_t at) {
    struct text value = {0};
    if (isfinite(chart->values[at]))
        chart->format(&value, chart->values[at]);
    else
        text_add(&value, "unknown");
    html_add_bytes(out, text_string(&value), value.length);
    text_free(&value);
}

static size_t place_of_largest(const struct chart_bars *chart) {
    size_t place = 0;
    for (size_t i = 1; i < chart->count; i++)
        if (isfinite(chart->values[i]) && (!isfinite(chart->values[place]) || chart->values[i] > chart->values[place]))
            place = i;
    return place;
}

static void add_bar(struct text *out, const struct chart_bars *chart, size_t at, double most) {
    double height = isfinite(chart->values[at]) ? scale(chart->values[at], most, BARS_HEIGHT) : 0;
    text_add(out, "<g><title>");
    html_add_text(out, chart->names[at]);
    text_add(out, ": ");
    add_value(out, chart, at);
    /* The first rectangle is not seen: it is what the pointer meets above a low bar. */
    text_printf(out, "</title><rect class=\"room\" x=\"%zu\" y=\"0\" width=\"%d\" height=\"%d\"/>", at * BARS_STEP,
                BARS_STEP, BARS_HEIGHT);
    if (height > 0)
        text_printf(out, "<rect class=\"%s\" x=\"%zu\" y=\"%.1f\" width=\"%d\" height=\"%.1f\"/>",
                    at + chart->recent >= chart->count ? "recent" : "older", at * BARS_STEP + 1, BARS_HEIGHT - height,
                    BARS_STEP - 2, height);
    text_add(out, "</g>");
}

void chart_add_bars(struct text *out, const struct chart_bars *chart) {
    if (chart->count == 0)
        return;
    size_t top = place_of_largest(chart);
    double most = largest(chart->values, chart->count);
    text_add(out, "<figure class=\"chart\"><figcaption>");
    html_add_text(out, chart->title);
    text_add(out, "</figcaption><div class=\"top\" aria-hidden=\"true\">");
    add_value(out, chart, top);
    text_printf(out, "</div><svg viewBox=\"0 0 %zu %d\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"",
                chart->count * BARS_STEP, BARS_HEIGHT);
    html_add_text(out, chart->title);
    text_add(out, ", ");
    html_add_text(out, chart->names[0]);
    text_add(out, " to ");
    html_add_text(out, chart->names[chart->count - 1]);
    text_add(out, ": highest ");
    add_value(out, chart, top);
    text_add(out, " on ");
    html_add_text(out, chart->names[top]);
    text_add(out, ", last ");
    add_value(out, chart, chart->count - 1);
    text_add(out, "\">");
    for (size_t i = 0; i < chart->count; i++)
        add_bar(out, chart, i, most);
    text_add(out, "</svg><div class=\"axis\" aria-hidden=\"true\"><span>");
    html_add_text(out, chart->names[0]);
    text_add(out, "</span><span>");
    html_add_text(out, chart->names[chart->count - 1]);
    text_add(out, "</span></div></figure>\n");
}
