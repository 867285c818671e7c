/* The notice: what is new or worse in one section each, worst first, and the rest in sums. What may not get lost when a
 * service's limit cuts the message at its end stands first: the gaps. */
#include "message.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/report/format.h"

enum { TITLE_SERVERS = 3 };

static const char more_note[] = "... and {more} more: watch-slow-queries --list has them all";

static bool is_told(const struct message_input *input, const struct finding *finding) {
    return finding->verdict != VERDICT_MUTED && strings_contain(&input->settings->tell, verdict_name(finding->verdict));
}

static size_t count_gaps(const struct message_input *input) {
    return input->gaps != NULL ? input->gaps->count : 0;
}

void message_told(const struct message_input *input, struct strings *ids) {
    for (size_t i = 0; i < input->findings->count; i++) {
        const struct finding *finding = &input->findings->items[i];
        if (finding->verdict != VERDICT_KNOWN && is_told(input, finding))
            strings_add(ids, finding->id);
    }
}

/* --- Title --- */

/* "db1, db2, db3 and 2 more": where the queries that are told of ran. */
static void add_servers(const struct message_input *input, struct text *title) {
    struct strings servers = {0};
    for (size_t i = 0; i < input->findings->count; i++) {
        const struct finding *finding = &input->findings->items[i];
        for (size_t j = 0; is_told(input, finding) && j < finding->group_count; j++) {
            struct text server = {0};
            site_add_server(input->site, finding->groups[j]->instance, &server);
            if (!strings_contain(&servers, text_string(&server)))
                strings_add(&servers, text_string(&server));
            text_free(&server);
        }
    }
    for (size_t i = 0; i < servers.count && i < TITLE_SERVERS; i++) {
        text_add(title, i == 0 ? " on " : ", ");
        text_add(title, servers.items[i]);
    }
    if (servers.count > TITLE_SERVERS)
        text_printf(title, " and %zu more", servers.count - TITLE_SERVERS);
    strings_free(&servers);
}

/* "3 new, 1 worse and 2 known slow queries on db1"; of `told` > 0 findings. */
static void add_title(const struct message_input *input, size_t told, struct text *title) {
    size_t left = told;
    for (int verdict = VERDICT_NEW; verdict < VERDICT_MUTED; verdict++) {
        size_t count = 0;
        for (size_t i = 0; i < input->findings->count; i++)
            count += input->findings->items[i].verdict == verdict && is_told(input, &input->findings->items[i]);
        if (count == 0)
            continue;
        if (left < told)
            text_add(title, left == count ? " and " : ", ");
        format_number(title, (int64_t)count);
        text_printf(title, " %s", verdict_name(verdict));
        left -= count;
    }
    text_add(title, told == 1 ? " slow query" : " slow queries");
    add_servers(input, title);
}

static void add_gap_title(size_t gaps, struct text *title) {
    format_count(title, (int64_t)gaps, "gap", "gaps");
    text_add(title, gaps == 1 ? " in a slow log: rows may be lost" : " in slow logs: rows may be lost");
}

/* --- One finding --- */

static void add_heading(struct notify_message *message, const struct finding *finding) {
    struct text heading = {0};
    for (const char *at = verdict_name(finding->verdict); *at != '\0'; at++)
        text_printf(&heading, "%c", toupper((unsigned char)*at));
    text_add(&heading, " · ");
    format_number(&heading, finding->all.count);
    text_add(&heading, " × · ");
    format_duration(&heading, finding->all.total);
    if (finding->all.count > 1) {
        text_add(&heading, " in all · median ");
        format_duration(&heading, finding->median);
        text_add(&heading, " · worst ");
        format_duration(&heading, finding->all.worst);
    }
    notify_message_section(message, text_string(&heading), 1);
    text_free(&heading);
}

/* "works, clients · work search (matching team)" */
static void add_subject(struct notify_message *message, const struct site *site, const struct finding *finding) {
    const char *feature = NULL;
    const char *owner = NULL;
    struct text line = {0};
    if (finding->group_count == 0)
        return;
    const struct strings *tables = &finding->groups[0]->tables;
    site_add_tables(&line, tables);
    site_find_feature(site, tables, &feature, &owner);
    if (feature != NULL)
        text_printf(&line, "%s%s", line.length > 0 ? " · " : "", feature);
    if (feature != NULL && owner != NULL)
        text_printf(&line, " (%s)", owner);
    if (line.length > 0)
        notify_message_line(message, "%s", text_string(&line));
    text_free(&line);
}

/* "db1 8 ×, 30.0 s · db2 4 ×, 4.5 s"; "on db2" alone, where there are others that it could be. */
static void add_instances(struct notify_message *message, const struct site *site, const struct finding *finding) {
    struct text line = {0};
    bool one = finding->group_count == 1;
    for (size_t i = 0; i < finding->group_count; i++) {
        const struct group *group = finding->groups[i];
        text_add(&line, one ? "on " : i > 0 ? " · " : "");
        site_add_server(site, group->instance, &line);
        if (one)
            break;
        text_add(&line, " ");
        format_number(&line, group->all.count);
        text_add(&line, " ×, ");
        format_duration(&line, group->all.total);
    }
    if (line.length > 0 && (!one || site->instance_count > 1))
        notify_message_line(message, "%s", text_string(&line));
    text_free(&line);
}

static void add_facts(struct notify_message *message, const struct finding *finding) {
    struct text line = {0};
    int64_t count = finding->all.count > 0 ? finding->all.count : 1;
    format_count(&line, finding->rows_examined / count, "row", "rows");
    text_add(&line, " examined, ");
    format_number(&line, finding->rows_sent / count);
    text_add(&line, count > 1 ? " sent per query" : " sent");
    notify_message_line(message, "%s", text_string(&line));
    text_clear(&line);
    text_add(&line, "first seen ");
    format_time(&line, finding->first_seen);
    notify_message_line(message, "%s · ID %s", text_string(&line), finding->id);
    text_free(&line);
}

/* The slowest query of all instances, where one was kept; else the fingerprint. */
static const char *code_of(const struct message_input *input, const struct finding *finding) {
    const struct group *slowest = NULL;
    for (size_t i = 0; input->settings->samples && i < finding->group_count; i++) {
        const struct group *group = finding->groups[i];
        if (group->sample != NULL && (slowest == NULL || group->all.worst > slowest->all.worst))
            slowest = group;
    }
    return slowest != NULL ? slowest->sample : finding->fingerprint;
}

static void add_finding(struct notify_message *message, const struct message_input *input,
                        const struct finding *finding) {
    add_heading(message, finding);
    if (finding->verdict == VERDICT_WORSE && finding->reason != NULL)
        notify_message_line(message, "%s", finding->reason);
    add_subject(message, input->site, finding);
    add_instances(message, input->site, finding);
    add_facts(message, finding);
    notify_message_code(message, code_of(input, finding));
}

/* --- The rest --- */

/* "known: 340 queries of 12 fingerprints, 56.0 s", for each verdict that is not told singly. */
static void add_sums(const struct message_input *input, struct strings *lines) {
    for (int verdict = VERDICT_NEW; verdict <= VERDICT_MUTED; verdict++) {
        struct tally sum = {0};
        int64_t count = 0;
        for (size_t i = 0; i < input->findings->count; i++) {
            const struct finding *finding = &input->findings->items[i];
            if (finding->verdict != verdict || is_told(input, finding))
                continue;
            tally_add(&sum, &finding->all);
            count++;
        }
        if (count == 0)
            continue;
        struct text line = {0};
        text_printf(&line, "%s: ", verdict_name(verdict));
        format_count(&line, sum.count, "query", "queries");
        text_add(&line, " of ");
        format_count(&line, count, "fingerprint", "fingerprints");
        text_add(&line, ", ");
        format_duration(&line, sum.total);
        strings_add(lines, text_string(&line));
        text_free(&line);
    }
}

static void add_remarks(const struct site *site, struct strings *lines) {
    for (size_t i = 0; i < site->instance_count; i++) {
        const struct site_instance *instance = &site->instances[i];
        struct text line = {0};
        if (instance->rate_limit > 1) {
            text_printf(&line, "%s logs one slow query in %" PRId64 " only: its counts are that much too low",
                        site_server(instance), instance->rate_limit);
            strings_add(lines, text_string(&line));
            text_clear(&line);
        }
        if (instance->backlog > 0) {
            text_printf(&line, "%s: ", site_server(instance));
            format_count(&line, instance->backlog, "row is", "rows are");
            text_add(&line, " still to be read");
            strings_add(lines, text_string(&line));
            text_clear(&line);
        }
        if (instance->advise_rotation) {
            text_printf(&line, "the slow log of %s is large and makes every run slow: rotate it",
                        site_server(instance));
            strings_add(lines, text_string(&line));
        }
        text_free(&line);
    }
}

static void add_rest(struct notify_message *message, const struct message_input *input) {
    struct strings lines = {0};
    add_sums(input, &lines);
    add_remarks(input->site, &lines);
    if (lines.count > 0)
        notify_message_section(message, "", 0);
    for (size_t i = 0; i < lines.count; i++)
        notify_message_line(message, "%s", lines.items[i]);
    strings_free(&lines);
}

static size_t add_findings(struct notify_message *message, const struct message_input *input) {
    size_t shown = 0;
    for (size_t i = 0; i < input->findings->count; i++) {
        if (!is_told(input, &input->findings->items[i]))
            continue;
        if (shown == (size_t)input->settings->max_groups)
            break;
        add_finding(message, input, &input->findings->items[i]);
        shown++;
    }
    return shown;
}

struct notify_message *message_make(const struct message_input *input) {
    struct text title = {0};
    size_t gaps = count_gaps(input);
    size_t told = 0;
    enum notify_severity severity = gaps > 0 ? NOTIFY_WARNING : NOTIFY_INFO;
    for (size_t i = 0; i < input->findings->count; i++) {
        const struct finding *finding = &input->findings->items[i];
        if (!is_told(input, finding))
            continue;
        told++;
        if (finding->verdict != VERDICT_KNOWN)
            severity = NOTIFY_WARNING;
    }
    if (told == 0 && gaps == 0)
        return NULL;
    if (told > 0)
        add_title(input, told, &title);
    else
        add_gap_title(gaps, &title);
    struct notify_message *message = notify_message_new(severity, text_string(&title));
    text_free(&title);
    if (gaps > 0)
        notify_message_section(message, told > 0 ? "rows may be lost" : "", 0);
    for (size_t i = 0; i < gaps; i++)
        notify_message_line(message, "%s", input->gaps->items[i]);
    size_t shown = add_findings(message, input);
    add_rest(message, input);
    notify_message_more(message, (int64_t)(told - shown), more_note);
    return message;
}
