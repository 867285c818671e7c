/* What --verify takes, how it compares, and how --check judges index fields. */
#include "../../jobs/push-lancers/compare.h"
#include "../../jobs/push-lancers/mapping.h"
#include "../../jobs/push-lancers/sample.h"
#include "support.h"

static const struct document_column columns[] = {
    {.name = (char[]){"id"}, .kind = COLUMN_INTEGER},   {.name = (char[]){"born"}, .kind = COLUMN_TIME},
    {.name = (char[]){"name"}, .kind = COLUMN_TEXT},    {.name = (char[]){"place"}, .kind = COLUMN_TEXT},
    {.name = (char[]){"rate"}, .kind = COLUMN_NUMBER},  {.name = (char[]){"tags"}, .kind = COLUMN_TEXT},
    {.name = (char[]){"wage"}, .kind = COLUMN_INTEGER},
};

/* In the order of the plan, which is by name. */
enum { BORN, NAME, PLACE, RATE, TAGS, WAGE, FIELDS };

static int enter(void **state) {
    static const struct document_rules rules = {.origin = "o", .document_id = "item_{id}"};
    static const struct document_override overrides[] = {{"place", "latlon"}, {"tags", "literal-array split ,"}};
    struct document_plan *plan = NULL;
    int status = document_plan_make(&rules, columns, LENGTH_OF(columns), overrides, LENGTH_OF(overrides), &plan);
    *state = plan;
    return status;
}

static int leave(void **state) {
    document_plan_free(*state);
    return 0;
}

static uint64_t digest(const struct document_plan *plan, size_t field, const char *json) {
    json_t *value = json_loads(json, JSON_DECODE_ANY, NULL);
    assert_non_null(value);
    uint64_t result = compare_digest(plan, field, value);
    json_decref(value);
    return result;
}

static void a_plan_says_its_fields(void **state) {
    static const char *const expected[][2] = {{"born", "date"},   {"name", "text"},          {"place", "latlon"},
                                              {"rate", "double"}, {"tags", "literal-array"}, {"wage", "int"}};
    assert_int_equal(document_field_count(*state), FIELDS);
    for (size_t i = 0; i < FIELDS; i++) {
        assert_string_equal(document_field_name(*state, i), expected[i][0]);
        assert_string_equal(document_field_type(*state, i), expected[i][1]);
    }
}

static void values_are_compared_by_what_they_mean(void **state) {
    static const struct {
        size_t field;
        const char *sent;
        const char *held;
        bool same;
    } cases[] = {
        {RATE, "\"4.50\"", "[\"4.5\"]", true},
        {RATE, "\"4.50\"", "[4.5]", true},
        {RATE, "\"1e2\"", "[\"100.0\"]", true},
        {RATE, "\"-0\"", "[\"0.0\"]", true},
        {RATE, "\"0.1\"", "[\"0.10000000000000001\"]", true},
        {RATE, "\"0.3\"", "[\"0.30000000000000004\"]", true},
        {RATE, "\"4.50\"", "[\"4.51\"]", false},
        {RATE, "\"4.50\"", "[\"4.5x\"]", false},
        {WAGE, "\"9223372036854775807\"", "[\"9223372036854775807\"]", true},
        {WAGE, "\"9223372036854775807\"", "[\"9223372036854775806\"]", false},
        {WAGE, "\"7\"", "[7]", true},
        {BORN, "\"2026-11-23T03:04:05Z\"", "[\"2026-11-23T03:04:05.000Z\"]", true},
        {BORN, "\"2026-11-23T03:04:05.1Z\"", "[\"2026-11-23T03:04:05.100Z\"]", true},
        {BORN, "\"2026-11-23T03:04:05Z\"", "[\"2026-11-23T03:04:06Z\"]", false},
        {BORN, "\"2026-11-23T03:04:05Z\"", "[\"yesterday\"]", false},
        {PLACE, "\"35.50,139\"", "[\"35.5, 139.0\"]", true},
        {PLACE, "\"35.5,139\"", "[\"35.5,-139\"]", false},
        {PLACE, "\"35.5,139\"", "[\"35.5\"]", false},
        {NAME, "\"4.50\"", "[\"4.5\"]", false},
        {NAME, "\"a\"", "[\"A\"]", false},
        {NAME, "\"\"", "[\"\"]", true},
        {TAGS, "[\"a\",\"b\"]", "[\"b\",\"a\"]", true},
        {TAGS, "[\"a\",\"b\"]", "[\"a\"]", false},
        {TAGS, "[\"a\",\"a\",\"b\"]", "[\"a\",\"b\",\"b\"]", false},
        {TAGS, "[\"a\",\"a\"]", "[\"b\",\"b\"]", false},
        {TAGS, "[\"a\",\"b\"]", "[\"ab\"]", false},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        bool same = digest(*state, cases[i].field, cases[i].sent) == digest(*state, cases[i].field, cases[i].held);
        if (same != cases[i].same)
            print_error("%s and %s\n", cases[i].sent, cases[i].held);
        assert_int_equal(same, cases[i].same);
    }
    assert_int_equal(compare_digest(*state, NAME, NULL), 0);
    assert_int_equal(digest(*state, TAGS, "[]"), 0);
    assert_int_not_equal(digest(*state, NAME, "\"\""), 0);
}

/* --- samples --- */

static void pass(struct sample *sample, int number, const char *fields, bool sent) {
    struct rowkey key;
    struct text json = {0};
    char digits[16];
    int length = snprintf(digits, sizeof digits, "%d", number);
    assert_null(rowkey_set(&key, ROWKEY_INTEGER, digits, (size_t)length));
    text_printf(&json, "{\"type\":\"add\",\"id\":\"item_%d\",\"fields\":%s}", number, fields);
    sample_pass(sample, key.bytes, key.length, &json, sent);
    text_free(&json);
}

static void found(struct sample *sample, const char *id, const char *fields) {
    json_t *object = json_loads(fields, 0, NULL);
    assert_non_null(object);
    sample_found(sample, id, object);
    json_decref(object);
}

static void every_document_is_as_likely(void **state) {
    enum { DOCUMENTS = 40, MOST = 4, ROUNDS = 4000 };
    int taken[DOCUMENTS] = {0};
    for (int round = 0; round < ROUNDS; round++) {
        struct sample sample;
        sample_start(&sample, *state, MOST, (uint64_t)round);
        for (int i = 0; i < DOCUMENTS; i++)
            pass(&sample, i, "{\"name\":\"x\"}", false);
        assert_int_equal(sample.count, MOST);
        for (size_t i = 0; i < sample.count; i++)
            taken[strtol(sample.items[i].id + strlen("item_"), NULL, 10)]++;
        sample_free(&sample);
    }
    /* 400 are expected, with a standard deviation of 19. */
    for (int i = 0; i < DOCUMENTS; i++)
        assert_in_range(taken[i], 300, 500);
}

static void a_small_table_is_taken_whole_and_in_order(void **state) {
    struct sample sample;
    sample_start(&sample, *state, 10, 1);
    pass(&sample, 300, "{\"name\":\"x\"}", true);
    pass(&sample, 20, "{\"name\":\"x\"}", false);
    pass(&sample, 3, "{\"name\":\"x\"}", true);
    sample_sort(&sample);
    assert_int_equal(sample.count, 3);
    assert_string_equal(sample.items[0].id, "item_3");
    assert_string_equal(sample.items[1].id, "item_20");
    assert_string_equal(sample.items[2].id, "item_300");
    assert_true(sample.items[0].sent && !sample.items[1].sent);
    sample_free(&sample);
}

static void documents_are_judged_by_what_the_domain_returns(void **state) {
    struct sample sample;
    struct text names = {0};
    int64_t compared = 0;
    sample_start(&sample, *state, 10, 1);
    pass(&sample, 1, "{\"name\":\"Ann\",\"rate\":\"4.50\",\"tags\":[\"a\"]}", true);
    pass(&sample, 2, "{\"name\":\"Bob\",\"wage\":\"7\",\"tags\":[\"a\"]}", true);
    pass(&sample, 3, "{\"name\":\"Cid\"}", true);
    assert_int_equal(sample_judge(&sample, &sample.items[0], NULL, NULL), SAMPLE_MISSING);
    /* A default of the domain (wage), and tags, which it does not return. */
    found(&sample, "item_1", "{\"name\":[\"Ann\"],\"rate\":[\"4.5\"],\"wage\":[\"0\"]}");
    found(&sample, "item_2", "{\"name\":[\"Rob\"]}");
    found(&sample, "somebody_else", "{\"tags\":[\"a\"]}");
    assert_int_equal(sample_judge(&sample, &sample.items[0], &compared, &names), SAMPLE_AS_SENT);
    assert_int_equal(compared, 2);
    assert_int_equal(sample_judge(&sample, &sample.items[1], &compared, &names), SAMPLE_DIFFERENT);
    assert_string_equal(text_string(&names), "name, wage");
    assert_int_equal(compared, 4);
    assert_int_equal(sample_judge(&sample, &sample.items[2], &compared, &names), SAMPLE_MISSING);
    text_clear(&names);
    sample_add_unreturned(&sample, &names);
    assert_string_equal(text_string(&names), "tags");
    /* Once a field has been seen, its absence elsewhere counts. */
    found(&sample, "item_2", "{\"name\":[\"Bob\"],\"wage\":[\"7\"],\"tags\":[\"a\"]}");
    assert_int_equal(sample_judge(&sample, &sample.items[1], NULL, NULL), SAMPLE_AS_SENT);
    assert_int_equal(sample_judge(&sample, &sample.items[0], NULL, NULL), SAMPLE_DIFFERENT);
    text_free(&names);
    sample_free(&sample);
}

/* --- index fields --- */

static void index_fields_must_take_our_values(void **state) {
    static const struct {
        size_t field;
        enum cloudsearch_type type;
        bool array;
        enum mapping_fit fit;
    } cases[] = {
        {WAGE, CLOUDSEARCH_INT, false, MAPPING_FITS},       {WAGE, CLOUDSEARCH_DOUBLE, false, MAPPING_FITS},
        {WAGE, CLOUDSEARCH_LITERAL, false, MAPPING_FITS},   {WAGE, CLOUDSEARCH_TEXT, true, MAPPING_FITS},
        {WAGE, CLOUDSEARCH_DATE, false, MAPPING_WRONG},     {RATE, CLOUDSEARCH_INT, false, MAPPING_WRONG},
        {RATE, CLOUDSEARCH_DOUBLE, true, MAPPING_FITS},     {NAME, CLOUDSEARCH_TEXT, false, MAPPING_FITS},
        {NAME, CLOUDSEARCH_LITERAL, false, MAPPING_MOSTLY}, {NAME, CLOUDSEARCH_INT, false, MAPPING_WRONG},
        {NAME, CLOUDSEARCH_LATLON, false, MAPPING_WRONG},   {PLACE, CLOUDSEARCH_LATLON, false, MAPPING_FITS},
        {PLACE, CLOUDSEARCH_DOUBLE, false, MAPPING_WRONG},  {BORN, CLOUDSEARCH_DATE, false, MAPPING_FITS},
        {BORN, CLOUDSEARCH_INT, false, MAPPING_WRONG},      {TAGS, CLOUDSEARCH_LITERAL, true, MAPPING_FITS},
        {TAGS, CLOUDSEARCH_TEXT, true, MAPPING_FITS},       {TAGS, CLOUDSEARCH_LITERAL, false, MAPPING_WRONG},
        {TAGS, CLOUDSEARCH_TEXT, false, MAPPING_WRONG},     {TAGS, CLOUDSEARCH_INT, true, MAPPING_WRONG},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *name = xstrdup(document_field_name(*state, cases[i].field));
        struct cloudsearch_field item = {.name = name, .type = cases[i].type, .array = cases[i].array};
        const struct cloudsearch_fields fields = {.items = &item, .count = 1};
        const struct cloudsearch_field *field = NULL;
        assert_int_equal(mapping_judge(*state, cases[i].field, &fields, &field), cases[i].fit);
        assert_ptr_equal(field, &item);
        free(name);
    }
}

static void dynamic_fields_count_and_missing_ones_do_not(void **state) {
    char pattern[] = "na*";
    struct cloudsearch_field item = {.name = pattern, .type = CLOUDSEARCH_TEXT};
    const struct cloudsearch_fields fields = {.items = &item, .count = 1};
    const struct cloudsearch_field *field = NULL;
    assert_int_equal(mapping_judge(*state, NAME, &fields, &field), MAPPING_FITS);
    assert_int_equal(mapping_judge(*state, WAGE, &fields, &field), MAPPING_MISSING);
    assert_null(field);
}

#define planned(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        planned(a_plan_says_its_fields),
        planned(values_are_compared_by_what_they_mean),
        planned(every_document_is_as_likely),
        planned(a_small_table_is_taken_whole_and_in_order),
        planned(documents_are_judged_by_what_the_domain_returns),
        planned(index_fields_must_take_our_values),
        planned(dynamic_fields_count_and_missing_ones_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
