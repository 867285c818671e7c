/* A CloudSearch domain's own description, for --check: is it ready, and does it take what we send? Needs the IAM actions
 * cloudsearch:DescribeDomains and cloudsearch:DescribeIndexFields, which an account that may only upload does not have
 * (EXIT_DENIED). Failures are those of cloudsearch.h; a domain that does not exist is EXIT_SETTINGS.
 *
 * The configuration service answers in XML. It is read by expat, which is small, strict and in every distribution; a
 * document type declaration, which entity attacks need, is refused. */
#ifndef NIGHTSHIFT_WEB_CLOUDSEARCH_DESCRIBE_H
#define NIGHTSHIFT_WEB_CLOUDSEARCH_DESCRIBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/web/cloudsearch.h"

enum {
    CLOUDSEARCH_DESCRIPTION_LIMIT = 2 * 1024 * 1024, /* bytes of one answer; 200 fields take some 200 KB */
    CLOUDSEARCH_FIELDS_MOST = 1000,
};

/* --- The domain --- */

/* Start with {0}. */
struct cloudsearch_description {
    char *name;
    char *document_endpoint; /* the host; "" while the domain is being made */
    char *search_endpoint;
    bool created;
    bool deleted;
    bool processing;
    bool needs_indexing; /* RequiresIndexDocuments: changes of the configuration are not in force */
    int64_t partitions;
    int64_t replicas; /* instances per partition */
};

int cloudsearch_describe_domain(struct cloudsearch *cloudsearch, struct cloudsearch_description *description);
void cloudsearch_description_free(struct cloudsearch_description *description);

/* --- Its index fields --- */

enum cloudsearch_type {
    CLOUDSEARCH_INT,
    CLOUDSEARCH_DOUBLE,
    CLOUDSEARCH_LITERAL,
    CLOUDSEARCH_TEXT,
    CLOUDSEARCH_DATE,
    CLOUDSEARCH_LATLON, /* has no array form */
};

struct cloudsearch_field {
    char *name; /* with a "*" in front or at the end: a dynamic field */
    enum cloudsearch_type type;
    bool array;
    bool facet, search, returned, sort, highlight; /* what the type does not have is false; text is always searched */
    char *analysis_scheme;                         /* NULL: none */
    char *default_value;                           /* NULL: none */
    char *state; /* "Active", "RequiresIndexDocuments", "Processing", "FailedToValidate" */
};

/* Start with {0}. */
struct cloudsearch_fields {
    struct cloudsearch_field *items;
    size_t count;
};

/* The fields that are in force now (Deployed=true), without changes that wait for IndexDocuments. */
int cloudsearch_describe_fields(struct cloudsearch *cloudsearch, struct cloudsearch_fields *fields);
void cloudsearch_fields_free(struct cloudsearch_fields *fields);

/* The field that a document's field of this name goes to: the one of that name, else the longest dynamic pattern that fits,
 * of equals the alphabetically first; NULL when the service would refuse it. */
const struct cloudsearch_field *cloudsearch_find_field(const struct cloudsearch_fields *fields, const char *name);

/* "literal-array" and the like. */
const char *cloudsearch_type_name(enum cloudsearch_type type, bool array);
/* The other way round; false for a word that is none. */
bool cloudsearch_parse_type(const char *word, enum cloudsearch_type *type, bool *array);

#endif
