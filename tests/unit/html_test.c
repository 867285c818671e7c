/* Self-contained pages: nothing that is put in becomes markup, and the policy allows what is there and no more. */
#include <math.h>
#include <openssl/evp.h>

#include "markup.h"
#include "nightshift/base/clock.h"
#include "nightshift/report/format.h"
#include "nightshift/report/html.h"

/* --- Text --- */

static void text_of_any_origin_is_no_markup(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t length; /* 0: up to the NUL */
        const char *wanted;
    } cases[] = {
        {"", 0, ""},
        {"plain", 0, "plain"},
        {"a & b", 0, "a &amp; b"},
        {"&amp;", 0, "&amp;amp;"},
        {"<script>alert(1)</script>", 0, "&lt;script&gt;alert(1)&lt;/script&gt;"},
        {"]]>", 0, "]]&gt;"},
        {"\" onload=\"x", 0, "&quot; onload=&quot;x"},
        {"' onload='x", 0, "&#39; onload=&#39;x"},
        {"<!-- -->", 0, "&lt;!-- --&gt;"},
        {"a\nb\tc\r", 0, "a\\x0Ab\\x09c\\x0D"},
        {"\x1B[2J\x7F", 0, "\\x1B[2J\\x7F"},
        {"a\0b", 3, "a\\x00b"},
        {"\xC2\x85", 0, "\\xC2\\x85"}, /* C1: next line */
        {"\xE2\x80\xAE"
         "gpj",
         0, "\\xE2\\x80\\xAEgpj"},              /* right-to-left override */
        {"\xFF\xC0\x80", 0, "\\xFF\\xC0\\x80"}, /* no UTF-8 */
        {"\xE3\x81", 0, "\\xE3\\x81"},          /* cut in the middle */
        {"\xE3\x81<", 0, "\\xE3\\x81&lt;"},     /* cut in the middle, and markup behind it */
        {"\xE3\x82\xAB\xE3\x83\x86\xE3\x82\xB4\xE3\x83\xAA", 0, "\xE3\x82\xAB\xE3\x83\x86\xE3\x82\xB4\xE3\x83\xAA"},
        {"\xF0\x9F\x8D\xA3", 0, "\xF0\x9F\x8D\xA3"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text out = {0};
        html_add_bytes(&out, cases[i].bytes, cases[i].length > 0 ? cases[i].length : strlen(cases[i].bytes));
        assert_string_equal(text_string(&out), cases[i].wanted);
        text_free(&out);
    }
}

static void line_breaks_stay_where_they_are_wanted(void **state) {
    (void)state;
    struct text out = {0};
    html_add_lines(&out, "a\n\t<b>\r\n\0c", 10);
    assert_string_equal(text_string(&out), "a\n\t&lt;b&gt;\\x0D\n\\x00c");
    text_free(&out);
}

static char *code_of(const char *code) {
    struct text out = {0};
    html_add_code(&out, code);
    return text_take(&out);
}

static void long_code_is_folded(void **state) {
    (void)state;
    char long_code[2001];
    memset(long_code, '<', sizeof long_code - 1);
    long_code[sizeof long_code - 1] = '\0';
    char *shown = code_of("select 1 < 2");
    assert_string_equal(shown, "<code>select 1 &lt; 2</code>");
    free(shown);
    shown = code_of("a\nb");
    assert_string_equal(shown, "<details><summary><code>a…</code></summary><pre>a\nb</pre></details>");
    free(shown);
    shown = code_of(long_code);
    assert_well_formed(shown);
    assert_int_equal(count_of(shown, "&lt;"), 160 + 2000);
    free(shown);
}

static void folded_code_is_cut_between_characters(void **state) {
    (void)state;
    struct text code = {0};
    for (int i = 0; i < 161; i++)
        text_add(&code, "\xE6\x9C\x88");
    char *shown = code_of(text_string(&code));
    assert_lacks(shown, "\\x");
    assert_int_equal(count_of(shown, "\xE6\x9C\x88"), 160 + 161);
    free(shown);
    text_free(&code);
}

/* --- Page --- */

static char *page_with(const struct html_link *links, size_t count, const char *title) {
    const struct html_head head = {
        .title = title, .program = "a-job", .generated_at = 1795369800123, .links = links, .link_count = count};
    struct text out = {0};
    html_page_begin(&out, &head);
    html_section_begin(&out, "one", "<One>");
    html_section_end(&out);
    html_page_end(&out, &head);
    assert_false(out.full);
    return text_take(&out);
}

static void a_page_is_whole(void **state) {
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0);
    char *page = page_with(NULL, 0, "A & B");
    assert_well_formed(page);
    assert_contains(page, "<html lang=\"en\">");
    assert_contains(page, "<meta charset=\"utf-8\">");
    assert_contains(page, "name=\"viewport\" content=\"width=device-width, initial-scale=1\"");
    assert_contains(page, "<title>A &amp; B</title>");
    assert_contains(page, "<h1>A &amp; B</h1>");
    assert_contains(page, "<section aria-labelledby=\"one\">\n<h2 id=\"one\">&lt;One&gt;</h2>");
    assert_contains(page, "<time datetime=\"2026-11-23T02:50:00.123+09:00\">2026-11-23 02:50</time>");
    assert_contains(page, "a-job ");
    assert_lacks(page, "<nav");
    assert_lacks(page, "http:");
    assert_lacks(page, "https:");
    assert_lacks(page, "url(");
    free(page);
}

static char *between(const char *page, const char *from, const char *to) {
    const char *start = strstr(page, from);
    assert_non_null(start);
    start += strlen(from);
    const char *end = strstr(start, to);
    assert_non_null(end);
    return xstrndup(start, (size_t)(end - start));
}

static void assert_allowed(const char *page, const char *directive, const char *from, const char *to) {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned char base64[2 * EVP_MAX_MD_SIZE];
    char *content = between(page, from, to);
    assert_int_equal(EVP_Digest(content, strlen(content), digest, NULL, EVP_sha256(), NULL), 1);
    EVP_EncodeBlock(base64, digest, 32);
    char *wanted = xasprintf("; %s 'sha256-%s';", directive, (const char *)base64);
    assert_contains(page, wanted);
    free(wanted);
    free(content);
}

static void the_policy_allows_this_style_and_this_script_only(void **state) {
    (void)state;
    char *page = page_with(NULL, 0, "t");
    char *policy = between(page, "<meta http-equiv=\"Content-Security-Policy\" content=\"", "\"");
    assert_int_equal(strncmp(policy, "default-src 'none'; ", 20), 0);
    assert_contains(policy, "; base-uri 'none'; form-action 'none'");
    assert_lacks(policy, "unsafe");
    assert_lacks(policy, "*");
    assert_int_equal(count_of(policy, "-src "), 3);
    assert_int_equal(count_of(policy, "sha256-"), 2);
    assert_allowed(page, "style-src", "<style>", "</style>");
    assert_allowed(page, "script-src", "<script>", "</script>");
    assert_int_equal(count_of(page, "<style"), 1);
    assert_int_equal(count_of(page, "<script"), 1);
    /* It must stand before what it shall govern. */
    assert_true(strstr(page, "http-equiv") < strstr(page, "<style>"));
    free(policy);
    free(page);
}

static void links_lead_nowhere_else(void **state) {
    (void)state;
    static const struct html_link links[] = {
        {"In<dexes", "indexes.html"},
        {"Deep", "a/b.html#c-1"},
        {"evil", "javascript:alert(1)"},
        {"evil", "//host/x"},
        {"evil", "/etc/passwd"},
        {"evil", "https://host/"},
        {"evil", "x\" onclick=\"alert(1)"},
        {"evil", "a b"},
        {"evil", ""},
        {"evil", "x?y"},
        {"evil", "\\\\host\\x"},
    };
    char *page = page_with(links, LENGTH_OF(links), "t");
    assert_well_formed(page);
    assert_contains(page, "<a href=\"indexes.html\">In&lt;dexes</a>");
    assert_contains(page, "<a href=\"a/b.html#c-1\">Deep</a>");
    assert_lacks(page, "evil");
    free(page);
    page = page_with(links + 2, 3, "t");
    assert_lacks(page, "<nav");
    free(page);
}

/* --- Tables --- */

static const struct html_column columns[] = {
    {"Na<me", HTML_TEXT, NULL},    {"Rows", HTML_NUMBER, "how \"many\""},
    {"Time", HTML_DURATION, NULL}, {"Size", HTML_BYTES, NULL},
    {"Seen", HTML_DATE, NULL},     {"Day", HTML_DATE, NULL},
    {"State", HTML_RAW, NULL},     {"Chart", HTML_PLAIN, NULL},
};

static void cells_have_what_they_are_sorted_by(void **state) {
    (void)state;
    struct text out = {0};
    struct html_table table;
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0);
    html_table_begin(&table, &out, "All <of> it", columns, LENGTH_OF(columns), 2);
    html_row(&table, "r-1");
    html_cell_text(&table, "<works>");
    html_cell_number(&table, 1234567);
    html_cell_duration(&table, 34500000);
    html_cell_bytes(&table, 1572864);
    html_cell_time(&table, 1795369800000);
    html_cell_day(&table, 20780);
    html_cell_begin(&table, 3);
    text_add(table.out, "<b>raw</b>");
    html_cell_end(&table);
    html_cell_begin(&table, 9);
    html_cell_end(&table);
    html_table_end(&table);
    const char *page = text_string(&out);
    assert_well_formed(page);
    assert_contains(page, "<caption>All &lt;of&gt; it</caption>");
    assert_contains(page, "role=\"region\" tabindex=\"0\" aria-label=\"All &lt;of&gt; it\"");
    assert_contains(page, "<tbody id=\"r-1\"><tr><th scope=\"row\" class=\"text\">&lt;works&gt;</th>");
    assert_contains(page, "<td class=\"number\" data-l=\"Rows\" data-s=\"1234567\">1,234,567</td>");
    assert_contains(page, "<td class=\"number\" data-l=\"Time\" data-s=\"34500000\">34.5 s</td>");
    assert_contains(page, "<td class=\"number\" data-l=\"Size\" data-s=\"1572864\">1.5 MiB</td>");
    assert_contains(page,
                    "<td class=\"date\" data-l=\"Seen\" data-s=\"1795369800000\"><time datetime=\"2026-11-23T02:50");
    assert_contains(page, "<td class=\"date\" data-l=\"Day\" data-s=\"20780\">2026-11-23</td>");
    assert_contains(page, "<td class=\"raw\" data-l=\"State\" data-s=\"3\"><b>raw</b></td>");
    assert_contains(page, "<td class=\"plain\" data-l=\"Chart\"></td>");
    text_free(&out);
}

static void heads_say_how_they_sort(void **state) {
    (void)state;
    struct text out = {0};
    struct html_table table;
    html_table_begin(&table, &out, "c", columns, LENGTH_OF(columns), 2);
    html_table_end(&table);
    assert_well_formed(text_string(&out));
    assert_contains(text_string(&out), "<th scope=\"col\" class=\"text\" data-t=\"t\">Na&lt;me</th>");
    assert_contains(text_string(&out), "<th scope=\"col\" class=\"number\" data-t=\"n\" aria-sort=\"descending\" "
                                       "title=\"how &quot;many&quot;\">Rows</th>");
    assert_contains(text_string(&out), "<th scope=\"col\" class=\"plain\">Chart</th>");
    assert_int_equal(count_of(text_string(&out), "aria-sort"), 1);
    text_clear(&out);
    html_table_begin(&table, &out, "c", columns, LENGTH_OF(columns), -1);
    html_table_end(&table);
    assert_contains(text_string(&out), "data-t=\"t\" aria-sort=\"ascending\">Na");
    assert_int_equal(count_of(text_string(&out), "aria-sort"), 1);
    text_free(&out);
}

static void what_is_not_there_is_sorted_last(void **state) {
    (void)state;
    struct text out = {0};
    struct html_table table;
    html_table_begin(&table, &out, "c", columns, 6, 0);
    html_row(&table, NULL);
    html_cell_text(&table, NULL);
    html_cell_none(&table);
    html_cell_number(&table, 0);
    html_cell_none(&table);
    html_cell_time(&table, 0);
    html_cell_day(&table, 0);
    html_table_end(&table);
    assert_well_formed(text_string(&out));
    assert_int_equal(count_of(text_string(&out), " data-s=\"\">–</t"), 5);
    assert_contains(text_string(&out), "data-l=\"Time\" data-s=\"0\">0</td>");
    text_free(&out);
}

static void rows_are_completed_and_carry_a_second_line(void **state) {
    (void)state;
    struct text out = {0};
    struct html_table table;
    html_table_begin(&table, &out, "c", columns, 3, 0);
    html_row(&table, NULL);
    html_cell_text(&table, "short");
    html_wide_begin(&table);
    html_add_code(table.out, "select 1");
    html_wide_end(&table);
    html_row(&table, NULL);
    html_row(&table, NULL);
    html_cell_text(&table, "last");
    html_cell_number(&table, 1);
    html_table_end(&table);
    assert_well_formed(text_string(&out));
    assert_int_equal(count_of(text_string(&out), "<tbody"), 3);
    assert_int_equal(count_of(text_string(&out), "</tbody>"), 3);
    assert_int_equal(count_of(text_string(&out), "<td "), 2 * 3 + 1); /* without the heads, with the wide one */
    assert_int_equal(count_of(text_string(&out), "scope=\"row\""), 3);
    assert_contains(text_string(&out),
                    "</tr><tr class=\"wide\"><td colspan=\"3\"><code>select 1</code></td></tr></tbody>");
    text_free(&out);
}

/* --- Formats --- */

static void assert_formatted(void (*format)(struct text *, int64_t), int64_t value, const char *wanted) {
    struct text out = {0};
    format(&out, value);
    assert_string_equal(text_string(&out), wanted);
    text_free(&out);
}

static void values_are_written_for_people(void **state) {
    (void)state;
    assert_int_equal(clock_set_zone("Asia/Tokyo"), 0);
    assert_formatted(format_number, 0, "0");
    assert_formatted(format_number, 999, "999");
    assert_formatted(format_number, 1000, "1,000");
    assert_formatted(format_number, -1234567, "-1,234,567");
    assert_formatted(format_number, INT64_MIN, "-9,223,372,036,854,775,808");
    assert_formatted(format_bytes, 0, "0 B");
    assert_formatted(format_bytes, 1023, "1023 B");
    assert_formatted(format_bytes, 1024, "1.0 KiB");
    assert_formatted(format_bytes, 1048575, "1.0 MiB");
    assert_formatted(format_bytes, INT64_MAX, "8.0 EiB");
    assert_formatted(format_bytes, -2048, "-2.0 KiB");
    assert_formatted(format_duration, 0, "0 ms");
    assert_formatted(format_duration, 400, "0.4 ms");
    assert_formatted(format_duration, 9999, "9.9 ms");
    assert_formatted(format_duration, 10000, "10 ms");
    assert_formatted(format_duration, 34560000, "34.5 s");
    assert_formatted(format_duration, 125000000, "2 min 05 s");
    assert_formatted(format_time, 1795369800000, "2026-11-23 02:50");
    assert_formatted(format_time, 0, "1970-01-01 09:00");
}

static void words_agree_with_their_number(void **state) {
    (void)state;
    struct text out = {0};
    format_count(&out, 0, "query", "queries");
    text_add(&out, ", ");
    format_count(&out, 1, "query", "queries");
    text_add(&out, ", ");
    format_count(&out, 1200, "query", "queries");
    assert_string_equal(text_string(&out), "0 queries, 1 query, 1,200 queries");
    text_free(&out);
}

static void bars_are_drawn_in_eighths(void **state) {
    (void)state;
    static const struct {
        double share;
        const char *bar;
    } cases[] = {{0, ""},        {-1, ""},       {NAN, ""},   {0.001, "▏"}, {0.5, "██"},
                 {0.625, "██▌"}, {0.96, "███▉"}, {1, "████"}, {7, "████"}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text out = {0};
        format_bar(&out, cases[i].share, 4);
        assert_string_equal(text_string(&out), cases[i].bar);
        text_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_of_any_origin_is_no_markup),
        cmocka_unit_test(line_breaks_stay_where_they_are_wanted),
        cmocka_unit_test(long_code_is_folded),
        cmocka_unit_test(folded_code_is_cut_between_characters),
        cmocka_unit_test(a_page_is_whole),
        cmocka_unit_test(the_policy_allows_this_style_and_this_script_only),
        cmocka_unit_test(links_lead_nowhere_else),
        cmocka_unit_test(cells_have_what_they_are_sorted_by),
        cmocka_unit_test(heads_say_how_they_sort),
        cmocka_unit_test(what_is_not_there_is_sorted_last),
        cmocka_unit_test(rows_are_completed_and_carry_a_second_line),
        cmocka_unit_test(values_are_written_for_people),
        cmocka_unit_test(words_agree_with_their_number),
        cmocka_unit_test(bars_are_drawn_in_eighths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
