/* Charts: gaps are gaps, zero is not nothing, and every chart can be read out. */
#include <math.h>

#include "markup.h"
#include "nightshift/report/chart.h"

static char *spark(enum chart_kind kind, const double *values, size_t count, size_t recent) {
    const struct chart_spark chart = {
        .kind = kind, .values = values, .count = count, .recent = recent, .label = "a \"<label>"};
    struct text out = {0};
    chart_add_spark(&out, &chart);
    assert_well_formed(text_string(&out));
    return text_take(&out);
}

static void bars_are_scaled_to_the_largest(void **state) {
    (void)state;
    static const double values[] = {10, 5, 0, NAN, 0.001};
    char *svg = spark(CHART_BARS, values, 5, 2);
    assert_contains(svg, "<svg class=\"spark bars\" width=\"15\" height=\"20\" viewBox=\"0 0 15 20\" role=\"img\" "
                         "aria-label=\"a &quot;&lt;label&gt;\"><title>a &quot;&lt;label&gt;</title>");
    assert_contains(svg, "<path class=\"older\" d=\"M1 20v-19.0M4 20v-9.5\"/>");
    /* What is more than nothing can be seen. */
    assert_contains(svg, "<path class=\"recent\" d=\"M13 20v-1.0\"/>");
    /* The ground has a gap where a day is missing, and none where it was 0. */
    assert_contains(svg, "<path class=\"ground\" d=\"M0 19.5H9M12 19.5H15\"/>");
    free(svg);
}

static void lines_break_at_gaps(void **state) {
    (void)state;
    static const double values[] = {NAN, 1, 2, NAN, 2, NAN};
    char *svg = spark(CHART_LINE, values, 6, 0);
    assert_contains(svg, "<svg class=\"spark lines\"");
    assert_contains(svg, "<path class=\"older\" d=\"M4 10.0h0L7 1.0M13 1.0h0\"/>");
    assert_contains(svg, "<path class=\"recent\" d=\"\"/>");
    free(svg);
}

static void both_parts_of_a_line_meet(void **state) {
    (void)state;
    static const double values[] = {2, 1, 2, 1};
    char *svg = spark(CHART_LINE, values, 4, 2);
    assert_contains(svg, "<path class=\"older\" d=\"M1 1.0h0L4 10.0\"/>");
    assert_contains(svg, "<path class=\"recent\" d=\"M4 10.0h0L7 1.0L10 10.0\"/>");
    free(svg);
    svg = spark(CHART_LINE, values, 4, 9);
    assert_contains(svg, "<path class=\"older\" d=\"\"/>");
    assert_contains(svg, "<path class=\"recent\" d=\"M1 1.0h0L4");
    free(svg);
}

static void values_that_are_no_numbers_leave_no_trace(void **state) {
    (void)state;
    static const double values[] = {INFINITY, -INFINITY, NAN, -5};
    char *svg = spark(CHART_BARS, values, 4, 4);
    assert_contains(svg, "<path class=\"recent\" d=\"\"/>");
    assert_lacks(svg, "inf");
    assert_lacks(svg, "nan");
    free(svg);
    static const double one[] = {INFINITY, 5};
    svg = spark(CHART_BARS, one, 2, 2);
    assert_contains(svg, "<path class=\"recent\" d=\"M4 20v-19.0\"/>");
    free(svg);
    svg = spark(CHART_BARS, values, 0, 3);
    assert_contains(svg, "viewBox=\"0 0 0 20\"");
    free(svg);
}

static void in_pieces(struct text *out, double value) {
    text_printf(out, "%.0f <pieces>", value);
}

static void wide_bars_name_their_extremes(void **state) {
    (void)state;
    static const double values[] = {NAN, 20, 5, 0};
    static const char *const names[] = {"mon", "t<e", "wed", "thu"};
    const struct chart_bars chart = {
        .title = "A & B", .names = names, .values = values, .count = 4, .recent = 2, .format = in_pieces};
    struct text out = {0};
    chart_add_bars(&out, &chart);
    const char *figure = text_string(&out);
    assert_well_formed(figure);
    assert_contains(figure, "aria-label=\"A &amp; B, mon to thu: highest 20 &lt;pieces&gt; on t&lt;e, last 0 "
                            "&lt;pieces&gt;\"");
    assert_contains(figure, "<title>mon: unknown</title>");
    assert_contains(figure, "<title>t&lt;e: 20 &lt;pieces&gt;</title>");
    assert_contains(figure, "<rect class=\"older\" x=\"11\" y=\"0.0\" width=\"8\" height=\"100.0\"/>");
    assert_contains(figure, "<rect class=\"recent\" x=\"21\" y=\"75.0\" width=\"8\" height=\"25.0\"/>");
    assert_int_equal(count_of(figure, "<rect class=\"room\""), 4);
    assert_int_equal(count_of(figure, "<rect"), 6);
    assert_contains(figure, "<span>mon</span><span>thu</span>");
    text_free(&out);
}

static void without_any_value_there_is_no_scale(void **state) {
    (void)state;
    static const double values[] = {NAN, NAN};
    static const char *const names[] = {"a", "b"};
    struct chart_bars chart = {.title = "t", .names = names, .values = values, .count = 2, .format = in_pieces};
    struct text out = {0};
    chart_add_bars(&out, &chart);
    assert_well_formed(text_string(&out));
    assert_contains(text_string(&out), "highest unknown on a, last unknown");
    text_clear(&out);
    chart.count = 0;
    chart_add_bars(&out, &chart);
    assert_string_equal(text_string(&out), "");
    text_free(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bars_are_scaled_to_the_largest), cmocka_unit_test(lines_break_at_gaps),
        cmocka_unit_test(both_parts_of_a_line_meet),      cmocka_unit_test(values_that_are_no_numbers_leave_no_trace),
        cmocka_unit_test(wide_bars_name_their_extremes),  cmocka_unit_test(without_any_value_there_is_no_scale),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
