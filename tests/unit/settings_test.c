/* Settings against tables: types and their ranges, required keys, unknown names, included files, secrets, and what is printed. */
#include "support.h"

#include "nightshift/run/settings.h"
#include "nightshift/run/suite.h"

struct values {
    char *text, *path, *sql, *secret, *plain;
    struct strings list;
    bool flag;
    int64_t integer, free_integer, size, duration;
    double percentage;
    int choice;
};

#define KEY(word, member, ...) \
    .type = SETTING_##word, .offset = offsetof(struct values, member), .help = "Help.", __VA_ARGS__

static const struct setting keys[] = {
    {.key = "text", KEY(TEXT, text, .fallback = "usual")},
    {.key = "plain", KEY(TEXT, plain, .fallback = NULL)},
    {.key = "path", KEY(PATH, path, .fallback = NULL)},
    {.key = "query", KEY(SQL, sql, .fallback = NULL)},
    {.key = "list", KEY(LIST, list, .fallback = "a, b")},
    {.key = "flag", KEY(FLAG, flag, .fallback = "no")},
    {.key = "integer", KEY(INTEGER, integer, .fallback = "4", .min = 1, .max = 32)},
    {.key = "free_integer", KEY(INTEGER, free_integer, .fallback = NULL)},
    {.key = "size", KEY(SIZE, size, .fallback = "5MB", .min = 1000, .max = 5000000)},
    {.key = "duration", KEY(DURATION, duration, .fallback = "30s", .min = 1000, .max = 3600000)},
    {.key = "percentage", KEY(PERCENTAGE, percentage, .fallback = "20%", .max = 100)},
    {.key = "choice", KEY(CHOICE, choice, .fallback = "int", .choices = "int|string|json")},
    {.key = "password", KEY(TEXT, secret, .flags = SETTING_SECRET)},
    {.key = NULL},
};

struct item {
    struct setting_family fields;
    char *query;
    struct strings nodes;
};

static const struct setting item_keys[] = {
    {.key = "query",
     .type = SETTING_SQL,
     .offset = offsetof(struct item, query),
     .flags = SETTING_REQUIRED,
     .help = "A statement."},
    {.key = "nodes",
     .type = SETTING_LIST,
     .offset = offsetof(struct item, nodes),
     .flags = SETTING_REQUIRED,
     .help = "Nodes."},
    {.key = "field.NAME", .type = SETTING_FAMILY, .offset = offsetof(struct item, fields), .help = "A field."},
    {.key = NULL},
};

static char *check_item(const void *values) {
    const struct item *item = values;
    return item->nodes.count > 2 ? xasprintf("%zu nodes are too many", item->nodes.count) : NULL;
}

static const struct section sample = {
    .name = "sample", .size = sizeof(struct values), .settings = keys, .help = "A sample."};
static const struct section item = {.name = "item",
                                    .argument = "NAME",
                                    .size = sizeof(struct item),
                                    .settings = item_keys,
                                    .help = "An item.",
                                    .check = check_item};
static const struct section *const sections[] = {&suite_section, &sample, &item, NULL};

/* Loads a file; NULL with the status where that fails. *said is what was logged. */
static struct settings *load(void *const *state, const char *content, int *status, char **said) {
    char *path = scene_put(state, "x.ini", content);
    struct settings *settings = NULL;
    struct capture capture = capture_start();
    *status = settings_load(path, sections, &settings);
    *said = capture_end(&capture);
    free(path);
    return settings;
}

static struct settings *load_good(void *const *state, const char *content) {
    int status = -1;
    char *said = NULL;
    struct settings *settings = load(state, content, &status, &said);
    assert_string_equal(said, "");
    assert_int_equal(status, 0);
    assert_non_null(settings);
    free(said);
    return settings;
}

/* The messages of a file that cannot be used; freed by the caller. */
static char *load_bad(void *const *state, const char *content, int wanted) {
    int status = -1;
    char *said = NULL;
    struct settings *settings = load(state, content, &status, &said);
    assert_null(settings);
    assert_int_equal(status, wanted);
    return said;
}

static void assert_refused(void *const *state, const char *content, const char *message) {
    char *said = load_bad(state, content, EXIT_SETTINGS);
    assert_contains(said, message);
    free(said);
}

static void an_empty_file_gives_the_defaults(void **state) {
    struct settings *settings = load_good(state, "");
    const struct values *values = settings_of(settings, &sample);
    assert_string_equal(values->text, "usual");
    assert_null(values->path);
    assert_null(values->sql);
    assert_int_equal(values->list.count, 2);
    assert_string_equal(values->list.items[1], "b");
    assert_false(values->flag);
    assert_int_equal(values->integer, 4);
    assert_int_equal(values->size, 5000000);
    assert_int_equal(values->duration, 30000);
    assert_float_equal(values->percentage, 20, 0);
    assert_int_equal(values->choice, 0);
    assert_int_equal(settings_count(settings, &item), 0);
    assert_null(settings_of(settings, &item));
    settings_free(settings);
}

static void every_type_is_bound(void **state) {
    struct settings *settings =
        load_good(state, "[sample]\ntext = some words\npath = dir/file\nlist = x,\n  y z\n  , w\n"
                         "query = SELECT 1,\n    2\nflag = on\ninteger = 32\nfree_integer = 9000000000\n"
                         "size = 1kB\nduration = 1h\npercentage = 0.5%\nchoice = json\n");
    const struct values *values = settings_of(settings, &sample);
    char *path = scene_path(state, "dir/file");
    assert_string_equal(values->text, "some words");
    assert_string_equal(values->path, path); /* relative to the settings file */
    assert_string_equal(values->sql, "SELECT 1,\n2");
    assert_int_equal(values->list.count, 3);
    assert_string_equal(values->list.items[1], "y z");
    assert_true(values->flag);
    assert_int_equal(values->integer, 32);
    assert_int_equal(values->free_integer, 9000000000);
    assert_int_equal(values->size, 1000);
    assert_int_equal(values->duration, 3600000);
    assert_float_equal(values->percentage, 0.5, 0);
    assert_int_equal(values->choice, 2);
    free(path);
    settings_free(settings);
}

static void absolute_paths_and_descriptors_stay(void **state) {
    static const char *const paths[] = {"/etc/x", "fd:5"};
    for (size_t i = 0; i < LENGTH_OF(paths); i++) {
        char *content = xasprintf("[sample]\npath = %s\n", paths[i]);
        struct settings *settings = load_good(state, content);
        const struct values *values = settings_of(settings, &sample);
        assert_string_equal(values->path, paths[i]);
        settings_free(settings);
        free(content);
    }
}

static void values_that_cannot_be_are_refused_with_file_line_and_reason(void **state) {
    static const char *const cases[][2] = {
        {"flag = maybe", "\"flag\" is \"maybe\": neither yes nor no"},
        {"integer = 0", "\"integer\" is \"0\": must be from 1 to 32"},
        {"integer = 33", "must be from 1 to 32"},
        {"integer = -1", "must be from 1 to 32"},
        {"integer = 1.5", "not a whole number"},
        {"integer =", "not a whole number"},
        {"integer = 99999999999999999999", "too large"},
        {"free_integer = -1", "must be 0 or more"},
        {"size = 999", "must be from 1000 to 5000000"},
        {"size = 5MiB", "must be from 1000 to 5000000"},
        {"size = 9223372036854775807GiB", "too large"},
        {"duration = 999ms", "must be from 1s to 1h"},
        {"duration = 61m", "must be from 1s to 1h"},
        {"duration = 30", "duration"},
        {"percentage = 101%", "must be from 0 to 100"},
        {"percentage = 100.5%", "must be from 0 to 100"}, /* also the fraction */
        {"percentage = 20", "not a percentage"},
        {"choice = JSON", "must be one of int|string|json"},
        {"choice = in", "must be one of int|string|json"},
        {"choice = int|string", "must be one of int|string|json"},
        {"choice =", "must be one of int|string|json"},
        {"text = a\n  b", "\"text\" may not go on over several lines"},
        {"integer = 1\n  2", "\"integer\" may not go on over several lines"},
        {"text =", "\"text\" is \"\": must not be empty"}, /* the job counts on a value */
        {"list =", "must not be empty"},
        {"list = , ,", "must not be empty"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *content = xasprintf("# a comment\n[sample]\n%s\n", cases[i][0]);
        char *said = load_bad(state, content, EXIT_SETTINGS);
        assert_contains(said, "x.ini:3: ");
        assert_contains(said, cases[i][1]);
        free(said);
        free(content);
    }
}

static void an_empty_value_without_a_default_is_none(void **state) {
    struct settings *settings = load_good(state, "[sample]\nplain =\npath =\nquery =\n");
    const struct values *values = settings_of(settings, &sample);
    assert_null(values->plain);
    assert_null(values->path);
    assert_null(values->sql);
    settings_free(settings);
}

static void the_limits_themselves_are_allowed(void **state) {
    static const char *const cases[] = {
        "integer = 1",      "integer = 32",    "size = 1000",       "size = 5MB",         "duration = 1s",
        "duration = 3600s", "percentage = 0%", "percentage = 100%", "percentage = 99.9%", "free_integer = 0"};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *content = xasprintf("[sample]\n%s\n", cases[i]);
        settings_free(load_good(state, content));
        free(content);
    }
}

static void unknown_names_come_with_the_nearest_known_one(void **state) {
    assert_refused(state, "[sample]\npassswrd = x\n",
                   "x.ini:2: unknown key \"passswrd\" in [sample]; did you mean \"password\"?");
    assert_refused(state, "[item x]\nqurey = x\n", "unknown key \"qurey\" in [item x]; did you mean \"query\"?");
    assert_refused(state, "[sample]\nquiteother = x\n", "unknown key \"quiteother\" in [sample]\n");
    assert_refused(state, "\n[sutie]\n", "x.ini:2: unknown section [sutie]; did you mean \"suite\"?");
    assert_refused(state, "[quiteothername]\n", "unknown section [quiteothername]\n");
    assert_refused(state, "[Suite]\n", "did you mean \"suite\"?"); /* names are in lower case */
}

static void sections_of_other_jobs_are_nobodys_business(void **state) {
    settings_free(load_good(
        state, "[cloudsearch]\nwhatever = x\n[page top]\nanything = y\n[decisions indexes]\nt.c.i = drop 5f by k\n"));
}

static void a_section_with_or_without_a_name(void **state) {
    assert_refused(state, "[item]\nquery = x\nnodes = y\n", "x.ini:1: section [item] needs a name: [item NAME]");
    assert_refused(state, "[sample x]\n", "x.ini:1: section [sample] takes no name");
}

static void required_keys_are_asked_for(void **state) {
    assert_refused(state, "\n[item x]\nnodes = y\n", "x.ini:2: [item x] needs \"query\"");
    assert_refused(state, "[item x]\nquery =\nnodes = y\n", "\"query\" is \"\": must not be empty");
    assert_refused(state, "[item x]\nquery = x\nnodes = ,\n", "must not be empty");
}

static void combinations_are_checked_when_their_values_are_right(void **state) {
    assert_refused(state, "[item x]\nquery = x\nnodes = a, b, c\n", "x.ini:1: [item x]: 3 nodes are too many");
    char *said = load_bad(state, "[item x]\nnodes = a, b, c\n", EXIT_SETTINGS);
    assert_lacks(said, "too many");
    free(said);
}

static void all_problems_are_told_at_once(void **state) {
    char *said =
        load_bad(state, "[sample]\ninteger = 0\nflag = x\nnope = 1\n[item x]\n[nowhere]\nstray\n", EXIT_SETTINGS);
    static const char *const messages[] = {
        "x.ini:2: ", "x.ini:3: ", "x.ini:4: ", "x.ini:5: [item x] needs \"query\"", "x.ini:5: [item x] needs \"nodes\"",
        "x.ini:6: ", "x.ini:7: "};
    for (size_t i = 0; i < LENGTH_OF(messages); i++)
        assert_contains(said, messages[i]);
    free(said);
}

static void named_sections_keep_the_order_of_the_file(void **state) {
    struct settings *settings = load_good(state, "[item b]\nquery = 1\nnodes = x\n[item a]\nquery = 2\nnodes = y\n");
    const char *name = NULL;
    assert_int_equal(settings_count(settings, &item), 2);
    const struct item *second = settings_at(settings, &item, 1, &name);
    assert_string_equal(name, "a");
    assert_string_equal(second->query, "2");
    assert_null(settings_at(settings, &item, 2, &name));
    struct capture capture = capture_start();
    int status = settings_problem(settings, &item, 1, "too %s", "odd");
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_contains(said, "x.ini:4: too odd\n");
    free(said);
    settings_free(settings);
}

static void included_files_are_read_in_order(void **state) {
    char *directory = scene_path(state, "conf.d");
    assert_int_equal(mkdir(directory, 0700), 0);
    free(scene_put(state, "conf.d/20.ini", "[item b]\nquery = 2\nnodes = x\n"));
    free(scene_put(state, "conf.d/10.ini", "[item a]\nquery = 1\nnodes = x\n[sample]\npath = below\n"));
    free(scene_put(state, "conf.d/30.off", "[nonsense\n"));
    free(scene_put(state, "one.ini", "[item c]\nquery = 3\nnodes = x\n"));
    struct settings *settings = load_good(state, "[suite]\ninclude = conf.d/*.ini,\n    one.ini, none.d/*.ini\n");
    const char *first = NULL;
    const char *last = NULL;
    assert_int_equal(settings_count(settings, &item), 3);
    settings_at(settings, &item, 0, &first);
    settings_at(settings, &item, 2, &last);
    assert_string_equal(first, "a");
    assert_string_equal(last, "c");
    char *below = scene_path(state, "below"); /* relative to the main file */
    assert_string_equal(((const struct values *)settings_of(settings, &sample))->path, below);
    settings_free(settings);
    free(below);
    free(directory);
}

static void an_included_file_that_is_not_there_is_missed(void **state) {
    assert_refused(state, "[suite]\ninclude = secrets.ini\n", "secrets.ini\": No such file or directory");
}

static void included_files_that_cannot_be_listed_are_missed(void **state) {
    char *directory = scene_path(state, "conf.d");
    assert_int_equal(mkdir(directory, 0), 0);
    assert_refused(state, "[suite]\ninclude = conf.d/*.ini\n", "cannot list the files \"");
    free(directory);
}

static void an_included_file_has_its_own_line_numbers_and_no_includes(void **state) {
    free(scene_put(state, "more.ini", "\n\n[sample]\nnope = 1\n"));
    assert_refused(state, "[suite]\ninclude = more.ini\n", "more.ini:4: unknown key \"nope\"");
    assert_refused(state, "[suite]\ninclude = x.ini\n", "section [suite] is already at ");
}

static void a_secret_in_a_file_open_to_others_is_denied(void **state) {
    int status = -1;
    char *said = NULL;
    char *path = scene_put(state, "x.ini", "");
    assert_int_equal(chmod(path, 0644), 0);
    settings_free(load_good(state, "[sample]\ntext = not secret\n"));
    said = load_bad(state, "[sample]\npassword = hunter2\n", EXIT_DENIED);
    assert_contains(said, "is open to other users (mode 0644)");
    assert_lacks(said, "hunter2");
    free(said);
    assert_int_equal(chmod(path, 0600), 0);
    struct settings *settings = load(state, "[sample]\npassword = hunter2\n", &status, &said);
    assert_int_equal(status, 0);
    assert_string_equal(((const struct values *)settings_of(settings, &sample))->secret, "hunter2");
    settings_free(settings);
    free(said);
    free(path);
}

static void only_the_file_with_the_secret_must_be_private(void **state) {
    char *path = scene_put(state, "secret.ini", "[sample]\npassword = hunter2\n");
    assert_int_equal(chmod(path, 0600), 0);
    settings_free(load_good(state, "[suite]\ninclude = secret.ini\n"));
    assert_int_equal(chmod(path, 0640), 0);
    char *said = load_bad(state, "[suite]\ninclude = secret.ini\n", EXIT_DENIED);
    assert_contains(said, "secret.ini\" is open to other users");
    free(said);
    free(path);
}

static void a_bad_secret_is_not_quoted(void **state) {
    char *said = load_bad(state, "[sample]\npassword = hunter2\n  more\npassword = hunter2\n", EXIT_SETTINGS);
    assert_lacks(said, "hunter2");
    free(said);
}

/* The values of a file as --print-config shows them; freed by the caller. */
static char *printed(const struct settings *settings) {
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    settings_print(settings, out);
    fclose(out);
    return shown;
}

static void printed_values_come_with_their_origin(void **state) {
    struct settings *settings =
        load_good(state, "[sample]\ninteger = 7\nquery = SELECT 1\n  FROM t\n[item a]\nquery = q\nnodes = n\n");
    char *shown = printed(settings);
    char *origin = scene_path(state, "x.ini:2\n");
    static const char *const parts[] = {"[sample]\n",        "\ninteger = 7  ", "\n    FROM t\n",
                                        "\nduration = 30s ", " ; default\n",    "[item a]\n"};
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        assert_contains(shown, parts[i]);
    assert_contains(shown, origin);
    free(origin);
    free(shown);
    settings_free(settings);
}

static void a_family_takes_any_number_of_keys(void **state) {
    struct settings *settings = load_good(
        state,
        "[item a]\nquery = q\nnodes = n\nfield.one = first\nfield.b.c = second\n[item b]\nquery = q\nnodes = n\n");
    const char *name = NULL;
    const struct item *first = settings_at(settings, &item, 0, &name);
    const struct item *second = settings_at(settings, &item, 1, &name);
    assert_int_equal(first->fields.names.count, 2);
    assert_string_equal(first->fields.names.items[0], "one");
    assert_string_equal(first->fields.values.items[0], "first");
    assert_string_equal(first->fields.names.items[1], "b.c");
    assert_string_equal(first->fields.values.items[1], "second");
    assert_int_equal(second->fields.names.count, 0);
    char *shown = printed(settings);
    char *origin = scene_path(state, "x.ini:4\n");
    assert_contains(shown, "\nfield.one = first ");
    assert_contains(shown, origin);
    assert_null(strstr(shown, "field.NAME"));
    free(origin);
    free(shown);
    settings_free(settings);
    assert_refused(state, "[item a]\nquery = q\nnodes = n\nfield. = x\n", "unknown key \"field.\"");
    assert_refused(state, "[item a]\nquery = q\nnodes = n\nfield.a = x\nfield.a = y\n", "field.a");
}

static void printed_secrets_are_masked(void **state) {
    char *path = scene_put(state, "x.ini", "");
    assert_int_equal(chmod(path, 0600), 0);
    struct settings *settings = load_good(state, "[sample]\npassword = hunter2\n");
    char *shown = printed(settings);
    assert_contains(shown, "\npassword = ********");
    assert_lacks(shown, "hunter2");
    free(shown);
    free(path);
    settings_free(settings);
}

/* The sample file; with `all`, its commented keys and sections of the two sections without required keys are put in force. */
static char *sample_file(const struct section *const *wanted, bool all) {
    char *whole = NULL;
    size_t length = 0;
    struct text kept = {0};
    FILE *out = open_memstream(&whole, &length);
    settings_print_sample(wanted, out);
    fclose(out);
    for (char *line = strtok(whole, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        bool is_key = line[0] == '#' && line[1] != ' ';
        text_printf(&kept, "%s\n", all && is_key ? line + 1 : line);
    }
    free(whole);
    return text_take(&kept);
}

static void the_sample_file_can_be_read_and_changes_nothing(void **state) {
    static const struct section *const plain[] = {&suite_section, &sample, NULL};
    char *content = sample_file(sections, false);
    static const char *const parts[] = {"# A sample.\n[sample]\n# Help.\n# (text)\n#text = usual\n",
                                        "# (path)\n#path =\n",
                                        "# (SQL, may go on over indented lines)\n#query =\n",
                                        "# (list, separated by commas)\n#list = a, b\n",
                                        "# (yes or no)\n#flag = no\n",
                                        "# (whole number)\n#integer = 4\n",
                                        "# (size such as 5MB or 5MiB)\n#size = 5MB\n",
                                        "# (duration such as 30s, 5m, 36h or 90d)\n#duration = 30s\n",
                                        "# (percentage such as 20%)\n#percentage = 20%\n",
                                        "# (int, string, json)\n#choice = int\n",
                                        "# An item.\n#[item NAME]\n# A statement.\n",
                                        "(SQL, may go on over indented lines; required)\n#query =\n"};
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        assert_contains(content, parts[i]);
    struct settings *settings = load_good(state, content);
    char *from_sample = printed(settings);
    assert_lacks(from_sample, "x.ini:");
    settings_free(settings);
    free(from_sample);
    free(content);
    /* With its defaults put in force it means the same; keys without a default are printed with an empty value. */
    content = sample_file(plain, true);
    char *without_empty = xstrdup(content);
    for (char *empty = NULL; (empty = strstr(without_empty, "free_integer =\n")) != NULL;)
        *empty = '#';
    char *path = scene_put(state, "x.ini", "");
    assert_int_equal(chmod(path, 0600), 0);
    settings = load_good(state, without_empty);
    const struct values *values = settings_of(settings, &sample);
    assert_string_equal(values->text, "usual");
    assert_int_equal(values->duration, 30000);
    assert_null(values->secret);
    settings_free(settings);
    free(path);
    free(without_empty);
    free(content);
}

static void the_manual_escapes_what_roff_would_read(void **state) {
    (void)state;
    static const struct setting odd[] = {
        {.key = "key", .type = SETTING_TEXT, .fallback = "C:\\dir", .help = ".hidden -- or 'not'. 'More'"},
        {.key = NULL}};
    static const struct section odd_section = {.name = "odd", .size = sizeof(char *), .settings = odd, .help = "'Odd'"};
    static const struct section *const odd_sections[] = {&odd_section, NULL};
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    settings_print_manual(odd_sections, out);
    fclose(out);
    assert_contains(shown, "\n\\&'Odd'\n");
    assert_contains(shown, "\n\\&.hidden \\-\\- or 'not'.\n\\&'More'\n(text; default: C:\\edir)\n");
    free(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(an_empty_file_gives_the_defaults),
        scene_test(every_type_is_bound),
        scene_test(absolute_paths_and_descriptors_stay),
        scene_test(values_that_cannot_be_are_refused_with_file_line_and_reason),
        scene_test(an_empty_value_without_a_default_is_none),
        scene_test(the_limits_themselves_are_allowed),
        scene_test(unknown_names_come_with_the_nearest_known_one),
        scene_test(sections_of_other_jobs_are_nobodys_business),
        scene_test(a_section_with_or_without_a_name),
        scene_test(required_keys_are_asked_for),
        scene_test(combinations_are_checked_when_their_values_are_right),
        scene_test(all_problems_are_told_at_once),
        scene_test(named_sections_keep_the_order_of_the_file),
        scene_test(included_files_are_read_in_order),
        scene_test(an_included_file_that_is_not_there_is_missed),
        nobody_test(included_files_that_cannot_be_listed_are_missed),
        scene_test(an_included_file_has_its_own_line_numbers_and_no_includes),
        scene_test(a_secret_in_a_file_open_to_others_is_denied),
        scene_test(only_the_file_with_the_secret_must_be_private),
        scene_test(a_bad_secret_is_not_quoted),
        scene_test(printed_values_come_with_their_origin),
        scene_test(a_family_takes_any_number_of_keys),
        scene_test(printed_secrets_are_masked),
        scene_test(the_sample_file_can_be_read_and_changes_nothing),
        scene_test(the_manual_escapes_what_roff_would_read),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
