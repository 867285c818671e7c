/* Advice from the exit table and a run record. */
#include <stdbool.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/run/advice.h"

static const struct exit_text *find(int exit_code) {
    for (const struct exit_text *e = exit_table; e->text != NULL; e++)
        if (e->code == exit_code ||
            (e->code == EXIT_SIGNAL && exit_code > EXIT_SIGNAL && exit_code <= EXIT_SIGNAL + 64))
            return e;
    return NULL;
}

void advice_add_words(struct text *out, int exit_code) {
    const struct exit_text *known = find(exit_code);
    const char *text = known != NULL ? known->text : "not an exit code of nightshift";
    if (known == NULL || known->code != EXIT_SIGNAL) {
        text_add(out, text);
        return;
    }
    /* "128+n: ended by signal n, after ..." with n filled in. */
    const char *rest = strchr(text, ',');
    text_printf(out, "ended by signal %d (%s)%s", exit_code - EXIT_SIGNAL, strsignal(exit_code - EXIT_SIGNAL),
                rest != NULL ? rest : "");
}

/* The first name in double quotes of a message: by the house's rule the object that it is about. Its length, 0 if there is none. */
static size_t find_object(const char *message, const char **object) {
    const char *begin = message != NULL ? strchr(message, '"') : NULL;
    const char *end = begin != NULL ? strchr(begin + 1, '"') : NULL;
    if (end == NULL)
        return 0;
    *object = begin + 1;
    return (size_t)(end - begin - 1);
}

/* What is known better than by the table alone. Returns whether it was. */
static bool add_specific(struct text *out, const struct advice_case *run) {
    const char *object = "";
    size_t length = find_object(run->reason, &object);
    if (length == 0)
        length = find_object(run->warning, &object);
    if (run->exit_code == EXIT_GUARD && run->guard != NULL) {
        text_printf(out,
                    "look at what guard \"%s\" found: if the new data is right, run %s with --accept %s (try with "
                    "--dry-run first); if not, repair the data",
                    run->guard, run->job, run->guard);
        return true;
    }
    if (run->exit_code == EXIT_UNAVAILABLE && length > 0) {
        text_printf(out, "bring \"%.*s\" back, then run %s again", (int)length, object, run->job);
        return true;
    }
    if (run->exit_code == EXIT_BUG && run->signal > 0) {
        text_printf(out, "its worker crashed by signal %d (%s): keep the run record and report it; run %s again",
                    run->signal, strsignal(run->signal), run->job);
        return true;
    }
    return false;
}

void advice_add_next(struct text *out, const struct advice_case *run) {
    const struct exit_text *known = find(run->exit_code);
    bool hint = run->hint != NULL && *run->hint != '\0';
    bool waits = run->exit_code == EXIT_UNAVAILABLE || run->exit_code == EXIT_LATER;
    if ((!hint || waits) && !add_specific(out, run))
        text_add(out, known != NULL ? known->next : "ask who started it: this is not an exit code of nightshift");
    if (hint)
        text_printf(out, "%s%s", waits ? "; hint: " : "", run->hint);
}

void advice_add_next_killed(struct text *out, const char *job) {
    text_printf(out,
                "find out what ended it (kill -9, a reboot, a loss of power, a full disk: dmesg, last -x, df), and run "
                "%s again: it takes up where that one stopped",
                job);
}
