/* Whether the fields of our documents fit the index fields of a domain. Pure code. */
#ifndef PUSH_LANCERS_MAPPING_H
#define PUSH_LANCERS_MAPPING_H

#include "document.h"
#include "nightshift/web/cloudsearch_describe.h"

enum mapping_fit {
    MAPPING_FITS,    /* every value of our type is one of theirs */
    MAPPING_MOSTLY,  /* most are: text in a literal field, which takes 4,096 characters */
    MAPPING_MISSING, /* the domain has no such field, and refuses every document that does */
    MAPPING_WRONG,   /* of another type, or several values for a field that takes one */
};

/* The plan's field of this index; *found is where its values go to, NULL when it is missing. */
enum mapping_fit mapping_judge(const struct document_plan *plan, size_t field, const struct cloudsearch_fields *fields,
                               const struct cloudsearch_field **found);

#endif
