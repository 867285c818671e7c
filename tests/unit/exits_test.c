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

/* nightshift(7) says of every code what the table says: "TEXT. Next : NEXT." */
static void the_manual_page_has_the_same_words(void **state) {
    (void)state;
    char *page = scene_read("cron/nightshift.7");
    assert_non_null(page);
    for (const struct exit_text *e = exit_table; e->text != NULL; e++) {
        const char *text = e->code == EXIT_SIGNAL ? e->text + strlen("128+n: ") : e->text;
        char *item = e->code == EXIT_SIGNAL ? xstrdup("128+n") : xasprintf("%d", e->code);
        char *entry = xasprintf("\n.It %s\n%c%s.\n.Em Next :\n%s.\n", item, text[0] - 'a' + 'A', text + 1, e->next);
        assert_contains(page, entry);
        free(entry);
        free(item);
    }
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_in_order_and_has_a_text_for_each),
        cmocka_unit_test(the_first_failure_counts_and_attention_gives_way),
        cmocka_unit_test(the_manual_page_has_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
