/* The page, from the ledger's history. What needs somebody comes first (gaps, logs that cannot be trusted), then the
 * weeks as a whole, then the queries by the time they took, the instances, and what is muted. */
#include "page.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "nightshift/base/clock.h"
#include "nightshift/report/chart.h"
#include "nightshift/report/format.h"
#include "nightshift/report/html.h"
#include "page_private.h"

/* All that is on the page, counted. */
struct totals {
    struct tally recent;
    struct tally today;
    size_t of[VERDICT_MUTED + 1];
    double time[PAGE_SHOWN_DAYS]; /* microseconds a day; NAN before the first day that is remembered */
};

/* --- Counting --- */

static void count_all(const struct page_input *input, const struct history_row *rows, struct totals *totals) {
    int64_t today = input->rules->today;
    int64_t first = today - PAGE_SHOWN_DAYS + 1;
    int64_t begin = today; /* the first day that anything is remembered of */
    *totals = (struct totals){0};
    for (size_t i = 0; i < input->ledger->known_count; i++) {
        const struct known *known = rows[i].known;
        struct tally now = days_tally(&known->days, today);
        tally_add(&totals->recent, &rows[i].recent);
        tally_add(&totals->today, &now);
        totals->of[rows[i].verdict]++;
        for (size_t j = 0; j < known->days.count; j++) {
            const struct day *day = &known->days.items[j];
            if (day->day >= first && day->day <= today)
                totals->time[day->day - first] += (double)day->tally.total;
            begin = day->day < begin ? day->day : begin;
        }
    }
    for (int64_t day = first; day < begin; day++)
        totals->time[day - first] = NAN;
}

/* --- Head --- */

static void add_fact(struct text *out, const char *name, const struct text *value) {
    text_add(out, "<div><dt>");
    html_add_text(out, name);
    text_add(out, "</dt><dd>");
    html_add_text(out, text_string(value));
    text_add(out, "</dd></div>\n");
}

static void add_tally_fact(struct text *out, const char *name, const struct tally *tally) {
    struct text value = {0};
    format_duration(&value, tally->total);
    text_add(&value, " · ");
    format_count(&value, tally->count, "query", "queries");
    add_fact(out, name, &value);
    text_free(&value);
}

static void add_facts(struct text *out, const struct page_input *input, const struct totals *totals) {
    struct text value = {0};
    text_add(out, "<dl class=\"facts\">\n");
    add_tally_fact(out, "Last 14 days", &totals->recent);
    add_tally_fact(out, "Today", &totals->today);
    text_printf(&value, "%zu new · %zu worse", totals->of[VERDICT_NEW], totals->of[VERDICT_WORSE]);
    add_fact(out, "Told today", &value);
    text_clear(&value);
    format_number(&value, (int64_t)input->ledger->known_count);
    if (totals->of[VERDICT_MUTED] > 0)
        text_printf(&value, " (%zu muted)", totals->of[VERDICT_MUTED]);
    add_fact(out, "Fingerprints", &value);
    text_add(out, "</dl>\n");
    text_free(&value);
}

static void add_duration(struct text *out, double value) {
    format_duration(out, (int64_t)value);
}

static void add_chart(struct text *out, const struct page_input *input, const struct totals *totals) {
    struct strings names = {0};
    for (int64_t i = 0; i < PAGE_SHOWN_DAYS; i++) {
        struct text name = {0};
        clock_add_day(&name, input->rules->today - PAGE_SHOWN_DAYS + 1 + i);
        strings_add(&names, text_string(&name));
        text_free(&name);
    }
    const struct chart_bars chart = {.title = "Time in slow queries per day, all instances",
                                     .names = (const char *const *)names.items,
                                     .values = totals->time,
                                     .count = PAGE_SHOWN_DAYS,
                                     .recent = HISTORY_RECENT_DAYS,
                                     .format = add_duration};
    chart_add_bars(out, &chart);
    strings_free(&names);
}

/* --- What needs somebody --- */

static void add_note(struct text *out, const char *subject, const char *what) {
    text_add(out, "<p class=\"note\">");
    if (subject != NULL) {
        text_add(out, "<strong>");
        html_add_text(out, subject);
        text_add(out, "</strong> ");
    }
    html_add_text(out, what);
    text_add(out, "</p>\n");
}

static void add_instance_notes(struct text *out, const struct site_instance *instance) {
    struct text what = {0};
    if (!instance->reached) {
        add_note(out, site_server(instance),
                 "was not read by the last run: it cannot be reached, or is not in the settings any more.");
        return;
    }
    if (!instance->logging)
        add_note(out, site_server(instance),
                 "writes no slow log to a table: set slow_query_log = ON, log_output = TABLE.");
    if (instance->rate_limit > 1) {
        text_printf(&what, "logs one slow query in %" PRId64 " only: counts and totals are that much too low.",
                    instance->rate_limit);
        add_note(out, site_server(instance), text_string(&what));
        text_clear(&what);
    }
    if (instance->backlog > 0) {
        text_add(&what, "has ");
        format_count(&what, instance->backlog, "row", "rows");
        text_add(&what, " that are not read yet: what is below is not all.");
        add_note(out, site_server(instance), text_string(&what));
    }
    if (instance->advise_rotation)
        add_note(out, site_server(instance), "has a large slow log, which makes every run slow: rotate it.");
    text_free(&what);
}

static void add_notes(struct text *out, const struct page_input *input) {
    const struct groups *pending = &input->ledger->pending;
    for (size_t i = 0; input->gaps != NULL && i < input->gaps->count; i++)
        add_note(out, "Gap:", input->gaps->items[i]);
    for (size_t i = 0; i < input->ledger->gaps.count; i++)
        add_note(out, "Gap:", input->ledger->gaps.items[i]);
    for (size_t i = 0; i < input->site->instance_count; i++)
        add_instance_notes(out, &input->site->instances[i]);
    if (pending->count > 0) {
        struct tally sum = {0};
        struct text what = {0};
        for (size_t i = 0; i < pending->count; i++)
            tally_add(&sum, &pending->items[i].all);
        format_count(&what, sum.count, "query was read that is", "queries were read that are");
        text_add(&what, " not in here yet: people have not been told.");
        add_note(out, NULL, text_string(&what));
        text_free(&what);
    }
}

/* --- Instances and mutes --- */

static const struct html_column instance_columns[] = {
    {"Instance", HTML_TEXT, NULL},
    {"Role", HTML_TEXT, NULL},
    {"Log", HTML_TEXT, "Whether it was read, and whether all slow queries are in it"},
    {"Rows read", HTML_NUMBER, "Since the log was last emptied or rotated"},
    {"Read at", HTML_DATE, "When it was last read to its end"},
    {"Backlog", HTML_NUMBER, "Rows that are not read yet"},
    {"Threshold", HTML_DURATION, "long_query_time: what takes longer is logged"},
};

static void add_instance(struct html_table *table, const struct site_instance *instance) {
    html_row(table, NULL);
    html_cell_text(table, site_server(instance));
    html_cell_text(table, !instance->reached ? NULL : instance->writer ? "writer" : "reader");
    html_cell_begin(table, 0);
    if (!instance->reached)
        text_add(table->out, "<span class=\"badge strong\">not read</span>");
    else if (!instance->logging)
        text_add(table->out, "<span class=\"badge strong\">off</span>");
    else if (instance->rate_limit > 1)
        text_printf(table->out, "<span class=\"badge strong\">1 in %" PRId64 "</span>", instance->rate_limit);
    else
        text_add(table->out, "on");
    html_cell_end(table);
    html_cell_number(table, instance->rows);
    html_cell_time(table, instance->read_at);
    if (instance->backlog >= 0)
        html_cell_number(table, instance->backlog);
    else
        html_cell_none(table);
    if (instance->long_query_time >= 0)
        html_cell_duration(table, instance->long_query_time);
    else
        html_cell_none(table);
}

static void add_instances(struct text *out, const struct site *site) {
    struct html_table table;
    html_section_begin(out, "instances", "Instances");
    html_table_begin(&table, out, "How far each slow log was read.", instance_columns, LENGTH_OF(instance_columns), 0);
    for (size_t i = 0; i < site->instance_count; i++)
        add_instance(&table, &site->instances[i]);
    html_table_end(&table);
    html_section_end(out);
}

static const struct html_column mute_columns[] = {
    {"Tables", HTML_TEXT, NULL},    {"State", HTML_TEXT, "Muted, or heard again because its last day is over"},
    {"Reason", HTML_TEXT, NULL},    {"Until", HTML_DATE, "The last day on which it is quiet"},
    {"Last seen", HTML_DATE, NULL},
};

/* Ids in the ledger are in upper case, those of the settings as a person wrote them. */
static const struct known *find_known(const struct ledger *ledger, const char *id) {
    for (size_t i = 0; i < ledger->known_count; i++)
        if (strcasecmp(ledger->known[i].id, id) == 0)
            return &ledger->known[i];
    return NULL;
}

static void add_mute(struct html_table *table, const struct page_input *input, const struct mute *mute) {
    const struct known *known = find_known(input->ledger, mute->id);
    struct text tables = {0};
    if (known != NULL)
        site_add_tables(&tables, &known->tables);
    html_row(table, NULL);
    html_cell_text(table, tables.length > 0 ? text_string(&tables) : NULL);
    html_cell_text(table, input->rules->today < mute->until ? "muted" : "ended");
    html_cell_text(table, mute->reason);
    html_cell_day(table, mute->until - 1);
    html_cell_time(table, known != NULL ? known->last_seen : 0);
    html_wide_begin(table);
    if (known != NULL)
        html_add_code(table->out, known->fingerprint);
    text_add(table->out, "<div class=\"muted\"><small>ID ");
    html_add_text(table->out, mute->id);
    text_add(table->out, known != NULL ? "</small></div>" : " · not seen, or forgotten</small></div>");
    html_wide_end(table);
    text_free(&tables);
}

static void add_mutes(struct text *out, const struct page_input *input) {
    struct html_table table;
    if (input->rules->mute_count == 0)
        return;
    html_section_begin(out, "muted", "Muted");
    html_table_begin(&table, out, "The [mute] sections of the settings.", mute_columns, LENGTH_OF(mute_columns), 0);
    for (size_t i = 0; i < input->rules->mute_count; i++)
        add_mute(&table, input, &input->rules->mutes[i]);
    html_table_end(&table);
    html_section_end(out);
}

void page_make(const struct page_input *input, struct text *out) {
    const struct html_head head = {.title = "Slow queries",
                                   .program = "watch-slow-queries",
                                   .generated_at = input->now,
                                   .links = input->links,
                                   .link_count = input->link_count};
    struct totals totals;
    struct history_row *rows = history_rows(input->ledger, input->rules);
    count_all(input, rows, &totals);
    html_page_begin(out, &head);
    add_notes(out, input);
    add_facts(out, input, &totals);
    if (input->ledger->known_count > 0)
        add_chart(out, input, &totals);
    page_add_queries(input, rows, out);
    add_instances(out, input->site);
    add_mutes(out, input);
    html_page_end(out, &head);
    free(rows);
}
