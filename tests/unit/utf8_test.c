/* UTF-8 against RFC 3629, over all code points. */
#include "support.h"

#include "nightshift/base/utf8.h"

/* An encoder of our own, so that the decoder is not its own judge. */
static size_t encode(unsigned code, char out[4]) {
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t size = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    static const unsigned leads[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3F));
    out[0] = (char)(leads[size] | code);
    return size;
}

static void every_code_point_is_decoded(void **state) {
    (void)state;
    for (unsigned code = 0; code <= 0x10FFFF; code++) {
        char bytes[4];
        size_t size = encode(code, bytes);
        unsigned decoded = 0xFFFFFFFF;
        bool surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(utf8_decode(bytes, size, &decoded), surrogate ? 0 : size);
        if (!surrogate)
            assert_int_equal(decoded, code);
    }
}

static void a_character_cut_short_is_invalid(void **state) {
    (void)state;
    static const unsigned codes[] = {0xA0, 0x3042, 0x1F600};
    for (size_t i = 0; i < LENGTH_OF(codes); i++) {
        char bytes[4];
        unsigned decoded = 0;
        size_t size = encode(codes[i], bytes);
        for (size_t length = 0; length < size; length++)
            assert_int_equal(utf8_decode(bytes, length, &decoded), 0);
    }
}

static void what_is_not_utf8_is_refused(void **state) {
    (void)state;
    static const char *const cases[] = {
        "\x80",             /* a continuation byte alone */
        "\xC0\x80",         /* overlong NUL */
        "\xC1\xBF",         /* overlong 0x7F */
        "\xE0\x9F\xBF",     /* overlong, three bytes */
        "\xF0\x8F\xBF\xBF", /* overlong, four bytes */
        "\xED\xBF\xBF",     /* surrogate */
        "\xF4\x90\x80\x80", /* U+110000 */
        "\xF5\x80\x80\x80",
        "\xFF",
        "\xC2"
        "A", /* lead byte without continuation */
        "\xE3\x81"
        "A", /* the last byte is none of its own */
        "\xE3"
        "A\x81", /* nor the middle one */
        "good, then \xFE",
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_false(utf8_valid(cases[i], strlen(cases[i])));
}

static void valid_text_is_accepted(void **state) {
    (void)state;
    assert_true(utf8_valid("", 0));
    assert_true(utf8_valid("a\0b", 3));
    assert_true(utf8_valid("\xEF\xBB\xBF", 3));
    assert_true(utf8_valid("\xF4\x8F\xBF\xBF", 4));
}

static void columns_are_counted_as_a_terminal_shows_them(void **state) {
    (void)state;
    static const struct {
        const char *string;
        size_t columns;
    } cases[] = {
        {"", 0},
        {"abc", 3},
        {"caf\xC3\xA9", 4},
        {"\xE6\x97\xA5\xE6\x9C\xAC", 4}, /* kanji */
        {"\xE3\x81\x8B\xE3\x82\x99", 2}, /* ka with a combining voiced mark */
        {"e\xCC\x81", 1},                /* e with a combining accent */
        {"\xEF\xBD\xB1\xEF\xBD\xB2", 2}, /* half-width katakana */
        {"\xEF\xBC\xA1", 2},             /* full-width A */
        {"\xEF\xBF\xA5", 2},             /* full-width yen */
        {"\xED\x95\x9C", 2},             /* hangul */
        {"\xF0\x9F\x98\x80", 2},         /* emoji */
        {"\xF0\xA0\xAE\x9F", 2},         /* rare kanji of plane 2 */
        {"\xFFz", 2},                    /* an invalid byte counts one */
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(utf8_columns(cases[i].string), cases[i].columns);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_decoded),
        cmocka_unit_test(a_character_cut_short_is_invalid),
        cmocka_unit_test(what_is_not_utf8_is_refused),
        cmocka_unit_test(valid_text_is_accepted),
        cmocka_unit_test(columns_are_counted_as_a_terminal_shows_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
