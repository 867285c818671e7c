/* What push-lancers cannot be faster than: push_fetch SOCKET-OR-PORT USER PASSWORD_FILE PAGE_ROWS QUERY fetches all pages of the query, whose
 * {after} and {limit} are as in its settings and whose first column is an integer key, unbuffered, and does nothing with the rows. Prints how
 * many there were. */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/memory.h"

static _Noreturn void fail(MYSQL *mysql) {
    fprintf(stderr, "push_fetch: %s\n", mysql_error(mysql));
    exit(69);
}

static char *read_password(const char *path) {
    char line[256] = "";
    FILE *file = fopen(path, "r");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        exit(66);
    fclose(file);
    line[strcspn(line, "\n")] = '\0';
    return xstrdup(line);
}

/* Both words once each, in this order. */
static char *page_of(const char *query, const char *after, const char *limit) {
    const char *first = strstr(query, "{after}"), *second = strstr(query, "{limit}");
    if (first == NULL || second == NULL || second < first)
        exit(64);
    return xasprintf("%.*s%s%.*s%s%s", (int)(first - query), query, after, (int)(second - first - 7), first + 7, limit,
                     second + 7);
}

/* Returns how many rows the page had; *after becomes the last one's key. */
static long fetch_page(MYSQL *mysql, const char *query, const char *limit, char *after, size_t size) {
    long rows = 0;
    char *sql = page_of(query, after, limit);
    MYSQL_RES *result = NULL;
    if (mysql_real_query(mysql, sql, strlen(sql)) != 0 || (result = mysql_use_result(mysql)) == NULL)
        fail(mysql);
    for (MYSQL_ROW row; (row = mysql_fetch_row(result)) != NULL; rows++)
        if (memccpy(after, row[0], '\0', size) == NULL)
            exit(65);
    if (mysql_errno(mysql) != 0)
        fail(mysql);
    mysql_free_result(result);
    free(sql);
    return rows;
}

int main(int count, char **arguments) {
    char after[32] = "-1";
    long rows = 0, page = 0;
    if (count != 6)
        return 64;
    char *password = read_password(arguments[3]);
    MYSQL *mysql = mysql_init(NULL);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    if (mysql_real_connect(mysql, "127.0.0.1", arguments[2], password, NULL, (unsigned)atoi(arguments[1]), NULL, 0) ==
        NULL)
        fail(mysql);
    while ((page = fetch_page(mysql, arguments[5], arguments[4], after, sizeof after)) > 0)
        rows += page;
    printf("%ld\n", rows);
    mysql_close(mysql);
    free(password);
    return 0;
}
