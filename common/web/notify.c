/* Posting and flushing: the order of writes that makes a notice survive a crash at any point.
 *
 *   post      the notice is written
 *   attempt   it is written again with the mark "attempting", then the request goes out
 *   told      its key is added to the memory of what was delivered, then its file is removed
 *   not told  it is written again without the mark, with the reason and the time of the next attempt
 *
 * A flush that finds a mark knows that another one was killed, and that nobody knows the outcome; one that finds the key
 * of a waiting notice in the memory knows that it was told and only the removal is missing. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/random.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/web/notify.h"
#include "nightshift/web/notify_outbox.h"
#include "nightshift/web/notify_send.h"
#include "nightshift/web/notify_text.h"

enum {
    RUN_ID_LIMIT = 64,
    NAME_LIMIT = 64,              /* characters of a job's or a host's name */
    KEY_LIMIT = 500,              /* characters */
    TIME_BUDGET = 60 * 1000,      /* milliseconds */
    LEAST_TIME = 100,             /* milliseconds; with less left, no attempt is begun */
    SETTLING = 60 * 1000,         /* milliseconds until a room surely shows what was posted to it */
    CLOCK_JUMP = 2 * 3600 * 1000, /* no wait is longer; what lies further ahead comes from a clock that was set back */
    SUMMARY_LINES = 20,
};

struct notify {
    const struct notify_settings *settings;
    struct notify_outbox outbox;
    char *job, *host, *run_id;
    unsigned sequence;
};

static bool is_run_id(const char *id) {
    size_t length = strlen(id);
    return length > 0 && length <= RUN_ID_LIMIT &&
           strspn(id, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-") == length;
}

int notify_open(const struct notify_settings *settings, const struct notify_sender *sender, struct notify **out) {
    if (!is_run_id(sender->run_id))
        return fail(EXIT_BUG, "the run id \"%s\" cannot be the name of a file", sender->run_id);
    struct notify *notify = xcalloc(1, sizeof *notify);
    notify->settings = settings;
    notify->outbox.lock = -1;
    notify->job = notify_text_clean(sender->job, NAME_LIMIT, false);
    notify->host = notify_text_clean(sender->host, NAME_LIMIT, false);
    notify->run_id = xstrdup(sender->run_id);
    int status = settings->via == NOTIFY_NONE ? 0 : notify_outbox_make(&notify->outbox, sender->state_dir);
    if (status == 0) {
        *out = notify;
        notify = NULL;
    }
    notify_close(notify);
    return status;
}

void notify_close(struct notify *notify) {
    if (notify == NULL)
        return;
    notify_outbox_free(&notify->outbox);
    free(notify->job);
    free(notify->host);
    free(notify->run_id);
    free(notify);
}

/* --- Posting --- */

/* A new notice, without its message. */
static struct notify_notice *make_notice(struct notify *notify, const char *key, int64_t now) {
    char token[TOKEN_LENGTH + 1];
    struct text at = {0};
    struct notify_notice *notice = xcalloc(1, sizeof *notice);
    /* A run may open the outbox twice, in its worker and its supervisor; the token keeps their ids apart. */
    random_token(token);
    notice->id = xasprintf("%s-%04u-%.6s", notify->run_id, ++notify->sequence, token);
    notice->key = key != NULL ? notify_text_clean(key, KEY_LIMIT, false) : xstrdup(notice->id);
    notice->job = xstrdup(notify->job);
    notice->host = xstrdup(notify->host);
    notice->run_id = xstrdup(notify->run_id);
    clock_add_local(&at, now);
    notice->at = text_take(&at);
    notice->created = now;
    return notice;
}

int notify_post(struct notify *notify, const struct notify_message *message, const char *key, int64_t now) {
    if (notify->settings->via == NOTIFY_NONE)
        return 0;
    struct notify_notice *notice = make_notice(notify, key, now);
    union {
        const struct notify_message *lent;
        struct notify_message *borrowed; /* notify_outbox_save() only reads it */
    } pointer = {.lent = message};
    notice->message = pointer.borrowed;
    int status = notify_outbox_save(&notify->outbox, notice);
    notice->message = NULL;
    notify_notice_free(notice);
    return status;
}

/* --- One flush --- */

struct flush {
    struct notify *notify;
    struct notify_result result;
    struct notify_notice **notices; /* an entry becomes NULL when its notice has left the outbox */
    size_t count;
    struct notify_delivered delivered;
    struct notify_courier courier;
    int64_t began; /* monotonic */
    int64_t until; /* monotonic */
    int64_t now;   /* when it began */
    int64_t left;  /* attempts */
    int status;
    bool stopped; /* no further attempt makes sense */
};

static int64_t now_of(const struct flush *flush) {
    return flush->now + clock_monotonic() - flush->began;
}

static void leave(struct flush *flush, size_t index) {
    notify_notice_free(flush->notices[index]);
    flush->notices[index] = NULL;
}

/* The worse of two: an outbox that cannot be written comes before a failing service, and that before attention. */
static void set_status(struct flush *flush, int status) {
    static const int order[] = {EXIT_ATTENTION, EXIT_UNAVAILABLE, EXIT_LATER,
                                EXIT_SYSTEM,    EXIT_DENIED,      EXIT_CANNOT_WRITE};
    for (size_t i = 0; i < LENGTH_OF(order); i++)
        if (order[i] == status || order[i] == flush->status)
            flush->status = order[i];
    flush->stopped = flush->stopped || status == EXIT_CANNOT_WRITE;
}

static void set_aside(struct flush *flush, size_t index, int verdict, const char *reason) {
    struct notify_notice *notice = flush->notices[index];
    int status = notify_outbox_set_aside(&flush->notify->outbox, notice, verdict, reason);
    if (status != 0) {
        set_status(flush, status);
        return;
    }
    if (verdict == NOTIFY_OLD) {
        flush->result.old++;
    } else {
        bool rejected = verdict == NOTIFY_REJECTED;
        flush->result.rejected += rejected;
        flush->result.unknown += !rejected;
        log_error("the notice \"%s\" (\"%s\") %s: %s; it is kept in \"%s/%s\"", notice->id, notice->message->title,
                  rejected ? "was rejected" : "may not have been told, and is not sent again", reason,
                  flush->notify->outbox.directory, rejected ? "rejected" : "unknown");
        set_status(flush, EXIT_ATTENTION);
    }
    leave(flush, index);
}

/* Drops what a killed flush has told already, and what was posted twice under one key. */
static void drop_told(struct flush *flush) {
    for (size_t i = 0; i < flush->count; i++) {
        if (flush->notices[i] == NULL || !notify_delivered_has(&flush->delivered, flush->notices[i]))
            continue;
        log_info("the notice \"%s\" was told already", flush->notices[i]->id);
        int status = notify_outbox_remove(&flush->notify->outbox, flush->notices[i]);
        if (status != 0)
            set_status(flush, status);
        flush->result.repeated++;
        leave(flush, i);
    }
}

/* --- Old notices --- */

/* Whatever a summary stands for has been told with it; a crash may have kept it from being moved. */
static void move_replaced(struct flush *flush) {
    for (size_t i = 0; i < flush->count; i++)
        for (size_t j = 0; j < flush->count && flush->notices[i] != NULL; j++)
            if (flush->notices[j] != NULL && strings_contain(&flush->notices[i]->replaces, flush->notices[j]->id))
                set_aside(flush, j, NOTIFY_OLD, "it is part of a summary");
}

static bool is_old(const struct flush *flush, size_t index) {
    const struct notify_notice *notice = flush->notices[index];
    return notice != NULL && (notice->created < flush->now - flush->notify->settings->max_age ||
                              index + NOTIFY_OUTBOX_LIMIT < flush->count);
}

static struct notify_notice *summarise(struct flush *flush, size_t old) {
    struct notify_notice *summary = make_notice(flush->notify, NULL, flush->now);
    int severity = NOTIFY_INFO;
    for (size_t i = 0; i < flush->count; i++)
        if (is_old(flush, i) && flush->notices[i]->message->severity > severity)
            severity = flush->notices[i]->message->severity;
    char *title = xasprintf("%zu notice%s could not be sent in time", old, old == 1 ? "" : "s");
    summary->message = notify_message_new((enum notify_severity)severity, title);
    free(title);
    notify_message_section(summary->message, "", 0);
    size_t shown = 0;
    for (size_t i = 0; i < flush->count; i++) {
        if (!is_old(flush, i))
            continue;
        const struct notify_notice *notice = flush->notices[i];
        strings_add(&summary->replaces, notice->id);
        if (shown++ < SUMMARY_LINES)
            notify_message_line(summary->message, "%s %s: %s", notice->at, notify_message_severity(notice->message),
                                notice->message->title);
    }
    if (old > SUMMARY_LINES)
        notify_message_more(summary->message, (int64_t)(old - SUMMARY_LINES),
                            "... {more} more; their texts are in the state directory, in outbox/old");
    return summary;
}

/* Puts what is too old, or too much, into one summary, which is on disk before any of it is moved. */
static void gather_old(struct flush *flush) {
    size_t old = 0;
    bool summaries_only = true;
    for (size_t i = 0; i < flush->count; i++) {
        if (!is_old(flush, i))
            continue;
        if (flush->notices[i]->attempting != 0 && flush->notices[i]->attempting_via != NOTIFY_WEBHOOK &&
            flush->notices[i]->attempting_via != NOTIFY_COMMAND) {
            set_aside(flush, i, NOTIFY_UNKNOWN, "the outcome of its attempt could not be found out in time");
            continue;
        }
        old++;
        summaries_only = summaries_only && flush->notices[i]->replaces.count > 0;
    }
    /* A lone summary says all that a summary of it could say. */
    if (old == 0 || flush->stopped || (old == 1 && summaries_only))
        return;
    struct notify_notice *summary = summarise(flush, old);
    int status = notify_outbox_save(&flush->notify->outbox, summary);
    if (status != 0) {
        set_status(flush, status);
        notify_notice_free(summary);
        return;
    }
    flush->notices = xgrow(flush->notices, flush->count, sizeof(struct notify_notice *));
    flush->notices[flush->count++] = summary;
    move_replaced(flush);
}

/* --- What is due --- */

static bool is_ahead(const struct flush *flush, int64_t moment) {
    int64_t now = now_of(flush);
    return moment > now && moment <= now + CLOCK_JUMP;
}

/* A rate limit is the account's or the channel's, so it holds for all notices. */
static bool is_held(const struct flush *flush) {
    for (size_t i = 0; i < flush->count; i++)
        if (flush->notices[i] != NULL && flush->notices[i]->held && is_ahead(flush, flush->notices[i]->not_before))
            return true;
    return false;
}

static bool is_due(const struct flush *flush, const struct notify_notice *notice) {
    if (notice == NULL || is_ahead(flush, notice->not_before))
        return false;
    bool asks_room = notice->attempting != 0 && notice->attempting_via == NOTIFY_CHATWORK;
    return !asks_room || !is_ahead(flush, notice->attempting + SETTLING);
}

static bool is_quiet_now(const struct notify_settings *settings, int64_t now) {
    time_t seconds = (time_t)(now / 1000);
    struct tm fields;
    if (settings->quiet_hours == NULL || localtime_r(&seconds, &fields) == NULL)
        return false;
    return notify_is_quiet(settings->quiet_hours, fields.tm_hour * 60 + fields.tm_min) == 1;
}

/* --- Outcomes --- */

/* Notes on disk that a notice waits for a later attempt. `unsure`: the mark of the attempt stays. */
static void keep(struct flush *flush, struct notify_notice *notice, const struct notify_attempt *attempt, bool unsure) {
    int64_t now = now_of(flush);
    int64_t wait = attempt->wait > 0 ? attempt->wait : notify_backoff(notice->id, notice->attempts);
    notice->attempting = unsure ? notice->attempting : 0;
    notice->held = attempt->outcome == NOTIFY_LIMITED;
    notice->not_before = now + (unsure && wait < SETTLING ? SETTLING : wait);
    free(notice->reason);
    notice->reason = notify_text_clean(text_string(&attempt->reason), KEY_LIMIT, false);
    flush->result.kept++;
    flush->stopped = true;
    struct text next = {0};
    clock_add_local(&next, notice->not_before);
    if (notice->held)
        log_warning("the notice \"%s\" must wait: %s; next attempt from %s on", notice->id, notice->reason,
                    text_string(&next));
    else
        log_error("cannot send the notice \"%s\" (\"%s\"): %s; next attempt from %s on", notice->id,
                  notice->message->title, notice->reason, text_string(&next));
    text_free(&next);
    set_status(flush, attempt->outcome == NOTIFY_REFUSED ? EXIT_ATTENTION : EXIT_UNAVAILABLE);
    int status = notify_outbox_save(&flush->notify->outbox, notice);
    if (status != 0)
        set_status(flush, status);
}

static void finish(struct flush *flush, size_t index) {
    struct notify_notice *notice = flush->notices[index];
    flush->result.delivered++;
    log_info("the notice \"%s\" (\"%s\") was told", notice->id, notice->message->title);
    /* On a full disk the removal still works, and is enough. */
    int remembered = notify_delivered_add(&flush->notify->outbox, &flush->delivered, notice);
    int removed = notify_outbox_remove(&flush->notify->outbox, notice);
    if (remembered != 0 || removed != 0)
        set_status(flush, EXIT_CANNOT_WRITE);
    leave(flush, index);
}

static void settle(struct flush *flush, size_t index, const struct notify_attempt *attempt) {
    struct notify_notice *notice = flush->notices[index];
    int via = flush->notify->settings->via;
    switch (attempt->outcome) {
    case NOTIFY_DELIVERED:
        finish(flush, index);
        return;
    case NOTIFY_DECLINED:
        set_aside(flush, index, NOTIFY_REJECTED, text_string(&attempt->reason));
        return;
    case NOTIFY_UNSURE:
        if (via == NOTIFY_SLACK) {
            set_aside(flush, index, NOTIFY_UNKNOWN, text_string(&attempt->reason));
            flush->stopped = true;
        } else {
            keep(flush, notice, attempt, via == NOTIFY_CHATWORK);
        }
        return;
    case NOTIFY_FAILED:
    case NOTIFY_LIMITED:
    case NOTIFY_REFUSED:
    case NOTIFY_UNHEARD:
        keep(flush, notice, attempt, false);
        return;
    }
}

static int64_t time_for_one(const struct flush *flush) {
    int64_t left = flush->until - clock_monotonic();
    return left < flush->notify->settings->timeout ? left : flush->notify->settings->timeout;
}

/* Deals with an attempt whose outcome is not known. True: the notice may be sent (again). */
static bool resolve(struct flush *flush, size_t index) {
    struct notify_notice *notice = flush->notices[index];
    int via = notice->attempting_via;
    if (via == NOTIFY_WEBHOOK || via == NOTIFY_COMMAND)
        return true;
    if (via != NOTIFY_CHATWORK || flush->notify->settings->via != NOTIFY_CHATWORK) {
        set_aside(flush, index, NOTIFY_UNKNOWN,
                  "an attempt was cut short, and nothing can be asked whether it arrived");
        return false;
    }
    struct notify_attempt attempt = {0};
    bool send = false;
    notify_courier_look_up(&flush->courier, notice, time_for_one(flush), now_of(flush), &attempt);
    if (attempt.outcome == NOTIFY_DELIVERED)
        finish(flush, index);
    else if (attempt.outcome == NOTIFY_UNSURE)
        set_aside(flush, index, NOTIFY_UNKNOWN, text_string(&attempt.reason));
    else if (attempt.outcome == NOTIFY_FAILED)
        send = true;
    else
        keep(flush, notice, &attempt, true);
    text_free(&attempt.reason);
    return send;
}

static void tell(struct flush *flush, size_t index) {
    struct notify_notice *notice = flush->notices[index];
    if (notice->attempting != 0 && !resolve(flush, index))
        return;
    int64_t timeout = time_for_one(flush);
    flush->stopped = flush->stopped || timeout < LEAST_TIME;
    if (flush->stopped)
        return;
    flush->left--;
    notice->attempting = now_of(flush);
    notice->attempting_via = flush->notify->settings->via;
    notice->attempts++;
    /* Without the mark, a crash from here on could tell it twice. */
    int status = notify_outbox_save(&flush->notify->outbox, notice);
    if (status != 0) {
        set_status(flush, status);
        return;
    }
    struct notify_attempt attempt = {0};
    notify_courier_send(&flush->courier, notice, timeout, now_of(flush), &attempt);
    settle(flush, index, &attempt);
    text_free(&attempt.reason);
}

static void tell_due(struct flush *flush) {
    for (size_t i = 0; i < flush->count && flush->left > 0 && !flush->stopped; i++) {
        if (!is_due(flush, flush->notices[i]))
            continue;
        if (interrupt_requested()) {
            set_status(flush, EXIT_LATER);
            return;
        }
        if (flush->until - clock_monotonic() < LEAST_TIME)
            return;
        /* Two with one key may have been waiting side by side. */
        if (notify_delivered_has(&flush->delivered, flush->notices[i]))
            drop_told(flush);
        else
            tell(flush, i);
    }
}

/* Everything between lock and unlock. */
static int flush_outbox(struct flush *flush) {
    const struct notify_settings *settings = flush->notify->settings;
    int loaded = notify_outbox_load(&flush->notify->outbox, &flush->notices, &flush->count, &flush->result.damaged);
    if (loaded != 0)
        set_status(flush, loaded);
    if (flush->result.damaged > 0)
        set_status(flush, EXIT_ATTENTION);
    if (flush->count == 0)
        return loaded;
    int status = notify_delivered_load(&flush->notify->outbox, &flush->delivered);
    if (status != 0)
        return status;
    drop_told(flush);
    move_replaced(flush);
    gather_old(flush);
    flush->result.quiet = is_quiet_now(settings, flush->now);
    bool any = false;
    for (size_t i = 0; i < flush->count && !any; i++)
        any = is_due(flush, flush->notices[i]);
    if (!any || flush->result.quiet || flush->stopped || is_held(flush))
        return 0;
    status = notify_courier_open(&flush->courier, settings);
    if (status == 0)
        tell_due(flush);
    notify_courier_close(&flush->courier);
    return status;
}

int notify_flush(struct notify *notify, const struct notify_budget *budget, struct notify_result *result) {
    int64_t time_budget = budget->time > 0 ? budget->time : TIME_BUDGET;
    struct flush flush = {.notify = notify,
                          .began = clock_monotonic(),
                          .now = budget->now,
                          .left = budget->count > 0 ? budget->count : notify->settings->max_messages_per_run};
    flush.until = flush.began + time_budget;
    if (result != NULL)
        *result = (struct notify_result){0};
    if (notify->settings->via == NOTIFY_NONE)
        return 0;
    if (interrupt_requested())
        return fail(EXIT_LATER, "asked to stop; notices wait in \"%s\"", notify->outbox.directory);
    int status = notify_outbox_lock(&notify->outbox, time_budget);
    if (status != 0)
        return status;
    status = flush_outbox(&flush);
    notify_outbox_unlock(&notify->outbox);
    for (size_t i = 0; i < flush.count; i++)
        flush.result.waiting += flush.notices[i] != NULL;
    notify_outbox_release(flush.notices, flush.count);
    notify_delivered_free(&flush.delivered);
    if (result != NULL)
        *result = flush.result;
    return status != 0 ? status : flush.status;
}
