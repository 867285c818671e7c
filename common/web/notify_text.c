/* One message, three forms. A form is a small table of markup around texts that are escaped character by character, so
 * that a text can be cut anywhere between two characters without leaving half an escape or an open block behind. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/utf8.h"
#include "nightshift/web/notify_text.h"

static const char ellipsis[] = "…";
enum { NOTE_LIMIT = 200, ORIGIN_LIMIT = 300 };

/* --- Cleaning --- */

/* Characters that take no room on the screen and so can hide or split what stands around them. Joiners (U+200C, U+200D)
 * and variation selectors are left: scripts and emoji need them. */
static bool is_invisible(unsigned code) {
    return code == 0x00AD || code == 0x034F || code == 0x180E || code == 0x200B || code == 0x2028 || code == 0x2029 ||
           (code >= 0x2060 && code <= 0x2064) || (code >= 0x206A && code <= 0x206F) || code == 0xFEFF ||
           (code >= 0xFFF9 && code <= 0xFFFB) || (code >= 0xE0000 && code <= 0xE007F);
}

static void clean_one(struct text *out, const char *bytes, size_t length) {
    unsigned code = 0;
    if (utf8_decode(bytes, length, &code) == 0 || !is_invisible(code)) {
        text_append_printable(out, bytes, length);
        return;
    }
    for (size_t i = 0; i < length; i++)
        text_printf(out, "\\x%02X", (unsigned)(unsigned char)bytes[i]);
}

size_t notify_text_characters(const char *string) {
    size_t count = 0;
    for (; *string != '\0'; string++)
        count += ((unsigned char)*string & 0xC0) != 0x80;
    return count;
}

char *notify_text_clean(const char *string, size_t limit, bool lines) {
    struct text out = {0};
    size_t count = 0;
    size_t fits = 0; /* the length of `out` when it still had room for an ellipsis */
    size_t length = strlen(string);
    for (size_t at = 0; at < length && count <= limit;) {
        unsigned code = 0;
        size_t used = utf8_decode(string + at, length - at, &code);
        used = used > 0 ? used : 1;
        size_t before = out.length;
        if (string[at] == '\t')
            text_add(&out, "    ");
        else if (lines && string[at] == '\r' && string[at + 1] == '\n')
            ;
        else if (lines && string[at] == '\n')
            text_add(&out, "\n");
        else
            clean_one(&out, string + at, used);
        at += used;
        count += out.length > before ? notify_text_characters(out.data + before) : 0;
        if (count < limit)
            fits = out.length;
    }
    if (count > limit) {
        out.length = fits;
        text_add(&out, ellipsis);
    }
    return text_take(&out);
}

/* --- Escaping: each appends the next character and returns how many bytes it took --- */

static size_t length_of_character(const char *at) {
    unsigned code = 0;
    size_t used = utf8_decode(at, strnlen(at, 4), &code);
    return used > 0 ? used : 1;
}

static size_t escape_nothing(struct text *out, const char *at) {
    size_t used = length_of_character(at);
    text_append(out, at, used);
    return used;
}

/* Every tag of ChatWork begins with a bracket ([To:1], [toall], [info], [code], [rp aid=1], [qt], [hr], [picon:1]), and no
 * escape is documented, so the bracket is replaced by its wide sister, which means nothing. */
static size_t escape_chatwork(struct text *out, const char *at) {
    if (*at != '[')
        return escape_nothing(out, at);
    text_add(out, "［");
    return 1;
}

static bool is_mention(const char *at) {
    static const char *const names[] = {"here", "channel", "everyone", "group"};
    for (size_t i = 0; i < LENGTH_OF(names); i++)
        if (strncasecmp(at + 1, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

/* Slack's own three escapes take away links and <!channel>; a bare @here counts where names are linked; and three
 * backticks would end a block. */
static size_t escape_slack(struct text *out, const char *at) {
    bool third = *at == '`' && out->length >= 2 && memcmp(out->data + out->length - 2, "``", 2) == 0;
    if (*at == '&')
        text_add(out, "&amp;");
    else if (*at == '<')
        text_add(out, "&lt;");
    else if (*at == '>')
        text_add(out, "&gt;");
    else if (*at == '@' && is_mention(at))
        text_add(out, "＠");
    else if (third)
        text_add(out, "ˋ");
    else
        return escape_nothing(out, at);
    return 1;
}

/* --- Forms --- */

struct form {
    size_t (*escape)(struct text *out, const char *at);
    const char *begin;
    const char *after_title;
    const char *between; /* two sections, and the last one and the origin */
    const char *code_open;
    const char *code_close;
    const char *end;
};

static const struct form chatwork = {.escape = escape_chatwork,
                                     .begin = "[info][title]",
                                     .after_title = "[/title]",
                                     .between = "[hr]",
                                     .code_open = "[code]",
                                     .code_close = "[/code]\n",
                                     .end = "[/info]"};
static const struct form slack = {.escape = escape_slack,
                                  .begin = "",
                                  .after_title = "\n",
                                  .between = "\n",
                                  .code_open = "```\n",
                                  .code_close = "\n```\n",
                                  .end = ""};
static const struct form plain = {.escape = escape_nothing,
                                  .begin = "",
                                  .after_title = "\n\n",
                                  .between = "\n",
                                  .code_open = "\n",
                                  .code_close = "\n",
                                  .end = ""};

/* Appends `string` escaped. Where that would take more than *room characters, cuts and appends an ellipsis, which takes
 * the last of them. */
static void put(struct text *out, const struct form *form, const char *string, size_t *room) {
    while (*string != '\0' && *room > 0) {
        size_t before = out->length;
        size_t used = form->escape(out, string);
        size_t taken = notify_text_characters(out->data + before);
        bool last = string[used] == '\0';
        if (taken > *room || (taken == *room && !last)) {
            out->length = before;
            text_add(out, ellipsis);
            *room = 0;
            return;
        }
        *room -= taken;
        string += used;
    }
}

/* Appends a section in at most `room` characters. */
static void put_section(struct text *out, const struct form *form, const struct notify_section *section, size_t room) {
    if (*section->heading != '\0' && room > 2) {
        room--; /* for the line break */
        put(out, form, section->heading, &room);
        text_add(out, "\n");
    }
    for (size_t i = 0; i < section->lines.count && room > 2; i++) {
        room--;
        put(out, form, section->lines.items[i], &room);
        text_add(out, "\n");
    }
    size_t around = notify_text_characters(form->code_open) + notify_text_characters(form->code_close);
    if (section->code == NULL || room < around + 20)
        return;
    room -= around;
    text_add(out, form->code_open);
    put(out, form, section->code, &room);
    text_add(out, form->code_close);
}

/* Appends the sections that fit into `room`, the first one in any case, cut if it must be. Returns how many things the
 * others tell of; *all is false when any is missing. */
static int64_t put_sections(struct text *out, const struct form *form, const struct notify_message *message,
                            size_t room, bool *all) {
    int64_t more = 0;
    struct text piece = {0};
    *all = true;
    for (size_t i = 0; i < message->count; i++) {
        if (!*all) {
            more += message->sections[i].items;
            continue;
        }
        text_clear(&piece);
        text_add(&piece, i > 0 ? form->between : "");
        put_section(&piece, form, &message->sections[i], SIZE_MAX);
        size_t taken = notify_text_characters(text_string(&piece));
        *all = taken <= room;
        if (*all)
            text_append(out, text_string(&piece), piece.length);
        else if (i == 0)
            put_section(out, form, &message->sections[i], room);
        else
            more += message->sections[i].items;
        room -= *all ? taken : 0;
    }
    text_free(&piece);
    return more;
}

struct fill {
    char more[24];
};

static const char *fill_more(const void *context, const char *name) {
    const struct fill *fill = context;
    return strcmp(name, "more") == 0 ? fill->more : NULL;
}

void notify_text_add_note(struct text *out, const char *note, int64_t more) {
    struct fill fill;
    struct text filled = {0};
    snprintf(fill.more, sizeof fill.more, "%" PRId64, more);
    text_add_template(&filled, note != NULL && *note != '\0' ? note : "... {more} more", fill_more, &fill);
    char *clean = notify_text_clean(text_string(&filled), NOTE_LIMIT, false);
    text_add(out, clean);
    free(clean);
    text_free(&filled);
}

/* The escaped last lines, without the note. */
static void put_origin(struct text *out, const struct form *form, const struct notify_origin *origin) {
    size_t room = ORIGIN_LIMIT;
    /* The id comes first: it is what must not be cut. */
    char *line = xasprintf("notice %s, %s on %s, %s", origin->id, origin->job, origin->host, origin->at);
    put(out, form, line, &room);
    free(line);
}

static void render(struct text *out, const struct form *form, const struct notify_message *message,
                   const struct notify_origin *origin, size_t limit) {
    struct text head = {0}, middle = {0}, foot = {0};
    size_t title_room = limit / 4;
    char *title = xasprintf("%s: %s", notify_message_severity(message), message->title);
    text_add(&head, form->begin);
    put(&head, form, title, &title_room);
    text_add(&head, form->after_title);
    text_add(&foot, form->between);
    put_origin(&foot, form, origin);
    text_add(&foot, form->end);
    /* An escape makes a character five at most, but a note that is all ampersands is not worth the room. */
    size_t fixed =
        notify_text_characters(text_string(&head)) + notify_text_characters(text_string(&foot)) + NOTE_LIMIT + 1;
    bool all = true;
    int64_t more = message->more + put_sections(&middle, form, message, limit > fixed ? limit - fixed : 0, &all);
    if (more > 0 || !all) {
        struct text note = {0};
        size_t note_room = NOTE_LIMIT;
        if (more > 0)
            notify_text_add_note(&note, message->note, more);
        else
            text_add(&note, ellipsis);
        put(&middle, form, text_string(&note), &note_room);
        text_add(&middle, "\n");
        text_free(&note);
    }
    text_add(out, text_string(&head));
    text_add(out, text_string(&middle));
    text_add(out, text_string(&foot));
    free(title);
    text_free(&head);
    text_free(&middle);
    text_free(&foot);
}

void notify_text_chatwork(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                          const struct strings *to, size_t limit) {
    size_t before = notify_text_characters(text_string(out));
    for (size_t i = 0; i < to->count && i < NOTIFY_TO_LIMIT; i++)
        if (strcmp(to->items[i], "all") == 0)
            text_add(out, "[toall]");
        else
            text_printf(out, "[To:%s]", to->items[i]);
    if (to->count > 0)
        text_add(out, "\n");
    size_t mentions = notify_text_characters(text_string(out)) - before;
    render(out, &chatwork, message, origin, limit > mentions ? limit - mentions : 0);
}

void notify_text_slack(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                       size_t limit) {
    render(out, &slack, message, origin, limit);
}

void notify_text_plain(struct text *out, const struct notify_message *message, const struct notify_origin *origin,
                       size_t limit) {
    render(out, &plain, message, origin, limit);
    text_add(out, "\n");
}

void notify_text_add_form(struct text *out, const char *name, const char *value) {
    text_printf(out, "%s=", name);
    /* RFC 3986, section 2.3; a space as %20, which every decoder of forms knows. */
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool unreserved =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        text_printf(out, unreserved ? "%c" : "%%%02X", c);
    }
}
