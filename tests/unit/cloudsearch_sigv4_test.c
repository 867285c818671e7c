/* Signature Version 4: the worked example of the IAM User Guide, and the canonical forms that clients get wrong. */
#include "../standins/cloudsearch/sigv4.h"
#include "support.h"

static void check_query(const char *query, const char *wanted) {
    struct text text = {0};
    sigv4_canonical_query(&text, query);
    assert_string_equal(text_string(&text), wanted);
    text_free(&text);
}

static void queries_are_sorted_by_name_then_value(void **state) {
    (void)state;
    check_query("", "");
    check_query("q.parser=simple&q=a", "q=a&q.parser=simple");
    check_query("b=2&b=1&a", "a=&b=1&b=2");
    check_query("q=a+b%20c", "q=a%20b%20c");
    check_query("q=%2b%7e%c3%a4'(", "q=%2B~%C3%A4%27%28");
    check_query("q=100%", "q=100%25");
}

static void parse(const char *header, const char *wanted) {
    struct sigv4_parts parts;
    const char *reason = sigv4_parse(header, &parts);
    if (wanted == NULL)
        assert_null(reason);
    else
        assert_string_equal(reason, wanted);
    sigv4_free(&parts);
}

static void headers_that_are_incomplete(void **state) {
    (void)state;
    parse("AWS4-HMAC-SHA256 Credential=K/20130101/us-east-1/cloudsearch/aws4_request, SignedHeaders=host, Signature=ab",
          NULL);
    parse("AWS4-HMAC-SHA256 Credential=K/20130101/us-east-1/cloudsearch/aws4_request,SignedHeaders=host,Signature=ab",
          NULL);
    parse("Basic Zm9v", "Unsupported AWS 'algorithm'");
    parse("AWS4-HMAC-SHA256 SignedHeaders=host, Signature=ab", "Authorization header requires 'Credential' parameter.");
    parse("AWS4-HMAC-SHA256 Credential=K/20130101/us-east-1/aws4_request, SignedHeaders=host, Signature=ab",
          "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term");
    parse("AWS4-HMAC-SHA256 Credential=K/1/r/s/t, Signature=ab",
          "Authorization header requires 'SignedHeaders' parameter.");
    parse("AWS4-HMAC-SHA256 Credential=K/1/r/s/t, SignedHeaders=host",
          "Authorization header requires 'Signature' parameter.");
}

static void signed_headers_are_whole_names(void **state) {
    (void)state;
    assert_true(sigv4_is_signed("host;x-amz-date", "X-Amz-Date"));
    assert_true(sigv4_is_signed("host;x-amz-date", "host"));
    assert_false(sigv4_is_signed("host;x-amz-date", "x-amz"));
    assert_false(sigv4_is_signed("x-host", "host"));
    assert_false(sigv4_is_signed("", "host"));
}

/* "Create a signed AWS API request", IAM User Guide: GET ListUsers of 2015-08-30. */
static void the_example_of_the_guide(void **state) {
    (void)state;
    char query[] = "Action=ListUsers&Version=2010-05-08";
    char method[] = "GET";
    char path[] = "/";
    struct request request = {.method = method, .path = path, .query = query};
    struct sigv4_parts parts;
    struct text canonical = {0};
    struct text to_sign = {0};
    char hash[SIGV4_HEX + 1];
    char signature[SIGV4_HEX + 1];
    pairs_add(&request.headers, "Host", "iam.amazonaws.com");
    pairs_add(&request.headers, "Content-Type", "application/x-www-form-urlencoded;  charset=utf-8 ");
    pairs_add(&request.headers, "X-Amz-Date", "20150830T123600Z");
    assert_null(sigv4_parse("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                            "SignedHeaders=content-type;host;x-amz-date, Signature=-",
                            &parts));
    sigv4_sha256("", 0, hash);
    sigv4_canonical_request(&canonical, &request, parts.signed_headers, hash);
    sigv4_sha256(text_string(&canonical), canonical.length, hash);
    assert_string_equal(hash, "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59");
    sigv4_string_to_sign(&to_sign, &parts, "20150830T123600Z", text_string(&canonical));
    sigv4_sign(&parts, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", text_string(&to_sign), signature);
    assert_string_equal(signature, "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
    sigv4_free(&parts);
    text_free(&canonical);
    text_free(&to_sign);
    pairs_free(&request.headers);
}

static void repeated_headers_are_joined(void **state) {
    (void)state;
    char method[] = "POST";
    char path[] = "/a b/%41";
    char query[] = "";
    struct request request = {.method = method, .path = path, .query = query};
    struct text canonical = {0};
    pairs_add(&request.headers, "X-Amz-A", " one ");
    pairs_add(&request.headers, "x-amz-a", "two   three");
    sigv4_canonical_request(&canonical, &request, "x-amz-a", "HASH");
    assert_string_equal(text_string(&canonical), "POST\n/a%20b/%2541\n\nx-amz-a:one,two three\n\nx-amz-a\nHASH");
    text_free(&canonical);
    pairs_free(&request.headers);
}

static void times(void **state) {
    (void)state;
    int64_t time = 0;
    assert_true(sigv4_time("20150830T123600Z", &time));
    assert_int_equal(time, INT64_C(1440938160000));
    assert_false(sigv4_time("20150830T123600", &time));
    assert_false(sigv4_time("2015-08-30T12:36Z", &time));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_sorted_by_name_then_value), cmocka_unit_test(headers_that_are_incomplete),
        cmocka_unit_test(signed_headers_are_whole_names),        cmocka_unit_test(the_example_of_the_guide),
        cmocka_unit_test(repeated_headers_are_joined),           cmocka_unit_test(times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
