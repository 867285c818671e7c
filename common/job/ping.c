/* Pings: two URL templates, filled and fetched. The keys of a monitor stand in its URLs, so a message names the host only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/text.h"
#include "nightshift/job/ping.h"
#include "nightshift/web/http.h"

#define AT(member) offsetof(struct ping_settings, member)

static const struct setting settings[] = {
    {.key = "start",
     .type = SETTING_TEXT,
     .offset = AT(start),
     .flags = SETTING_SECRET,
     .help = "URL to fetch when a run begins. {job}, {run_id} and {host} are filled in."},
    {.key = "end",
     .type = SETTING_TEXT,
     .offset = AT(end),
     .flags = SETTING_SECRET,
     .help = "URL to fetch when a run has ended, such as https://hc-ping.com/KEY/{job}/{code}?rid={run_id}. As in "
             "start, and also {code}, the exit code; {result}, its word; and {reason}."},
    {.key = "timeout",
     .type = SETTING_DURATION,
     .offset = AT(timeout),
     .fallback = "5s",
     .min = 100,
     .max = 60000,
     .help = "How long a ping may take."},
    {.key = NULL},
};

const struct section ping_section = {
    .name = "ping",
    .size = sizeof(struct ping_settings),
    .settings = settings,
    .help = "Monitors that are told of every run, such as healthchecks.io, Cronitor, Dead Man's Snitch or one of your "
            "own. Such URLs hold keys, so a file that sets one must be closed to other users (mode 0600).",
};

struct filling {
    const struct ping_event *event;
    char code[16];
    const char *result;
    const char *reason;
};

static const char *lookup(const void *context, const char *name) {
    const struct filling *filling = context;
    const struct {
        const char *name;
        const char *value;
    } fields[] = {{"job", filling->event->job}, {"run_id", filling->event->run_id}, {"host", filling->event->host},
                  {"code", filling->code},      {"result", filling->result},        {"reason", filling->reason}};
    for (size_t i = 0; i < LENGTH_OF(fields); i++)
        if (strcmp(name, fields[i].name) == 0)
            return fields[i].value;
    return NULL;
}

/* What is filled in goes into a URL, so everything but unreserved characters is escaped (RFC 3986, section 2.3). */
static char *escape(const char *value) {
    struct text text = {.limit = 2000};
    for (; *value != '\0'; value++) {
        unsigned char c = (unsigned char)*value;
        bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-._~", c) != NULL;
        text_printf(&text, plain ? "%c" : "%%%02X", c);
    }
    return text_take(&text);
}

static void ping(const struct ping_settings *ping_settings, const char *url_template, const struct filling *filling) {
    struct text url = {.limit = 8192};
    struct http_answer answer = {0};
    text_add_template(&url, url_template, lookup, filling);
    struct http *http = http_new(NULL, NULL);
    const struct http_request request = {.method = HTTP_GET,
                                         .url = text_string(&url),
                                         .connect_timeout = ping_settings->timeout,
                                         .timeout = ping_settings->timeout,
                                         .body_limit = 65536};
    int status = http_request(http, &request, &answer);
    char *host = http_host(text_string(&url));
    if (status != 0)
        log_warning("cannot ping %s: %s", host, text_string(&answer.reason));
    else if (answer.status < 200 || answer.status > 299)
        log_warning("the ping to %s was answered with status %ld", host, answer.status);
    free(host);
    http_answer_free(&answer);
    http_free(http);
    text_free(&url);
}

void ping_start(const struct ping_settings *ping_settings, const struct ping_event *event) {
    const struct filling filling = {.event = event, .code = "", .result = "start", .reason = ""};
    if (ping_settings->start != NULL)
        ping(ping_settings, ping_settings->start, &filling);
}

void ping_end(const struct ping_settings *ping_settings, const struct ping_event *event, int exit_code,
              const char *reason) {
    if (ping_settings->end == NULL)
        return;
    char *escaped = escape(reason != NULL ? reason : "");
    struct filling filling = {.event = event, .result = exit_word(exit_code), .reason = escaped};
    snprintf(filling.code, sizeof filling.code, "%d", exit_code);
    ping(ping_settings, ping_settings->end, &filling);
    free(escaped);
}
