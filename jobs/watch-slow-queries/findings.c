/* Pending groups, sorted by fingerprint, become findings; each refers to its stretch of the sorted groups. */
#include <stdlib.h>
#include <string.h>

#include "findings.h"

const char *verdict_name(int verdict) {
    static const char *const names[] = {"new", "worse", "known", "muted"};
    return names[verdict];
}

static int order(int64_t a, int64_t b) {
    return (a > b) - (a < b);
}

static int compare_groups(const void *a, const void *b) {
    const struct group *left = *(const struct group *const *)a;
    const struct group *right = *(const struct group *const *)b;
    int by_id = strcmp(left->id, right->id);
    int by_total = order(right->all.total, left->all.total);
    if (by_id != 0)
        return by_id;
    return by_total != 0 ? by_total : strcmp(left->instance, right->instance);
}

static int compare_findings(const void *a, const void *b) {
    const struct finding *left = a;
    const struct finding *right = b;
    int by_total = order(right->all.total, left->all.total);
    if (left->verdict != right->verdict)
        return left->verdict < right->verdict ? -1 : 1;
    return by_total != 0 ? by_total : strcmp(left->id, right->id);
}

static void judge(struct finding *finding, const struct judge_rules *rules) {
    const struct mute *mute = mute_of(rules, finding->id);
    struct days fresh = {0};
    struct text reason = {0};
    if (mute != NULL) {
        finding->verdict = VERDICT_MUTED;
        finding->reason = mute->reason != NULL ? xstrdup(mute->reason) : NULL;
        return;
    }
    if (finding->known == NULL) {
        finding->verdict = VERDICT_NEW;
        return;
    }
    for (size_t i = 0; i < finding->group_count; i++) {
        const struct days *days = &finding->groups[i]->days;
        for (size_t j = 0; j < days->count; j++)
            days_add(&fresh, days->items[j].day, &days->items[j].tally);
    }
    finding->verdict = judge_history(finding->known, &fresh, rules, &reason);
    if (finding->verdict == VERDICT_WORSE)
        finding->reason = text_take(&reason);
    text_free(&reason);
    days_free(&fresh);
}

static void add_up(struct finding *finding) {
    const struct times **times = xcalloc(finding->group_count, sizeof(const struct times *));
    for (size_t i = 0; i < finding->group_count; i++) {
        const struct group *group = finding->groups[i];
        tally_add(&finding->all, &group->all);
        finding->rows_sent = tally_sum(finding->rows_sent, group->rows_sent);
        finding->rows_examined = tally_sum(finding->rows_examined, group->rows_examined);
        if (finding->known == NULL && (i == 0 || group->first < finding->first_seen))
            finding->first_seen = group->first;
        times[i] = &group->times;
    }
    finding->median = times_median_of(times, finding->group_count);
    free(times);
}

void findings_make(const struct ledger *ledger, const struct judge_rules *rules, struct findings *out) {
    const struct groups *pending = &ledger->pending;
    *out = (struct findings){.groups = xcalloc(pending->count, sizeof(const struct group *))};
    for (size_t i = 0; i < pending->count; i++)
        out->groups[i] = &pending->items[i];
    qsort(out->groups, pending->count, sizeof(const struct group *), compare_groups);
    for (size_t first = 0, next = 0; first < pending->count; first = next) {
        const struct group *group = out->groups[first];
        while (next < pending->count && strcmp(out->groups[next]->id, group->id) == 0)
            next++;
        struct finding finding = {.id = group->id,
                                  .fingerprint = group->fingerprint,
                                  .groups = out->groups + first,
                                  .group_count = next - first,
                                  .known = ledger_known(ledger, group->id)};
        finding.first_seen = finding.known != NULL ? finding.known->first_seen : 0;
        add_up(&finding);
        judge(&finding, rules);
        out->of[finding.verdict]++;
        out->items = xgrow(out->items, out->count, sizeof *out->items);
        out->items[out->count++] = finding;
    }
    if (out->count > 0)
        qsort(out->items, out->count, sizeof *out->items, compare_findings);
}

void findings_free(struct findings *findings) {
    for (size_t i = 0; i < findings->count; i++)
        free(findings->items[i].reason);
    free(findings->items);
    free(findings->groups);
    *findings = (struct findings){0};
}
