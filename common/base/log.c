/* The log: the only global state of the suite. A line is built whole and written with one write(), so that lines of two processes do not
 * mix. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/log.h"
#include "nightshift/base/text.h"

static struct {
    pthread_mutex_t lock; /* workers of a store may log */
    const char *job;
    char *run_id;
    enum log_level level;
    bool terminal;
    bool journal;
    bool colour;
    log_listener *listener;
    void *listener_context;
    void (*before)(void);
    void (*after)(void);
} logger = {.lock = PTHREAD_MUTEX_INITIALIZER, .job = "nightshift", .level = LOG_LEVEL_WARNING, .terminal = true};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int journal_priorities[] = {3, 4, 6, 7}; /* sd-daemon(3) */
static const char *const level_colours[] = {"\033[31m", "\033[33m", "", "\033[2m"};

/* systemd sets JOURNAL_STREAM to "device:inode" of the stream it connected; a redirected stderr is another file. */
static bool stderr_is_journal(void) {
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    if (stream == NULL || fstat(STDERR_FILENO, &status) != 0)
        return false;
    char *ours = xasprintf("%ju:%ju", (uintmax_t)status.st_dev, (uintmax_t)status.st_ino);
    bool same = strcmp(stream, ours) == 0;
    free(ours);
    return same;
}

void log_start(const char *job, enum log_level level) {
    const char *no_colour = getenv("NO_COLOR");
    logger.job = job;
    logger.level = level;
    logger.terminal = isatty(STDERR_FILENO) == 1;
    logger.journal = !logger.terminal && stderr_is_journal();
    logger.colour = logger.terminal && (no_colour == NULL || *no_colour == '\0');
}

void log_set_run(const char *run_id) {
    free(logger.run_id);
    logger.run_id = xstrdup(run_id);
}

bool log_on_terminal(void) {
    return logger.terminal;
}

void log_listen(log_listener *listener, void *context) {
    logger.listener = listener;
    logger.listener_context = context;
}

void log_around(void (*before)(void), void (*after)(void)) {
    logger.before = before;
    logger.after = after;
}

static void add_readable(struct text *line, enum log_level level, bool hint, const char *message) {
    const char *colour = logger.colour ? level_colours[level] : "";
    const char *reset = *colour != '\0' ? "\033[0m" : "";
    text_printf(line, "%s: ", logger.job);
    if (hint)
        text_add(line, "hint: ");
    else if (level != LOG_LEVEL_INFO)
        text_printf(line, "%s%s:%s ", colour, level_names[level], reset);
    text_printf(line, "%s\n", message);
}

static void add_logfmt(struct text *line, enum log_level level, bool hint, const char *message) {
    if (logger.journal)
        text_printf(line, "<%d>", journal_priorities[level]);
    text_add(line, "ts=");
    clock_add_local(line, clock_now());
    text_printf(line, " level=%s job=%s", level_names[level], logger.job);
    if (logger.run_id != NULL)
        text_printf(line, " run=%s", logger.run_id);
    text_add(line, hint ? " hint=\"" : " msg=\"");
    for (const char *c = message; *c != '\0'; c++) {
        if (*c == '"' || (*c == '\\' && c[1] != 'x'))
            text_add(line, "\\");
        text_append(line, c, 1);
    }
    text_add(line, "\"\n");
}

static void write_line(enum log_level level, bool hint, const char *message) {
    struct text line = {0};
    if (logger.terminal)
        add_readable(&line, level, hint, message);
    else
        add_logfmt(&line, level, hint, message);
    /* Results on stdout that were printed before this line shall also appear before it. */
    fflush(stdout);
    if (logger.before != NULL)
        logger.before();
    if (write(STDERR_FILENO, line.data, line.length) < 0 && level == LOG_LEVEL_ERROR)
        logger.level = LOG_LEVEL_ERROR; /* nobody listens; the exit code and the run record still tell */
    if (logger.after != NULL)
        logger.after();
    text_free(&line);
}

static void log_message(enum log_level level, bool hint, const char *format, va_list arguments) {
    struct text raw = {.limit = 8192};
    struct text message = {0};
    text_vprintf(&raw, format, arguments);
    /* The listener's copy ends in a record that must be UTF-8, and so must be clean as well. */
    text_append_printable(&message, text_string(&raw), raw.length);
    pthread_mutex_lock(&logger.lock);
    if (logger.listener != NULL && level <= LOG_LEVEL_WARNING)
        logger.listener(logger.listener_context, level, hint, text_string(&message));
    if (level <= logger.level)
        write_line(level, hint, text_string(&message));
    pthread_mutex_unlock(&logger.lock);
    text_free(&message);
    text_free(&raw);
}

#define LOG_AT(level, hint)                          \
    do {                                             \
        va_list arguments;                           \
        va_start(arguments, format);                 \
        log_message(level, hint, format, arguments); \
        va_end(arguments);                           \
    } while (0)

void log_error(const char *format, ...) {
    LOG_AT(LOG_LEVEL_ERROR, false);
}

void log_warning(const char *format, ...) {
    LOG_AT(LOG_LEVEL_WARNING, false);
}

void log_info(const char *format, ...) {
    LOG_AT(LOG_LEVEL_INFO, false);
}

void log_debug(const char *format, ...) {
    LOG_AT(LOG_LEVEL_DEBUG, false);
}

void log_hint(const char *format, ...) {
    LOG_AT(LOG_LEVEL_ERROR, true);
}

int fail(int status, const char *format, ...) {
    LOG_AT(LOG_LEVEL_ERROR, false);
    return status;
}
