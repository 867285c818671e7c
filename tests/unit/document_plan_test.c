/* The plan of documents: ids, names of fields, types and rules, and what is said about wrong ones. */
#include "../../jobs/push-lancers/document.h"
#include "support.h"

static const struct document_rules default_rules = {.origin = "[push-lancers]", .document_id = "lancer_{id}"};

static void document_ids(void **state) {
    (void)state;
    static const struct {
        const char *template, *key;
        bool any;
        const char *id; /* NULL: a bad row */
    } cases[] = {
        {"lancer_{id}", "7", false, "lancer_7"},
        {"{id}", "abc_9", false, "abc_9"},
        {"{id}", "_x", false, NULL},
        {"{id}", "Abc", false, NULL},
        {"{id}", "Abc-#;:/?@&=", true, "Abc-#;:/?@&="},
        {"{id}", "a b", true, NULL},
        {"{id}", "a\"b", true, NULL},
        {"{id}", "\xE3\x81\x82", true, NULL},
        {"{id}", "", false, NULL},
        {"x{id}y", "", false, "xy"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        const struct document_rules rules = {.origin = "o", .document_id = cases[i].template, .any_id = cases[i].any};
        const struct document_column columns[] = {{.name = "id", .kind = COLUMN_TEXT},
                                                  {.name = "value", .kind = COLUMN_TEXT}};
        struct document_plan *plan = NULL;
        struct rowkey key;
        struct rowkey again;
        struct text id = {0};
        assert_int_equal(document_plan_make(&rules, columns, 2, NULL, 0, &plan), 0);
        assert_null(rowkey_set(&key, document_key_kind(plan), cases[i].key, strlen(cases[i].key)));
        assert_int_equal(document_id(plan, key.bytes, key.length, &id) == NULL, cases[i].id != NULL);
        assert_string_equal(text_string(&id), cases[i].id != NULL ? cases[i].id : "");
        struct text delete = {0};
        assert_int_equal(document_delete(plan, key.bytes, key.length, &delete), cases[i].id != NULL);
        if (cases[i].id != NULL) {
            assert_contains(text_string(&delete), cases[i].id);
            assert_true(document_id_key(plan, id.data, id.length, &again));
            assert_int_equal(rowkey_compare(key.bytes, key.length, again.bytes, again.length), 0);
        }
        text_free(&delete);
        text_free(&id);
        document_plan_free(plan);
    }
}

static void document_ids_have_128_characters(void **state) {
    (void)state;
    const struct document_rules rules = {.origin = "o", .document_id = "{id}"};
    const struct document_column columns[] = {{.name = "id", .kind = COLUMN_TEXT},
                                              {.name = "value", .kind = COLUMN_TEXT}};
    struct document_plan *plan = NULL;
    assert_int_equal(document_plan_make(&rules, columns, 2, NULL, 0, &plan), 0);
    for (size_t length = 127; length <= 130; length++) {
        char *id = xasprintf("%0*d", (int)length, 0);
        const struct field row[] = {{id, length}, {"x", 1}};
        struct text out = {0};
        struct document_counts counts = {0};
        struct document_fault fault;
        assert_int_equal(document_add(plan, row, &out, &counts, &fault), length <= 128);
        if (length > 128)
            assert_contains(fault.reason, "more than 128 characters");
        text_free(&out);
        free(id);
    }
    const struct field null_key[] = {{NULL, 0}, {"x", 1}};
    struct text out = {0};
    struct document_counts counts = {0};
    struct document_fault fault;
    assert_false(document_add(plan, null_key, &out, &counts, &fault));
    assert_string_equal(fault.field, "id");
    assert_string_equal(fault.reason, "is NULL");
    text_free(&out);
    document_plan_free(plan);
}

static void ids_of_others_are_not_taken_for_ours(void **state) {
    (void)state;
    const struct document_column columns[] = {{.name = "id", .kind = COLUMN_INTEGER},
                                              {.name = "value", .kind = COLUMN_TEXT}};
    struct document_plan *plan = NULL;
    assert_int_equal(document_plan_make(&default_rules, columns, 2, NULL, 0, &plan), 0);
    static const char *const foreign[] = {
        "",       "lancer_",   "lancer_x", "lancer_07", "lancer_+7", "lancer_-7", "lancer_18446744073709551616",
        "work_7", "lancer_7 ", "lancer"};
    struct rowkey key;
    for (size_t i = 0; i < LENGTH_OF(foreign); i++)
        assert_false(document_id_key(plan, foreign[i], strlen(foreign[i]), &key));
    assert_true(document_id_key(plan, "lancer_18446744073709551615", 27, &key));
    document_plan_free(plan);
}

/* Each wrong plan, and what its message says. */
static void wrong_plans_are_told_at_once(void **state) {
    (void)state;
    static const struct {
        const char *document_id, *name;
        enum column_kind kind;
        const char *field, *rule, *message;
    } cases[] = {
        {"lancer_{id}", "ok2", COLUMN_TEXT, NULL, NULL, NULL},
        {"lancer_{id}", "ok", COLUMN_TEXT, NULL, NULL, "\"ok\": the name is not 3 to 64 characters long"},
        {"lancer_{id}", "Big", COLUMN_TEXT, NULL, NULL, "is not [a-z][a-z0-9_]*"},
        {"lancer_{id}", "1ab", COLUMN_TEXT, NULL, NULL, "is not [a-z][a-z0-9_]*"},
        {"lancer_{id}", "_id", COLUMN_TEXT, NULL, NULL, "is not [a-z][a-z0-9_]*"},
        {"lancer_{id}", "a-b", COLUMN_TEXT, NULL, NULL, "is not [a-z][a-z0-9_]*"},
        {"lancer_{id}", "score", COLUMN_TEXT, NULL, NULL, "is reserved"},
        {"lancer_{id}", "blob", COLUMN_BYTES, NULL, NULL, "holds bytes"},
        {"lancer_{id}", "blob", COLUMN_BYTES, "blob", "text", NULL},
        {"lancer_{id}", "blob", COLUMN_BYTES, "blob", "skip", "1 to 200 fields, not 0"},
        {"lancer_{id}", "name", COLUMN_TEXT, "nmae", "text", "field.nmae: the query has no column"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "string", "\"string\" is no type"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "latlon-array split ,", "is no type"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "text-array", "an array needs \"split\""},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "text split ,", "\"split ,\" does not belong there"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "text zone UTC", "does not belong there"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "int empty keep", "does not belong there"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "text empty never", "does not belong there"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "text empty", "\"empty\" lacks a word"},
        {"lancer_{id}", "name", COLUMN_TEXT, "name", "", "\"\" is no type"},
        {"lancer_{id}", "name", COLUMN_TIME, "name", "date zone Asia/Tokio", "\"Asia/Tokio\" is unknown"},
        {"lancer_{id}", "id", COLUMN_TEXT, NULL, NULL, "field \"id\": the name is not 3 to 64"},
        {"lancer", "name", COLUMN_TEXT, NULL, NULL, "needs exactly one {column}"},
        {"{id}{name}", "name", COLUMN_TEXT, NULL, NULL, "needs exactly one {column}"},
        {"x_{key}", "name", COLUMN_TEXT, NULL, NULL, "no column \"key\""},
        {"Lancer_{id}", "name", COLUMN_TEXT, NULL, NULL, "a character that is not allowed"},
        {"a-{id}", "name", COLUMN_TEXT, NULL, NULL, "a character that is not allowed"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        const struct document_rules rules = {.origin = "[push-lancers]", .document_id = cases[i].document_id};
        const struct document_column columns[] = {{.name = "id", .kind = COLUMN_INTEGER},
                                                  {.name = cases[i].name, .kind = cases[i].kind}};
        const struct document_override override = {cases[i].field, cases[i].rule};
        struct document_plan *plan = NULL;
        struct capture capture = capture_start();
        int status = document_plan_make(&rules, columns, 2, &override, cases[i].field != NULL, &plan);
        char *log = capture_end(&capture);
        assert_int_equal(status, cases[i].message != NULL ? EXIT_SETTINGS : 0);
        if (cases[i].message != NULL)
            assert_contains(log, cases[i].message);
        else
            assert_string_equal(log, "");
        document_plan_free(plan);
        free(log);
    }
}

static void fields_number_200_and_have_different_names(void **state) {
    (void)state;
    struct document_column columns[202] = {{.name = "id", .kind = COLUMN_INTEGER}};
    static char names[LENGTH_OF(columns)][16];
    for (size_t i = 1; i < LENGTH_OF(columns); i++) {
        snprintf(names[i], sizeof names[i], "field_%zu", i);
        columns[i] = (struct document_column){.name = names[i], .kind = COLUMN_TEXT};
    }
    struct document_plan *plan = NULL;
    assert_int_equal(document_plan_make(&default_rules, columns, 201, NULL, 0, &plan), 0);
    document_plan_free(plan);
    struct capture capture = capture_start();
    int status = document_plan_make(&default_rules, columns, 202, NULL, 0, &plan);
    columns[3].name = columns[7].name;
    int twice = document_plan_make(&default_rules, columns, 10, NULL, 0, &plan);
    char *log = capture_end(&capture);
    assert_int_equal(status, EXIT_SETTINGS);
    assert_int_equal(twice, EXIT_SETTINGS);
    assert_contains(log, "not 201");
    assert_contains(log, "two columns are named \"field_7\"");
    free(log);
}

static void defaults_of_zones(void **state) {
    (void)state;
    struct document_rules rules = default_rules;
    rules.zone = "Asia/Tokyo";
    const struct document_column columns[] = {{.name = "id", .kind = COLUMN_INTEGER},
                                              {.name = "local", .kind = COLUMN_TIME},
                                              {.name = "stamp", .kind = COLUMN_TIME, .utc = true},
                                              {.name = "other", .kind = COLUMN_TIME}};
    const struct document_override override = {"other", "date zone UTC"};
    const struct field row[] = {{"7", 1}, {"2026-01-02 00:00:00", 19}, {"2026-01-02 00:00:00", 19}, {"2026-01-02", 10}};
    struct document_plan *plan = NULL;
    struct text out = {0};
    struct document_counts counts = {0};
    struct document_fault fault;
    assert_int_equal(document_plan_make(&rules, columns, 4, &override, 1, &plan), 0);
    assert_true(document_add(plan, row, &out, &counts, &fault));
    assert_string_equal(text_string(&out),
                        "{\"type\":\"add\",\"id\":\"lancer_7\",\"fields\":{\"local\":\"2026-01-01T15:00:00Z\","
                        "\"other\":\"2026-01-02T00:00:00Z\",\"stamp\":\"2026-01-02T00:00:00Z\"}}");
    text_free(&out);
    document_plan_free(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(document_ids),
        cmocka_unit_test(document_ids_have_128_characters),
        cmocka_unit_test(ids_of_others_are_not_taken_for_ours),
        cmocka_unit_test(wrong_plans_are_told_at_once),
        cmocka_unit_test(fields_number_200_and_have_different_names),
        cmocka_unit_test(defaults_of_zones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
