/* The XML form: <batch><add id="..."><field name="...">...</field></add><delete id="..."/></batch>. Each element becomes the operation that the
 * JSON form would have, so that the same checks see it. */
#include <stdlib.h>
#include <string.h>

#include <expat.h>

#include "batch.h"

enum level { OUTSIDE, IN_BATCH, IN_ADD, IN_DELETE, IN_FIELD };

struct reader {
    struct batch *batch;
    const struct batch_rules *rules;
    XML_Parser parser;
    enum level level;
    json_t *operation;
    json_t *fields; /* borrowed from operation */
    char *name;     /* of the field being read */
    struct text value;
    size_t begin; /* of the operation, in bytes */
};

static void stop(struct reader *reader, const char *message, const char *name) {
    batch_error(reader->batch, "Invalid XML at line %lu: %s \"%s\"", XML_GetCurrentLineNumber(reader->parser), message,
                name);
    XML_StopParser(reader->parser, XML_FALSE);
}

/* The value of one attribute; the others are kept in the operation, for the warning about them. */
static const char *take_attributes(json_t *operation, const char **attributes, const char *wanted) {
    const char *found = NULL;
    for (size_t i = 0; attributes[i] != NULL; i += 2) {
        if (strcmp(attributes[i], wanted) == 0)
            found = attributes[i + 1];
        else if (operation != NULL)
            json_object_set_new(operation, attributes[i], json_string(attributes[i + 1]));
    }
    return found;
}

static void begin_operation(struct reader *reader, const char *name, const char **attributes) {
    bool add = strcmp(name, "add") == 0;
    if (!add && strcmp(name, "delete") != 0) {
        stop(reader, "unknown operation", name);
        return;
    }
    reader->operation = json_object();
    const char *id = take_attributes(reader->operation, attributes, "id");
    json_object_set_new(reader->operation, "type", json_string(name));
    if (id != NULL)
        json_object_set_new(reader->operation, "id", json_string(id));
    reader->begin = (size_t)XML_GetCurrentByteIndex(reader->parser);
    reader->level = add ? IN_ADD : IN_DELETE;
    if (add) {
        reader->fields = json_object();
        json_object_set_new(reader->operation, "fields", reader->fields);
    }
}

static void XMLCALL on_start(void *context, const char *name, const char **attributes) {
    struct reader *reader = context;
    switch (reader->level) {
    case OUTSIDE:
        if (strcmp(name, "batch") != 0)
            stop(reader, "the outermost element must be batch, not", name);
        reader->level = IN_BATCH;
        break;
    case IN_BATCH:
        begin_operation(reader, name, attributes);
        break;
    case IN_ADD: {
        const char *field = take_attributes(NULL, attributes, "name");
        if (strcmp(name, "field") != 0 || field == NULL) {
            stop(reader, "an add has nothing but fields with a name, not", name);
            break;
        }
        free(reader->name);
        reader->name = xstrdup(field);
        text_clear(&reader->value);
        reader->level = IN_FIELD;
        break;
    }
    case IN_DELETE:
    case IN_FIELD:
        stop(reader, "an element that must be empty or hold text has the element", name);
        break;
    }
}

/* A field that stands there again has several values. */
static void end_field(struct reader *reader) {
    json_t *value = json_stringn(text_string(&reader->value), reader->value.length);
    json_t *before = json_object_get(reader->fields, reader->name);
    reader->level = IN_ADD;
    if (before == NULL) {
        json_object_set_new(reader->fields, reader->name, value);
    } else if (json_is_array(before)) {
        json_array_append_new(before, value);
    } else {
        json_t *list = json_array();
        json_array_append(list, before);
        json_array_append_new(list, value);
        json_object_set_new(reader->fields, reader->name, list);
    }
}

static void XMLCALL on_end(void *context, const char *name) {
    struct reader *reader = context;
    (void)name;
    switch (reader->level) {
    case IN_FIELD:
        end_field(reader);
        break;
    case IN_ADD:
    case IN_DELETE: {
        XML_Index end = XML_GetCurrentByteIndex(reader->parser) + XML_GetCurrentByteCount(reader->parser);
        batch_add(reader->batch, reader->rules, reader->operation, (size_t)end - reader->begin);
        json_decref(reader->operation);
        reader->operation = NULL;
        reader->level = IN_BATCH;
        break;
    }
    case IN_BATCH:
    case OUTSIDE:
        break;
    }
}

static void XMLCALL on_text(void *context, const char *bytes, int length) {
    struct reader *reader = context;
    if (reader->level == IN_FIELD)
        text_append(&reader->value, bytes, (size_t)length);
    else if (strspn(bytes, " \t\r\n") < (size_t)length)
        stop(reader, "text outside of a field", "");
}

/* A document type could define entities of any size (CVE-2003-1564); a batch has none. */
static void XMLCALL on_doctype(void *context, const char *name, const char *system, const char *public, int internal) {
    (void)system, (void)public, (void)internal;
    stop(context, "a batch has no document type", name);
}

void batch_parse_xml(struct batch *batch, const struct batch_rules *rules, const char *bytes, size_t length) {
    /* The body is UTF-8 by now, whatever its declaration says of the bytes it once was. */
    struct reader reader = {.batch = batch, .rules = rules, .parser = XML_ParserCreate("UTF-8")};
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_doctype);
    bool good = XML_Parse(reader.parser, bytes, (int)length, 1) == XML_STATUS_OK;
    if (!good && batch->error_count == 0)
        batch_error(batch, "Invalid XML at line %lu: %s", XML_GetCurrentLineNumber(reader.parser),
                    XML_ErrorString(XML_GetErrorCode(reader.parser)));
    if (good && batch->seen == 0)
        batch_error(batch, "A batch must have at least one operation");
    XML_ParserFree(reader.parser);
    json_decref(reader.operation);
    free(reader.name);
    text_free(&reader.value);
}
