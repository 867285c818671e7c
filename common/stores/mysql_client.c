/* What the two client libraries do differently. */
#include "mysql_client.h"

#ifdef MARIADB_PACKAGE_VERSION

void client_require_tls(MYSQL *mysql, const char *ca) {
    client_bool yes = 1;
    /* Alone, MYSQL_OPT_SSL_ENFORCE goes on in plain text with a server that does not offer TLS; the error comes only with verification. */
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
    mysql_options(mysql, MYSQL_OPT_SSL_CA, ca);
    mysql_options(mysql, MYSQL_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
}

void client_refuse_tls(MYSQL *mysql, bool trusted) {
    client_bool no = 0;
    mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &no);
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no);
    /* A server chooses how the client authenticates, and Connector/C would load the plugins that send the password as it is. */
#if MARIADB_PACKAGE_VERSION_ID >= 30308
    if (!trusted)
        mysql_options(mysql, MARIADB_OPT_RESTRICTED_AUTH, "mysql_native_password,caching_sha2_password,client_ed25519");
#else
    (void)trusted;
#endif
}

unsigned long client_escape(MYSQL *mysql, char *to, const char *from, unsigned long length) {
    return mysql_real_escape_string(mysql, to, from, length);
}

int client_socket(MYSQL *mysql) {
    return (int)mysql_get_socket(mysql);
}

#else

void client_require_tls(MYSQL *mysql, const char *ca) {
    unsigned mode = SSL_MODE_VERIFY_IDENTITY;
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
    mysql_options(mysql, MYSQL_OPT_SSL_CA, ca);
    mysql_options(mysql, MYSQL_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
}

void client_refuse_tls(MYSQL *mysql, bool trusted) {
    (void)trusted; /* the clear-text plugin is off unless asked for */
    unsigned mode = SSL_MODE_DISABLED;
    client_bool yes = 1;
    mysql_options(mysql, MYSQL_OPT_SSL_MODE, &mode);
    /* caching_sha2_password without TLS encrypts the password with the server's key. Connector/C always asks for it. */
    mysql_options(mysql, MYSQL_OPT_GET_SERVER_PUBLIC_KEY, &yes);
}

unsigned long client_escape(MYSQL *mysql, char *to, const char *from, unsigned long length) {
    return mysql_real_escape_string_quote(mysql, to, from, length, '\'');
}

int client_socket(MYSQL *mysql) {
    return mysql->net.fd;
}

#endif
