/* The table behind exits.h: one source for --help, the manual pages, the run record and what show-runs advises. */
#include <stddef.h>

#include "nightshift/base/exits.h"

const struct exit_text exit_table[] = {
    {EXIT_DONE, "done", "done and verified; also: nothing to do, or the other host owns this slot", "nothing"},
    {EXIT_ATTENTION, "attention", "done, and something in it needs a person",
     "read the reason and the warnings of the run, put right what they name, and run it again"},
    {EXIT_USAGE, "usage", "wrong usage", "correct the command line, in cron perhaps; --help shows what it takes"},
    {EXIT_GUARD, "guard", "a guard refused the data: nothing was published or changed",
     "find out whether the new data is right: if so, accept the guard by its name; if not, repair the data"},
    {EXIT_UNAVAILABLE, "unavailable", "a server or service cannot be reached or failed after all retries",
     "bring back the server that the reason names, then run it again"},
    {EXIT_BUG, "bug", "a bug of ours", "keep the run record and report it; run it again"},
    {EXIT_SYSTEM, "system", "out of memory or another failure of the operating system",
     "look at dmesg for the OOM killer, and at df and ulimit; run it again"},
    {EXIT_CANNOT_WRITE, "cannot-write", "cannot write a report, state or archive",
     "make room on the disk, or correct the owner of state_dir, report_dir or metrics_dir; run it again"},
    {EXIT_LATER, "later", "try again later: lease held by another run, deadline passed, replica too far behind",
     "run it again; if this is frequent, look at replication and for a run that hangs"},
    {EXIT_DENIED, "denied", "permission denied by a server or by file modes",
     "grant what the reason names, or correct the mode or owner of the file"},
    {EXIT_SETTINGS, "settings", "wrong settings",
     "correct the settings at the file and line that the reason names, then try with --check"},
    {EXIT_SIGNAL, "signal", "128+n: ended by signal n, after leaving everything consistent",
     "somebody or something stopped it; run it again"},
    {0, NULL, NULL, NULL},
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
