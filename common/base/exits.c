/* The table behind exits.h: one source for --help, the manual pages and the run record. */
#include <stddef.h>

#include "nightshift/base/exits.h"

const struct exit_text exit_table[] = {
    {EXIT_DONE, "done", "done and verified; also: nothing to do, or the other host owns this slot"},
    {EXIT_ATTENTION, "attention", "done, and something in it needs a person"},
    {EXIT_USAGE, "usage", "wrong usage"},
    {EXIT_GUARD, "guard", "a guard refused the data: nothing was published or changed"},
    {EXIT_UNAVAILABLE, "unavailable", "a server or service cannot be reached or failed after all retries"},
    {EXIT_BUG, "bug", "a bug of ours"},
    {EXIT_SYSTEM, "system", "out of memory or another failure of the operating system"},
    {EXIT_CANNOT_WRITE, "cannot-write", "cannot write a report, state or archive"},
    {EXIT_LATER, "later", "try again later: lease held by another run, deadline passed, replica too far behind"},
    {EXIT_DENIED, "denied", "permission denied by a server or by file modes"},
    {EXIT_SETTINGS, "settings", "wrong settings"},
    {EXIT_SIGNAL, "signal", "128+n: ended by signal n, after leaving everything consistent"},
    {0, NULL, NULL},
};

const char *exit_word(int code) {
    if (code >= EXIT_SIGNAL)
        return "signal";
    for (const struct exit_text *e = exit_table; e->text != NULL; e++)
        if (e->code == code)
            return e->word;
    return "failed";
}

int exit_combine(int first, int next) {
    return first == EXIT_DONE || (first == EXIT_ATTENTION && next != EXIT_DONE) ? next : first;
}
