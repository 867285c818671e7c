/* Ids, names, characters and values of cloudsearch-local; and how text falls into tokens. */
#include "../standins/cloudsearch/search.h"
#include "../standins/cloudsearch/tokens.h"
#include "../standins/cloudsearch/values.h"
#include "support.h"

static char *repeat(const char *part, size_t count) {
    struct text text = {0};
    for (size_t i = 0; i < count; i++)
        text_add(&text, part);
    return text_take(&text);
}

static void ids(void **state) {
    (void)state;
    assert_null(values_check_id("lancer_1"));
    assert_null(values_check_id("A-Z=#;:/?@&9"));
    assert_non_null(values_check_id(""));
    assert_non_null(values_check_id("a b"));
    assert_non_null(values_check_id("a.b"));
    assert_non_null(values_check_id("\xe3\x81\x82"));
    char *id = repeat("a", ID_LIMIT);
    assert_null(values_check_id(id));
    free(id);
    id = repeat("a", ID_LIMIT + 1);
    assert_string_equal(values_check_id(id), "\"id\" must be less than 128 characters");
    free(id);
}

static void field_names(void **state) {
    (void)state;
    assert_true(values_is_field_name("a"));
    assert_true(values_is_field_name("a_1"));
    assert_false(values_is_field_name("A"));
    assert_false(values_is_field_name("1a"));
    assert_false(values_is_field_name("_id"));
    assert_false(values_is_field_name("score"));
    char *name = repeat("a", FIELD_NAME_LIMIT);
    assert_true(values_is_field_name(name));
    free(name);
    name = repeat("a", FIELD_NAME_LIMIT + 1);
    assert_false(values_is_field_name(name));
    free(name);
}

static void check_character(const char *bytes, size_t length, bool bmp_only, bool bad, unsigned wanted) {
    unsigned code = 0;
    assert_int_equal(values_bad_character(bytes, length, bmp_only, &code), bad);
    if (bad)
        assert_int_equal(code, wanted);
}

static void characters_are_those_of_xml(void **state) {
    (void)state;
    check_character("\t\n\r ~", 5, true, false, 0);
    check_character("a\x07", 2, false, true, 7);
    check_character("a\0b", 3, false, true, 0);
    check_character("\x1f", 1, false, true, 0x1F);
    check_character("\x7f", 1, false, false, 0);
    check_character("\xed\x9f\xbf", 3, true, false, 0);      /* U+D7FF */
    check_character("\xee\x80\x80", 3, true, false, 0);      /* U+E000 */
    check_character("\xef\xbf\xbd", 3, true, false, 0);      /* U+FFFD */
    check_character("\xef\xbf\xbe", 3, false, true, 0xFFFE); /* U+FFFE */
    check_character("\xf0\x9f\x98\x80", 4, false, false, 0); /* U+1F600 */
    check_character("\xf0\x9f\x98\x80", 4, true, true, 0x1F600);
}

static void numbers(void **state) {
    (void)state;
    int64_t integer = 0;
    double real = 0;
    assert_true(values_int("9223372036854775807", &integer));
    assert_true(values_int("-9223372036854775808", &integer));
    assert_false(values_int("9223372036854775808", &integer));
    assert_false(values_int("-9223372036854775809", &integer));
    assert_false(values_int("", &integer));
    assert_false(values_int("+1", &integer));
    assert_false(values_int("1.0", &integer));
    assert_false(values_int(" 1", &integer));
    assert_true(values_double("1.5e3", &real));
    assert_true(values_double("-.5", &real));
    assert_false(values_double("", &real));
    assert_false(values_double("1e999", &real));
    assert_false(values_double("nan", &real));
    assert_false(values_double("0x10", &real));
}

static void check_date(const char *string, const char *wanted) {
    char out[DATE_SIZE] = "";
    assert_int_equal(values_date(string, out), wanted != NULL);
    if (wanted != NULL)
        assert_string_equal(out, wanted);
}

static void dates(void **state) {
    (void)state;
    check_date("2018-02-15T02:38:53Z", "2018-02-15T02:38:53.000Z");
    check_date("2018-02-15T02:38:53.5Z", "2018-02-15T02:38:53.500Z");
    check_date("2016-02-29T23:59:59.999Z", "2016-02-29T23:59:59.999Z");
    check_date("2018-02-29T00:00:00Z", NULL);
    check_date("2018-00-01T00:00:00Z", NULL);
    check_date("2018-01-01T24:00:00Z", NULL);
    check_date("2018-01-01T00:00:00", NULL);
    check_date("2018-01-01T00:00:00+09:00", NULL);
    check_date("2018-01-01 00:00:00", NULL);
    check_date("2018-01-01T00:00:00.1234Z", NULL);
    check_date("0000-00-00T00:00:00Z", NULL);
}

static void locations(void **state) {
    (void)state;
    double latitude = 0;
    double longitude = 0;
    assert_true(values_latlon("35.68,139.76", &latitude, &longitude));
    assert_true(values_latlon("-90, 180", &latitude, &longitude));
    assert_false(values_latlon("91,0", &latitude, &longitude));
    assert_false(values_latlon("0,181", &latitude, &longitude));
    assert_false(values_latlon("35.68", &latitude, &longitude));
}

/* The tokens, '/' between words, ' ' inside one. */
static void check_tokens(const char *string, const char *wanted) {
    struct tokens tokens = {0};
    struct text text = {0};
    tokens_split(&tokens, string);
    for (size_t i = 0; i < tokens.count; i++)
        text_printf(&text, "%s%s", i == 0 ? "" : tokens.items[i].starts_word ? "/" : " ", tokens.items[i].text);
    assert_string_equal(text_string(&text), wanted);
    text_free(&text);
    tokens_free(&tokens);
}

static void text_falls_into_words_and_pairs(void **state) {
    (void)state;
    check_tokens("", "");
    check_tokens("Hello, World-2!", "hello/world/2");
    check_tokens("東京都", "東京 京都");
    check_tokens("猫", "猫");
    check_tokens("PHPが得意、猫", "php/が得 得意/猫");
    check_tokens("データベース", "デー ータ タベ ベー ース");
    check_tokens("Äpfel ÉTÉ Яндекс", "äpfel/été/яндекс");
    check_tokens("a😀b 𠮷野家", "a/b/𠮷野 野家");
    check_tokens("한국어", "한국 국어");
}

static void width_and_case_are_folded(void **state) {
    (void)state;
    check_tokens("ＰＨＰ　７", "php/7");
    check_tokens("ﾌﾟﾛｸﾞﾗﾏｰ", "プロ ログ グラ ラマ マー");
    check_tokens("ｳﾞｧ", "ヴァ");
    check_tokens("ﾀﾞﾂﾃﾄﾞ", "ダツ ツテ テド");
}

static void long_words_are_left_out(void **state) {
    (void)state;
    struct tokens tokens = {0};
    char *word = repeat("a", TERM_LIMIT);
    tokens_split(&tokens, word);
    assert_int_equal(tokens.count, 1);
    tokens_free(&tokens);
    free(word);
    word = repeat("a", TERM_LIMIT + 1);
    tokens_split(&tokens, word);
    assert_int_equal(tokens.count, 0);
    tokens_free(&tokens);
    free(word);
}

static void suggestions_compare_512_bytes(void **state) {
    (void)state;
    struct text folded = {0};
    char *value = repeat("A", 513);
    tokens_fold_string(&folded, value);
    assert_int_equal(folded.length, 512);
    assert_int_equal(folded.data[0], 'a');
    free(value);
    text_free(&folded);
}

static void check_highlight(const char *value, const char *word, const char *options, const char *wanted) {
    struct pairs words = {0};
    pairs_add(&words, "f", word);
    json_t *parsed = json_loads(options, 0, NULL);
    char *marked = highlight_text(value, &words, "f", parsed);
    assert_string_equal(marked, wanted);
    free(marked);
    json_decref(parsed);
    pairs_free(&words);
}

static void highlights(void **state) {
    (void)state;
    check_highlight("a b a", "a", "{}", "<em>a</em> b a");
    check_highlight("a b a", "a", "{\"max_phrases\":2,\"pre_tag\":\"[\",\"post_tag\":\"]\"}", "[a] b [a]");
    check_highlight("A & <b>", "b", "{}", "A &#38; &#60;<em>b</em>&#62;");
    check_highlight("A & <b>", "b", "{\"format\":\"text\"}", "A & <<em>b</em>>");
    check_highlight("abcd", "ab*", "{}", "<em>abcd</em>");
    check_highlight("abcd", "ab", "{}", "abcd");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids),
        cmocka_unit_test(field_names),
        cmocka_unit_test(characters_are_those_of_xml),
        cmocka_unit_test(numbers),
        cmocka_unit_test(dates),
        cmocka_unit_test(locations),
        cmocka_unit_test(text_falls_into_words_and_pairs),
        cmocka_unit_test(width_and_case_are_folded),
        cmocka_unit_test(long_words_are_left_out),
        cmocka_unit_test(suggestions_compare_512_bytes),
        cmocka_unit_test(highlights),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
