/* The command line: what is taken in which spelling, and what is refused with which words. */
#include "support.h"

#include "nightshift/run/options.h"

struct values {
    const char *explain;
    struct strings only;
    int format;
    bool verify;
};

static const struct option_spec table[] = {
    {"explain", 'e', OPTION_TEXT, offsetof(struct values, explain), "KEY", NULL, OPTION_READ_ONLY, "show a key"},
    {"only", 0, OPTION_LIST, offsetof(struct values, only), "NAME", NULL, 0, "only these"},
    {"format", 0, OPTION_CHOICE, offsetof(struct values, format), "FORM", "none|text|json", 0, "how to print"},
    {"verify", 0, OPTION_FLAG, offsetof(struct values, verify), NULL, NULL, OPTION_READ_ONLY, "compare"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

/* Splits `line` at spaces ("''" stands for an empty argument) and parses it. The strings live until the next call. */
static int parse_line(const struct options_context *context, const char *line, struct shared_options *shared,
                      char **said) {
    static struct strings words;
    char *argv[32] = {NULL};
    strings_free(&words);
    strings_add(&words, "job");
    strings_split(&words, line, " ");
    for (size_t i = 0; i < words.count; i++)
        argv[i] = strcmp(words.items[i], "''") == 0 ? strcpy(words.items[i], "") : words.items[i];
    struct capture capture = capture_start();
    int status = options_parse(context, (int)words.count, argv, shared);
    *said = capture_end(&capture);
    return status;
}

static int parse(const char *line, struct shared_options *shared, struct values *values, char **said) {
    *values = (struct values){0};
    const struct options_context context = {"job", "Does a job.", table, values};
    return parse_line(&context, line, shared, said);
}

static struct shared_options parse_good(const char *line, struct values *values) {
    struct shared_options shared;
    char *said = NULL;
    int status = parse(line, &shared, values, &said);
    assert_string_equal(said, "");
    assert_int_equal(status, 0);
    free(said);
    return shared;
}

static void without_options_all_is_off(void **state) {
    (void)state;
    struct values values;
    unsetenv("NIGHTSHIFT_CONFIG");
    struct shared_options shared = parse_good("", &values);
    assert_string_equal(shared.config, NIGHTSHIFT_SYSCONFDIR "/nightshift/nightshift.ini");
    assert_null(shared.slot);
    assert_int_equal(shared.deadline, 0);
    assert_int_equal(shared.trigger, TRIGGER_UNSAID);
    assert_int_equal(shared.print_config, PRINT_NOTHING);
    assert_int_equal(shared.verbosity, 0);
    assert_false(shared.dry_run || shared.check || shared.help || shared.version || shared.read_only);
    assert_null(values.explain);
    assert_int_equal(values.only.count, 0);
}

static void the_settings_file_is_named_by_option_before_environment(void **state) {
    (void)state;
    struct values values;
    setenv("NIGHTSHIFT_CONFIG", "from-environment", 1);
    assert_string_equal(parse_good("", &values).config, "from-environment");
    assert_string_equal(parse_good("-c from-option", &values).config, "from-option");
    setenv("NIGHTSHIFT_CONFIG", "", 1);
    assert_string_equal(parse_good("", &values).config, NIGHTSHIFT_SYSCONFDIR "/nightshift/nightshift.ini");
    unsetenv("NIGHTSHIFT_CONFIG");
}

static void all_types_are_taken(void **state) {
    (void)state;
    struct values values;
    struct shared_options shared = parse_good(
        "--deadline 8m --splay=20s --trigger cron --slot auto --only a,b --only=c --format json --explain k", &values);
    assert_int_equal(shared.deadline, 480000);
    assert_int_equal(shared.splay, 20000);
    assert_int_equal(shared.trigger, TRIGGER_CRON);
    assert_string_equal(shared.slot, "auto");
    assert_int_equal(values.only.count, 3);
    assert_string_equal(values.only.items[2], "c");
    assert_int_equal(values.format, 2);
    assert_string_equal(values.explain, "k");
    strings_free(&values.only);
}

static void abbreviations_and_clusters(void **state) {
    (void)state;
    struct values values;
    struct shared_options shared = parse_good("--dry -nvvc file -ekey", &values);
    assert_true(shared.dry_run);
    assert_int_equal(shared.verbosity, 2);
    assert_string_equal(shared.config, "file");
    assert_string_equal(values.explain, "key");
}

static void an_optional_argument_needs_its_equals_sign(void **state) {
    (void)state;
    static const struct {
        const char *line;
        int form;
    } cases[] = {{"--print-config", PRINT_VALUES},
                 {"--print-config=values", PRINT_VALUES},
                 {"--print-config=sample", PRINT_SAMPLE},
                 {"--print-config=manual", PRINT_MANUAL}};
    struct values values;
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(parse_good(cases[i].line, &values).print_config, cases[i].form);
}

static void the_last_word_on_verbosity_counts(void **state) {
    (void)state;
    struct values values;
    assert_int_equal(parse_good("-v", &values).verbosity, 1);
    assert_int_equal(parse_good("-q", &values).verbosity, -1);
    assert_int_equal(parse_good("-vvq", &values).verbosity, -1);
}

static void what_changes_nothing_is_known_as_such(void **state) {
    (void)state;
    static const struct {
        const char *line;
        bool read_only;
    } cases[] = {{"-n", true}, {"--check", true}, {"--verify", true}, {"-e k", true}, {"-v --slot x --only a", false}};
    struct values values;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_int_equal(parse_good(cases[i].line, &values).read_only, cases[i].read_only);
        strings_free(&values.only);
    }
}

static void wrong_usage_is_refused_with_a_reason(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"--nope", "unknown or incomplete option \"--nope\""},
        {"-v --nope=1", "\"--nope=1\""},
        {"-x", "\"-x\""},
        {"-nvx", "\"-nvx\""},
        {"--config", "unknown or incomplete option \"--config\""},
        {"-v -c", "unknown or incomplete option \"-c\""},
        {"--verify=5", "\"--verify=5\""},
        {"--ver", "\"--ver\""}, /* --verify, --verbose or --version? */
        {"surplus", "unexpected argument \"surplus\""},
        {"-v surplus --nope", "unexpected argument \"surplus\""},
        {"-- -v", "unexpected argument \"-v\""},
        {"--print-config sample", "unexpected argument \"sample\""},
        {"--config a --config b", "option --config is given twice"},
        {"-c a --conf b", "option --config is given twice"},
        {"--deadline 1m --deadline 2m", "option --deadline is given twice"},
        {"--format text --format text", "option --format is given twice"},
        {"--config ''", "option --config cannot be \"\": must not be empty"},
        {"--only ''", "option --only cannot be \"\": must not be empty"}, /* or an empty variable would mean all */
        {"--only ,", "option --only cannot be \",\": must not be empty"},
        {"--deadline 5", "option --deadline cannot be \"5\": "},
        {"--deadline -5s", "option --deadline cannot be \"-5s\": "},
        {"--trigger unsaid", "option --trigger cannot be \"unsaid\": it is one of cron|manual"},
        {"--print-config=none", "it is one of values|sample|manual"},
        {"--print-config=", "option --print-config cannot be \"\""},
        {"--format JSON", "option --format cannot be \"JSON\": it is one of text|json"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct shared_options shared;
        struct values values;
        char *said = NULL;
        assert_int_equal(parse(cases[i][0], &shared, &values, &said), EXIT_USAGE);
        assert_contains(said, cases[i][1]);
        assert_contains(said, "Try \"job --help\".\n");
        strings_free(&values.only);
        free(said);
    }
}

static void help_names_every_option_and_exit_code(void **state) {
    (void)state;
    static const char *const parts[] = {"Usage: job [OPTION]...\nDoes a job.\n",
                                        "  -e, --explain=KEY ",
                                        "      --only=NAME ",
                                        "  -n, --dry-run ",
                                        "--print-config[=FORM] ",
                                        "  -h, --help ",
                                        "nightshift.ini(5)\n"};
    const struct options_context context = {"job", "Does a job.", table, NULL};
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    options_print_help(&context, out);
    fclose(out);
    for (size_t i = 0; i < LENGTH_OF(parts); i++)
        assert_contains(shown, parts[i]);
    for (const struct exit_text *e = exit_table; e->text != NULL; e++)
        assert_contains(shown, e->text);
    assert_lacks(shown, "(null)");
    free(shown);
}

static void a_job_without_options_has_help_too(void **state) {
    (void)state;
    const struct options_context context = {"job", "Does a job.", NULL, NULL};
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    options_print_help(&context, out);
    fclose(out);
    assert_lacks(shown, "Options of this job");
    free(shown);
}

/* --- The word that is no option --- */

struct named {
    const char *name;
    bool json;
};

static const struct option_spec named_table[] = {
    {"name", 0, OPTION_TEXT, offsetof(struct named, name), "NAME", NULL, OPTION_OPERAND, "show this one"},
    {"json", 0, OPTION_FLAG, offsetof(struct named, json), NULL, NULL, 0, "as JSON"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

static int parse_named(const char *line, struct named *named, struct shared_options *shared, char **said) {
    *named = (struct named){0};
    const struct options_context context = {"job", "Does a job.", named_table, named};
    return parse_line(&context, line, shared, said);
}

static void an_operand_may_stand_anywhere(void **state) {
    (void)state;
    static const char *const lines[] = {"works --json -v", "--json works -v", "-v --json works", "-v --json -- works"};
    for (size_t i = 0; i < LENGTH_OF(lines); i++) {
        struct named named;
        struct shared_options shared;
        char *said = NULL;
        assert_int_equal(parse_named(lines[i], &named, &shared, &said), 0);
        assert_string_equal(said, "");
        assert_string_equal(named.name, "works");
        assert_true(named.json);
        assert_int_equal(shared.verbosity, 1);
        free(said);
    }
}

static void one_operand_and_not_as_an_option(void **state) {
    (void)state;
    static const char *const cases[][2] = {{"works --json more", "unexpected argument \"more\""},
                                           {"--name works", "unknown or incomplete option \"--name\""},
                                           {"-- works more", "unexpected argument \"more\""},
                                           {"''", "NAME must not be empty"}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct named named;
        struct shared_options shared;
        char *said = NULL;
        assert_int_equal(parse_named(cases[i][0], &named, &shared, &said), EXIT_USAGE);
        assert_contains(said, cases[i][1]);
        free(said);
    }
}

static void help_shows_the_operand(void **state) {
    (void)state;
    const struct options_context context = {"job", "Does a job.", named_table, NULL};
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    options_print_help(&context, out);
    fclose(out);
    assert_contains(shown, "Usage: job [OPTION]... [NAME]\n");
    assert_contains(shown, "\n  NAME                       show this one\n");
    assert_lacks(shown, "--name");
    free(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_options_all_is_off),
        cmocka_unit_test(the_settings_file_is_named_by_option_before_environment),
        cmocka_unit_test(all_types_are_taken),
        cmocka_unit_test(abbreviations_and_clusters),
        cmocka_unit_test(an_optional_argument_needs_its_equals_sign),
        cmocka_unit_test(the_last_word_on_verbosity_counts),
        cmocka_unit_test(what_changes_nothing_is_known_as_such),
        cmocka_unit_test(wrong_usage_is_refused_with_a_reason),
        cmocka_unit_test(help_names_every_option_and_exit_code),
        cmocka_unit_test(a_job_without_options_has_help_too),
        cmocka_unit_test(an_operand_may_stand_anywhere),
        cmocka_unit_test(one_operand_and_not_as_an_option),
        cmocka_unit_test(help_shows_the_operand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
