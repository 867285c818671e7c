/* The MySQL store against a real MariaDB with hostile defaults: what must hold whatever the server, the environment and the network are like. */
#include <errno.h>

#include "nightshift/run/interrupt.h"
#include "nightshift/stores/mysql_plan.h"

#include "mysql_server.h"

struct fixture {
    char *base;
    struct server tls;   /* hostile defaults, TLS offered, a certificate for 127.0.0.1 */
    struct server plain; /* no TLS */
    char *password;
    char *authority;
    char *other_authority;
};

static struct fixture fixture;

/* Ends only when it is stopped. Nor does it look whether anybody still waits for it, as SLEEP() does. */
#define BUSY "SELECT COUNT(*) FROM seq_1_to_1000000 a, seq_1_to_1000000 b WHERE a.seq <> b.seq"

static void make_certificates(const char *base) {
    static const char script[] = "cd '%s' && for ca in ca other; do openssl req -x509 -newkey rsa:2048 -nodes -days 2 "
                                 "-subj \"/CN=$ca\" -keyout $ca.key -out "
                                 "$ca.pem; done >tls.log 2>&1 && openssl req -newkey rsa:2048 -nodes -subj "
                                 "/CN=db.example -keyout server.key -out server.csr "
                                 ">>tls.log 2>&1 && echo subjectAltName=IP:127.0.0.1,DNS:db.example >ext && openssl "
                                 "x509 -req -in server.csr -CA ca.pem "
                                 "-CAkey ca.key -CAcreateserial -days 2 -extfile ext -out server.pem >>tls.log 2>&1";
    shell(script, base);
}

static int set_up(void **state) {
    (void)state;
    unsetenv("MYSQL_PWD");
    fixture.base = make_base();
    make_certificates(fixture.base);
    write_file(fixture.base, "password", "s3cret'\"\\ #x\n");
    fixture.password = xasprintf("%s/password", fixture.base);
    fixture.authority = xasprintf("%s/ca.pem", fixture.base);
    fixture.other_authority = xasprintf("%s/other.pem", fixture.base);
    char *ca = xasprintf("--ssl-ca=%s/ca.pem", fixture.base);
    char *cert = xasprintf("--ssl-cert=%s/server.pem", fixture.base);
    char *key = xasprintf("--ssl-key=%s/server.key", fixture.base);
    const char *hostile[] = {
        ca,
        cert,
        key,
        "--sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,ONLY_FULL_GROUP_BY,ORACLE",
        "--autocommit=0",
        "--default-time-zone=+09:00",
        "--character-set-server=latin1",
        "--init-connect=SET sql_select_limit = 1, time_zone = '+05:00', character_set_results = sjis, "
        "wait_timeout = 1, sql_safe_updates = 1, sql_auto_is_null = 1, completion_type = 2",
        "--performance-schema=ON",
        NULL};
    start_server(&fixture.tls, fixture.base, "tls", hostile);
    start_server(&fixture.plain, fixture.base, "plain", (const char *[]){"--skip-ssl", NULL});
    free(ca);
    free(cert);
    free(key);
    for (int i = 0; i < 2; i++) {
        const struct server *server = i == 0 ? &fixture.tls : &fixture.plain;
        admin(server,
              "SET sql_mode = '', autocommit = 1; CREATE DATABASE shop CHARACTER SET utf8mb4; CREATE DATABASE closed;"
              "CREATE TABLE closed.t (a INT);"
              "CREATE TABLE shop.works (id INT PRIMARY KEY, category_id INT NOT NULL, title VARCHAR(50), body BLOB) "
              "ENGINE=InnoDB; CREATE TABLE shop.secrets (a INT);"
              "INSERT INTO shop.works SELECT seq, seq % 7, CONCAT(0xE9A18CE5908D, seq), NULL FROM "
              "shop.seq_1_to_20000;"
              "CREATE USER job@'%' IDENTIFIED BY 's3cret\\'\"\\\\ #x'; GRANT SELECT, INSERT ON shop.works TO job@'%';"
              "GRANT SELECT ON shop.seq_1_to_1000000 TO job@'%'; CREATE USER nobody@'%'; CREATE USER empty@'%';"
              "GRANT SELECT ON shop.works TO empty@'%'; ANALYZE TABLE shop.works");
    }
    log_listen(keep_log, NULL);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stop_server(&fixture.tls);
    stop_server(&fixture.plain);
    remove_base(fixture.base);
    free(fixture.password);
    free(fixture.authority);
    free(fixture.other_authority);
    text_free(&logged);
    return 0;
}

static struct mysql_settings settings_of_job(void) {
    static char user[] = "job";
    static char name[] = "shop";
    struct mysql_settings settings = test_settings(user, fixture.password);
    settings.database = name;
    settings.tls_ca = fixture.authority;
    return settings;
}

static struct database *open_job(const char *server) {
    struct mysql_settings settings = settings_of_job();
    struct database *database = NULL;
    assert_int_equal(database_open(&settings, server, &test_client, &database), 0);
    assert_non_null(database);
    return database;
}

static int open_status(const struct mysql_settings *settings, const char *server) {
    struct database *database = NULL;
    forget_log();
    int status = database_open(settings, server, &test_client, &database);
    assert_true((status == 0) == (database != NULL));
    database_close(database);
    return status;
}

/* --- connecting --- */

static void test_connects_and_knows_the_server(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct database *database = open_job(i == 0 ? fixture.tls.socket : fixture.tls.tcp);
        const struct server_identity *identity = database_identity(database);
        assert_true(identity->mariadb);
        assert_false(identity->aurora);
        assert_int_equal(identity->version, admin_integer(&fixture.tls, "SELECT REPLACE(REGEXP_SUBSTR(VERSION(), "
                                                                        "'^[0-9.]+'), '.', '')"));
        assert_true(identity->hostname[0] != '\0');
        /* Not by the time zones that the server was told. */
        assert_true(identity->clock_offset > -FOREVER && identity->clock_offset < FOREVER);
        assert_null(identity->cipher); /* auto: neither needs it */
        assert_string_equal(database_server(database), i == 0 ? fixture.tls.socket : fixture.tls.tcp);
        char *sql =
            xasprintf("SELECT COUNT(*) FROM performance_schema.session_connect_attrs WHERE processlist_id = %lld AND "
                      "(attr_name = 'program_name' AND attr_value = 'nightshift unit-test' OR attr_name = 'run_id' AND "
                      "attr_value = '0199-test')",
                      (long long)identity->connection);
        assert_int_equal(admin_integer(&fixture.tls, sql), 2);
        free(sql);
        database_close(database);
    }
}

static void test_session_is_ours_whatever_the_server_defaults_to(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    struct text value = {0};
    static const char *const expected[][2] = {
        {"SELECT @@sql_mode", "STRICT_TRANS_TABLES,STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION"},
        {"SELECT @@autocommit", "1"},
        {"SELECT @@time_zone", "+00:00"},
        {"SELECT @@sql_select_limit", "18446744073709551615"},
        {"SELECT @@character_set_results", "utf8mb4"},
        {"SELECT @@sql_safe_updates + @@sql_auto_is_null", "0"},
        {"SELECT @@wait_timeout", "600"},
        {"SELECT @@lock_wait_timeout", "60"},
        {"SELECT @@completion_type", "NO_CHAIN"},
        {"SELECT @@tx_isolation", "REPEATABLE-READ"},
        {"SELECT @@max_statement_time", "300.000000"},
        {"SELECT \"a\\'b\"", "a'b"},
        {"SELECT title FROM works WHERE id = 1", "題名1"},
        {"SELECT HEX(title) FROM works WHERE id = 1", "E9A18CE5908D31"},
        {"SELECT TIMESTAMPDIFF(HOUR, UTC_TIMESTAMP(), NOW())", "0"},
    };
    for (size_t i = 0; i < LENGTH_OF(expected); i++) {
        assert_int_equal(database_single_value(database, expected[i][0], NULL, &value, NULL), 0);
        assert_string_equal(text_string(&value), expected[i][1]);
    }
    text_free(&value);
    database_close(database);
}

static void test_takes_nothing_from_the_environment(void **state) {
    (void)state;
    char *home = xasprintf("%s/home", fixture.base);
    shell("mkdir '%s'", home);
    write_file(home, ".my.cnf",
               "[client]\npassword=\"s3cret'\\\"\\\\ #x\"\nuser=job\n[nightshift]\nssl-mode=DISABLED\n");
    setenv("HOME", home, 1);
    setenv("MYSQL_HOME", home, 1);
    setenv("MYSQL_PWD", "s3cret'\"\\ #x", 1);
    setenv("MYSQL_UNIX_PORT", "/nonexistent", 1);
    setenv("MYSQL_TCP_PORT", "1", 1);
    setenv("MYSQL_HOST", "192.0.2.1", 1);
    setenv("USER", "root", 1);
    struct mysql_settings settings = settings_of_job();
    settings.password_file = NULL;
    assert_int_equal(open_status(&settings, fixture.tls.socket), EXIT_DENIED);
    settings = settings_of_job();
    assert_int_equal(open_status(&settings, fixture.tls.socket), 0);
    assert_int_equal(open_status(&settings, fixture.tls.tcp), 0);
    unsetenv("MYSQL_PWD");
    unsetenv("MYSQL_UNIX_PORT");
    unsetenv("MYSQL_TCP_PORT");
    unsetenv("MYSQL_HOST");
    free(home);
}

static void test_takes_user_and_password_from_an_option_file(void **state) {
    (void)state;
    write_file(fixture.base, "job.cnf",
               "[client]\nuser=nobody\n[night]\nuser = job\npassword = \"s3cret'\\\"\\\\ #x\"\nport=1\n");
    char *path = xasprintf("%s/job.cnf", fixture.base);
    char group[] = "night";
    struct mysql_settings settings = settings_of_job();
    settings.user = settings.password_file = NULL;
    settings.option_file = path;
    settings.option_group = group;
    assert_int_equal(open_status(&settings, fixture.tls.socket), 0);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(open_status(&settings, fixture.tls.socket), EXIT_DENIED);
    assert_logged("is open to other users");
    assert_int_equal(chmod(path, 0600), 0);
    group[0] = 'x';
    assert_int_equal(open_status(&settings, fixture.tls.socket), EXIT_SETTINGS);
    assert_logged("there is no such group");
    free(path);
}

static void test_wrong_password_is_final(void **state) {
    (void)state;
    write_file(fixture.base, "wrong", "wrong");
    char *path = xasprintf("%s/wrong", fixture.base);
    struct mysql_settings settings = settings_of_job();
    settings.password_file = path;
    int64_t before = admin_integer(&fixture.tls, "SELECT variable_value FROM information_schema.global_status WHERE "
                                                 "variable_name = 'access_denied_errors'");
    assert_int_equal(open_status(&settings, fixture.tls.tcp), EXIT_DENIED);
    assert_logged("cannot connect to MySQL \"127.0.0.1:");
    assert_logged("(error 1045)");
    assert_logged("hint: check user and password");
    assert_int_equal(admin_integer(&fixture.tls, "SELECT variable_value FROM information_schema.global_status WHERE "
                                                 "variable_name = 'access_denied_errors'") -
                         before,
                     1);
    assert_null(strstr(logged.data, "wrong")); /* the password */
    free(path);
}

static void test_names_what_cannot_be_reached(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    char *closed = xasprintf("127.0.0.1:%d", free_port());
    assert_int_equal(open_status(&settings, closed), EXIT_UNAVAILABLE);
    assert_logged(closed);
    assert_int_equal(open_status(&settings, "/nonexistent/socket"), EXIT_UNAVAILABLE);
    assert_int_equal(open_status(&settings, "no-such-host.invalid"), EXIT_UNAVAILABLE);
    assert_int_equal(open_status(&settings, "db:x"), EXIT_SETTINGS);
    settings.database = (char[]){"nosuch"};
    settings.user = (char[]){"root"};
    settings.password_file = NULL;
    assert_int_equal(open_status(&settings, fixture.tls.socket), EXIT_SETTINGS);
    assert_logged("(error 1049)");
    free(closed);
}

static int listen_on_free_port(int *port) {
    *port = free_port();
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 10), 0);
    return listener;
}

/* A server that takes the connection and then says nothing. */
static void test_silent_server_is_given_up(void **state) {
    (void)state;
    int port = 0;
    int listener = listen_on_free_port(&port);
    char *server = xasprintf("127.0.0.1:%d", port);
    struct mysql_settings settings = settings_of_job();
    settings.connect_timeout = 1000;
    int64_t started = clock_monotonic();
    assert_int_equal(open_status(&settings, server), EXIT_UNAVAILABLE);
    int64_t took = clock_monotonic() - started;
    print_message("a silent server was given up after %lld ms of connect_timeout 1000\n", (long long)took);
    assert_true(took >= 900 && took < FOREVER); /* and not read_timeout */
    close(listener);
    free(server);
}

/* --- TLS --- */

static void test_tls_is_verified(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    settings.tls = MYSQL_TLS_VERIFY;
    struct database *database = NULL;
    assert_int_equal(database_open(&settings, fixture.tls.tcp, &test_client, &database), 0);
    assert_non_null(database_identity(database)->cipher);
    struct text value = {0};
    assert_int_equal(database_single_value(database,
                                           "SELECT variable_value FROM information_schema.session_status WHERE "
                                           "variable_name = 'ssl_version'",
                                           NULL, &value, NULL),
                     0);
    assert_true(strcmp(value.data, "TLSv1.3") == 0 || strcmp(value.data, "TLSv1.2") == 0);
    text_free(&value);
    database_close(database);
}

static void test_tls_refuses_the_wrong_authority(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    settings.tls = MYSQL_TLS_VERIFY;
    settings.tls_ca = fixture.other_authority;
    assert_int_equal(open_status(&settings, fixture.tls.tcp), EXIT_UNAVAILABLE);
    assert_logged("hint: tls_ca in [mysql]");
    settings.tls_ca = (char[]){"/nonexistent/ca.pem"};
    assert_int_equal(open_status(&settings, fixture.tls.tcp), EXIT_SETTINGS);
}

static void test_tls_refuses_the_wrong_host(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    settings.tls = MYSQL_TLS_VERIFY;
    char *server = xasprintf("localhost:%d", fixture.tls.port);
    assert_int_equal(open_status(&settings, server), EXIT_UNAVAILABLE);
    assert_logged("hint: tls_ca in [mysql]");
    settings.tls = MYSQL_TLS_OFF; /* the host itself is fine */
    assert_int_equal(open_status(&settings, server), 0);
    free(server);
}

static void test_tls_never_falls_back_to_plain_text(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    settings.tls = MYSQL_TLS_VERIFY;
    assert_int_equal(open_status(&settings, fixture.plain.tcp), EXIT_UNAVAILABLE);
    assert_logged("(error 2026)");
    settings.tls = MYSQL_TLS_OFF;
    assert_int_equal(open_status(&settings, fixture.plain.tcp), 0);
}

/* --- statements --- */

static void test_limit_ends_a_statement(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    int64_t value = 0;
    forget_log();
    assert_int_equal(database_set_statement_limit(database, 700), 0);
    assert_int_equal(database_single_integer(database, BUSY, "[count works] query", &value), EXIT_LATER);
    assert_logged("cannot run [count works] query on");
    assert_logged("(error 1969)");
    assert_logged("statement_limit");
    assert_int_equal(database_set_statement_limit(database, 0), 0);
    assert_int_equal(database_single_integer(database, "SELECT 7", NULL, &value), 0);
    assert_int_equal(value, 7);
    database_close(database);
}

static void test_says_what_is_wrong_with_a_statement(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    int64_t value = 0;
    static const struct {
        const char *sql;
        int ours, settings;
        const char *part;
    } cases[] = {
        {"SELEC 1", EXIT_BUG, EXIT_SETTINGS, "(error 1064)"},
        {"SELECT a FROM works", EXIT_BUG, EXIT_SETTINGS, "(error 1054)"},
        {"SELECT 1 FROM nosuch", EXIT_DENIED, EXIT_DENIED, "(error 1142)"},
        {"SELECT 1 FROM secrets", EXIT_DENIED, EXIT_DENIED,
         "hint: grant SELECT on table `shop`.`secrets` to this account"},
        {"SELECT 1 FROM closed.t", EXIT_DENIED, EXIT_DENIED, "hint: grant SELECT on table `closed`.`t`"},
        {"SELECT id FROM works", EXIT_BUG, EXIT_SETTINGS, "more than one row"},
        {"SELECT id FROM works WHERE id < 0", EXIT_BUG, EXIT_SETTINGS, "gives no row"},
        {"SELECT id, id FROM works", EXIT_BUG, EXIT_SETTINGS, "must give 1 column and gives 2"},
        {"SELECT NULL", EXIT_BUG, EXIT_SETTINGS, "gives NULL"},
        {"SELECT 'x'", EXIT_BUG, EXIT_SETTINGS, "\"x\": not a whole number"},
        {"SELECT 18446744073709551615", EXIT_BUG, EXIT_SETTINGS, "too large"},
        {"DO 0", EXIT_BUG, EXIT_SETTINGS, "it gives no rows"},
        {"SELECT 1; SELECT 2", EXIT_BUG, EXIT_SETTINGS, "(error 1064)"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        forget_log();
        assert_int_equal(database_single_integer(database, cases[i].sql, NULL, &value), cases[i].ours);
        assert_logged(cases[i].part);
        forget_log();
        assert_int_equal(database_single_integer(database, cases[i].sql, "[page x] query", &value), cases[i].settings);
        assert_logged(cases[i].part);
        assert_logged(fixture.tls.socket);
    }
    forget_log();
    assert_int_equal(database_run(database, "SELECT 1", NULL, NULL), EXIT_BUG);
    assert_logged("gives rows where none are wanted");
    assert_int_equal(database_run(database, "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE works", "x", NULL),
                     EXIT_SETTINGS);
    assert_int_equal(database_single_integer(database, "SELECT 1", NULL, &value), 0);
    database_close(database);
}

static void test_streams_rows_of_all_kinds(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    struct text sql = {0};
    text_add(&sql, "SELECT 1, SUM(id), 1.5, title, 0x00FF00, NOW(), NULL, ");
    database_append_string(database, &sql, "it's \\ \"\0\n\x1a", 11);
    text_add(&sql, " FROM works WHERE id < 4 GROUP BY id");
    assert_int_equal(database_query(database, sql.data, NULL, &rows), 0);
    assert_int_equal(rows_columns(rows), 8);
    static const enum column_kind kinds[] = {COLUMN_INTEGER, COLUMN_INTEGER, COLUMN_NUMBER, COLUMN_TEXT,
                                             COLUMN_BYTES,   COLUMN_TIME,    COLUMN_ANY,    COLUMN_TEXT};
    assert_int_equal(rows_expect(rows, 8, kinds), 0);
    assert_int_equal(rows_column_kind(rows, 1), COLUMN_INTEGER);
    assert_int_equal(rows_find_column(rows, "TITLE"), 3);
    assert_int_equal(rows_find_column(rows, "none"), -1);
    for (int i = 1; i <= 3; i++) {
        int64_t number = 0;
        assert_int_equal(rows_next(rows, &fields), 0);
        assert_non_null(fields);
        assert_null(field_integer(&fields[1], &number));
        assert_int_equal(number, i);
        assert_int_equal(fields[4].length, 3);
        assert_memory_equal(fields[4].bytes, "\0\xff\0", 4);
        assert_null(fields[6].bytes);
        assert_string_equal(field_integer(&fields[6], &number), "is NULL");
        assert_int_equal(fields[7].length, 11);
        assert_memory_equal(fields[7].bytes, "it's \\ \"\0\n\x1a", 11);
    }
    forget_log();
    assert_int_equal(database_run(database, "DO 0", NULL, NULL), EXIT_BUG);
    assert_logged("while rows of another were being read");
    assert_int_equal(rows_next(rows, &fields), 0);
    assert_null(fields);
    assert_int_equal(rows_next(rows, &fields), 0);
    assert_null(fields);
    rows_close(rows);
    forget_log();
    assert_int_equal(database_query(database, "SELECT id, title FROM works", "[count x] query", &rows), 0);
    assert_int_equal(rows_expect(rows, 2, (const enum column_kind[]){COLUMN_INTEGER, COLUMN_NUMBER}), EXIT_SETTINGS);
    assert_logged("column 2 (title) must be a number and is text");
    rows_close(rows);
    text_free(&sql);
    database_close(database);
}

#define MANY "SELECT seq, REPEAT('x', 200) FROM seq_1_to_1000000"

/* Reads some rows, has the connection or the query killed, and reads on. */
static int read_while_cut(const char *what, size_t *seen) {
    struct database *database = open_job(fixture.tls.tcp);
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int status = database_query(database, MANY, NULL, &rows);
    assert_int_equal(status, 0);
    for (*seen = 0; *seen < 100; ++*seen)
        assert_int_equal(rows_next(rows, &fields), 0);
    char *cut = xasprintf("KILL %s %lld", what, (long long)database_identity(database)->connection);
    admin(&fixture.tls, cut);
    forget_log();
    while ((status = rows_next(rows, &fields)) == 0 && fields != NULL)
        ++*seen;
    assert_null(fields);
    rows_close(rows);
    database_close(database);
    free(cut);
    return status;
}

static void test_cut_result_is_an_error_not_an_end(void **state) {
    (void)state;
    size_t seen = 0;
    assert_int_equal(read_while_cut("CONNECTION", &seen), EXIT_UNAVAILABLE);
    assert_true(seen < 1000000);
    assert_logged("(error ");
    assert_int_equal(read_while_cut("QUERY", &seen), EXIT_LATER);
    assert_true(seen < 1000000);
    assert_logged("KILL QUERY");
}

static void test_rows_left_are_not_read_through(void **state) {
    (void)state;
    int64_t value = 0;
    for (int i = 0; i < STOPS && value == 0; i++) {
        struct database *database = open_job(fixture.tls.tcp);
        struct rows *rows = NULL;
        const struct field *fields = NULL;
        /* All of them would take days. */
        assert_int_equal(
            database_query(database, "SELECT a.seq FROM seq_1_to_1000000 a, seq_1_to_1000000 b", NULL, &rows), 0);
        assert_int_equal(rows_next(rows, &fields), 0);
        int64_t started = clock_monotonic();
        rows_close(rows);
        assert_true(clock_monotonic() - started < FOREVER);
        /* The connection can be used again, unless the stop came too late and it had to be cut. */
        if (ended_soon(&fixture.tls, "SELECT a.seq%") &&
            database_single_integer(database, "SELECT COUNT(*) FROM works", NULL, &value) != 0)
            value = 0;
        database_close(database);
    }
    assert_int_equal(value, 20000);
}

static void test_snapshot_does_not_move(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    int64_t taken_at = 0;
    int64_t count = 0;
    int64_t before = clock_now();
    assert_int_equal(database_begin_snapshot(database, &taken_at), 0);
    assert_true(taken_at >= before - FOREVER && taken_at <= clock_now() + FOREVER); /* no time zone */
    admin(&fixture.tls, "INSERT INTO shop.works VALUES (50000, 1, 'x', NULL); COMMIT");
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM works", NULL, &count), 0);
    assert_int_equal(count, 20000);
    forget_log();
    assert_int_equal(database_run(database, "INSERT INTO works VALUES (50001, 1, 'x', NULL)", NULL, NULL), EXIT_BUG);
    assert_logged("(error 1792)"); /* read-only */
    assert_int_equal(database_commit(database), 0);
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM works", NULL, &count), 0);
    assert_int_equal(count, 20001);
    int64_t changed = 0;
    assert_int_equal(database_begin(database), 0);
    assert_int_equal(
        database_run(database, "INSERT INTO works VALUES (50001, 1, 'x', NULL), (50002, 1, 'x', NULL)", NULL, &changed),
        0);
    assert_int_equal(changed, 2);
    database_rollback(database);
    assert_int_equal(database_single_integer(database, "SELECT COUNT(*) FROM works", NULL, &count), 0);
    assert_int_equal(count, 20001);
    admin(&fixture.tls, "DELETE FROM shop.works WHERE id = 50000; COMMIT");
    database_close(database);
}

static void test_counts_the_work_done(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    int64_t before = 0;
    int64_t after = 0;
    int64_t value = 0;
    assert_int_equal(database_handler_reads(database, &before), 0);
    assert_int_equal(database_handler_reads(database, &after), 0);
    assert_int_equal(after - before, 0);
    assert_int_equal(
        database_single_integer(database, "SELECT COUNT(*) FROM works WHERE category_id = 3", NULL, &value), 0);
    assert_int_equal(database_handler_reads(database, &after), 0);
    assert_true(after - before >= 20000 && after - before < 20010);
    database_close(database);
}

static void test_plans_give_warnings(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.socket);
    struct plan plan;
    assert_int_equal(
        database_explain(database, "SELECT category_id, COUNT(*) FROM works GROUP BY category_id", "x", &plan), 0);
    assert_true(plan.temporary && plan.filesort);
    assert_true(plan.scanned > 15000 && plan.scanned < 25000);
    assert_int_equal(plan.warnings.count, 3);
    assert_true(strings_contain(&plan.warnings, "temporary table for works"));
    assert_true(strings_contain(&plan.warnings, "filesort for works"));
    plan_free(&plan);
    assert_int_equal(database_explain(database, "SELECT title FROM works WHERE id = 7", "x", &plan), 0);
    assert_false(plan.temporary || plan.filesort || plan.scanned != 0 || plan.warnings.count != 0);
    plan_free(&plan);
    forget_log();
    assert_int_equal(database_explain(database, "SELECT a FROM works", "[count x] query", &plan), EXIT_SETTINGS);
    plan_free(&plan);
    database_close(database);
}

/* --- stopping --- */

/* Runs `work` in a process of its own, which can be asked to stop by SIGTERM. Its exit code is the status. */
static pid_t start_worker(int (*work)(void)) {
    /* Blocked from its first moment: a SIGTERM that comes early waits for interrupt_start(). */
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_listen(NULL, NULL);
        _exit(interrupt_start() != 0 ? 99 : work());
    }
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    return pid;
}

static int await_worker(pid_t pid) {
    int result = 0;
    for (int64_t until = clock_monotonic() + FOREVER; clock_monotonic() < until; clock_sleep(5))
        if (waitpid(pid, &result, WNOHANG) == pid)
            return WIFEXITED(result) ? WEXITSTATUS(result) : 1000 + WTERMSIG(result);
    kill(pid, SIGKILL);
    waitpid(pid, &result, 0);
    return -1;
}

static int work_long(void) {
    struct mysql_settings settings = settings_of_job();
    struct database *database = NULL;
    int64_t value = 0;
    int status = database_open(&settings, fixture.tls.tcp, &test_client, &database);
    if (status == 0)
        status = database_single_integer(database, BUSY, "x", &value);
    /* Once asked to stop, nothing more is begun. */
    if (status == EXIT_LATER && database_run(database, "DO 0", NULL, NULL) != EXIT_LATER)
        status = 98;
    database_close(database);
    return status;
}

static void test_asked_to_stop_ends_the_statement_on_the_server(void **state) {
    (void)state;
    bool ended = false;
    for (int i = 0; i < STOPS && !ended; i++) {
        pid_t worker = start_worker(work_long);
        AWAIT(running(&fixture.tls, BUSY) == 1);
        int64_t started = clock_monotonic();
        kill(worker, SIGTERM);
        assert_int_equal(await_worker(worker), EXIT_LATER);
        print_message("stopped within %lld ms\n", (long long)(clock_monotonic() - started));
        ended = ended_soon(&fixture.tls, BUSY);
    }
    assert_true(ended);
}

static int work_rows(void) {
    struct mysql_settings settings = settings_of_job();
    struct database *database = NULL;
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    int status = database_open(&settings, fixture.tls.tcp, &test_client, &database);
    if (status == 0)
        status = database_query(database, "SELECT c.seq FROM seq_1_to_1000000 c, seq_1_to_1000000 d", "x", &rows);
    do
        status = status == 0 ? rows_next(rows, &fields) : status;
    while (status == 0 && fields != NULL);
    rows_close(rows);
    database_close(database);
    return status;
}

static void test_asked_to_stop_ends_streamed_rows(void **state) {
    (void)state;
    pid_t worker = start_worker(work_rows);
    AWAIT(running(&fixture.tls, "SELECT c.seq%") == 1);
    kill(worker, SIGTERM);
    assert_int_equal(await_worker(worker), EXIT_LATER); /* all rows would take days */
    AWAIT(running(&fixture.tls, "SELECT c.seq%") == 0);
}

/* SLEEP() ends by KILL QUERY without an error on some servers: its result must not be taken for one. */
static int work_sleep(void) {
    struct mysql_settings settings = settings_of_job();
    struct database *database = NULL;
    int64_t value = 0;
    int status = database_open(&settings, fixture.tls.tcp, &test_client, &database);
    if (status == 0)
        status = database_single_integer(database, "SELECT SLEEP(600)", "x", &value);
    database_close(database);
    return status;
}

static void test_asked_to_stop_while_the_server_hangs(void **state) {
    (void)state;
    pid_t worker = start_worker(work_sleep);
    AWAIT(running(&fixture.tls, "SELECT SLEEP(600)") == 1);
    kill(fixture.tls.pid, SIGSTOP);
    int64_t started = clock_monotonic();
    kill(worker, SIGTERM);
    int status = await_worker(worker);
    kill(fixture.tls.pid, SIGCONT);
    print_message("gave up on a server that hangs after %lld ms\n", (long long)(clock_monotonic() - started));
    assert_int_equal(status, EXIT_LATER);
    ended_soon(&fixture.tls, "SELECT SLEEP(600)");
}

static void test_asked_to_stop_in_sleep(void **state) {
    (void)state;
    pid_t worker = start_worker(work_sleep);
    AWAIT(running(&fixture.tls, "SELECT SLEEP(600)") == 1);
    kill(worker, SIGTERM);
    assert_int_equal(await_worker(worker), EXIT_LATER);
    ended_soon(&fixture.tls, "SELECT SLEEP(600)");
}

/* A server that takes connections and closes them again. */
struct closing_server {
    char *address;
    int listener;
    int heard[2]; /* a pipe, into which a worker writes that it heard the request to stop */
};

static struct closing_server closing;

static void tell_heard(void *context) {
    (void)context;
    if (write(closing.heard[1], "x", 1) != 1)
        abort();
}

static int work_closed(void) {
    struct mysql_settings settings = settings_of_job();
    interrupt_on(tell_heard, &closing);
    int status = open_status(&settings, closing.address);
    interrupt_off(&closing);
    return status;
}

/* The next attempt to connect; -1 when there is none within FOREVER, or at once. */
static int take_attempt(bool waits) {
    struct timeval patience = {.tv_sec = waits ? FOREVER / 1000 : 0, .tv_usec = waits ? 0 : 1};
    assert_int_equal(setsockopt(closing.listener, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience), 0);
    int peer = -1;
    do /* with a timeout, it does not go on by itself after a stop and a SIGCONT (signal(7)) */
        peer = accept(closing.listener, NULL, NULL);
    while (peer < 0 && errno == EINTR);
    return peer;
}

static void test_tries_again_but_not_for_long(void **state) {
    (void)state;
    enum { ATTEMPTS = 3 };
    int port = 0;
    closing.listener = listen_on_free_port(&port);
    closing.address = xasprintf("127.0.0.1:%d", port);
    assert_int_equal(pipe2(closing.heard, O_CLOEXEC), 0);
    int64_t started = clock_monotonic();
    pid_t worker = start_worker(work_closed);
    for (int i = 0; i < ATTEMPTS; i++) {
        int peer = take_attempt(true);
        assert_true(peer >= 0);
        close(peer);
    }
    assert_int_equal(await_worker(worker), EXIT_UNAVAILABLE);
    assert_int_equal(take_attempt(false), -1);
    assert_true(clock_monotonic() - started >= 300 - 2); /* two pauses, of 100 to 200 and 200 to 400 ms */

    /* Asked to stop in the first attempt, it does not begin another one. */
    char byte = 0;
    worker = start_worker(work_closed);
    int peer = take_attempt(true);
    assert_true(peer >= 0);
    kill(worker, SIGTERM);
    assert_int_equal(read(closing.heard[0], &byte, 1), 1);
    close(peer);
    assert_int_equal(await_worker(worker), EXIT_LATER);
    assert_int_equal(take_attempt(false), -1);
    close(closing.heard[0]);
    close(closing.heard[1]);
    close(closing.listener);
    free(closing.address);
}

/* The KILL must hit the statement that runs when we are asked, and no later one; many short statements in a row, stopped at random. */
static int work_short(void) {
    struct mysql_settings settings = settings_of_job();
    struct database *database = NULL;
    int64_t value = 0;
    int status = database_open(&settings, fixture.tls.tcp, &test_client, &database);
    for (int i = 0; status == 0 && i < 1000000; i++)
        status = database_single_integer(database, "SELECT COUNT(*) FROM works WHERE category_id = 3 AND id < 500", "x",
                                         &value);
    database_close(database);
    return status;
}

static void test_asked_to_stop_between_short_statements(void **state) {
    (void)state;
    for (int i = 0; i < 15; i++) {
        pid_t worker = start_worker(work_short);
        clock_sleep(10 + i * 7); /* any moment will do: its statements take a minute */
        kill(worker, SIGTERM);
        assert_int_equal(await_worker(worker), EXIT_LATER);
    }
}

static void test_read_timeout_ends_the_statement_too(void **state) {
    (void)state;
    struct mysql_settings settings = settings_of_job();
    settings.read_timeout = 1000;
    settings.statement_limit = 2 * FOREVER; /* which ends with another status */
    bool ended = false;
    for (int i = 0; i < STOPS && !ended; i++) {
        struct database *database = NULL;
        int64_t value = 0;
        AWAIT(database_open(&settings, fixture.tls.tcp, &test_client, &database) == 0); /* in less than a second */
        forget_log();
        int64_t started = clock_monotonic();
        assert_int_equal(database_single_integer(database, BUSY, NULL, &value), EXIT_UNAVAILABLE);
        int64_t took = clock_monotonic() - started;
        print_message("read_timeout of 1000 ms took %lld ms\n", (long long)took);
        assert_logged("no answer for");
        assert_true(took >= 900);
        ended = ended_soon(&fixture.tls, BUSY);
        /* The connection is gone, and says so. */
        assert_int_equal(database_single_integer(database, "SELECT 1", NULL, &value), EXIT_UNAVAILABLE);
        database_close(database);
    }
    assert_true(ended);
}

/* Behind a name with several addresses, a second connection may reach another server. */
static void test_kills_nothing_on_another_server(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.tcp);
    struct mysql_settings settings = settings_of_job();
    struct database *victim = NULL;
    assert_int_equal(database_open(&settings, fixture.plain.tcp, &test_client, &victim), 0);
    pthread_mutex_lock(&database->lock);
    assert_true(database_stop_statement(database));
    free(database->instance);
    database->instance = xstrdup(victim->instance);
    assert_false(database_stop_statement(database));
    pthread_mutex_unlock(&database->lock);
    database_close(victim);
    database_close(database);
}

static void test_descriptors_are_not_inherited(void **state) {
    (void)state;
    struct database *database = open_job(fixture.tls.tcp);
    assert_true((fcntl(client_socket(database->mysql), F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(database->socket, F_GETFD) & FD_CLOEXEC) != 0);
    database_close(database);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connects_and_knows_the_server),
        cmocka_unit_test(test_session_is_ours_whatever_the_server_defaults_to),
        cmocka_unit_test(test_takes_nothing_from_the_environment),
        cmocka_unit_test(test_takes_user_and_password_from_an_option_file),
        cmocka_unit_test(test_wrong_password_is_final),
        cmocka_unit_test(test_names_what_cannot_be_reached),
        cmocka_unit_test(test_silent_server_is_given_up),
        cmocka_unit_test(test_tls_is_verified),
        cmocka_unit_test(test_tls_refuses_the_wrong_authority),
        cmocka_unit_test(test_tls_refuses_the_wrong_host),
        cmocka_unit_test(test_tls_never_falls_back_to_plain_text),
        cmocka_unit_test(test_limit_ends_a_statement),
        cmocka_unit_test(test_says_what_is_wrong_with_a_statement),
        cmocka_unit_test(test_streams_rows_of_all_kinds),
        cmocka_unit_test(test_cut_result_is_an_error_not_an_end),
        cmocka_unit_test(test_rows_left_are_not_read_through),
        cmocka_unit_test(test_snapshot_does_not_move),
        cmocka_unit_test(test_counts_the_work_done),
        cmocka_unit_test(test_plans_give_warnings),
        cmocka_unit_test(test_asked_to_stop_ends_the_statement_on_the_server),
        cmocka_unit_test(test_asked_to_stop_ends_streamed_rows),
        cmocka_unit_test(test_asked_to_stop_in_sleep),
        cmocka_unit_test(test_asked_to_stop_while_the_server_hangs),
        cmocka_unit_test(test_tries_again_but_not_for_long),
        cmocka_unit_test(test_asked_to_stop_between_short_statements),
        cmocka_unit_test(test_read_timeout_ends_the_statement_too),
        cmocka_unit_test(test_kills_nothing_on_another_server),
        cmocka_unit_test(test_descriptors_are_not_inherited),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
