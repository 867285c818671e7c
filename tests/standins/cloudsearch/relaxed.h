/* JSON as the guide's examples of q.options and facet.* write it: names without quotes, strings in single quotes. */
#ifndef CLOUDSEARCH_RELAXED_H
#define CLOUDSEARCH_RELAXED_H

#include <jansson.h>

/* A new reference, or NULL when it is not that. */
json_t *relaxed_parse(const char *string);

#endif
