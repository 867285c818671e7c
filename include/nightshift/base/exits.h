/* The exit codes of all jobs, and the status that functions return: 0 or one of these. The numbers are those of sysexits(3) where it
 * has one; they never change meaning, because cron wrappers and alerts look at nothing else. The texts are printed by --help and stand
 * in every manual page. */
#ifndef NIGHTSHIFT_BASE_EXITS_H
#define NIGHTSHIFT_BASE_EXITS_H

enum exit_code {
    EXIT_DONE = 0,          /* done and verified; or nothing to do; or the other host owns this slot */
    EXIT_ATTENTION = 1,     /* done, and something in it needs a person */
    EXIT_USAGE = 64,        /* wrong usage */
    EXIT_GUARD = 65,        /* a guard refused the data: nothing was published or changed */
    EXIT_UNAVAILABLE = 69,  /* a server cannot be reached or failed after all retries */
    EXIT_BUG = 70,          /* a bug of ours */
    EXIT_SYSTEM = 71,       /* out of memory or another failure of the operating system */
    EXIT_CANNOT_WRITE = 73, /* cannot write a report, state or archive */
    EXIT_LATER = 75,        /* lease held by another run, deadline passed, replica too far behind */
    EXIT_DENIED = 77,       /* permission denied by a server or by file modes */
    EXIT_SETTINGS = 78,     /* wrong settings */
    EXIT_SIGNAL = 128,      /* + n: ended by signal n, after leaving everything consistent */
};

struct exit_text {
    int code;
    const char *word; /* the result word of the run record: "done", "guard", ... */
    const char *text; /* one line for people */
    const char *next; /* what they do about it: a clause, in nightshift(7) too; run/advice.h makes it specific */
};

/* All codes in ascending order; the last entry has text == NULL. */
extern const struct exit_text exit_table[];

/* The code to end with when two things happened one after the other: the first failure; what only needs a person's attention gives way to
 * a failure. */
int exit_combine(int first, int next);

/* The result word of a code; "signal" for 128 and above, "failed" for a code that is not in the table. */
const char *exit_word(int code);

#endif
