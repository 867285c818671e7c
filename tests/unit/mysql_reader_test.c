/* Choosing a reader, with a real replica: what makes one unfit, what is taken instead, and what is told. */
#include "nightshift/stores/mysql_reader.h"

#include "mysql_server.h"

struct fixture {
    char *base;
    struct server writer;
    struct server reader;
};

static struct fixture fixture;

static int set_up(void **state) {
    (void)state;
    fixture.base = make_base();
    start_server(&fixture.writer, fixture.base, "writer", (const char *[]){"--server-id=1", "--log-bin=binlog", NULL});
    start_server(&fixture.reader, fixture.base, "reader", (const char *[]){"--server-id=2", "--read-only=1", NULL});
    admin(&fixture.writer,
          "CREATE USER copier@'%' IDENTIFIED BY 'copier'; GRANT REPLICATION SLAVE ON *.* TO copier@'%';"
          "CREATE USER job@'%'; GRANT SLAVE MONITOR ON *.* TO job@'%'; CREATE USER blind@'%';"
          "CREATE DATABASE shop; CREATE TABLE shop.works (id INT PRIMARY KEY)");
    char *sql = xasprintf("CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = %d, MASTER_USER = 'copier', "
                          "MASTER_PASSWORD = 'copier', MASTER_LOG_FILE = 'binlog.000001', MASTER_LOG_POS = 4, "
                          "MASTER_CONNECT_RETRY = 1; START SLAVE",
                          fixture.writer.port);
    admin(&fixture.reader, sql);
    free(sql);
    log_listen(keep_log, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop_server(&fixture.writer);
    stop_server(&fixture.reader);
    remove_base(fixture.base);
    text_free(&logged);
    return 0;
}

/* How many replication threads the reader has, of those that match. */
static int64_t replication_threads(const char *condition) {
    char *sql =
        xasprintf("SELECT COUNT(*) FROM information_schema.processlist WHERE user = 'system user' AND %s", condition);
    int64_t count = admin_integer(&fixture.reader, sql);
    free(sql);
    return count;
}

/* Waits until the reader has all of the writer, and knows it: while it still works on an event, that event's age is its lag. */
static void catch_up(void) {
    struct text text = {0};
    assert_true(try_admin(&fixture.writer, "SELECT @@gtid_binlog_pos", &text));
    char *sql = xasprintf("SELECT MASTER_GTID_WAIT('%s', %d)", text_string(&text), FOREVER / 1000);
    AWAIT(replication_threads("command IN ('Slave_IO', 'Slave_SQL')") == 2);
    assert_int_equal(admin_integer(&fixture.reader, sql), 0);
    AWAIT(replication_threads("state LIKE 'Slave has read all relay log%'") == 1);
    free(sql);
    text_free(&text);
}

static int open_reader(const struct mysql_settings *settings, struct reader_choice *choice) {
    struct database *database = NULL;
    *choice = (struct reader_choice){0};
    forget_log();
    int status = database_open_reader(settings, &test_client, &database, choice);
    assert_true((status == 0) == (database != NULL));
    assert_true((status == 0) == (choice->server != NULL));
    if (database != NULL)
        assert_string_equal(database_server(database), choice->server);
    database_close(database);
    return status;
}

static struct mysql_settings settings_of_job(char **readers, size_t count) {
    static char user[] = "job";
    struct mysql_settings settings = test_settings(user, NULL);
    settings.writer = fixture.writer.tcp;
    settings.readers = (struct strings){readers, count};
    return settings;
}

static void test_takes_a_healthy_reader(void **state) {
    (void)state;
    catch_up();
    char *readers[] = {fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 1);
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), 0);
    assert_string_equal(choice.server, fixture.reader.tcp);
    assert_false(choice.writer);
    assert_true(choice.lag >= 0 && choice.lag <= 1000);
    assert_int_equal(choice.skipped.count, 0);
    assert_int_equal(logged.length, 0);
    reader_choice_free(&choice);
}

static void test_passes_over_the_unreachable(void **state) {
    (void)state;
    catch_up();
    char *closed = xasprintf("127.0.0.1:%d", free_port());
    char *readers[] = {closed, fixture.reader.socket};
    struct mysql_settings settings = settings_of_job(readers, 2);
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), 0);
    assert_string_equal(choice.server, fixture.reader.socket);
    assert_int_equal(choice.skipped.count, 1);
    assert_non_null(strstr(choice.skipped.items[0], closed));
    assert_logged("warning: passed over the reader \"127.0.0.1:");
    assert_null(strstr(logged.data, "error:")); /* the run is fine */
    reader_choice_free(&choice);

    settings.readers.count = 1;
    assert_int_equal(open_reader(&settings, &choice), EXIT_UNAVAILABLE);
    assert_logged("no reader of [mysql] can be reached");
    assert_int_equal(choice.skipped.count, 1);
    reader_choice_free(&choice);
    settings.allow_writer = true;
    assert_int_equal(open_reader(&settings, &choice), 0);
    assert_true(choice.writer);
    assert_int_equal(choice.lag, 0);
    reader_choice_free(&choice);
    free(closed);
}

static void assert_unfit(const char *reason) {
    char *readers[] = {fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 1);
    settings.max_replica_lag = 1000;
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), EXIT_LATER);
    assert_logged(reason);
    assert_logged("no reader of [mysql] is healthy");
    assert_logged("hint: allow_writer = yes");
    assert_int_equal(choice.skipped.count, 1);
    assert_non_null(strstr(choice.skipped.items[0], reason));
    reader_choice_free(&choice);
    settings.allow_writer = true;
    assert_int_equal(open_reader(&settings, &choice), 0);
    assert_string_equal(choice.server, fixture.writer.tcp);
    assert_true(choice.writer);
    assert_int_equal(choice.skipped.count, 1);
    reader_choice_free(&choice);
}

static void test_passes_over_a_stopped_replica(void **state) {
    (void)state;
    catch_up();
    admin(&fixture.reader, "STOP SLAVE SQL_THREAD");
    assert_unfit("the SQL thread does not run");
    admin(&fixture.reader, "START SLAVE SQL_THREAD; STOP SLAVE IO_THREAD");
    assert_unfit("the I/O thread is not connected");
    admin(&fixture.reader, "START SLAVE IO_THREAD");
    catch_up();
    test_takes_a_healthy_reader(state);
}

static void test_tells_why_a_replica_stopped(void **state) {
    (void)state;
    catch_up();
    admin(&fixture.reader, "SET GLOBAL read_only = 0; SET sql_log_bin = 0; INSERT INTO shop.works VALUES (1)");
    admin(&fixture.writer, "INSERT INTO shop.works VALUES (1)");
    AWAIT(replication_threads("command = 'Slave_SQL'") == 0);
    assert_unfit("Duplicate entry '1'");
    admin(&fixture.reader, "DELETE FROM shop.works; SET GLOBAL read_only = 1; START SLAVE");
    catch_up();
}

static int64_t lag_of_reader(void) {
    char *readers[] = {fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 1);
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), 0);
    int64_t lag = choice.lag;
    reader_choice_free(&choice);
    return lag;
}

static void test_passes_over_a_replica_that_is_behind(void **state) {
    (void)state;
    catch_up();
    MYSQL *holder = mysql_init(NULL);
    assert_non_null(mysql_real_connect(holder, NULL, "root", "", "shop", 0, fixture.reader.socket, 0));
    assert_int_equal(mysql_query(holder, "LOCK TABLES works READ"), 0);
    admin(&fixture.writer, "INSERT INTO shop.works VALUES (2)");
    AWAIT(replication_threads("state = 'Waiting for table metadata lock'") == 1); /* from here on it falls behind */
    AWAIT(lag_of_reader() >= 2000);
    assert_unfit("s behind, the limit is 1s");
    char *readers[] = {fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 1);
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), 0); /* within its limit */
    assert_true(choice.lag >= 2000 && choice.lag <= settings.max_replica_lag);
    reader_choice_free(&choice);
    mysql_close(holder);
    catch_up();
}

static void test_the_worst_source_counts(void **state) {
    (void)state;
    catch_up();
    admin(&fixture.reader, "CHANGE MASTER 'second' TO MASTER_HOST = '127.0.0.1', MASTER_PORT = 1, MASTER_USER = 'x'; "
                           "START SLAVE 'second'");
    assert_unfit("the I/O thread is not connected");
    admin(&fixture.reader, "STOP SLAVE 'second'; RESET SLAVE 'second' ALL");
    test_takes_a_healthy_reader(state);
}

static void test_a_server_that_replicates_from_nobody_is_no_reader(void **state) {
    (void)state;
    char *readers[] = {fixture.writer.socket, fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 2);
    struct reader_choice choice;
    catch_up();
    assert_int_equal(open_reader(&settings, &choice), 0);
    assert_string_equal(choice.server, fixture.reader.tcp);
    assert_logged("it replicates from nobody");
    reader_choice_free(&choice);
}

static void test_missing_privilege_names_the_grant(void **state) {
    (void)state;
    char *readers[] = {fixture.reader.tcp};
    struct mysql_settings settings = settings_of_job(readers, 1);
    settings.user = (char[]){"blind"};
    settings.allow_writer = true;
    struct reader_choice choice;
    catch_up();
    assert_int_equal(open_reader(&settings, &choice), EXIT_DENIED);
    assert_logged("hint: GRANT SLAVE MONITOR ON *.* TO this account");
    reader_choice_free(&choice);
}

static void test_refused_login_ends_the_search(void **state) {
    (void)state;
    write_file(fixture.base, "wrong", "wrong");
    char *path = xasprintf("%s/wrong", fixture.base);
    char *readers[] = {fixture.reader.tcp, fixture.reader.socket};
    struct mysql_settings settings = settings_of_job(readers, 2);
    settings.password_file = path;
    settings.allow_writer = true;
    struct reader_choice choice;
    assert_int_equal(open_reader(&settings, &choice), EXIT_DENIED);
    assert_int_equal(choice.skipped.count, 0);
    assert_null(strstr(logged.data, fixture.reader.socket));
    reader_choice_free(&choice);
    free(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_takes_a_healthy_reader),
        cmocka_unit_test(test_passes_over_the_unreachable),
        cmocka_unit_test(test_passes_over_a_stopped_replica),
        cmocka_unit_test(test_tells_why_a_replica_stopped),
        cmocka_unit_test(test_passes_over_a_replica_that_is_behind),
        cmocka_unit_test(test_the_worst_source_counts),
        cmocka_unit_test(test_a_server_that_replicates_from_nobody_is_no_reader),
        cmocka_unit_test(test_missing_privilege_names_the_grant),
        cmocka_unit_test(test_refused_login_ends_the_search),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
