/* The configuration service: the query protocol, in which a form names an action and the answer is XML. Served are the actions that tell about
 * the domain; the others exist and are refused, and whatever the API does not have is unknown. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "domain.h"
#include "nightshift/base/log.h"

#define XML_NAMESPACE "http://cloudsearch.amazonaws.com/doc/2013-01-01/"

struct answer {
    struct domain *domain;
    const struct request *request;
    const struct pairs *parameters;
    struct text *out;
};

static void refuse(struct reply *reply, unsigned status, const char *code, const char *format, ...) PRINTF_LIKE(4, 5);
static void refuse(struct reply *reply, unsigned status, const char *code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    struct denial denial = {.status = status, .code = code, .message = xvasprintf(format, arguments)};
    va_end(arguments);
    access_refuse(reply, SERVICE_CONFIGURATION, &denial);
    free(denial.message);
}

static void add_element(struct text *out, const char *name, const char *value) {
    text_printf(out, "<%s>", name);
    xml_add(out, value);
    text_printf(out, "</%s>", name);
}

static void add_flag(struct text *out, const char *name, bool value) {
    add_element(out, name, value ? "true" : "false");
}

static void add_status(struct text *out) {
    text_add(out,
             "<Status><CreationDate>2013-01-01T00:00:00Z</CreationDate><UpdateDate>2013-01-01T00:00:00Z</UpdateDate>"
             "<UpdateVersion>1</UpdateVersion><State>Active</State><PendingDeletion>false</PendingDeletion></Status>");
}

/* Whether a list such as FieldNames.member.1 names it; an empty list names all. */
static bool is_listed(const struct pairs *parameters, const char *list, const char *name) {
    bool any = false;
    char *prefix = xasprintf("%s.member.", list);
    bool found = false;
    for (size_t i = 0; i < parameters->count; i++) {
        if (strncmp(parameters->items[i].name, prefix, strlen(prefix)) != 0)
            continue;
        any = true;
        found = found || strcmp(parameters->items[i].value, name) == 0;
    }
    free(prefix);
    return found || !any;
}

static void list_domain_names(struct answer *answer) {
    text_add(answer->out, "<DomainNames><entry>");
    add_element(answer->out, "key", answer->domain->options.name);
    add_element(answer->out, "value", "2013-01-01");
    text_add(answer->out, "</entry></DomainNames>");
}

/* The document and search endpoints are this server, under the name by which the client reached it. */
static void describe_domains(struct answer *answer) {
    const struct options *options = &answer->domain->options;
    const char *host = request_header(answer->request, "host");
    text_add(answer->out, "<DomainStatusList>");
    if (is_listed(answer->parameters, "DomainNames", options->name)) {
        text_add(answer->out, "<member>");
        text_printf(answer->out, "<DomainId>000000000000/%s</DomainId>", options->name);
        add_element(answer->out, "DomainName", options->name);
        text_printf(answer->out, "<ARN>arn:aws:cloudsearch:%s:000000000000:domain/%s</ARN>", options->region,
                    options->name);
        text_add(answer->out, "<Created>true</Created><Deleted>false</Deleted><DocService>");
        add_element(answer->out, "Endpoint", host != NULL ? host : "");
        text_add(answer->out, "</DocService><SearchService>");
        add_element(answer->out, "Endpoint", host != NULL ? host : "");
        text_add(
            answer->out,
            "</SearchService><RequiresIndexDocuments>false</RequiresIndexDocuments><Processing>false</Processing>"
            "<SearchInstanceType>search.small</SearchInstanceType><SearchPartitionCount>1</SearchPartitionCount>"
            "<SearchInstanceCount>1</SearchInstanceCount><Limits><MaximumReplicationCount>5</MaximumReplicationCount>"
            "<MaximumPartitionCount>10</MaximumPartitionCount></Limits></member>");
    }
    text_add(answer->out, "</DomainStatusList>");
}

static const char *options_name(const struct field *field) {
    static const char *const names[][2] = {
        {"IntOptions", "IntArrayOptions"},         {"DoubleOptions", "DoubleArrayOptions"},
        {"DateOptions", "DateArrayOptions"},       {"LatLonOptions", "LatLonOptions"},
        {"LiteralOptions", "LiteralArrayOptions"}, {"TextOptions", "TextArrayOptions"}};
    return names[field->kind][field->array ? 1 : 0];
}

static void add_field(struct text *out, const struct field *field) {
    bool text = field->kind == KIND_TEXT;
    text_add(out, "<member><Options>");
    add_element(out, "IndexFieldName", field->name);
    add_element(out, "IndexFieldType", schema_type_name(field));
    text_printf(out, "<%s>", options_name(field));
    if (field->default_value != NULL)
        add_element(out, "DefaultValue", field->default_value);
    if (field->sources.count > 0) {
        struct text sources = {0};
        for (size_t i = 0; i < field->sources.count; i++)
            text_printf(&sources, "%s%s", i > 0 ? "," : "", field->sources.items[i]);
        add_element(out, field->array ? "SourceFields" : "SourceField", text_string(&sources));
        text_free(&sources);
    }
    if (text)
        add_element(out, "AnalysisScheme", field->scheme);
    else
        add_flag(out, "FacetEnabled", field->facet);
    add_flag(out, "ReturnEnabled", field->returned);
    if (!text)
        add_flag(out, "SearchEnabled", field->search);
    if (!field->array)
        add_flag(out, "SortEnabled", field->sort);
    if (text)
        add_flag(out, "HighlightEnabled", field->highlight);
    text_printf(out, "</%s></Options>", options_name(field));
    add_status(out);
    text_add(out, "</member>");
}

static void describe_index_fields(struct answer *answer) {
    const struct schema *schema = &answer->domain->schema;
    text_add(answer->out, "<IndexFields>");
    for (size_t i = 0; i < schema->field_count; i++)
        if (is_listed(answer->parameters, "FieldNames", schema->fields[i].name))
            add_field(answer->out, &schema->fields[i]);
    text_add(answer->out, "</IndexFields>");
}

static void describe_suggesters(struct answer *answer) {
    const struct schema *schema = &answer->domain->schema;
    text_add(answer->out, "<Suggesters>");
    for (size_t i = 0; i < schema->suggester_count; i++) {
        if (!is_listed(answer->parameters, "SuggesterNames", schema->suggesters[i].name))
            continue;
        text_add(answer->out, "<member><Options>");
        add_element(answer->out, "SuggesterName", schema->suggesters[i].name);
        text_add(answer->out, "<DocumentSuggesterOptions>");
        add_element(answer->out, "SourceField", schema->suggesters[i].source);
        add_element(answer->out, "FuzzyMatching", "none");
        text_add(answer->out, "</DocumentSuggesterOptions></Options>");
        add_status(answer->out);
        text_add(answer->out, "</member>");
    }
    text_add(answer->out, "</Suggesters>");
}

static void describe_expressions(struct answer *answer) {
    text_add(answer->out, "<Expressions></Expressions>");
}

static void describe_analysis_schemes(struct answer *answer) {
    text_add(answer->out, "<AnalysisSchemes></AnalysisSchemes>");
}

static const struct {
    const char *name;
    bool about_domain; /* needs DomainName */
    void (*answer)(struct answer *answer);
} served[] = {
    {"ListDomainNames", false, list_domain_names},        {"DescribeDomains", false, describe_domains},
    {"DescribeIndexFields", true, describe_index_fields}, {"DescribeSuggesters", true, describe_suggesters},
    {"DescribeExpressions", true, describe_expressions},  {"DescribeAnalysisSchemes", true, describe_analysis_schemes},
};

static const char *const known[] = {"BuildSuggesters",
                                    "CreateDomain",
                                    "DefineAnalysisScheme",
                                    "DefineExpression",
                                    "DefineIndexField",
                                    "DefineSuggester",
                                    "DeleteAnalysisScheme",
                                    "DeleteDomain",
                                    "DeleteExpression",
                                    "DeleteIndexField",
                                    "DeleteSuggester",
                                    "DescribeAvailabilityOptions",
                                    "DescribeDomainEndpointOptions",
                                    "DescribeScalingParameters",
                                    "DescribeServiceAccessPolicies",
                                    "IndexDocuments",
                                    "UpdateAvailabilityOptions",
                                    "UpdateDomainEndpointOptions",
                                    "UpdateScalingParameters",
                                    "UpdateServiceAccessPolicies"};

static void refuse_action(struct reply *reply, const char *action) {
    for (size_t i = 0; i < LENGTH_OF(known); i++)
        if (strcmp(known[i], action) == 0) {
            refuse(reply, 409, "DisabledAction", "cloudsearch-local does not serve %s", action);
            return;
        }
    refuse(reply, 400, "InvalidAction", "Could not find operation %s for version 2013-01-01", action);
}

static void serve_action(struct domain *domain, const struct request *request, const struct pairs *parameters,
                         struct reply *reply) {
    const char *action = pairs_value(parameters, "Action");
    const char *version = pairs_value(parameters, "Version");
    const char *name = pairs_value(parameters, "DomainName");
    size_t i = 0;
    if (action == NULL) {
        refuse(reply, 400, "MissingAction", "The request must contain the parameter Action");
        return;
    }
    while (i < LENGTH_OF(served) && strcmp(served[i].name, action) != 0)
        i++;
    if (version == NULL || strcmp(version, "2013-01-01") != 0) {
        refuse(reply, 400, "InvalidAction", "Could not find operation %s for version %s", action,
               version != NULL ? version : "NO_VERSION_SPECIFIED");
    } else if (i == LENGTH_OF(served)) {
        refuse_action(reply, action);
    } else if (served[i].about_domain && (name == NULL || *name == '\0')) {
        refuse(reply, 400, "ValidationError",
               "1 validation error detected: Value null at 'domainName' failed to satisfy constraint: Member must not "
               "be null");
    } else if (served[i].about_domain && strcmp(name, domain->options.name) != 0) {
        refuse(reply, 409, "ResourceNotFound", "Domain not found: %s", name);
    } else {
        struct answer answer = {.domain = domain, .request = request, .parameters = parameters, .out = &reply->body};
        reply_text(reply, 200, "text/xml", "");
        text_printf(&reply->body, "<%sResponse xmlns=\"" XML_NAMESPACE "\"><%sResult>", action, action);
        served[i].answer(&answer);
        text_printf(&reply->body,
                    "</%sResult><ResponseMetadata><RequestId>local-%llu</RequestId></ResponseMetadata></%sResponse>\n",
                    action, (unsigned long long)domain->requests, action);
    }
}

void configuration_serve(struct domain *domain, const struct request *request, struct reply *reply) {
    struct pairs parameters = {0};
    const char *type = request_header(request, "content-type");
    bool post = strcmp(request->method, "POST") == 0;
    bool form = type != NULL && strncasecmp(type, "application/x-www-form-urlencoded",
                                            strlen("application/x-www-form-urlencoded")) == 0;
    if (!post && strcmp(request->method, "GET") != 0)
        refuse(reply, 405, "InvalidAction", "The configuration service takes GET and POST");
    else if (post && !form)
        refuse(reply, 400, "InvalidParameterValue", "The body must be application/x-www-form-urlencoded");
    else if (!pairs_decode(&parameters, post ? text_string(&request->body) : request->query))
        refuse(reply, 400, "MalformedQueryString", "The parameters are not well encoded");
    else
        serve_action(domain, request, &parameters, reply);
    pairs_free(&parameters);
}
