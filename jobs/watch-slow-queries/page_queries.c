/* The page's table of queries: two lines each, first what it is and its figures, then the fingerprint over the whole
 * width. */
#include <math.h>
#include <string.h>

#include "nightshift/base/clock.h"
#include "nightshift/report/chart.h"
#include "nightshift/report/format.h"
#include "nightshift/report/html.h"
#include "page_private.h"

static const struct html_column query_columns[] = {
    {"Tables, feature", HTML_TEXT, "The tables that the query names; the feature that they belong to, and its owner"},
    {"State", HTML_RAW, "What people were told today: new, or worse than on any day before"},
    {"Time per day", HTML_PLAIN, "The last 62 days, each query by its own scale"},
    {"Queries per day", HTML_PLAIN, "The last 62 days, each query by its own scale"},
    {"Total 14 d", HTML_DURATION, "Time of all its queries in the last 14 days"},
    {"Queries", HTML_NUMBER, "In the last 14 days"},
    {"Mean", HTML_DURATION, "In the last 14 days"},
    {"Worst", HTML_DURATION, "In the last 14 days"},
    {"First seen", HTML_DATE, NULL},
    {"Last seen", HTML_DATE, NULL},
};

static void add_verdict(struct html_table *table, int verdict) {
    static const char *const badges[] = {
        [VERDICT_NEW] = "<span class=\"badge strong\">new</span>",
        [VERDICT_WORSE] = "<span class=\"badge strong\">worse</span>",
        [VERDICT_KNOWN] = "<span class=\"muted\">known</span>",
        [VERDICT_MUTED] = "<span class=\"badge quiet\">muted</span>",
    };
    html_cell_begin(table, VERDICT_MUTED - verdict);
    text_add(table->out, badges[verdict]);
    html_cell_end(table);
}

/* Fills in a value per day, NAN before the first that is remembered, and returns where the largest is. */
static size_t fill_days(const struct known *known, int64_t today, bool times, double values[PAGE_SHOWN_DAYS]) {
    int64_t first = today - PAGE_SHOWN_DAYS + 1;
    int64_t begin = known->days.count > 0 ? known->days.items[0].day : today;
    size_t most = PAGE_SHOWN_DAYS - 1;
    for (int64_t i = 0; i < PAGE_SHOWN_DAYS; i++)
        values[i] = first + i < begin ? NAN : 0;
    for (size_t i = 0; i < known->days.count; i++) {
        const struct day *day = &known->days.items[i];
        if (day->day < first || day->day > today)
            continue;
        size_t at = (size_t)(day->day - first);
        values[at] = (double)(times ? day->tally.total : day->tally.count);
        if (!(values[at] <= values[most]))
            most = at;
    }
    return most;
}

static void add_spark(struct html_table *table, const struct known *known, int64_t today, bool times) {
    double values[PAGE_SHOWN_DAYS];
    struct text label = {0};
    struct text peak = {0};
    size_t most = fill_days(known, today, times, values);
    if (!(values[most] > 0))
        text_add(&peak, "none");
    else
        text_add(&peak, "at most ");
    if (values[most] > 0 && times)
        format_duration(&peak, (int64_t)values[most]);
    else if (values[most] > 0)
        format_number(&peak, (int64_t)values[most]);
    text_add(&label, times ? "Time per day until " : "Queries per day until ");
    clock_add_day(&label, today);
    text_printf(&label, ": %s", text_string(&peak));
    if (values[most] > 0) {
        text_add(&label, ", on ");
        clock_add_day(&label, today - PAGE_SHOWN_DAYS + 1 + (int64_t)most);
    }
    const struct chart_spark spark = {.kind = CHART_BARS,
                                      .values = values,
                                      .count = PAGE_SHOWN_DAYS,
                                      .recent = HISTORY_RECENT_DAYS,
                                      .label = text_string(&label)};
    html_cell_begin(table, 0);
    chart_add_spark(table->out, &spark);
    text_printf(table->out, "<span class=\"muted\">%s</span>", text_string(&peak));
    html_cell_end(table);
    text_free(&label);
    text_free(&peak);
}

static void add_subject(struct html_table *table, const struct site *site, const struct known *known) {
    const char *feature = NULL;
    const char *owner = NULL;
    struct text tables = {0};
    site_find_feature(site, &known->tables, &feature, &owner);
    site_add_tables(&tables, &known->tables);
    html_cell_begin(table, 0);
    text_add(table->out, "<strong>");
    html_add_text(table->out, tables.length > 0 ? text_string(&tables) : "no table");
    text_add(table->out, "</strong>");
    if (feature != NULL) {
        text_add(table->out, "<br>");
        html_add_text(table->out, feature);
    }
    if (owner != NULL) {
        text_add(table->out, " <span class=\"muted\">· ");
        html_add_text(table->out, owner);
        text_add(table->out, "</span>");
    }
    html_cell_end(table);
    text_free(&tables);
}

static void add_query(struct html_table *table, const struct page_input *input, const struct history_row *row) {
    const struct known *known = row->known;
    struct text id = {0};
    text_add(&id, "q-");
    text_add(&id, known->id);
    html_row(table, text_string(&id));
    add_subject(table, input->site, known);
    add_verdict(table, row->verdict);
    add_spark(table, known, input->rules->today, true);
    add_spark(table, known, input->rules->today, false);
    html_cell_duration(table, row->recent.total);
    html_cell_number(table, row->recent.count);
    if (row->recent.count > 0) {
        html_cell_duration(table, row->recent.total / row->recent.count);
        html_cell_duration(table, row->recent.worst);
    } else {
        html_cell_none(table);
        html_cell_none(table);
    }
    html_cell_day(table, clock_day(known->first_seen));
    html_cell_time(table, known->last_seen);
    html_wide_begin(table);
    html_add_code(table->out, known->fingerprint);
    text_add(table->out, "<div class=\"muted\"><small>ID ");
    html_add_text(table->out, known->id);
    text_add(table->out, " · since the first: ");
    format_count(table->out, known->all.count, "query", "queries");
    text_add(table->out, ", ");
    format_duration(table->out, known->all.total);
    text_add(table->out, ", worst ");
    format_duration(table->out, known->all.worst);
    text_add(table->out, "</small></div>");
    html_wide_end(table);
    text_free(&id);
}

void page_add_queries(const struct page_input *input, const struct history_row *rows, struct text *out) {
    size_t count = input->ledger->known_count;
    html_section_begin(out, "queries", "Queries by their time in the last 14 days");
    if (count == 0) {
        text_add(out, "<p>No slow query has been seen yet.</p>\n");
        html_section_end(out);
        return;
    }
    size_t shown = count < PAGE_ROWS ? count : PAGE_ROWS;
    struct html_table table;
    html_table_begin(&table, out, "One fingerprint per row. Its ID is that of pt-query-digest 3.", query_columns,
                     LENGTH_OF(query_columns), 5);
    for (size_t i = 0; i < shown; i++)
        add_query(&table, input, &rows[i]);
    html_table_end(&table);
    if (shown < count) {
        struct tally rest = {0};
        for (size_t i = shown; i < count; i++)
            tally_add(&rest, &rows[i].recent);
        text_add(out, "<p>And ");
        format_count(out, (int64_t)(count - shown), "fingerprint", "fingerprints");
        text_add(out, " more, with ");
        format_count(out, rest.count, "query", "queries");
        text_add(out, " and ");
        format_duration(out, rest.total);
        text_add(out, " in the last 14 days: <code>watch-slow-queries --list</code> has them all.</p>\n");
    }
    html_section_end(out);
}
