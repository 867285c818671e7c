/* Building a message from texts of any origin, and its JSON form. Everything is made printable and bounded on its way
 * in, so that neither the outbox nor any renderer ever holds anything else. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/utf8.h"
#include "nightshift/web/notify_message.h"
#include "nightshift/web/notify_text.h"

static const char *const severities[] = {"info", "warning", "error"};

const char *notify_message_severity(const struct notify_message *message) {
    return severities[message->severity];
}

/* Cleans a text and takes its size into account. */
static char *take(struct notify_message *message, const char *string, size_t limit, bool lines) {
    char *clean = notify_text_clean(string != NULL ? string : "", limit, lines);
    message->size += strlen(clean);
    return clean;
}

struct notify_message *notify_message_new(enum notify_severity severity, const char *title) {
    struct notify_message *message = xcalloc(1, sizeof *message);
    message->severity = (int)severity;
    message->title = take(message, title, NOTIFY_LINE_LIMIT, false);
    return message;
}

void notify_message_free(struct notify_message *message) {
    if (message == NULL)
        return;
    for (size_t i = 0; i < message->count; i++) {
        free(message->sections[i].heading);
        strings_free(&message->sections[i].lines);
        free(message->sections[i].code);
    }
    free(message->sections);
    free(message->title);
    free(message->note);
    free(message);
}

void notify_message_section(struct notify_message *message, const char *heading, int64_t items) {
    message->closed = message->count >= NOTIFY_SECTION_LIMIT || message->size >= NOTIFY_MESSAGE_LIMIT;
    if (message->closed) {
        message->more += items;
        return;
    }
    message->sections = xgrow(message->sections, message->count, sizeof *message->sections);
    message->sections[message->count++] =
        (struct notify_section){.heading = take(message, heading, NOTIFY_LINE_LIMIT, false), .items = items};
}

/* The section that lines and code go into, or NULL when there is no more room. */
static struct notify_section *current(struct notify_message *message) {
    if (message->count == 0 && !message->closed)
        notify_message_section(message, "", 0);
    bool full = message->closed || message->size >= NOTIFY_MESSAGE_LIMIT;
    return full ? NULL : &message->sections[message->count - 1];
}

static void add_line(struct notify_message *message, const char *line) {
    struct notify_section *section = current(message);
    if (section == NULL)
        return;
    char *clean = take(message, line, NOTIFY_LINE_LIMIT, false);
    strings_add(&section->lines, clean);
    message->size++; /* empty lines take room too */
    free(clean);
}

void notify_message_line(struct notify_message *message, const char *format, ...) {
    struct text line = {.limit = 65536};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&line, format, arguments);
    va_end(arguments);
    add_line(message, text_string(&line));
    text_free(&line);
}

void notify_message_code(struct notify_message *message, const char *code) {
    struct notify_section *section = current(message);
    if (section == NULL)
        return;
    free(section->code);
    section->code = take(message, code, NOTIFY_CODE_LIMIT, true);
}

void notify_message_more(struct notify_message *message, int64_t more, const char *note) {
    message->more += more;
    free(message->note);
    message->note = note != NULL ? take(message, note, NOTIFY_LINE_LIMIT, false) : NULL;
}

/* --- JSON --- */

static json_t *section_to_json(const struct notify_section *section) {
    json_t *lines = json_array();
    for (size_t i = 0; i < section->lines.count; i++)
        json_array_append_new(lines, json_string(section->lines.items[i]));
    return json_pack("{s:s, s:o, s:s?, s:I}", "heading", section->heading, "lines", lines, "code", section->code,
                     "items", (json_int_t)section->items);
}

json_t *notify_message_to_json(const struct notify_message *message, const struct notify_origin *origin) {
    json_t *sections = json_array();
    for (size_t i = 0; i < message->count; i++)
        json_array_append_new(sections, section_to_json(&message->sections[i]));
    struct text note = {0};
    if (message->more > 0)
        notify_text_add_note(&note, message->note, message->more);
    json_t *document = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:s}", "id", origin->id, "key",
                                 origin->key, "severity", notify_message_severity(message), "title", message->title,
                                 "job", origin->job, "host", origin->host, "run_id", origin->run_id, "at", origin->at,
                                 "sections", sections, "more", (json_int_t)message->more, "note", text_string(&note));
    text_free(&note);
    return document;
}

/* Reads one section; false if it is not one. Its texts go through the same door as new ones. */
static bool add_section(struct notify_message *message, const json_t *document) {
    const json_t *lines = json_object_get(document, "lines");
    const char *heading = json_string_value(json_object_get(document, "heading"));
    const char *code = json_string_value(json_object_get(document, "code"));
    if (heading == NULL || !json_is_array(lines))
        return false;
    notify_message_section(message, heading, json_integer_value(json_object_get(document, "items")));
    size_t index = 0;
    const json_t *line = NULL;
    json_array_foreach(lines, index, line) {
        if (!json_is_string(line))
            return false;
        add_line(message, json_string_value(line));
    }
    if (code != NULL)
        notify_message_code(message, code);
    return true;
}

struct notify_message *notify_message_from_json(const json_t *document) {
    const char *severity = json_string_value(json_object_get(document, "severity"));
    const char *title = json_string_value(json_object_get(document, "title"));
    const char *note = json_string_value(json_object_get(document, "note_template"));
    const json_t *sections = json_object_get(document, "sections");
    int level = NOTIFY_INFO;
    while (level <= NOTIFY_ERROR && (severity == NULL || strcmp(severity, severities[level]) != 0))
        level++;
    if (level > NOTIFY_ERROR || title == NULL || !json_is_array(sections))
        return NULL;
    struct notify_message *message = notify_message_new((enum notify_severity)level, title);
    size_t index = 0;
    const json_t *section = NULL;
    bool good = true;
    json_array_foreach(sections, index, section) good = good && add_section(message, section);
    notify_message_more(message, json_integer_value(json_object_get(document, "more")), note);
    if (good)
        return message;
    notify_message_free(message);
    return NULL;
}
