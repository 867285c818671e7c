/* Buffers, lists of strings, templates and word distance. */
#include "support.h"

#include "nightshift/base/utf8.h"

static void an_empty_text_is_an_empty_string(void **state) {
    (void)state;
    struct text text = {0};
    assert_string_equal(text_string(&text), "");
    char *taken = text_take(&text);
    assert_string_equal(taken, "");
    free(taken);
    text_clear(&text);
    text_free(&text);
    assert_string_equal(text_string(&text), "");
}

static void a_text_grows_and_keeps_nul_bytes(void **state) {
    (void)state;
    struct text text = {0};
    for (int i = 0; i < 10000; i++)
        text_append(&text, "ab\0", 3);
    assert_int_equal(text.length, 30000);
    assert_memory_equal(text.data + 29997, "ab\0", 4); /* the text's own NUL is behind it */
    assert_false(text.full);
    text_free(&text);
}

static void a_text_past_its_limit_is_cut_and_full(void **state) {
    (void)state;
    struct text text = {.limit = 10};
    text_add(&text, "0123456789");
    assert_false(text.full);
    text_add(&text, "");
    assert_false(text.full);
    text_add(&text, "x");
    assert_true(text.full);
    assert_string_equal(text_string(&text), "0123456789");
    text_clear(&text);
    assert_false(text.full);
    text_printf(&text, "%s-%d", "abcdefgh", 1234);
    assert_true(text.full);
    assert_string_equal(text_string(&text), "abcdefgh-1");
    text_free(&text);
    assert_int_equal(text.limit, 10);
}

static void a_limit_set_below_the_length_drops_all_that_follows(void **state) {
    (void)state;
    struct text text = {0};
    text_add(&text, "0123456789");
    text.limit = 5;
    text_add(&text, "x");
    assert_true(text.full);
    assert_string_equal(text_string(&text), "0123456789");
    text_free(&text);
}

static void taking_leaves_the_limit(void **state) {
    (void)state;
    struct text text = {.limit = 3};
    text_add(&text, "abcd");
    char *taken = text_take(&text);
    assert_string_equal(taken, "abc");
    free(taken);
    assert_int_equal(text.length, 0);
    assert_int_equal(text.limit, 3);
    assert_false(text.full);
}

static void hostile_bytes_are_escaped(void **state) {
    (void)state;
    static const struct {
        const char *bytes, *printable;
    } cases[] = {
        {"plain \\ \"text\"", "plain \\ \"text\""},
        {"\xE3\x83\xA9\xE3\x83\xB3\xE3\x82\xB5\xE3\x83\xBC\xE3\x82\xBA",
         "\xE3\x83\xA9\xE3\x83\xB3\xE3\x82\xB5\xE3\x83\xBC\xE3\x82\xBA"},
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"a\nb\tc\rd", "a\\x0Ab\\x09c\\x0Dd"},
        {"\033[2J", "\\x1B[2J"},                  /* clear the screen */
        {"\033]0;title\a", "\\x1B]0;title\\x07"}, /* CVE-2003-0020 */
        {"\x7F", "\\x7F"},
        {"\xC2\x9B"
         "31m",
         "\\xC2\\x9B"
         "31m"}, /* C1 control sequence introducer */
        {"\x9B"
         "31m",
         "\\x9B"
         "31m"}, /* the same as a bare byte */
        {"\xE2\x80\xAE"
         "gpj",
         "\\xE2\\x80\\xAEgpj"}, /* right-to-left override */
        {"\xE2\x81\xA9", "\\xE2\\x81\\xA9"},
        {"\xE2\x81\xA6", "\\xE2\\x81\\xA6"}, /* isolate */
        {"\xD8\x9C\xE2\x80\x8F", "\\xD8\\x9C\\xE2\\x80\\x8F"},
        {"\xC0\xAF", "\\xC0\\xAF"},                   /* overlong slash */
        {"\xED\xA0\x80", "\\xED\\xA0\\x80"},          /* surrogate */
        {"\xF4\x90\x80\x80", "\\xF4\\x90\\x80\\x80"}, /* above U+10FFFF */
        {"cut \xE3\x83", "cut \\xE3\\x83"},
        {"\xFF\xFE", "\\xFF\\xFE"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        text_append_printable(&text, cases[i].bytes, strlen(cases[i].bytes));
        assert_string_equal(text_string(&text), cases[i].printable);
        text_free(&text);
    }
}

static void a_nul_byte_is_escaped(void **state) {
    (void)state;
    struct text text = {0};
    text_append_printable(&text, "a\0b", 3);
    assert_string_equal(text_string(&text), "a\\x00b");
    text_free(&text);
}

/* The output's alphabet is closed, whatever two bytes stand next to each other. */
static void no_pair_of_bytes_gets_through_as_a_control(void **state) {
    (void)state;
    struct text text = {0};
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            const char bytes[] = {(char)first, (char)second};
            text_clear(&text);
            text_append_printable(&text, bytes, 2);
            assert_true(utf8_valid(text.data, text.length));
            for (size_t at = 0; at < text.length;) {
                unsigned code = 0;
                at += utf8_decode(text.data + at, text.length - at, &code);
                assert_true(code >= 0x20 && !(code >= 0x7F && code < 0xA0));
            }
        }
    text_free(&text);
}

static const char *lookup(const void *context, const char *name) {
    assert_string_equal(context, "context");
    return strcmp(name, "id") == 0       ? "12"
           : strcmp(name, "empty") == 0  ? ""
           : strcmp(name, "nested") == 0 ? "{id}"
                                         : NULL;
}

static void templates_are_filled_in(void **state) {
    (void)state;
    static const struct {
        const char *string, *filled;
    } cases[] = {
        {"", ""},
        {"nothing", "nothing"},
        {"{id}", "12"},
        {"a{id}b{id}c", "a12b12c"},
        {"{empty}|", "|"},
        {"{unknown}/{id}", "{unknown}/12"},
        {"{}{id}", "{}12"},
        {"{id", "{id"},
        {"id}{id}", "id}12"},
        {"{nested}", "{id}"}, /* what is filled in is not a template itself */
        {"{tag}{id}", "{tag}12"},
        {"{{id}}", "{12}"}, /* a brace that opens nothing must not swallow a name */
        {"{x {id} y", "{x 12 y"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text text = {0};
        text_add_template(&text, cases[i].string, lookup, "context");
        assert_string_equal(text_string(&text), cases[i].filled);
        text_free(&text);
    }
}

static void a_list_is_split_and_trimmed(void **state) {
    (void)state;
    static const struct {
        const char *string, *separators, *joined;
    } cases[] = {
        {"", ",", ""},          {"a", ",", "<a>"},
        {"a,b", ",", "<a><b>"}, {" a , b ,", ",", "<a><b>"},
        {",,\n, ,", ",\n", ""}, {"a b\nc,d", ",\n", "<a b><c><d>"},
        {"a b", " ", "<a><b>"}, {"\xE3\x81\x82,\xE3\x81\x84", ",", "<\xE3\x81\x82><\xE3\x81\x84>"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct strings strings = {0};
        struct text joined = {0};
        strings_split(&strings, cases[i].string, cases[i].separators);
        for (size_t j = 0; j < strings.count; j++)
            text_printf(&joined, "<%s>", strings.items[j]);
        assert_string_equal(text_string(&joined), cases[i].joined);
        strings_free(&strings);
        text_free(&joined);
    }
}

static void a_list_knows_what_it_contains(void **state) {
    (void)state;
    struct strings strings = {0};
    assert_false(strings_contain(&strings, ""));
    strings_split(&strings, "drop,rise", ",");
    assert_true(strings_contain(&strings, "rise"));
    assert_false(strings_contain(&strings, "ris"));
    assert_false(strings_contain(&strings, "drop,rise"));
    strings_free(&strings);
    assert_int_equal(strings.count, 0);
}

static void the_distance_of_two_words(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        size_t distance;
    } cases[] = {
        {"", "", 0},        {"", "abc", 3},           {"same", "same", 0},           {"reader", "readers", 1},
        {"usr", "user", 1}, {"kitten", "sitting", 3}, {"state_dri", "state_dir", 2}, {"abc", "xyz", 3},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        assert_int_equal(text_distance(cases[i].a, cases[i].b), cases[i].distance);
        assert_int_equal(text_distance(cases[i].b, cases[i].a), cases[i].distance);
    }
}

static void an_array_grows_one_by_one(void **state) {
    (void)state;
    size_t *array = NULL;
    for (size_t i = 0; i < 3000; i++) {
        array = xgrow(array, i, sizeof *array);
        array[i] = i; /* AddressSanitizer watches */
    }
    for (size_t i = 0; i < 3000; i++)
        assert_int_equal(array[i], i);
    free(array);
}

static void copies_end_with_nul(void **state) {
    (void)state;
    char *cut = xstrndup("abcdef", 3);
    char *empty = xstrndup(NULL, 0);
    char *printed = xasprintf("%05d", 42);
    assert_string_equal(cut, "abc");
    assert_string_equal(empty, "");
    assert_string_equal(printed, "00042");
    free(cut);
    free(empty);
    free(printed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_text_is_an_empty_string),
        cmocka_unit_test(a_text_grows_and_keeps_nul_bytes),
        cmocka_unit_test(a_text_past_its_limit_is_cut_and_full),
        cmocka_unit_test(a_limit_set_below_the_length_drops_all_that_follows),
        cmocka_unit_test(taking_leaves_the_limit),
        cmocka_unit_test(hostile_bytes_are_escaped),
        cmocka_unit_test(a_nul_byte_is_escaped),
        cmocka_unit_test(no_pair_of_bytes_gets_through_as_a_control),
        cmocka_unit_test(templates_are_filled_in),
        cmocka_unit_test(a_list_is_split_and_trimmed),
        cmocka_unit_test(a_list_knows_what_it_contains),
        cmocka_unit_test(the_distance_of_two_words),
        cmocka_unit_test(an_array_grows_one_by_one),
        cmocka_unit_test(copies_end_with_nul),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
