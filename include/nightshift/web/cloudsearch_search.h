/* Searching a CloudSearch domain: what --verify and --reconcile ask. Always POST with a form, and format=sdk, because that
 * is what AWS's own clients send and because every field then comes as an array. Failures are those of cloudsearch.h. */
#ifndef NIGHTSHIFT_WEB_CLOUDSEARCH_SEARCH_H
#define NIGHTSHIFT_WEB_CLOUDSEARCH_SEARCH_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/web/cloudsearch.h"

enum {
    CLOUDSEARCH_FETCH_MOST = 20,                 /* ids in one cloudsearch_fetch() */
    CLOUDSEARCH_PAGE_MOST = 10000,               /* hits in one answer, by the service's rules */
    CLOUDSEARCH_ANSWER_LIMIT = 32 * 1024 * 1024, /* bytes of one answer with documents */
    CLOUDSEARCH_IDS_LIMIT = 4 * 1024 * 1024,     /* bytes of one answer with ids alone */
    CLOUDSEARCH_ID_MOST = 128,                   /* bytes of a document's id */
};

/* One parameter of a search, such as {"q.parser", "structured"}. None twice. */
struct cloudsearch_parameter {
    const char *name;
    const char *value;
};

struct cloudsearch_hit {
    const char *id;
    json_t *fields; /* object: name -> array of strings; NULL when none were asked for */
};

/* Start with {0}; may be used again without freeing. */
struct cloudsearch_hits {
    int64_t found;
    char *cursor; /* NULL: none came */
    struct cloudsearch_hit *hits;
    size_t count;
    json_t *document; /* the whole answer, with facets and highlights; owns what the hits point to */
};

/* Any search. "format" is added. */
int cloudsearch_search(struct cloudsearch *cloudsearch, const struct cloudsearch_parameter *parameters, size_t count,
                       struct cloudsearch_hits *hits);

/* The documents with these ids (1 to CLOUDSEARCH_FETCH_MOST), as far as they can be seen now, in no order, with all fields
 * that may be returned. A document that is missing here may just not be visible yet. */
int cloudsearch_fetch(struct cloudsearch *cloudsearch, const char *const *ids, size_t count,
                      struct cloudsearch_hits *hits);

/* How many documents can be seen. */
int cloudsearch_count(struct cloudsearch *cloudsearch, int64_t *count);

void cloudsearch_hits_free(struct cloudsearch_hits *hits);

/* --- All ids of a slice, page by page, in the order of their bytes --- */

struct cloudsearch_walk;

/* Ids from `from` (inclusive) to below `below`; NULL leaves that end open. Keep slices to some 100,000 ids: a walk over
 * a whole large domain is likely to time out on the service's side. Never fails. */
struct cloudsearch_walk *cloudsearch_walk_new(struct cloudsearch *cloudsearch, const char *from, const char *below);
void cloudsearch_walk_free(struct cloudsearch_walk *walk); /* NULL is fine */

/* The next page; *ids is valid until the next call, and empty at the end. (The end is an empty page: the service gives a
 * cursor with the last page too.) The page gets smaller when the service fails. EXIT_UNAVAILABLE also when ids come
 * out of order, twice, or from outside of the slice, since then nothing may be concluded from an id that did not come. */
int cloudsearch_walk_next(struct cloudsearch_walk *walk, const struct strings **ids);

/* Hits that the service announced with the first page, and ids that came so far. They may differ while the index changes. */
int64_t cloudsearch_walk_found(const struct cloudsearch_walk *walk);
int64_t cloudsearch_walk_seen(const struct cloudsearch_walk *walk);

#endif
