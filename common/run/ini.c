/* Our line reader in front of inih. inih asks for one line at a time and calls back for each key right after, so the reader's line number is
 * the number of the key's line; whether that line was indented tells a continued value from a key given twice. */
#include <ctype.h>
#include <ini.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/utf8.h"
#include "nightshift/run/ini.h"

struct reader {
    struct ini *ini;
    const char *file;
    struct text content;
    size_t at;
    int line;
    bool indented;    /* the line handed out last began with white space */
    bool in_section;  /* a [section] line has been seen */
    bool key_is_ours; /* the last key belongs to an entry that may be continued */
};

void ini_problem(struct ini *ini, const char *file, int line, const char *format, ...) {
    struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    if (line > 0)
        log_error("%s:%d: %s", file, line, text_string(&message));
    else
        log_error("%s: %s", file, text_string(&message));
    text_free(&message);
    ini->problems++;
}

static bool is_section(const struct ini_section *section, const char *name, const char *argument) {
    if (strcmp(section->name, name) != 0 || (section->argument == NULL) != (argument == NULL))
        return false;
    return argument == NULL || strcmp(section->argument, argument) == 0;
}

static void open_section(struct reader *reader, const char *line, const char *close) {
    struct ini *ini = reader->ini;
    struct strings words = {0};
    char *inside = xstrndup(line + 1, (size_t)(close - line - 1));
    strings_split(&words, inside, " \t");
    const char *name = words.count > 0 ? words.items[0] : "";
    const char *argument = words.count > 1 ? words.items[1] : NULL;
    /* From a semicolon on inih may see a comment. */
    if (words.count == 0 || words.count > 2 || strchr(inside, ';') != NULL)
        ini_problem(ini, reader->file, reader->line, "a section is written [name] or [name NAME]");
    for (size_t i = 0; i < ini->section_count; i++)
        if (is_section(&ini->sections[i], name, argument))
            ini_problem(ini, reader->file, reader->line, "section [%s] is already at %s:%d", inside,
                        ini->sections[i].file, ini->sections[i].line);
    ini->sections = xgrow(ini->sections, ini->section_count, sizeof *ini->sections);
    ini->sections[ini->section_count++] = (struct ini_section){
        .name = xstrdup(name),
        .argument = argument != NULL ? xstrdup(argument) : NULL,
        .file = reader->file,
        .line = reader->line,
    };
    reader->in_section = true;
    reader->key_is_ours = false;
    free(inside);
    strings_free(&words);
}

/* What isspace() and so inih take for white space. */
static const char white[] = " \t\r\v\f";

static bool is_blank_or_comment(const char *string) {
    string += strspn(string, white);
    return *string == '\0' || *string == ';' || *string == '#';
}

static bool check_section(struct reader *reader, const char *line) {
    const char *close = strchr(line, ']');
    const char *problem = NULL;
    if (close == NULL)
        problem = "the ] of the section is missing";
    else if (close - line > INI_SECTION_MAX)
        problem = "the section's name is longer than 47 bytes";
    else if (!is_blank_or_comment(close + 1))
        problem = "nothing but a comment may stand behind a [section]"; /* inih would pass over it */
    if (problem != NULL) {
        ini_problem(reader->ini, reader->file, reader->line, "%s", problem);
        return false;
    }
    open_section(reader, line, close);
    return true;
}

/* A key, and = or : before any comment. */
static bool is_pair(const char *line) {
    size_t separator = strcspn(line, "=:");
    if (separator == 0 || line[separator] == '\0')
        return false;
    for (size_t i = 1; i < separator; i++)
        if (line[i] == ';' && strchr(white, line[i - 1]) != NULL)
            return false;
    return true;
}

/* Whether inih will understand the line; if not, says why. */
static bool check_line(struct reader *reader, const char *line, size_t length) {
    struct ini *ini = reader->ini;
    if (memchr(line, '\0', length) != NULL || !utf8_valid(line, length)) {
        ini_problem(ini, reader->file, reader->line, "not UTF-8 text");
        return false;
    }
    if (length > INI_LINE_MAX) {
        ini_problem(ini, reader->file, reader->line, "line of %zu bytes; the longest allowed has %d", length,
                    INI_LINE_MAX);
        log_hint("an SQL statement or a list may go on over several indented lines");
        return false;
    }
    if (is_blank_or_comment(line))
        return true;
    if (strchr(white, line[0]) != NULL) {
        if (reader->key_is_ours)
            return true;
        ini_problem(ini, reader->file, reader->line,
                    "an indented line goes on with the value above, and there is none");
        return false;
    }
    if (line[0] == '[')
        return check_section(reader, line);
    if (!is_pair(line)) {
        ini_problem(ini, reader->file, reader->line, "neither a [section] nor a key = value");
        return false;
    }
    return true;
}

/* The fgets() of inih: hands out one line, or an empty one in the place of a line that has a problem. */
static char *next_line(char *out, int size, void *stream) {
    struct reader *reader = stream;
    if (reader->at >= reader->content.length)
        return NULL;
    const char *start = reader->content.data + reader->at;
    size_t left = reader->content.length - reader->at;
    const char *end = memchr(start, '\n', left);
    size_t length = end != NULL ? (size_t)(end - start) : left;
    reader->at += length + (end != NULL);
    reader->line++;
    char *line = xstrndup(start, length);
    reader->indented = length > 0 && isspace((unsigned char)line[0]);
    bool good = check_line(reader, line, length) && length < (size_t)size - 1;
    snprintf(out, (size_t)size, "%s\n", good ? line : "");
    free(line);
    return out;
}

static void add_entry(struct reader *reader, const char *key, const char *value) {
    struct ini *ini = reader->ini;
    size_t section = ini->section_count - 1;
    for (size_t i = 0; i < ini->entry_count; i++)
        if (ini->entries[i].section == section && strcmp(ini->entries[i].key, key) == 0) {
            ini_problem(ini, reader->file, reader->line, "\"%s\" is already set at %s:%d", key, ini->entries[i].file,
                        ini->entries[i].line);
            reader->key_is_ours = false;
            return;
        }
    ini->entries = xgrow(ini->entries, ini->entry_count, sizeof *ini->entries);
    ini->entries[ini->entry_count++] = (struct ini_entry){
        .section = section,
        .key = xstrdup(key),
        .value = xstrdup(value),
        .file = reader->file,
        .line = reader->line,
    };
    reader->key_is_ours = true;
}

static int take_pair(void *user, const char *section, const char *key, const char *value) {
    (void)section; /* ours are kept by check_line(), which sees empty ones too */
    struct reader *reader = user;
    struct ini *ini = reader->ini;
    if (!reader->in_section) {
        ini_problem(ini, reader->file, reader->line, "\"%s\" stands before the first [section]", key);
        return 1;
    }
    if (!reader->indented) {
        add_entry(reader, key, value);
        return 1;
    }
    if (!reader->key_is_ours)
        return 1;
    struct ini_entry *entry = &ini->entries[ini->entry_count - 1];
    char *longer = *entry->value != '\0' ? xasprintf("%s\n%s", entry->value, value) : xstrdup(value);
    free(entry->value);
    entry->value = longer;
    entry->continued = true;
    return 1;
}

int ini_read(struct ini *ini, const char *path) {
    struct reader reader = {.ini = ini, .content = {.limit = 16 * 1024 * 1024}};
    int status = file_read(path, &reader.content, NULL);
    if (status != 0)
        goto out;
    ini->files = xgrow(ini->files, ini->file_count, sizeof *ini->files);
    reader.file = ini->files[ini->file_count++] = xstrdup(path);
    if (ini->digest == NULL) {
        ini->digest = XXH3_createState();
        XXH3_128bits_reset(ini->digest);
    }
    XXH3_128bits_update(ini->digest, text_string(&reader.content), reader.content.length);
    if (reader.content.length >= 3 && memcmp(reader.content.data, "\xEF\xBB\xBF", 3) == 0)
        reader.at = 3;
    /* The number that it returns, of its first bad line, says less than what was logged. */
    if (ini_parse_stream(next_line, &reader, take_pair, &reader) != 0 && ini->problems == 0)
        ini_problem(ini, path, 0, "not an INI file");
out:
    text_free(&reader.content);
    return status;
}

void ini_digest(const struct ini *ini, char out[33]) {
    XXH128_hash_t hash = {0};
    if (ini->digest != NULL)
        hash = XXH3_128bits_digest(ini->digest);
    snprintf(out, 33, "%016llx%016llx", (unsigned long long)hash.high64, (unsigned long long)hash.low64);
}

void ini_free(struct ini *ini) {
    for (size_t i = 0; i < ini->section_count; i++) {
        free(ini->sections[i].name);
        free(ini->sections[i].argument);
    }
    for (size_t i = 0; i < ini->entry_count; i++) {
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    for (size_t i = 0; i < ini->file_count; i++)
        free(ini->files[i]);
    free(ini->sections);
    free(ini->entries);
    free(ini->files);
    XXH3_freeState(ini->digest);
    *ini = (struct ini){0};
}
