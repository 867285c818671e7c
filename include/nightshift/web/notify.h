/* Notices: telling people, over ChatWork, a Slack webhook, a webhook that takes JSON, or a command's stdin.
 *
 * A notice is put into an outbox on disk first (notify_post) and sent from there (notify_flush), so that a service that
 * is down, a rate limit, the night's quiet hours or kill -9 delay a notice and never lose it. The outbox belongs to the
 * host, not to the job: whichever job flushes next sends what is waiting, oldest first.
 *
 * What the outcome of an attempt means:
 *   delivered   2xx, and ChatWork's message_id or Slack's "ok" in the body; the command ended with 0. Only then is the
 *               notice forgotten; its key is remembered, and a notice with the same key is not told again.
 *   kept        no connection, 408, 425, 429, 5xx, a command that failed: tried again from a later flush on, after 1
 *               minute, doubling up to 1 hour, or after Retry-After or X-RateLimit-Reset (1 s to 1 hour), which hold
 *               back all notices. Also 3xx, 401 and 403: they speak of our settings, not of this notice.
 *   rejected    any other 4xx: the notice is moved to outbox/rejected, with the reason in it.
 *   unknown     the request was sent and no whole answer came (for ChatWork, also a 5xx), or we were killed in the
 *               middle. Before each attempt the notice is marked on disk, so that this is seen afterwards, and then:
 *                 chatwork  at most once. The room's last 100 messages are read, from a minute after the attempt on:
 *                           the notice is in it, by its id (delivered), or it is not, though they reach back to before
 *                           the attempt (sent again). Where that proves neither, it is moved to outbox/unknown.
 *                 slack     at most once: a webhook cannot be asked, so the notice is moved to outbox/unknown.
 *                 webhook   at least once: sent again with the same header Idempotency-Key.
 *                 command   at least once: run again with the same NIGHTSHIFT_NOTICE_ID in its environment.
 * Everything moved aside is logged as an error; the newest 200 files of each such directory are kept. */
#ifndef NIGHTSHIFT_WEB_NOTIFY_H
#define NIGHTSHIFT_WEB_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/run/settings.h"

/* --- [notify] --- */

enum notify_via { NOTIFY_NONE, NOTIFY_CHATWORK, NOTIFY_SLACK, NOTIFY_WEBHOOK, NOTIFY_COMMAND };

struct notify_settings {
    int via; /* enum notify_via */
    char *chatwork_room;
    char *chatwork_token_file;
    char *chatwork_url;
    struct strings to; /* ChatWork account ids, or "all" */
    char *slack_url_file;
    char *webhook_url;
    char *webhook_header_file;
    char *command;
    char *quiet_hours; /* "22:00-07:00"; NULL: none */
    int64_t timeout;   /* milliseconds, of one attempt */
    int64_t max_messages_per_run;
    int64_t max_length; /* characters of a chat message */
    int64_t max_age;    /* milliseconds */
};

extern const struct section notify_section;

/* For --check: reads the secrets and examines the command; sends nothing. Returns 0, or an exit code after saying why. */
int notify_check(const struct notify_settings *settings);

/* --- The message --- */

enum notify_severity { NOTIFY_INFO, NOTIFY_WARNING, NOTIFY_ERROR };

/* Text of any origin may be put in as it is: it is made printable here, and each service's markup is taken out of it
 * when it is rendered. What is too long is cut on a character boundary and ends in "…": titles, headings and lines
 * after 500 characters, code after 4,000. Functions take NULL as "". */
struct notify_message;

struct notify_message *notify_message_new(enum notify_severity severity, const char *title);
void notify_message_free(struct notify_message *message);

/* Begins a section; lines and code that follow belong to it. Worst first: a message that is too long for the service
 * loses its last sections whole. `items` is how many things ("slow queries") the section tells of, 0 for prose; they
 * are counted in the note when it is left out. `heading` may be empty. At most 100 sections; further ones count as left
 * out. */
void notify_message_section(struct notify_message *message, const char *heading, int64_t items);
void notify_message_line(struct notify_message *message, const char *format, ...) PRINTF_LIKE(2, 3);
/* A block in fixed width; line breaks stay. One per section, the last one counts. */
void notify_message_code(struct notify_message *message, const char *code);

/* `more`: how many items the caller has left out already. `note` is shown when any item is missing, with {more} filled
 * in: "... {more} more slow queries: show-runs has them all". */
void notify_message_more(struct notify_message *message, int64_t more, const char *note);

/* --- Outbox --- */

/* Who tells. Strings are copied. */
struct notify_sender {
    const char *state_dir;
    const char *job;
    const char *run_id; /* sorts by time, as UUIDs of version 7 do: it makes the order of the outbox */
    const char *host;
};

struct notify;

/* Makes state_dir/outbox if it is not there. `settings` must outlive it. Returns 0, EXIT_CANNOT_WRITE, or EXIT_BUG for a
 * run id that cannot be part of a file's name. Free with notify_close(), which takes NULL. */
int notify_open(const struct notify_settings *settings, const struct notify_sender *sender, struct notify **out);
void notify_close(struct notify *notify);

/* Puts a message into the outbox; on 0 it is on disk and survives kill -9. `key`: notices with the same key are told
 * once ("prune-indexes dropped lancers.works.idx 2026-11-23"); NULL: told in any case. `now` is clock_now(). With via =
 * none nothing happens. Returns 0 or EXIT_CANNOT_WRITE. The message stays the caller's. */
int notify_post(struct notify *notify, const struct notify_message *message, const char *key, int64_t now);

struct notify_budget {
    int64_t now;   /* clock_now() */
    int64_t time;  /* milliseconds for the whole flush; 0: 60 s */
    int64_t count; /* attempts; 0: max_messages_per_run of the settings */
};

struct notify_result {
    size_t delivered;
    size_t kept;     /* tried, to be tried again */
    size_t rejected; /* moved to outbox/rejected */
    size_t unknown;  /* moved to outbox/unknown */
    size_t old;      /* older than max_age, or beyond 500: put into one summary and moved to outbox/old */
    size_t damaged;  /* set aside as FILE.bad */
    size_t repeated; /* dropped: their key had been told already */
    size_t waiting;  /* still in the outbox: quiet hours, a hold, the budget, or kept */
    bool quiet;      /* nothing was sent because of quiet_hours */
};

/* Sends what is due, oldest first, within the budget. Quiet hours are in the process's time zone (clock_set_zone). A
 * failing service ends the flush: the next ones would fail too. `result` may be NULL.
 * Returns 0: nothing that was tried failed (notices may still wait). EXIT_ATTENTION: something was rejected, set aside,
 * or refused for our settings' sake (401, 403, 3xx). EXIT_UNAVAILABLE: the service failed and the rest waits; this
 * comes before ATTENTION. EXIT_LATER: asked to stop (such a run only posts), or another flush was at work for the whole time. EXIT_SETTINGS,
 * EXIT_DENIED: a secret cannot be read, or the command cannot be used. EXIT_CANNOT_WRITE: the outbox cannot be written,
 * and so nothing more was sent. Everything but 0 has been logged. A job's own result shall not depend on it. */
int notify_flush(struct notify *notify, const struct notify_budget *budget, struct notify_result *result);

#endif
