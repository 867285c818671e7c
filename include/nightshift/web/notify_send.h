/* One attempt at telling one notice, and what came of it. Knows the services, not the outbox. */
#ifndef NIGHTSHIFT_WEB_NOTIFY_SEND_H
#define NIGHTSHIFT_WEB_NOTIFY_SEND_H

#include <stdbool.h>
#include <stdint.h>

#include "nightshift/web/http.h"
#include "nightshift/web/notify.h"
#include "nightshift/web/notify_outbox.h"

enum notify_outcome {
    NOTIFY_DELIVERED,
    NOTIFY_FAILED,   /* surely not told; try again later */
    NOTIFY_LIMITED,  /* the same, and nothing else may be sent before `wait` is over */
    NOTIFY_REFUSED,  /* surely not told, because of our settings; try again later */
    NOTIFY_DECLINED, /* surely not told; this notice is not wanted */
    NOTIFY_UNSURE,   /* may have been told */
    NOTIFY_UNHEARD,  /* asked in vain whether it was told; ask again later */
};

struct notify_attempt {
    enum notify_outcome outcome;
    int64_t wait;       /* milliseconds, as the service asks for; 0: it does not say */
    struct text reason; /* for people; holds no secret; may be reused */
};

/* The means of one flush: settings, secrets, connections. */
struct notify_courier {
    const struct notify_settings *settings;
    struct http *http;
    struct text secret;  /* ChatWork's token, Slack's URL */
    struct text headers; /* the lines of webhook_header_file */
};

/* Reads the secrets. EXIT_SETTINGS or EXIT_DENIED. Close it in any case. */
int notify_courier_open(struct notify_courier *courier, const struct notify_settings *settings);
void notify_courier_close(struct notify_courier *courier); /* wipes the secrets */

/* Sends a notice; at most `timeout` milliseconds. `now` turns the service's time of day into a wait. */
void notify_courier_send(struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                         int64_t now, struct notify_attempt *attempt);

/* Looks into the ChatWork room for a notice whose outcome is not known: DELIVERED, FAILED (it is not there and may be
 * sent), UNSURE (the room's last messages do not reach back far enough, and never will); LIMITED, REFUSED or UNHEARD: ask
 * later. */
void notify_courier_look_up(struct notify_courier *courier, const struct notify_notice *notice, int64_t timeout,
                            int64_t now, struct notify_attempt *attempt);

/* Pure: what an HTTP answer means. `service`: enum notify_via. */
void notify_judge(int service, const struct http_answer *answer, int64_t now, struct notify_attempt *attempt);

/* Pure: milliseconds until the next attempt after `attempts` failed ones: 1 minute doubling up to 1 hour, of which a
 * part between half and the whole, by the id, so that the hosts do not come back together. */
int64_t notify_backoff(const char *id, int64_t attempts);

/* Pure: is this minute of the day (0 to 1439) within "HH:MM-HH:MM"? The end is outside. -1: that is no such span. */
int notify_is_quiet(const char *hours, int minute);

/* Runs a command with `input` on its stdin, without a shell; it and what it started are killed after `timeout`. */
void notify_command_run(const char *path, const char *id, const struct text *input, int64_t timeout,
                        struct notify_attempt *attempt);

/* EXIT_SETTINGS or EXIT_DENIED for a command that is not there, not executable, or open to changes by others. */
int notify_command_check(const char *path);

#endif
