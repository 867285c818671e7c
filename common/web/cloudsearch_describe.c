/* DescribeDomains and DescribeIndexFields. */
#include <stdlib.h>
#include <string.h>

#include "cloudsearch_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/parse.h"
#include "nightshift/web/cloudsearch_describe.h"

/* --- The question --- */

struct asking {
    const char *action;
    struct xml_node *answer; /* the element ACTIONResult; owned by document */
    struct xml_node *document;
};

static void judge(void *context, const struct http_answer *answer, int64_t now,
                  struct cloudsearch_judgement *judgement) {
    struct asking *asking = context;
    xml_free(asking->document);
    asking->document = NULL;
    if (answer->status != 200) {
        cloudsearch_judge_failure(answer, now, judgement);
        return;
    }
    char *response = xasprintf("%sResponse", asking->action);
    asking->document = xml_parse(text_string(&answer->body), answer->body.length);
    if (asking->document == NULL || strcmp(asking->document->name, response) != 0)
        cloudsearch_judge_unclear(answer, "not the form of the configuration service", judgement);
    else
        judgement->verdict = CLOUDSEARCH_DONE;
    free(response);
}

/* The list NAME of the answer to one action about our domain; *document owns it, and is freed by the caller. */
static int ask(struct cloudsearch *cloudsearch, const char *action, const char *parameter, const char *name,
               struct xml_node **document, const struct xml_node **list) {
    *document = NULL;
    *list = NULL;
    if (cloudsearch->domain == NULL || cloudsearch->config_url == NULL)
        return fail(EXIT_SETTINGS, "[cloudsearch] %s is not set, and the document endpoint does not tell it",
                    cloudsearch->domain == NULL ? "domain" : "region");
    struct text form = {0};
    cloudsearch_form_add(&form, "Action", action);
    cloudsearch_form_add(&form, "Version", "2013-01-01");
    cloudsearch_form_add(&form, parameter, cloudsearch->domain);
    if (strcmp(action, "DescribeIndexFields") == 0)
        cloudsearch_form_add(&form, "Deployed", "true");
    struct asking asking = {.action = action};
    struct cloudsearch_exchange exchange = {.what = "ask the configuration service",
                                            .base = cloudsearch->config_url,
                                            .path = "/",
                                            .content_type = "application/x-www-form-urlencoded",
                                            .body = text_string(&form),
                                            .length = form.length,
                                            .answer_limit = CLOUDSEARCH_DESCRIPTION_LIMIT,
                                            .judge = judge,
                                            .context = &asking};
    int status = cloudsearch_exchange(cloudsearch, &exchange);
    char *result = xasprintf("%sResult", action);
    if (status == 0)
        *list = xml_child(xml_child(asking.document, result), name);
    if (status == 0 && *list == NULL)
        status = fail(EXIT_UNAVAILABLE, "cannot understand the configuration service's answer to %s", action);
    *document = asking.document;
    free(result);
    text_free(&form);
    return status;
}

static bool is_true(const struct xml_node *node, const char *name) {
    return strcmp(xml_text(node, name), "true") == 0;
}

static int64_t number(const struct xml_node *node, const char *name) {
    int64_t value = 0;
    return parse_integer(xml_text(node, name), &value) == NULL ? value : 0;
}

/* --- The domain --- */

int cloudsearch_describe_domain(struct cloudsearch *cloudsearch, struct cloudsearch_description *description) {
    struct xml_node *document = NULL;
    const struct xml_node *list = NULL;
    cloudsearch_description_free(description);
    int status = ask(cloudsearch, "DescribeDomains", "DomainNames.member.1", "DomainStatusList", &document, &list);
    const struct xml_node *domain = xml_child(list, "member");
    if (status == 0 && (domain == NULL || strcmp(xml_text(domain, "DomainName"), cloudsearch->domain) != 0))
        status = fail(EXIT_SETTINGS, "there is no CloudSearch domain \"%s\" in region \"%s\" for this account",
                      cloudsearch->domain, cloudsearch->region);
    if (status == 0)
        *description = (struct cloudsearch_description){
            .name = xstrdup(xml_text(domain, "DomainName")),
            .document_endpoint = xstrdup(xml_text(xml_child(domain, "DocService"), "Endpoint")),
            .search_endpoint = xstrdup(xml_text(xml_child(domain, "SearchService"), "Endpoint")),
            .created = is_true(domain, "Created"),
            .deleted = is_true(domain, "Deleted"),
            .processing = is_true(domain, "Processing"),
            .needs_indexing = is_true(domain, "RequiresIndexDocuments"),
            .partitions = number(domain, "SearchPartitionCount"),
            .replicas = number(domain, "SearchInstanceCount"),
        };
    xml_free(document);
    return status;
}

void cloudsearch_description_free(struct cloudsearch_description *description) {
    free(description->name);
    free(description->document_endpoint);
    free(description->search_endpoint);
    *description = (struct cloudsearch_description){0};
}

/* --- Types --- */

static const struct {
    const char *word;
    enum cloudsearch_type type;
    bool array;
    const char *options; /* the element with its options */
} types[] = {
    {"int", CLOUDSEARCH_INT, false, "IntOptions"},
    {"int-array", CLOUDSEARCH_INT, true, "IntArrayOptions"},
    {"double", CLOUDSEARCH_DOUBLE, false, "DoubleOptions"},
    {"double-array", CLOUDSEARCH_DOUBLE, true, "DoubleArrayOptions"},
    {"literal", CLOUDSEARCH_LITERAL, false, "LiteralOptions"},
    {"literal-array", CLOUDSEARCH_LITERAL, true, "LiteralArrayOptions"},
    {"text", CLOUDSEARCH_TEXT, false, "TextOptions"},
    {"text-array", CLOUDSEARCH_TEXT, true, "TextArrayOptions"},
    {"date", CLOUDSEARCH_DATE, false, "DateOptions"},
    {"date-array", CLOUDSEARCH_DATE, true, "DateArrayOptions"},
    {"latlon", CLOUDSEARCH_LATLON, false, "LatLonOptions"},
};

const char *cloudsearch_type_name(enum cloudsearch_type type, bool array) {
    for (size_t i = 0; i < LENGTH_OF(types); i++)
        if (types[i].type == type && types[i].array == array)
            return types[i].word;
    return "latlon-array, which does not exist";
}

/* The index in types, or its length. */
static size_t find_type(const char *word) {
    size_t i = 0;
    while (i < LENGTH_OF(types) && strcmp(types[i].word, word) != 0)
        i++;
    return i;
}

bool cloudsearch_parse_type(const char *word, enum cloudsearch_type *type, bool *array) {
    size_t i = find_type(word);
    if (i == LENGTH_OF(types))
        return false;
    *type = types[i].type;
    *array = types[i].array;
    return true;
}

/* --- Fields --- */

static char *text_or_null(const struct xml_node *node, const char *name) {
    const char *text = xml_text(node, name);
    return *text != '\0' ? xstrdup(text) : NULL;
}

/* An option that the answer leaves out has its default, which is true; `has`: the type has the option at all. */
static bool option(const struct xml_node *options, const char *name, bool has) {
    return has && (xml_child(options, name) == NULL || is_true(options, name));
}

static int take_field(const struct xml_node *member, struct cloudsearch_field *field) {
    const struct xml_node *options = xml_child(member, "Options");
    const char *name = xml_text(options, "IndexFieldName");
    const char *word = xml_text(options, "IndexFieldType");
    size_t at = find_type(word);
    if (*name == '\0' || at == LENGTH_OF(types))
        return fail(EXIT_UNAVAILABLE, "cannot understand the index field \"%s\" of type \"%s\"", name, word);
    const struct xml_node *own = xml_child(options, types[at].options);
    bool text = types[at].type == CLOUDSEARCH_TEXT;
    *field = (struct cloudsearch_field){
        .name = xstrdup(name),
        .type = types[at].type,
        .array = types[at].array,
        .facet = option(own, "FacetEnabled", !text),
        .search = text || option(own, "SearchEnabled", true),
        .returned = option(own, "ReturnEnabled", true),
        .sort = option(own, "SortEnabled", !types[at].array),
        .highlight = option(own, "HighlightEnabled", text),
        .analysis_scheme = text_or_null(own, "AnalysisScheme"),
        .default_value = text_or_null(own, "DefaultValue"),
        .state = xstrdup(xml_text(xml_child(member, "Status"), "State")),
    };
    return 0;
}

int cloudsearch_describe_fields(struct cloudsearch *cloudsearch, struct cloudsearch_fields *fields) {
    struct xml_node *document = NULL;
    const struct xml_node *list = NULL;
    cloudsearch_fields_free(fields);
    int status = ask(cloudsearch, "DescribeIndexFields", "DomainName", "IndexFields", &document, &list);
    const struct xml_node *member = list != NULL ? list->first : NULL;
    for (; member != NULL && status == 0; member = member->next) {
        if (strcmp(member->name, "member") != 0)
            continue;
        if (fields->count == CLOUDSEARCH_FIELDS_MOST) {
            status =
                fail(EXIT_UNAVAILABLE, "the CloudSearch domain has more than %d index fields", CLOUDSEARCH_FIELDS_MOST);
            break;
        }
        fields->items = xgrow(fields->items, fields->count, sizeof *fields->items);
        status = take_field(member, &fields->items[fields->count]);
        if (status == 0)
            fields->count++;
    }
    if (status != 0)
        cloudsearch_fields_free(fields);
    xml_free(document);
    return status;
}

void cloudsearch_fields_free(struct cloudsearch_fields *fields) {
    for (size_t i = 0; i < fields->count; i++) {
        free(fields->items[i].name);
        free(fields->items[i].analysis_scheme);
        free(fields->items[i].default_value);
        free(fields->items[i].state);
    }
    free(fields->items);
    *fields = (struct cloudsearch_fields){0};
}

/* Whether a dynamic field's pattern, with one "*" in front or at the end, fits the name. */
static bool fits(const char *pattern, const char *name) {
    size_t fixed = strlen(pattern) - 1, length = strlen(name);
    if (length < fixed)
        return false;
    if (pattern[0] == '*')
        return strcmp(name + length - fixed, pattern + 1) == 0;
    return pattern[fixed] == '*' && strncmp(name, pattern, fixed) == 0;
}

const struct cloudsearch_field *cloudsearch_find_field(const struct cloudsearch_fields *fields, const char *name) {
    const struct cloudsearch_field *best = NULL;
    for (size_t i = 0; i < fields->count; i++) {
        const struct cloudsearch_field *field = &fields->items[i];
        if (strcmp(field->name, name) == 0)
            return field;
        if (strchr(field->name, '*') == NULL || !fits(field->name, name))
            continue;
        if (best == NULL || strlen(field->name) > strlen(best->name) ||
            (strlen(field->name) == strlen(best->name) && strcmp(field->name, best->name) < 0))
            best = field;
    }
    return best;
}
