/* The query parsers of cloudsearch-local, as trees in the structured syntax. */
#include "../standins/cloudsearch/query.h"
#include "../standins/cloudsearch/relaxed.h"
#include "support.h"

static void structured(const char *string, const char *wanted) {
    char *reason = NULL;
    struct query *query = query_structured(string, &reason);
    if (query == NULL)
        print_error("%s: %s\n", string, reason);
    assert_non_null(query);
    char *printed = query_print(query);
    assert_string_equal(printed, wanted);
    free(printed);
    query_free(query);
}

static void refuses(const char *string, const char *part) {
    char *reason = NULL;
    struct query *query = query_structured(string, &reason);
    assert_null(query);
    assert_non_null(reason);
    assert_contains(reason, part);
    free(reason);
}

static void simple_with(unsigned operators, bool default_or, const char *string, const char *wanted) {
    char *reason = NULL;
    struct query *query = query_simple(string, operators, default_or, &reason);
    assert_non_null(query);
    char *printed = query_print(query);
    assert_string_equal(printed, wanted);
    free(printed);
    query_free(query);
}

static void simple(const char *string, const char *wanted) {
    simple_with(SIMPLE_ALL, false, string, wanted);
}

static void structured_forms(void **state) {
    (void)state;
    structured("matchall", "matchall");
    structured(" 'star wars' ", "(term 'star wars')");
    structured("title:'star'", "(term field=title 'star')");
    structured("year:2013", "(term field=year '2013')");
    structured("(and title:'a' (not genres:'b') (or 'c' 'd'))",
               "(and (term field=title 'a') (not (term field=genres 'b')) (or (term 'c') (term 'd')))");
    structured("(term field=title boost=2 'a')", "(term field=title boost=2 'a')");
    structured("(phrase field=title 'a b')", "(phrase field=title 'a b')");
    structured("(prefix field=title 'a')", "(prefix field=title 'a')");
    structured("title:'it\\'s \\\\'", "(term field=title 'it\\'s \\\\')");
}

static void ranges(void **state) {
    (void)state;
    structured("year:[2000,2010]", "(range field=year ['2000','2010'])");
    structured("(range field=year {2000,})", "(range field=year {'2000',})");
    structured("year:{,2010]", "(range field=year {,'2010'])");
    structured("_id:['a','b'}", "(range field=_id ['a','b'})");
}

static void wrong_queries_name_what_is_wrong(void **state) {
    (void)state;
    refuses("", "value in single quotes");
    refuses("title:'star", "value in single quotes");
    refuses("(and)", "without an expression");
    refuses("(not 'a' 'b')", "not takes one");
    refuses("(nand 'a')", "unknown operator");
    refuses("(near field=title distance=2 'a b')", "does not serve near");
    refuses("(term field=title weight=2 'a')", "unknown or wrong option");
    refuses("(term field=title boost=0 'a')", "unknown or wrong option");
    refuses("year:[,2010]", "without a bound must be open");
    refuses("year:{,}", "without a bound must be open");
    refuses("year:[1 2]", "comma");
    refuses("'a' 'b'", "nothing more");
    refuses("(phrase field=year [1,2])", "takes no range");
}

/* `open` times "(not ", then a term. */
static char *nested(size_t open) {
    struct text text = {0};
    for (size_t i = 0; i < open; i++)
        text_add(&text, "(not ");
    text_add(&text, "'a'");
    for (size_t i = 0; i < open; i++)
        text_add(&text, ")");
    return text_take(&text);
}

static void depth_and_clauses_are_bounded(void **state) {
    (void)state;
    char *reason = NULL;
    char *deep = nested(QUERY_DEPTH - 1);
    struct query *query = query_structured(deep, &reason);
    assert_non_null(query);
    query_free(query);
    free(deep);
    deep = nested(QUERY_DEPTH);
    refuses(deep, "too many clauses");
    free(deep);
    struct text many = {0};
    text_add(&many, "(or");
    for (size_t i = 0; i < QUERY_CLAUSES - 1; i++)
        text_add(&many, " 'a'");
    char *fits = xasprintf("%s)", text_string(&many));
    query = query_structured(fits, &reason);
    assert_non_null(query);
    query_free(query);
    free(fits);
    text_add(&many, " 'a')");
    refuses(text_string(&many), "too many clauses");
    text_free(&many);
}

static void simple_forms(void **state) {
    (void)state;
    simple("star", "(term 'star')");
    simple("star wars", "(and (term 'star') (term 'wars'))");
    simple("star | wars", "(or (term 'star') (term 'wars'))");
    simple("star -wars", "(and (not (term 'wars')) (term 'star'))");
    simple("+star wars", "(and (term 'star') (term 'wars'))");
    simple("\"star wars\" tre*", "(and (phrase 'star wars') (prefix 'tre'))");
    simple("(a | b) c", "(and (or (term 'a') (term 'b')) (term 'c'))");
    simple("a\\-b \\\"c", "(and (term 'a-b') (term '\"c'))");
    simple("mid-word", "(term 'mid-word')");
    simple("  ", "(term '')");
    simple("(a", "(term 'a')");
    simple("a)", "(term 'a')");
}

static void simple_options(void **state) {
    (void)state;
    simple_with(SIMPLE_ALL, true, "a b", "(or (term 'a') (term 'b'))");
    simple_with(SIMPLE_ALL, true, "+a b", "(term 'a')");
    simple_with(SIMPLE_ALL, true, "a b -c", "(and (not (term 'c')) (or (term 'a') (term 'b')))");
    simple_with(SIMPLE_ALL & ~(unsigned)SIMPLE_PREFIX, false, "a*", "(term 'a*')");
    simple_with(SIMPLE_ALL & ~(unsigned)SIMPLE_NOT, false, "-a", "(term '-a')");
    simple_with(SIMPLE_ALL & ~(unsigned)SIMPLE_OR, false, "a|b", "(term 'a|b')");
}

static void simple_refuses_what_it_does_not_serve(void **state) {
    (void)state;
    static const char *const strings[] = {"\"a b\"~3", "star~2"};
    for (size_t i = 0; i < LENGTH_OF(strings); i++) {
        char *reason = NULL;
        assert_null(query_simple(strings[i], SIMPLE_ALL, false, &reason));
        assert_contains(reason, "does not serve");
        free(reason);
    }
}

static void relaxed_json(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"{defaultOperator:'or',fields:['title^5','b']}",
         "{\"defaultOperator\":\"or\",\"fields\":[\"title^5\",\"b\"]}"},
        {"{\"size\": 3, sort : \"count\"}", "{\"size\":3,\"sort\":\"count\"}"},
        {"{a:'it\\'s \"x\"'}", "{\"a\":\"it's \\\"x\\\"\"}"},
        {"{a:true}", "{\"a\":true}"},
    };
    for (size_t i = 0; i < LENGTH_OF(pairs); i++) {
        json_t *value = relaxed_parse(pairs[i][0]);
        assert_non_null(value);
        char *dumped = json_dumps(value, JSON_COMPACT);
        assert_string_equal(dumped, pairs[i][1]);
        free(dumped);
        json_decref(value);
    }
    assert_null(relaxed_parse("{a:'b'"));
    assert_null(relaxed_parse("{a:b}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(structured_forms),
        cmocka_unit_test(ranges),
        cmocka_unit_test(wrong_queries_name_what_is_wrong),
        cmocka_unit_test(depth_and_clauses_are_bounded),
        cmocka_unit_test(simple_forms),
        cmocka_unit_test(simple_options),
        cmocka_unit_test(simple_refuses_what_it_does_not_serve),
        cmocka_unit_test(relaxed_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
