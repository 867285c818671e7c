/* getopt_long() over a table. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "options.h"

enum kind { KIND_STRING, KIND_NUMBER, KIND_DURATION, KIND_SIZE, KIND_FLAG, KIND_POLICY, KIND_HELP, KIND_VERSION };

#define AT(member) offsetof(struct options, member)

static const struct {
    const char *name;
    enum kind kind;
    size_t offset;
    const char *argument, *help;
} table[] = {
    {"port", KIND_NUMBER, AT(port), "PORT", "listen on 127.0.0.1:PORT (0, the default: a free one)"},
    {"state-dir", KIND_STRING, AT(state_dir), "DIR", "where the domain is kept; required"},
    {"fields", KIND_STRING, AT(fields_file), "FILE",
     "index fields and suggesters, as the aws CLI prints them (else those of the last start)"},
    {"credentials", KIND_STRING, AT(credentials_file), "FILE",
     "access keys, in the form of ~/.aws/credentials (else AWS_ACCESS_KEY_ID ...)"},
    {"access", KIND_POLICY, AT(policy), "POLICY",
     "what clients without a key may do: search (default), open (also upload), none"},
    {"region", KIND_STRING, AT(region), "REGION",
     "the region requests must be signed for (else AWS_REGION, else us-east-1)"},
    {"domain", KIND_STRING, AT(name), "NAME", "name of the domain (local)"},
    {"max-skew", KIND_DURATION, AT(max_skew), "DURATION", "how far the date of a signature may be off (15m)"},
    {"batch-interval", KIND_DURATION, AT(batch_interval), "DURATION", "accept one batch in this time (0: any number)"},
    {"visible-after", KIND_DURATION, AT(visible_after), "DURATION",
     "how long after its acknowledgement a batch is searchable (0)"},
    {"max-batch", KIND_SIZE, AT(max_batch), "SIZE", "limit of a batch (5MB)"},
    {"max-document", KIND_SIZE, AT(max_document), "SIZE", "limit of an operation (1MB)"},
    {"refuse-non-bmp", KIND_FLAG, AT(refuse_non_bmp), NULL, "refuse characters above U+FFFF"},
    {"refuse-numbers", KIND_FLAG, AT(refuse_numbers), NULL, "refuse JSON numbers: values must be strings"},
    {"faults", KIND_STRING, AT(faults_file), "FILE",
     "what shall go wrong with requests to come, as POST /_faults takes it"},
    {"request-log", KIND_STRING, AT(log_file), "FILE", "append a JSON line for each request"},
    {"dump", KIND_FLAG, AT(dump), NULL, "print all acknowledged documents as JSON lines, sorted by id, and exit"},
    {"help", KIND_HELP, 0, NULL, "this text"},
    {"version", KIND_VERSION, 0, NULL, "version"},
};

static void print_help(void) {
    printf("Usage: cloudsearch-local --state-dir DIR [OPTION]...\n"
           "A strict local stand-in for an Amazon CloudSearch domain.\n\nOptions:\n");
    for (size_t i = 0; i < LENGTH_OF(table); i++) {
        char *left = xasprintf("--%s%s%s", table[i].name, table[i].argument != NULL ? " " : "",
                               table[i].argument != NULL ? table[i].argument : "");
        printf("  %-26s %s\n", left, table[i].help);
        free(left);
    }
    printf("\nExit codes:\n");
    for (const struct exit_text *exit = exit_table; exit->text != NULL; exit++)
        printf("  %-4d %s\n", exit->code, exit->text);
}

static const char *take(struct options *options, size_t known, const char *argument) {
    static const char *const policies[] = {"search", "open", "none"};
    char *place = (char *)options + table[known].offset;
    switch (table[known].kind) {
    case KIND_STRING:
        memcpy(place, &argument, sizeof argument);
        return *argument == '\0' ? "must not be empty" : NULL;
    case KIND_NUMBER: {
        int64_t number = 0;
        const char *reason = parse_integer(argument, &number);
        memcpy(place, &number, sizeof number);
        return reason == NULL && (number < 0 || number > 65535) ? "is no port" : reason;
    }
    case KIND_DURATION: {
        int64_t duration = 0;
        const char *reason = parse_duration(argument, &duration);
        memcpy(place, &duration, sizeof duration);
        return reason;
    }
    case KIND_SIZE: {
        int64_t size = 0;
        const char *reason = parse_size(argument, &size);
        memcpy(place, &size, sizeof size);
        return reason == NULL && size < 1 ? "is too small" : reason;
    }
    case KIND_FLAG:
        *(bool *)place = true;
        return NULL;
    case KIND_POLICY:
        for (size_t i = 0; i < LENGTH_OF(policies); i++)
            if (strcmp(policies[i], argument) == 0) {
                options->policy = (enum policy)i;
                return NULL;
            }
        return "is none of search, open, none";
    case KIND_HELP:
        print_help();
        return NULL;
    case KIND_VERSION:
        printf("cloudsearch-local (nightshift) " NIGHTSHIFT_VERSION "\n");
        return NULL;
    }
    return NULL;
}

int options_read(struct options *options, int argc, char **argv, bool *done) {
    struct option longs[LENGTH_OF(table) + 1] = {{0}};
    const char *region = getenv("AWS_REGION");
    *options = (struct options){.region = region != NULL && *region != '\0' ? region : "us-east-1",
                                .name = "local",
                                .max_skew = INT64_C(15) * 60 * 1000,
                                .max_batch = 5000000,
                                .max_document = 1000000};
    for (size_t i = 0; i < LENGTH_OF(table); i++)
        longs[i] = (struct option){.name = table[i].name,
                                   .has_arg = table[i].argument != NULL ? required_argument : no_argument};
    opterr = 0;
    for (int index = 0, at = 1, got = 0; (got = getopt_long(argc, argv, "+", longs, &index)) != -1; at = optind) {
        if (got != 0)
            return fail(EXIT_USAGE, "unknown or incomplete option \"%s\"; see --help", argv[at]);
        const char *reason = take(options, (size_t)index, optarg);
        if (reason != NULL)
            return fail(EXIT_USAGE, "option --%s cannot be \"%s\": it %s", table[index].name, optarg, reason);
        if (table[index].kind == KIND_HELP || table[index].kind == KIND_VERSION) {
            *done = true;
            return 0;
        }
    }
    if (optind < argc)
        return fail(EXIT_USAGE, "unexpected argument \"%s\"; see --help", argv[optind]);
    if (options->state_dir == NULL)
        return fail(EXIT_USAGE, "option --state-dir is required; see --help");
    return 0;
}
