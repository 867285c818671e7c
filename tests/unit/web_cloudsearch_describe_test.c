/* The configuration service: a domain's state and its index fields. */
#include "web_cloudsearch.h"

#include "../../common/web/xml.h"
#include "nightshift/web/cloudsearch_describe.h"
#include "sigv4.h"

#define NAMESPACE " xmlns=\"http://cloudsearch.amazonaws.com/doc/2013-01-01/\""
#define DOMAINS(members)                                                                                       \
    "<DescribeDomainsResponse" NAMESPACE "><DescribeDomainsResult><DomainStatusList>" members                  \
    "</DomainStatusList></DescribeDomainsResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>" \
    "</DescribeDomainsResponse>"
#define FIELDS(members)                                               \
    "<?xml version=\"1.0\"?>\n<DescribeIndexFieldsResponse" NAMESPACE \
    "><DescribeIndexFieldsResult><IndexFields>" members               \
    "</IndexFields></DescribeIndexFieldsResult></DescribeIndexFieldsResponse>"
#define FIELD(name, type, options)                                                                                \
    "<member><Options><IndexFieldName>" name "</IndexFieldName><IndexFieldType>" type "</IndexFieldType>" options \
    "</Options><Status><State>Active</State></Status></member>"

static struct cloudsearch_fields fields;
static struct cloudsearch_description description;

static int leave(void **state) {
    cloudsearch_fields_free(&fields);
    cloudsearch_description_free(&description);
    return domain_leave(state);
}

static int describe_fields(const struct web_reply *replies, size_t count) {
    domain_serve(replies, count);
    int status = cloudsearch_describe_fields(domain.client, &fields);
    domain_end();
    return status;
}

static int describe_domain(const char *body) {
    const struct web_reply reply = {.status = 200, .body = body};
    domain_serve(&reply, 1);
    int status = cloudsearch_describe_domain(domain.client, &description);
    domain_end();
    return status;
}

static void domains_are_described(void **state) {
    (void)state;
    assert_int_equal(
        describe_domain(DOMAINS(
            "<member><DomainId>1/lancers</DomainId><DomainName>lancers</DomainName><Created>true</Created>"
            "<Deleted>false</Deleted><DocService><Endpoint>doc-lancers-x.r.cloudsearch.amazonaws.com</Endpoint>"
            "</DocService><SearchService><Endpoint>search-lancers-x.r</Endpoint></SearchService>"
            "<RequiresIndexDocuments>true</RequiresIndexDocuments><Processing>false</Processing>"
            "<SearchInstanceCount>2</SearchInstanceCount><SearchPartitionCount>3</SearchPartitionCount></member>")),
        0);
    assert_string_equal(description.name, "lancers");
    assert_string_equal(description.document_endpoint, "doc-lancers-x.r.cloudsearch.amazonaws.com");
    assert_string_equal(description.search_endpoint, "search-lancers-x.r");
    assert_true(description.created && !description.deleted && !description.processing && description.needs_indexing);
    assert_int_equal(description.partitions, 3);
    assert_int_equal(description.replicas, 2);
    const struct text *raw = &domain.server.requests[0];
    assert_memory_equal(text_string(raw), "POST / HTTP/1.1\r\n", 17);
    assert_string_equal(web_body(&domain.server, 0),
                        "Action=DescribeDomains&Version=2013-01-01&DomainNames.member.1=lancers");
    assert_null(
        sigv4_check(raw->data, raw->length, DOMAIN_ACCESS_KEY, DOMAIN_SECRET_KEY, "ap-northeast-1", "cloudsearch"));
    /* None, or another one. */
    assert_int_equal(describe_domain(DOMAINS("")), EXIT_SETTINGS);
    assert_contains(domain.said, "there is no CloudSearch domain ");
    assert_int_equal(describe_domain(DOMAINS("<member><DomainName>other</DomainName></member>")), EXIT_SETTINGS);
    assert_null(description.name);
}

static void fields_are_described(void **state) {
    (void)state;
    static const struct web_reply reply = {
        .status = 200,
        .body = FIELDS(
            FIELD("title", "text",
                  "<TextOptions><AnalysisScheme>_ja_default_</AnalysisScheme><ReturnEnabled>true</ReturnEnabled>"
                  "<SortEnabled>false</SortEnabled><HighlightEnabled>false</HighlightEnabled></TextOptions>")
                FIELD("skills", "literal-array",
                      "<LiteralArrayOptions><FacetEnabled>false</FacetEnabled><DefaultValue>a &amp; b</DefaultValue>"
                      "</LiteralArrayOptions>") FIELD("*_i", "int", "") FIELD("place", "latlon", "<LatLonOptions/>")
                    FIELD("notes", "text-array", "<TextArrayOptions></TextArrayOptions>"))};
    assert_int_equal(describe_fields(&reply, 1), 0);
    assert_string_equal(web_body(&domain.server, 0),
                        "Action=DescribeIndexFields&Version=2013-01-01&DomainName=lancers&Deployed=true");
    assert_int_equal(fields.count, 5);
    const struct cloudsearch_field *field = &fields.items[0];
    assert_string_equal(field->name, "title");
    assert_int_equal(field->type, CLOUDSEARCH_TEXT);
    assert_string_equal(field->analysis_scheme, "_ja_default_");
    assert_true(!field->array && field->search && field->returned && !field->sort && !field->highlight &&
                !field->facet);
    assert_string_equal(field->state, "Active");
    field = &fields.items[1];
    assert_int_equal(field->type, CLOUDSEARCH_LITERAL);
    assert_true(field->array && field->search && field->returned && !field->sort && !field->highlight && !field->facet);
    assert_string_equal(field->default_value, "a & b");
    field = &fields.items[2]; /* no options: all that the type has */
    assert_true(!field->array && field->search && field->returned && field->sort && field->facet && !field->highlight);
    assert_null(field->default_value);
    field = &fields.items[4];
    assert_true(field->array && field->search && field->returned && !field->sort && field->highlight && !field->facet);
}

static void types_have_words(void **state) {
    (void)state;
    static const char *const words[] = {"int",  "int-array",  "double", "double-array", "literal", "literal-array",
                                        "text", "text-array", "date",   "date-array",   "latlon"};
    for (size_t i = 0; i < LENGTH_OF(words); i++) {
        enum cloudsearch_type type = CLOUDSEARCH_INT;
        bool array = false;
        assert_true(cloudsearch_parse_type(words[i], &type, &array));
        assert_string_equal(cloudsearch_type_name(type, array), words[i]);
    }
    enum cloudsearch_type type = CLOUDSEARCH_INT;
    bool array = false;
    assert_false(cloudsearch_parse_type("latlon-array", &type, &array));
    assert_false(cloudsearch_parse_type("", &type, &array));
}

static void dynamic_fields_take_what_is_left(void **state) {
    (void)state;
    static const struct web_reply reply = {
        .status = 200,
        .body = FIELDS(FIELD("*_t", "text", "") FIELD("name", "text", "") FIELD("*e", "date", "") FIELD(
            "long_*", "int", "") FIELD("*", "literal", "") FIELD("ab*", "int", "") FIELD("*cd", "int", ""))};
    static const char *const cases[][2] = {{"name", "name"}, {"body_t", "*_t"}, {"date", "*e"}, {"long_t", "long_*"},
                                           {"other", "*"},   {"abcd", "*cd"},   {"_t", "*_t"},  {"t", "*"}};
    assert_int_equal(describe_fields(&reply, 1), 0);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        const struct cloudsearch_field *field = cloudsearch_find_field(&fields, cases[i][0]);
        if (field == NULL || strcmp(field->name, cases[i][1]) != 0)
            web_fail("%s goes to %s", cases[i][0], field != NULL ? field->name : "none");
    }
    struct cloudsearch_fields first = {fields.items, 2}; /* without the "*" */
    assert_null(cloudsearch_find_field(&first, "other"));
    assert_null(cloudsearch_find_field(&first, "t"));
}

static void failures_have_codes(void **state) {
    (void)state;
#define ERROR(code) \
    "<ErrorResponse><Error><Type>Sender</Type><Code>" code "</Code><Message>words</Message></Error></ErrorResponse>"
    static const struct {
        struct web_reply reply;
        int status;
        size_t asked;
        const char *reason;
    } cases[] = {
        {{.status = 403, .body = ERROR("InvalidClientTokenId")}, EXIT_DENIED, 1, "InvalidClientTokenId: words"},
        {{.status = 403, .body = ERROR("AccessDenied")}, EXIT_DENIED, 1, "cloudsearch:Describe*"},
        {{.status = 400, .body = ERROR("RequestExpired")}, EXIT_DENIED, 1, "clock"},
        {{.status = 409, .body = ERROR("ResourceNotFound")}, EXIT_SETTINGS, 1, "status 409 ResourceNotFound: words"},
        {{.status = 400, .body = ERROR("ValidationError")}, EXIT_BUG, 1, "ValidationError"},
        {{.status = 200, .body = ERROR("X")}, EXIT_UNAVAILABLE, 3, "not the form of the configuration service"},
        {{.status = 200, .body = "{}"}, EXIT_UNAVAILABLE, 3, "not the form"},
        {{.status = 200, .body = ""}, EXIT_UNAVAILABLE, 3, "it is empty"},
        {{.status = 200, .body = "<DescribeIndexFieldsResponse>"}, EXIT_UNAVAILABLE, 3, "not the form"},
        {{.status = 200, .body = "<DescribeIndexFieldsResponse/>"}, EXIT_UNAVAILABLE, 1, "cannot understand"},
        {{.status = 200, .body = FIELDS(FIELD("f", "blob", ""))},
         EXIT_UNAVAILABLE,
         1,
         "cannot understand the index field"},
        {{.status = 200, .body = FIELDS(FIELD("", "int", ""))},
         EXIT_UNAVAILABLE,
         1,
         "cannot understand the index field"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int status = describe_fields(&cases[i].reply, 1);
        if (status != cases[i].status || domain.server.count != cases[i].asked ||
            strstr(domain.said, cases[i].reason) == NULL)
            web_fail("case %zu: %d after %zu, %s", i, status, domain.server.count, domain.said);
        assert_int_equal(fields.count, 0);
    }
    static const struct web_reply throttled[] = {
        {.status = 400, .body = ERROR("Throttling")}, {.status = 503}, {.status = 200, .body = FIELDS("")}};
    assert_int_equal(describe_fields(throttled, 3), 0);
    assert_int_equal(domain.clock.waits > 0, 1);
    char *name = domain.settings.domain;
    domain.settings.domain = NULL;
    assert_int_equal(describe_fields(throttled, 3), EXIT_SETTINGS);
    assert_contains(domain.said, "domain is not set");
    domain.settings.domain = name;
}

static void xml_is_bounded_and_has_no_entities(void **state) {
    (void)state;
    struct text deep = {0}, wide = {0}, large = {0};
    for (int i = 0; i < 17; i++)
        text_add(&deep, "<a>");
    for (int i = 0; i < 17; i++)
        text_add(&deep, "</a>");
    text_add(&wide, "<r>");
    for (int i = 0; i < 50000; i++)
        text_add(&wide, "<a/>");
    text_add(&wide, "</r>");
    text_add(&large, "<r>");
    for (int i = 0; i < 65537; i++)
        text_add(&large, "x");
    text_add(&large, "</r>");
    const char *const bad[] = {
        "",
        " ",
        "x",
        "<a>",
        "<a></b>",
        "<a/><b/>",
        "<a/>x",
        "<!DOCTYPE a [<!ENTITY e \"x\">]><a>&e;</a>",
        "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>",
        "<a>&e;</a>",
        "<a>\x01</a>",
        "<a>\xff</a>",
        text_string(&deep),
        text_string(&wide),
        text_string(&large),
    };
    for (size_t i = 0; i < LENGTH_OF(bad); i++) {
        struct xml_node *node = xml_parse(bad[i], strlen(bad[i]));
        if (node != NULL)
            web_fail("%.40s is taken", bad[i]);
    }
    /* One less of each is fine. */
    struct xml_node *node = xml_parse(text_string(&deep) + 3, deep.length - 7);
    assert_non_null(node);
    xml_free(node);
    static const char good[] =
        "<?xml version='1.0'?><x:r xmlns:x='n'><b> 1 &lt; 2 <!-- c --><c/>&#26085;</b><b>two</b></x:r>\n";
    node = xml_parse(good, sizeof good - 1);
    assert_string_equal(node->name, "r");
    assert_string_equal(xml_text(node, "b"), " 1 < 2 日");
    assert_string_equal(xml_text(node, "none"), "");
    assert_string_equal(xml_text(NULL, "b"), "");
    assert_non_null(xml_child(xml_child(node, "b"), "c"));
    xml_free(node);
    text_free(&deep);
    text_free(&wide);
    text_free(&large);
}

#define describe_test(function) cmocka_unit_test_setup_teardown(function, domain_enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        describe_test(domains_are_described), describe_test(fields_are_described),
        describe_test(types_have_words),      describe_test(dynamic_fields_take_what_is_left),
        describe_test(failures_have_codes),   cmocka_unit_test(xml_is_bounded_and_has_no_entities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
