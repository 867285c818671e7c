/* Old manifest + journal = new manifest, in one pass over two sorted files. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "settle.h"

void settle_init(struct settle *settle, const char *directory, const char *name, const struct hash *fingerprint) {
    *settle = (struct settle){
        .directory = xstrdup(directory),
        .prefix = xasprintf("push-lancers.%s.", name),
        .manifest = xasprintf("%s/push-lancers.%s.manifest", directory, name),
        .journal = xasprintf("%s/push-lancers.%s.journal", directory, name),
        .fingerprint = *fingerprint,
    };
}

void settle_free(struct settle *settle) {
    free(settle->directory);
    free(settle->prefix);
    free(settle->manifest);
    free(settle->journal);
    *settle = (struct settle){0};
}

/* What is known about a document after an operation on it; false: nothing, it has no entry any more. `old` may be NULL. */
static bool apply(const struct manifest_entry *old, const struct journal_item *item, int64_t generation,
                  struct manifest_entry *new) {
    bool adds = item->kind == OPERATION_ADD;
    bool keeps = item->outcome == OUTCOME_NOT_SENT || (item->outcome == OUTCOME_REFUSED && !adds);
    if (keeps || (item->kind == OPERATION_FORGET && item->outcome != OUTCOME_APPLIED)) {
        if (old != NULL)
            *new = *old;
        return old != NULL;
    }
    if (!adds && item->outcome == OUTCOME_APPLIED)
        return false;
    *new = (struct manifest_entry){.version = generation, .key_length = item->key_length};
    memcpy(new->key, item->key, item->key_length);
    if (item->outcome == OUTCOME_UNKNOWN) {
        new->state = MANIFEST_UNSURE;
        return true;
    }
    bool held = old != NULL && old->state != MANIFEST_REFUSED;
    new->hash = item->hash;
    new->state = item->outcome == OUTCOME_APPLIED ? MANIFEST_HELD : held ? MANIFEST_REFUSED_NEW : MANIFEST_REFUSED;
    return true;
}

static int merge(struct manifest *manifest, struct journal_reader *journal, int64_t generation,
                 struct manifest_writer *writer) {
    const struct manifest_entry *entry = NULL;
    const struct journal_item *item = NULL;
    struct manifest_entry changed;
    int status = manifest_next(manifest, &entry);
    if (status == 0)
        status = journal_next(journal, &item);
    while (status == 0 && (entry != NULL || item != NULL)) {
        int order = entry == NULL  ? 1
                    : item == NULL ? -1
                                   : rowkey_compare(entry->key, entry->key_length, item->key, item->key_length);
        if (order < 0)
            status = manifest_put(writer, entry);
        else if (apply(order == 0 ? entry : NULL, item, generation, &changed))
            status = manifest_put(writer, &changed);
        if (status == 0 && order <= 0)
            status = manifest_next(manifest, &entry);
        if (status == 0 && order >= 0)
            status = journal_next(journal, &item);
    }
    return status;
}

static int write_new(const struct settle *settle, struct manifest *manifest, struct journal_reader *journal,
                     int64_t generation, struct manifest_writer **out, struct manifest_info *info) {
    struct manifest_writer *writer = NULL;
    int status = manifest_create(settle->manifest, &settle->fingerprint, generation, &writer);
    if (status == 0)
        status = merge(manifest, journal, generation, writer);
    if (status == 0)
        status = manifest_seal(writer, info);
    if (status != 0) {
        manifest_writer_free(writer);
        return status;
    }
    info->fingerprint = settle->fingerprint;
    *out = writer;
    return 0;
}

int settle_prepare(const struct settle *settle, struct manifest_writer **writer, struct manifest_info *info) {
    struct manifest *manifest = NULL;
    struct journal_reader *journal = NULL;
    struct journal_header header;
    *writer = NULL;
    int status = manifest_open(settle->manifest, &settle->fingerprint, &manifest, info);
    if (status == 0)
        status = journal_open(settle->journal, &journal, &header);
    if (status != 0 || !header.exists || (info->exists && header.generation == info->generation))
        goto out;
    if (!hash_equal(&header.fingerprint, &settle->fingerprint) || header.base_generation != info->generation ||
        header.base_checksum != info->checksum) {
        status = fail(EXIT_GUARD, "the journal \"%s\" does not belong to the manifest beside it", settle->journal);
        goto out;
    }
    status = write_new(settle, manifest, journal, header.generation, writer, info);
out:
    journal_reader_free(journal);
    manifest_close(manifest);
    return status;
}

int settle_remove_journal(const struct settle *settle) {
    if (unlink(settle->journal) != 0)
        return errno == ENOENT ? 0
                               : fail(EXIT_CANNOT_WRITE, "cannot remove \"%s\": %s", settle->journal, strerror(errno));
    if (file_flush_parent(settle->journal) != 0)
        return fail(EXIT_CANNOT_WRITE, "cannot flush the directory of \"%s\": %s", settle->journal, strerror(errno));
    return 0;
}

int settle(const struct settle *settle, struct manifest_info *info) {
    struct manifest_writer *writer = NULL;
    file_sweep(settle->directory, settle->prefix);
    int status = settle_prepare(settle, &writer, info);
    if (status == 0 && writer != NULL)
        status = manifest_commit(writer);
    manifest_writer_free(writer);
    if (status == 0)
        status = settle_remove_journal(settle);
    return status;
}

int settle_drop_unsent(const struct settle *settle, int64_t known) {
    struct journal_reader *journal = NULL;
    struct journal_header header;
    const struct journal_item *item = NULL;
    int status = journal_open(settle->journal, &journal, &header);
    if (status != 0)
        return status;
    bool untold = header.exists && header.base_generation == known && header.generation != known;
    if (untold)
        status = journal_next(journal, &item);
    journal_reader_free(journal);
    return status == 0 && untold && item == NULL ? settle_remove_journal(settle) : status;
}

void settle_give_up(const struct settle *settle) {
    manifest_set_aside(settle->manifest);
    manifest_set_aside(settle->journal);
}
