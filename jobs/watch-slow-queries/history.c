/* Summing up and sorting the history. */
#include "history.h"

#include <stdlib.h>
#include <string.h>

static struct tally sum_recent(const struct days *days, int64_t today) {
    struct tally sum = {0};
    for (size_t i = 0; i < days->count; i++)
        if (days->items[i].day > today - HISTORY_RECENT_DAYS && days->items[i].day <= today)
            tally_add(&sum, &days->items[i].tally);
    return sum;
}

/* One that was told today and whose history begins today was new then. */
static int verdict_of(const struct history_row *row, int64_t today) {
    const struct known *known = row->known;
    if (row->mute != NULL)
        return VERDICT_MUTED;
    if (known->told_day != today || known->days.count == 0)
        return VERDICT_KNOWN;
    return known->days.items[0].day == today ? VERDICT_NEW : VERDICT_WORSE;
}

static int by_recent_total(const void *a, const void *b) {
    const struct history_row *left = a;
    const struct history_row *right = b;
    if (left->recent.total != right->recent.total)
        return left->recent.total < right->recent.total ? 1 : -1;
    if (left->known->last_seen != right->known->last_seen)
        return left->known->last_seen < right->known->last_seen ? 1 : -1;
    return strcmp(left->known->id, right->known->id);
}

struct history_row *history_rows(const struct ledger *ledger, const struct judge_rules *rules) {
    struct history_row *rows = xcalloc(ledger->known_count, sizeof *rows);
    for (size_t i = 0; i < ledger->known_count; i++) {
        const struct known *known = &ledger->known[i];
        rows[i] = (struct history_row){
            .known = known, .recent = sum_recent(&known->days, rules->today), .mute = mute_of(rules, known->id)};
        rows[i].verdict = verdict_of(&rows[i], rules->today);
    }
    if (ledger->known_count > 0)
        qsort(rows, ledger->known_count, sizeof *rows, by_recent_total);
    return rows;
}
