/* XML into a small tree, by expat, which is small, strict and in every distribution: our own would be longer and worse. */
#ifndef COMMON_WEB_XML_H
#define COMMON_WEB_XML_H

#include <stddef.h>

#include "nightshift/base/text.h"

struct xml_node {
    char *name;             /* without a namespace's prefix */
    struct text text;       /* of this element, without that of its children */
    struct xml_node *first; /* child */
    struct xml_node *last;
    struct xml_node *next; /* sibling */
};

/* The root of a document, or NULL: not well-formed, with a document type, deeper than 16 elements, with more than 50,000 of
 * them, or with more than 64 KiB of text in one. */
struct xml_node *xml_parse(const char *bytes, size_t length);
void xml_free(struct xml_node *node); /* NULL is fine */

/* The first child of that name, or NULL; `node` may be NULL. */
const struct xml_node *xml_child(const struct xml_node *node, const char *name);
/* The text of the first child of that name; "" if there is none. */
const char *xml_text(const struct xml_node *node, const char *name);

#endif
