/* One slow query, as a row of mysql.slow_log tells of it. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SLOW_ROW_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SLOW_ROW_H

#include <stddef.h>
#include <stdint.h>

/* Strings end with NUL and belong to the reader; they are valid until its next row. */
struct slow_row {
    const char *query; /* bytes of any character set, cut to the settings' max_query by the server */
    size_t query_length;
    const char *user;     /* "app": what stands before the "[" of user_host */
    const char *database; /* "": none was selected */
    int64_t finished;  /* milliseconds since 1970: when the statement ended, as far as it can be known: follow_time.h */
    int64_t time;      /* query_time and lock_time in microseconds; whole seconds on MySQL 5.6 */
    int64_t lock_time; /* " */
    int64_t rows_sent;
    int64_t rows_examined;
};

#endif
