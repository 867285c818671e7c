/* The HTML page: the fingerprints that took most time in the last 14 days, from the ledger's history. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_PAGE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_PAGE_H

#include "findings.h"
#include "ledger.h"
#include "nightshift/report/html.h"
#include "site.h"

enum { PAGE_ROWS = 200 }; /* fingerprints that are shown; of the others the number is said */

struct page_input {
    const struct ledger *ledger; /* the history; pending groups are only counted */
    const struct site *site;
    const struct judge_rules *rules; /* today, and what is muted */
    const struct strings *gaps;      /* sentences that people were told, still worth showing; NULL: none */
    int64_t now;                     /* milliseconds since 1970 */
    const struct html_link *links;   /* to other pages */
    size_t link_count;
};

/* Appends the page; about 3 KiB per fingerprint that is shown. */
void page_make(const struct page_input *input, struct text *out);

#endif
