/* Three steps: walk the ids of the domain slice by slice, bring their keys into the order of the manifest (id_sort.h), merge.
 *
 * Slices. A walk over all ids of a large domain is likely to time out on the service's side (Developer Guide, "Tuning Search Requests"), so a
 * slice is walked only if it holds no more than SLICE_MOST ids, which its first page tells. A larger one gets a nearer end: the end of all
 * ids that begin as the first id does, with the fewest characters that make it nearer. Its old end waits on a stack and comes next. So the ids
 * themselves say where to cut, no alphabet has to be tried, and of numbered ids it cuts by one digit after the other. Slices lie side by side
 * without a gap, whatever characters foreign ids have.
 *
 * What is not seen may still be there: a search sees a document some time after it was acknowledged, minutes as a rule. An entry of the manifest
 * whose id did not come therefore becomes MANIFEST_UNSURE and stays: it is sent again, or deleted again, which is harmless both times. Only when
 * there is no manifest to believe, a document that another run added within those minutes, and whose row has gone since, is overlooked; the next
 * --reconcile finds it. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "id_sort.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/run/progress.h"
#include "nightshift/web/cloudsearch_search.h"
#include "reconcile.h"

enum {
    SLICE_MOST = 120000, /* of ten million numbered ids, 111,111 begin with the same three digits */
    LOOK_EVERY = 4096,   /* entries between two looks whether we are asked to stop */
};

/* --- slices --- */

/* NULL if no string below `below` (NULL: no end) can be told from those that begin with `first`. */
static char *end_of_prefix(const char *first, size_t length, const char *below) {
    unsigned char last = (unsigned char)first[length - 1];
    char *end = xstrndup(first, length);
    /* Ids are ASCII. */
    end[length - 1] = (char)(last + 1);
    if (last < 0x7E && (below == NULL || strcmp(end, below) < 0))
        return end;
    free(end);
    return NULL;
}

char *reconcile_nearer(const char *first, const char *below) {
    size_t length = strlen(first);
    for (size_t i = 1; i <= length; i++) {
        char *end = end_of_prefix(first, i, below);
        if (end != NULL)
            return end;
    }
    /* It is itself how all the others begin: a slice of its own. "!" comes before every character of an id. */
    char *end = xasprintf("%s!", first);
    if (below == NULL || strcmp(end, below) < 0)
        return end;
    free(end);
    return NULL;
}

struct walking {
    const struct reconcile_setup *setup;
    struct reconcile_result *result;
    struct id_sort *sort;
};

static int take_page(struct walking *walking, const struct strings *ids) {
    struct rowkey key;
    int status = 0;
    for (size_t i = 0; status == 0 && i < ids->count; i++) {
        walking->result->ids++;
        if (document_id_key(walking->setup->plan, ids->items[i], strlen(ids->items[i]), &key))
            status = id_sort_add(walking->sort, key.bytes, key.length);
        else
            walking->result->foreign++;
    }
    progress_add((int64_t)ids->count);
    return status;
}

/* Walks one slice, or finds it too large: then *nearer is set and nothing was taken. */
static int walk_slice(struct walking *walking, const char *from, const char *below, char **nearer) {
    struct cloudsearch_walk *walk = cloudsearch_walk_new(walking->setup->cloudsearch, from, below);
    int64_t most = walking->setup->slice_most > 0 ? walking->setup->slice_most : SLICE_MOST;
    const struct strings *ids = NULL;
    int status = 0;
    *nearer = NULL;
    do {
        status = interrupt_requested() ? EXIT_LATER : cloudsearch_walk_next(walk, &ids);
        if (status != 0 || ids->count == 0)
            break;
        bool first_page = cloudsearch_walk_seen(walk) == (int64_t)ids->count;
        if (first_page && cloudsearch_walk_found(walk) > most)
            *nearer = reconcile_nearer(ids->items[0], below);
        if (*nearer == NULL)
            status = take_page(walking, ids);
    } while (status == 0 && *nearer == NULL);
    int64_t found = cloudsearch_walk_found(walk);
    int64_t seen = cloudsearch_walk_seen(walk);
    if (status == 0 && *nearer == NULL) {
        log_debug("ids from \"%s\" to \"%s\": %" PRId64, from != NULL ? from : "", below != NULL ? below : "", seen);
        /* That happens while documents are being deleted there. It harms nobody (see above), but may be more than that. */
        if (seen < found)
            log_warning("of %" PRId64 " ids that the domain announced, %" PRId64 " came", found, seen);
    }
    cloudsearch_walk_free(walk);
    return status;
}

static int walk_domain(struct walking *walking) {
    struct strings ends = {
        0}; /* of slices that were too large, the nearest one last; beyond them all there is no end */
    char *from = NULL;
    bool more = true;
    int status = 0;
    while (status == 0 && more) {
        char *nearer = NULL;
        status = walk_slice(walking, from, ends.count > 0 ? ends.items[ends.count - 1] : NULL, &nearer);
        if (nearer != NULL) {
            strings_add(&ends, nearer);
            free(nearer);
        } else if (ends.count > 0) {
            free(from);
            from = ends.items[--ends.count];
        } else {
            more = false;
        }
    }
    free(from);
    strings_free(&ends);
    return status;
}

/* --- the new manifest --- */

struct merging {
    struct id_sort *sort;
    struct manifest *manifest; /* NULL: nothing in it is believed */
    struct manifest_writer *writer;
    struct reconcile_result *result;
    int64_t generation;
    const unsigned char *key; /* the next one of the domain; NULL: none */
    size_t key_length;
    const struct manifest_entry *entry; /* the next one of the manifest; NULL: none */
};

static int next_entry(struct merging *merging) {
    merging->entry = NULL;
    return merging->manifest != NULL ? manifest_next(merging->manifest, &merging->entry) : 0;
}

static int put_as(struct merging *merging, const struct manifest_entry *entry, enum manifest_state state) {
    struct manifest_entry changed = *entry;
    changed.state = state;
    changed.version = merging->generation;
    return manifest_put(merging->writer, &changed);
}

/* In the domain, and not in the manifest. */
static int put_unknown(struct merging *merging) {
    struct manifest_entry entry = {.key_length = merging->key_length};
    memcpy(entry.key, merging->key, merging->key_length);
    merging->result->unknown++;
    return put_as(merging, &entry, MANIFEST_UNSURE);
}

/* In the manifest, and not in the domain. What was unsure stays so. A refused content stays refused, and that an earlier one is still held was
 * no more than possible before. */
static int put_absent(struct merging *merging) {
    if (merging->entry->state != MANIFEST_HELD)
        return manifest_put(merging->writer, merging->entry);
    merging->result->absent++;
    return put_as(merging, merging->entry, MANIFEST_UNSURE);
}

/* In both. Of a refused document nothing was to be there; now it has to be deleted when its row goes. Its content is still refused. */
static int put_both(struct merging *merging) {
    if (merging->entry->state != MANIFEST_REFUSED)
        return manifest_put(merging->writer, merging->entry);
    merging->result->unknown++;
    return put_as(merging, merging->entry, MANIFEST_REFUSED_NEW);
}

static int merge_one(struct merging *merging) {
    const struct manifest_entry *entry = merging->entry;
    int order = entry == NULL ? 1
                : merging->key == NULL
                    ? -1
                    : rowkey_compare(entry->key, entry->key_length, merging->key, merging->key_length);
    int status = order < 0 ? put_absent(merging) : order > 0 ? put_unknown(merging) : put_both(merging);
    if (status == 0 && order <= 0)
        status = next_entry(merging);
    if (status == 0 && order >= 0)
        status = id_sort_next(merging->sort, &merging->key, &merging->key_length);
    return status;
}

static int merge_all(struct merging *merging) {
    int status = next_entry(merging);
    if (status == 0)
        status = id_sort_next(merging->sort, &merging->key, &merging->key_length);
    for (int64_t i = 0; status == 0 && (merging->entry != NULL || merging->key != NULL); i++) {
        status = merge_one(merging);
        if (status == 0 && i % LOOK_EVERY == 0 && interrupt_requested())
            status = EXIT_LATER;
    }
    return status;
}

static int write_manifest(const struct reconcile_setup *setup, struct id_sort *sort, struct reconcile_result *result,
                          struct manifest_info *info) {
    const struct settle *settle = setup->settle;
    struct merging merging = {.sort = sort, .result = result, .generation = setup->generation};
    struct manifest_info old;
    struct manifest_info new = {0};
    int status = 0;
    if (setup->trusted)
        status = manifest_open(settle->manifest, &settle->fingerprint, &merging.manifest, &old);
    if (status == 0)
        status = manifest_create(settle->manifest, &settle->fingerprint, setup->generation, &merging.writer);
    if (status == 0)
        status = merge_all(&merging);
    if (status == 0)
        status = manifest_seal(merging.writer, &new);
    if (status == 0)
        status = manifest_commit(merging.writer);
    if (status == 0) {
        *info = new;
        info->fingerprint = settle->fingerprint;
    }
    manifest_writer_free(merging.writer);
    manifest_close(merging.manifest);
    return status;
}

int reconcile(const struct reconcile_setup *setup, struct reconcile_result *result, struct manifest_info *info) {
    *result = (struct reconcile_result){0};
    struct walking walking = {.setup = setup, .result = result};
    walking.sort = id_sort_new(setup->settle->directory, ID_SORT_MEMORY);
    progress_start("ids", 0);
    int status = walk_domain(&walking);
    progress_end();
    if (status == 0)
        status = id_sort_start(walking.sort);
    if (status == 0)
        status = write_manifest(setup, walking.sort, result, info);
    id_sort_free(walking.sort);
    return status;
}
