/* The parts of the MySQL store that need no server: addresses, option files, the meaning of errors, and the checks of [mysql]. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../common/stores/mysql_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/utf8.h"

static void assert_address(const char *string, const char *host, unsigned port, bool loopback) {
    struct database_address address;
    assert_null(database_address_parse(string, &address));
    assert_null(address.path);
    assert_string_equal(address.host, host);
    assert_int_equal(address.port, port);
    assert_int_equal(address.loopback, loopback);
    database_address_free(&address);
}

static void assert_no_address(const char *string, const char *reason) {
    struct database_address address;
    const char *problem = database_address_parse(string, &address);
    assert_non_null(problem);
    assert_string_equal(problem, reason);
    assert_null(address.host);
}

static void test_reads_addresses(void **state) {
    (void)state;
    assert_address("db1", "db1", 3306, false);
    assert_address("db1.example:3307", "db1.example", 3307, false);
    assert_address("10.0.0.5:1", "10.0.0.5", 1, false);
    assert_address("127.0.0.1:65535", "127.0.0.1", 65535, true);
    assert_address("127.8.9.1", "127.8.9.1", 3306, true);
    assert_address("localhost:3306", "localhost", 3306, true);
    assert_address("[::1]:3307", "::1", 3307, true);
    assert_address("[2001:db8::1]", "2001:db8::1", 3306, false);
    struct database_address address;
    assert_null(database_address_parse("/run/mysqld/mysqld.sock", &address));
    assert_string_equal(address.path, "/run/mysqld/mysqld.sock");
    assert_null(address.host);
    database_address_free(&address);
}

static void test_refuses_other_addresses(void **state) {
    (void)state;
    static const char no_port[] = "the port is not a number from 1 to 65535";
    assert_no_address("db1:", no_port);
    assert_no_address("db1:0", no_port);
    assert_no_address("db1:65536", no_port);
    assert_no_address("db1:33 06", no_port);
    assert_no_address("[::1]:x", no_port);
    assert_no_address("", "not host:port or /path");
    assert_no_address(":3306", "not host:port or /path");
    assert_no_address("db 1", "not host:port or /path");
    assert_no_address("-h", "not host:port or /path");
    assert_no_address("relative/path.sock", "not host:port or /path");
    assert_no_address("mariadb://db1", "the port is not a number from 1 to 65535"); /* would load a plugin */
    assert_no_address("::1", "an IPv6 address needs brackets: [address]:port");
    assert_no_address("[::1", "not [address]:port");
    assert_no_address("[::1]3306", "not [address]:port");
    assert_no_address("[10.0.0.1]:3306", "not an IPv6 address in the brackets");
    char path[120] = "/";
    memset(path + 1, 'x', sizeof path - 2);
    assert_no_address(path, "the path is too long for a Unix socket (107 bytes)");
}

static void test_decides_on_tls(void **state) {
    (void)state;
    struct database_address remote = {.host = (char[]){"db1"}};
    struct database_address loopback = {.host = (char[]){"127.0.0.1"}, .loopback = true};
    struct database_address local = {.path = (char[]){"/s"}};
    assert_true(database_address_needs_tls(&remote, MYSQL_TLS_AUTO));
    assert_false(database_address_needs_tls(&loopback, MYSQL_TLS_AUTO));
    assert_false(database_address_needs_tls(&local, MYSQL_TLS_AUTO));
    assert_true(database_address_needs_tls(&loopback, MYSQL_TLS_VERIFY));
    assert_false(database_address_needs_tls(&remote, MYSQL_TLS_OFF));
}

static void assert_login(const char *content, const char *group, const char *user, const char *password) {
    struct database_login login = {0};
    int line = 0;
    const char *problem = database_login_parse(content, group, &login, &line);
    assert_null(problem);
    if (user == NULL)
        assert_null(login.user);
    else
        assert_string_equal(login.user, user);
    if (password == NULL)
        assert_null(login.password);
    else
        assert_string_equal(login.password, password);
    database_login_free(&login);
}

static void test_reads_option_files(void **state) {
    (void)state;
    assert_login("[client]\nuser=job\npassword=secret\n", "client", "job", "secret");
    assert_login("[client]\r\n user = job \r\npassword\t= secret\t\r\n", "client", "job", "secret");
    assert_login("[client]\nuser=job", "client", "job", NULL);
    assert_login("[mysqld]\npassword=no\n[client]\npassword=yes\n[mysql]\npassword=no\n", "client", NULL, "yes");
    assert_login("[client]\npassword=old\n[mysql]\n[client]\npassword=new\n", "client", NULL, "new");
    assert_login("[client]\n# password=a\n;password=b\n\npassword=c\nhost=elsewhere\nssl-mode=DISABLED\n", "client",
                 NULL, "c");
    assert_login("[client]\npassword=\nuser=job\n", "client", "job", "");
    assert_login("[job]\nuser=a=b\n", "job", "a=b", NULL);
    assert_login("[clientele]\nuser=no\n[client]\n", "client", NULL, NULL);
}

/* "Using Option Files": quotes, escapes, and comments in the middle of a line. */
static void test_reads_values_as_the_mysql_client_does(void **state) {
    (void)state;
    assert_login("[client]\npassword='a b '\n", "client", NULL, "a b ");
    assert_login("[client]\npassword=\"a#b;c\" # comment\n", "client", NULL, "a#b;c");
    assert_login("[client]\npassword=ab#cd\n", "client", NULL, "ab");
    assert_login("[client]\npassword=ab;cd\n", "client", NULL, "ab;cd");
    assert_login("[client]\npassword=a\\sb\\tc\\\\d\\xe\n", "client", NULL, "a b\tc\\d\\xe");
    assert_login("[client]\npassword=\"a\\\"#b\"\n", "client", NULL, "a\"#b");
    assert_login("[client]\npassword='\n", "client", NULL, "'");
    assert_login("[client]\npassword=a\\\n", "client", NULL, "a\\");
}

static void assert_no_login(const char *content, int expected_line, const char *reason) {
    struct database_login login = {0};
    int line = -1;
    const char *problem = database_login_parse(content, "client", &login, &line);
    assert_non_null(problem);
    assert_string_equal(problem, reason);
    assert_int_equal(line, expected_line);
    database_login_free(&login);
}

static void test_refuses_other_option_files(void **state) {
    (void)state;
    assert_no_login("", 0, "there is no such group");
    assert_no_login("user=a\npassword=b\n", 0, "there is no such group");
    assert_no_login("[mysql]\nuser=a\n", 0, "there is no such group");
    assert_no_login("[client]\nuser=a\npassword\n", 3, "needs a value");
    assert_no_login("[client]\n!include /etc/other.cnf\n", 2, "!include and !includedir are not followed");
    assert_no_login("[client\nuser=a\n", 1, "the group has no ]");
}

static void test_maps_errors_to_exit_codes(void **state) {
    (void)state;
    static const struct {
        unsigned code;
        const char *sqlstate;
        int ours, settings;
    } cases[] = {
        {2002, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {2003, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {2005, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {2006, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {2013, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {2026, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {1040, "08004", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {1053, "08S01", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {1203, "42000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {1226, "42000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {1205, "HY000", EXIT_LATER, EXIT_LATER},
        {1213, "40001", EXIT_LATER, EXIT_LATER},
        {1317, "70100", EXIT_LATER, EXIT_LATER},
        {1969, "70100", EXIT_LATER, EXIT_LATER},
        {3024, "HY000", EXIT_LATER, EXIT_LATER},
        {1290, "HY000", EXIT_LATER, EXIT_LATER},
        {1044, "42000", EXIT_DENIED, EXIT_DENIED},
        {1045, "28000", EXIT_DENIED, EXIT_DENIED},
        {1142, "42000", EXIT_DENIED, EXIT_DENIED},
        {1143, "42000", EXIT_DENIED, EXIT_DENIED},
        {1227, "42000", EXIT_DENIED, EXIT_DENIED},
        {1370, "42000", EXIT_DENIED, EXIT_DENIED},
        {1410, "42000", EXIT_DENIED, EXIT_DENIED},
        {1698, "28000", EXIT_DENIED, EXIT_DENIED},
        {1820, "HY000", EXIT_DENIED, EXIT_DENIED},
        {1862, "HY000", EXIT_DENIED, EXIT_DENIED},
        {3118, "HY000", EXIT_DENIED, EXIT_DENIED},
        {1049, "42000", EXIT_BUG, EXIT_SETTINGS},
        {1054, "42S22", EXIT_BUG, EXIT_SETTINGS},
        {1064, "42000", EXIT_BUG, EXIT_SETTINGS},
        {1146, "42S02", EXIT_BUG, EXIT_SETTINGS},
        {1052, "23000", EXIT_BUG, EXIT_SETTINGS},
        {2014, "HY000", EXIT_BUG, EXIT_BUG},
        {2008, "HY000", EXIT_SYSTEM, EXIT_SYSTEM},
        {9999, "42000", EXIT_BUG, EXIT_SETTINGS},
        {9999, "28000", EXIT_DENIED, EXIT_DENIED},
        {9999, "HY000", EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_int_equal(database_error_status(cases[i].code, cases[i].sqlstate, EXIT_BUG), cases[i].ours);
        assert_int_equal(database_error_status(cases[i].code, cases[i].sqlstate, EXIT_SETTINGS), cases[i].settings);
    }
    /* A refused password is never tried again; a server that starts is. */
    assert_false(database_error_passes(1045));
    assert_false(database_error_passes(2026));
    assert_false(database_error_passes(1049));
    assert_true(database_error_passes(2003));
    assert_true(database_error_passes(1040));
}

static void assert_hint(unsigned code, const char *message, const char *expected) {
    struct database_error error = {.code = code};
    strncpy(error.text, message, sizeof error.text - 1);
    struct text hint = {0};
    database_error_hint(&error, &hint);
    assert_string_equal(text_string(&hint), expected);
    text_free(&hint);
}

static void test_names_the_missing_grant(void **state) {
    (void)state;
    assert_hint(1142, "SELECT command denied to user 'job'@'localhost' for table `market`.`works`",
                "grant SELECT on table `market`.`works` to this account");
    assert_hint(1142, "SELECT command denied to user 'job'@'localhost' for table 'works'",
                "grant SELECT on table 'works' to this account");
    assert_hint(1143, "SELECT command denied to user 'job'@'%' for column 'note' in table 'works'",
                "grant SELECT on table 'works' to this account");
    assert_hint(1227,
                "Access denied; you need (at least one of) the SUPER, SLAVE MONITOR privilege(s) for this operation",
                "GRANT SLAVE MONITOR ON *.* TO this account");
    assert_hint(
        1227,
        "Access denied; you need (at least one of) the SUPER or SYSTEM_VARIABLES_ADMIN privilege(s) for this operation",
        "GRANT SYSTEM_VARIABLES_ADMIN ON *.* TO this account");
    assert_hint(1227, "Access denied; you need (at least one of) the SUPER privilege(s) for this operation",
                "GRANT SUPER ON *.* TO this account");
    assert_hint(
        1227, "Access denied; you need (at least one of) the CREATE USER, SYSTEM_USER privilege(s) for this operation",
        "GRANT CREATE USER, SYSTEM_USER ON *.* TO this account; one of them is enough");
    assert_hint(1044, "Access denied for user 'job'@'%' to database 'market'",
                "grant this account its privileges on database 'market', and check that it exists");
    assert_hint(1142, "refusé", "");
    assert_hint(1064, "You have an error in your SQL syntax", "");
}

static void assert_excerpt(const char *sql, const char *expected) {
    struct text text = {0};
    database_append_excerpt(&text, sql);
    assert_string_equal(text_string(&text), expected);
    text_free(&text);
}

static void test_excerpts_statements(void **state) {
    (void)state;
    assert_excerpt("", "");
    assert_excerpt("  SELECT\n\t1  ", "SELECT 1");
    struct text sql = {0};
    for (int i = 0; i < 60; i++)
        text_add(&sql, "語");
    struct text excerpt = {0};
    database_append_excerpt(&excerpt, sql.data);
    assert_int_equal(excerpt.length, 120 + 3);
    assert_true(utf8_valid(excerpt.data, excerpt.length));
    text_clear(&sql);
    text_clear(&excerpt);
    text_add(&sql, "a");
    for (int i = 0; i < 60; i++)
        text_add(&sql, "語");
    database_append_excerpt(&excerpt, sql.data);
    assert_true(utf8_valid(excerpt.data, excerpt.length));
    assert_int_equal(excerpt.length, 118 + 3 + 0);
    text_free(&sql);
    text_free(&excerpt);
}

static void test_reads_versions(void **state) {
    (void)state;
    assert_int_equal(database_version_parse("10.11.19-MariaDB-0+deb12u1"), 101119);
    assert_int_equal(database_version_parse("5.5.5-10.6.9-MariaDB-log"), 100609);
    assert_int_equal(database_version_parse("5.6.24"), 50624);
    assert_int_equal(database_version_parse("9.7.0"), 90700);
    assert_int_equal(database_version_parse("8.0.36-28.1"), 80036);
    assert_int_equal(database_version_parse("5.5.5"), 50505);
    assert_int_equal(database_version_parse("8.0"), 0);
    assert_int_equal(database_version_parse(""), 0);
    assert_int_equal(database_version_parse("8.1000.1"), 0);
    assert_int_equal(database_version_parse("nonsense"), 0);
}

/* --- [mysql] --- */

static char writer[] = "db1";
static char reader[] = "db2:3307";
static char user[] = "job";
static char authority[] = "/etc/ssl/ca.pem";

static struct mysql_settings good_settings(char **readers, size_t count) {
    return (struct mysql_settings){.writer = writer,
                                   .readers = {readers, count},
                                   .user = user,
                                   .tls_ca = authority,
                                   .option_group = user,
                                   .read_timeout = 60000,
                                   .statement_limit = 30000};
}

static void assert_problem(const struct mysql_settings *settings, const char *part) {
    char *problem = mysql_section.check(settings);
    if (part == NULL)
        assert_null(problem);
    else {
        assert_non_null(problem);
        if (strstr(problem, part) == NULL)
            fail_msg("\"%s\" is not in \"%s\"", part, problem);
    }
    free(problem);
}

static void test_checks_servers(void **state) {
    (void)state;
    char *readers[] = {reader};
    struct mysql_settings settings = good_settings(readers, 1);
    assert_problem(&settings, NULL);
    settings.readers.count = 0;
    assert_problem(&settings, NULL);
    settings.allow_writer = true;
    assert_problem(&settings, NULL);
    settings.writer = NULL;
    assert_problem(&settings, "needs \"writer\" or \"readers\"");
    settings.readers.count = 1;
    assert_problem(&settings, "\"allow_writer = yes\" needs \"writer\"");
    settings = good_settings(readers, 1);
    readers[0] = writer;
    assert_problem(&settings, "the writer is among \"readers\"");
    readers[0] = (char[]){"db2:x"};
    assert_problem(&settings, "\"readers\" names \"db2:x\": the port is not a number");
    readers[0] = reader;
    settings.writer = (char[]){"[::1"};
    assert_problem(&settings, "\"writer\" names \"[::1\": not [address]:port");
}

static void test_checks_login_and_tls(void **state) {
    (void)state;
    char *readers[] = {reader};
    struct mysql_settings settings = good_settings(readers, 1);
    settings.user = NULL;
    assert_problem(&settings, "needs \"user\"");
    settings.option_file = (char[]){"/etc/my.cnf"};
    assert_problem(&settings, NULL);
    settings.password_file = (char[]){"/etc/password"};
    assert_problem(&settings, "not both");
    settings.password_file = NULL;
    settings.option_group = NULL;
    assert_problem(&settings, "needs an \"option_group\"");
    settings = good_settings(readers, 1);
    settings.tls_ca = NULL;
    assert_problem(&settings, "\"tls_ca\" may be empty only");
    settings.tls = MYSQL_TLS_OFF;
    assert_problem(&settings, NULL);
    settings = good_settings(readers, 1);
    settings.tls = MYSQL_TLS_VERIFY;
    settings.writer = (char[]){"/run/mysqld.sock"};
    assert_problem(&settings, "not possible over a Unix socket");
    settings.tls = MYSQL_TLS_AUTO;
    assert_problem(&settings, NULL);
    settings.statement_limit = settings.read_timeout;
    assert_problem(&settings, "must be more than \"statement_limit\"");
    settings.statement_limit = 0;
    assert_problem(&settings, NULL);
}

/* Through the real loader: the defaults are what the header promises, and go together. */
static void test_defaults_of_the_section(void **state) {
    (void)state;
    char path[] = "/tmp/nightshift-mysql-settings-XXXXXX";
    int descriptor = mkstemp(path);
    static const char content[] = "[mysql]\nwriter = db1\nreaders = db2, db3:3307,\n  [::1]:3308\nuser = job\n";
    assert_int_equal(write(descriptor, content, sizeof content - 1), sizeof content - 1);
    close(descriptor);
    const struct section *const sections[] = {&mysql_section, NULL};
    struct settings *loaded = NULL;
    assert_int_equal(settings_load(path, sections, &loaded), 0);
    unlink(path);
    const struct mysql_settings *settings = settings_of(loaded, &mysql_section);
    assert_string_equal(settings->writer, "db1");
    assert_int_equal(settings->readers.count, 3);
    assert_string_equal(settings->readers.items[2], "[::1]:3308");
    assert_int_equal(settings->tls, MYSQL_TLS_AUTO);
    assert_string_equal(settings->tls_ca, "/etc/ssl/certs/ca-certificates.crt");
    assert_string_equal(settings->option_group, "client");
    assert_int_equal(settings->connect_timeout, 5000);
    assert_int_equal(settings->read_timeout, 360000);
    assert_int_equal(settings->write_timeout, 30000);
    assert_int_equal(settings->statement_limit, 300000);
    assert_int_equal(settings->max_replica_lag, 60000);
    assert_false(settings->allow_writer);
    assert_null(settings->password_file);
    assert_null(settings->database);
    settings_free(loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_addresses),
        cmocka_unit_test(test_refuses_other_addresses),
        cmocka_unit_test(test_decides_on_tls),
        cmocka_unit_test(test_reads_option_files),
        cmocka_unit_test(test_reads_values_as_the_mysql_client_does),
        cmocka_unit_test(test_refuses_other_option_files),
        cmocka_unit_test(test_maps_errors_to_exit_codes),
        cmocka_unit_test(test_names_the_missing_grant),
        cmocka_unit_test(test_excerpts_statements),
        cmocka_unit_test(test_reads_versions),
        cmocka_unit_test(test_checks_servers),
        cmocka_unit_test(test_checks_login_and_tls),
        cmocka_unit_test(test_defaults_of_the_section),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
