/* The numbers of one push. */
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "summary.h"

static void record_counts(const struct push *push) {
    static const struct {
        enum decision_kind kind;
        const char *path;
    } paths[] = {
        {DECISION_ADD_NEW, "changes.added"},       {DECISION_ADD_CHANGED, "changes.changed"},
        {DECISION_ADD_AGAIN, "changes.again"},     {DECISION_DELETE, "changes.deleted"},
        {DECISION_UNCHANGED, "outputs.unchanged"}, {DECISION_STILL_REFUSED, "outputs.still_refused"},
        {DECISION_BAD_ROW, "outputs.bad_rows"},
    };
    struct record *record = push->run->record;
    for (size_t i = 0; i < LENGTH_OF(paths); i++)
        record_integer(record, paths[i].path, push->counts[paths[i].kind]);
    record_integer(record, "inputs.rows", push->rows);
    record_integer(record, "inputs.characters_removed", push->changed.removed);
    record_integer(record, "inputs.wide_characters", push->changed.wide);
    record_integer(record, "inputs.zero_dates", push->changed.zero_dates);
}

static void record_sent(struct record *record, const struct sender_totals *totals) {
    record_integer(record, "outputs.sent_adds", totals->added);
    record_integer(record, "outputs.sent_deletes", totals->deleted);
    record_integer(record, "outputs.refused", totals->refused);
    record_integer(record, "outputs.batches", totals->batches);
    record_integer(record, "outputs.attempts", totals->attempts);
    record_integer(record, "outputs.bytes", totals->bytes);
    for (size_t i = 0; i < totals->refusal_count; i++) {
        const struct sender_refusal *refusal = &totals->refusals[i];
        record_set(
            record, "refusals[]",
            json_pack("{s:s, s:s*, s:s}", "document", refusal->id, "field", refusal->field, "reason", refusal->reason));
    }
}

void push_summarise(const struct push *push) {
    struct record *record = push->run->record;
    record_counts(push);
    for (size_t i = 0; i < push->bad_count; i++)
        record_set(record, "bad_rows[]",
                   json_pack("{s:s, s:s*, s:s}", "key", push->bad[i].key, "field", push->bad[i].field, "reason",
                             push->bad[i].reason));
    if (push->totals != NULL)
        record_sent(record, push->totals);
    log_info("%lld rows: %lld new, %lld changed, %lld again, %lld deleted, %lld unchanged; %lld batches of %lld bytes",
             (long long)push->rows, (long long)push->counts[DECISION_ADD_NEW],
             (long long)push->counts[DECISION_ADD_CHANGED], (long long)push->counts[DECISION_ADD_AGAIN],
             (long long)push->counts[DECISION_DELETE], (long long)push->counts[DECISION_UNCHANGED],
             push->totals != NULL ? (long long)push->totals->batches : 0LL,
             push->totals != NULL ? (long long)push->totals->bytes : 0LL);
}

int push_attention(const struct push *push) {
    int64_t refused = push->totals != NULL ? push->totals->refused : 0;
    int64_t still = push->counts[DECISION_STILL_REFUSED];
    int64_t bad = push->counts[DECISION_BAD_ROW];
    if (refused + still + bad == 0)
        return 0;
    return fail(
        EXIT_ATTENTION,
        "%lld rows cannot be documents, %lld documents were refused, %lld are still as they were refused before",
        (long long)bad, (long long)refused, (long long)still);
}
