/* The three forms of a log line, what gets through at which level, and that no text of unknown origin can forge a line. */
#include <pty.h>

#include "support.h"

static void listen(void *context, enum log_level level, bool hint, const char *message) {
    text_printf(context, "<%d%s %s>", (int)level, hint ? " hint" : "", message);
}

static int reset(void **state) {
    (void)state;
    log_listen(NULL, NULL);
    log_around(NULL, NULL);
    log_set_run("");
    unsetenv("JOURNAL_STREAM");
    unsetenv("NO_COLOR");
    log_start("nightshift", LOG_LEVEL_WARNING);
    return 0;
}

static char *said_at(enum log_level level) {
    struct capture capture = capture_start();
    log_start("job", level);
    log_error("an error");
    log_hint("a hint");
    log_warning("a warning");
    log_info("an info");
    log_debug("a detail");
    return capture_end(&capture);
}

static void each_level_lets_the_graver_ones_through(void **state) {
    (void)state;
    static const char *const messages[] = {"an error", "a warning", "an info", "a detail"};
    for (int level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        char *said = said_at((enum log_level)level);
        assert_contains(said, "a hint");
        for (int i = 0; i < 4; i++)
            check_contains(said, messages[i], i <= level, __FILE__, __LINE__);
        free(said);
    }
}

static void a_line_for_collectors_is_logfmt(void **state) {
    (void)state;
    struct capture capture = capture_start();
    log_start("count-categories", LOG_LEVEL_WARNING);
    log_set_run("0197-run");
    log_error("cannot read \"%s\": %s", "a\\b", "no");
    log_hint("chmod 600 x");
    char *said = capture_end(&capture);
    assert_memory_equal(said, "ts=2", 4);
    assert_contains(said, " level=error job=count-categories run=0197-run msg=\"cannot read \\\"a\\\\b\\\": no\"\n");
    assert_contains(said, " level=error job=count-categories run=0197-run hint=\"chmod 600 x\"\n");
    free(said);
}

static void hostile_text_stays_in_its_line_and_quotes(void **state) {
    (void)state;
    struct capture capture = capture_start();
    log_start("job", LOG_LEVEL_WARNING);
    log_error("%s", "x\nts=1 level=info msg=\"forged\"\033[2J\xE2\x80\xAE\xFF");
    char *said = capture_end(&capture);
    assert_contains(said, "msg=\"x\\x0Ats=1 level=info msg=\\\"forged\\\"\\x1B[2J\\xE2\\x80\\xAE\\xFF\"\n");
    assert_ptr_equal(strchr(said, '\n'), said + strlen(said) - 1);
    free(said);
}

static void an_endless_message_is_cut(void **state) {
    (void)state;
    char *endless = xcalloc(1, 100001);
    memset(endless, 'x', 100000);
    struct capture capture = capture_start();
    log_start("job", LOG_LEVEL_WARNING);
    log_error("%s", endless);
    char *said = capture_end(&capture);
    assert_in_range(strlen(said), 8000, 9000);
    assert_contains(said, "x\"\n");
    free(said);
    free(endless);
}

static void the_journal_gets_priorities(void **state) {
    (void)state;
    struct capture capture = capture_start();
    struct stat info;
    fstat(STDERR_FILENO, &info);
    char *stream = xasprintf("%ju:%ju", (uintmax_t)info.st_dev, (uintmax_t)info.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    log_start("job", LOG_LEVEL_DEBUG);
    log_error("e");
    log_warning("w");
    log_info("i");
    log_debug("d");
    char *said = capture_end(&capture);
    static const char *const starts[] = {"<3>ts=", "\n<4>ts=", "\n<6>ts=", "\n<7>ts="};
    for (size_t i = 0; i < LENGTH_OF(starts); i++)
        assert_contains(said, starts[i]);
    free(said);
    free(stream);
}

static void another_journal_is_not_ours(void **state) {
    (void)state;
    setenv("JOURNAL_STREAM", "1:2", 1);
    char *said = said_at(LOG_LEVEL_ERROR);
    assert_memory_equal(said, "ts=", 3);
    free(said);
}

/* Logs on a pseudo terminal and returns what appears there. */
static char *said_on_terminal(void) {
    int master = -1;
    int slave = -1;
    char seen[1024] = "";
    struct capture capture = capture_start();
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0 || dup2(slave, STDERR_FILENO) < 0)
        abort();
    log_start("job", LOG_LEVEL_INFO);
    bool terminal = log_on_terminal();
    log_error("an %s", "error\a");
    log_hint("a hint");
    log_info("an info");
    free(capture_end(&capture));
    close(slave);
    /* A pseudo terminal hands out a line at a time, and then EIO because nobody has the other end any more. */
    size_t length = 0;
    for (ssize_t got = 0; (got = read(master, seen + length, sizeof seen - 1 - length)) > 0;)
        length += (size_t)got;
    close(master);
    assert_true(terminal);
    return xstrdup(seen);
}

static void a_terminal_gets_readable_lines(void **state) {
    (void)state;
    char *said = said_on_terminal();
    assert_string_equal(said, "job: \033[31merror:\033[0m an error\\x07\r\njob: hint: a hint\r\njob: an info\r\n");
    free(said);
    setenv("NO_COLOR", "1", 1);
    said = said_on_terminal();
    assert_string_equal(said, "job: error: an error\\x07\r\njob: hint: a hint\r\njob: an info\r\n");
    free(said);
}

static void a_listener_hears_errors_hints_and_warnings_at_any_level(void **state) {
    (void)state;
    struct text heard = {0};
    log_listen(listen, &heard);
    free(said_at(LOG_LEVEL_ERROR));
    log_listen(NULL, NULL);
    assert_string_equal(text_string(&heard), "<0 an error><0 hint a hint><1 a warning>");
    text_free(&heard);
}

/* The record is JSON: a message that is not UTF-8 would be lost there, and with it the reason of the failure. */
static void a_listener_hears_only_printable_text(void **state) {
    (void)state;
    struct text heard = {0};
    struct capture capture = capture_start();
    log_listen(listen, &heard);
    log_error("table \"%s\"", "caf\xE9\n");
    log_listen(NULL, NULL);
    free(capture_end(&capture));
    assert_string_equal(text_string(&heard), "<0 table \"caf\\xE9\\x0A\">");
    text_free(&heard);
}

static int steps;

static void step_aside(void) {
    steps = steps * 10 + 1;
}

static void step_back(void) {
    steps = steps * 10 + 2;
}

static void a_progress_bar_can_step_aside(void **state) {
    (void)state;
    steps = 0;
    log_around(step_aside, step_back);
    struct capture capture = capture_start();
    log_error("x");
    log_debug("not written");
    free(capture_end(&capture));
    assert_int_equal(steps, 12);
}

static void failing_returns_the_status(void **state) {
    (void)state;
    struct capture capture = capture_start();
    int status = fail(EXIT_UNAVAILABLE, "cannot connect to \"%s\"", "db");
    char *said = capture_end(&capture);
    assert_int_equal(status, EXIT_UNAVAILABLE);
    assert_contains(said, "cannot connect to");
    free(said);
}

static void results_appear_before_the_message_that_follows_them(void **state) {
    (void)state;
    struct capture capture = capture_start();
    FILE *old = stdout;
    stdout = fdopen(dup(STDERR_FILENO), "w");
    printf("a result\n");
    log_error("an error");
    fclose(stdout);
    stdout = old;
    char *said = capture_end(&capture);
    assert_memory_equal(said, "a result\n", 9);
    free(said);
}

#define log_test(function) cmocka_unit_test_setup_teardown(function, reset, reset)

int main(void) {
    const struct CMUnitTest tests[] = {
        log_test(each_level_lets_the_graver_ones_through),
        log_test(a_line_for_collectors_is_logfmt),
        log_test(hostile_text_stays_in_its_line_and_quotes),
        log_test(an_endless_message_is_cut),
        log_test(the_journal_gets_priorities),
        log_test(another_journal_is_not_ours),
        log_test(a_terminal_gets_readable_lines),
        log_test(a_listener_hears_errors_hints_and_warnings_at_any_level),
        log_test(a_listener_hears_only_printable_text),
        log_test(a_progress_bar_can_step_aside),
        log_test(failing_returns_the_status),
        log_test(results_appear_before_the_message_that_follows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
