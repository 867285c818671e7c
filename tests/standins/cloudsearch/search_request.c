/* The parameters of a search. Whatever is not served is refused by name, because a parameter that is silently ignored makes a test pass that
 * the real domain would fail. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nightshift/base/parse.h"
#include "relaxed.h"
#include "search.h"

bool search_wrong(struct search *search, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (search->reason == NULL)
        search->reason = xvasprintf(format, arguments);
    va_end(arguments);
    return false;
}

bool search_read_form(struct search *search, const struct request *request) {
    const char *type = request_header(request, "content-type");
    bool form = type != NULL && strncasecmp(type, "application/x-www-form-urlencoded",
                                            strlen("application/x-www-form-urlencoded")) == 0;
    bool post = strcmp(request->method, "POST") == 0;
    if (!post && strcmp(request->method, "GET") != 0) {
        search->status = 405;
        return search_wrong(search, "Search takes GET and POST, not %s", request->method);
    }
    if (post && !form)
        return search_wrong(search, "Search requests cannot accept content streams");
    if (form && request->has_query) {
        search->status = 403;
        return search_wrong(search, "When Content-Type:application/x-www-form-urlencoded, URL cannot include "
                                    "query-string parameters (after '?')");
    }
    if (request->body.length > 0 && !post)
        return search_wrong(search, "Search requests cannot accept content streams");
    if (!pairs_decode(&search->parameters, post ? text_string(&request->body) : request->query))
        return search_wrong(search, "InvalidQueryString: the parameters are not encoded as UTF-8 with %%XX");
    const char *repeated = pairs_repeated(&search->parameters);
    return repeated == NULL || search_wrong(search, "Parameter '%s' must not be repeated", repeated);
}

static const char *value_of(const struct search *search, const char *name) {
    return pairs_value(&search->parameters, name);
}

static bool has_prefix(const char *name, const char *prefix) {
    return strncmp(name, prefix, strlen(prefix)) == 0;
}

static bool check_names(struct search *search) {
    static const char *const known[] = {"q",    "q.parser", "q.options", "fq",        "return",  "size",   "start",
                                        "sort", "cursor",   "facet",     "highlight", "partial", "pretty", "format"};
    for (size_t i = 0; i < search->parameters.count; i++) {
        const char *name = search->parameters.items[i].name;
        bool found = has_prefix(name, "facet.") || has_prefix(name, "highlight.");
        for (size_t j = 0; !found && j < LENGTH_OF(known); j++)
            found = strcmp(name, known[j]) == 0;
        if (found)
            continue;
        if (strcmp(name, "bq") == 0)
            return search_wrong(
                search, "Parameter 'bq' is no longer valid. Replace 'bq=query' with 'q.parser=structured&q=query'.");
        if (strcmp(name, "expr") == 0 || has_prefix(name, "expr.") || strcmp(name, "stats") == 0 ||
            has_prefix(name, "stats."))
            return search_wrong(search, "cloudsearch-local does not serve the parameter '%s'", name);
        return search_wrong(search, "Unknown parameter '%s'", name);
    }
    return true;
}

static bool read_number(struct search *search, const char *name, int64_t otherwise, int64_t limit, int64_t *out) {
    const char *value = value_of(search, name);
    *out = otherwise;
    if (value == NULL)
        return true;
    if (parse_integer(value, out) != NULL || *out < 0 || *out > limit)
        return search_wrong(search, "Invalid value '%s' for parameter '%s': 0 to %lld", value, name, (long long)limit);
    return true;
}

static bool read_page(struct search *search) {
    const char *cursor = value_of(search, "cursor");
    if (!read_number(search, "size", 10, SIZE_LIMIT, &search->size) ||
        !read_number(search, "start", 0, PAGE_LIMIT, &search->start))
        return false;
    if (cursor == NULL)
        return search->start + search->size <= PAGE_LIMIT ||
               search_wrong(search, "start + size must not be above %d; use a cursor for deeper pages", PAGE_LIMIT);
    if (value_of(search, "start") != NULL)
        return search_wrong(search, "Parameters 'start' and 'cursor' exclude each other");
    return search_cursor_read(search, cursor);
}

static bool add_sort(struct search *search, const char *item) {
    struct strings words = {0};
    strings_split(&words, item, " ");
    bool good = words.count == 2 && (strcasecmp(words.items[1], "asc") == 0 || strcasecmp(words.items[1], "desc") == 0);
    if (!good) {
        search_wrong(search, "Invalid value '%s' for parameter 'sort': a name and asc or desc expected", item);
    } else if (search->sort_count == SORT_LIMIT) {
        good = search_wrong(search, "Parameter 'sort' takes at most %d items", SORT_LIMIT);
    } else {
        const char *name = words.items[0];
        const struct field *field = schema_find(&search->domain->schema, name);
        bool own = strcmp(name, "_id") == 0 || strcmp(name, "_score") == 0 || strcmp(name, "_version") == 0;
        if (!own && field == NULL)
            good = search_wrong(search, "Invalid value for parameter 'sort': field (%s) does not exist.", name);
        else if (!own && (!field->sort || field->kind == KIND_LATLON))
            good = search_wrong(search, "Invalid value for parameter 'sort': field (%s) is not sort enabled.", name);
        else
            search->sort[search->sort_count++] =
                (struct sort_key){.name = xstrdup(name), .descending = strcasecmp(words.items[1], "desc") == 0};
    }
    strings_free(&words);
    return good;
}

static bool read_sort(struct search *search) {
    const char *value = value_of(search, "sort");
    struct strings items = {0};
    bool good = true;
    strings_split(&items, value != NULL ? value : "_score desc", ",");
    for (size_t i = 0; good && i < items.count; i++)
        good = add_sort(search, items.items[i]);
    if (items.count == 0)
        good = search_wrong(search, "Parameter 'sort' is empty");
    strings_free(&items);
    return good;
}

static bool read_return(struct search *search) {
    const char *value = value_of(search, "return");
    struct strings items = {0};
    bool all = value == NULL;
    bool good = true;
    strings_split(&items, value != NULL ? value : "", ",");
    search->return_nothing = value != NULL;
    for (size_t i = 0; good && i < items.count; i++) {
        const char *name = items.items[i];
        const struct field *field = schema_find(&search->domain->schema, name);
        all = all || strcmp(name, "_all_fields") == 0;
        search->return_score = search->return_score || strcmp(name, "_score") == 0;
        if (name[0] == '_') {
            if (strcmp(name, "_all_fields") != 0 && strcmp(name, "_no_fields") != 0 && strcmp(name, "_score") != 0)
                good = search_wrong(search, "Invalid value for parameter 'return': (%s) is not served", name);
        } else if (field == NULL) {
            good = search_wrong(search, "Invalid value for parameter 'return': field (%s) does not exist.", name);
        } else if (!field->returned) {
            good =
                search_wrong(search, "Invalid value for parameter 'return': field (%s) is not return enabled.", name);
        } else {
            strings_add(&search->returned, name);
            search->return_nothing = false;
        }
    }
    if (all) {
        strings_free(&search->returned);
        search->return_nothing = false;
    }
    strings_free(&items);
    return good;
}

/* --- the query ---------------------------------------------------------------------------------------------------------------------- */

static void add_default(struct search *search, const char *name, double weight) {
    search->defaults = xgrow(search->defaults, search->default_count, sizeof *search->defaults);
    search->defaults[search->default_count++] = (struct weighted){.name = xstrdup(name), .weight = weight};
}

static bool read_default_fields(struct search *search, json_t *list) {
    size_t i = 0;
    json_t *item = NULL;
    const struct schema *schema = &search->domain->schema;
    for (size_t j = 0; list == NULL && j < schema->field_count; j++)
        if (schema->fields[j].kind == KIND_TEXT && !schema_is_dynamic(&schema->fields[j]))
            add_default(search, schema->fields[j].name, 1);
    if (list != NULL && !json_is_array(list))
        return search_wrong(search, "q.options: fields is a list");
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        size_t length = text != NULL ? strcspn(text, "^") : 0;
        char *end = NULL;
        double weight = length > 0 && text[length] == '^' ? strtod(text + length + 1, &end) : 1;
        if (length == 0 || weight <= 0 || (end != NULL && *end != '\0'))
            return search_wrong(search, "q.options: a field is written as 'name' or 'name^weight'");
        char *name = xstrndup(text, length);
        bool known = schema_find(schema, name) != NULL;
        if (known)
            add_default(search, name, weight);
        else
            search_wrong(search, "q.options: field (%s) does not exist.", name);
        free(name);
        if (!known)
            return false;
    }
    return true;
}

static bool read_operators(struct search *search, json_t *list, unsigned *operators) {
    static const char *const names[] = {"and", "escape", "fuzzy",      "near",   "not",
                                        "or",  "phrase", "precedence", "prefix", "whitespace"};
    size_t i = 0;
    json_t *item = NULL;
    *operators = SIMPLE_ALL;
    json_array_foreach(list, i, item) {
        size_t known = 0;
        while (known < LENGTH_OF(names) &&
               (!json_is_string(item) || strcmp(names[known], json_string_value(item)) != 0))
            known++;
        if (known == LENGTH_OF(names))
            return search_wrong(search, "q.options: unknown operator");
        *operators = i == 0 ? 1U << known : *operators | 1U << known;
    }
    return true;
}

static bool parse_query(struct search *search, const char *parser, const char *text, json_t *options) {
    unsigned operators = SIMPLE_ALL;
    char *reason = NULL;
    const char *name = "";
    json_t *value = NULL;
    const char *join = json_string_value(json_object_get(options, "defaultOperator"));
    json_object_foreach(options, name, value) {
        if (strcmp(name, "fields") != 0 && strcmp(name, "defaultOperator") != 0 && strcmp(name, "operators") != 0)
            return search_wrong(search, "cloudsearch-local does not serve q.options '%s'", name);
    }
    if (join != NULL && strcmp(join, "or") != 0 && strcmp(join, "and") != 0)
        return search_wrong(search, "q.options: cloudsearch-local serves the default operators 'and' and 'or'");
    if (!read_default_fields(search, json_object_get(options, "fields")) ||
        !read_operators(search, json_object_get(options, "operators"), &operators))
        return false;
    if (strcmp(parser, "structured") == 0)
        search->query = query_structured(text, &reason);
    else if (strcmp(parser, "simple") == 0)
        search->query = query_simple(text, operators, join != NULL && strcmp(join, "or") == 0, &reason);
    else if (strcmp(parser, "lucene") == 0 || strcmp(parser, "dismax") == 0)
        search_wrong(search, "cloudsearch-local does not serve q.parser=%s", parser);
    else
        search_wrong(search, "Invalid value '%s' for parameter 'q.parser'", parser);
    if (reason != NULL)
        search_wrong(search, "%s", reason);
    free(reason);
    return search->query != NULL;
}

static bool read_query(struct search *search) {
    const char *text = value_of(search, "q");
    const char *parser = value_of(search, "q.parser");
    const char *options_text = value_of(search, "q.options");
    const char *filter = value_of(search, "fq");
    char *reason = NULL;
    if (text == NULL || *text == '\0')
        return search_wrong(search, "Parameter 'q' is required");
    json_t *options = options_text != NULL ? relaxed_parse(options_text) : json_object();
    bool good = json_is_object(options) ? parse_query(search, parser != NULL ? parser : "simple", text, options)
                                        : search_wrong(search, "q.options is not a JSON object");
    json_decref(options);
    if (good && filter != NULL) {
        search->filter = query_structured(filter, &reason);
        good = search->filter != NULL || search_wrong(search, "%s (in fq)", reason);
        free(reason);
    }
    return good;
}

/* --- facets and highlights ---------------------------------------------------------------------------------------------------------- */

static bool add_extra(struct search *search, bool facet, const char *name, json_t *options) {
    const struct field *field = schema_find(&search->domain->schema, name);
    const char *kind = facet ? "facet" : "highlight";
    if (!json_is_object(options))
        return search_wrong(search, "The options of %s.%s are not a JSON object", kind, name);
    if (field == NULL)
        return search_wrong(search, "Invalid parameter '%s.%s': field (%s) does not exist.", kind, name, name);
    if (facet ? !field->facet : !field->highlight)
        return search_wrong(search, "Invalid parameter '%s.%s': field (%s) is not %s enabled.", kind, name, name, kind);
    const char *reason = facet ? NULL : highlight_check(options);
    if (reason != NULL)
        return search_wrong(search, "Invalid parameter 'highlight.%s': %s", name, reason);
    struct extra **list = facet ? &search->facets : &search->highlights;
    size_t *count = facet ? &search->facet_count : &search->highlight_count;
    *list = xgrow(*list, *count, sizeof **list);
    (*list)[(*count)++] = (struct extra){.field = xstrdup(name), .options = json_incref(options)};
    return true;
}

/* facet.F={...}, and the form of the SDKs: facet={"F":{...}}. */
static bool read_extras(struct search *search, bool facet) {
    const char *kind = facet ? "facet" : "highlight";
    size_t length = strlen(kind);
    bool good = true;
    for (size_t i = 0; good && i < search->parameters.count; i++) {
        const char *name = search->parameters.items[i].name;
        const char *key = NULL;
        json_t *options = NULL;
        if (!has_prefix(name, kind) || (name[length] != '\0' && name[length] != '.'))
            continue;
        json_t *value = relaxed_parse(search->parameters.items[i].value);
        if (name[length] == '.')
            good = add_extra(search, facet, name + length + 1, value);
        else if (!json_is_object(value))
            good = search_wrong(search, "Parameter '%s' is not a JSON object", kind);
        else
            json_object_foreach(value, key, options) good = good && add_extra(search, facet, key, options);
        json_decref(value);
    }
    return good;
}

static bool read_format(struct search *search) {
    const char *format = value_of(search, "format");
    search->sdk = format != NULL && strcmp(format, "sdk") == 0;
    if (format == NULL || search->sdk || strcmp(format, "json") == 0)
        return true;
    return search_wrong(search,
                        strcmp(format, "xml") == 0 ? "cloudsearch-local does not serve format=%s"
                                                   : "Invalid value '%s' for parameter 'format'",
                        format);
}

bool search_read(struct search *search) {
    return check_names(search) && read_format(search) && read_query(search) && read_sort(search) && read_page(search) &&
           read_return(search) && read_extras(search, true) && read_extras(search, false);
}

static void free_extras(struct extra *extras, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free(extras[i].field);
        json_decref(extras[i].options);
    }
    free(extras);
}

void search_free(struct search *search) {
    pairs_free(&search->parameters);
    query_free(search->query);
    query_free(search->filter);
    for (size_t i = 0; i < search->default_count; i++)
        free(search->defaults[i].name);
    free(search->defaults);
    for (size_t i = 0; i < search->sort_count; i++)
        free(search->sort[i].name);
    json_decref(search->cursor);
    strings_free(&search->returned);
    free_extras(search->facets, search->facet_count);
    free_extras(search->highlights, search->highlight_count);
    sql_free(&search->condition);
    sql_free(&search->scores);
    pairs_free(&search->words);
    free(search->reason);
}
