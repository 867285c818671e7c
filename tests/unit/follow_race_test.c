/* Exactly once, while others rotate, empty and swap the table in the middle of our run. On the server of slow_log_server.h. */
#include "slow_log_server.h"

static pid_t other;

/* Another process rotates: it has to wait until our statement is over. */
static void rotate_meanwhile(const struct slow_row *row) {
    (void)row;
    if (other != 0)
        return;
    fflush(NULL);
    other = fork();
    if (other == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        rotate_by_hand();
        _exit(0);
    }
    AWAIT(running(&fixture.server, "%RENAME TABLE mysql.slow\\_log TO%") > 0);
}

static void test_rotated_while_we_read(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    padding = 10000;
    craft(SLOW_LIVE, 1, 3000);
    other = 0;
    reader.on_row = rotate_meanwhile;
    run_well(&reader);
    assert_int_equal(waitpid(other, NULL, 0), other);
    log_queries(3001, 3002);
    run_well(&reader);
    assert_read(1, 3002, 1);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

/* --- before any statement --- */

static int statements;
static int chosen;
static void (*interference)(void);

static void interfere(const char *sql) {
    (void)sql;
    if (++statements == chosen)
        interference();
}

static void rotate_and_log(void) {
    rotate_by_hand();
    log_queries(8, 8);
}

static void empty_and_log(void) {
    root("TRUNCATE mysql.slow_log");
    log_queries(8, 8);
}

/* A run in which something happens before its statement number `at`, and two more. False if it has no such statement. */
static bool run_with(struct reader *reader, int at, void (*what)(void)) {
    statements = 0;
    chosen = at;
    interference = what;
    before_statement = interfere;
    run_well(reader);
    before_statement = NULL;
    bool happened = statements >= at;
    log_queries(9, 9);
    run_well(reader);
    run_well(reader);
    return happened;
}

static void test_rotated_before_any_statement(void **state) {
    (void)state;
    for (int begun = 0; begun < 2; begun++) {
        bool happened = true;
        int at = 1;
        for (; happened; at++) {
            struct reader reader = new_reader(WATCH_POSITION);
            clean_slate(NULL);
            if (begun == 1)
                craft(SLOW_LIVE, 1, 5);
            run_well(&reader);
            log_queries(begun == 1 ? 6 : 1, 7);
            happened = run_with(&reader, at, rotate_and_log);
            assert_read(1, 7, 1);
            assert_read(8, 8, happened ? 1 : 0);
            assert_read(9, 9, 1);
            assert_int_equal(memory->saved.gaps, 0);
            free_reader(&reader);
        }
        print_message("%s: rotated before each of %d statements\n", fixture.kind, at - 2);
        assert_true(at > 10);
    }
}

/* What is lost then is lost: but it is told, and nothing is read twice. */
static void test_emptied_before_any_statement(void **state) {
    (void)state;
    bool happened = true;
    int losses = 0;
    for (int at = 1; happened; at++) {
        struct reader reader = new_reader(WATCH_POSITION);
        clean_slate(NULL);
        craft(SLOW_BACKUP, 100, 105);
        craft(SLOW_LIVE, 1, 5);
        run_well(&reader);
        log_queries(6, 7);
        happened = run_with(&reader, at, empty_and_log);
        bool lost = memory->saved.hits[6] == 0 || memory->saved.hits[7] == 0;
        losses += lost;
        assert_read(1, 5, 1);
        assert_read(6, 7, lost ? 0 : 1);
        assert_read(8, 8, happened ? 1 : 0);
        assert_read(9, 9, 1);
        assert_read(100, 105, 0);
        assert_int_equal(memory->saved.gaps, happened ? 1 : 0);
        free_reader(&reader);
    }
    assert_true(losses > 5);
}

/* --- in two steps --- */

static int failures;

static void put_back_after_failures(const char *sql, int result) {
    if (strstr(sql, "mysql.slow_log ") != NULL && result != 0 && ++failures == 3)
        root("RENAME TABLE mysql.slow_log2 TO mysql.slow_log");
}

static void test_swapped_in_two_steps(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    run_well(&reader);
    root("CREATE TABLE mysql.slow_log2 LIKE mysql.slow_log; SET GLOBAL slow_query_log = 0; RENAME TABLE mysql.slow_log "
         "TO mysql.slow_log_backup");
    failures = 0;
    after_statement = put_back_after_failures;
    run_well(&reader);
    after_statement = NULL;
    assert_int_equal(failures, 3);
    assert_read(1, 5, 1);
    assert_false(reader.result.gap);
    /* And if nobody puts one in its place. */
    root("RENAME TABLE mysql.slow_log TO mysql.slow_log2");
    forget_log();
    assert_int_equal(run_reader(&reader), EXIT_UNAVAILABLE);
    assert_logged("error: cannot read mysql.slow_log on ");
    assert_logged("hint: whoever rotates it must put an empty one in its place");
    root("RENAME TABLE mysql.slow_log2 TO mysql.slow_log");
    free_reader(&reader);
}

int main(void) {
    end_when_it_hangs();
    const struct CMUnitTest tests[] = {
        slow_test(test_rotated_while_we_read),
        slow_test(test_rotated_before_any_statement),
        slow_test(test_emptied_before_any_statement),
        slow_test(test_swapped_in_two_steps),
    };
    return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
