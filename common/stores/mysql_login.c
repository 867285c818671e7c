/* User and password, from files that we read and check ourselves: the client libraries look at no owner and no mode, take options we never
 * asked for, and differ in which they know (an ssl-mode=REQUIRED is passed over in silence by Connector/C). */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "mysql_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"

static void forget(char *secret) {
    if (secret != NULL)
        explicit_bzero(secret, strlen(secret));
    free(secret);
}

/* The end of the part of a line that counts: a # outside of quotes begins a comment. */
static const char *comment_or_end(const char *at, const char *end) {
    char quote = '\0';
    bool escaped = false;
    for (; at < end; at++) {
        if ((*at == '\'' || *at == '"') && !escaped) {
            if (quote == '\0')
                quote = *at;
            else if (quote == *at)
                quote = '\0';
        }
        if (quote == '\0' && *at == '#')
            return at;
        escaped = quote != '\0' && *at == '\\' && !escaped;
    }
    return end;
}

static void trim(const char **start, const char **end) {
    while (*start < *end && isspace((unsigned char)**start))
        (*start)++;
    while (*end > *start && isspace((unsigned char)(*end)[-1]))
        (*end)--;
}

/* A value without its quotes and with its escapes resolved; an unknown escape keeps its backslash. */
static char *unquote(const char *start, const char *end) {
    static const char from[] = "nrtbs\\\"'";
    static const char to[] = "\n\r\t\b \\\"'";
    if (end - start >= 2 && (*start == '\'' || *start == '"') && end[-1] == *start) {
        start++;
        end--;
    }
    char *value = xmalloc((size_t)(end - start) + 1);
    size_t length = 0;
    while (start < end) {
        const char *escape = *start == '\\' && start + 1 < end ? strchr(from, start[1]) : NULL;
        if (escape != NULL) {
            value[length++] = to[escape - from];
            start += 2;
        } else {
            value[length++] = *start++;
        }
    }
    value[length] = '\0';
    return value;
}

static bool is_key(const char *start, const char *end, const char *name) {
    size_t length = strlen(name);
    return (size_t)(end - start) == length && strncmp(start, name, length) == 0;
}

/* One line within the group. */
static const char *take_option(struct database_login *login, const char *start, const char *end) {
    end = comment_or_end(start, end);
    const char *equals = memchr(start, '=', (size_t)(end - start));
    const char *key_end = equals != NULL ? equals : end;
    trim(&start, &key_end);
    char **place = is_key(start, key_end, "user")       ? &login->user
                   : is_key(start, key_end, "password") ? &login->password
                                                        : NULL;
    if (place == NULL)
        return NULL;
    if (equals == NULL)
        return "needs a value";
    const char *value = equals + 1;
    trim(&value, &end);
    forget(*place); /* the last one counts */
    *place = unquote(value, end);
    return NULL;
}

const char *database_login_parse(const char *content, const char *group, struct database_login *login, int *line) {
    bool in_group = false;
    bool found = false;
    const char *problem = NULL;
    *line = 0;
    while (*content != '\0' && problem == NULL) {
        const char *start = content;
        const char *end = start + strcspn(start, "\n");
        content = *end == '\n' ? end + 1 : end;
        ++*line;
        trim(&start, &end);
        if (start == end || *start == '#' || *start == ';')
            continue;
        if (*start == '!')
            problem = "!include and !includedir are not followed";
        else if (*start == '[') {
            const char *close = memchr(start, ']', (size_t)(end - start));
            const char *name = start + 1;
            if (close == NULL)
                return "the group has no ]";
            trim(&name, &close);
            in_group = is_key(name, close, group);
            found = found || in_group;
        } else if (in_group)
            problem = take_option(login, start, end);
    }
    if (problem == NULL && !found) {
        *line = 0;
        problem = "there is no such group";
    }
    return problem;
}

static int load_option_file(const struct mysql_settings *settings, struct database_login *login) {
    struct text content = {0};
    int line = 0;
    int status = file_read_secret(settings->option_file, &content);
    if (status == 0 && strlen(text_string(&content)) != content.length)
        status = fail(EXIT_SETTINGS, "cannot use the option file \"%s\": it holds a NUL byte", settings->option_file);
    if (status == 0) {
        const char *problem = database_login_parse(text_string(&content), settings->option_group, login, &line);
        if (problem != NULL && line > 0)
            status = fail(EXIT_SETTINGS, "%s:%d: %s", settings->option_file, line, problem);
        else if (problem != NULL)
            status = fail(EXIT_SETTINGS, "cannot use the group [%s] of \"%s\": %s", settings->option_group,
                          settings->option_file, problem);
    }
    if (content.data != NULL)
        explicit_bzero(content.data, content.capacity);
    text_free(&content);
    return status;
}

static int load_password(const char *path, struct database_login *login) {
    struct text content = {0};
    int status = file_read_secret(path, &content);
    if (status == 0 && strlen(text_string(&content)) != content.length)
        status = fail(EXIT_SETTINGS, "cannot use the password in \"%s\": it holds a NUL byte", path);
    if (status == 0) {
        forget(login->password);
        login->password = xstrdup(text_string(&content));
    }
    if (content.data != NULL)
        explicit_bzero(content.data, content.capacity);
    text_free(&content);
    return status;
}

int database_login_load(const struct mysql_settings *settings, struct database_login *login) {
    int status = 0;
    if (settings->option_file != NULL)
        status = load_option_file(settings, login);
    if (status == 0 && settings->password_file != NULL)
        status = load_password(settings->password_file, login);
    if (status == 0 && settings->user != NULL) {
        free(login->user);
        login->user = xstrdup(settings->user);
    }
    if (status == 0 && login->user == NULL)
        status = fail(EXIT_SETTINGS, "the group [%s] of \"%s\" names no user, and [mysql] neither",
                      settings->option_group, settings->option_file);
    if (status == 0 && login->password == NULL)
        login->password = xstrdup(""); /* NULL would have the libraries look into MYSQL_PWD */
    if (status != 0)
        database_login_free(login);
    return status;
}

void database_login_free(struct database_login *login) {
    free(login->user);
    forget(login->password);
    *login = (struct database_login){0};
}
