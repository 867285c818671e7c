/* What the domain really holds, by the ids of its documents: makes a manifest that says so. For --reconcile, and whenever the manifest cannot be
 * trusted: lost, damaged, or older than what another host has pushed. */
#ifndef PUSH_LANCERS_RECONCILE_H
#define PUSH_LANCERS_RECONCILE_H

#include <stdbool.h>
#include <stdint.h>

#include "document.h"
#include "manifest.h"
#include "nightshift/web/cloudsearch.h"
#include "settle.h"

struct reconcile_setup {
    struct cloudsearch *cloudsearch;
    const struct document_plan *plan;
    const struct settle *settle; /* there must be no journal */
    bool trusted;                /* the manifest is right as far as it goes; else everything in it is forgotten */
    int64_t generation;          /* of the manifest that is made: greater than any before */
    int64_t slice_most;          /* ids in one walk; 0: 120,000 */
};

struct reconcile_result {
    int64_t ids;     /* in the domain */
    int64_t foreign; /* of them: ids that our rows do not make; they are left alone */
    int64_t unknown; /* of them: ours, and the manifest did not say that they are there */
    int64_t absent;  /* held as the manifest says, and not in the domain: lost there, or not visible yet */
};

/* Walks all ids and replaces the manifest. Documents that both agree on keep their entries. Others become MANIFEST_UNSURE, so that the push
 * which follows sends them again or deletes them; but a refused content stays refused: MANIFEST_REFUSED becomes MANIFEST_REFUSED_NEW when the
 * document is there after all. Failures leave the old manifest in place: those of the search service (EXIT_UNAVAILABLE ...), EXIT_GUARD for a
 * trusted manifest that is damaged, EXIT_CANNOT_WRITE and EXIT_SYSTEM for files, EXIT_LATER when asked to stop. `info` is that of the new
 * manifest. */
int reconcile(const struct reconcile_setup *setup, struct reconcile_result *result, struct manifest_info *info);

/* Where to end a slice that is too large: nearer than `below` (NULL: without an end) and beyond `first`, its first id. NULL if there is no such
 * place. Freed by the caller. Pure code. */
char *reconcile_nearer(const char *first, const char *below);

#endif
