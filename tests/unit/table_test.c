/* Tables for the terminal. */
#include "support.h"

#include "nightshift/report/table.h"

static char *printed(struct table *table) {
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    table_print(table, out);
    fclose(out);
    return shown;
}

static void assert_table(const char *const *heads, size_t columns, const char *const *cells, size_t rows,
                         const char *wanted) {
    struct table *table = table_open(heads, columns);
    for (size_t i = 0; i < rows; i++)
        table_add(table, cells + i * columns);
    assert_int_equal(table_rows(table), rows);
    char *shown = printed(table);
    assert_string_equal(shown, wanted);
    free(shown);
    table_free(table);
}

static void columns_are_as_wide_as_their_widest_cell(void **state) {
    (void)state;
    static const char *const heads[] = {"key", ">count", "node"};
    static const char *const cells[] = {"Category.Count/1", "5", "a", "x", "1000000", "bc"};
    assert_table(heads, 3, cells, 2,
                 "key                 count  node\n"
                 "Category.Count/1        5  a\n"
                 "x                 1000000  bc\n");
}

static void japanese_takes_two_columns_a_character(void **state) {
    (void)state;
    static const char *const heads[] = {"name", ">\xE4\xBB\xB6\xE6\x95\xB0", "x"}; /* number of cases */
    static const char *const cells[] = {"\xE3\x83\x87\xE3\x82\xB6\xE3\x82\xA4\xE3\x83\xB3",
                                        "12",
                                        "a", /* design */
                                        "\xEF\xBD\xB1\xEF\xBD\xB2",
                                        "3",
                                        "b", /* half-width */
                                        "ascii",
                                        "12345",
                                        "c"};
    assert_table(heads, 3, cells, 3,
                 "name       \xE4\xBB\xB6\xE6\x95\xB0  x\n"
                 "\xE3\x83\x87\xE3\x82\xB6\xE3\x82\xA4\xE3\x83\xB3     12  a\n"
                 "\xEF\xBD\xB1\xEF\xBD\xB2            3  b\n"
                 "ascii     12345  c\n");
}

static void hostile_cells_stay_in_their_place(void **state) {
    (void)state;
    static const char *const heads[] = {"id", "n"};
    static const char *const cells[] = {"a\nb\033[2J", "1", "\xFF", "2"};
    assert_table(heads, 2, cells, 2,
                 "id             n\n"
                 "a\\x0Ab\\x1B[2J  1\n"
                 "\\xFF           2\n");
}

static void absent_cells_are_empty(void **state) {
    (void)state;
    static const char *const heads[] = {"a", ">b"};
    static const char *const cells[] = {NULL, NULL, "x", NULL, NULL, "y"};
    assert_table(heads, 2, cells, 3, "a  b\n    \nx   \n   y\n");
}

static void a_last_column_flush_right_is_padded(void **state) {
    (void)state;
    static const char *const heads[] = {"", ">n"};
    static const char *const cells[] = {"x", "100"};
    assert_table(heads, 2, cells, 1, "     n\nx  100\n");
}

static void a_table_without_rows_has_its_heads(void **state) {
    (void)state;
    static const char *const heads[] = {"only"};
    assert_table(heads, 1, NULL, 0, "only\n");
    table_free(NULL);
}

static void many_rows(void **state) {
    (void)state;
    static const char *const heads[] = {"n"};
    struct table *table = table_open(heads, 1);
    for (int i = 0; i < 5000; i++) {
        char cell[16];
        snprintf(cell, sizeof cell, "%d", i);
        const char *const cells[] = {cell};
        table_add(table, cells);
    }
    char *shown = printed(table);
    assert_contains(shown, "\n4999\n");
    free(shown);
    table_free(table);
}

static void rows_are_made_cell_by_cell(void **state) {
    (void)state;
    static const char *const heads[] = {"name", ">count"};
    char *shown = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&shown, &length);
    struct table *table = table_open(heads, 2);
    text_add(table_cell(table), "works");
    text_printf(table_cell(table), "%d", 1234);
    assert_int_equal(table_rows(table), 1);
    text_add(table_cell(table), "a\tb"); /* the row that is not finished is shown too */
    assert_int_equal(table_rows(table), 2);
    table_print(table, out);
    table_free(table);
    fclose(out);
    assert_string_equal(shown, "name    count\nworks    1234\na\\x09b       \n");
    free(shown);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(columns_are_as_wide_as_their_widest_cell),
        cmocka_unit_test(japanese_takes_two_columns_a_character),
        cmocka_unit_test(hostile_cells_stay_in_their_place),
        cmocka_unit_test(absent_cells_are_empty),
        cmocka_unit_test(a_last_column_flush_right_is_padded),
        cmocka_unit_test(a_table_without_rows_has_its_heads),
        cmocka_unit_test(many_rows),
        cmocka_unit_test(rows_are_made_cell_by_cell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
