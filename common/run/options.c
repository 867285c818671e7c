/* getopt_long() over the tables of options.h. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/run/options.h"

#define AT(member) offsetof(struct shared_options, member)

static const struct option_spec shared_table[] = {
    {"config", 'c', OPTION_TEXT, AT(config), "FILE", NULL, 0,
     "settings file (else $NIGHTSHIFT_CONFIG, else " NIGHTSHIFT_SYSCONFDIR "/nightshift/nightshift.ini)"},
    {"dry-run", 'n', OPTION_FLAG, AT(dry_run), NULL, NULL, OPTION_READ_ONLY,
     "do everything but write; show what would change"},
    {"verbose", 'v', OPTION_FLAG, AT(verbose_flag), NULL, NULL, 0, "say more; twice: for debugging"},
    {"quiet", 'q', OPTION_FLAG, AT(quiet_flag), NULL, NULL, 0, "say nothing but errors"},
    {"check", 0, OPTION_FLAG, AT(check), NULL, NULL, OPTION_READ_ONLY,
     "check settings, servers and privileges; change nothing"},
    {"print-config", 0, OPTION_CHOICE, AT(print_config), "FORM", "none|values|sample|manual", OPTION_ARGUMENT_OPTIONAL,
     "print the settings in force and where they come from; FORM sample: a commented file; manual: for the manual "
     "page"},
    {"deadline", 0, OPTION_DURATION, AT(deadline), "DURATION", NULL, 0,
     "stop in good order when the work takes longer"},
    {"splay", 0, OPTION_DURATION, AT(splay), "DURATION", NULL, 0,
     "first wait for a part of this time that depends on host and job"},
    {"trigger", 0, OPTION_CHOICE, AT(trigger), "WHO", "unsaid|cron|manual", 0,
     "who started this run, for the record: cron or manual"},
    {"slot", 0, OPTION_TEXT, AT(slot), "auto|ID", NULL, 0,
     "run once per slot across all hosts; auto: the minute of the start"},
    {"help", 'h', OPTION_FLAG, AT(help), NULL, NULL, 0, "this text"},
    {"version", 'V', OPTION_FLAG, AT(version), NULL, NULL, 0, "version"},
    {NULL, 0, OPTION_FLAG, 0, NULL, NULL, 0, NULL},
};

enum { MAX_OPTIONS = 64, LONG_ONLY = 256 };

/* One option of either table, with the struct that its value goes into. */
struct known {
    const struct option_spec *spec;
    void *values;
    bool given;
};

struct table {
    struct known known[MAX_OPTIONS];
    struct option longs[MAX_OPTIONS + 1];
    char letters[2 * MAX_OPTIONS + 2];
    size_t count;
};

static void add_table(struct table *table, const struct option_spec *specs, void *values) {
    for (; specs != NULL && specs->name != NULL && table->count < MAX_OPTIONS; specs++) {
        bool optional = (specs->flags & OPTION_ARGUMENT_OPTIONAL) != 0;
        if ((specs->flags & OPTION_OPERAND) != 0)
            continue;
        table->known[table->count] = (struct known){.spec = specs, .values = values};
        table->longs[table->count] = (struct option){
            .name = specs->name,
            .has_arg = specs->type == OPTION_FLAG ? no_argument
                       : optional                 ? optional_argument
                                                  : required_argument,
            .val = LONG_ONLY + (int)table->count,
        };
        if (specs->letter != 0) {
            size_t end = strlen(table->letters);
            table->letters[end] = specs->letter;
            table->letters[end + 1] = specs->type == OPTION_FLAG ? '\0' : ':';
        }
        table->count++;
    }
}

static struct known *find(struct table *table, int value) {
    for (size_t i = 0; i < table->count; i++)
        if (value == LONG_ONLY + (int)i || (value < LONG_ONLY && table->known[i].spec->letter == value))
            return &table->known[i];
    return NULL;
}

static int choice_of(const struct option_spec *spec, const char *argument) {
    struct strings words = {0};
    int found = -1;
    strings_split(&words, spec->choices, "|");
    /* The first word stands for "not given" and cannot be asked for. */
    for (size_t i = 1; i < words.count; i++)
        if (strcmp(words.items[i], argument) == 0)
            found = (int)i;
    strings_free(&words);
    return found;
}

static int take(struct known *known, const char *argument) {
    const struct option_spec *spec = known->spec;
    void *place = (char *)known->values + spec->offset;
    const char *reason = NULL;
    if (known->given && spec->type != OPTION_LIST && spec->type != OPTION_FLAG)
        return fail(EXIT_USAGE, "option --%s is given twice", spec->name);
    known->given = true;
    switch (spec->type) {
    case OPTION_FLAG:
        *(bool *)place = true;
        break;
    case OPTION_TEXT:
        *(const char **)place = argument;
        if (*argument == '\0')
            reason = "must not be empty";
        break;
    case OPTION_LIST:
        strings_split(place, argument, ",");
        if (((const struct strings *)place)->count == 0)
            reason = "must not be empty";
        break;
    case OPTION_DURATION:
        reason = parse_duration(argument, place);
        break;
    case OPTION_CHOICE:
        *(int *)place = argument != NULL ? choice_of(spec, argument) : 1;
        if (*(int *)place < 0)
            return fail(EXIT_USAGE, "option --%s cannot be \"%s\": it is one of %s", spec->name, argument,
                        strchr(spec->choices, '|') + 1);
        break;
    }
    if (reason != NULL)
        return fail(EXIT_USAGE, "option --%s cannot be \"%s\": %s", spec->name, argument, reason);
    return 0;
}

static int usage_error(const struct options_context *context) {
    fprintf(stderr, "Try \"%s --help\".\n", context->job);
    return EXIT_USAGE;
}

/* The operand of a table; NULL: the job takes none. */
static const struct option_spec *find_operand(const struct option_spec *spec) {
    for (; spec != NULL && spec->name != NULL; spec++)
        if ((spec->flags & OPTION_OPERAND) != 0)
            return spec;
    return NULL;
}

/* Takes the word at which getopt_long() has stopped, if the job has an operand that is not taken yet; else returns EXIT_USAGE. */
static int take_operand(struct known *operand, const char *word) {
    if (operand->spec == NULL || operand->given)
        return fail(EXIT_USAGE, "unexpected argument \"%s\"", word);
    if (*word == '\0')
        return fail(EXIT_USAGE, "%s must not be empty", operand->spec->argument);
    return take(operand, word);
}

int options_parse(const struct options_context *context, int argc, char **argv, struct shared_options *shared) {
    /* The plus sign: stop at the first word that is no option, instead of moving it behind the options. */
    struct table table = {.letters = "+"};
    *shared = (struct shared_options){0};
    add_table(&table, context->options, context->values);
    add_table(&table, shared_table, shared);
    struct known operand = {.spec = find_operand(context->options), .values = context->values};
    opterr = 0;
    optind = 0; /* begin anew, even inside a word (getopt(3), "Notes") */
    for (;;) {
        int at = optind > 0 ? optind : 1;
        int value = getopt_long(argc, argv, table.letters, table.longs, NULL);
        if (value == -1 && optind >= argc)
            break;
        if (value == -1) {
            /* Options may follow an operand, unless a "--" comes before it. */
            bool end = strcmp(argv[optind - 1], "--") == 0;
            do {
                if (take_operand(&operand, argv[optind++]) != 0)
                    return usage_error(context);
            } while (end && optind < argc);
            if (end)
                break;
            continue;
        }
        struct known *known = value == '?' ? NULL : find(&table, value);
        if (known == NULL) {
            log_error("unknown or incomplete option \"%s\"", argv[at < argc ? at : argc - 1]);
            return usage_error(context);
        }
        if (take(known, optarg) != 0)
            return usage_error(context);
        if (known->spec->letter == 'v')
            shared->verbosity++;
        if (known->spec->letter == 'q')
            shared->verbosity = -1;
        if ((known->spec->flags & OPTION_READ_ONLY) != 0)
            shared->read_only = true;
    }
    if (shared->config == NULL) {
        const char *config = getenv("NIGHTSHIFT_CONFIG");
        shared->config =
            config != NULL && *config != '\0' ? config : NIGHTSHIFT_SYSCONFDIR "/nightshift/nightshift.ini";
    }
    return 0;
}

void options_free(const struct options_context *context) {
    for (const struct option_spec *spec = context->options; spec != NULL && spec->name != NULL; spec++)
        if (spec->type == OPTION_LIST)
            strings_free((void *)((char *)context->values + spec->offset));
}

static void print_options(const struct option_spec *specs, FILE *out) {
    for (; specs != NULL && specs->name != NULL; specs++) {
        if ((specs->flags & OPTION_OPERAND) != 0) {
            fprintf(out, "  %-26s %s\n", specs->argument, specs->help);
            continue;
        }
        const char *equals = specs->argument == NULL ? "" : "=";
        const char *argument = specs->argument == NULL ? "" : specs->argument;
        bool optional = (specs->flags & OPTION_ARGUMENT_OPTIONAL) != 0;
        char *name = xasprintf(optional ? "--%s[%s%s]" : "--%s%s%s", specs->name, equals, argument);
        char letter[5] = "    ";
        if (specs->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", specs->letter);
        fprintf(out, "  %s%-22s %s\n", letter, name, specs->help);
        free(name);
    }
}

void options_print_help(const struct options_context *context, FILE *out) {
    const struct option_spec *operand = find_operand(context->options);
    fprintf(out, "Usage: %s [OPTION]...", context->job);
    if (operand != NULL)
        fprintf(out, " [%s]", operand->argument);
    fprintf(out, "\n%s\n\n", context->purpose);
    if (context->options != NULL && context->options->name != NULL) {
        fputs("Options of this job:\n", out);
        print_options(context->options, out);
        fputs("\n", out);
    }
    fputs("Options of all jobs:\n", out);
    print_options(shared_table, out);
    fputs("\nExit codes:\n", out);
    for (const struct exit_text *e = exit_table; e->text != NULL; e++)
        if (e->code == EXIT_SIGNAL)
            fprintf(out, "  %s\n", e->text);
        else
            fprintf(out, "  %-5d  %s\n", e->code, e->text);
    fprintf(out, "\nManual: %s(1), nightshift.ini(5)\n", context->job);
}
