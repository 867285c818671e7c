/* A tree, because the answers of the configuration service are short and every reader is spared a state machine. Nothing
 * outside of the document is ever looked at, and a document type ends the parsing: without one there are no entities to
 * expand. */
#include <expat.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/memory.h"
#include "xml.h"

enum { DEEPEST = 16, NODES = 50000, TEXT_MOST = 64 * 1024 };

struct reader {
    XML_Parser parser;
    struct xml_node *root;
    struct xml_node *open[DEEPEST];
    size_t depth;
    size_t count;
};

static void stop(struct reader *reader) {
    XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL begin(void *context, const XML_Char *name, const XML_Char **attributes) {
    (void)attributes;
    struct reader *reader = context;
    if (reader->depth == DEEPEST || reader->count == NODES) {
        stop(reader);
        return;
    }
    const char *colon = strchr(name, ':');
    struct xml_node *node = xcalloc(1, sizeof *node);
    node->name = xstrdup(colon != NULL ? colon + 1 : name);
    node->text.limit = TEXT_MOST;
    reader->count++;
    if (reader->depth == 0) {
        reader->root = node;
    } else {
        struct xml_node *parent = reader->open[reader->depth - 1];
        if (parent->first == NULL)
            parent->first = node;
        else
            parent->last->next = node;
        parent->last = node;
    }
    reader->open[reader->depth++] = node;
}

static void XMLCALL end(void *context, const XML_Char *name) {
    (void)name;
    struct reader *reader = context;
    reader->depth--;
}

static void XMLCALL take(void *context, const XML_Char *bytes, int length) {
    struct reader *reader = context;
    if (reader->depth == 0)
        return;
    struct xml_node *node = reader->open[reader->depth - 1];
    text_append(&node->text, bytes, (size_t)length);
    if (node->text.full)
        stop(reader);
}

static void XMLCALL refuse_doctype(void *context, const XML_Char *name, const XML_Char *system, const XML_Char *public,
                                   int internal) {
    (void)name, (void)system, (void)public, (void)internal;
    stop(context);
}

struct xml_node *xml_parse(const char *bytes, size_t length) {
    struct reader reader = {.parser = XML_ParserCreate(NULL)};
    if (reader.parser == NULL || length > INT32_MAX)
        abort(); /* out of memory; bodies are bounded far below */
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, begin, end);
    XML_SetCharacterDataHandler(reader.parser, take);
    XML_SetStartDoctypeDeclHandler(reader.parser, refuse_doctype);
    if (XML_Parse(reader.parser, bytes, (int)length, XML_TRUE) != XML_STATUS_OK) {
        xml_free(reader.root);
        reader.root = NULL;
    }
    XML_ParserFree(reader.parser);
    return reader.root;
}

void xml_free(struct xml_node *node) {
    while (node != NULL) {
        struct xml_node *next = node->next;
        xml_free(node->first);
        free(node->name);
        text_free(&node->text);
        free(node);
        node = next;
    }
}

const struct xml_node *xml_child(const struct xml_node *node, const char *name) {
    const struct xml_node *child = node != NULL ? node->first : NULL;
    while (child != NULL && strcmp(child->name, name) != 0)
        child = child->next;
    return child;
}

const char *xml_text(const struct xml_node *node, const char *name) {
    const struct xml_node *child = xml_child(node, name);
    return child != NULL ? text_string(&child->text) : "";
}
