/* What the tests of the slow log share: a server of any kind with a real slow log, queries that it really logs, tables that are made up, and
 * a reader whose memory outlives it. Runs against the sandbox whose `env` was sourced (MariaDB, MySQL 5.6 or 9.7); without one, against a
 * private MariaDB.
 *
 * Every query is "SELECT N AS marker", and what counts is how often each N came out. */
#ifndef NIGHTSHIFT_TESTS_SLOW_LOG_SERVER_H
#define NIGHTSHIFT_TESTS_SLOW_LOG_SERVER_H

#include "mysql_server.h"

#include <dlfcn.h>
#include <sys/mman.h>

#include "../../jobs/watch-slow-queries/follow.h"
#include "../../jobs/watch-slow-queries/slow_log.h"

enum { MARKERS = 20000 };

static struct slow_fixture {
    char *base; /* NULL: a sandbox */
    struct server server;
    struct mysql_settings settings; /* of the account `watch`, which may read; `rotator` may do everything */
    const char *kind;
    struct text columns; /* of the optional ones, with values: ", thread_id" and ", 7" */
    struct text values;
} fixture;

static inline bool is(const char *kind) {
    return strcmp(fixture.kind, kind) == 0;
}

/* As root, and kept from the replicas of a sandbox. */
static void root(const char *format, ...) PRINTF_LIKE(1, 2);
static void root(const char *format, ...) {
    struct text sql = {0};
    va_list arguments;
    text_add(&sql, "SET SESSION sql_log_bin = 0; ");
    va_start(arguments, format);
    text_vprintf(&sql, format, arguments);
    va_end(arguments);
    admin(&fixture.server, sql.data);
    text_free(&sql);
}

static inline int64_t count(const char *sql) {
    return admin_integer(&fixture.server, sql);
}

static inline bool table_exists(int table) {
    const char *name = strchr(slow_table_name(table), '.') + 1;
    char *sql =
        xasprintf("SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = 'mysql' AND table_name = "
                  "'%s'",
                  name);
    bool exists = count(sql) == 1;
    free(sql);
    return exists;
}

/* --- the server --- */

static void make_account(const char *name) {
    char *sql = xasprintf("SET SESSION sql_log_bin = 0; DROP USER %s@'%%'", name);
    (void)try_admin(&fixture.server, sql, NULL);
    free(sql);
    root("CREATE USER %s@'%%'", name);
}

/* Privileges on a table outlive it, and can be given only while it is there. */
static void make_accounts(void) {
    make_account("watch");
    make_account("rotator");
    root("DROP TABLE IF EXISTS mysql.slow_log_backup, mysql.nightshift_slow_log; "
         "CREATE TABLE mysql.slow_log_backup LIKE mysql.slow_log; CREATE TABLE mysql.nightshift_slow_log LIKE "
         "mysql.slow_log; GRANT SELECT ON mysql.slow_log TO watch@'%%'; GRANT SELECT ON mysql.slow_log_backup TO "
         "watch@'%%'; GRANT SELECT ON mysql.nightshift_slow_log TO watch@'%%'; GRANT ALL ON *.* TO rotator@'%%'; DROP "
         "TABLE mysql.slow_log_backup, mysql.nightshift_slow_log");
}

static const char *const server_options[] = {"--log-output=TABLE", "--default-time-zone=+09:00", "--log-bin=binlog",
                                             "--server-id=1", NULL};

static int set_up_server(void **state) {
    (void)state;
    static char user[] = "watch";
    fixture.kind = getenv("MYSQL_KIND");
    if (fixture.kind != NULL) {
        fixture.server.socket = xstrdup(getenv("MYSQL_SOCKET"));
        fixture.server.tcp = xasprintf("%s:%s", getenv("MYSQL_HOST"), getenv("MYSQL_PORT"));
    } else {
        fixture.kind = "mariadb";
        fixture.base = make_base();
        start_server(&fixture.server, fixture.base, "server", server_options);
    }
    fixture.settings = test_settings(user, NULL);
    bool mariadb = is("mariadb");
    text_add(&fixture.columns, mariadb ? ", thread_id, rows_affected" : ", thread_id");
    text_add(&fixture.values, mariadb ? ", 7, 0" : ", 7");
    make_accounts();
    log_listen(keep_log, NULL);
    return 0;
}

static int tear_down_server(void **state) {
    (void)state;
    root("SET GLOBAL slow_query_log = 0");
    stop_server(&fixture.server);
    if (fixture.base != NULL)
        remove_base(fixture.base);
    text_free(&fixture.columns);
    text_free(&fixture.values);
    text_free(&logged);
    return 0;
}

/* --- tables --- */

#define ROW_COLUMNS                                                                                           \
    "start_time, user_host, query_time, lock_time, rows_sent, rows_examined, db, last_insert_id, insert_id, " \
    "server_id, "                                                                                             \
    "sql_text"

/* Puts mysql.crafted in the place of a table. */
static void put_crafted(int table) {
    const char *name = slow_table_name(table);
    if (table_exists(table))
        root("RENAME TABLE %s TO mysql.replaced, mysql.crafted TO %s; DROP TABLE mysql.replaced", name, name);
    else
        root("RENAME TABLE mysql.crafted TO %s", name);
}

/* Bytes that are added to a crafted query, so that a table does not fit into the buffers between server and client. */
static int padding;

/* Makes a slow log table of the queries `from` to `to`, and puts it in the place of `table`; an empty one if to < from. */
static inline void craft(int table, int from, int to) {
    struct text sql = {0};
    root("DROP TABLE IF EXISTS mysql.crafted; CREATE TABLE mysql.crafted LIKE mysql.slow_log");
    for (int i = from; i <= to; i++) {
        if (sql.length == 0)
            text_printf(&sql, "INSERT INTO mysql.crafted (" ROW_COLUMNS "%s) VALUES ", text_string(&fixture.columns));
        text_printf(&sql,
                    "(NOW(6), 'app[app] @ localhost []', '00:00:02', '00:00:00', 1, 1000, 'shop', 0, 0, 1, "
                    "CONCAT('SELECT %d AS marker', REPEAT(' ', %d))%s)%s",
                    i, padding, text_string(&fixture.values), i == to || sql.length > 500000 ? "" : ", ");
        if (i == to || sql.length > 500000) {
            root("%s", sql.data);
            text_clear(&sql);
        }
    }
    put_crafted(table);
    text_free(&sql);
}

/* A rotation as others do it. */
static inline void rotate_by_hand(void) {
    root("DROP TABLE IF EXISTS mysql.slow_log_backup; CREATE TABLE mysql.slow_log2 LIKE mysql.slow_log; RENAME TABLE "
         "mysql.slow_log TO mysql.slow_log_backup, mysql.slow_log2 TO mysql.slow_log");
}

/* Replaces the live table by its first `keep` rows and those of `values` ("(...), (...)", or NULL). The rows that are kept stay the same. */
static inline void rewrite_live(int keep, const char *values) {
    root(
        "DROP TABLE IF EXISTS mysql.crafted; CREATE TABLE mysql.crafted LIKE mysql.slow_log; INSERT INTO mysql.crafted "
        "SELECT * FROM mysql.slow_log LIMIT %d",
        keep);
    if (values != NULL)
        root("INSERT INTO mysql.crafted (" ROW_COLUMNS "%s) VALUES %s", text_string(&fixture.columns), values);
    put_crafted(SLOW_LIVE);
}

/* --- statements of the code under test, seen from outside --- */

/* Called before and after each statement that goes to the server. */
static void (*before_statement)(const char *sql);
static void (*after_statement)(const char *sql, int result);

/* In the place of the library's. */
int mysql_real_query(MYSQL *mysql, const char *sql, unsigned long length) {
    static int (*original)(MYSQL *, const char *, unsigned long);
    if (original == NULL) {
        void *found = dlsym(RTLD_NEXT, "mysql_real_query");
        memcpy(&original, &found, sizeof original);
    }
    if (before_statement != NULL)
        before_statement(sql);
    int result = original(mysql, sql, length);
    if (after_statement != NULL)
        after_statement(sql, result);
    return result;
}

/* --- queries that are really logged --- */

static MYSQL *open_client(const char *user) {
    MYSQL *mysql = mysql_init(NULL);
    if (mysql_real_connect(mysql, NULL, user, "", NULL, 0, fixture.server.socket, 0) == NULL)
        fail_msg("cannot connect: %s", mysql_error(mysql));
    return mysql;
}

static void ask(MYSQL *mysql, const char *format, ...) PRINTF_LIKE(2, 3);
static void ask(MYSQL *mysql, const char *format, ...) {
    struct text sql = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&sql, format, arguments);
    va_end(arguments);
    if (mysql_query(mysql, sql.data) != 0)
        fail_msg("%s: %s", sql.data, mysql_error(mysql));
    mysql_free_result(mysql_store_result(mysql));
    text_free(&sql);
}

/* The row comes after the client has its result. */
static inline void await_logged(int marker) {
    char *sql = xasprintf("SELECT COUNT(*) FROM mysql.slow_log WHERE sql_text LIKE '%%SELECT %d AS marker%%'", marker);
    AWAIT(count(sql) > 0);
    free(sql);
}

/* Queries `from` to `to`, logged by the server itself. */
static inline void log_queries(int from, int to) {
    MYSQL *mysql = open_client("root");
    ask(mysql, "SET SESSION long_query_time = 0");
    for (int i = from; i <= to; i++)
        ask(mysql, "SELECT %d AS marker", i);
    mysql_close(mysql);
    await_logged(to);
}

/* --- a reader with a memory --- */

/* All that a run leaves to the next. In memory that a child shares, so that a run can die. */
static struct memory {
    struct saved {
        int64_t rows, read_at, newest;
        char first[LEDGER_HASH_SIZE], last[LEDGER_HASH_SIZE];
        char done[LEDGER_DONE_LIMIT][LEDGER_HASH_SIZE];
        size_t done_count;
        unsigned char hits[MARKERS];
        int gaps;
    } saved;
    int commits;
} * memory;

struct reader {
    struct watch_settings settings;
    const char *user; /* NULL: watch */
    bool dry_run;
    bool no_time;      /* left */
    int64_t time;      /* of a run, milliseconds; 0: enough */
    int die_at_commit; /* before it takes effect; negative: right after it did */
    void (*on_row)(const struct slow_row *row);
    /* Of the last run: */
    bool gap_told;
    struct follow_result result;
    struct instance instance;
    struct position position;
    struct saved unsaved;
};

static struct reader new_reader(int mode) {
    if (memory == NULL)
        memory = mmap(NULL, sizeof *memory, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    memset(memory, 0, sizeof *memory);
    return (struct reader){
        .settings = {
            .mode = mode, .rotate_after = 1000000, .max_rows = 1000000, .batch_rows = 1000, .max_query = 65536}};
}

static void take_into_memory(void *context, const struct slow_row *row) {
    struct reader *reader = context;
    int marker = -1;
    const char *found = strstr(row->query, "SELECT ");
    if (found != NULL && sscanf(found, "SELECT %d AS marker", &marker) == 1 && strstr(found, " AS marker") != NULL &&
        marker >= 0 && marker < MARKERS)
        reader->unsaved.hits[marker]++;
    if (reader->on_row != NULL)
        reader->on_row(row);
}

static int commit_to_memory(void *context) {
    struct reader *reader = context;
    const struct position *position = &reader->position;
    struct saved *saved = &reader->unsaved;
    memory->commits++;
    if (reader->die_at_commit == memory->commits)
        _exit(0);
    saved->rows = position->rows;
    saved->read_at = position->read_at;
    saved->newest = position->newest;
    memcpy(saved->first, position->first, sizeof saved->first);
    memcpy(saved->last, position->last, sizeof saved->last);
    assert_true(position->done.count <= LEDGER_DONE_LIMIT);
    saved->done_count = position->done.count;
    for (size_t i = 0; i < saved->done_count; i++)
        memcpy(saved->done[i], position->done.items[i], sizeof saved->done[i]);
    saved->gaps += reader->result.gap && !reader->gap_told;
    reader->gap_told = reader->result.gap;
    memory->saved = *saved;
    if (reader->die_at_commit == -memory->commits)
        _exit(0);
    return 0;
}

static void load_from_memory(struct reader *reader) {
    const struct saved *saved = &memory->saved;
    struct position *position = &reader->position;
    reader->unsaved = *saved;
    strings_free(&position->done);
    *position = (struct position){.rows = saved->rows, .read_at = saved->read_at, .newest = saved->newest};
    memcpy(position->first, saved->first, sizeof saved->first);
    memcpy(position->last, saved->last, sizeof saved->last);
    for (size_t i = 0; i < saved->done_count; i++)
        strings_add(&position->done, saved->done[i]);
}

/* One run, as of a new process. */
static int run_reader(struct reader *reader) {
    struct mysql_settings settings = fixture.settings;
    const struct database_client client = {.job = "unit-test", .run_id = "0199-test", .unlogged = true};
    char *user = xstrdup(reader->user != NULL ? reader->user : settings.user);
    const struct follow_sink sink = {take_into_memory, commit_to_memory, reader};
    settings.user = user;
    reader->instance = (struct instance){.server = fixture.server.tcp};
    load_from_memory(reader);
    reader->gap_told = false;
    free(reader->result.gap_reason);
    reader->result = (struct follow_result){0};
    int status = database_open(&settings, fixture.server.tcp, &client, &reader->instance.database);
    const struct follow_input input = {.settings = &reader->settings,
                                       .instance = &reader->instance,
                                       .position = &reader->position,
                                       .until = clock_monotonic() + (reader->no_time    ? -1
                                                                     : reader->time > 0 ? reader->time
                                                                                        : 3600000),
                                       .dry_run = reader->dry_run};
    if (status == 0)
        status = follow(&input, &sink, &reader->result);
    if (status == 0 && !reader->dry_run)
        (void)commit_to_memory(reader); /* "last read at" */
    database_close(reader->instance.database);
    free(user);
    return status;
}

/* A run that must be well. */
static inline void run_well(struct reader *reader) {
    forget_log();
    int status = run_reader(reader);
    if (status != 0)
        fail_msg("exit code %d: %s", status, text_string(&logged));
}

static void free_reader(struct reader *reader) {
    free(reader->result.gap_reason);
    strings_free(&reader->position.done);
}

/* That each query from `from` to `to` was read as often as this. */
static inline void check_hits(int from, int to, int times, int line) {
    for (int i = from; i <= to; i++)
        if (memory->saved.hits[i] != times) {
            print_error("query %d was read %d times, not %d\n", i, memory->saved.hits[i], times);
            _fail(__FILE__, line);
        }
}

#define assert_read(from, to, times) check_hits(from, to, times, __LINE__)

/* Every test begins with an empty table, a log that is on for those who ask for it, and no leftovers. */
static int clean_slate(void **state) {
    (void)state;
    padding = 0;
    before_statement = NULL;
    after_statement = NULL;
    root("SET GLOBAL log_output = 'TABLE', GLOBAL slow_query_log = 0, GLOBAL long_query_time = 10, GLOBAL "
         "log_queries_not_using_indexes = 0, GLOBAL min_examined_row_limit = 0; DROP TABLE IF EXISTS "
         "mysql.slow_log_backup, mysql.nightshift_slow_log, mysql.nightshift_slow_log_next, mysql.slow_log2; TRUNCATE "
         "mysql.slow_log; SET GLOBAL slow_query_log = 1");
    forget_log();
    return 0;
}

#define slow_test(function) cmocka_unit_test_setup(function, clean_slate)

#endif
