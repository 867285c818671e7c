/* Exit codes: the table, and which of two counts. */
#include "support.h"

static void the_table_is_in_order_and_has_a_text_for_each(void **state) {
    (void)state;
    int last = -1;
    size_t count = 0;
    for (; exit_table[count].text != NULL; count++) {
        assert_true(exit_table[count].code > last);
        last = exit_table[count].code;
    }
    assert_int_equal(count, 12);
    assert_int_equal(last, EXIT_SIGNAL);
}

static void the_first_failure_counts_and_attention_gives_way(void **state) {
    (void)state;
    static const int cases[][3] = {
        /* first, next, both */
        {0, 0, 0},
        {0, EXIT_ATTENTION, EXIT_ATTENTION},
        {0, EXIT_UNAVAILABLE, EXIT_UNAVAILABLE},
        {EXIT_ATTENTION, 0, EXIT_ATTENTION},
        {EXIT_ATTENTION, EXIT_ATTENTION, EXIT_ATTENTION},
        {EXIT_ATTENTION, EXIT_DENIED, EXIT_DENIED},
        {EXIT_UNAVAILABLE, 0, EXIT_UNAVAILABLE},
        {EXIT_UNAVAILABLE, EXIT_ATTENTION, EXIT_UNAVAILABLE},
        {EXIT_UNAVAILABLE, EXIT_DENIED, EXIT_UNAVAILABLE},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        assert_int_equal(exit_combine(cases[i][0], cases[i][1]), cases[i][2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_in_order_and_has_a_text_for_each),
        cmocka_unit_test(the_first_failure_counts_and_attention_gives_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
