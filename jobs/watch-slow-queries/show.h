/* What watch-slow-queries prints: the findings of a run (on a terminal, with -v and --dry-run), and for --list what it
 * remembers; as a table or, with --json, as one document.
 *
 * Times are ISO 8601 with zone, days YYYY-MM-DD, durations seconds; what is unknown is null. Keys are never renamed;
 * new ones may come.
 *   of both     kind ("findings", "history"), at, gaps: ["..."], instances: [{server, instance, reached, writer,
 *               logging, rate_limit, long_query_time, rows, read_at, backlog, advise_rotation}]
 *   of a run    findings: [{id, verdict, reason, fingerprint, tables: ["..."], feature, owner, count, total, worst,
 *               median, rows_examined, rows_sent, first_seen, instances: [{server, instance, count, total, worst,
 *               lock_time, rows_examined, rows_sent, users: ["..."]}], sample (with samples = yes)}]
 *   of --list   fingerprints: [{id, verdict, reason, fingerprint, tables, feature, owner, count, total, worst,
 *               first_seen, last_seen, recent: {days, count, total, worst}, days: [{day, count, total, worst}]}];
 *               count, total and worst are since first_seen */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SHOW_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SHOW_H

#include <stdbool.h>
#include <stdio.h>

#include "findings.h"
#include "ledger.h"
#include "site.h"

struct show_input {
    const struct site *site;
    const struct judge_rules *rules; /* today, and what is muted: for the history */
    const struct strings *gaps;      /* NULL: none */
    int64_t now;                     /* milliseconds since 1970 */
    bool samples;                    /* findings may show a query as it was (JSON only) */
    bool json;
};

void show_findings(const struct show_input *input, const struct findings *findings, FILE *out);
void show_history(const struct show_input *input, const struct ledger *ledger, FILE *out);

#endif
