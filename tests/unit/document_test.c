/* Every rule of CloudSearch's batches, at its limit and just beyond. */
#include <jansson.h>

#include "nightshift/base/utf8.h"
#include "../../jobs/push-lancers/document.h"
#include "support.h"

static const struct document_rules default_rules = {.origin = "[push-lancers]", .document_id = "lancer_{id}"};

static int make(const struct document_rules *rules, const struct document_column *columns, size_t count,
                const struct document_override *overrides, size_t override_count, struct document_plan **plan) {
    return document_plan_make(rules, columns, count, overrides, override_count, plan);
}

/* The plan of the columns id and "value". */
static struct document_plan *plan_of(const struct document_rules *rules, enum column_kind kind, const char *rule) {
    const struct document_column columns[] = {{.name = "id", .kind = COLUMN_INTEGER}, {.name = "value", .kind = kind}};
    const struct document_override override = {"value", rule};
    struct document_plan *plan = NULL;
    assert_int_equal(make(rules, columns, 2, &override, rule != NULL, &plan), 0);
    return plan;
}

/* The fields of the document of (7, value), or "reason" of a bad row; freed by the caller. */
static char *encode_bytes(const struct document_plan *plan, const char *value, size_t length,
                          struct document_counts *counts) {
    static const char start[] = "before{\"type\":\"add\",\"id\":\"lancer_7\",\"fields\":";
    const struct field row[] = {{"7", 1}, {value, length}};
    struct document_fault fault;
    struct text out = {0};
    text_add(&out, "before");
    if (!document_add(plan, row, &out, counts, &fault)) {
        assert_string_equal(text_string(&out), "before");
        assert_non_null(fault.field);
        text_free(&out);
        return xasprintf("%s %s", fault.field, fault.reason);
    }
    assert_int_equal(strncmp(out.data, start, strlen(start)), 0);
    assert_int_equal(out.data[out.length - 1], '}');
    json_t *parsed = json_loadb(out.data + 6, out.length - 6, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(parsed);
    json_decref(parsed);
    char *fields = xstrndup(out.data + strlen(start), out.length - strlen(start) - 1);
    text_free(&out);
    return fields;
}

static void check_rules(const struct document_rules *rules, enum column_kind kind, const char *rule, const char *value,
                        const char *wanted) {
    struct document_plan *plan = plan_of(rules, kind, rule);
    struct document_counts counts = {0};
    char *got = encode_bytes(plan, value, value != NULL ? strlen(value) : 0, &counts);
    assert_string_equal(got, wanted);
    free(got);
    document_plan_free(plan);
}

/* wanted: the JSON of the value, or the reason. */
static void check(enum column_kind kind, const char *rule, const char *value, const char *wanted) {
    char *whole = wanted[0] == '"' || wanted[0] == '['
                      ? xasprintf("{\"value\":%s}", wanted)
                      : xasprintf("%s", wanted[0] == '-' ? "id has no other field with a value" : wanted);
    check_rules(&default_rules, kind, rule, value, whole);
    free(whole);
}

#define OMITTED "-"

static void integers(void **state) {
    (void)state;
    check(COLUMN_INTEGER, NULL, "-9223372036854775808", "\"-9223372036854775808\"");
    check(COLUMN_INTEGER, NULL, "9223372036854775807", "\"9223372036854775807\"");
    check(COLUMN_INTEGER, NULL, "9223372036854775808", "value is outside of -2^63 to 2^63-1");
    check(COLUMN_INTEGER, NULL, "-9223372036854775809", "value is outside of -2^63 to 2^63-1");
    check(COLUMN_INTEGER, NULL, "99999999999999999999", "value is outside of -2^63 to 2^63-1");
    check(COLUMN_TEXT, "int", "0042", "\"42\"");
    check(COLUMN_TEXT, "int", "-00", "\"0\"");
    check(COLUMN_TEXT, "int", "+5", "\"5\"");
    check(COLUMN_TEXT, "int", "5.0", "value is not a whole number");
    check(COLUMN_TEXT, "int", " 5", "value is not a whole number");
    check(COLUMN_TEXT, "int", "-", "value is not a whole number");
    check(COLUMN_TEXT, "int", "", OMITTED);
    check(COLUMN_INTEGER, NULL, NULL, OMITTED);
}

static void doubles(void **state) {
    (void)state;
    check(COLUMN_NUMBER, NULL, "3.14", "\"3.14\"");
    check(COLUMN_NUMBER, NULL, "-1.5e-7", "\"-1.5e-7\"");
    check(COLUMN_NUMBER, NULL, "1.7976931348623157e308", "\"1.7976931348623157e308\"");
    check(COLUMN_NUMBER, NULL, "1.8e308", "value is too large for a double");
    check(COLUMN_TEXT, "double", "nan", "value is not a number");
    check(COLUMN_TEXT, "double", "0x1p3", "value is not a number");
    check(COLUMN_TEXT, "double", "1e", "value is not a number");
    check(COLUMN_TEXT, "double", ".", "value is not a number");
    check(COLUMN_TEXT, "double", "1 ", "value is not a number");
    check(COLUMN_TEXT, "double", "", OMITTED);
}

static void dates(void **state) {
    (void)state;
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05", "\"2026-11-23T03:04:05Z\"");
    check(COLUMN_TIME, "date zone Asia/Tokyo", "2026-11-23 03:04:05", "\"2026-11-22T18:04:05Z\"");
    check(COLUMN_TIME, "date zone Asia/Tokyo", "2026-01-01", "\"2025-12-31T15:00:00Z\"");
    check(COLUMN_TIME, "date zone America/New_York", "9999-12-31 23:00:00",
          "value is outside of the years 0000 to 9999 in UTC");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05.678901", "\"2026-11-23T03:04:05.678Z\"");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05.5", "\"2026-11-23T03:04:05.500Z\"");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05.000000", "\"2026-11-23T03:04:05Z\"");
    check(COLUMN_TEXT, "date zone Asia/Tokyo", "2026-11-23T03:04:05Z", "\"2026-11-23T03:04:05Z\"");
    check(COLUMN_TIME, NULL, "2024-02-29", "\"2024-02-29T00:00:00Z\"");
    check(COLUMN_TIME, NULL, "2000-02-29", "\"2000-02-29T00:00:00Z\"");
    check(COLUMN_TIME, NULL, "1900-02-29", "value is a date that does not exist");
    check(COLUMN_TIME, NULL, "2026-02-29", "value is a date that does not exist");
    check(COLUMN_TIME, NULL, "2026-13-01", "value is a date that does not exist");
    check(COLUMN_TIME, NULL, "2026-01-01 24:00:00", "value is a date that does not exist");
    check(COLUMN_TIME, NULL, "9999-12-31 23:59:59.999", "\"9999-12-31T23:59:59.999Z\"");
    check(COLUMN_TIME, NULL, "0000-01-01", "\"0000-01-01T00:00:00Z\"");
    check(COLUMN_TIME, NULL, "0000-03-01", "\"0000-03-01T00:00:00Z\"");
    check(COLUMN_TIME, NULL, "0001-01-01", "\"0001-01-01T00:00:00Z\"");
    check(COLUMN_TIME, NULL, "12:34:56", "value is not a date");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05.", "value is not a date");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04", "value is not a date");
    check(COLUMN_TIME, NULL, "2026-11-23 03:04:05+09:00", "value is not a date");
    check(COLUMN_TEXT, "date", "", OMITTED);
}

static void dates_of_zeros_are_left_out_and_counted(void **state) {
    (void)state;
    static const char *const zeros[] = {"0000-00-00", "0000-00-00 00:00:00", "2026-00-00", "2026-11-00"};
    struct document_plan *plan = plan_of(&default_rules, COLUMN_TIME, "date-array split ,");
    struct document_counts counts = {0};
    char *got = encode_bytes(plan, "0000-00-00,2026-01-02,2026-11-00", 32, &counts);
    assert_string_equal(got, "{\"value\":[\"2026-01-02T00:00:00Z\"]}");
    assert_int_equal(counts.zero_dates, 2);
    free(got);
    document_plan_free(plan);
    for (size_t i = 0; i < LENGTH_OF(zeros); i++)
        check(COLUMN_TIME, NULL, zeros[i], OMITTED);
}

static void each_day_of_ten_thousand_years(void **state) {
    (void)state;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    struct document_plan *plan = plan_of(&default_rules, COLUMN_TIME, "date zone Etc/GMT-1");
    struct document_counts counts = {0};
    char *yesterday = xstrdup("0000-01-01");
    for (int year = 0, first = 1; year <= 9999; year++)
        for (int month = 1; month <= 12; month++)
            for (int day = 1, leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
                 day <= days[month - 1] + (month == 2 && leap); day++, first = 0) {
                char *date = xasprintf("%04d-%02d-%02d", year, month, day);
                char *got = encode_bytes(plan, date, 10, &counts);
                char *wanted = xasprintf("{\"value\":\"%sT23:00:00Z\"}", yesterday);
                if (!first)
                    assert_string_equal(got, wanted);
                free(wanted);
                free(got);
                free(yesterday);
                yesterday = date;
            }
    free(yesterday);
    document_plan_free(plan);
}

static void places(void **state) {
    (void)state;
    check(COLUMN_TEXT, "latlon", "35.6895,139.6917", "\"35.6895,139.6917\"");
    check(COLUMN_TEXT, "latlon", " -90 , 180 ", "\"-90,180\"");
    check(COLUMN_TEXT, "latlon", "90.0001,0", "value is outside of 90 degrees of latitude or 180 of longitude");
    check(COLUMN_TEXT, "latlon", "0,-180.1", "value is outside of 90 degrees of latitude or 180 of longitude");
    check(COLUMN_TEXT, "latlon", "35.6895", "value is not \"latitude,longitude\"");
    check(COLUMN_TEXT, "latlon", "1,2,3", "value is not \"latitude,longitude\"");
    check(COLUMN_TEXT, "latlon", ",", "value is not \"latitude,longitude\"");
    check(COLUMN_TEXT, "latlon", "", OMITTED);
}

static void strings_and_empty_strings(void **state) {
    (void)state;
    struct document_rules omit = default_rules;
    omit.omit_empty = true;
    check(COLUMN_TEXT, NULL, "a\"b\\c\td\ne\rf/g\x7F", "\"a\\\"b\\\\c\\td\\ne\\rf/g\x7F\"");
    check(COLUMN_TEXT, NULL, "", "\"\"");
    check(COLUMN_TEXT, "literal", "", "\"\"");
    check(COLUMN_TEXT, "literal empty omit", "", OMITTED);
    check(COLUMN_TEXT, "text empty omit", "\x01\x02", OMITTED);
    check_rules(&omit, COLUMN_TEXT, NULL, "", "id has no other field with a value");
    check_rules(&omit, COLUMN_TEXT, "text empty keep", "", "{\"value\":\"\"}");
    check(COLUMN_TEXT, NULL, NULL, OMITTED);
}

static void characters_that_xml_lacks_are_removed(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
        size_t length, removed;
    } cases[] = {
        {"a\x07"
         "b\0c",
         "abc", 5, 2},
        {"\xEF\xBF\xBD\xEF\xBF\xBE\xEF\xBF\xBF", "\xEF\xBF\xBD", 9, 2},
        {"\xED\x9F\xBF\xED\xA0\x80", "\xED\x9F\xBF", 6, 3}, /* a surrogate: three bytes of nothing */
        {"\xEE\x80\x80", "\xEE\x80\x80", 3, 0},
        {"\xC0\xAF\xE0\x80\xAF\xF0\x80\x80\xAF", "", 9, 9}, /* overlong slashes */
        {"\xE0\xA0\x80\xF4\x8F\xBF\xBF", "\xE0\xA0\x80\xF4\x8F\xBF\xBF", 7, 0},
        {"\xF4\x90\x80\x80", "", 4, 4},
        {"\xE3\x81", "", 2, 2}, /* cut in the middle */
        {"\xE3\x81\x82\x82\xE3\x81\x84", "\xE3\x81\x82\xE3\x81\x84", 7, 1},
        {"\xC2", "", 1, 1},
    };
    struct document_plan *plan = plan_of(&default_rules, COLUMN_TEXT, NULL);
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct document_counts counts = {0};
        char *wanted = xasprintf("{\"value\":\"%s\"}", cases[i].out);
        char *got = encode_bytes(plan, cases[i].in, cases[i].length, &counts);
        assert_string_equal(got, wanted);
        assert_int_equal(counts.removed, cases[i].removed);
        free(got);
        free(wanted);
    }
    document_plan_free(plan);
}

static void wide_characters_by_the_rule(void **state) {
    (void)state;
    static const struct {
        enum document_wide wide;
        const char *out;
        int64_t changed;
    } cases[] = {{DOCUMENT_KEEP_WIDE, "{\"value\":\"a\xF0\x9F\x98\x80\xF0\xA0\xAE\xB7z\"}", 0},
                 {DOCUMENT_DROP_WIDE, "{\"value\":\"az\"}", 2},
                 {DOCUMENT_REPLACE_WIDE, "{\"value\":\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"}", 2}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct document_rules rules = default_rules;
        rules.wide = cases[i].wide;
        struct document_plan *plan = plan_of(&rules, COLUMN_TEXT, NULL);
        struct document_counts counts = {0};
        char *got = encode_bytes(plan, "a\xF0\x9F\x98\x80\xF0\xA0\xAE\xB7z", 10, &counts);
        assert_string_equal(got, cases[i].out);
        assert_int_equal(counts.wide, cases[i].changed);
        assert_int_equal(counts.removed, 0);
        free(got);
        document_plan_free(plan);
    }
}

/* `count` copies of a character, and `tail`. */
static char *repeat(const char *character, size_t count, const char *tail) {
    struct text text = {0};
    for (size_t i = 0; i < count; i++)
        text_add(&text, character);
    text_add(&text, tail);
    return text_take(&text);
}

static void check_long(const char *rule, char *value, bool good, const char *reason) {
    struct document_plan *plan = plan_of(&default_rules, COLUMN_TEXT, rule);
    struct document_counts counts = {0};
    char *got = encode_bytes(plan, value, strlen(value), &counts);
    if (good)
        assert_int_equal(strncmp(got, "{\"value\":", 9), 0);
    else
        assert_string_equal(got, reason);
    free(got);
    free(value);
    document_plan_free(plan);
}

static void literals_have_4096_characters_not_bytes(void **state) {
    (void)state;
    static const char reason[] = "value is longer than 4096 characters";
    check_long("literal", repeat("x", 4096, ""), true, NULL);
    check_long("literal", repeat("x", 4097, ""), false, reason);
    check_long("literal", repeat("\xE3\x81\x82", 4096, ""), true, NULL);
    check_long("literal", repeat("\xE3\x81\x82", 4096, "x"), false, reason);
    check_long("literal", repeat("\xF0\x9F\x98\x80", 4096, "\x01"), true, NULL);
    check_long("literal", repeat("\"", 4097, ""), false, reason);
    check_long("text", repeat("x", 4097, ""), true, NULL);
    check_long("literal-array split ,", repeat("x", 4097, ",a"), false, reason);
}

static void arrays(void **state) {
    (void)state;
    check(COLUMN_TEXT, "literal-array split ,", "php, mysql,,c ", "[\"php\",\"mysql\",\"c\"]");
    check(COLUMN_TEXT, "literal-array split comma", "a", "[\"a\"]");
    check(COLUMN_TEXT, "text-array split ||", "a||b|c", "[\"a\",\"b|c\"]");
    check(COLUMN_TEXT, "int-array split space", "1  02 3", "[\"1\",\"2\",\"3\"]");
    check(COLUMN_TEXT, "int-array split space", "1 x", "value is not a whole number");
    check(COLUMN_TEXT, "double-array split tab", "1.5\t2", "[\"1.5\",\"2\"]");
    check(COLUMN_TEXT, "literal-array split newline", "a\nb", "[\"a\",\"b\"]");
    check(COLUMN_TEXT, "literal-array split ,", "", OMITTED);
    check(COLUMN_TEXT, "literal-array split ,", ", ,", OMITTED);
    check(COLUMN_TEXT, "literal-array split ,", "\x01,\x02", OMITTED);
    check(COLUMN_TEXT, "literal-array split ,", NULL, OMITTED);
    check_long("int-array split ,", repeat("1,", 1000, ""), true, NULL);
    check_long("int-array split ,", repeat("1,", 1000, "1"), false, "value has more than 1000 values");
}

static void a_document_has_one_mebibyte_at_most(void **state) {
    (void)state;
    /* {"type":"add","id":"lancer_7","fields":{"value":"..."}} */
    size_t around = strlen("{\"type\":\"add\",\"id\":\"lancer_7\",\"fields\":{\"value\":\"\"}}");
    static const char reason[] = "value makes the document larger than it may be";
    check_long("text", repeat("x", DOCUMENT_BYTES - around, ""), true, NULL);
    check_long("text", repeat("x", DOCUMENT_BYTES - around, "x"), false, reason);
    check_long("text", repeat("\"", DOCUMENT_BYTES / 2, ""), false, reason);
    check_long("text", repeat("x", DOCUMENT_BYTES + 1, ""), false, "value is larger than a document may be");
    check_long("text-array split ,", repeat("\"\"\"\"\"\"\"\"\"\",", DOCUMENT_BYTES / 11, ""), false,
               "value has more than 1000 values");
}

/* The hash is of the content, not of the order of columns; and of nothing else. */
static void hashes(void **state) {
    (void)state;
    const struct document_column one[] = {{.name = "id", .kind = COLUMN_INTEGER},
                                          {.name = "aaa", .kind = COLUMN_TEXT},
                                          {.name = "bbb", .kind = COLUMN_TEXT}};
    const struct document_column two[] = {one[2], one[0], one[1]};
    const struct field row_one[] = {{"7", 1}, {"x", 1}, {"y", 1}};
    const struct field row_two[] = {row_one[2], row_one[0], row_one[1]};
    struct document_plan *plans[2] = {NULL, NULL};
    struct text out[2] = {{0}, {0}};
    struct document_counts counts = {0};
    struct document_fault fault;
    assert_int_equal(make(&default_rules, one, 3, NULL, 0, &plans[0]), 0);
    assert_int_equal(make(&default_rules, two, 3, NULL, 0, &plans[1]), 0);
    assert_true(document_add(plans[0], row_one, &out[0], &counts, &fault));
    assert_true(document_add(plans[1], row_two, &out[1], &counts, &fault));
    struct hash a = document_hash(out[0].data, out[0].length);
    struct hash b = document_hash(out[1].data, out[1].length);
    assert_true(hash_equal(&a, &b));
    out[1].data[out[1].length - 4] ^= 1;
    b = document_hash(out[1].data, out[1].length);
    assert_false(hash_equal(&a, &b));
    /* XXH3-128 of "" as its authors print it: what is stored does not depend on the machine. */
    struct hash empty = document_hash("", 0);
    assert_memory_equal(empty.bytes, "\x99\xaa\x06\xd3\x01\x47\x98\xd8\x60\x01\xc3\x24\x46\x8d\x49\x7f", 16);
    struct hash here = document_fingerprint(plans[0], "doc-a");
    struct hash there = document_fingerprint(plans[0], "doc-b");
    assert_false(hash_equal(&here, &there));
    there = document_fingerprint(plans[1], "doc-a");
    assert_true(hash_equal(&here, &there));
    for (size_t i = 0; i < 2; i++) {
        text_free(&out[i]);
        document_plan_free(plans[i]);
    }
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

/* Whatever bytes a column holds, what comes out is JSON whose strings CloudSearch takes, and encoding them again changes nothing. */
static void any_bytes_become_valid_json(void **state) {
    (void)state;
    static const char *const rules[] = {NULL,     "literal-array split ,", "int", "double", "date",
                                        "latlon", "date-array split ,"};
    static const char alphabet[] =
        "0123456789-+.,:eE TZ\"\\\t\n\x01\x7F\xC2\xC3\xE0\xE3\xED\xEF\xBF\xBE\x80\x81\xF0\x9F\xF4";
    uint64_t seed = 20261123;
    for (size_t r = 0; r < LENGTH_OF(rules); r++) {
        struct document_plan *plan = plan_of(&default_rules, COLUMN_TEXT, rules[r]);
        for (size_t i = 0; i < 20000; i++) {
            char value[40];
            size_t length = next_random(&seed) % sizeof value;
            for (size_t j = 0; j < length; j++)
                value[j] = i % 2 == 0 ? alphabet[next_random(&seed) % (sizeof alphabet - 1)]
                                      : (char)(next_random(&seed) & 0xFF);
            struct document_counts counts = {0};
            char *got = encode_bytes(plan, value, length, &counts);
            json_t *parsed = json_loads(got, 0, NULL);
            const char *string = json_string_value(json_object_get(parsed, "value"));
            if (r == 0 && string != NULL) {
                struct document_counts again = {0};
                char *second = encode_bytes(plan, string, strlen(string), &again);
                assert_string_equal(got, second);
                assert_int_equal(again.removed, 0);
                free(second);
            }
            json_decref(parsed);
            free(got);
        }
        document_plan_free(plan);
    }
}

/* What a value becomes when each of its characters comes alone. */
static char *encode_by_character(const struct document_plan *plan, const char *value, size_t length,
                                 struct document_counts *counts) {
    struct text whole = {0};
    const size_t before = strlen("{\"value\":\"");
    for (size_t at = 0; at < length;) {
        unsigned code = 0;
        size_t used = utf8_decode(value + at, length - at, &code);
        used = used > 0 ? used : 1;
        char *one = encode_bytes(plan, value + at, used, counts);
        text_append(&whole, one + before, strlen(one) - before - strlen("\"}"));
        free(one);
        at += used;
    }
    char *got = xasprintf("{\"value\":\"%s\"}", text_string(&whole));
    text_free(&whole);
    return got;
}

/* Long stretches are looked at many bytes at a time; where in them a bad byte is must not matter, nor what is around it. */
static void characters_do_not_depend_on_their_neighbours(void **state) {
    (void)state;
    static const char *const pieces[] = {
        "a",        "~",    "\xE3\x81\x82", "\xE6\xBC\xA2", "\xEF\xBC\x81", "\xE0\xA0\x80", "\xED\x9F\xBF",
        "\xC3\xA9", "\x7F", "\xEF\xBF\xBD"};
    static const char *const odd[] = {
        "\"",   "\\",   "\n",       "\x1F",         "\x80",         "\xBF",         "\xC0\xAF",     "\xC1",
        "\xC2", "\xE3", "\xE3\x81", "\xE0\x9F\x80", "\xED\xA0\x80", "\xEF\xBF\xBE", "\xEF\xBF\xBF", "\xF0\x9F\x98\x80",
        "\xF5", "\xFF"};
    struct document_plan *plan = plan_of(&default_rules, COLUMN_TEXT, NULL);
    uint64_t seed = 20261124;
    for (size_t i = 0; i < 20000; i++) {
        struct text value = {0};
        struct document_counts counts[2] = {{0}};
        size_t count = next_random(&seed) % 40;
        size_t bad = next_random(&seed) % 40;
        for (size_t j = 0; j < count; j++) {
            if (j == bad || next_random(&seed) % 64 == 0)
                text_add(&value, odd[next_random(&seed) % LENGTH_OF(odd)]);
            text_add(&value, pieces[i % 3 == 0 ? 2 : next_random(&seed) % LENGTH_OF(pieces)]);
        }
        char *got = encode_bytes(plan, text_string(&value), value.length, &counts[0]);
        char *wanted = encode_by_character(plan, text_string(&value), value.length, &counts[1]);
        assert_string_equal(got, wanted);
        assert_int_equal(counts[0].removed, counts[1].removed);
        free(got);
        free(wanted);
        text_free(&value);
    }
    document_plan_free(plan);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers),
        cmocka_unit_test(doubles),
        cmocka_unit_test(dates),
        cmocka_unit_test(dates_of_zeros_are_left_out_and_counted),
        cmocka_unit_test(each_day_of_ten_thousand_years),
        cmocka_unit_test(places),
        cmocka_unit_test(strings_and_empty_strings),
        cmocka_unit_test(characters_that_xml_lacks_are_removed),
        cmocka_unit_test(wide_characters_by_the_rule),
        cmocka_unit_test(characters_do_not_depend_on_their_neighbours),
        cmocka_unit_test(literals_have_4096_characters_not_bytes),
        cmocka_unit_test(arrays),
        cmocka_unit_test(a_document_has_one_mebibyte_at_most),
        cmocka_unit_test(hashes),
        cmocka_unit_test(any_bytes_become_valid_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
