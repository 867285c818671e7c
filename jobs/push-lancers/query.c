/* Why pages, and not one long result: an upload that waits for the service's rate would stop the stream for minutes, and the server cuts a
 * stream that nobody takes rows from (net_write_timeout). Each page begins behind the last key of the one before, so it costs the same however
 * far the table has been read. */
#include <string.h>

#include "query.h"

enum { PLACEHOLDERS = 2 };

static const char *const names[PLACEHOLDERS] = {"{after}", "{limit}"};

char *query_check(const char *query) {
    for (size_t i = 0; i < PLACEHOLDERS; i++)
        if (strstr(query, names[i]) == NULL)
            return xasprintf("\"query\" needs %s: without it, every page would be the first one", names[i]);
    return NULL;
}

static void fill(const char *query, const char *const values[PLACEHOLDERS], struct text *sql) {
    text_clear(sql);
    while (*query != '\0') {
        size_t which = 0;
        while (which < PLACEHOLDERS && strncmp(query, names[which], strlen(names[which])) != 0)
            which++;
        if (which == PLACEHOLDERS) {
            text_append(sql, query++, 1);
        } else {
            text_add(sql, values[which]);
            query += strlen(names[which]);
        }
    }
}

void query_describe(const char *query, struct text *sql) {
    /* Nothing is greater than NULL, whatever the key's type. */
    fill(query, (const char *const[]){"NULL", "0"}, sql);
}

/* In hexadecimal, so that no byte of it can end the literal. With a character set, since a bare X'...' is binary and would be compared by other
 * rules than the column's. */
static void add_literal(const struct text *value, struct text *out) {
    static const char digits[] = "0123456789ABCDEF";
    text_add(out, "_utf8mb4 X'");
    for (size_t i = 0; i < value->length; i++) {
        unsigned char byte = (unsigned char)value->data[i];
        text_append(out, &digits[byte >> 4], 1);
        text_append(out, &digits[byte & 15], 1);
    }
    text_add(out, "'");
}

void query_page(const char *query, enum rowkey_kind kind, const struct text *after, int64_t limit, struct text *sql) {
    struct text value = {0};
    struct text count = {0};
    if (kind == ROWKEY_INTEGER)
        text_add(&value, after != NULL ? text_string(after) : "-9223372036854775808");
    else if (after != NULL)
        add_literal(after, &value);
    else
        text_add(&value, "''");
    text_printf(&count, "%lld", (long long)limit);
    fill(query, (const char *const[]){value.data, count.data}, sql);
    text_free(&value);
    text_free(&count);
}
