/* Exactly once under load, through a restart, and beside the ways that everybody knows: each of those is shown to lose or to double in the
 * very test in which ours does not. On the server of slow_log_server.h. */
#include "slow_log_server.h"

/* --- the usual ways --- */

static unsigned char usual[MARKERS]; /* how often each query was found by them */

static void take_usual(const char *where) {
    MYSQL *mysql = open_client("root");
    int marker = 0;
    char *sql = xasprintf("SELECT sql_text FROM mysql.slow_log WHERE %s", where);
    ask(mysql, "SET SESSION long_query_time = 1000");
    assert_int_equal(mysql_query(mysql, sql), 0);
    MYSQL_RES *result = mysql_store_result(mysql);
    for (MYSQL_ROW row = mysql_fetch_row(result); row != NULL; row = mysql_fetch_row(result))
        if (sscanf(row[0], "SELECT %d AS marker", &marker) == 1)
            usual[marker]++;
    mysql_free_result(result);
    mysql_close(mysql);
    free(sql);
}

/* What a cron job does each minute. */
static void take_window(const char *length) {
    char *where = xasprintf("start_time >= NOW(6) - INTERVAL %s", length);
    take_usual(where);
    free(where);
}

/* What one does who knows that. */
static char watermark[64];

static void take_behind_watermark(void) {
    struct text latest = {0};
    char *where = xasprintf("start_time > '%s'", watermark);
    take_usual(where);
    assert_true(try_admin(&fixture.server, "SELECT MAX(start_time) FROM mysql.slow_log", &latest));
    snprintf(watermark, sizeof watermark, "%s", text_string(&latest));
    text_free(&latest);
    free(where);
}

static void forget_usual(void) {
    memset(usual, 0, sizeof usual);
    snprintf(watermark, sizeof watermark, "2000-01-01");
}

static void log_slow(int marker, const char *zone, double seconds) {
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION time_zone = '%s', SESSION long_query_time = 0", zone);
    ask(mysql, "SELECT %d AS marker, SLEEP(%g)", marker, seconds);
    mysql_close(mysql);
    await_logged(marker);
}

static void test_long_query_against_a_window(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    forget_usual();
    run_well(&reader);
    log_slow(1, "+09:00", 3);
    take_window("1 SECOND"); /* that it is not there before it ended needs no look */
    if (is("mariadb"))
        assert_int_equal(usual[1], 0);
    take_window("1 HOUR"); /* but it is there */
    assert_true(usual[1] > 0);
    run_well(&reader);
    run_well(&reader);
    assert_read(1, 1, 1);
    assert_int_equal(reader.result.shifted, 0);
    free_reader(&reader);
}

static void test_late_and_overlapping_runs_against_a_window(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    forget_usual();
    log_queries(1, 1);
    run_well(&reader);
    take_window("1 HOUR");
    take_window("1 HOUR"); /* a run that overlaps */
    assert_int_equal(usual[1], 2);
    log_queries(2, 2);
    clock_sleep(2500);
    take_window("1 SECOND"); /* a run that came late */
    assert_int_equal(usual[2], 0);
    run_well(&reader);
    run_well(&reader);
    assert_read(1, 2, 1);
    free_reader(&reader);
}

static int64_t seen_at;

static void check_time(const struct slow_row *row) {
    int marker = 0;
    if (sscanf(row->query, "SELECT %d AS marker", &marker) == 1)
        assert_true(row->finished >= seen_at - 1000 && row->finished <= clock_now() + 1000);
}

static void test_other_time_zones_against_a_window(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    forget_usual();
    log_slow(1, "+09:00", 0.01);
    seen_at = clock_now() - 60000;
    run_well(&reader);
    assert_int_equal(reader.result.shifted, 0);
    seen_at = memory->saved.newest;
    log_slow(2, "-05:00", 0.01); /* the server is at +09:00: 14 hours ago */
    log_slow(3, "+13:00", 0.01); /* in four hours */
    take_window("1 HOUR");
    clock_sleep(2500);
    take_window("1 SECOND"); /* minutes that do not overlap, and four hours of them are to come */
    take_window("1 SECOND");
    assert_int_equal(usual[2], 0);
    assert_int_equal(usual[3], 3);
    reader.on_row = check_time;
    run_well(&reader);
    assert_true(reader.result.shifted >= 2);
    log_slow(4, "+09:00", 0.01);
    run_well(&reader);
    run_well(&reader);
    assert_read(1, 4, 1);
    free_reader(&reader);
}

static void test_order_against_a_watermark(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    forget_usual();
    log_queries(1, 1);
    take_behind_watermark();
    run_well(&reader);
    /* 2 begins before 3 and ends after it. */
    fflush(NULL);
    pid_t slow = fork();
    if (slow == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_slow(2, "+09:00", 4);
        _exit(0);
    }
    AWAIT(running(&fixture.server, "SELECT 2 AS marker%") > 0);
    log_queries(3, 3);
    take_behind_watermark();
    run_well(&reader);
    assert_int_equal(waitpid(slow, NULL, 0), slow);
    take_behind_watermark();
    if (is("mariadb"))
        assert_int_equal(usual[2], 0);
    run_well(&reader);
    assert_read(1, 3, 1);
    free_reader(&reader);
}

/* Rows of the same moment, of which one came after we had looked: on MySQL 5.6 a moment is a second. */
static void test_ties_against_a_watermark(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    char *rows[2] = {0};
    for (int i = 0; i < 2; i++)
        rows[i] =
            xasprintf("('2018-02-15 11:38:53', 'app[app] @ localhost []', '00:00:02', '00:00:00', 1, 1000, 'shop', "
                      "0, 0, 1, 'SELECT %d AS marker'%s)",
                      i + 1, text_string(&fixture.values));
    forget_usual();
    rewrite_live(0, rows[0]);
    take_behind_watermark();
    run_well(&reader);
    rewrite_live(1, rows[1]);
    take_behind_watermark();
    run_well(&reader);
    assert_int_equal(usual[1], 1);
    assert_int_equal(usual[2], 0);
    assert_read(1, 2, 1);
    free(rows[0]);
    free(rows[1]);
    free_reader(&reader);
}

/* --- load --- */

enum { WRITERS = 4, QUERIES = 3000, ROTATIONS = 6 };

static int *progress; /* of each writer; behind them, the rotations so far. In shared memory */

static void write_queries(int writer) {
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION long_query_time = 0");
    for (int i = 0; i < QUERIES; i++) {
        /* However slow the reader is: the rotations come while we write. */
        while (i >= (__atomic_load_n(&progress[WRITERS], __ATOMIC_RELAXED) + 2) * QUERIES / ROTATIONS)
            clock_sleep(1);
        ask(mysql, i % 100 == 0 ? "SELECT %d AS marker, SLEEP(0.01)" : "SELECT %d AS marker", writer * QUERIES + i);
        progress[writer] = i + 1;
    }
    mysql_close(mysql);
}

static int written(void) {
    int sum = 0;
    for (int i = 0; i < WRITERS; i++)
        sum += progress[i];
    return sum;
}

static int hits(void) {
    int sum = 0;
    for (int i = 0; i < WRITERS * QUERIES; i++)
        sum += memory->saved.hits[i];
    return sum;
}

static void read_under_load(struct reader *reader, bool by_hand) {
    pid_t writers[WRITERS];
    int rotations = 0;
    int runs = 0;
    progress = mmap(NULL, (WRITERS + 1) * sizeof *progress, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    fflush(NULL);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = fork();
        if (writers[i] == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            write_queries(i);
            _exit(0);
        }
    }
    AWAIT(written() > 0);
    for (int64_t until = clock_monotonic() + 4 * FOREVER; hits() < WRITERS * QUERIES && clock_monotonic() < until;) {
        run_well(reader);
        runs++;
        rotations += reader->result.rotated;
        if (by_hand && rotations < ROTATIONS && written() > (rotations + 1) * WRITERS * QUERIES / (ROTATIONS + 1)) {
            rotate_by_hand();
            rotations++;
        }
        __atomic_store_n(&progress[WRITERS], rotations, __ATOMIC_RELAXED);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(waitpid(writers[i], NULL, 0), writers[i]);
    munmap(progress, (WRITERS + 1) * sizeof *progress);
    run_well(reader);
    print_message("%s: %d queries in %d runs, %d rotations\n", fixture.kind, hits(), runs, rotations);
    assert_read(0, WRITERS * QUERIES - 1, 1);
    assert_int_equal(memory->saved.gaps, 0);
    assert_true(rotations >= 4);
    free_reader(reader);
}

static void test_writers_while_others_rotate(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    run_well(&reader);
    read_under_load(&reader, true);
}

static void test_writers_while_we_rotate(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_ROTATE);
    reader.user = "rotator";
    reader.settings.rotate_after = 1500;
    run_well(&reader);
    read_under_load(&reader, false);
}

/* --- restart --- */

static void restart(void) {
    if (fixture.base == NULL) {
        if (getenv("MYSQL_RESTART") == NULL)
            fail_msg("MYSQL_RESTART does not say how this server is started again");
        shell("%s >&2", getenv("MYSQL_RESTART"));
    } else {
        end_process(&fixture.server);
        launch(&fixture.server, server_options);
        AWAIT(try_admin(&fixture.server, "SELECT 1", NULL));
    }
    root("SET GLOBAL log_output = 'TABLE', GLOBAL slow_query_log = 1");
}

static void test_restart(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    log_queries(1, 5);
    run_well(&reader);
    log_queries(6, 7);
    restart();
    log_queries(8, 9);
    run_well(&reader);
    assert_read(1, 9, 1);
    restart();
    run_well(&reader);
    assert_int_equal(reader.result.rows, 0);
    assert_read(1, 9, 1);
    assert_int_equal(memory->saved.gaps, 0);
    free_reader(&reader);
}

int main(void) {
    end_when_it_hangs();
    const struct CMUnitTest tests[] = {
        slow_test(test_long_query_against_a_window),       slow_test(test_late_and_overlapping_runs_against_a_window),
        slow_test(test_other_time_zones_against_a_window), slow_test(test_order_against_a_watermark),
        slow_test(test_ties_against_a_watermark),          slow_test(test_writers_while_others_rotate),
        slow_test(test_writers_while_we_rotate),           slow_test(test_restart),
    };
    return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
