/* Looking at results: the kinds of their columns, whole numbers, single values; and the way values get into statements. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "mysql_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"

enum { BINARY_CHARSET = 63 };

size_t rows_columns(const struct rows *rows) {
    return rows->count;
}

const char *rows_column_name(const struct rows *rows, size_t column) {
    return mysql_fetch_field_direct(rows->result, (unsigned)column)->name;
}

enum column_kind rows_column_kind(const struct rows *rows, size_t column) {
    const MYSQL_FIELD *field = mysql_fetch_field_direct(rows->result, (unsigned)column);
    /* Not a switch: the libraries do not have the same list of types. */
    static const struct {
        enum enum_field_types type;
        enum column_kind kind;
    } kinds[] = {
        {MYSQL_TYPE_TINY, COLUMN_INTEGER},   {MYSQL_TYPE_SHORT, COLUMN_INTEGER},    {MYSQL_TYPE_INT24, COLUMN_INTEGER},
        {MYSQL_TYPE_LONG, COLUMN_INTEGER},   {MYSQL_TYPE_LONGLONG, COLUMN_INTEGER}, {MYSQL_TYPE_YEAR, COLUMN_INTEGER},
        {MYSQL_TYPE_FLOAT, COLUMN_NUMBER},   {MYSQL_TYPE_DOUBLE, COLUMN_NUMBER},    {MYSQL_TYPE_DATE, COLUMN_TIME},
        {MYSQL_TYPE_NEWDATE, COLUMN_TIME},   {MYSQL_TYPE_TIME, COLUMN_TIME},        {MYSQL_TYPE_DATETIME, COLUMN_TIME},
        {MYSQL_TYPE_TIMESTAMP, COLUMN_TIME}, {MYSQL_TYPE_BIT, COLUMN_BYTES},        {MYSQL_TYPE_GEOMETRY, COLUMN_BYTES},
        {MYSQL_TYPE_JSON, COLUMN_TEXT},
    };
    if (field->type == MYSQL_TYPE_DECIMAL || field->type == MYSQL_TYPE_NEWDECIMAL)
        return field->decimals == 0 ? COLUMN_INTEGER : COLUMN_NUMBER;
    for (size_t i = 0; i < LENGTH_OF(kinds); i++)
        if (kinds[i].type == field->type)
            return kinds[i].kind;
    return field->charsetnr == BINARY_CHARSET ? COLUMN_BYTES : COLUMN_TEXT;
}

bool rows_column_is_timestamp(const struct rows *rows, size_t column) {
    return mysql_fetch_field_direct(rows->result, (unsigned)column)->type == MYSQL_TYPE_TIMESTAMP;
}

int rows_find_column(const struct rows *rows, const char *name) {
    for (size_t i = 0; i < rows->count; i++)
        if (strcasecmp(rows_column_name(rows, i), name) == 0)
            return (int)i;
    return -1;
}

int rows_expect(struct rows *rows, size_t count, const enum column_kind *kinds) {
    static const char *const names[] = {
        [COLUMN_ANY] = "of any kind", [COLUMN_INTEGER] = "a whole number",
        [COLUMN_NUMBER] = "a number", [COLUMN_TEXT] = "text",
        [COLUMN_BYTES] = "bytes",     [COLUMN_TIME] = "a date or time",
    };
    struct text reason = {0};
    if (rows->count != count)
        text_printf(&reason, "it must give %zu column%s and gives %zu", count, count == 1 ? "" : "s", rows->count);
    for (size_t i = 0; reason.length == 0 && i < count; i++) {
        enum column_kind kind = rows_column_kind(rows, i);
        bool fits = kinds[i] == COLUMN_ANY || kinds[i] == kind || (kinds[i] == COLUMN_NUMBER && kind == COLUMN_INTEGER);
        if (!fits)
            text_printf(&reason, "column %zu (%s) must be %s and is %s", i + 1, rows_column_name(rows, i),
                        names[kinds[i]], names[kind]);
    }
    int status = 0;
    if (reason.length > 0)
        status = database_refuse_result(rows->database, rows->sql, rows->origin, reason.data);
    text_free(&reason);
    return status;
}

const char *field_integer(const struct field *field, int64_t *out) {
    if (field->bytes == NULL)
        return "is NULL";
    if (strlen(field->bytes) != field->length)
        return "not a whole number";
    return parse_integer(field->bytes, out);
}

int database_single_value(struct database *database, const char *sql, const char *origin, struct text *value,
                          bool *is_null) {
    struct rows *rows = NULL;
    const struct field *fields = NULL;
    const char *reason = NULL;
    text_clear(value);
    int status = database_query(database, sql, origin, &rows);
    if (status == 0)
        status = rows_expect(rows, 1, (const enum column_kind[]){COLUMN_ANY});
    if (status == 0)
        status = rows_next(rows, &fields);
    if (status != 0)
        goto out;
    if (fields == NULL)
        reason = "it gives no row";
    else if (fields->bytes == NULL && is_null == NULL)
        reason = "it gives NULL";
    else if (fields->bytes != NULL)
        text_append(value, fields->bytes, fields->length);
    if (value->full)
        reason = "its value is too long";
    if (is_null != NULL)
        *is_null = fields != NULL && fields->bytes == NULL;
    if (reason == NULL)
        status = rows_next(rows, &fields);
    if (status == 0 && reason == NULL && fields != NULL)
        reason = "it gives more than one row";
    if (reason != NULL)
        status = database_refuse_result(database, sql, origin, reason);
out:
    rows_close(rows);
    return status;
}

int database_single_integer(struct database *database, const char *sql, const char *origin, int64_t *value) {
    struct text text = {0};
    int status = database_single_value(database, sql, origin, &text, NULL);
    if (status == 0) {
        struct field field = {text_string(&text), text.length};
        const char *reason = field_integer(&field, value);
        char *whole = reason != NULL ? xasprintf("its value \"%.40s\": %s", text_string(&text), reason) : NULL;
        if (whole != NULL)
            status = database_refuse_result(database, sql, origin, whole);
        free(whole);
    }
    text_free(&text);
    return status;
}

void database_append_string(struct database *database, struct text *sql, const char *bytes, size_t length) {
    char *escaped = xreallocarray(NULL, length + 1, 2);
    unsigned long used = client_escape(database->mysql, escaped, bytes, length);
    /* The libraries refuse only when the quote may not be escaped, which our sql_mode rules out. A full buffer makes the statement end
     * in the middle of the literal, which no server accepts. */
    if (used == (unsigned long)-1)
        sql->full = true;
    else {
        text_add(sql, "'");
        text_append(sql, escaped, used);
        text_add(sql, "'");
    }
    free(escaped);
}
