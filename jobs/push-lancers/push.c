/* Three threads share the work: rows.h fetches pages, this one makes and compares documents, sender.h sends. What this one decides goes into a
 * spool while a guard may still refuse, and from the moment on that none can, straight to the sender (push_guards.h). */
#include <stdlib.h>
#include <string.h>

#include "merge.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/progress.h"
#include "nightshift/run/suite.h"
#include "journal.h"
#include "push.h"
#include "push_guards.h"
#include "rows.h"
#include "spool.h"

/* The spool holds what the guards allow; a table of many millions with loose guards is still not to fill the disk. */
#define SPOOL_BYTES ((int64_t)64 * 1024 * 1024 * 1024)

enum { PROGRESS_STEP = 512 };

struct passing {
    struct push *push;
    struct row_stream *stream;
    struct manifest *manifest;
    struct merge *merge;
    struct spool *spool;
    bool released; /* from the spool, since no guard can refuse any more */
    struct push_guards guards;
    struct rowkey *wanted; /* --only-ids */
    size_t wanted_count;
    /* The row that the merge looks at. */
    struct rowkey key;
    struct text json; /* of its add operation; of a delete when there is no row */
    struct merge_row row;
};

/* --- rows as the merge sees them --- */

static void keep_bad_row(struct push *push, const struct field *key, const struct document_fault *fault) {
    if (push->bad_count == PUSH_SAMPLES)
        return;
    struct text printable = {0};
    text_append_printable(&printable, key->bytes, key->length);
    log_warning("row \"%s\" cannot be a document: %s%s%s%s", text_string(&printable),
                fault->field != NULL ? "field \"" : "", fault->field != NULL ? fault->field : "",
                fault->field != NULL ? "\" " : "", fault->reason);
    push->bad[push->bad_count++] =
        (struct bad_row){.key = text_take(&printable), .field = fault->field, .reason = fault->reason};
}

static int next_row(void *context, const struct merge_row **row) {
    struct passing *passing = context;
    struct push *push = passing->push;
    const struct field *fields = NULL;
    *row = NULL;
    int status = row_stream_next(passing->stream, &fields);
    if (status != 0 || fields == NULL)
        return status;
    const struct field *key = &fields[document_key_column(push->plan)];
    const char *reason = rowkey_set(&passing->key, document_key_kind(push->plan), key->bytes, key->length);
    if (reason != NULL)
        return fail(EXIT_SETTINGS, "[push-lancers] query returns a row whose key cannot be used: %s", reason);
    struct document_fault fault = {0};
    text_clear(&passing->json);
    passing->row = (struct merge_row){.key = passing->key.bytes, .key_length = passing->key.length};
    if (document_add(push->plan, fields, &passing->json, &push->changed, &fault)) {
        passing->row.hash = document_hash(passing->json.data, passing->json.length);
    } else {
        passing->row.bad = true;
        keep_bad_row(push, key, &fault);
    }
    if (++push->rows % PROGRESS_STEP == 0)
        progress_add(PROGRESS_STEP);
    *row = &passing->row;
    return 0;
}

static int next_entry(void *context, const struct manifest_entry **entry) {
    struct passing *passing = context;
    *entry = NULL;
    return passing->manifest != NULL ? manifest_next(passing->manifest, entry) : 0;
}

static int compare_keys(const void *a, const void *b) {
    const struct rowkey *first = a;
    const struct rowkey *second = b;
    return rowkey_compare(first->bytes, first->length, second->bytes, second->length);
}

static bool is_wanted(void *context, const unsigned char *key, size_t key_length) {
    const struct passing *passing = context;
    size_t from = 0;
    size_t to = passing->wanted_count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        const struct rowkey *wanted = &passing->wanted[middle];
        int order = rowkey_compare(wanted->bytes, wanted->length, key, key_length);
        if (order == 0)
            return true;
        if (order < 0)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

/* --only-ids as keys. */
static int find_wanted(struct passing *passing) {
    const struct push_options *options = passing->push->run->options;
    struct strings keys = {0};
    int status = 0;
    for (size_t i = 0; i < options->only_ids.count; i++)
        strings_split(&keys, options->only_ids.items[i], ",");
    passing->wanted = xcalloc(keys.count + 1, sizeof *passing->wanted);
    for (size_t i = 0; status == 0 && i < keys.count; i++) {
        const char *reason = rowkey_set(&passing->wanted[passing->wanted_count++],
                                        document_key_kind(passing->push->plan), keys.items[i], strlen(keys.items[i]));
        if (reason != NULL)
            status = fail(EXIT_USAGE, "--only-ids: \"%s\" cannot be a key: %s", keys.items[i], reason);
    }
    qsort(passing->wanted, passing->wanted_count, sizeof *passing->wanted, compare_keys);
    strings_free(&keys);
    return status;
}

/* --- what is decided --- */

static bool make_operation(struct passing *passing, const struct decision *decision, struct operation *operation) {
    *operation = (struct operation){.key = decision->key, .key_length = decision->key_length};
    switch (decision->kind) {
    case DECISION_ADD_NEW:
    case DECISION_ADD_CHANGED:
    case DECISION_ADD_AGAIN:
        operation->kind = OPERATION_ADD;
        operation->hash = decision->row->hash;
        operation->json = passing->json.data;
        operation->json_length = passing->json.length;
        return true;
    case DECISION_DELETE:
        operation->kind = OPERATION_DELETE;
        return true;
    case DECISION_FORGET:
        operation->kind = OPERATION_FORGET;
        return true;
    case DECISION_END:
    case DECISION_UNCHANGED:
    case DECISION_STILL_REFUSED:
    case DECISION_BAD_ROW:
    case DECISION_KINDS:
        break;
    }
    return false;
}

static int start_sender(struct passing *passing);

/* From the spool to the sender. */
static int release(struct passing *passing) {
    struct push *push = passing->push;
    struct operation operation;
    bool found = true;
    passing->released = true;
    int status = passing->spool != NULL ? spool_rewind(passing->spool) : 0;
    while (status == 0 && passing->spool != NULL) {
        status = spool_next(passing->spool, &operation, &found);
        if (status != 0 || !found)
            break;
        status = start_sender(passing);
        if (status == 0)
            status = sender_add(push->sender, &operation);
    }
    spool_free(passing->spool);
    passing->spool = NULL;
    return status;
}

static int hold(struct passing *passing, const struct operation *operation) {
    const struct suite_settings *suite = settings_of(passing->push->run->settings, &suite_section);
    int status = passing->spool == NULL ? spool_create(suite->state_dir, SPOOL_BYTES, &passing->spool) : 0;
    return status != 0 ? status : spool_add(passing->spool, operation);
}

static int act(struct passing *passing, const struct decision *decision) {
    struct push *push = passing->push;
    struct operation operation;
    struct text delete = {0};
    int status = 0;
    bool acts = make_operation(passing, decision, &operation);
    if (!acts && passing->spool == NULL)
        return 0; /* most rows of most nights */
    enum push_stance stance = push_guards_stance(&passing->guards, &push->base, merge_counts(passing->merge));
    if (stance == PUSH_REFUSED) {
        spool_free(passing->spool);
        passing->spool = NULL;
        return 0;
    }
    if (stance == PUSH_FREE && !passing->released)
        status = release(passing);
    if (status != 0 || !acts)
        return status;
    if (operation.kind == OPERATION_DELETE) {
        if (!document_delete(push->plan, decision->key, decision->key_length, &delete))
            return fail(EXIT_BUG, "the manifest has a key that no document can have");
        operation.json = delete.data;
        operation.json_length = delete.length;
    }
    if (!passing->released)
        status = hold(passing, &operation);
    else
        status = start_sender(passing);
    if (status == 0 && passing->released)
        status = sender_add(push->sender, &operation);
    text_free(&delete);
    return status;
}

/* --- sending --- */

static int begin(void *context) {
    struct push *push = context;
    return known_save(push->run, push->domain, push->known, push->generation);
}

static int start_sender(struct passing *passing) {
    struct push *push = passing->push;
    if (push->sender != NULL)
        return 0;
    push->generation = journal_generation(
        push->base.generation > push->known->generation ? push->base.generation : push->known->generation, clock_now());
    const struct sender_setup setup = {
        .cloudsearch = push->cloudsearch,
        .plan = push->plan,
        .settle = push->settle,
        .base = &push->base,
        .generation = push->generation,
        .max_batch = push->settings->max_batch,
        .interval = push->settings->batch_interval,
        .begin = begin,
        .context = push,
    };
    return sender_start(&setup, &push->sender);
}

/* --- the end of the rows --- */

static int judge(struct passing *passing) {
    struct push *push = passing->push;
    struct push_verdict verdicts[PUSH_GUARD_COUNT];
    struct text names = {0};
    bool good = push_guards_judge(&passing->guards, &push->base, merge_counts(passing->merge), verdicts);
    for (size_t i = 0; i < PUSH_GUARD_COUNT; i++) {
        struct push_verdict *verdict = &verdicts[i];
        record_set(push->run->record, "guards[]",
                   json_pack("{s:s, s:I, s:I, s:b, s:b, s:s}", "name", verdict->name, "value",
                             (json_int_t)verdict->value, "limit", (json_int_t)verdict->limit, "ok", verdict->ok,
                             "accepted", verdict->waived, "finding", verdict->finding));
        if (!verdict->ok) {
            log_error("guard \"%s\": %s", verdict->name, verdict->finding);
            text_printf(&names, "%s%s", names.length > 0 ? "," : "", verdict->name);
        } else if (verdict->waived) {
            log_warning("accepted: %s", verdict->finding);
        }
        free(verdict->finding);
    }
    if (!good) {
        log_hint("if this is right, run again with --accept %s", text_string(&names));
        log_error("nothing was sent");
    }
    text_free(&names);
    return good ? 0 : EXIT_GUARD;
}

static int merge_all(struct passing *passing) {
    struct push *push = passing->push;
    struct decision decision;
    int status = 0;
    do {
        status = merge_next(passing->merge, &decision);
        if (status != 0 || decision.kind == DECISION_END)
            break;
        if (push->watch != NULL)
            push->watch(push->watch_context, &decision,
                        decision.row != NULL && !decision.row->bad ? &passing->json : NULL);
        if (!push->run->dry_run)
            status = act(passing, &decision);
    } while (status == 0);
    return status;
}

static int pass(struct passing *passing) {
    struct push *push = passing->push;
    int status = merge_all(passing);
    memcpy(push->counts, merge_counts(passing->merge), sizeof push->counts);
    if (status == 0)
        status = judge(passing);
    if (push->run->dry_run)
        return status;
    if (status == 0 && !passing->released)
        status = release(passing);
    if (push->sender == NULL)
        return status;
    /* After a failure of ours too: what was handed over is still to be settled. */
    record_phase(push->run->record, "send");
    int sent = sender_finish(push->sender, &push->totals);
    return status != 0 ? status : sent;
}

static int open_sources(struct passing *passing) {
    struct push *push = passing->push;
    const struct push_options *options = push->run->options;
    const struct row_source source = {
        .database = push->database,
        .query = push->settings->query,
        .origin = "[push-lancers] query",
        .columns = push->columns,
        .key_column = document_key_column(push->plan),
        .key_kind = document_key_kind(push->plan),
        .page_rows = push->settings->page_rows,
    };
    const struct merge_source merge = {
        .context = passing,
        .next_row = next_row,
        .next_entry = next_entry,
        .wanted = options->only_ids.count > 0 ? is_wanted : NULL,
        .key_kind = document_key_kind(push->plan),
        .origin = source.origin,
        .everything = options->full,
    };
    struct manifest_info info;
    push_guards_from(push->settings, &options->accept, &passing->guards);
    if (options->only_ids.count > 0)
        passing->guards.min_rows = 0;
    int status = find_wanted(passing);
    if (status == 0 && push->base.exists)
        status = manifest_open(push->settle->manifest, &push->settle->fingerprint, &passing->manifest, &info);
    if (status == 0)
        status = row_stream_start(&source, &passing->stream);
    if (status == 0)
        passing->merge = merge_start(&merge);
    return status;
}

int push_rows(struct push *push) {
    struct passing passing = {.push = push};
    int status = open_sources(&passing);
    if (status == 0) {
        progress_start("rows", push->base.entries);
        status = pass(&passing);
        progress_end();
    }
    row_stream_stop(passing.stream);
    merge_free(passing.merge);
    manifest_close(passing.manifest);
    spool_free(passing.spool);
    text_free(&passing.json);
    free(passing.wanted);
    return status;
}

void push_free(struct push *push) {
    for (size_t i = 0; i < push->bad_count; i++)
        free(push->bad[i].key);
    sender_free(push->sender);
}
