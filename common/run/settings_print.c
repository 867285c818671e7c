/* What the tables of settings.h look like to people: effective values, a sample file, and the list of the manual page. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/text.h"
#include "settings_private.h"

static void print_head(const struct section *section, const char *name, FILE *out) {
    fprintf(out, name != NULL ? "[%s %s]\n" : "[%s]\n", section->name, name);
}

static void print_value(const char *key, const char *value, const char *origin, FILE *out) {
    size_t first = strcspn(value, "\n");
    int width = (int)(strlen(key) + strlen(" = ") + first);
    fprintf(out, "%s = %.*s%*s ; %s\n", key, (int)first, value, width < 48 ? 48 - width : 0, "", origin);
    for (const char *line = value + first; *line == '\n';) {
        size_t length = strcspn(line + 1, "\n");
        fprintf(out, "    %.*s\n", (int)length, line + 1);
        line += 1 + length;
    }
}

/* The members of a family, of which there may be none. */
static void print_family(const struct settings *settings, const struct bound *bound, const struct setting *setting,
                         FILE *out) {
    for (size_t i = 0; bound->found != SETTINGS_NONE && i < settings->ini.entry_count; i++) {
        const struct ini_entry *entry = &settings->ini.entries[i];
        if (entry->section != bound->found || !settings_key_is(setting, entry->key))
            continue;
        char *origin = xasprintf("%s:%d", entry->file, entry->line);
        print_value(entry->key, entry->value, origin, out);
        free(origin);
    }
}

void settings_print(const struct settings *settings, FILE *out) {
    for (size_t i = 0; i < settings->bound_count; i++) {
        const struct bound *bound = &settings->bound[i];
        if (i > 0)
            fputc('\n', out);
        print_head(bound->section, bound->name, out);
        for (size_t j = 0; bound->section->settings[j].key != NULL; j++) {
            const struct setting *setting = &bound->section->settings[j];
            if (setting->type == SETTING_FAMILY) {
                print_family(settings, bound, setting, out);
                continue;
            }
            const struct ini_entry *entry =
                bound->origins[j] != SETTINGS_NONE ? &settings->ini.entries[bound->origins[j]] : NULL;
            char *origin = entry != NULL ? xasprintf("%s:%d", entry->file, entry->line) : xstrdup("default");
            const char *value = entry != NULL ? entry->value : setting->fallback != NULL ? setting->fallback : "";
            bool masked = (setting->flags & SETTING_SECRET) != 0 && entry != NULL;
            print_value(setting->key, masked ? "********" : value, origin, out);
            free(origin);
        }
    }
}

/* Breaks a help text into comment lines of at most 100 bytes. */
static void print_comment(const char *text, FILE *out) {
    while (*text != '\0') {
        size_t length = strlen(text);
        if (length > 100) {
            length = 100;
            while (length > 0 && text[length] != ' ')
                length--;
            if (length == 0)
                length = strcspn(text, " ");
        }
        fprintf(out, "# %.*s\n", (int)length, text);
        text += length;
        text += strspn(text, " ");
    }
}

static void add_kind(struct text *text, const struct setting *setting) {
    switch (setting->type) {
    case SETTING_TEXT:
        text_add(text, "text");
        break;
    case SETTING_PATH:
        text_add(text, "path");
        break;
    case SETTING_SQL:
        text_add(text, "SQL, may go on over indented lines");
        break;
    case SETTING_LIST:
        text_add(text, "list, separated by commas");
        break;
    case SETTING_FLAG:
        text_add(text, "yes or no");
        break;
    case SETTING_INTEGER:
        text_add(text, "whole number");
        break;
    case SETTING_SIZE:
        text_add(text, "size such as 5MB or 5MiB");
        break;
    case SETTING_DURATION:
        text_add(text, "duration such as 30s, 5m, 36h or 90d");
        break;
    case SETTING_PERCENTAGE:
        text_add(text, "percentage such as 20%");
        break;
    case SETTING_CHOICE:
        for (const char *c = setting->choices; *c != '\0'; c++)
            text_add(text, *c == '|' ? ", " : (const char[]){*c, '\0'});
        break;
    case SETTING_FAMILY:
        text_add(text, "text; any number of such keys");
        break;
    }
    if ((setting->flags & SETTING_REQUIRED) != 0)
        text_add(text, "; required");
}

void settings_print_sample(const struct section *const *sections, FILE *out) {
    for (size_t i = 0; sections[i] != NULL; i++) {
        if (i > 0)
            fputc('\n', out);
        print_comment(sections[i]->help, out);
        if (sections[i]->argument != NULL)
            fputs("#", out);
        print_head(sections[i], sections[i]->argument, out);
        for (size_t j = 0; sections[i]->settings[j].key != NULL; j++) {
            const struct setting *setting = &sections[i]->settings[j];
            struct text kind = {0};
            add_kind(&kind, setting);
            fputc('\n', out);
            print_comment(setting->help, out);
            fprintf(out, "# (%s)\n", text_string(&kind));
            fprintf(out, "#%s =%s%s\n", setting->key, setting->fallback != NULL ? " " : "",
                    setting->fallback != NULL ? setting->fallback : "");
            text_free(&kind);
        }
    }
}

/* mdoc(7): a sentence begins on a line of its own, a line must not begin with a dot or an apostrophe, and a backslash is written \e. */
static void print_roff(const char *text, FILE *out) {
    bool line_begins = true;
    for (; *text != '\0'; text++) {
        if (line_begins && strchr(".'", *text) != NULL)
            fputs("\\&", out);
        line_begins = text[0] == '.' && text[1] == ' ';
        if (line_begins) {
            fputs(".\n", out);
            text++;
        } else if (*text == '\\') {
            fputs("\\e", out);
        } else if (*text == '-') {
            fputs("\\-", out);
        } else {
            fputc(*text, out);
        }
    }
}

void settings_print_manual(const struct section *const *sections, FILE *out) {
    for (size_t i = 0; sections[i] != NULL; i++) {
        fprintf(out, ".Ss [%s%s%s]\n", sections[i]->name, sections[i]->argument != NULL ? " " : "",
                sections[i]->argument != NULL ? sections[i]->argument : "");
        print_roff(sections[i]->help, out);
        fputs("\n.Bl -tag -width Ds\n", out);
        for (size_t j = 0; sections[i]->settings[j].key != NULL; j++) {
            const struct setting *setting = &sections[i]->settings[j];
            struct text kind = {0};
            add_kind(&kind, setting);
            fprintf(out, ".It Ic %s\n", setting->key);
            print_roff(setting->help, out);
            fputs("\n(", out);
            print_roff(text_string(&kind), out);
            if (setting->fallback != NULL && *setting->fallback != '\0') {
                fputs("; default: ", out);
                print_roff(setting->fallback, out);
            }
            fputs(")\n", out);
            text_free(&kind);
        }
        fputs(".El\n", out);
    }
}
