/* Reading ~/.aws/credentials and ~/.aws/config. Not with inih: Debian's takes lines of up to 199 bytes, and a session token
 * alone has a thousand. The rules are those of AWS's SDKs: comments begin with # or ; at the beginning of a line or behind
 * white space; a key with an empty value begins a nested block of indented lines, none of which matter to us. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "aws_private.h"
#include "nightshift/base/memory.h"

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r';
}

/* A part of a line, without the white space around it. */
struct part {
    const char *begin;
    size_t length;
};

static struct part trim(const char *begin, const char *end) {
    while (begin < end && is_blank(*begin))
        begin++;
    while (end > begin && is_blank(end[-1]))
        end--;
    return (struct part){begin, (size_t)(end - begin)};
}

static bool equals(struct part part, const char *word) {
    return part.length == strlen(word) && strncmp(part.begin, word, part.length) == 0;
}

/* Where the line's comment begins, or its end. */
static const char *find_comment(const char *line, const char *end) {
    for (const char *c = line; c < end; c++)
        if ((*c == '#' || *c == ';') && (c == line || is_blank(c[-1])))
            return c;
    return end;
}

/* [name], [profile name], [profile "name"]; `line` begins with the bracket. */
static bool is_section_of(const char *line, const char *end, bool config, const char *name) {
    const char *close = memchr(line, ']', (size_t)(end - line));
    if (close == NULL)
        return false;
    static const char prefix[] = "profile";
    struct part title = trim(line + 1, close);
    bool prefixed = title.length > sizeof prefix && strncmp(title.begin, prefix, sizeof prefix - 1) == 0 &&
                    is_blank(title.begin[sizeof prefix - 1]);
    if (!config)
        return equals(title, name);
    if (!prefixed)
        return strcmp(name, "default") == 0 && equals(title, name);
    title = trim(title.begin + sizeof prefix, title.begin + title.length);
    bool quoted = title.length >= 2 && (*title.begin == '"' || *title.begin == '\'') &&
                  title.begin[title.length - 1] == *title.begin;
    return equals(quoted ? (struct part){title.begin + 1, title.length - 2} : title, name);
}

static void set(char **place, struct part value) {
    aws_wipe(*place);
    *place = value.length > 0 ? xstrndup(value.begin, value.length) : NULL;
}

/* Kinds of credentials that need a program, a browser or another service. */
static const char *const refused_keys[] = {
    "credential_process", "credential_source", "login_session", "sso_account_id",          "sso_session",
    "sso_start_url",      "source_profile",    "role_arn",      "web_identity_token_file",
};

static void take(struct aws_profile *profile, struct part key, struct part value) {
    char *name = xstrndup(key.begin, key.length);
    const struct {
        const char *name;
        char **place;
    } places[] = {
        {"aws_access_key_id", &profile->access_key},
        {"aws_secret_access_key", &profile->secret_key},
        {"aws_session_token", &profile->token},
        {"region", &profile->region},
    };
    for (size_t i = 0; i < LENGTH_OF(places); i++)
        if (strcasecmp(name, places[i].name) == 0)
            set(places[i].place, value);
    for (size_t i = 0; i < LENGTH_OF(refused_keys); i++)
        if (strcasecmp(name, refused_keys[i]) == 0 && value.length > 0) {
            bool role = strcmp(refused_keys[i], "role_arn") == 0;
            if (profile->refused == NULL || role)
                set(&profile->refused, (struct part){refused_keys[i], strlen(refused_keys[i])});
            profile->role = profile->role || role;
        }
    free(name);
}

void aws_profile_parse(const char *content, bool config, const char *name, struct aws_profile *profile) {
    bool inside = false; /* the section is ours */
    bool nested = false; /* a key without a value stands above */
    for (const char *line = content; *line != '\0';) {
        const char *end = line + strcspn(line, "\n");
        const char *next = *end == '\n' ? end + 1 : end;
        struct part whole = trim(line, find_comment(line, end));
        bool indented = whole.length > 0 && whole.begin != line;
        if (whole.length > 0 && *whole.begin == '[') {
            inside = is_section_of(whole.begin, whole.begin + whole.length, config, name);
            nested = false;
            profile->present = profile->present || inside;
        } else if (whole.length > 0 && inside && !(nested && indented)) {
            const char *equals_sign = memchr(whole.begin, '=', whole.length);
            if (equals_sign != NULL) {
                struct part value = trim(equals_sign + 1, whole.begin + whole.length);
                nested = value.length == 0;
                take(profile, trim(whole.begin, equals_sign), value);
            }
        }
        line = next;
    }
}

void aws_profile_free(struct aws_profile *profile) {
    aws_wipe(profile->access_key);
    aws_wipe(profile->secret_key);
    aws_wipe(profile->token);
    free(profile->region);
    free(profile->refused);
    *profile = (struct aws_profile){0};
}
