/* The progress bar. It redraws at most ten times a second and steps aside for log lines. */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include "nightshift/base/clock.h"
#include "nightshift/base/log.h"
#include "nightshift/base/text.h"
#include "nightshift/run/progress.h"

enum { PATIENCE = 1000, REDRAW = 100, HEARTBEAT = 60000, BAR_WIDTH = 30 };

static struct {
    pthread_mutex_t lock;
    const char *what; /* NULL: none is running */
    int64_t total;
    atomic_int_fast64_t done;
    int64_t began;
    atomic_int_fast64_t next; /* monotonic time of the next sign of life */
    atomic_bool drawn;
} progress = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void put(const struct text *line) {
    if (line->length > 0 && write(STDERR_FILENO, line->data, line->length) < 0)
        progress.drawn = false;
}

static void erase(void) {
    struct text line = {0};
    if (progress.drawn)
        text_add(&line, "\r\033[K");
    progress.drawn = false;
    put(&line);
    text_free(&line);
}

static void describe(struct text *line, int64_t done, int64_t elapsed) {
    int64_t rate = elapsed > 0 ? done * 1000 / elapsed : 0;
    text_printf(line, "%" PRId64, done);
    if (progress.total > 0)
        text_printf(line, " of %" PRId64, progress.total);
    text_printf(line, " %s, %" PRId64 "/s", progress.what, rate);
    if (progress.total > done && rate > 0) {
        text_add(line, ", ");
        clock_add_span(line, (progress.total - done) * 1000 / rate);
        text_add(line, " left");
    }
}

static void draw(int64_t done, int64_t elapsed) {
    struct text line = {0};
    text_add(&line, "\r\033[K");
    if (progress.total > 0) {
        int64_t filled = done * BAR_WIDTH / progress.total;
        for (int64_t i = 0; i < BAR_WIDTH; i++)
            text_add(&line, i < filled ? "#" : ".");
        text_printf(&line, " %3" PRId64 "%% ", done * 100 / progress.total);
    }
    describe(&line, done, elapsed);
    put(&line);
    progress.drawn = true;
    text_free(&line);
}

void progress_start(const char *what, int64_t total) {
    pthread_mutex_lock(&progress.lock);
    progress.what = what;
    progress.total = total;
    atomic_store(&progress.done, 0);
    progress.began = clock_monotonic();
    atomic_store(&progress.next, progress.began + (log_on_terminal() ? PATIENCE : HEARTBEAT));
    log_around(erase, NULL);
    pthread_mutex_unlock(&progress.lock);
}

void progress_add(int64_t done) {
    int64_t sum = atomic_fetch_add(&progress.done, done) + done;
    int64_t now = clock_monotonic();
    if (now < atomic_load(&progress.next))
        return;
    struct text line = {0};
    pthread_mutex_lock(&progress.lock);
    /* Of several threads that came here at once, one draws. */
    bool due = progress.what != NULL && now >= atomic_load(&progress.next);
    bool terminal = log_on_terminal();
    if (due)
        atomic_store(&progress.next, now + (terminal ? REDRAW : HEARTBEAT));
    if (due && terminal)
        draw(sum, now - progress.began);
    else if (due)
        describe(&line, sum, now - progress.began);
    pthread_mutex_unlock(&progress.lock);
    if (line.length > 0)
        log_info("%s", text_string(&line));
    text_free(&line);
}

void progress_end(void) {
    pthread_mutex_lock(&progress.lock);
    erase();
    progress.what = NULL;
    log_around(NULL, NULL);
    pthread_mutex_unlock(&progress.lock);
}
