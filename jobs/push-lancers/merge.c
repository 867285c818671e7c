/* A merge join that gives out one decision per key. */
#include <stdlib.h>
#include <string.h>

#include "merge.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"

struct merge {
    struct merge_source source;
    const struct merge_row *row;
    const struct manifest_entry *entry;
    bool use_row; /* the last decision was about it: the next one needs another */
    bool use_entry;
    bool any_row;
    bool any_entry;
    bool ended;
    struct rowkey last_row;
    struct rowkey last_entry;
    int64_t counts[DECISION_KINDS];
};

struct merge *merge_start(const struct merge_source *source) {
    struct merge *merge = xcalloc(1, sizeof *merge);
    merge->source = *source;
    merge->use_row = true;
    merge->use_entry = true;
    return merge;
}

void merge_free(struct merge *merge) {
    free(merge);
}

const int64_t *merge_counts(const struct merge *merge) {
    return merge->counts;
}

static void add_key(struct text *text, enum rowkey_kind kind, const unsigned char *key, size_t length) {
    struct text raw = {0};
    rowkey_add(&raw, kind, key, length);
    text_append_printable(text, text_string(&raw), raw.length);
    text_free(&raw);
}

static int out_of_order(const struct merge *merge, const struct merge_row *row, bool twice) {
    struct text before = {0};
    struct text now = {0};
    add_key(&before, merge->source.key_kind, merge->last_row.bytes, merge->last_row.length);
    add_key(&now, merge->source.key_kind, row->key, row->key_length);
    if (twice) {
        log_error("%s: two rows have the key \"%s\"", merge->source.origin, text_string(&now));
        log_hint("one row is one document: group by the key, or join without multiplying rows");
    } else {
        log_error("%s: key \"%s\" comes after \"%s\"", merge->source.origin, text_string(&now), text_string(&before));
        log_hint("sort by the key; a string by its bytes: order by cast(... as binary)");
    }
    text_free(&before);
    text_free(&now);
    return EXIT_SETTINGS;
}

static bool is_wanted(const struct merge *merge, const unsigned char *key, size_t length) {
    return merge->source.wanted == NULL || merge->source.wanted(merge->source.context, key, length);
}

static int advance_row(struct merge *merge) {
    do {
        int status = merge->source.next_row(merge->source.context, &merge->row);
        if (status != 0 || merge->row == NULL)
            return status;
        const struct merge_row *row = merge->row;
        int order = !merge->any_row
                        ? -1
                        : rowkey_compare(merge->last_row.bytes, merge->last_row.length, row->key, row->key_length);
        if (order >= 0)
            return out_of_order(merge, row, order == 0);
        if (row->key_length > ROWKEY_LIMIT)
            return fail(EXIT_BUG, "%s: a key is too long", merge->source.origin);
        merge->any_row = true;
        merge->last_row.length = row->key_length;
        memcpy(merge->last_row.bytes, row->key, row->key_length);
    } while (!is_wanted(merge, merge->row->key, merge->row->key_length));
    return 0;
}

static int advance_entry(struct merge *merge) {
    do {
        int status = merge->source.next_entry(merge->source.context, &merge->entry);
        if (status != 0 || merge->entry == NULL)
            return status;
        const struct manifest_entry *entry = merge->entry;
        /* The manifest's reader has checked that; a merge of unsorted entries would delete at random. */
        if (merge->any_entry &&
            rowkey_compare(merge->last_entry.bytes, merge->last_entry.length, entry->key, entry->key_length) >= 0)
            return fail(EXIT_BUG, "the entries of the manifest are out of order");
        merge->any_entry = true;
        merge->last_entry.length = entry->key_length;
        memcpy(merge->last_entry.bytes, entry->key, entry->key_length);
    } while (!is_wanted(merge, merge->entry->key, merge->entry->key_length));
    return 0;
}

static enum decision_kind decide_both(const struct merge *merge, const struct merge_row *row,
                                      const struct manifest_entry *entry) {
    bool same = hash_equal(&row->hash, &entry->hash);
    if (row->bad)
        return DECISION_BAD_ROW;
    switch (entry->state) {
    case MANIFEST_HELD:
        if (same)
            return merge->source.everything ? DECISION_ADD_AGAIN : DECISION_UNCHANGED;
        return DECISION_ADD_CHANGED;
    case MANIFEST_REFUSED:
    case MANIFEST_REFUSED_NEW:
        if (same)
            return merge->source.everything ? DECISION_ADD_AGAIN : DECISION_STILL_REFUSED;
        return DECISION_ADD_CHANGED;
    case MANIFEST_UNSURE:
    case MANIFEST_STATES:
        break;
    }
    return DECISION_ADD_AGAIN;
}

static enum decision_kind decide(const struct merge *merge, const struct merge_row *row,
                                 const struct manifest_entry *entry) {
    if (entry == NULL)
        return row != NULL && row->bad ? DECISION_BAD_ROW : DECISION_ADD_NEW;
    if (row == NULL)
        return entry->state == MANIFEST_REFUSED ? DECISION_FORGET : DECISION_DELETE;
    return decide_both(merge, row, entry);
}

int merge_next(struct merge *merge, struct decision *decision) {
    *decision = (struct decision){.kind = DECISION_END};
    if (merge->ended)
        return 0;
    int status = merge->use_row ? advance_row(merge) : 0;
    if (status == 0 && merge->use_entry)
        status = advance_entry(merge);
    /* Neither an error nor the end is ever asked past: a source may not be called again after it. */
    merge->ended = status != 0 || (merge->row == NULL && merge->entry == NULL);
    if (merge->ended)
        return status;
    const struct merge_row *row = merge->row;
    const struct manifest_entry *entry = merge->entry;
    int order = 0;
    if (row != NULL && entry != NULL)
        order = rowkey_compare(row->key, row->key_length, entry->key, entry->key_length);
    if (order < 0)
        entry = NULL;
    if (order > 0)
        row = NULL;
    merge->use_row = row != NULL;
    merge->use_entry = entry != NULL;
    *decision = (struct decision){
        .kind = decide(merge, row, entry),
        .key = row != NULL ? row->key : entry->key,
        .key_length = row != NULL ? row->key_length : entry->key_length,
        .row = row,
        .entry = entry,
    };
    merge->counts[decision->kind]++;
    return 0;
}
