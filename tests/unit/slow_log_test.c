/* Rows of a slow log: values, times, hashes, columns that are missing, tables that are broken or closed to us; servers behind names; and
 * that the watcher is not what it finds. On the server of slow_log_server.h. */
#include "slow_log_server.h"

#include "nightshift/job/job.h"

static void test_times_are_parsed(void **state) {
    (void)state;
    static const struct {
        const char *string;
        int64_t wanted; /* -1: no time */
    } cases[] = {
        {"00:00:02", 2000000},
        {"00:00:00.000285", 285},
        {"00:00:01.5", 1500000},
        {"838:59:59.000000", 3020399000000},
        {"-00:00:01.000000", 0},
        {"", -1},
        {"abc", -1},
        {"00:00", -1},
        {"00:60:00", -1},
        {"00:00:60", -1},
        {"00:00:00.0000001", -1},
        {"00:00:02 ", -1},
        {"99999:00:00", -1},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int64_t time = -1;
        bool parsed = slow_log_parse_time(cases[i].string, &time);
        if (parsed != (cases[i].wanted >= 0) || (parsed && time != cases[i].wanted))
            fail_msg("\"%s\" is %lld", cases[i].string, (long long)time);
    }
}

/* --- values --- */

static struct seen {
    char query[8192];
    size_t length;
    char user[64], database[64];
    struct slow_row row;
} seen;

/* Keeps the row of query 1. */
static void see(const struct slow_row *row) {
    if (strncmp(row->query, "SELECT 1 AS marker", 18) != 0)
        return;
    seen.length = row->query_length;
    seen.row = *row;
    snprintf(seen.query, sizeof seen.query, "%s", row->query);
    snprintf(seen.user, sizeof seen.user, "%s", row->user);
    snprintf(seen.database, sizeof seen.database, "%s", row->database);
}

static void test_values_of_a_row(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.on_row = see;
    char *row =
        xasprintf("(NOW(6), 'priv[app] @ web1 [10.0.0.1]', '838:59:59', '00:01:00', 12, 2147483647, 'shop', 0, 0, "
                  "1, 'SELECT 1 AS marker /* \\'\"\\\\ \\n 題名 */'%s)",
                  text_string(&fixture.values));
    root("SET NAMES utf8");
    rewrite_live(0, row);
    run_well(&reader);
    assert_string_equal(seen.user, "priv");
    assert_string_equal(seen.database, "shop");
    assert_int_equal(seen.row.time, 3020399000000);
    assert_int_equal(seen.row.lock_time, 60000000);
    assert_int_equal(seen.row.rows_sent, 12);
    assert_int_equal(seen.row.rows_examined, 2147483647);
    assert_non_null(strstr(seen.query, "/* '\"\\ \n "));
    assert_int_equal(seen.length, strlen(seen.query));
    free(row);
    free_reader(&reader);
}

/* Cut by bytes, where the column counts characters; and the hash of a row does not depend on it. */
static void test_long_queries_are_cut(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.on_row = see;
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET NAMES utf8");
    ask(mysql, "SET SESSION long_query_time = 0");
    struct text query = {0};
    text_add(&query, "SELECT 1 AS marker, '");
    for (int i = 0; i < 2000; i++)
        text_add(&query, "題");
    text_add(&query, "'");
    ask(mysql, "%s", query.data);
    mysql_close(mysql);
    await_logged(1);
    reader.settings.max_query = 1024;
    run_well(&reader);
    assert_int_equal(seen.length, 1024);
    assert_memory_equal(seen.query, query.data, 1024);
    assert_int_equal(seen.query[1024], 0);
    reader.settings.max_query = 65536;
    log_queries(2, 2);
    run_well(&reader);
    assert_false(reader.result.gap);
    assert_read(1, 2, 1);
    text_free(&query);
    free_reader(&reader);
}

static void test_when_a_query_ended(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    reader.on_row = see;
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION long_query_time = 0");
    int64_t began = clock_now();
    ask(mysql, "SELECT 1 AS marker, SLEEP(2)");
    mysql_close(mysql);
    await_logged(1);
    run_well(&reader);
    print_message("%s: ended %lld ms after it began, and %lld ms before it was read\n", fixture.kind,
                  (long long)(seen.row.finished - began), (long long)(clock_now() - seen.row.finished));
    assert_int_equal(reader.result.shifted, 0);
    assert_true(seen.row.finished >= began + (is("mysql56") ? 1000 : 1999));
    assert_true(seen.row.finished <= clock_now());
    assert_true(seen.row.time >= (is("mysql56") ? 1000000 : 1999000));
    free_reader(&reader);
}

static void test_ignored_users(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    log_queries(6, 6);
    char *users[] = {(char[]){"backup"}, (char[]){"app"}};
    reader.settings.ignore_users = (struct strings){users, 2};
    run_well(&reader);
    assert_read(1, 5, 0);
    assert_read(6, 6, 1);
    assert_int_equal(reader.result.skipped, 5);
    free_reader(&reader);
}

/* --- tables that are not as they should be --- */

static void alter_live(const char *change) {
    root(
        "DROP TABLE IF EXISTS mysql.crafted; CREATE TABLE mysql.crafted LIKE mysql.slow_log; INSERT INTO mysql.crafted "
        "SELECT * FROM mysql.slow_log; ALTER TABLE mysql.crafted %s; SET GLOBAL slow_query_log = 0; RENAME TABLE "
        "mysql.slow_log TO mysql.replaced, mysql.crafted TO mysql.slow_log",
        change);
}

static void put_back_live(void) {
    root("DROP TABLE mysql.slow_log; RENAME TABLE mysql.replaced TO mysql.slow_log");
}

static void test_without_the_newer_columns(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    alter_live(is("mariadb") ? "DROP COLUMN thread_id, DROP COLUMN rows_affected" : "DROP COLUMN thread_id");
    run_well(&reader);
    run_well(&reader);
    assert_read(1, 5, 1);
    assert_false(reader.result.gap);
    put_back_live();
    free_reader(&reader);
}

static void test_rows_that_cannot_be_understood_are_passed_over(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    craft(SLOW_LIVE, 1, 5);
    alter_live("MODIFY query_time VARCHAR(20) NOT NULL");
    root("CREATE TABLE mysql.crafted LIKE mysql.slow_log; INSERT INTO mysql.crafted SELECT * FROM mysql.slow_log; "
         "UPDATE "
         "mysql.crafted SET query_time = 'soon' WHERE sql_text LIKE 'SELECT 3 %%'; DROP TABLE mysql.slow_log; RENAME "
         "TABLE mysql.crafted TO mysql.slow_log");
    run_well(&reader);
    assert_int_equal(reader.result.unreadable, 1);
    assert_int_equal(reader.result.rows, 4);
    assert_read(1, 2, 1);
    assert_read(4, 5, 1);
    run_well(&reader);
    assert_int_equal(reader.result.unreadable, 0);
    put_back_live();
    free_reader(&reader);
}

static void test_damaged_table(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    struct text directory = {0};
    craft(SLOW_LIVE, 1, 5);
    root("SET GLOBAL slow_query_log = 0");
    assert_true(try_admin(&fixture.server, "SELECT @@datadir", &directory));
    shell("printf '\"2018-02-15 11:38:53\",\"app\n' >>'%s/mysql/slow_log.CSV'", text_string(&directory));
    root("FLUSH TABLES");
    for (int i = 0; i < 2; i++) {
        forget_log();
        assert_int_equal(run_reader(&reader), EXIT_UNAVAILABLE);
        assert_logged("error: cannot read mysql.slow_log on ");
        assert_logged("hint: look at it with CHECK TABLE mysql.slow_log, and save its .CSV file first");
    }
    assert_read(1, 5, 1);
    root("REPAIR TABLE mysql.slow_log; SET GLOBAL slow_query_log = 1");
    log_queries(6, 6);
    run_well(&reader);
    assert_read(1, 6, 1);
    assert_false(reader.result.gap);
    text_free(&directory);
    free_reader(&reader);
}

static void test_not_allowed_to_read(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    make_account("nobody");
    reader.user = "nobody";
    assert_int_equal(run_reader(&reader), EXIT_DENIED);
    assert_logged("error: cannot read mysql.slow_log on ");
    assert_logged("hint: GRANT SELECT ON mysql.slow_log TO this account");
    /* One who may read the live table and nothing else is told where rows may have gone. */
    root("GRANT SELECT ON mysql.slow_log TO nobody@'%%'");
    craft(SLOW_LIVE, 1, 3);
    run_well(&reader);
    rotate_by_hand();
    log_queries(4, 4);
    run_well(&reader);
    assert_true(reader.result.gap);
    assert_non_null(strstr(reader.result.gap_reason, "mysql.slow_log_backup cannot be read"));
    assert_read(1, 4, 1);
    free_reader(&reader);
}

/* --- the watcher itself --- */

static int64_t rows_of_ours(const char *but) {
    AWAIT(count("SELECT COUNT(*) FROM information_schema.processlist WHERE user IN ('watch', 'rotator')") == 0);
    log_queries(1, 1); /* what a server writes late, it has written by now */
    char *sql = xasprintf("SELECT COUNT(*) FROM mysql.slow_log WHERE (user_host LIKE 'watch%%' OR user_host LIKE "
                          "'rotator%%') AND sql_text NOT LIKE '%s'",
                          but);
    int64_t rows = count(sql);
    free(sql);
    return rows;
}

static void must_not_be_ours(const struct slow_row *row) {
    assert_string_not_equal(row->user, "watch");
}

static void test_its_own_queries_stay_out(void **state) {
    (void)state;
    root("SET GLOBAL long_query_time = 0, GLOBAL log_queries_not_using_indexes = 1, GLOBAL log_slow_admin_statements = "
         "1");
    /* Others do get in. */
    struct mysql_settings settings = fixture.settings;
    struct database *database = NULL;
    assert_int_equal(database_open(&settings, fixture.server.tcp, &test_client, &database), 0);
    database_close(database);
    assert_true(rows_of_ours("") > 5);
    clean_slate(NULL);
    root("SET GLOBAL long_query_time = 0, GLOBAL log_queries_not_using_indexes = 1, GLOBAL log_slow_admin_statements = "
         "1");
    struct reader reader = new_reader(WATCH_POSITION);
    run_well(&reader);
    log_queries(10, 20);
    reader.on_row = must_not_be_ours;
    run_well(&reader);
    /* 9.7 keeps no scan of an ordinary account out: it is passed over. */
    assert_int_equal(rows_of_ours(is("mysql97") ? "SELECT /* nightshift watch-slow-queries */%" : ""), 0);
    run_well(&reader);
    assert_int_equal(reader.result.skipped > 0, is("mysql97"));
    reader.on_row = NULL;
    /* Rotating, and ending a statement by a second connection. */
    free_reader(&reader);
    reader = new_reader(WATCH_ROTATE);
    reader.user = "rotator";
    reader.settings.rotate_after = 5;
    run_well(&reader);
    assert_true(reader.result.rotated);
    reader.settings.mode = WATCH_POSITION;
    log_queries(21, 23);
    run_well(&reader);
    padding = 10000;
    craft(SLOW_LIVE, 30, 2000);
    run_well(&reader);
    assert_true(reader.result.gap);
    assert_int_equal(rows_of_ours(""), 0);
    assert_read(21, 23, 1);
    root("SET GLOBAL long_query_time = 10, GLOBAL log_queries_not_using_indexes = 0, GLOBAL log_slow_admin_statements "
         "= 0");
    free_reader(&reader);
}

/* For a server that logs them all the same. */
static void test_its_own_queries_are_known_anyway(void **state) {
    (void)state;
    struct reader reader = new_reader(WATCH_POSITION);
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION long_query_time = 0");
    ask(mysql, "SELECT /* nightshift watch-slow-queries */ COUNT(*) FROM mysql.slow_log");
    mysql_close(mysql);
    log_queries(1, 1);
    run_well(&reader);
    assert_int_equal(reader.result.skipped, 1);
    assert_read(1, 1, 1);
    free_reader(&reader);
}

/* --- instances --- */

static const struct section *const sections[] = {&mysql_section, NULL};

static int open_instances(const char *lines, struct instances *instances, int *worst, struct settings **settings) {
    static const struct job job = {.name = "unit-test"};
    char *content = xasprintf("[mysql]\nuser = watch\nconnect_timeout = 60s\n%s", lines);
    char directory[] = "/tmp/nightshift-instances-XXXXXX";
    assert_non_null(mkdtemp(directory));
    char *path = xasprintf("%s/settings.ini", directory);
    write_file(directory, "settings.ini", content);
    assert_int_equal(settings_load(path, sections, settings), 0);
    unlink(path);
    rmdir(directory);
    free(path);
    free(content);
    struct run run = {.job = &job, .settings = *settings, .id = "0199-test"};
    return instances_open(&run, instances, worst);
}

/* Another server, on which there is the account `watch` too: the sandbox's reader, or a second private one. */
static void start_other(struct server *other) {
    if (fixture.base != NULL)
        start_server(other, fixture.base, "other", (const char *[]){"--slow-query-log=0", "--server-id=1", NULL});
    else
        *other = (struct server){.socket = xstrdup(getenv("READER_SOCKETS")),
                                 .tcp = xasprintf("127.0.0.1:%s", getenv("READER_PORTS"))};
    (void)try_admin(other, "SET SESSION sql_log_bin = 0; DROP USER watch@'%'", NULL);
    admin(other, "SET SESSION sql_log_bin = 0; CREATE USER watch@'%'; GRANT SELECT ON mysql.slow_log TO watch@'%'");
}

static void test_instances(void **state) {
    (void)state;
    struct server other;
    struct instances instances = {0};
    struct settings *settings = NULL;
    int worst = 0;
    start_other(&other);
    admin(&other, "SET GLOBAL log_output = 'FILE', GLOBAL slow_query_log = 0");
    root("SET GLOBAL log_output = 'FILE,TABLE', GLOBAL long_query_time = 2.5");
    char *lines = xasprintf("writer = %s\nreaders = localhost:%s, %s, 127.0.0.1:1\n", fixture.server.tcp,
                            strchr(fixture.server.tcp, ':') + 1, other.tcp);
    assert_int_equal(open_instances(lines, &instances, &worst, &settings), 0);
    assert_int_equal(instances.count, 2); /* the first two are one */
    assert_int_equal(worst, EXIT_UNAVAILABLE);
    assert_int_equal(instances.unreachable.count, 1);
    assert_string_equal(instances.unreachable.items[0], "127.0.0.1:1");
    const struct instance *writer = &instances.items[0];
    const struct instance *reader = &instances.items[1];
    assert_true(writer->writer && !reader->writer);
    assert_string_equal(writer->server, fixture.server.tcp);
    assert_true(writer->enabled && writer->to_table);
    assert_false(reader->enabled || reader->to_table);
    assert_int_equal(writer->rate_limit, 1);
    assert_int_equal(writer->long_query_time, 2500000);
    assert_string_not_equal(writer->name, reader->name);
    char *name = xstrdup(writer->name);
    instances_close(&instances);
    settings_free(settings);
    /* The name is the server's, whatever way leads to it. */
    free(lines);
    lines = xasprintf("writer = localhost:%s\nallow_writer = yes\n", strchr(fixture.server.tcp, ':') + 1);
    assert_int_equal(open_instances(lines, &instances, &worst, &settings), 0);
    assert_int_equal(worst, 0);
    assert_string_equal(instances.items[0].name, name);
    instances_close(&instances);
    settings_free(settings);
    free(name);
    free(lines);
    stop_server(&other);
}

int main(void) {
    end_when_it_hangs();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_times_are_parsed),
        slow_test(test_values_of_a_row),
        slow_test(test_long_queries_are_cut),
        slow_test(test_when_a_query_ended),
        slow_test(test_ignored_users),
        slow_test(test_without_the_newer_columns),
        slow_test(test_rows_that_cannot_be_understood_are_passed_over),
        slow_test(test_damaged_table),
        slow_test(test_not_allowed_to_read),
        slow_test(test_its_own_queries_stay_out),
        slow_test(test_its_own_queries_are_known_anyway),
        slow_test(test_instances),
    };
    return cmocka_run_group_tests(tests, set_up_server, tear_down_server);
}
