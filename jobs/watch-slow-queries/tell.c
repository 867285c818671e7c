/* Telling once. The ledger is sealed with a key before the notice is posted under it, and settled afterwards. A run that dies between the
 * two leaves sealed groups; the next run posts them again under the same key, which the outbox knows. */
#include "tell.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "history.h"
#include "message.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/suite.h"
#include "page.h"
#include "show.h"

static const char page_name[] = "slow-queries.html";

static void show(const struct watch *watch, const struct findings *findings) {
    const struct watch_options *options = watch->run->options;
    const struct show_input input = {.site = &watch->site,
                                     .rules = &watch->rules,
                                     .gaps = &watch->ledger.gaps,
                                     .now = watch->now,
                                     .samples = watch->settings->samples,
                                     .json = options->json};
    bool wanted = options->json || watch->run->dry_run || watch->run->shared->verbosity > 0 || isatty(STDOUT_FILENO);
    if (wanted)
        show_findings(&input, findings, stdout);
}

static void report(const struct watch *watch, const struct findings *findings, size_t told) {
    struct record *record = watch->run->record;
    int64_t queries = 0;
    for (size_t i = 0; i < findings->count; i++)
        queries += findings->items[i].all.count;
    record_integer(record, "outputs.queries", queries);
    record_integer(record, "outputs.fingerprints", (int64_t)findings->count);
    for (int verdict = VERDICT_NEW; verdict <= VERDICT_MUTED; verdict++) {
        char *path = xasprintf("outputs.%s", verdict_name(verdict));
        record_integer(record, path, (int64_t)findings->of[verdict]);
        free(path);
    }
    record_integer(record, "outputs.told", (int64_t)told);
    record_integer(record, "outputs.gaps", (int64_t)watch->ledger.gaps.count);
}

static int post(struct watch *watch, struct notify *notify, const struct message_input *input) {
    struct notify_message *message = message_make(input);
    if (message == NULL)
        return 0;
    int status = notify_post(notify, message, watch->ledger.sealed, watch->now);
    notify_message_free(message);
    return status;
}

static int seal(struct watch *watch) {
    if (watch->ledger.sealed != NULL)
        return 0;
    watch->ledger.sealed = xasprintf("%s %s", watch->run->job->name, watch->run->id);
    return watch_save(watch);
}

static int settle(struct watch *watch, const struct strings *told) {
    ledger_settle(&watch->ledger, told, watch->rules.today);
    size_t forgotten =
        ledger_forget(&watch->ledger, (size_t)watch->settings->max_fingerprints, watch->now - watch->settings->forget);
    if (forgotten > 0)
        log_debug("forgot %zu fingerprints", forgotten);
    return watch_save(watch);
}

int tell(struct watch *watch, struct notify *notify, bool resumed) {
    const struct watch_options *options = watch->run->options;
    bool nothing = watch->ledger.pending.count == 0 && watch->ledger.gaps.count == 0;
    /* Who asked for a document gets one. */
    if (resumed ? watch->ledger.sealed == NULL : nothing && !options->json)
        return 0;
    struct findings findings = {0};
    struct strings told = {0};
    watch_describe(watch);
    findings_make(&watch->ledger, &watch->rules, &findings);
    const struct message_input input = {
        .settings = watch->settings, .findings = &findings, .gaps = &watch->ledger.gaps, .site = &watch->site};
    message_told(&input, &told);
    report(watch, &findings, told.count);
    /* Whoever started the run that was resumed is gone. */
    if (!resumed)
        show(watch, &findings);
    int status = 0;
    if (!watch->run->dry_run && !nothing) {
        status = seal(watch);
        if (status == 0)
            status = post(watch, notify, &input);
    }
    findings_free(&findings); /* its pointers lead into the ledger, which is changed now */
    if (status == 0 && !watch->run->dry_run && !nothing)
        status = settle(watch, &told);
    strings_free(&told);
    return status;
}

/* Gaps of the last two weeks. Their sentences begin with their time and so compare as text. */
static void recent_gaps(const struct watch *watch, struct strings *out) {
    struct text oldest = {0};
    clock_add_day(&oldest, watch->rules.today - HISTORY_RECENT_DAYS);
    for (size_t i = 0; i < watch->ledger.told_gaps.count; i++)
        if (strcmp(watch->ledger.told_gaps.items[i], text_string(&oldest)) >= 0)
            strings_add(out, watch->ledger.told_gaps.items[i]);
    text_free(&oldest);
}

static int write_page(struct watch *watch, const char *directory) {
    struct text page = {0};
    struct strings gaps = {0};
    watch_describe(watch);
    recent_gaps(watch, &gaps);
    const struct page_input input = {
        .ledger = &watch->ledger, .site = &watch->site, .rules = &watch->rules, .gaps = &gaps, .now = watch->now};
    page_make(&input, &page);
    int status = html_page_write(&page, directory, page_name);
    strings_free(&gaps);
    text_free(&page);
    return status;
}

/* A page that says "read an hour ago" of logs that are read every minute would alarm for nothing. */
enum { PAGE_AGE = 600 };

static bool is_fresh(const char *path, int64_t now) {
    struct stat found;
    return stat(path, &found) == 0 && found.st_mtime <= now / 1000 && found.st_mtime > now / 1000 - PAGE_AGE;
}

int tell_page(struct watch *watch, bool changed) {
    const struct suite_settings *suite = settings_of(watch->run->settings, &suite_section);
    char *path = xasprintf("%s/%s", suite->report_dir, page_name);
    int status = changed || !is_fresh(path, watch->now) ? write_page(watch, suite->report_dir) : 0;
    free(path);
    return status;
}
int tell_history(struct watch *watch) {
    const struct watch_options *options = watch->run->options;
    watch_describe(watch);
    const struct show_input input = {
        .site = &watch->site, .rules = &watch->rules, .now = watch->now, .json = options->json};
    show_history(&input, &watch->ledger, stdout);
    return 0;
}
