/* The looking up; what is taken and how it is judged is in sample.h. */
#include <stdlib.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/web/cloudsearch_search.h"
#include "sample.h"
#include "verify.h"

enum {
    FIRST_PAUSE = 500, /* milliseconds, doubled after each look */
    LONGEST_PAUSE = 30000,
    SHOWN = 20, /* documents that are named in messages; the record names all */
};

struct verify {
    struct sample sample;
};

struct verify *verify_start(const struct document_plan *plan, int64_t count, uint64_t seed) {
    struct verify *verify = xcalloc(1, sizeof *verify);
    sample_start(&verify->sample, plan, (size_t)count, seed);
    return verify;
}

void verify_watch(void *context, const struct decision *decision, const struct text *json) {
    struct verify *verify = context;
    switch (decision->kind) {
    case DECISION_ADD_NEW:
    case DECISION_ADD_CHANGED:
    case DECISION_ADD_AGAIN:
        sample_pass(&verify->sample, decision->key, decision->key_length, json, true);
        break;
    case DECISION_UNCHANGED:
        sample_pass(&verify->sample, decision->key, decision->key_length, json, false);
        break;
    case DECISION_END:
    case DECISION_STILL_REFUSED:
    case DECISION_BAD_ROW:
    case DECISION_DELETE:
    case DECISION_FORGET:
    case DECISION_KINDS:
        break;
    }
}

void verify_free(struct verify *verify) {
    if (verify == NULL)
        return;
    sample_free(&verify->sample);
    free(verify);
}

/* What the manifest knows to be held, in one pass over both. */
static int find_held(struct sample *sample, const struct settle *settle) {
    struct manifest *manifest = NULL;
    struct manifest_info info;
    const struct manifest_entry *entry = NULL;
    size_t at = 0;
    sample_sort(sample);
    int status = manifest_open(settle->manifest, &settle->fingerprint, &manifest, &info);
    while (status == 0 && at < sample->count) {
        status = manifest_next(manifest, &entry);
        if (status != 0 || entry == NULL)
            break;
        int order = -1;
        while (at < sample->count && (order = rowkey_compare(sample->items[at].key, sample->items[at].key_length,
                                                             entry->key, entry->key_length)) < 0)
            at++;
        if (at < sample->count && order == 0)
            sample->items[at].held = entry->state == MANIFEST_HELD;
    }
    manifest_close(manifest);
    return status;
}

/* --- looking --- */

static int look_up_some(struct sample *sample, struct cloudsearch *cloudsearch, const char *const *ids, size_t count) {
    struct cloudsearch_hits hits = {0};
    int status = count > 0 ? cloudsearch_fetch(cloudsearch, ids, count, &hits) : 0;
    for (size_t i = 0; i < hits.count; i++)
        sample_found(sample, hits.hits[i].id, hits.hits[i].fields);
    cloudsearch_hits_free(&hits);
    return status;
}

static bool is_wanted(const struct sample *sample, const struct sample_item *item) {
    return item->held && sample_judge(sample, item, NULL, NULL) != SAMPLE_AS_SENT;
}

/* Looks up all that has not been found as sent, once. */
static int look_up(struct sample *sample, struct cloudsearch *cloudsearch) {
    const char *ids[CLOUDSEARCH_FETCH_MOST];
    size_t count = 0;
    int status = 0;
    for (size_t i = 0; status == 0 && i < sample->count; i++) {
        if (interrupt_requested())
            return EXIT_LATER;
        if (is_wanted(sample, &sample->items[i])) {
            sample->items[i].found = false;
            ids[count++] = sample->items[i].id;
        }
        if (count == LENGTH_OF(ids)) {
            status = look_up_some(sample, cloudsearch, ids, count);
            count = 0;
        }
    }
    return status != 0 ? status : look_up_some(sample, cloudsearch, ids, count);
}

static bool all_as_sent(const struct sample *sample) {
    for (size_t i = 0; i < sample->count; i++)
        if (is_wanted(sample, &sample->items[i]))
            return false;
    return true;
}

static int look_until_found(struct sample *sample, struct cloudsearch *cloudsearch, int64_t time) {
    int64_t deadline = clock_monotonic() + time;
    int64_t pause = FIRST_PAUSE;
    for (;;) {
        int status = look_up(sample, cloudsearch);
        int64_t left = deadline - clock_monotonic();
        if (status != 0 || all_as_sent(sample) || left <= 0)
            return status;
        if (interrupt_sleep((int)(pause < left ? pause : left)))
            return EXIT_LATER;
        pause = pause * 2 < LONGEST_PAUSE ? pause * 2 : LONGEST_PAUSE;
    }
}

/* --- what came of it --- */

struct outcome_counts {
    int64_t looked_up;
    int64_t as_sent;
    int64_t not_yet_visible;
    int64_t missing;
    int64_t different;
    int64_t fields; /* that were compared */
};

static void report_one(struct run *run, const struct sample_item *item, enum sample_verdict verdict,
                       const struct text *fields, struct outcome_counts *counts) {
    int64_t told = counts->missing + counts->different;
    const char *finding = item->sent ? "not yet visible" : verdict == SAMPLE_MISSING ? "missing" : "different";
    record_set(run->record, "unverified[]",
               json_pack("{s:s, s:s, s:s*}", "document", item->id, "finding", finding, "fields",
                         fields->length > 0 ? text_string(fields) : NULL));
    if (item->sent)
        log_info("document \"%s\" is not yet visible%s%s", item->id, fields->length > 0 ? " with its new " : "",
                 text_string(fields));
    else if (told < SHOWN && verdict == SAMPLE_MISSING)
        log_error("document \"%s\" is missing in the domain, which has acknowledged it on an earlier run", item->id);
    else if (told < SHOWN)
        log_error("document \"%s\" has another content in the domain than it has acknowledged: %s", item->id,
                  text_string(fields));
    counts->not_yet_visible += item->sent;
    counts->missing += !item->sent && verdict == SAMPLE_MISSING;
    counts->different += !item->sent && verdict == SAMPLE_DIFFERENT;
}

static void judge_all(struct run *run, const struct sample *sample, struct outcome_counts *counts) {
    struct text fields = {0};
    for (size_t i = 0; i < sample->count; i++) {
        const struct sample_item *item = &sample->items[i];
        if (!item->held)
            continue;
        text_clear(&fields);
        enum sample_verdict verdict = sample_judge(sample, item, &counts->fields, &fields);
        counts->looked_up++;
        if (verdict == SAMPLE_AS_SENT)
            counts->as_sent++;
        else
            report_one(run, item, verdict, &fields, counts);
    }
    text_free(&fields);
}

static void record_numbers(struct run *run, const struct sample *sample, const struct outcome_counts *counts) {
    struct text unreturned = {0};
    sample_add_unreturned(sample, &unreturned);
    record_integer(run->record, "outputs.verified", counts->as_sent);
    record_integer(run->record, "outputs.not_yet_visible", counts->not_yet_visible);
    record_integer(run->record, "outputs.missing", counts->missing);
    record_integer(run->record, "outputs.different", counts->different);
    record_integer(run->record, "outputs.verified_fields", counts->fields);
    log_info("looked up %lld documents: %lld are as sent, %lld not yet visible, %lld missing, %lld different; %lld "
             "fields compared%s%s",
             (long long)counts->looked_up, (long long)counts->as_sent, (long long)counts->not_yet_visible,
             (long long)counts->missing, (long long)counts->different, (long long)counts->fields,
             unreturned.length > 0 ? "; the domain did not return " : "", text_string(&unreturned));
    if (counts->looked_up < (int64_t)sample->count)
        log_info("%lld documents of the sample were not acknowledged by the domain and not looked up",
                 (long long)((int64_t)sample->count - counts->looked_up));
    text_free(&unreturned);
}

int verify_finish(struct verify *verify, struct run *run, struct cloudsearch *cloudsearch, const struct settle *settle,
                  int64_t time) {
    struct sample *sample = &verify->sample;
    struct outcome_counts counts = {0};
    int status = find_held(sample, settle);
    if (status == 0)
        status = look_until_found(sample, cloudsearch, time);
    if (status != 0)
        return status;
    judge_all(run, sample, &counts);
    record_numbers(run, sample, &counts);
    if (counts.missing + counts.different == 0)
        return 0;
    fail(EXIT_ATTENTION, "of %lld documents looked up, %lld are missing in the domain and %lld have another content",
         (long long)counts.looked_up, (long long)counts.missing, (long long)counts.different);
    log_hint("send them again with --full --only-ids KEYS, and look for all that are missing with --reconcile");
    return EXIT_ATTENTION;
}
