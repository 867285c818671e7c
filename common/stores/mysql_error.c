/* Which exit code an error of MySQL means, and what a person can do about it. Numbers: MySQL Error Message Reference (server and client),
 * MariaDB Error Codes. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mysql_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/utf8.h"

enum { EXCERPT_BYTES = 120 };

enum { WRONG = -1 }; /* a statement that will never work as it is: a wrong setting or a bug */

struct known_error {
    unsigned code;
    int status;
    const char *hint;
};

static const char check_login[] = "check user and password in [mysql], and that the account may log in from this host "
                                  "(and without TLS, if tls is off)";
static const char check_tls[] =
    "tls_ca in [mysql] must hold the authority that signed the server's certificate, and the "
    "certificate must name the host as [mysql] writes it";
static const char check_plugin[] =
    "the account uses an authentication plugin that this client does not have or may not use "
    "without TLS; ALTER USER can give it another";
static const char change_password[] =
    "log in with a mysql client and set a new password: ALTER USER USER() IDENTIFIED BY ...";

static const struct known_error known_errors[] = {
    /* The server is away, full, or going down. */
    {1040, EXIT_UNAVAILABLE, "the server has no connection left: max_connections"},
    {1053, EXIT_UNAVAILABLE, NULL},
    {1080, EXIT_UNAVAILABLE, NULL},
    {1158, EXIT_UNAVAILABLE, NULL},
    {1159, EXIT_UNAVAILABLE, NULL},
    {1160, EXIT_UNAVAILABLE, NULL},
    {1161, EXIT_UNAVAILABLE, NULL},
    {1203, EXIT_UNAVAILABLE, "the account has no connection left: max_user_connections"},
    {1226, EXIT_UNAVAILABLE, NULL},
    {1927, EXIT_UNAVAILABLE, NULL}, /* MariaDB: the connection was killed */
    {2002, EXIT_UNAVAILABLE, NULL},
    {2003, EXIT_UNAVAILABLE, NULL},
    {2005, EXIT_UNAVAILABLE, NULL},
    {2006, EXIT_UNAVAILABLE, NULL},
    {2012, EXIT_UNAVAILABLE, NULL},
    {2013, EXIT_UNAVAILABLE, NULL},
    {2026, EXIT_UNAVAILABLE, check_tls},
    {2055, EXIT_UNAVAILABLE, NULL},
    {4031, EXIT_UNAVAILABLE, NULL}, /* MySQL: idle for longer than wait_timeout */
    {2008, EXIT_SYSTEM, NULL},
    {2014, EXIT_BUG, NULL},
    /* Another time it may work. */
    {1028, EXIT_LATER, NULL}, /* a sort was ended by KILL (MySQL 5.6) */
    {1205, EXIT_LATER, "another session holds the lock for too long: SHOW ENGINE INNODB STATUS, SHOW PROCESSLIST"},
    {1213, EXIT_LATER, NULL},
    {1290, EXIT_LATER, NULL}, /* read_only, after a failover */
    {1317, EXIT_LATER, "somebody ended the statement by KILL QUERY"},
    {1412, EXIT_LATER, NULL}, /* the table was altered since the snapshot was taken */
    {1836, EXIT_LATER, NULL},
    {1969, EXIT_LATER, "it took longer than statement_limit in [mysql] (max_statement_time)"},
    {3024, EXIT_LATER, "it took longer than statement_limit in [mysql] (max_execution_time)"},
    {3572, EXIT_LATER, NULL},
    /* Denied. */
    {1044, EXIT_DENIED, NULL},
    {1045, EXIT_DENIED, check_login},
    {1129, EXIT_DENIED, "the server has blocked this host after too many failed connections: FLUSH HOSTS there"},
    {1130, EXIT_DENIED, "no account on that server may log in from this host"},
    {1142, EXIT_DENIED, NULL},
    {1143, EXIT_DENIED, NULL},
    {1227, EXIT_DENIED, NULL},
    {1251, EXIT_DENIED, check_plugin},
    {1345, EXIT_DENIED,
     "EXPLAIN needs SHOW VIEW on the views that the statement reads: GRANT SHOW VIEW ON ... to this account"},
    {1370, EXIT_DENIED, NULL},
    {1410, EXIT_DENIED, NULL},
    {1524, EXIT_DENIED, check_plugin},
    {1698, EXIT_DENIED,
     "the account logs in by the name of the operating system's user only (auth_socket, unix_socket)"},
    {1820, EXIT_DENIED, change_password},
    {1862, EXIT_DENIED, change_password},
    {2049, EXIT_DENIED, check_plugin},
    {2059, EXIT_DENIED, check_plugin},
    {2061, EXIT_DENIED, check_plugin},
    {3118, EXIT_DENIED, "ALTER USER ... ACCOUNT UNLOCK"},
    {3159, EXIT_DENIED, "the server takes encrypted connections only: set tls = verify in [mysql]"},
    {4151, EXIT_DENIED, "ALTER USER ... ACCOUNT UNLOCK"}, /* 3118 of MariaDB */
    {5010, EXIT_DENIED, check_plugin},                    /* Connector/C: a plugin that we do not allow */
    /* Wrong as it is, where the class of the SQLSTATE (HY000) does not tell. */
    {1049, WRONG, NULL},
    {1052, WRONG, NULL}, /* ambiguous column: class 23 */
    {1111, WRONG, NULL},
    {1148, WRONG, NULL}, /* LOAD DATA LOCAL, which we never allow; so are 2068, 3948 and 4166 */
    {1176, WRONG, NULL},
    {1210, WRONG, NULL},
    {1221, WRONG, NULL},
    {1267, WRONG, NULL},
    {1271, WRONG, NULL},
    {1288, WRONG, NULL},
    {1295, WRONG, NULL},
    {1630, WRONG, NULL},
    {1792, WRONG, NULL}, /* a write in a read-only transaction */
    {2020, WRONG, "a row or a statement is larger than 64 MiB"},
    {2068, WRONG, NULL},
    {3948, WRONG, NULL},
    {4166, WRONG, NULL},
};

static const struct known_error *find_known(unsigned code) {
    for (size_t i = 0; i < LENGTH_OF(known_errors); i++)
        if (known_errors[i].code == code)
            return &known_errors[i];
    return NULL;
}

int database_error_status(unsigned code, const char *state, int wrong) {
    const struct known_error *known = find_known(code);
    if (known != NULL)
        return known->status == WRONG ? wrong : known->status;
    /* SQLSTATE classes: 42 syntax or rule, 21 cardinality, 22 data, 0A not supported. */
    static const char *const wrong_classes[] = {"42", "21", "22", "0A"};
    for (size_t i = 0; i < LENGTH_OF(wrong_classes); i++)
        if (strncmp(state, wrong_classes[i], 2) == 0)
            return wrong;
    if (strncmp(state, "28", 2) == 0)
        return EXIT_DENIED;
    return EXIT_UNAVAILABLE;
}

bool database_error_passes(unsigned code) {
    static const unsigned codes[] = {1040, 1053, 1158, 1159, 1160, 1161, 1203,
                                     2002, 2003, 2005, 2006, 2012, 2013, 2055};
    for (size_t i = 0; i < LENGTH_OF(codes); i++)
        if (codes[i] == code)
            return true;
    return false;
}

/* The text between two markers; false if it is not there. */
static bool between(const char *text, const char *before, const char *after, struct text *out) {
    const char *start = strstr(text, before);
    if (start == NULL)
        return false;
    start += strlen(before);
    const char *end = after != NULL ? strstr(start, after) : start + strlen(start);
    if (end == NULL || end == start)
        return false;
    text_append(out, start, (size_t)(end - start));
    return true;
}

/* "SELECT command denied to user 'job'@'host' for table 'works'" and the like. */
static void add_grant(const struct database_error *error, struct text *hint) {
    struct text privilege = {0};
    struct text object = {0};
    const char *text = error->text;
    const char *command = strstr(text, " command denied");
    if (command != NULL)
        text_append(&privilege, text, (size_t)(command - text));
    if ((error->code == 1142 || error->code == 1143) && command != NULL &&
        (between(text, " for table ", NULL, &object) || between(text, " in table ", NULL, &object)))
        text_printf(hint, "grant %s on table %s to this account", text_string(&privilege), text_string(&object));
    else if (error->code == 1370 && between(text, " for routine ", NULL, &object))
        text_printf(hint, "grant EXECUTE on %s to this account", text_string(&object));
    else if (error->code == 1044 && between(text, " to database ", NULL, &object))
        text_printf(hint, "grant this account its privileges on database %s, and check that it exists",
                    text_string(&object));
    else if (error->code == 1227 && between(text, "(at least one of) the ", " privilege", &object)) {
        /* Often the list begins with SUPER, which is never the one to give. */
        const char *names = text_string(&object);
        if (strncmp(names, "SUPER, ", 7) == 0)
            names += strlen("SUPER, ");
        else if (strncmp(names, "SUPER or ", 9) == 0)
            names += strlen("SUPER or ");
        text_printf(hint, "GRANT %s ON *.* TO this account%s", names,
                    strchr(names, ',') != NULL ? "; one of them is enough" : "");
    }
    text_free(&privilege);
    text_free(&object);
}

void database_error_hint(const struct database_error *error, struct text *hint) {
    const struct known_error *known = find_known(error->code);
    if (known != NULL && known->hint != NULL)
        text_add(hint, known->hint);
    else
        add_grant(error, hint);
}

void database_error_take(struct database_error *error, MYSQL *mysql) {
    const char *state = mysql_sqlstate(mysql);
    const char *text = mysql_error(mysql);
    *error = (struct database_error){.code = mysql_errno(mysql)};
    memcpy(error->state, state, strnlen(state, sizeof error->state - 1));
    memcpy(error->text, text, strnlen(text, sizeof error->text - 1));
}

void database_append_excerpt(struct text *text, const char *sql) {
    struct text line = {0};
    bool space = false;
    for (; *sql != '\0' && line.length <= EXCERPT_BYTES; sql++) {
        if (isspace((unsigned char)*sql)) {
            space = line.length > 0;
            continue;
        }
        text_append(&line, " ", space ? 1 : 0);
        space = false;
        text_append(&line, sql, 1);
    }
    size_t length = line.length;
    if (length > EXCERPT_BYTES) {
        /* Not in the middle of a character. */
        length = EXCERPT_BYTES;
        while (length > 0 && ((unsigned char)line.data[length] & 0xC0) == 0x80)
            length--;
    }
    text_append(text, text_string(&line), length);
    if (length < line.length)
        text_add(text, "...");
    text_free(&line);
}
