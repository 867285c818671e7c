/* The [notify] section. */
#include <stdlib.h>
#include <string.h>

#include "nightshift/web/http.h"
#include "nightshift/web/notify.h"
#include "nightshift/web/notify_send.h"
#include "nightshift/web/notify_text.h"

#define AT(member) offsetof(struct notify_settings, member)

static const struct setting settings[] = {
    {.key = "via",
     .type = SETTING_CHOICE,
     .offset = AT(via),
     .fallback = "none",
     .choices = "none|chatwork|slack|webhook|command",
     .help = "How people are told: a ChatWork room, a Slack incoming webhook, a webhook that takes JSON, or a command "
             "that gets the text on its stdin."},
    {.key = "chatwork_room",
     .type = SETTING_TEXT,
     .offset = AT(chatwork_room),
     .help = "The room's number: the digits after #!rid in its address."},
    {.key = "chatwork_token_file",
     .type = SETTING_PATH,
     .offset = AT(chatwork_token_file),
     .help = "File with the API token and nothing else, mode 0600. Give the bot an account of its own: a token can do "
             "all that its account can, and shares the account's limit of requests."},
    {.key = "chatwork_url",
     .type = SETTING_TEXT,
     .offset = AT(chatwork_url),
     .fallback = "https://api.chatwork.com/v2",
     .help = "Base of the API."},
    {.key = "to",
     .type = SETTING_LIST,
     .offset = AT(to),
     .help = "ChatWork accounts to mention in each notice, by number, or all. At most 10."},
    {.key = "slack_url_file",
     .type = SETTING_PATH,
     .offset = AT(slack_url_file),
     .help = "File with the webhook's URL and nothing else, mode 0600: whoever knows it can post."},
    {.key = "webhook_url",
     .type = SETTING_TEXT,
     .offset = AT(webhook_url),
     .flags = SETTING_SECRET,
     .help = "URL that notices are posted to as JSON. A notice may arrive twice, with the same Idempotency-Key."},
    {.key = "webhook_header_file",
     .type = SETTING_PATH,
     .offset = AT(webhook_header_file),
     .help = "File with headers to send along, one \"Name: value\" to a line, such as Authorization; mode 0600."},
    {.key = "command",
     .type = SETTING_TEXT,
     .offset = AT(command),
     .help = "Absolute path of a program that is run without arguments and without a shell, with the text on its stdin "
             "and the notice's id in NIGHTSHIFT_NOTICE_ID. Exit code 0 means told; after any other, and after the "
             "timeout, it is run again later."},
    {.key = "quiet_hours",
     .type = SETTING_TEXT,
     .offset = AT(quiet_hours),
     .help = "Time of day in which nobody is told, such as 22:00-07:00, in the suite's time zone. Notices wait."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(timeout),
     .fallback = "10s",
     .min = 100,
     .max = 120000,
     .help = "How long one attempt may take."},
    {.key = "max_messages_per_run",
     .type = SETTING_INTEGER,
     .offset = AT(max_messages_per_run),
     .fallback = "1",
     .min = 1,
     .max = 10,
     .help = "Notices sent by one run; the rest waits for the next one. ChatWork allows 10 in 10 seconds to a room."},
    {.key = "max_length",
     .type = SETTING_INTEGER,
     .offset = AT(max_length),
     .fallback = "4000",
     .min = NOTIFY_TEXT_LEAST,
     .max = NOTIFY_TEXT_MOST,
     .help = "Characters of a chat message. What is beyond is counted in its last line."},
    {.key = "max_age",
     .type = SETTING_DURATION,
     .offset = AT(max_age),
     .fallback = "3d",
     .min = 60000,
     .max = INT64_C(365) * 86400000,
     .help = "Notices that could not be sent for so long are told together, by their titles."},
    {.key = NULL},
};

static bool is_number(const char *string) {
    size_t length = strlen(string);
    return length > 0 && length <= 12 && strspn(string, "0123456789") == length;
}

static bool is_url(const char *url) {
    char *host = http_host(url);
    bool good = strncmp(url, "http", 4) == 0 && *host != '(';
    free(host);
    return good;
}

static char *check_chatwork(const struct notify_settings *values) {
    if (values->chatwork_room == NULL || values->chatwork_token_file == NULL)
        return xstrdup("via = chatwork needs \"chatwork_room\" and \"chatwork_token_file\"");
    if (!is_number(values->chatwork_room))
        return xstrdup("\"chatwork_room\" must be a number");
    if (!is_url(values->chatwork_url))
        return xstrdup("\"chatwork_url\" must be a URL that begins with https");
    if (values->to.count > NOTIFY_TO_LIMIT)
        return xasprintf("\"to\" takes at most %d accounts", NOTIFY_TO_LIMIT);
    for (size_t i = 0; i < values->to.count; i++)
        if (!is_number(values->to.items[i]) && strcmp(values->to.items[i], "all") != 0)
            return xstrdup("\"to\" takes account numbers, or all");
    return NULL;
}

/* Combinations; of what another way of telling would need, nothing is asked. */
static char *check(const void *pointer) {
    const struct notify_settings *values = pointer;
    if (values->quiet_hours != NULL && notify_is_quiet(values->quiet_hours, 0) < 0)
        return xstrdup("\"quiet_hours\" must be two different times such as 22:00-07:00");
    switch ((enum notify_via)values->via) {
    case NOTIFY_NONE:
        break;
    case NOTIFY_CHATWORK:
        return check_chatwork(values);
    case NOTIFY_SLACK:
        if (values->slack_url_file == NULL)
            return xstrdup("via = slack needs \"slack_url_file\"");
        break;
    case NOTIFY_WEBHOOK:
        if (values->webhook_url == NULL)
            return xstrdup("via = webhook needs \"webhook_url\"");
        if (!is_url(values->webhook_url))
            return xstrdup("\"webhook_url\" must be a URL that begins with https or http");
        break;
    case NOTIFY_COMMAND:
        if (values->command == NULL || values->command[0] != '/')
            return xstrdup("via = command needs \"command\", an absolute path");
        break;
    }
    return NULL;
}

const struct section notify_section = {
    .name = "notify",
    .size = sizeof(struct notify_settings),
    .settings = settings,
    .help = "Notices to people: slow queries, refusals, failures. They wait in state_dir/outbox until they are told.",
    .check = check,
};

/* "HH:MM" as minutes, or -1. */
static int parse_minute(const char *at) {
    static const char digits[] = "0123456789";
    if (strspn(at, digits) != 2 || at[2] != ':' || strspn(at + 3, digits) != 2)
        return -1;
    int hour = (at[0] - '0') * 10 + (at[1] - '0');
    int minute = (at[3] - '0') * 10 + (at[4] - '0');
    return hour < 24 && minute < 60 ? hour * 60 + minute : -1;
}

int notify_is_quiet(const char *hours, int minute) {
    if (strlen(hours) != strlen("22:00-07:00") || hours[5] != '-')
        return -1;
    int begin = parse_minute(hours);
    int end = parse_minute(hours + 6);
    if (begin < 0 || end < 0 || begin == end)
        return -1;
    /* A span that ends before it begins goes on across midnight. */
    return begin < end ? minute >= begin && minute < end : minute >= begin || minute < end;
}
