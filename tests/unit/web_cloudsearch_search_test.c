/* Searching, fetching by id, and the walk over all ids. */
#include "web_cloudsearch.h"

#include "nightshift/web/cloudsearch_search.h"
#include "sigv4.h"

#define ANSWER(found, cursor, hits)                                                                                    \
    "{\"status\":{\"rid\":\"r\",\"timems\":3},\"hits\":{\"found\":" found ",\"start\":0" cursor ",\"hit\":[" hits "]}" \
    "}"

static struct cloudsearch_hits hits;

static int leave(void **state) {
    cloudsearch_hits_free(&hits);
    return domain_leave(state);
}

static int fetch(const struct web_reply *replies, size_t count, const char *const *ids, size_t id_count) {
    domain_serve(replies, count);
    int status = cloudsearch_fetch(domain.client, ids, id_count, &hits);
    domain_end();
    return status;
}

static void documents_are_fetched_by_id(void **state) {
    (void)state;
    static const struct web_reply reply = {
        .status = 200,
        .body = ANSWER("2", "",
                       "{\"id\":\"a\",\"fields\":{\"name\":[\"山\"],\"skills\":[\"c\",\"sql\"]}},"
                       "{\"id\":\"it's\",\"fields\":{\"name\":\"single\",\"year\":\"2026\"}}")};
    static const char *const ids[] = {"a", "it's", "b\\c"};
    assert_int_equal(fetch(&reply, 1, ids, 3), 0);
    assert_int_equal(hits.found, 2);
    assert_int_equal(hits.count, 2);
    assert_string_equal(hits.hits[0].id, "a");
    json_t *skills = json_object_get(hits.hits[0].fields, "skills");
    assert_int_equal(json_array_size(skills), 2);
    assert_string_equal(json_string_value(json_array_get(skills, 1)), "sql");
    /* Single values become arrays of one. */
    assert_string_equal(json_string_value(json_array_get(json_object_get(hits.hits[1].fields, "name"), 0)), "single");
    assert_string_equal(json_string_value(json_array_get(json_object_get(hits.hits[1].fields, "year"), 0)), "2026");
    assert_null(hits.cursor);
    const struct text *raw = &domain.server.requests[0];
    assert_memory_equal(text_string(raw), "POST /2013-01-01/search HTTP/1.1\r\n", 34);
    assert_contains(text_string(raw), "\r\nContent-Type: application/x-www-form-urlencoded\r\n");
    assert_string_equal(web_body(&domain.server, 0),
                        "q=%28or%20_id%3A%27a%27%20_id%3A%27it%5C%27s%27%20_id%3A%27b%5C%5Cc%27%29&q.parser=structured&"
                        "size=3&return=_all_fields&format=sdk");
    assert_null(
        sigv4_check(raw->data, raw->length, DOMAIN_ACCESS_KEY, DOMAIN_SECRET_KEY, "ap-northeast-1", "cloudsearch"));
    const char *many[CLOUDSEARCH_FETCH_MOST + 1];
    for (size_t i = 0; i < LENGTH_OF(many); i++)
        many[i] = "x";
    assert_int_equal(fetch(&reply, 1, many, LENGTH_OF(many)), EXIT_BUG);
    assert_int_equal(fetch(&reply, 1, many, 0), EXIT_BUG);
}

static void what_is_no_answer_is_asked_for_again(void **state) {
    (void)state;
    static const char *const bodies[] = {
        "",
        "<html>",
        "{}",
        "[]",
        "{\"hits\":[]}",
        "{\"hits\":{\"found\":1}}",
        "{\"hits\":{\"found\":\"1\",\"hit\":[]}}",
        "{\"hits\":{\"found\":-1,\"hit\":[]}}",
        "{\"hits\":{\"found\":1,\"hit\":{}}}",
        "{\"hits\":{\"found\":1,\"hit\":[{}]}}",
        "{\"hits\":{\"found\":1,\"hit\":[{\"id\":7}]}}",
        "{\"hits\":{\"found\":1,\"hit\":[\"a\"]}}",
        "{\"hits\":{\"found\":1,\"hit\":[{\"id\":\"a\",\"fields\":[]}]}}",
        "{\"status\":\"success\",\"adds\":1,\"deletes\":0}",
    };
    static const char *const ids[] = {"a"};
    for (size_t i = 0; i < LENGTH_OF(bodies); i++) {
        const struct web_reply replies[] = {{.status = 200, .body = bodies[i]},
                                            {.status = 200, .body = ANSWER("0", "", "")}};
        int status = fetch(replies, 2, ids, 1);
        if (status != 0 || domain.server.count != 2)
            web_fail("%s: %d after %zu", bodies[i], status, domain.server.count);
        status = fetch(replies, 1, ids, 1);
        if (status != EXIT_UNAVAILABLE || domain.server.count != 3 || hits.document != NULL)
            web_fail("%s for ever: %d after %zu", bodies[i], status, domain.server.count);
    }
}

static void answers_cut_anywhere_are_asked_for_again(void **state) {
    (void)state;
    static const char *const ids[] = {"a"};
    static const char body[] = ANSWER("1", "", "{\"id\":\"a\",\"fields\":{\"n\":[\"v\"]}}");
    struct web_reply replies[2] = {{.status = 200, .body = body}, {.status = 200, .body = body}};
    size_t whole = strlen("HTTP/1.1 200 Told\r\nConnection: close\r\nContent-Length: 123\r\n\r\n") + strlen(body) - 1;
    for (size_t cut = 1; cut < whole; cut += 7) {
        replies[0].cut = cut;
        assert_int_equal(fetch(replies, 2, ids, 1), 0);
        if (domain.server.count != 2 || hits.count != 1)
            web_fail("cut at %zu: %zu requests", cut, domain.server.count);
    }
}

static void errors_of_searches_have_codes(void **state) {
    (void)state;
    static const struct {
        struct web_reply reply;
        int status;
        const char *reason;
    } cases[] = {
        {{.status = 400,
          .body =
              "{\"error\":{\"rid\":\"x\"},\"message\":\"Syntax error in query: field (f) does not exist.\",\"__type\":"
              "\"#SearchException\"}"},
         EXIT_BUG,
         "SearchException: Syntax error in query"},
        {{.status = 403, .body = "{\"__type\":\"#AccessDenied\",\"message\":\"no\"}"}, EXIT_DENIED, "AccessDenied: no"},
        {{.status = 404}, EXIT_SETTINGS, "cannot search in "},
        {{.status = 413}, EXIT_BUG, "status 413"},
    };
    static const char *const ids[] = {"a"};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        int status = fetch(&cases[i].reply, 1, ids, 1);
        if (status != cases[i].status || strstr(domain.said, cases[i].reason) == NULL)
            web_fail("case %zu: %d, %s", i, status, domain.said);
    }
}

static void documents_are_counted(void **state) {
    (void)state;
    static const struct web_reply reply = {.status = 200, .body = ANSWER("1234567", "", "")};
    int64_t count = 0;
    domain_serve(&reply, 1);
    int status = cloudsearch_count(domain.client, &count);
    domain_end();
    assert_int_equal(status, 0);
    assert_int_equal(count, 1234567);
    assert_string_equal(web_body(&domain.server, 0),
                        "q=matchall&q.parser=structured&size=0&return=_no_fields&format=sdk");
}

/* --- The walk --- */

/* Walks to the end: the ids, joined by spaces, or NULL on failure. */
static char *walk(const struct web_reply *replies, size_t count, const char *from, const char *below, int *status) {
    struct text all = {0};
    const struct strings *ids = NULL;
    domain_serve(replies, count);
    struct cloudsearch_walk *walking = cloudsearch_walk_new(domain.client, from, below);
    while ((*status = cloudsearch_walk_next(walking, &ids)) == 0 && ids->count > 0)
        for (size_t i = 0; i < ids->count; i++)
            text_printf(&all, "%s%s", all.length > 0 ? " " : "", ids->items[i]);
    text_printf(&all, " (%lld of %lld)", (long long)cloudsearch_walk_seen(walking),
                (long long)cloudsearch_walk_found(walking));
    if (*status == 0) { /* and once more: nothing is asked after the end */
        size_t asked = domain.server.count;
        *status = cloudsearch_walk_next(walking, &ids);
        assert_int_equal(ids->count, 0);
        assert_int_equal(domain.server.count, asked);
    }
    cloudsearch_walk_free(walking);
    domain_end();
    return text_take(&all);
}

#define HIT(id) "{\"id\":\"" id "\"}"

/* A cursor comes with every page, the last one too: only an empty page ends it. */
static void all_ids_are_walked_in_order(void **state) {
    (void)state;
    static const struct web_reply replies[] = {
        {.status = 200, .body = ANSWER("3", ",\"cursor\":\"VegKz/+=\"", HIT("a") "," HIT("b"))},
        {.status = 200, .body = ANSWER("3", ",\"cursor\":\"two\"", HIT("c"))},
        {.status = 200, .body = ANSWER("3", ",\"cursor\":\"two\"", "")}};
    int status = -1;
    char *ids = walk(replies, 3, NULL, NULL, &status);
    assert_int_equal(status, 0);
    assert_string_equal(ids, "a b c (3 of 3)");
    assert_int_equal(domain.server.count, 3);
    assert_string_equal(web_body(&domain.server, 0),
                        "q=matchall&q.parser=structured&return=_no_fields&sort=_id%20asc&size=10000&cursor=initial&"
                        "format=sdk");
    assert_contains(web_body(&domain.server, 1), "&cursor=VegKz%2F%2B%3D&");
    assert_contains(web_body(&domain.server, 2), "&cursor=two&");
    free(ids);
    ids = walk(&replies[2], 1, "it's", "x", &status);
    assert_int_equal(status, 0);
    assert_string_equal(ids, " (0 of 3)");
    assert_contains(web_body(&domain.server, 0), "&fq=_id%3A%5B%27it%5C%27s%27%2C%27x%27%7D&");
    free(ids);
    free(walk(&replies[2], 1, NULL, "x", &status));
    assert_contains(web_body(&domain.server, 0), "&fq=_id%3A%7B%2C%27x%27%7D&");
    free(walk(&replies[2], 1, "a", NULL, &status));
    assert_contains(web_body(&domain.server, 0), "&fq=_id%3A%5B%27a%27%2C%7D&");
}

static void pages_shrink_when_the_service_fails(void **state) {
    (void)state;
    static const struct web_reply replies[] = {{.status = 504},
                                               {.status = 507},
                                               {.status = 200, .body = ANSWER("1", ",\"cursor\":\"one\"", HIT("a"))},
                                               {.status = 200, .body = "<html>"}, /* not busy: as it was */
                                               {.status = 503},
                                               {.status = 503},
                                               {.status = 503},
                                               {.status = 503},
                                               {.status = 503},
                                               {.status = 503},
                                               {.status = 200, .body = ANSWER("1", ",\"cursor\":\"two\"", "")}};
    static const char *const sizes[] = {"10000", "5000", "2500", "2500", "2500", "1250",
                                        "625",   "312",  "156",  "100",  "100"};
    int status = -1;
    char *ids = walk(replies, LENGTH_OF(replies), NULL, NULL, &status);
    assert_int_equal(status, 0);
    assert_string_equal(ids, "a (1 of 1)");
    assert_int_equal(domain.server.count, LENGTH_OF(sizes));
    for (size_t i = 0; i < LENGTH_OF(sizes); i++) {
        char *part = xasprintf("&size=%s&cursor=%s&", sizes[i], i < 3 ? "initial" : "one");
        assert_contains(web_body(&domain.server, i), part);
        free(part);
    }
    free(ids);
}

/* From such answers, nothing may be concluded about an id that did not come. */
static void walks_that_cannot_be_trusted_end(void **state) {
    (void)state;
    static const struct {
        const char *hits, *reason;
    } cases[] = {
        {HIT("b") "," HIT("b"), "came twice"},
        {HIT("c") "," HIT("b"), "came out of order"},
        {HIT("z"), "came twice"}, /* a cursor that does not move: the same page again */
        {HIT("0"), "lies outside"},
        {HIT("~"), "lies outside"},
        {HIT(""), "is no document's id"},
    };
    int status = -1;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *body = xasprintf(ANSWER("2", ",\"cursor\":\"same\"", "%s"), cases[i].hits);
        const struct web_reply reply = {.status = 200, .body = body};
        char *ids = walk(&reply, 1, "1", "~", &status);
        if (status != EXIT_UNAVAILABLE || strstr(domain.said, cases[i].reason) == NULL)
            web_fail("case %zu: %d, %s", i, status, domain.said);
        free(ids);
        free(body);
    }
    static const struct web_reply no_cursor = {.status = 200, .body = ANSWER("2", "", HIT("a"))};
    free(walk(&no_cursor, 1, NULL, NULL, &status));
    assert_int_equal(status, EXIT_UNAVAILABLE);
    assert_int_equal(domain.server.count, 3);
    assert_contains(domain.said, "has no cursor");
}

static void answers_are_bounded(void **state) {
    (void)state;
    struct text body = {0};
    while (body.length <= CLOUDSEARCH_IDS_LIMIT)
        text_add(&body, "                                                                                ");
    const struct web_reply reply = {.status = 200, .body = text_string(&body)};
    domain.settings.retry_time = 0;
    int status = -1;
    free(walk(&reply, 1, NULL, NULL, &status));
    assert_int_equal(status, EXIT_UNAVAILABLE);
    assert_contains(domain.said, "the answer is too large");
    text_free(&body);
}

static void an_endpoint_is_needed(void **state) {
    (void)state;
    struct cloudsearch *client = NULL;
    assert_int_equal(cloudsearch_open(&domain.settings, NULL, &client), 0);
    int64_t count = 0;
    domain.capture = capture_start();
    int status = cloudsearch_count(client, &count);
    domain.said = capture_end(&domain.capture);
    cloudsearch_close(client);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_contains(domain.said, "search_endpoint is not set");
}

#define search_test(function) cmocka_unit_test_setup_teardown(function, domain_enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        search_test(documents_are_fetched_by_id),
        search_test(what_is_no_answer_is_asked_for_again),
        search_test(answers_cut_anywhere_are_asked_for_again),
        search_test(errors_of_searches_have_codes),
        search_test(documents_are_counted),
        search_test(all_ids_are_walked_in_order),
        search_test(pages_shrink_when_the_service_fails),
        search_test(walks_that_cannot_be_trusted_end),
        search_test(answers_are_bounded),
        search_test(an_endpoint_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
