/* The key rules are those of the framework's sources (CacheEngine::key, CacheEngine::_key, Inflector::underscore), for
 * Latin letters in the C locale: letters beyond ASCII keep their case there too. */
#include <ctype.h>
#include <string.h>

#include "nightshift/stores/memcached_key.h"

/* What \s means to PCRE, which is also what trim() removes (but for the form feed). */
static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_upper(char c) {
    return c >= 'A' && c <= 'Z';
}

static char lower(char c) {
    if (is_upper(c))
        return (char)(c - 'A' + 'a');
    return c;
}

static bool is_word(char c) {
    return c == '_' || is_upper(c) || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static char slug(char c) {
    if (c == '/' || c == '.')
        return '_';
    return c;
}

static void add(struct text *text, char c) {
    text_append(text, &c, 1);
}

/* strtolower(preg_replace('/(?<=\w)([A-Z])/', '_\1', str_replace(array('/', '.'), '_', $key))) */
static void add_cake1(struct text *text, const char *name) {
    for (size_t i = 0; name[i] != '\0'; i++) {
        if (i > 0 && is_upper(name[i]) && is_word(slug(name[i - 1])))
            add(text, '_');
        add(text, lower(slug(name[i])));
    }
}

/* Each run of white space becomes one "_". */
static void add_joined(struct text *text, const char *name, size_t length) {
    for (size_t i = 0; i < length; i++)
        if (!is_space(name[i]))
            add(text, name[i]);
        else if (i == 0 || !is_space(name[i - 1]))
            add(text, '_');
}

/* preg_replace('/[\s]+/', '_', strtolower(trim(str_replace(array('/', '.'), '_', $key)))) */
static void add_cake2(struct text *text, const char *name) {
    size_t start = 0, end = strlen(name);
    while (start < end && is_space(name[start]) && name[start] != '\f')
        start++;
    while (end > start && is_space(name[end - 1]) && name[end - 1] != '\f')
        end--;
    struct text changed = {0};
    for (size_t i = start; i < end; i++)
        add(&changed, lower(slug(name[i])));
    add_joined(text, text_string(&changed), changed.length);
    text_free(&changed);
}

static const char *apply_rule(int rule, const char *name, struct text *key) {
    size_t before = key->length;
    /* empty() in PHP: Cake writes and reads nothing under such a key. */
    if ((rule == KEY_RULE_CAKE1 || rule == KEY_RULE_CAKE2) && strcmp(name, "0") == 0)
        return "CakePHP takes the key \"0\" for none";
    if (rule == KEY_RULE_CAKE1)
        add_cake1(key, name);
    else if (rule == KEY_RULE_CAKE2)
        add_cake2(key, name);
    else if (rule == KEY_RULE_CAKE4)
        add_joined(key, name, strlen(name));
    else
        text_add(key, name);
    return key->length == before ? "the key is empty" : NULL;
}

static const char *check(struct text *key, bool ext_memcache) {
    if (key->full || key->length > MEMCACHED_KEY_LENGTH)
        return "it is longer than 250 bytes with its prefix";
    for (size_t i = 0; i < key->length; i++) {
        if (key->data[i] == ' ' && ext_memcache)
            key->data[i] = '_';
        if (is_space(key->data[i]))
            return "it has white space in it";
        if (iscntrl((unsigned char)key->data[i]))
            return "it has a control character in it";
    }
    return NULL;
}

const char *memcached_key_make(const struct memcached_settings *settings, const char *name, struct memcached_key *out) {
    struct text key = {.limit = 65536};
    if (settings->key_prefix != NULL)
        text_add(&key, settings->key_prefix);
    out->hashed_from = settings->prefix_hashed ? 0 : key.length;
    const char *reason = apply_rule(settings->key_rule, name, &key);
    if (reason == NULL)
        reason = check(&key, memcached_is_ext_memcache(settings));
    if (reason == NULL) {
        memcpy(out->string, key.data, key.length + 1);
        out->length = key.length;
    }
    text_free(&key);
    return reason;
}
