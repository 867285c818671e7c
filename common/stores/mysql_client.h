/* The one place that knows which client library we were compiled against: MariaDB Connector/C (3.1 or later) or MySQL's libmysqlclient (8.0
 * to 9.x). The names of options are enum values, which no #ifdef sees; Connector/C tells itself by MARIADB_PACKAGE_VERSION. */
#ifndef NIGHTSHIFT_STORES_MYSQL_CLIENT_H
#define NIGHTSHIFT_STORES_MYSQL_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include <mysql.h>

/* my_bool (a char) there, bool here. */
typedef __typeof__(*((MYSQL_BIND *)0)->is_null) client_bool;

/* A connection that is encrypted, to a server whose certificate `ca` vouches for and which names the host; or no connection at all. */
void client_require_tls(MYSQL *mysql, const char *ca);

/* A connection without TLS, on which nothing is sent that would give the password away: `trusted` says that nobody can listen (a Unix
 * socket). */
void client_refuse_tls(MYSQL *mysql, bool trusted);

/* Escapes for a literal in single quotes; `to` has room for 2 * length + 1 bytes. Returns the length, or (unsigned long)-1. */
unsigned long client_escape(MYSQL *mysql, char *to, const char *from, unsigned long length);

/* The descriptor of the connection's socket. */
int client_socket(MYSQL *mysql);

#endif
