/* Exactly once: the position through everything that others do to the table. On the server of slow_log_server.h. */
#include "slow_log_server.h"

static void assert_gap(const struct reader *reader, const char *part) {
    assert_true(reader->result.gap);
    if (strstr(reader->result.gap_reason, part) == NULL)
        fail_msg("\"%s\" is not in: %s", part, reader->result.gap_reason);
}

static void test_reads_on_where_it_left(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    log_queries(6, 8);
    run_well(&reader);
    assert_read(1, 8, 1);
    int64_t rows = reader.position.rows;
    assert_int_equal(rows, count("SELECT COUNT(*) FROM mysql.slow_log"));
    int commits = memory->commits;
    run_well(&reader);
    assert_int_equal(reader.result.rows, 0);
    assert_int_equal(reader.position.rows, rows);
    assert_int_equal(memory->commits, commits + 1); /* run_reader()'s own: a minute without rows writes nothing */
    log_queries(9, 11);
    run_well(&reader);
    assert_read(1, 11, 1);
    assert_read(12, 100, 0);
    assert_int_equal(reader.result.backlog, 0);
    assert_false(reader.result.gap || reader.result.rotated || reader.result.advise_rotation);
    free_reader(&reader);
}

static void test_empty_table(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    run_well(&reader);
    run_well(&reader);
    assert_int_equal(reader.result.rows, 0);
    root("TRUNCATE mysql.slow_log");
    log_queries(1, 2);
    run_well(&reader);
    assert_read(1, 2, 1);
    assert_false(reader.result.gap);
    free_reader(&reader);
}

static void test_identical_rows_count_each(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    struct text rows = {0};
    for (int i = 0; i < 10; i++)
        text_printf(&rows,
                    "%s('2018-02-15 11:38:53', 'app[app] @ localhost []', '00:00:02', '00:00:00', 1, 1000, 'shop', 0, "
                    "0, 1, 'SELECT 5 AS marker'%s)",
                    i > 0 ? ", " : "", text_string(&fixture.values));
    rewrite_live(0, rows.data);
    reader.settings.max_rows = 3;
    reader.settings.batch_rows = 2;
    for (int64_t left = 7; left >= 1; left -= 3) {
        run_well(&reader);
        assert_int_equal(reader.result.rows, 3);
        assert_int_equal(reader.result.backlog, left);
    }
    run_well(&reader);
    assert_int_equal(reader.result.rows, 1);
    assert_int_equal(reader.result.backlog, 0);
    run_well(&reader);
    assert_read(5, 5, 10);
    text_free(&rows);
    free_reader(&reader);
}

static void test_limits(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 2500);
    reader.settings.max_rows = 1000;
    reader.settings.batch_rows = 300;
    reader.no_time = true;
    run_well(&reader);
    assert_int_equal(reader.result.rows, 0);
    assert_int_equal(reader.result.backlog, 2500);
    reader.no_time = false;
    int commits = memory->commits;
    run_well(&reader);
    assert_read(1, 1000, 1);
    assert_read(1001, 2500, 0);
    assert_int_equal(reader.result.backlog, 1500);
    assert_int_equal(memory->commits - commits, 4 + 1);
    run_well(&reader);
    assert_int_equal(reader.result.backlog, 500);
    run_well(&reader);
    assert_int_equal(reader.result.backlog, 0);
    assert_read(1, 2500, 1);
    free_reader(&reader);
}

static int naps;

static void run_out_of_time(const struct slow_row *row) {
    (void)row;
    if (naps++ == 0)
        clock_sleep(1200);
}

/* Time runs out in the middle of a stream: what was read is kept, and the statement is ended. */
static void test_no_batch_begins_when_time_is_up(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 3000);
    naps = 0;
    reader.time = 1000;
    reader.settings.batch_rows = 1;
    reader.on_row = run_out_of_time;
    run_well(&reader);
    assert_true(reader.result.rows <= 1);
    assert_int_equal(reader.result.backlog, 3000 - reader.result.rows);
    reader.on_row = NULL;
    reader.time = 0;
    reader.settings.batch_rows = 1000;
    run_well(&reader);
    assert_read(1, 3000, 1);
    free_reader(&reader);
}

static void test_truncation_is_a_gap(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    run_well(&reader);
    root("TRUNCATE mysql.slow_log");
    log_queries(6, 7);
    run_well(&reader);
    assert_gap(&reader,
               "mysql.slow_log was emptied or replaced, and rows may be lost; it was last read to its end at ");
    assert_read(1, 7, 1);
    run_well(&reader);
    assert_false(reader.result.gap);
    /* And when it has more rows than before by the time we look. */
    craft(SLOW_LIVE, 10, 40);
    run_well(&reader);
    assert_gap(&reader, "emptied or replaced");
    assert_read(10, 40, 1);
    /* And none. */
    root("TRUNCATE mysql.slow_log");
    run_well(&reader);
    assert_gap(&reader, "emptied or replaced");
    run_well(&reader);
    assert_false(reader.result.gap);
    assert_int_equal(memory->saved.gaps, 3);
    free_reader(&reader);
}

static void test_rotation_by_others_loses_nothing(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    run_well(&reader);
    log_queries(6, 7);
    rotate_by_hand();
    log_queries(8, 8);
    run_well(&reader);
    assert_read(1, 8, 1);
    assert_false(reader.result.gap);
    /* Of a table of which nothing was read yet. */
    rotate_by_hand();
    run_well(&reader);
    assert_int_equal(reader.position.rows, 0);
    log_queries(9, 10);
    rotate_by_hand();
    log_queries(11, 11);
    run_well(&reader);
    assert_read(1, 11, 1);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

static void test_rotated_table_is_read_in_parts(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.settings.max_rows = 10;
    craft(SLOW_LIVE, 1, 25);
    run_well(&reader);
    rotate_by_hand();
    log_queries(26, 27);
    run_well(&reader);
    assert_read(1, 20, 1);
    assert_int_equal(reader.result.backlog, 5 + count("SELECT COUNT(*) FROM mysql.slow_log"));
    for (int i = 0; i < 3; i++)
        run_well(&reader);
    assert_read(1, 27, 1);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

static void test_double_rotation_is_a_gap(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    run_well(&reader);
    log_queries(6, 6);
    rotate_by_hand();
    log_queries(7, 7);
    rotate_by_hand();
    log_queries(8, 8);
    run_well(&reader);
    assert_gap(&reader, "emptied or replaced");
    assert_read(1, 5, 1);
    assert_read(6, 6, 0);
    assert_read(7, 8, 1);
    run_well(&reader);
    assert_read(7, 8, 1);
    assert_int_equal(memory->saved.gaps, 1);
    free_reader(&reader);
}

static void test_old_backup_is_never_read_again(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_BACKUP, 100, 105); /* from before our time */
    craft(SLOW_LIVE, 1, 5);
    run_well(&reader);
    root("TRUNCATE mysql.slow_log");
    log_queries(6, 6);
    run_well(&reader);
    assert_gap(&reader, "emptied");
    assert_read(100, 105, 0);
    rotate_by_hand();
    run_well(&reader);
    assert_false(reader.result.gap);
    for (int i = 7; i < 10; i++) {
        log_queries(i, i);
        run_well(&reader);
        root("TRUNCATE mysql.slow_log");
        run_well(&reader);
        assert_gap(&reader, "emptied");
    }
    assert_read(1, 9, 1);
    assert_read(100, 105, 0);
    free_reader(&reader);
}

static void test_generations_that_are_still_there_are_not_forgotten(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.settings.start = WATCH_FROM_END;
    craft(SLOW_DRAIN, 900, 905);
    run_well(&reader);
    for (int i = 1; i <= 2 * LEDGER_DONE_LIMIT; i++) {
        craft(SLOW_LIVE, i, i);
        run_well(&reader);
        rotate_by_hand();
        run_well(&reader);
    }
    assert_read(1, 2 * LEDGER_DONE_LIMIT, 1);
    assert_read(900, 905, 0);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

static void test_start_at_the_end(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.settings.start = WATCH_FROM_END;
    craft(SLOW_LIVE, 1, 50);
    run_well(&reader);
    assert_int_equal(reader.result.rows, 0);
    log_queries(51, 52);
    run_well(&reader);
    assert_read(1, 50, 0);
    assert_read(51, 52, 1);
    free_reader(&reader);
}

static void test_repaired_table_is_not_read_twice(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 10);
    run_well(&reader);
    rewrite_live(6, NULL);
    run_well(&reader);
    assert_gap(&reader, "mysql.slow_log has lost rows that had been read");
    log_queries(11, 11);
    run_well(&reader);
    assert_false(reader.result.gap);
    assert_read(1, 11, 1);
    free_reader(&reader);
}

static void test_table_that_is_put_back_is_not_read_twice(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 10);
    run_well(&reader);
    rotate_by_hand();
    run_well(&reader);
    root("RENAME TABLE mysql.slow_log TO mysql.slow_log2, mysql.slow_log_backup TO mysql.slow_log; DROP TABLE "
         "mysql.slow_log2");
    run_well(&reader);
    assert_gap(&reader, "a table again that had been rotated away");
    log_queries(11, 11);
    run_well(&reader);
    assert_read(1, 11, 1);
    assert_false(reader.result.gap);
    free_reader(&reader);
}

/* Those who have no RENAME: copy, and empty. */
static void test_copy_that_is_then_emptied(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 10);
    root("CREATE TABLE mysql.slow_log_backup LIKE mysql.slow_log; INSERT INTO mysql.slow_log_backup SELECT * FROM "
         "mysql.slow_log");
    run_well(&reader);
    assert_read(1, 10, 1);
    log_queries(11, 12);
    root("DROP TABLE mysql.slow_log_backup; CREATE TABLE mysql.slow_log_backup LIKE mysql.slow_log; INSERT INTO "
         "mysql.slow_log_backup SELECT * FROM mysql.slow_log; TRUNCATE mysql.slow_log");
    run_well(&reader);
    assert_read(1, 12, 1);
    assert_false(reader.result.gap);
    /* The copy made in another time zone has other texts: read as nothing that we know, and too old to be new. */
    craft(SLOW_LIVE, 20, 30);
    run_well(&reader);
    forget_log();
    root("SET time_zone = '-03:00'; DROP TABLE mysql.slow_log_backup; CREATE TABLE mysql.slow_log_backup LIKE "
         "mysql.slow_log; INSERT INTO mysql.slow_log_backup SELECT * FROM mysql.slow_log; SET time_zone = '+09:00'; "
         "UPDATE mysql.slow_log_backup SET start_time = start_time - INTERVAL 12 HOUR; TRUNCATE mysql.slow_log");
    run_well(&reader);
    assert_true(reader.result.gap);
    assert_read(20, 30, 1);
    free_reader(&reader);
}

int main(void) {
    end_when_it_hangs();
    const struct CMUnitTest tests[] = {
        slow_test(test_reads_on_where_it_left),
        slow_test(test_empty_table),
        slow_test(test_identical_rows_count_each),
        slow_test(test_limits),
        slow_test(test_no_batch_begins_when_time_is_up),
        slow_test(test_truncation_is_a_gap),
        slow_test(test_rotation_by_others_loses_nothing),
        slow_test(test_rotated_table_is_read_in_parts),
        slow_test(test_double_rotation_is_a_gap),
        slow_test(test_old_backup_is_never_read_again),
        slow_test(test_generations_that_are_still_there_are_not_forgotten),
        slow_test(test_start_at_the_end),
        slow_test(test_repaired_table_is_not_read_twice),
        slow_test(test_table_that_is_put_back_is_not_read_twice),
        slow_test(test_copy_that_is_then_emptied),
    };
    return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
