/* The manifest of a state directory and the journal beside it: DIR/push-lancers.NAME.manifest and .journal. settle() makes one manifest out of
 * both. It runs first in every run, and last; whatever moment a run is killed at, running it again ends in the same state:
 *
 *     journal being written     operations with an intent and no outcome become "unsure"; a torn record was never sent
 *     new manifest not complete its temporary file is removed, all is as before
 *     renamed, journal left     the manifest has the journal's generation: it is applied already, and only removed
 *
 * A journal that goes on from another manifest than the one that is there, and was not applied to it, is damage: a file was lost or brought
 * back from a backup, and what the domain holds is not known. */
#ifndef PUSH_LANCERS_SETTLE_H
#define PUSH_LANCERS_SETTLE_H

#include "journal.h"
#include "manifest.h"

struct settle {
    char *directory;
    char *prefix;   /* of the names of our files */
    char *manifest; /* paths */
    char *journal;
    struct hash fingerprint;
};

void settle_init(struct settle *settle, const char *directory, const char *name, const struct hash *fingerprint);
void settle_free(struct settle *settle);

/* Does all that is needed, and gives what is known about the manifest then; every entry of it has been read and found sound if there was a
 * journal. EXIT_GUARD: manifest or journal cannot be used, both are untouched. EXIT_CANNOT_WRITE. */
int settle(const struct settle *settle, struct manifest_info *info);

/* Before settle(): removes a journal whose run was killed before it could send anything, or tell others that it was about to (known.h). `known`:
 * the generation of the last run that did tell them. Without this, such a run would look like a loss of that knowledge. EXIT_GUARD for a
 * journal that cannot be used, EXIT_CANNOT_WRITE. */
int settle_drop_unsent(const struct settle *settle, int64_t known);

/* Puts both aside, so that the next run knows nothing, and deletes nothing: the domain has to be read (--reconcile). */
void settle_give_up(const struct settle *settle);

/* The parts of settle(), for tests that stop between them: the new manifest, written and on disk beside the old one (*writer is NULL when there
 * is no journal, or it is applied already); the rename is manifest_commit(); the removal of the journal. */
int settle_prepare(const struct settle *settle, struct manifest_writer **writer, struct manifest_info *info);
int settle_remove_journal(const struct settle *settle);

#endif
