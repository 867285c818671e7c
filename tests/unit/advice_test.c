/* What a run's end means, and what to do next. */
#include "support.h"

#include "nightshift/run/advice.h"

static char *words_of(int exit_code) {
    struct text out = {0};
    advice_add_words(&out, exit_code);
    return text_take(&out);
}

static char *next_of(const struct advice_case *run) {
    struct text out = {0};
    advice_add_next(&out, run);
    return text_take(&out);
}

static void every_code_has_words(void **state) {
    (void)state;
    for (int code = 0; code < 256; code++) {
        char *words = words_of(code);
        assert_true(strlen(words) > 5);
        assert_lacks(words, "n: ");
        free(words);
    }
}

static void a_signal_is_named(void **state) {
    (void)state;
    char *words = words_of(143);
    assert_string_equal(words, "ended by signal 15 (Terminated), after leaving everything consistent");
    free(words);
    words = words_of(255);
    assert_string_equal(words, "not an exit code of nightshift");
    free(words);
    words = words_of(2);
    assert_string_equal(words, "not an exit code of nightshift");
    free(words);
}

static void each_code_has_a_next_step(void **state) {
    (void)state;
    for (const struct exit_text *e = exit_table; e->text != NULL; e++) {
        char *next = next_of(&(struct advice_case){.job = "count-categories", .exit_code = e->code});
        assert_string_equal(next, e->next);
        free(next);
    }
}

static void the_step_is_as_specific_as_the_record(void **state) {
    (void)state;
    static const struct {
        struct advice_case run;
        const char *next;
    } cases[] = {
        {{.exit_code = EXIT_GUARD, .guard = "drop"},
         "run count-categories with --accept drop (try with --dry-run first)"},
        {{.exit_code = EXIT_UNAVAILABLE, .reason = "cannot connect to MySQL \"db1:3306\": refused"},
         "bring \"db1:3306\" back, then run count-categories again"},
        {{.exit_code = EXIT_UNAVAILABLE, .reason = "no node answers"}, "bring back the server that the reason names"},
        {{.exit_code = EXIT_UNAVAILABLE, .reason = "a quote \" alone"}, "bring back the server that the reason names"},
        {{.exit_code = EXIT_BUG, .signal = 11}, "its worker crashed by signal 11 (Segmentation fault)"},
        {{.exit_code = EXIT_DENIED, .hint = "grant SELECT on x.* to this account"},
         "grant SELECT on x.* to this account"},
        {{.exit_code = EXIT_GUARD, .guard = "drop", .hint = "look there"}, "look there"},
        {{.exit_code = EXIT_UNAVAILABLE, .reason = "none", .warning = "\"db2\" is passed over", .hint = "look there"},
         "bring \"db2\" back, then run count-categories again; hint: look there"},
        {{.exit_code = 3}, "ask who started it"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct advice_case run = cases[i].run;
        run.job = "count-categories";
        char *next = next_of(&run);
        assert_contains(next, cases[i].next);
        free(next);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_has_words),
        cmocka_unit_test(a_signal_is_named),
        cmocka_unit_test(each_code_has_a_next_step),
        cmocka_unit_test(the_step_is_as_specific_as_the_record),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
