/* What the ledger remembers and forgets. */
#include "ledger_groups.h"

static void instances_that_are_gone_are_forgotten(void **state) {
    (void)state;
    struct ledger ledger = {0};
    static const struct {
        const char *instance;
        int64_t read_at;
    } cases[] = {{"gone", 999}, {"here", 1000}, {"new", 0}, {"long gone", 1}, {"busy", 5000}};
    for (size_t i = 0; i < LENGTH_OF(cases); i++)
        ledger_position(&ledger, cases[i].instance)->read_at = cases[i].read_at;
    assert_int_equal(ledger_forget(&ledger, 10, 1000), 0);
    assert_int_equal(ledger.position_count, 3);
    assert_string_equal(ledger.positions[0].instance, "here");
    assert_string_equal(ledger.positions[1].instance, "new");
    assert_string_equal(ledger.positions[2].instance, "busy");
    ledger_free(&ledger);
}

static void the_last_gaps_are_remembered(void **state) {
    (void)state;
    struct ledger ledger = {0};
    char sentence[] = "gap A";
    for (int i = 0; i < LEDGER_GAPS_LIMIT + 3; i++) {
        sentence[4] = (char)('A' + i);
        strings_add(&ledger.gaps, sentence);
        if (i % 2 == 0)
            ledger_settle(&ledger, NULL, 100);
    }
    assert_int_equal(ledger.told_gaps.count, LEDGER_GAPS_LIMIT);
    assert_string_equal(ledger.told_gaps.items[0], "gap D");
    assert_string_equal(ledger.told_gaps.items[LEDGER_GAPS_LIMIT - 1], "gap M");
    ledger_free(&ledger);
}

static void settling_moves_groups_into_the_history(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct strings told = {0};
    assert_null(ledger_known(&ledger, ID("1")));
    put_group(&ledger, ID("9"), "a", 100, 2);
    put_group(&ledger, ID("1"), "a", 101, 3);
    put_group(&ledger, ID("9"), "b", 100, 4);
    put_group(&ledger, ID("5"), "b", 99, 1);
    put_group(&ledger, ID("9"), "c", 101, 1);
    strings_add(&ledger.gaps, "a gap");
    ledger.sealed = xstrdup("key");
    strings_add(&told, ID("9"));
    strings_add(&told, ID("A")); /* not there */
    ledger_settle(&ledger, &told, 101);
    assert_int_equal(ledger.pending.count, 0);
    assert_int_equal(ledger.gaps.count, 0);
    assert_int_equal(ledger.told_gaps.count, 1);
    assert_string_equal(ledger.told_gaps.items[0], "a gap");
    assert_null(ledger.sealed);
    assert_int_equal(ledger.known_count, 3);
    const struct known *nine = ledger_known(&ledger, ID("9"));
    assert_ptr_equal(nine, &ledger.known[2]);
    assert_string_equal(nine->fingerprint, "select 9");
    assert_int_equal(nine->all.count, 7);
    assert_int_equal(nine->all.total, 10 + 20 + 10 + 20 + 30 + 40 + 10);
    assert_int_equal(nine->all.worst, 40);
    assert_int_equal(nine->first_seen, 100 * 86400000LL);
    assert_int_equal(nine->last_seen, 101 * 86400000LL + 1);
    assert_int_equal(nine->days.count, 2);
    assert_int_equal(nine->days.items[0].tally.count, 6);
    assert_int_equal(nine->tables.count, 4);
    assert_string_equal(nine->tables.items[0], "works");
    assert_int_equal(nine->told_day, 101);
    assert_int_equal(nine->told.count, 1);
    assert_int_equal(nine->told.total, 10);
    assert_int_equal(ledger_known(&ledger, ID("1"))->told_day, 0);
    assert_int_equal(ledger_known(&ledger, ID("1"))->told.count, 0);
    /* And again, with an older group that comes late. */
    put_group(&ledger, ID("0"), "a", 102, 1);
    put_group(&ledger, ID("9"), "a", 98, 1);
    put_group(&ledger, ID("9"), "a", 101, 5);
    ledger_settle(&ledger, NULL, 102);
    assert_int_equal(ledger.known_count, 4);
    nine = ledger_known(&ledger, ID("9"));
    assert_int_equal(nine->all.count, 13);
    assert_int_equal(nine->first_seen, 98 * 86400000LL);
    assert_int_equal(nine->last_seen, 101 * 86400000LL + 5);
    assert_int_equal(nine->days.count, 3);
    assert_int_equal(nine->days.items[2].tally.count, 6);
    assert_int_equal(nine->told_day, 101);
    assert_int_equal(nine->told.count, 1);
    for (size_t i = 0; i + 1 < ledger.known_count; i++)
        assert_true(strcmp(ledger.known[i].id, ledger.known[i + 1].id) < 0);
    strings_free(&told);
    ledger_free(&ledger);
}

static void new_ones_and_known_ones_are_told_apart(void **state) {
    (void)state;
    static const char digits[] = "0123456789ABCDEF";
    struct ledger ledger = {0};
    for (size_t turn = 0; turn < 3; turn++) {
        /* First every third, then the others too, on two instances. */
        for (size_t i = 0; i < strlen(digits); i++) {
            char id[FINGERPRINT_ID_SIZE] = ID("0");
            id[FINGERPRINT_ID_SIZE - 2] = digits[i * 7 % strlen(digits)];
            if (turn > 0 || i % 3 == 0)
                put_group(&ledger, id, "a", 100, 1);
            if (turn > 0)
                put_group(&ledger, id, "b", 100, 1);
        }
        ledger_settle(&ledger, NULL, 100);
    }
    assert_int_equal(ledger.known_count, strlen(digits));
    for (size_t i = 0; i < strlen(digits); i++) {
        assert_int_equal(ledger.known[i].id[FINGERPRINT_ID_SIZE - 2], digits[i]);
        assert_in_range(ledger.known[i].all.count, 4, 5);
    }
    ledger_free(&ledger);
}

static void a_history_does_not_grow_without_end(void **state) {
    (void)state;
    struct ledger ledger = {0};
    for (int64_t day = 0; day < 200; day++) {
        char instance[24];
        snprintf(instance, sizeof instance, "table%d", (int)day);
        put_group(&ledger, ID("1"), instance, day, 1);
        ledger_settle(&ledger, NULL, day);
    }
    assert_int_equal(ledger.known[0].days.count, LEDGER_DAYS_LIMIT);
    assert_int_equal(ledger.known[0].days.items[0].day, 200 - LEDGER_DAYS_LIMIT);
    assert_int_equal(ledger.known[0].tables.count, GROUPS_NAMES_LIMIT);
    assert_int_equal(ledger.known[0].all.count, 200);
    ledger_free(&ledger);
}

static void forget_what_was_not_seen_for_long(void **state) {
    (void)state;
    static const struct {
        size_t limit;
        int64_t before;
        const char *left;
    } cases[] = {
        {100, 0, "12345678"},
        {8, 0, "12345678"},
        {100, 103 * 86400000LL, "345678"},
        {7, 0, "2345678"},
        {4, 0, "3678"},
        {3, 0, "678"},
        {1, 0, "8"},
        {0, 0, ""},
        {5, INT64_MAX, ""},
        {6, 106 * 86400000LL, "678"},
    };
    /* Last seen on these days. */
    static const int64_t days[] = {101, 102, 105, 105, 105, 106, 107, 108};
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct ledger ledger = {0};
        char left[9] = "";
        for (size_t j = 0; j < LENGTH_OF(days); j++) {
            char id[FINGERPRINT_ID_SIZE];
            memset(id, '0', sizeof id);
            id[FINGERPRINT_ID_SIZE - 2] = (char)('1' + j);
            id[FINGERPRINT_ID_SIZE - 1] = '\0';
            put_group(&ledger, id, "a", days[j], 0);
        }
        ledger_settle(&ledger, NULL, 108);
        size_t forgotten = ledger_forget(&ledger, cases[i].limit, cases[i].before);
        for (size_t j = 0; j < ledger.known_count; j++)
            left[j] = ledger.known[j].id[FINGERPRINT_ID_SIZE - 2];
        assert_string_equal(left, cases[i].left);
        assert_int_equal(forgotten, LENGTH_OF(days) - strlen(left));
        /* It can still be added to. */
        put_group(&ledger, ID("1"), "a", 110, 1);
        ledger_settle(&ledger, NULL, 108);
        assert_non_null(ledger_known(&ledger, ID("1")));
        ledger_free(&ledger);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settling_moves_groups_into_the_history),
        cmocka_unit_test(the_last_gaps_are_remembered),
        cmocka_unit_test(instances_that_are_gone_are_forgotten),
        cmocka_unit_test(new_ones_and_known_ones_are_told_apart),
        cmocka_unit_test(a_history_does_not_grow_without_end),
        cmocka_unit_test(forget_what_was_not_seen_for_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
