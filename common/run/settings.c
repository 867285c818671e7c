/* Binding an INI file to the structs that jobs use, by the tables of settings.h. Every problem is logged before the load fails, so that an
 * engineer mends a file in one go. */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/run/suite.h"
#include "settings_private.h"

/* All sections of the suite. A job checks the keys of its own sections; those of other jobs it only knows by name. */
static const char *const suite_sections[] = {
    "suite",
    "mysql",
    "memcached",
    "redis",
    "cloudsearch",
    "notify",
    "ping",
    "count",
    "page",
    "feature",
    "decisions",
    "mute",
    "expect",
    "push-lancers",
    "report-indexes",
    "measure-queries",
    "show-runs",
    "report-features",
    "prune-features",
    "prune-indexes",
    "watch-slow-queries",
    "count-categories",
};

size_t settings_length(const struct section *section) {
    size_t count = 0;
    while (section->settings[count].key != NULL)
        count++;
    return count;
}

/* How much of a family's key is the same for all of its members: "field." of "field.NAME". */
static size_t family_prefix(const struct setting *setting) {
    return strcspn(setting->key, ".") + 1;
}

bool settings_key_is(const struct setting *setting, const char *key) {
    if (setting->type != SETTING_FAMILY)
        return strcmp(setting->key, key) == 0;
    size_t prefix = family_prefix(setting);
    return strncmp(setting->key, key, prefix) == 0 && key[prefix] != '\0';
}

/* The name most like `word`, or NULL if none is near enough to be meant. */
struct nearest {
    const char *name;
    size_t distance;
};

static void consider(struct nearest *nearest, const char *word, const char *name) {
    size_t distance = text_distance(word, name);
    if (distance <= strlen(word) / 3 + 1 && (nearest->name == NULL || distance < nearest->distance))
        *nearest = (struct nearest){name, distance};
}

static void report_unknown(struct ini *ini, const char *file, int line, const char *what,
                           const struct nearest *nearest) {
    if (nearest->name != NULL)
        ini_problem(ini, file, line, "unknown %s; did you mean \"%s\"?", what, nearest->name);
    else
        ini_problem(ini, file, line, "unknown %s", what);
}

static void check_section_name(struct ini *ini, const struct ini_section *found) {
    struct nearest nearest = {0};
    for (size_t i = 0; i < LENGTH_OF(suite_sections); i++) {
        if (strcmp(suite_sections[i], found->name) == 0)
            return;
        consider(&nearest, found->name, suite_sections[i]);
    }
    char *what = xasprintf("section [%s]", found->name);
    report_unknown(ini, found->file, found->line, what, &nearest);
    free(what);
}

static char *resolve_path(const struct settings *settings, const char *value) {
    if (*value == '/' || *value == '\0' || strncmp(value, "fd:", 3) == 0)
        return xstrdup(value);
    char *copy = xstrdup(settings->path);
    char *path = xasprintf("%s/%s", dirname(copy), value);
    free(copy);
    return path;
}

/* The index of `word` among "a|b|c", or -1. */
static int find_choice(const char *choices, const char *word) {
    int index = 0;
    for (const char *at = choices; *at != '\0'; index++) {
        size_t length = strcspn(at, "|");
        if (strlen(word) == length && strncmp(at, word, length) == 0)
            return index;
        at += length + (at[length] == '|');
    }
    return -1;
}

static char *out_of_range(const struct setting *setting, int64_t value) {
    bool bounded = setting->min != 0 || setting->max != 0;
    if (value >= setting->min && (!bounded || setting->max == 0 || value <= setting->max))
        return NULL;
    struct text reason = {0};
    text_add(&reason, "must be ");
    if (setting->max != 0)
        text_add(&reason, "from ");
    for (int end = 0; end < (setting->max != 0 ? 2 : 1); end++) {
        int64_t bound = end == 0 ? setting->min : setting->max;
        text_add(&reason, end == 1 ? " to " : "");
        if (setting->type == SETTING_DURATION)
            text_add_duration(&reason, bound);
        else
            text_printf(&reason, "%" PRId64, bound);
    }
    text_add(&reason, setting->max != 0 ? "" : " or more");
    return text_take(&reason);
}

/* "key =" is a way to say that there is none, but not where a job counts on a value: it would find NULL. */
static bool counts_on_value(const struct setting *setting) {
    if (setting->type != SETTING_TEXT && setting->type != SETTING_SQL && setting->type != SETTING_PATH &&
        setting->type != SETTING_LIST)
        return false;
    return (setting->flags & SETTING_REQUIRED) != 0 || (setting->fallback != NULL && *setting->fallback != '\0');
}

/* Converts `value` and stores it in the section's struct. Returns NULL or the reason, which the caller frees. */
static char *store(const struct settings *settings, const struct setting *setting, const char *key, const char *value,
                   void *values) {
    void *place = (char *)values + setting->offset;
    const char *reason = NULL;
    if (*value == '\0' && counts_on_value(setting))
        return xstrdup("must not be empty");
    switch (setting->type) {
    case SETTING_TEXT:
    case SETTING_SQL:
        *(char **)place = *value != '\0' ? xstrdup(value) : NULL;
        break;
    case SETTING_PATH:
        *(char **)place = *value != '\0' ? resolve_path(settings, value) : NULL;
        break;
    case SETTING_LIST:
        strings_split(place, value, ",\n");
        if (((const struct strings *)place)->count == 0 && counts_on_value(setting))
            reason = "must not be empty";
        break;
    case SETTING_FLAG:
        reason = parse_flag(value, place);
        break;
    case SETTING_INTEGER:
        reason = parse_integer(value, place);
        break;
    case SETTING_SIZE:
        reason = parse_size(value, place);
        break;
    case SETTING_DURATION:
        reason = parse_duration(value, place);
        break;
    case SETTING_PERCENTAGE:
        reason = parse_percentage(value, place);
        break;
    case SETTING_CHOICE:
        *(int *)place = find_choice(setting->choices, value);
        if (*(int *)place < 0)
            return xasprintf("must be one of %s", setting->choices);
        break;
    case SETTING_FAMILY:
        strings_add(&((struct setting_family *)place)->names, key + family_prefix(setting));
        strings_add(&((struct setting_family *)place)->values, value);
        break;
    }
    if (reason != NULL)
        return xstrdup(reason);
    if (setting->type == SETTING_INTEGER || setting->type == SETTING_SIZE || setting->type == SETTING_DURATION)
        return out_of_range(setting, *(int64_t *)place);
    if (setting->type == SETTING_PERCENTAGE) {
        double percent = *(double *)place;
        int64_t whole = (int64_t)percent;
        char *problem = out_of_range(setting, whole);
        return problem != NULL || percent <= (double)whole ? problem : out_of_range(setting, whole + 1);
    }
    return NULL;
}

static void clear(const struct setting *setting, void *values) {
    void *place = (char *)values + setting->offset;
    if (setting->type == SETTING_LIST) {
        strings_free(place);
    } else if (setting->type == SETTING_FAMILY) {
        strings_free(&((struct setting_family *)place)->names);
        strings_free(&((struct setting_family *)place)->values);
    }
    if (setting->type == SETTING_TEXT || setting->type == SETTING_SQL || setting->type == SETTING_PATH) {
        free(*(char **)place);
        *(char **)place = NULL;
    }
}

static void bind_entry(struct settings *settings, struct bound *bound, size_t entry_index) {
    const struct ini_entry *entry = &settings->ini.entries[entry_index];
    const struct section *section = bound->section;
    struct nearest nearest = {0};
    for (size_t i = 0; section->settings[i].key != NULL; i++) {
        const struct setting *setting = &section->settings[i];
        consider(&nearest, entry->key, setting->key);
        if (!settings_key_is(setting, entry->key))
            continue;
        bound->origins[i] = entry_index;
        if (entry->continued && setting->type != SETTING_SQL && setting->type != SETTING_LIST) {
            ini_problem(&settings->ini, entry->file, entry->line, "\"%s\" may not go on over several lines",
                        entry->key);
            return;
        }
        if (setting->type != SETTING_FAMILY)
            clear(setting, bound->values);
        char *reason = store(settings, setting, entry->key, entry->value, bound->values);
        if (reason != NULL && (setting->flags & SETTING_SECRET) != 0)
            ini_problem(&settings->ini, entry->file, entry->line, "\"%s\": %s", entry->key, reason);
        else if (reason != NULL)
            ini_problem(&settings->ini, entry->file, entry->line, "\"%s\" is \"%s\": %s", entry->key, entry->value,
                        reason);
        free(reason);
        return;
    }
    char *what = xasprintf("key \"%s\" in [%s%s%s]", entry->key, section->name, bound->name != NULL ? " " : "",
                           bound->name != NULL ? bound->name : "");
    report_unknown(&settings->ini, entry->file, entry->line, what, &nearest);
    free(what);
}

/* Adds the values of one section, filled with defaults. `found` is SETTINGS_NONE for a section that the file does not have. */
static void bind_section(struct settings *settings, const struct section *section, size_t found) {
    size_t count = settings_length(section);
    settings->bound = xgrow(settings->bound, settings->bound_count, sizeof *settings->bound);
    struct bound *bound = &settings->bound[settings->bound_count++];
    *bound = (struct bound){
        .section = section,
        .name = found != SETTINGS_NONE ? settings->ini.sections[found].argument : NULL,
        .found = found,
        .values = xcalloc(1, section->size),
        .origins = xcalloc(count, sizeof *bound->origins),
    };
    for (size_t i = 0; i < count; i++) {
        bound->origins[i] = SETTINGS_NONE;
        if (section->settings[i].fallback != NULL)
            free(store(settings, &section->settings[i], section->settings[i].key, section->settings[i].fallback,
                       bound->values));
    }
    size_t problems = settings->ini.problems;
    for (size_t i = 0; found != SETTINGS_NONE && i < settings->ini.entry_count; i++)
        if (settings->ini.entries[i].section == found)
            bind_entry(settings, bound, i);
    const char *file = found != SETTINGS_NONE ? settings->ini.sections[found].file : settings->path;
    int line = found != SETTINGS_NONE ? settings->ini.sections[found].line : 0;
    for (size_t i = 0; i < count; i++)
        if ((section->settings[i].flags & SETTING_REQUIRED) != 0 && bound->origins[i] == SETTINGS_NONE)
            ini_problem(&settings->ini, file, line, "[%s%s%s] needs \"%s\"", section->name,
                        bound->name != NULL ? " " : "", bound->name != NULL ? bound->name : "",
                        section->settings[i].key);
    /* Combinations of values that are wrong by themselves would only confuse. */
    if (section->check != NULL && settings->ini.problems == problems) {
        char *reason = section->check(bound->values);
        if (reason != NULL)
            ini_problem(&settings->ini, file, line, "[%s%s%s]: %s", section->name, bound->name != NULL ? " " : "",
                        bound->name != NULL ? bound->name : "", reason);
        free(reason);
    }
}

static const struct section *find_section(const struct section *const *sections, const char *name) {
    for (size_t i = 0; sections[i] != NULL; i++)
        if (strcmp(sections[i]->name, name) == 0)
            return sections[i];
    return NULL;
}

static void bind_all(struct settings *settings, const struct section *const *sections) {
    struct ini *ini = &settings->ini;
    for (size_t i = 0; i < ini->section_count; i++) {
        const struct ini_section *found = &ini->sections[i];
        const struct section *section = find_section(sections, found->name);
        if (section == NULL)
            check_section_name(ini, found);
        else if ((section->argument != NULL) != (found->argument != NULL))
            ini_problem(ini, found->file, found->line,
                        section->argument != NULL ? "section [%s] needs a name: [%s %s]" : "section [%s] takes no name",
                        found->name, found->name, section->argument);
        else
            bind_section(settings, section, i);
    }
    for (size_t i = 0; sections[i] != NULL; i++) {
        bool bound = sections[i]->argument != NULL;
        for (size_t j = 0; j < settings->bound_count; j++)
            bound = bound || settings->bound[j].section == sections[i];
        if (!bound)
            bind_section(settings, sections[i], SETTINGS_NONE);
    }
}

/* For glob(): a directory that is not there has no files; one that cannot be read may have some that matter. */
static int is_unreadable(const char *path, int error) {
    (void)path;
    return error != ENOENT && error != ENOTDIR;
}

/* Reads the files that [suite] include names, found by the raw entries because nothing is bound yet. */
static int read_included(struct settings *settings) {
    int status = 0;
    struct strings patterns = {0};
    for (size_t i = 0; i < settings->ini.entry_count; i++) {
        const struct ini_entry *entry = &settings->ini.entries[i];
        if (strcmp(settings->ini.sections[entry->section].name, "suite") == 0 && strcmp(entry->key, "include") == 0)
            strings_split(&patterns, entry->value, ",\n");
    }
    for (size_t i = 0; status == 0 && i < patterns.count; i++) {
        char *pattern = resolve_path(settings, patterns.items[i]);
        glob_t found = {0};
        /* A plain name is found even if there is no such file, so that reading it fails. */
        int problem = glob(pattern, GLOB_NOMAGIC, is_unreadable, &found);
        if (problem != 0 && problem != GLOB_NOMATCH)
            status = fail(EXIT_SETTINGS, "cannot list the files \"%s\"", pattern);
        for (size_t j = 0; status == 0 && j < found.gl_pathc; j++)
            status = ini_read(&settings->ini, found.gl_pathv[j]);
        globfree(&found);
        free(pattern);
    }
    strings_free(&patterns);
    return status;
}

/* A file in which a secret is set must be closed to others. */
static int check_secrets(const struct settings *settings) {
    int status = 0;
    for (size_t i = 0; i < settings->bound_count && status == 0; i++) {
        const struct bound *bound = &settings->bound[i];
        for (size_t j = 0; bound->section->settings[j].key != NULL && status == 0; j++) {
            if ((bound->section->settings[j].flags & SETTING_SECRET) == 0 || bound->origins[j] == SETTINGS_NONE)
                continue;
            const char *file = settings->ini.entries[bound->origins[j]].file;
            int descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
            if (descriptor < 0)
                return fail(EXIT_DENIED, "cannot read \"%s\" again", file);
            status = file_check_private(descriptor, file, "the settings file with secrets");
            close(descriptor);
        }
    }
    return status;
}

int settings_load(const char *path, const struct section *const *sections, struct settings **out) {
    struct settings *settings = xcalloc(1, sizeof *settings);
    settings->path = xstrdup(path);
    int status = ini_read(&settings->ini, path);
    if (status == 0)
        status = read_included(settings);
    if (status != 0)
        goto out;
    ini_digest(&settings->ini, settings->digest);
    bind_all(settings, sections);
    if (settings->ini.problems > 0)
        status = EXIT_SETTINGS;
    else
        status = check_secrets(settings);
    if (status != 0)
        goto out;
    *out = settings;
    settings = NULL;
out:
    settings_free(settings);
    return status;
}

void settings_free(struct settings *settings) {
    if (settings == NULL)
        return;
    for (size_t i = 0; i < settings->bound_count; i++) {
        struct bound *bound = &settings->bound[i];
        for (size_t j = 0; bound->section->settings[j].key != NULL; j++)
            clear(&bound->section->settings[j], bound->values);
        free(bound->values);
        free(bound->origins);
    }
    free(settings->bound);
    ini_free(&settings->ini);
    free(settings->path);
    free(settings);
}

const void *settings_of(const struct settings *settings, const struct section *section) {
    return settings_at(settings, section, 0, NULL);
}

static const struct bound *bound_at(const struct settings *settings, const struct section *section, size_t index) {
    for (size_t i = 0; i < settings->bound_count; i++)
        if (settings->bound[i].section == section && index-- == 0)
            return &settings->bound[i];
    return NULL;
}

size_t settings_count(const struct settings *settings, const struct section *section) {
    size_t count = 0;
    while (bound_at(settings, section, count) != NULL)
        count++;
    return count;
}

const void *settings_at(const struct settings *settings, const struct section *section, size_t index,
                        const char **name) {
    const struct bound *bound = bound_at(settings, section, index);
    if (bound != NULL && name != NULL)
        *name = bound->name;
    return bound != NULL ? bound->values : NULL;
}

const char *settings_path(const struct settings *settings) {
    return settings->path;
}

const char *settings_digest(const struct settings *settings) {
    return settings->digest;
}

int settings_problem(const struct settings *settings, const struct section *section, size_t index, const char *format,
                     ...) {
    const struct bound *bound = bound_at(settings, section, index);
    struct text message = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&message, format, arguments);
    va_end(arguments);
    if (bound != NULL && bound->found != SETTINGS_NONE)
        log_error("%s:%d: %s", settings->ini.sections[bound->found].file, settings->ini.sections[bound->found].line,
                  text_string(&message));
    else
        log_error("%s: [%s]: %s", settings->path, section->name, text_string(&message));
    text_free(&message);
    return EXIT_SETTINGS;
}
