/* Progress, which must stay silent where nobody waits and out of the way of log lines where somebody does. */
#include <pthread.h>
#include <pty.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>

#include "support.h"

#include "nightshift/base/clock.h"
#include "nightshift/run/progress.h"

/* A bar appears after a second, and changes ten times a second. */
enum { PATIENCE = 1000, REDRAW = 100 };

static atomic_int_fast64_t time_of_test = 5000; /* milliseconds */

static void pass(int milliseconds) {
    atomic_fetch_add(&time_of_test, milliseconds);
}

/* Stands before the C library's: here the monotonic clock goes on when the test says so. */
__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock != CLOCK_MONOTONIC)
        return (int)syscall(SYS_clock_gettime, clock, now);
    int64_t time = atomic_load(&time_of_test);
    *now = (struct timespec){.tv_sec = time / 1000, .tv_nsec = time % 1000 * 1000000};
    return 0;
}

static void without_a_terminal_it_is_silent(void **state) {
    (void)state;
    struct capture capture = capture_start();
    log_start("job", LOG_LEVEL_DEBUG);
    progress_start("rows", 1000);
    for (int i = 0; i < 1000; i++)
        progress_add(1);
    pass(PATIENCE);
    progress_add(1);
    progress_end();
    char *said = capture_end(&capture);
    assert_string_equal(said, "");
    free(said);
}

static void without_a_beginning_it_does_nothing(void **state) {
    (void)state;
    struct capture capture = capture_start();
    log_start("job", LOG_LEVEL_DEBUG);
    progress_add(5);
    progress_end();
    progress_end();
    char *said = capture_end(&capture);
    assert_string_equal(said, "");
    free(said);
}

static void *add_many(void *unused) {
    (void)unused;
    for (int i = 0; i < 100000; i++)
        progress_add(1);
    return NULL;
}

/* Runs `act` with a pseudo terminal as stderr and returns what appears there; freed by the caller. */
static char *seen_on_terminal(void (*act)(void)) {
    int master = -1;
    int slave = -1;
    struct text seen = {0};
    char block[512];
    struct capture capture = capture_start();
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0 || dup2(slave, STDERR_FILENO) < 0)
        abort();
    log_start("job", LOG_LEVEL_INFO);
    act();
    free(capture_end(&capture));
    close(slave);
    for (ssize_t got = 0; (got = read(master, block, sizeof block)) > 0;)
        text_append(&seen, block, (size_t)got);
    close(master);
    log_start("job", LOG_LEVEL_INFO);
    return text_take(&seen);
}

static void act_short(void) {
    progress_start("rows", 10);
    pass(PATIENCE - 1);
    progress_add(10);
    progress_end();
}

static void act_long(void) {
    progress_start("keys", 400);
    progress_add(99);
    pass(PATIENCE);
    progress_add(1);
    pass(REDRAW - 1);
    progress_add(100); /* too soon to draw again */
    log_info("a line");
    pass(1);
    progress_add(100);
    progress_end();
}

static void act_past_the_total(void) {
    progress_start("keys", 2);
    pass(PATIENCE);
    progress_add(4);
    progress_end();
}

static void act_without_total(void) {
    progress_start("rows", 0);
    pass(PATIENCE);
    progress_add(7);
    progress_end();
}

static void act_in_threads(void) {
    pthread_t threads[4];
    progress_start("rows", 400001);
    for (size_t i = 0; i < LENGTH_OF(threads); i++)
        pthread_create(&threads[i], NULL, add_many, NULL);
    for (size_t i = 0; i < LENGTH_OF(threads); i++)
        pthread_join(threads[i], NULL);
    pass(PATIENCE);
    progress_add(1);
    progress_end();
}

static void what_is_done_at_once_shows_no_bar(void **state) {
    (void)state;
    char *seen = seen_on_terminal(act_short);
    assert_string_equal(seen, "");
    free(seen);
}

static void a_bar_is_erased_for_a_log_line_and_at_the_end(void **state) {
    (void)state;
    char *seen = seen_on_terminal(act_long);
    assert_memory_equal(seen, "\r\033[K#######.......................  25% 100 of 400 keys, ", 50);
    assert_contains(seen, " left\r\033[Kjob: a line\r\n\r\033[K######################........  75% 300 of 400 keys, ");
    assert_lacks(seen, "200 of 400");
    assert_string_equal(seen + strlen(seen) - 4, "\r\033[K");
    free(seen);
}

static void a_bar_does_not_grow_past_its_end(void **state) {
    (void)state;
    char *seen = seen_on_terminal(act_past_the_total);
    assert_contains(seen, "\r\033[K##############################");
    assert_lacks(seen, "###############################");
    assert_lacks(seen, "left");
    free(seen);
}

static void an_unknown_total_shows_no_bar(void **state) {
    (void)state;
    char *seen = seen_on_terminal(act_without_total);
    assert_memory_equal(seen, "\r\033[K7 rows, ", 12);
    assert_lacks(seen, "%");
    free(seen);
}

static void several_threads_add_up(void **state) {
    (void)state;
    char *seen = seen_on_terminal(act_in_threads);
    assert_contains(seen, "100% 400001 of 400001 rows, ");
    free(seen);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_terminal_it_is_silent),
        cmocka_unit_test(without_a_beginning_it_does_nothing),
        cmocka_unit_test(what_is_done_at_once_shows_no_bar),
        cmocka_unit_test(a_bar_is_erased_for_a_log_line_and_at_the_end),
        cmocka_unit_test(a_bar_does_not_grow_past_its_end),
        cmocka_unit_test(an_unknown_total_shows_no_bar),
        cmocka_unit_test(several_threads_add_up),
    };
    end_when_it_hangs();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
