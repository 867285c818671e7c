/* What must be the same on every kind of server. Runs against the sandbox whose `env` was sourced (MariaDB, MySQL 5.6 or 9.7); without one,
 * against a private MariaDB. */
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/mysql_plan.h"
#include "nightshift/stores/mysql_reader.h"

#include "mysql_server.h"

struct fixture {
    char *base; /* NULL: a sandbox */
    struct server server;
    struct mysql_settings settings;
    char *reader; /* NULL: there is none */
    const char *kind;
};

static struct fixture fixture;

/* Ends only when it is stopped, on any server and any data; nor does it look whether anybody still waits for it, as SLEEP() does. */
#define BUSY "SELECT COUNT(*) FROM works a, works b, works c WHERE a.id + b.id + c.id < 0"

static void use_sandbox(void) {
    static char *reader[1];
    fixture.server.socket = xstrdup(getenv("MYSQL_SOCKET"));
    fixture.server.tcp = xasprintf("%s:%s", getenv("MYSQL_HOST"), getenv("MYSQL_PORT"));
    fixture.settings = test_settings(getenv("MYSQL_USER"), getenv("MYSQL_PASSWORD_FILE"));
    fixture.settings.database = getenv("MYSQL_DATABASE");
    fixture.settings.tls_ca = getenv("TLS_CA");
    char *ports = getenv("READER_PORTS");
    if (ports != NULL && *ports != '\0') {
        fixture.reader = xasprintf("%s:%.*s", getenv("MYSQL_HOST"), (int)strcspn(ports, " "), ports);
        reader[0] = fixture.reader;
        fixture.settings.readers = (struct strings){reader, 1};
    }
}

static void use_private_server(void) {
    static char user[] = "job";
    static char name[] = "marketplace";
    fixture.base = make_base();
    start_server(&fixture.server, fixture.base, "server", (const char *[]){NULL});
    admin(&fixture.server, "CREATE DATABASE marketplace CHARACTER SET utf8mb4; CREATE TABLE marketplace.works (id INT "
                           "PRIMARY KEY, category_id "
                           "INT NOT NULL, client_id INT NOT NULL, title VARCHAR(255) NOT NULL); INSERT INTO "
                           "marketplace.works SELECT seq, seq % 7, "
                           "seq % 11, seq FROM marketplace.seq_1_to_20000; ANALYZE TABLE marketplace.works; CREATE "
                           "USER job@'%'; GRANT SELECT ON "
                           "marketplace.* TO job@'%'; GRANT PROCESS ON *.* TO job@'%'");
    fixture.settings = test_settings(user, NULL);
    fixture.settings.database = name;
}

static int set_up(void **state) {
    (void)state;
    fixture.kind = getenv("MYSQL_KIND");
    if (fixture.kind != NULL)
        use_sandbox();
    else
        use_private_server();
    fixture.kind = fixture.kind != NULL ? fixture.kind : "mariadb";
    log_listen(keep_log, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop_server(&fixture.server);
    if (fixture.base != NULL)
        remove_base(fixture.base);
    free(fixture.reader);
    text_free(&logged);
    return 0;
}

static struct database *open_job(void) {
    struct database *database = NULL;
    assert_int_equal(database_open(&fixture.settings, fixture.server.tcp, &test_client, &database), 0);
    return database;
}

static bool is(const char *kind) {
    return strcmp(fixture.kind, kind) == 0;
}

static void test_knows_the_server(void **state) {
    (void)state;
    struct database *database = open_job();
    const struct server_identity *identity = database_identity(database);
    print_message("%s: version %d (%s), host %s, server id %lld\n", fixture.kind, identity->version,
                  identity->version_text, identity->hostname, (long long)identity->server_id);
    assert_int_equal(identity->mariadb, is("mariadb"));
    assert_int_equal(identity->version / 100, is("mysql56") ? 506 : is("mysql97") ? 907 : identity->version / 100);
    assert_true(identity->version >= 50600);
    assert_int_equal(strlen(identity->uuid), is("mariadb") ? 0 : 36);
    assert_true(identity->connection > 0);
    assert_false(identity->read_only);
    database_close(database);
}

static void test_tls(void **state) {
    (void)state;
    struct mysql_settings settings = fixture.settings;
    settings.tls = MYSQL_TLS_VERIFY;
    struct database *database = NULL;
    if (fixture.base == NULL && !is("mysql56")) {
        assert_int_equal(database_open(&settings, fixture.server.tcp, &test_client, &database), 0);
        assert_non_null(database_identity(database)->cipher);
        database_close(database);
    } else if (fixture.base == NULL) { /* it has no TLS to offer */
        assert_int_equal(database_open(&settings, fixture.server.tcp, &test_client, &database), EXIT_UNAVAILABLE);
        assert_null(database);
    }
}

static void test_values_come_back_as_they_went(void **state) {
    (void)state;
    struct database *database = open_job();
    static const char nasty[] = "it's \\ \" ` \0 \n \r \x1a % _ 題名 \xf0\x9f\x98\x80";
    struct text sql = {0};
    struct text value = {0};
    text_add(&sql, "SELECT ");
    database_append_string(database, &sql, nasty, sizeof nasty - 1);
    assert_int_equal(database_single_value(database, sql.data, NULL, &value, NULL), 0);
    assert_int_equal(value.length, sizeof nasty - 1);
    assert_memory_equal(value.data, nasty, sizeof nasty - 1);
    text_free(&sql);
    text_free(&value);
    database_close(database);
}

static void test_counts_have_the_kinds_we_expect(void **state) {
    (void)state;
    struct database *database = open_job();
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int64_t total = 0;
    int64_t count = 0;
    assert_int_equal(
        database_query(database,
                       "SELECT category_id, COUNT(*), SUM(1), CAST(SUM(1) AS SIGNED), AVG(id), title FROM works "
                       "WHERE id < 100 GROUP BY category_id, title",
                       NULL, &rows),
        0);
    assert_int_equal(rows_expect(rows, 6,
                                 (const enum column_kind[]){COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_INTEGER,
                                                            COLUMN_INTEGER, COLUMN_NUMBER, COLUMN_TEXT}),
                     0);
    while (rows_next(rows, &fields) == 0 && fields != NULL) {
        assert_null(field_integer(&fields[1], &count));
        total += count;
    }
    rows_close(rows);
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM works WHERE id < 100", NULL, &count), 0);
    assert_int_equal(total, count);
    database_close(database);
}

static void test_statement_limit(void **state) {
    (void)state;
    struct database *database = open_job();
    int64_t value = 0;
    assert_int_equal(database_set_statement_limit(database, 500), 0);
    if (!is("mysql56")) { /* which has none */
        forget_log();
        assert_int_equal(database_single_integer(database, BUSY, "x", &value), EXIT_LATER);
        assert_logged("statement_limit");
    }
    assert_int_equal(database_set_statement_limit(database, 0), 0);
    assert_int_equal(database_single_integer(database, "SELECT 1", NULL, &value), 0);
    database_close(database);
}

static void test_snapshot(void **state) {
    (void)state;
    struct database *database = open_job();
    int64_t taken_at = 0;
    int64_t before = clock_now();
    assert_int_equal(database_begin_snapshot(database, &taken_at), 0);
    assert_true(taken_at >= before - FOREVER && taken_at <= clock_now() + FOREVER); /* no time zone */
    assert_int_equal(database_commit(database), 0);
    assert_int_equal(database_begin(database), 0);
    database_rollback(database);
    database_close(database);
}

static void test_work_done(void **state) {
    (void)state;
    struct database *database = open_job();
    int64_t reads[3] = {0};
    int64_t rows = 0;
    int64_t value = 0;
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM works", NULL, &rows), 0);
    assert_int_equal(database_handler_reads(database, &reads[0]), 0);
    assert_int_equal(database_handler_reads(database, &reads[1]), 0);
    assert_int_equal(reads[1] - reads[0], 0);
    assert_int_equal(database_single_integer(database, "SELECT SUM(LENGTH(title)) FROM works", NULL, &value), 0);
    assert_int_equal(database_handler_reads(database, &reads[2]), 0);
    print_message("%s: %lld reads for a scan of %lld rows\n", fixture.kind, (long long)(reads[2] - reads[1]),
                  (long long)rows);
    assert_true(reads[2] - reads[1] >= rows && reads[2] - reads[1] < rows + 10);
    database_close(database);
}

static void test_plans(void **state) {
    (void)state;
    struct database *database = open_job();
    struct plan plan;
    assert_int_equal(
        database_explain(database, "SELECT title, COUNT(*) n FROM works GROUP BY title ORDER BY n", "x", &plan), 0);
    for (size_t i = 0; i < plan.warnings.count; i++)
        print_message("%s: %s\n", fixture.kind, plan.warnings.items[i]);
    assert_true(plan.temporary && plan.filesort && plan.scanned > 0);
    plan_free(&plan);
    assert_int_equal(database_explain(database, "SELECT title FROM works WHERE id = 1", "x", &plan), 0);
    assert_false(plan.temporary || plan.filesort || plan.scanned > 0);
    plan_free(&plan);
    database_close(database);
}

static void test_denied(void **state) {
    (void)state;
    struct database *database = open_job();
    int64_t value = 0;
    forget_log();
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM mysql.user", "x", &value), EXIT_DENIED);
    assert_logged("hint: grant SELECT on table");
    assert_int_equal(database_run(database, "SET GLOBAL read_only = 0", "x", NULL), EXIT_DENIED);
    database_close(database);
}

static void test_rows_left_are_not_read_through(void **state) {
    (void)state;
    int64_t value = 0;
    for (int i = 0; i < STOPS && value == 0; i++) {
        struct database *database = open_job();
        struct rows *rows = NULL;
        const struct field *fields = NULL;
        /* Some 400 GB, which take minutes. */
        assert_int_equal(
            database_query(database, "SELECT a.title, REPEAT('x', 1000) FROM works a, works b", NULL, &rows), 0);
        assert_int_equal(rows_next(rows, &fields), 0);
        assert_non_null(fields);
        int64_t started = clock_monotonic();
        rows_close(rows);
        assert_true(clock_monotonic() - started < FOREVER);
        /* The connection can be used again, unless the stop came too late and it had to be cut. */
        if (ended_soon(&fixture.server, "SELECT a.title%") &&
            database_single_integer(database, "SELECT 7", NULL, &value) != 0)
            value = 0;
        database_close(database);
    }
    assert_int_equal(value, 7);
}

static void test_cut_result_is_an_error(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct database *database = open_job();
        struct rows *rows = NULL;
        const struct field *fields = NULL;
        int status = database_query(database, "SELECT a.title, b.title FROM works a, works b", NULL, &rows);
        assert_int_equal(status, 0);
        assert_int_equal(rows_next(rows, &fields), 0);
        char *sql = xasprintf("KILL %s %lld", i == 0 ? "CONNECTION" : "QUERY",
                              (long long)database_identity(database)->connection);
        admin(&fixture.server, sql);
        do
            status = rows_next(rows, &fields);
        while (status == 0 && fields != NULL);
        assert_int_equal(status, i == 0 ? EXIT_UNAVAILABLE : EXIT_LATER);
        rows_close(rows);
        database_close(database);
        free(sql);
    }
}

static void test_read_timeout_ends_the_statement_too(void **state) {
    (void)state;
    struct mysql_settings settings = fixture.settings;
    settings.read_timeout = 1000;
    settings.statement_limit = 2 * FOREVER; /* which ends with another status */
    for (int tls = 0; tls < (fixture.base == NULL && !is("mysql56") ? 2 : 1); tls++) {
        settings.tls = tls == 1 ? MYSQL_TLS_VERIFY : MYSQL_TLS_AUTO;
        bool ended = false;
        for (int i = 0; i < STOPS && !ended; i++) {
            struct database *database = NULL;
            int64_t value = 0;
            AWAIT(database_open(&settings, fixture.server.tcp, &test_client, &database) == 0); /* within a second */
            int64_t started = clock_monotonic();
            assert_int_equal(database_single_integer(database, BUSY, NULL, &value), EXIT_UNAVAILABLE);
            print_message("%s%s: read_timeout of 1000 ms took %lld ms\n", fixture.kind, tls == 1 ? " over TLS" : "",
                          (long long)(clock_monotonic() - started));
            ended = ended_soon(&fixture.server, BUSY);
            database_close(database);
        }
        assert_true(ended);
    }
}

/* The worker runs into a statement that does not end. */
static int work(const char *sql) {
    struct database *database = NULL;
    int64_t value = 0;
    log_listen(NULL, NULL);
    int status = interrupt_start();
    if (status == 0)
        status = database_open(&fixture.settings, fixture.server.tcp, &test_client, &database);
    if (status == 0)
        status = database_single_integer(database, sql, "x", &value);
    database_close(database);
    return status;
}

static void assert_stopped(const char *sql) {
    bool ended = false;
    for (int i = 0; i < STOPS && !ended; i++) {
        int result = 0;
        pid_t worker = fork();
        if (worker == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            _exit(work(sql));
        }
        AWAIT(running(&fixture.server, sql) == 1);
        int64_t started = clock_monotonic();
        kill(worker, SIGTERM);
        assert_int_equal(waitpid(worker, &result, 0), worker);
        print_message("%s: stopped within %lld ms\n", fixture.kind, (long long)(clock_monotonic() - started));
        assert_true(WIFEXITED(result));
        assert_int_equal(WEXITSTATUS(result), EXIT_LATER); /* and not that of read_timeout */
        ended = ended_soon(&fixture.server, sql);
    }
    assert_true(ended);
}

static void test_asked_to_stop(void **state) {
    (void)state;
    assert_stopped(BUSY);
    assert_stopped("SELECT SLEEP(600)"); /* ends without an error on some */
}

static void test_reader(void **state) {
    (void)state;
    struct database *database = NULL;
    struct reader_choice choice = {0};
    if (fixture.reader == NULL)
        skip();
    assert_int_equal(database_open_reader(&fixture.settings, &test_client, &database, &choice), 0);
    assert_string_equal(choice.server, fixture.reader);
    assert_true(choice.lag >= 0 && choice.lag <= fixture.settings.max_replica_lag);
    assert_true(database_identity(database)->read_only);
    database_close(database);
    reader_choice_free(&choice);
    int64_t lag = 0;
    bool writer = false;
    char *reason = NULL;
    database = open_job();
    assert_int_equal(database_replica_lag(database, &lag, &writer, &reason), 0);
    assert_int_equal(lag, -1);
    assert_string_equal(reason, "it replicates from nobody");
    free(reason);
    database_close(database);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_knows_the_server),
        cmocka_unit_test(test_tls),
        cmocka_unit_test(test_values_come_back_as_they_went),
        cmocka_unit_test(test_counts_have_the_kinds_we_expect),
        cmocka_unit_test(test_statement_limit),
        cmocka_unit_test(test_snapshot),
        cmocka_unit_test(test_work_done),
        cmocka_unit_test(test_plans),
        cmocka_unit_test(test_denied),
        cmocka_unit_test(test_rows_left_are_not_read_through),
        cmocka_unit_test(test_cut_result_is_an_error),
        cmocka_unit_test(test_read_timeout_ends_the_statement_too),
        cmocka_unit_test(test_asked_to_stop),
        cmocka_unit_test(test_reader),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
