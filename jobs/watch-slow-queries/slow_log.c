/* Reading a slow log table. The columns differ between versions (thread_id came with MySQL 5.6 and MariaDB 10.1, rows_affected with MariaDB
 * 10.1), so the table is asked for its columns first. sql_text may be of any size: the server sends no more than max_query bytes of it, and
 * its length and checksum, so that a row's hash does not depend on that setting. */
#include "slow_log.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"

/* At the beginning of every statement on a slow log, for the case that a server logs it in spite of us. */
#define READING "SELECT /* nightshift watch-slow-queries */ "

enum {
    SWAP_PAUSE = 100, /* ms */
    SWAP_ATTEMPTS = 20,
    PEEK_ROWS = 20,
};

enum { TABLE_DENIED = 1142, COLUMN_DENIED = 1143, NO_TABLE = 1146, NO_TABLE_IN_ENGINE = 1932 };

/* What is explained here; 126 to 145 come from the storage engine. */
static const unsigned expected[] = {TABLE_DENIED, COLUMN_DENIED, NO_TABLE, NO_TABLE_IN_ENGINE, 1030, 1034, 1035,
                                    1194,         1195,          0};

/* The order of the columns in our result; which of the optional ones there are differs. */
enum column { START_TIME, USER_HOST, QUERY_TIME, LOCK_TIME, ROWS_SENT, ROWS_EXAMINED, DB, FIXED_COLUMNS };

static const char *const fixed_columns[FIXED_COLUMNS] = {"start_time", "user_host",     "query_time", "lock_time",
                                                         "rows_sent",  "rows_examined", "db"};
static const char *const optional_columns[] = {"last_insert_id", "insert_id", "server_id", "thread_id",
                                               "rows_affected"};

struct slow_log {
    struct database *database;
    struct rows *rows;
    int table;
    size_t hashed; /* columns, from the first, that a hash is made of; behind them the query and the time */
    struct text key;
    struct text user;
    struct slow_entry entry;
};

const char *slow_table_name(int table) {
    static const char *const names[] = {
        [SLOW_LIVE] = "mysql.slow_log",
        [SLOW_DRAIN] = "mysql.nightshift_slow_log",
        [SLOW_BACKUP] = "mysql.slow_log_backup",
        [SLOW_NEXT] = "mysql.nightshift_slow_log_next",
    };
    return names[table];
}

/* --- errors --- */

static bool is_denied(unsigned number) {
    return number == TABLE_DENIED || number == COLUMN_DENIED;
}

static bool is_missing(unsigned number) {
    return number == NO_TABLE || number == NO_TABLE_IN_ENGINE;
}

static bool is_expected(unsigned number) {
    for (const unsigned *other = expected; *other != 0; other++)
        if (*other == number)
            return true;
    return false;
}

/* A statement on `table` failed with `status`. Logs what database_query() and the like did not, and returns the exit code. */
static int explain(struct database *database, int table, int status) {
    unsigned number = database_error_number(database);
    const char *server = database_server(database);
    const char *name = slow_table_name(table);
    if (!is_expected(number))
        return status;
    status = is_denied(number) ? EXIT_DENIED : EXIT_UNAVAILABLE;
    fail(status, "cannot read %s on \"%s\": %s (error %u)", name, server, database_error_text(database), number);
    if (is_denied(number))
        log_hint("GRANT SELECT ON %s TO this account there", name);
    else if (is_missing(number))
        log_hint("whoever rotates it must put an empty one in its place by the same RENAME TABLE");
    else
        log_hint("look at it with CHECK TABLE %s, and save its .CSV file first: REPAIR TABLE drops every row from the "
                 "first bad one on",
                 name);
    return status;
}

/* --- opening --- */

/* Appends the names of the columns to the statement. */
static int add_columns(struct slow_log *log, struct text *sql) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    char *every = xasprintf(READING "* FROM %s LIMIT 0", slow_table_name(log->table));
    int status = database_query(log->database, every, NULL, &rows);
    free(every);
    if (status == 0)
        status = rows_next(rows, &fields);
    if (status != 0)
        goto out;
    log->hashed = FIXED_COLUMNS;
    for (size_t i = 0; i < FIXED_COLUMNS; i++)
        text_printf(sql, "%s, ", fixed_columns[i]);
    for (size_t i = 0; i < LENGTH_OF(optional_columns); i++)
        if (rows_find_column(rows, optional_columns[i]) >= 0) {
            text_printf(sql, "%s, ", optional_columns[i]);
            log->hashed++;
        }
    log->hashed += 2;
    text_add(sql, "LENGTH(sql_text), CRC32(sql_text), ");
out:
    rows_close(rows);
    return status;
}

static int start(struct slow_log *log, const struct slow_log_range *range) {
    struct text sql = {0};
    text_add(&sql, READING);
    int status = add_columns(log, &sql);
    if (status == 0) {
        /* The inner LEFT keeps CAST below max_allowed_packet, the outer one counts bytes where the column counts characters. */
        text_printf(&sql, "LEFT(CAST(LEFT(sql_text, %" PRId64 ") AS BINARY), %" PRId64 "), ", range->max_query,
                    range->max_query);
        /* This session is at UTC, so that the text comes as it stands; most sessions are in the server's own zone. */
        text_printf(&sql,
                    "CAST(UNIX_TIMESTAMP(CONVERT_TZ(start_time, @@global.time_zone, '+00:00')) * 1000 AS SIGNED) "
                    "FROM %s LIMIT %" PRId64 " OFFSET %" PRId64,
                    slow_table_name(range->table), range->limit, range->skip);
        status = database_query(log->database, sql.data, NULL, &log->rows);
    }
    text_free(&sql);
    return status;
}

int slow_log_open(struct database *database, const struct slow_log_range *range, struct slow_log **out) {
    *out = NULL;
    struct slow_log *log = xcalloc(1, sizeof *log);
    log->database = database;
    log->table = range->table;
    database_expect_errors(database, expected);
    int status = start(log, range);
    for (int attempt = 1; range->table == SLOW_LIVE && status != 0 && is_missing(database_error_number(database)) &&
                          attempt < SWAP_ATTEMPTS && !interrupt_sleep(SWAP_PAUSE);
         attempt++)
        status = start(log, range);
    if (status == 0) {
        *out = log;
        return 0;
    }
    unsigned number = database_error_number(database);
    bool passes = range->table != SLOW_LIVE && (is_denied(number) || is_missing(number));
    if (!passes)
        status = explain(database, range->table, status);
    database_expect_errors(database, NULL);
    free(log);
    return passes ? 0 : status;
}

void slow_log_close(struct slow_log *log) {
    if (log == NULL)
        return;
    rows_close(log->rows);
    database_expect_errors(log->database, NULL);
    text_free(&log->key);
    text_free(&log->user);
    free(log);
}

/* --- rows --- */

bool slow_log_parse_time(const char *string, int64_t *microseconds) {
    bool negative = *string == '-';
    int64_t parts[3] = {0}; /* hours, minutes, seconds */
    const char *rest = string + (negative ? 1 : 0);
    for (int i = 0; i < 3; i++) {
        int digits = 0;
        for (; *rest >= '0' && *rest <= '9' && digits < 4; rest++, digits++)
            parts[i] = parts[i] * 10 + (*rest - '0');
        if (digits == 0 || (i < 2 && *rest++ != ':'))
            return false;
    }
    int64_t fraction = 0;
    int64_t unit = 1000000;
    if (*rest == '.')
        for (rest++; *rest >= '0' && *rest <= '9' && unit > 1; rest++) {
            unit /= 10;
            fraction += (*rest - '0') * unit;
        }
    if (*rest != '\0' || parts[1] > 59 || parts[2] > 59)
        return false;
    *microseconds = negative ? 0 : ((parts[0] * 60 + parts[1]) * 60 + parts[2]) * 1000000 + fraction;
    return true;
}

static void hash_row(struct slow_log *log, const struct field *fields) {
    static const char digits[] = "0123456789abcdef";
    text_clear(&log->key);
    for (size_t i = 0; i < log->hashed; i++) {
        uint32_t length = fields[i].bytes != NULL ? (uint32_t)fields[i].length : UINT32_MAX;
        text_append(&log->key, &length, sizeof length);
        text_append(&log->key, fields[i].bytes != NULL ? fields[i].bytes : "", fields[i].length);
    }
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(log->key.data, log->key.length));
    for (size_t i = 0; i < sizeof canonical.digest; i++) {
        log->entry.hash[2 * i] = digits[canonical.digest[i] >> 4];
        log->entry.hash[2 * i + 1] = digits[canonical.digest[i] & 15];
    }
    log->entry.hash[2 * sizeof canonical.digest] = '\0';
}

/* "priv_user[user] @ host [ip]": what stands before the bracket. */
static const char *take_user(struct slow_log *log, const char *user_host) {
    text_clear(&log->user);
    text_append(&log->user, user_host, strcspn(user_host, "["));
    return text_string(&log->user);
}

static bool take_row(struct slow_log *log, const struct field *fields) {
    struct slow_row *row = &log->entry.row;
    const struct field *query = &fields[log->hashed];
    const struct field *time = &fields[log->hashed + 1];
    *row = (struct slow_row){.query = query->bytes, .query_length = query->length, .database = fields[DB].bytes};
    for (size_t i = 0; i < FIXED_COLUMNS; i++)
        if (fields[i].bytes == NULL)
            return false;
    row->user = take_user(log, fields[USER_HOST].bytes);
    if (query->bytes == NULL || !slow_log_parse_time(fields[QUERY_TIME].bytes, &row->time) ||
        !slow_log_parse_time(fields[LOCK_TIME].bytes, &row->lock_time) ||
        field_integer(&fields[ROWS_SENT], &row->rows_sent) != NULL ||
        field_integer(&fields[ROWS_EXAMINED], &row->rows_examined) != NULL)
        return false;
    /* MySQL's start_time is when the statement ended (measured on 5.6 and 9.7), MariaDB's when it began. */
    if (field_integer(time, &row->finished) != NULL || row->finished <= 0)
        row->finished = 0;
    else if (database_identity(log->database)->mariadb)
        row->finished += row->time / 1000;
    return true;
}

/* As slow_log_next(), without explaining what is expected. */
static int next_entry(struct slow_log *log, const struct slow_entry **entry) {
    const struct field *fields = NULL;
    *entry = NULL;
    int status = rows_next(log->rows, &fields);
    if (status != 0 || fields == NULL)
        return status;
    hash_row(log, fields);
    log->entry.readable = take_row(log, fields);
    log->entry.own = log->entry.readable && strncmp(log->entry.row.query, READING, sizeof READING - 1) == 0;
    *entry = &log->entry;
    return 0;
}

int slow_log_next(struct slow_log *log, const struct slow_entry **entry) {
    int status = next_entry(log, entry);
    return status != 0 ? explain(log->database, log->table, status) : 0;
}

/* --- looking --- */

int slow_log_peek(struct database *database, int table, struct slow_peek *peek) {
    const struct slow_log_range range = {.table = table, .limit = PEEK_ROWS, .max_query = 1};
    struct slow_log *log = NULL;
    const struct slow_entry *entry = NULL;
    *peek = (struct slow_peek){0};
    int status = slow_log_open(database, &range, &log);
    if (log == NULL) {
        peek->denied = status == 0 && is_denied(database_error_number(database));
        return status;
    }
    peek->exists = true;
    status = slow_log_next(log, &entry);
    if (entry != NULL)
        memcpy(peek->first, entry->hash, sizeof peek->first);
    while (status == 0 && entry != NULL) {
        if (entry->readable && entry->row.finished > peek->newest)
            peek->newest = entry->row.finished;
        /* A row that is damaged stops whoever reads up to it; this is only a look. */
        status = next_entry(log, &entry);
        if (status != 0 && is_expected(database_error_number(database)))
            status = 0;
    }
    slow_log_close(log);
    return status;
}

int slow_log_count(struct database *database, int table, int64_t *count) {
    char *sql = xasprintf(READING "COUNT(*) FROM %s", slow_table_name(table));
    database_expect_errors(database, expected);
    *count = 0;
    int status = database_single_integer(database, sql, NULL, count);
    if (status != 0)
        status = explain(database, table, status);
    database_expect_errors(database, NULL);
    free(sql);
    return status;
}
