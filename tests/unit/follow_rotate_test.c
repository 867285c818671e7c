/* Modes rotate and rds: nothing is lost or read twice by moving the table away, wherever a run dies. On the server of slow_log_server.h. */
#include "slow_log_server.h"

static struct reader new_rotator(int mode) {
    struct reader reader = new_reader(mode);
    reader.user = "rotator";
    reader.settings.rotate_after = 10;
    return reader;
}

/* Does what Amazon's documentation says of the procedure, and no more: "When the slow log is rotated, the current log table is copied to a
 * backup log table and the entries in the current log table are removed. If the backup log table already exists, then it is deleted before
 * the current log table is copied to the backup." (Amazon RDS User Guide, mysql.rds_rotate_slow_log.) */
static void make_rds_procedure(void) {
    root("DROP PROCEDURE IF EXISTS mysql.rds_rotate_slow_log");
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION sql_log_bin = 0");
    ask(mysql,
        "CREATE PROCEDURE mysql.rds_rotate_slow_log() BEGIN DECLARE logging INT DEFAULT @@sql_log_bin; SET SESSION "
        "sql_log_bin = 0; DROP TABLE IF EXISTS mysql.slow_log_backup; CREATE TABLE mysql.slow_log2 LIKE "
        "mysql.slow_log; RENAME TABLE mysql.slow_log TO mysql.slow_log_backup, mysql.slow_log2 TO "
        "mysql.slow_log; SET SESSION sql_log_bin = logging; END");
    ask(mysql, "GRANT EXECUTE ON PROCEDURE mysql.rds_rotate_slow_log TO watch@'%%'");
    mysql_close(mysql);
}

static void assert_no_leftovers(void) {
    assert_false(table_exists(SLOW_DRAIN) || table_exists(SLOW_NEXT));
    assert_true(table_exists(SLOW_LIVE));
}

static void test_rotates_what_has_grown(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    craft(SLOW_LIVE, 1, 9);
    run_well(&reader);
    assert_false(reader.result.rotated);
    craft(SLOW_LIVE, 11, 30);
    reader.dry_run = true;
    run_well(&reader);
    assert_false(reader.result.rotated);
    assert_int_equal(count("SELECT COUNT(*) FROM mysql.slow_log"), 20);
    free_reader(&reader);
    reader = new_rotator(WATCH_ROTATE);
    run_well(&reader);
    assert_true(reader.result.rotated);
    assert_false(reader.result.gap);
    assert_no_leftovers();
    assert_int_equal(count("SELECT COUNT(*) FROM mysql.slow_log"), 0);
    log_queries(31, 33);
    run_well(&reader);
    assert_false(reader.result.rotated);
    assert_read(11, 33, 1);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

/* --- what comes in between --- */

static const char *trigger; /* the beginning of a statement before which something happens, once */
static void (*happening)(void);
static int happened;

static void happen(const char *sql) {
    if (happened == 0 && strncmp(sql, trigger, strlen(trigger)) == 0) {
        happened++;
        happening();
    }
}

static void arrange(const char *before, void (*what)(void)) {
    trigger = before;
    happening = what;
    happened = 0;
    before_statement = happen;
}

static void log_two(void) {
    log_queries(21, 22);
}

static void test_rows_that_come_before_the_rename_are_drained(void **state) {
    (void)state;
    static const int modes[] = {WATCH_ROTATE, WATCH_RDS};
    make_rds_procedure();
    for (size_t i = 0; i < LENGTH_OF(modes); i++) {
        struct reader reader = new_rotator(modes[i]);
        craft(SLOW_LIVE, 1, 20);
        arrange(modes[i] == WATCH_RDS ? "CALL mysql.rds_rotate_slow_log" : "RENAME TABLE", log_two);
        run_well(&reader);
        assert_int_equal(happened, 1);
        assert_true(reader.result.rotated);
        run_well(&reader);
        assert_read(1, 22, 1);
        assert_int_equal(memory->saved.gaps, 0);
        assert_no_leftovers();
        free_reader(&reader);
    }
}

static void rotate_and_log(void) {
    log_queries(21, 21);
    rotate_by_hand();
    log_queries(22, 22);
}

static void test_somebody_else_rotates_at_the_same_moment(void **state) {
    (void)state;
    static const char *const moments[] = {"DROP TABLE", "CREATE TABLE", "RENAME TABLE"};
    for (size_t i = 0; i < LENGTH_OF(moments); i++) {
        struct reader reader = new_rotator(WATCH_ROTATE);
        craft(SLOW_LIVE, 1, 20);
        arrange(moments[i], rotate_and_log);
        run_well(&reader);
        assert_int_equal(happened, 1);
        log_queries(23, 23);
        run_well(&reader);
        assert_read(1, 23, 1);
        assert_int_equal(memory->saved.gaps, 0);
        assert_no_leftovers();
        free_reader(&reader);
    }
}

/* The procedure then deletes what RDS itself had just moved: no order of statements can prevent it, but it must not go unnoticed. */
static void test_rds_rotates_just_before_we_do(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_RDS);
    make_rds_procedure();
    craft(SLOW_LIVE, 1, 20);
    arrange("CALL mysql.rds_rotate_slow_log", rotate_and_log);
    run_well(&reader);
    assert_int_equal(happened, 1);
    assert_true(reader.result.gap);
    run_well(&reader);
    assert_read(1, 20, 1);
    assert_read(21, 21, 0);
    assert_read(22, 22, 1);
    assert_int_equal(memory->saved.gaps, 1);
    free_reader(&reader);
}

static bool is_patient; /* the RENAME would wait for others as long as any statement */

static void look_for_patience(const char *sql) {
    if (strncmp(sql, "SET SESSION lock_wait_timeout", 29) == 0)
        is_patient = strcmp(sql, "SET SESSION lock_wait_timeout = 1") != 0;
    if (strncmp(sql, "RENAME TABLE", 12) == 0)
        assert_false(is_patient);
}

/* A statement of somebody else holds the table: every session that logs would wait behind our RENAME. */
static void test_does_not_wait_for_readers(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    padding = 10000;
    craft(SLOW_LIVE, 1, 3000);
    MYSQL *holder = open_client("root");
    if (mysql_query(holder, "SELECT * FROM mysql.slow_log") != 0)
        fail_msg("%s", mysql_error(holder));
    MYSQL_RES *rows = mysql_use_result(holder);
    is_patient = true;
    before_statement = look_for_patience;
    run_well(&reader);
    before_statement = NULL;
    assert_false(reader.result.rotated);
    assert_false(reader.result.rotation_refused);
    assert_read(1, 3000, 1);
    mysql_free_result(rows);
    mysql_close(holder);
    run_well(&reader);
    assert_true(reader.result.rotated);
    assert_read(1, 3000, 1);
    assert_no_leftovers();
    free_reader(&reader);
}

/* --- death --- */

static int statements;
static int last_statement;

static void die_before_statement(const char *sql) {
    (void)sql;
    if (++statements == last_statement)
        _exit(42);
}

/* A run that ends before its statement number `at`, or at a commit. True if it got through. */
static bool die(struct reader *reader, int at_statement, int at_commit) {
    int result = 0;
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        statements = 0;
        last_statement = at_statement;
        before_statement = at_statement > 0 ? die_before_statement : NULL;
        reader->die_at_commit = at_commit;
        int status = run_reader(reader);
        _exit(status == 0 && at_commit == 0 ? 1 : status == 0 ? 2 : 3);
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_not_equal(WEXITSTATUS(result), 3);
    return WEXITSTATUS(result) == 1 || WEXITSTATUS(result) == 2;
}

/* Deaths in the run that rotates; half of the time the run after it dies at the same place too. */
static int check_deaths(int mode, bool at_commits) {
    int deaths = 0;
    for (int at = at_commits ? 1 : 10;; at++) { /* the first statements only set up the session */
        struct reader reader = new_rotator(mode);
        reader.settings.batch_rows = 7;
        clean_slate(NULL);
        craft(SLOW_LIVE, 1, 15);
        run_well(&reader); /* rotated: the generation to come is not the first */
        log_queries(16, 35);
        memory->commits = 0;
        bool through = die(&reader, at_commits ? 0 : at, at_commits ? (at % 2 == 0 ? -at / 2 : (at + 1) / 2) : 0);
        deaths += !through;
        log_queries(36, 36);
        if (!through && at % 2 == 0 && !at_commits)
            (void)die(&reader, at, 0);
        log_queries(37, 37);
        for (int i = 0; i < 3; i++)
            run_well(&reader);
        assert_read(1, 37, 1);
        assert_int_equal(memory->saved.gaps, 0);
        assert_no_leftovers();
        free_reader(&reader);
        if (through)
            return deaths;
    }
}

static void test_dies_anywhere_in_mode_rotate(void **state) {
    (void)state;
    int by_statement = check_deaths(WATCH_ROTATE, false);
    int by_commit = check_deaths(WATCH_ROTATE, true);
    print_message("%s: died at %d statements and %d commits\n", fixture.kind, by_statement, by_commit);
    assert_true(by_statement > 20 && by_commit > 6);
}

static void test_dies_anywhere_in_mode_rds(void **state) {
    (void)state;
    make_rds_procedure();
    int by_statement = check_deaths(WATCH_RDS, false);
    int by_commit = check_deaths(WATCH_RDS, true);
    print_message("%s: died at %d statements and %d commits\n", fixture.kind, by_statement, by_commit);
    assert_true(by_statement > 20 && by_commit > 6);
}

/* State and all: what lies in our own table was never told, as far as anybody knows. */
static void test_state_is_lost_with_a_table_to_drain(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    craft(SLOW_DRAIN, 1, 5);
    craft(SLOW_BACKUP, 100, 105);
    craft(SLOW_LIVE, 6, 8);
    run_well(&reader);
    assert_read(1, 8, 1);
    assert_read(100, 105, 0);
    assert_no_leftovers();
    free_reader(&reader);
}

static void test_leftover_of_a_dead_rotation_is_no_obstacle(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    craft(SLOW_LIVE, 1, 15);
    craft(SLOW_NEXT, 2, 1);
    run_well(&reader);
    assert_true(reader.result.rotated);
    assert_read(1, 15, 1);
    assert_no_leftovers();
    free_reader(&reader);
}

/* --- refusals --- */

static void test_not_allowed_to_rotate(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    reader.user = "watch";
    craft(SLOW_LIVE, 1, 15);
    run_well(&reader);
    assert_true(reader.result.rotation_refused);
    assert_logged("warning: cannot rotate mysql.slow_log on ");
    assert_logged(
        "hint: GRANT SELECT, INSERT, CREATE, ALTER, DROP ON mysql.* TO this account, and the right to set sql_log_bin");
    log_queries(16, 17);
    run_well(&reader); /* told once */
    assert_int_equal(logged.length, 0);
    assert_false(reader.result.rotation_refused);
    log_queries(18, 25);
    run_well(&reader); /* and again when it has grown as much again */
    assert_true(reader.result.rotation_refused);
    assert_read(1, 25, 1);
    assert_false(reader.result.rotated || reader.result.gap);
    assert_no_leftovers();
    free_reader(&reader);
}

static void test_rds_procedure_is_not_there_or_not_ours(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_RDS);
    root("DROP PROCEDURE IF EXISTS mysql.rds_rotate_slow_log");
    craft(SLOW_LIVE, 1, 15);
    run_well(&reader);
    assert_true(reader.result.rotation_refused);
    assert_logged("rds_rotate_slow_log does not exist");
    assert_logged("hint: mode = rds is for Amazon's servers");
    make_rds_procedure();
    root("REVOKE EXECUTE ON PROCEDURE mysql.rds_rotate_slow_log FROM watch@'%%'");
    reader.user = "watch";
    log_queries(16, 25);
    run_well(&reader);
    assert_true(reader.result.rotation_refused);
    assert_logged("hint: GRANT EXECUTE ON PROCEDURE mysql.rds_rotate_slow_log TO this account");
    root("GRANT EXECUTE ON PROCEDURE mysql.rds_rotate_slow_log TO watch@'%%'");
    run_well(&reader);
    assert_true(reader.result.rotated);
    assert_read(1, 25, 1);
    free_reader(&reader);
}

static void test_read_only_server(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    make_account("keeper");
    root("GRANT SELECT, INSERT, CREATE, ALTER, DROP ON mysql.* TO keeper@'%%'; GRANT %s ON *.* TO keeper@'%%'",
         is("mariadb")   ? "BINLOG ADMIN"
         : is("mysql97") ? "SESSION_VARIABLES_ADMIN"
                         : "USAGE");
    reader.user = "keeper";
    craft(SLOW_LIVE, 1, 15);
    root("SET GLOBAL read_only = 1");
    run_well(&reader);
    root("SET GLOBAL read_only = 0");
    assert_true(reader.result.rotation_refused);
    assert_logged(is("mysql56") ? "SUPER" : "--read-only");
    assert_logged(is("mysql56") ? "hint: GRANT SELECT" : "hint: it is read-only for this account");
    log_queries(16, 16);
    run_well(&reader);
    assert_int_equal(reader.result.rotated, !is("mysql56")); /* where sql_log_bin takes SUPER */
    assert_read(1, 16, 1);
    assert_no_leftovers();
    free_reader(&reader);
}

static void test_what_was_never_read_is_not_dropped(void **state) {
    (void)state;
    static const int modes[] = {WATCH_ROTATE, WATCH_RDS};
    make_rds_procedure();
    for (size_t i = 0; i < LENGTH_OF(modes); i++) {
        int table = modes[i] == WATCH_RDS ? SLOW_BACKUP : SLOW_DRAIN;
        struct reader reader = new_rotator(modes[i]);
        clean_slate(NULL);
        craft(SLOW_LIVE, 1, 5);
        run_well(&reader);
        craft(table, 100, 105);
        log_queries(6, 15);
        run_well(&reader);
        assert_false(reader.result.rotated);
        assert_true(reader.result.rotation_refused);
        assert_logged("holds rows that were never read");
        assert_true(table_exists(table));
        assert_read(1, 15, 1);
        free_reader(&reader);
    }
}

/* The replicas would rotate their own logs by what is in it. */
static void test_leaves_the_binary_log_alone(void **state) {
    (void)state;
    struct reader reader = new_rotator(WATCH_ROTATE);
    const char *sql = is("mysql97") ? "SHOW BINARY LOG STATUS" : "SHOW MASTER STATUS";
    char position[2][64] = {{0}};
    craft(SLOW_LIVE, 1, 15);
    for (int i = 0; i < 2; i++) {
        MYSQL *mysql = open_client("root");
        assert_int_equal(mysql_query(mysql, sql), 0);
        MYSQL_RES *result = mysql_store_result(mysql);
        MYSQL_ROW row = mysql_fetch_row(result);
        snprintf(position[i], sizeof position[i], "%s %s", row[0], row[1]);
        mysql_free_result(result);
        mysql_close(mysql);
        if (i == 0)
            run_well(&reader);
    }
    assert_true(reader.result.rotated);
    assert_string_equal(position[0], position[1]);
    free_reader(&reader);
}

int main(void) {
    end_when_it_hangs();
    const struct CMUnitTest tests[] = {
        slow_test(test_rotates_what_has_grown),
        slow_test(test_rows_that_come_before_the_rename_are_drained),
        slow_test(test_somebody_else_rotates_at_the_same_moment),
        slow_test(test_rds_rotates_just_before_we_do),
        slow_test(test_does_not_wait_for_readers),
        slow_test(test_dies_anywhere_in_mode_rotate),
        slow_test(test_dies_anywhere_in_mode_rds),
        slow_test(test_state_is_lost_with_a_table_to_drain),
        slow_test(test_leftover_of_a_dead_rotation_is_no_obstacle),
        slow_test(test_not_allowed_to_rotate),
        slow_test(test_rds_procedure_is_not_there_or_not_ours),
        slow_test(test_read_only_server),
        slow_test(test_what_was_never_read_is_not_dropped),
        slow_test(test_leaves_the_binary_log_alone),
    };
    return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
