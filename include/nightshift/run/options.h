/* Command-line options, by table like the settings. All jobs share the options of `struct shared_options`; a job adds its own table. */
#ifndef NIGHTSHIFT_RUN_OPTIONS_H
#define NIGHTSHIFT_RUN_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum option_type {
    OPTION_FLAG,     /* bool */
    OPTION_TEXT,     /* const char *; NULL when absent; points into argv */
    OPTION_LIST,     /* struct strings; may be given several times */
    OPTION_DURATION, /* int64_t, milliseconds; 0 when absent */
    OPTION_CHOICE,   /* int, the index of the word in `choices`; 0 when absent */
};

enum {
    OPTION_READ_ONLY = 1, /* with this option the run changes nothing and so needs no lease and leaves no record */
    OPTION_ARGUMENT_OPTIONAL = 2, /* OPTION_CHOICE only: without an argument it is the first word but one */
    OPTION_OPERAND = 4, /* OPTION_TEXT only, one in a table: the word that is no option; `argument` is its name */
};

struct option_spec {
    const char *name; /* long name; NULL ends a table */
    char letter;      /* short name, or 0 */
    enum option_type type;
    size_t offset;        /* of the value in the options struct */
    const char *argument; /* how --help names the argument; NULL for flags */
    const char *choices;  /* OPTION_CHOICE: "none|cron|manual" */
    unsigned flags;
    const char *help;
};

enum trigger { TRIGGER_UNSAID, TRIGGER_CRON, TRIGGER_MANUAL };
enum print_config { PRINT_NOTHING, PRINT_VALUES, PRINT_SAMPLE, PRINT_MANUAL };

struct shared_options {
    const char *config; /* never NULL after options_parse() */
    const char *slot;   /* NULL, "auto" or an id */
    int64_t deadline;   /* milliseconds; 0: none */
    int64_t splay;      /* milliseconds */
    int trigger;        /* enum trigger */
    int print_config;   /* enum print_config */
    int verbosity;      /* -1 quiet, 0, 1 -v, 2 -vv */
    bool verbose_flag, quiet_flag;
    bool dry_run;
    bool check;
    bool help;
    bool version;
    bool read_only; /* an option with OPTION_READ_ONLY was given, --dry-run and --check among them */
};

/* Who is asking: all that --help needs to know about a job. */
struct options_context {
    const char *job;
    const char *purpose;
    const struct option_spec *options; /* the job's own; NULL: none */
    void *values;                      /* of the job's own options */
};

/* Fills `shared` and context->values. Returns 0, or EXIT_USAGE after saying why. */
int options_parse(const struct options_context *context, int argc, char **argv, struct shared_options *shared);

/* Frees what lists of the job's own options hold; not the struct itself. */
void options_free(const struct options_context *context);

/* --help: usage, options, exit codes. */
void options_print_help(const struct options_context *context, FILE *out);

#endif
