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
};

struct reconcile_result {
    int64_t ids;     /* in the domain */
    int64_t foreign; /* of them: ids that our rows do not make; they are left alone */
    int64_t unknown; /* of them: ours, and not in the manifest */
    int64_t absent;  /* in the manifest, and not in the domain: lost there, or not visible yet */
};

/* Walks all ids and replaces the manifest. Documents that both agree on keep their entries; all others become MANIFEST_UNSURE, so that the push
 * which follows sends them again or deletes them. Failures leave the old manifest in place, and are those of the search service, of sort(1)
 * (EXIT_SYSTEM), or EXIT_CANNOT_WRITE. `info` is that of the new manifest. */
int reconcile(const struct reconcile_setup *setup, struct reconcile_result *result, struct manifest_info *info);

#endif
