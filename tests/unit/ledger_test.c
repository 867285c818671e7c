/* The ledger there and back, and damaged in every way. */
#include "ledger_groups.h"

static const char hostile[] = "\\ \\t \t \n \r \\, , : \x01 \xFF\xC3 名 \\";

/* Something of everything. */
static void fill(struct ledger *ledger) {
    struct position *position = ledger_position(ledger, "uuid\t1");
    free(position->server);
    position->server = xstrdup("db1:3306");
    position->rows = 12345678901;
    strcpy(position->first, "0123456789abcdef0123456789abcdef");
    strcpy(position->last, "f");
    position->read_at = 1700000000123;
    position->newest = -5;
    strings_add(&position->done, "");
    strings_add(&position->done, hostile);
    ledger_position(ledger, hostile)->rows = INT64_MAX;
    ledger->sealed = xstrdup("20231123T031000\n");
    strings_add(&ledger->gaps, "db1: the table was emptied");
    strings_add(&ledger->gaps, hostile);
    strings_add(&ledger->told_gaps, hostile);
    put_group(ledger, ID("3"), "a", 19675, 3);
    put_group(ledger, ID("2"), hostile, 19676, 70);
    struct group *group = &ledger->pending.items[1];
    days_add(&group->days, 19000, &(struct tally){1, 7, 8});
    days_add(&group->days, -3, &(struct tally){INT64_MAX, INT64_MAX, INT64_MAX});
    group->times.seen = INT64_MAX;
    group->lock_time = 5;
    group->rows_sent = INT64_MAX;
    group->rows_examined = 7;
    group->sample = xstrdup(hostile);
    put_group(ledger, ID("1"), "b", 19675, 0);
    ledger->pending.items[2].sample = xstrdup("");
    ledger_settle(ledger, NULL, 0);
    strings_add(&ledger->gaps, hostile);
    ledger->sealed = xstrdup("");
    put_group(ledger, ID("3"), "a", 19677, 2);
    put_group(ledger, ID("5"), hostile, 19677, 1);
    ledger->pending.items[1].sample = xstrdup(hostile);
    ledger->pending.items[0].sample = xstrdup("");
    ledger->pending.items[0].first = INT64_MIN;
    free(ledger->known[0].fingerprint);
    ledger->known[0].fingerprint = xstrdup(hostile);
    ledger->known[1].told_day = 19676;
    ledger->known[1].told = (struct tally){0, 0, 1};
    ledger->known[2].told = (struct tally){1, 64, 64};
}

static void assert_same_strings(const struct strings *a, const struct strings *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_string_equal(a->items[i], b->items[i]);
}

static void assert_same_days(const struct days *a, const struct days *b) {
    assert_int_equal(a->count, b->count);
    if (a->count > 0)
        assert_memory_equal(a->items, b->items, a->count * sizeof *a->items);
}

static void assert_same_group(const struct group *a, const struct group *b) {
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_string_equal(a->instance, b->instance);
    assert_memory_equal(&a->all, &b->all, sizeof a->all);
    assert_same_days(&a->days, &b->days);
    assert_int_equal(a->times.seen, b->times.seen);
    assert_int_equal(a->times.count, b->times.count);
    if (a->times.count > 0)
        assert_memory_equal(a->times.items, b->times.items, a->times.count * sizeof *a->times.items);
    assert_int_equal(a->lock_time, b->lock_time);
    assert_int_equal(a->rows_sent, b->rows_sent);
    assert_int_equal(a->rows_examined, b->rows_examined);
    assert_int_equal(a->first, b->first);
    assert_int_equal(a->last, b->last);
    assert_same_strings(&a->tables, &b->tables);
    assert_same_strings(&a->users, &b->users);
    assert_int_equal(a->sample == NULL, b->sample == NULL);
    if (a->sample != NULL)
        assert_string_equal(a->sample, b->sample);
}

static void assert_same_known(const struct known *a, const struct known *b) {
    assert_string_equal(a->id, b->id);
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_same_strings(&a->tables, &b->tables);
    assert_int_equal(a->first_seen, b->first_seen);
    assert_int_equal(a->last_seen, b->last_seen);
    assert_memory_equal(&a->all, &b->all, sizeof a->all);
    assert_same_days(&a->days, &b->days);
    assert_int_equal(a->told_day, b->told_day);
    assert_memory_equal(&a->told, &b->told, sizeof a->told);
}

static void assert_same_ledger(const struct ledger *a, const struct ledger *b) {
    assert_int_equal(a->position_count, b->position_count);
    for (size_t i = 0; i < a->position_count; i++) {
        const struct position *left = &a->positions[i];
        const struct position *right = &b->positions[i];
        assert_string_equal(left->instance, right->instance);
        assert_string_equal(left->server, right->server);
        assert_int_equal(left->rows, right->rows);
        assert_string_equal(left->first, right->first);
        assert_string_equal(left->last, right->last);
        assert_int_equal(left->read_at, right->read_at);
        assert_int_equal(left->newest, right->newest);
        assert_same_strings(&left->done, &right->done);
    }
    assert_int_equal(a->pending.count, b->pending.count);
    for (size_t i = 0; i < a->pending.count; i++)
        assert_same_group(&a->pending.items[i], &b->pending.items[i]);
    assert_int_equal(a->sealed == NULL, b->sealed == NULL);
    if (a->sealed != NULL)
        assert_string_equal(a->sealed, b->sealed);
    assert_same_strings(&a->gaps, &b->gaps);
    assert_same_strings(&a->told_gaps, &b->told_gaps);
    assert_int_equal(a->known_count, b->known_count);
    for (size_t i = 0; i < a->known_count; i++)
        assert_same_known(&a->known[i], &b->known[i]);
}

static void what_is_encoded_is_decoded(void **state) {
    (void)state;
    struct ledger before = {0};
    struct ledger after = {0};
    struct text body = {0};
    fill(&before);
    assert_int_equal(before.known_count, 3);
    assert_int_equal(before.pending.count, 2);
    ledger_encode(&before, &body);
    assert_null(ledger_decode(&body, &after));
    assert_same_ledger(&before, &after);
    ledger_free(&before);
    ledger_free(&after);
    assert_int_equal(after.known_count, 0);
    text_free(&body);
}

/* The pending groups of the first filling, which have days, times and samples of all kinds. */
static void groups_are_decoded_as_they_were(void **state) {
    (void)state;
    struct ledger before = {0};
    struct ledger after = {0};
    struct text body = {0};
    for (int64_t count = 0; count < 1100; count = count * 3 + 1)
        put_group(&before, ID("7"), "a", 19675 + count, count);
    for (int i = 0; i < DAYS_LIMIT; i++)
        days_add(&before.pending.items[0].days, 100 + i * i, &(struct tally){i, 1 << (i % 30), i});
    ledger_encode(&before, &body);
    assert_null(ledger_decode(&body, &after));
    assert_same_ledger(&before, &after);
    ledger_free(&before);
    ledger_free(&after);
    text_free(&body);
}

/* The format, so that it does not change unnoticed: ledgers of an older release are read by a newer one. */
static void this_is_how_a_ledger_reads(void **state) {
    (void)state;
    static const char wanted[] = "nightshift-slow-queries 1\n"
                                 "sealed\tkey\n"
                                 "gap\ta\\tb\n"
                                 "told_gap\tlong ago\n"
                                 "position\tuuid\tdb1\\\\x\t7\tff\t\t1700000000123\t-1\tone\\,\\,\n"
                                 "group\t00000000000000000000000000000001\ta\tselect 1\t2:U:K\t0\t0\t0\t1699920000000\t"
                                 "1699920000002\t4pR:2:U:K\t2\tA,K\tworks\\,a\\,\tapp\\,\t\n"
                                 "known\t00000000000000000000000000000002\tselect 2\tworks\\,a\\,\t1699920000000\t"
                                 "1700006400001\t4:16:U\t4pR:3:y:U,1:1:A\t19676\t1:A\n"
                                 "end\t6\n";
    struct ledger ledger = {0};
    struct text body = {0};
    put_group(&ledger, ID("2"), "a", 19675, 3);
    put_group(&ledger, ID("2"), "a", 19676, 1);
    struct strings told = {0};
    strings_add(&told, ID("2"));
    ledger_settle(&ledger, &told, 19676);
    strings_free(&told);
    struct position *position = ledger_position(&ledger, "uuid");
    free(position->server);
    position->server = xstrdup("db1\\x");
    position->rows = 7;
    strcpy(position->first, "ff");
    position->read_at = 1700000000123;
    position->newest = -1;
    strings_add(&position->done, "one");
    strings_add(&position->done, "");
    put_group(&ledger, ID("1"), "a", 19675, 2);
    ledger.sealed = xstrdup("key");
    strings_add(&ledger.gaps, "a\tb");
    strings_add(&ledger.told_gaps, "long ago");
    text_add(&body, "before");
    ledger_encode(&ledger, &body);
    assert_string_equal(body.data + strlen("before"), wanted);
    ledger_free(&ledger);
    text_free(&body);
}

static const char *decode(const char *bytes, size_t length) {
    struct ledger ledger = {0};
    struct text body = {0};
    text_append(&body, bytes, length);
    const char *problem = ledger_decode(&body, &ledger);
    if (problem != NULL) {
        const struct ledger empty = {0};
        assert_memory_equal(&ledger, &empty, sizeof empty);
    } else {
        struct text again = {0};
        ledger_encode(&ledger, &again);
        assert_int_equal(again.length, length);
        assert_memory_equal(again.data, bytes, length);
        text_free(&again);
    }
    ledger_free(&ledger);
    text_free(&body);
    return problem;
}

static void an_empty_ledger_is_one_and_nothing_is_none(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct text body = {0};
    ledger_encode(&ledger, &body);
    assert_string_equal(body.data, LEDGER_HEAD "end\t0\n");
    assert_null(decode(body.data, body.length));
    text_free(&body);
    assert_non_null(ledger_decode(&body, &ledger));
    assert_non_null(decode("", 0));
}

static void every_truncation_is_refused(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct text body = {0};
    fill(&ledger);
    ledger_encode(&ledger, &body);
    assert_null(decode(body.data, body.length));
    for (size_t length = 0; length < body.length; length++)
        assert_non_null(decode(body.data, length));
    ledger_free(&ledger);
    text_free(&body);
}

/* There is one way to write each ledger: what is not refused is written again byte by byte, which decode() checks. */
static void every_changed_byte_is_refused_or_understood(void **state) {
    (void)state;
    static const char bytes[] = "\0\t\n\r\\,:-0159AFZtn._ \xFF";
    struct ledger ledger = {0};
    struct text body = {0};
    size_t refused = 0;
    fill(&ledger);
    ledger_encode(&ledger, &body);
    for (size_t at = 0; at < body.length; at++) {
        const char right = body.data[at];
        for (size_t i = 0; i < sizeof bytes - 1 + 8; i++) {
            body.data[at] = (char)(i < sizeof bytes - 1 ? bytes[i] : right ^ (1 << (i - (sizeof bytes - 1))));
            refused += decode(body.data, body.length) != NULL;
        }
        body.data[at] = right;
    }
    assert_in_range(refused, body.length * 10, body.length * 20);
    ledger_free(&ledger);
    text_free(&body);
}

static void lines_may_not_be_lost_or_doubled(void **state) {
    (void)state;
    struct ledger ledger = {0};
    struct text body = {0};
    fill(&ledger);
    ledger_encode(&ledger, &body);
    for (char *line = body.data, *next = NULL; *line != '\0'; line = next) {
        struct text changed = {0};
        next = strchr(line, '\n') + 1;
        text_append(&changed, body.data, (size_t)(line - body.data));
        text_add(&changed, next);
        assert_non_null(decode(changed.data, changed.length));
        text_clear(&changed);
        text_append(&changed, body.data, (size_t)(next - body.data));
        text_add(&changed, line);
        assert_non_null(decode(changed.data, changed.length));
        text_free(&changed);
    }
    text_add(&body, "\n");
    assert_non_null(decode(body.data, body.length));
    ledger_free(&ledger);
    text_free(&body);
}

#define POSITION "position\ta\t\t0\t\t\t0\t0\t\n"
#define GROUP_START "group\t00000000000000000000000000000001\ta\tselect\t1:1\t0\t0\t0\t0\t0\t"
#define KNOWN(id, days) "known\t0000000000000000000000000000000" id "\tselect\t\t0\t0\t1:1\t" days "\t0\t0:0\n"

static void what_is_no_ledger_is_refused_with_a_reason(void **state) {
    (void)state;
    static const struct {
        const char *lines;
        const char *reason; /* NULL: a good one */
    } cases[] = {
        {"end\t0\n", NULL},
        {POSITION "end\t1\n", NULL},
        {GROUP_START "1:1:1\t1\t1\t\t\t\nend\t1\n", NULL},
        {KNOWN("1", "1:1:1") KNOWN("2", "") "end\t2\n", NULL},
        {KNOWN("1", "-1:1:1,1:2:1:1") "end\t1\n", NULL},
        {"", "its end is missing"},
        {"end\t0", "its end is missing"},
        {"end\t", "its end is missing"},
        {"end\t\n", "a line begins with an unknown word"},
        {"end\t00\n", "lines are missing or too many"},
        {"end\t-1\n", "lines are missing or too many"},
        {"end\t1\n", "lines are missing or too many"},
        {"end\t0\nend\t0\n", "lines are missing or too many"},
        {"end\t0 \n", "lines are missing or too many"},
        {"\nend\t1\n", "a line begins with an unknown word"},
        {"knowns\t\nend\t1\n", "a line begins with an unknown word"},
        {"sealed\nend\t1\n", "a field is missing"},
        {"sealed\ta\tb\nend\t1\n", "there is a field too many"},
        {"sealed\ta\nsealed\ta\nend\t2\n", "it is sealed twice"},
        {"sealed\t\\x\nend\t1\n", "a text is not escaped as it should be"},
        {"sealed\t\\\nend\t1\n", "a text is not escaped as it should be"},
        {"sealed\t\\,\nend\t1\n", "a text is not escaped as it should be"},
        {POSITION POSITION "end\t2\n", "an instance has two positions"},
        {"position\ta\t\t-1\t\t\t0\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t01\t\t\t0\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t\t\t\t0\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t1A\t\t\t0\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t0\t\t\t-0\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t0\t\t\t-\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t0\t\t\t9223372036854775808\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t0\t\t\t-9223372036854775809\t0\t\nend\t1\n", "a number is not one"},
        {"position\ta\t\t0\t\t\t-9223372036854775808\t9223372036854775807\t\nend\t1\n", NULL},
        {"position\ta\t\t0\t012345678901234567890123456789012\t\t0\t0\t\nend\t1\n", "a hash is too long"},
        {"position\ta\t\t0\t\t\t0\t0\tone\nend\t1\n", "a list has no end"},
        {"position\ta\t\t0\t\t\t0\t0\tone\\\nend\t1\n", "a list has no end"},
        {"position\ta\t\t0\t\t\t0\t0\tone\\\\,\nend\t1\n", "a list has no end"},
        {"position\ta\t\t0\t\t\t0\t0\tone\\x\\,\nend\t1\n", "a text is not escaped as it should be"},
        {GROUP_START "1:1:1:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "1:2:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "1:-1:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "1:1:1,\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "1:1:1,0:1:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "1:1:1,-1:1:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "7__________:1:1,7__________:1:1\t1\t1\t\t\t\nend\t1\n", "the days are not in order"},
        {GROUP_START "\t1\t1,1\t\t\t\nend\t1\n", "there are more times than queries"},
        {GROUP_START "\t2\t1,,1\t\t\t\nend\t1\n", "the times are not numbers"},
        {GROUP_START "\t2\t-1\t\t\t\nend\t1\n", "the times are not numbers"},
        {GROUP_START "\t2\t1,\t\t\t\nend\t1\n", "the times are not numbers"},
        {GROUP_START "\t0\t\t\t\ta\\,b\\,\nend\t1\n", "a group has two samples"},
        {GROUP_START "\t0\t\t\t\nend\t1\n", "a field is missing"},
        {"known\t0000000000000000000000000000000a\tselect\t\t0\t0\t1:1\t\t0\t0:0\nend\t1\n",
         "an id is not 32 hexadecimal digits"},
        {"known\t000000000000000000000000000000001\tselect\t\t0\t0\t1:1\t\t0\t0:0\nend\t1\n",
         "an id is not 32 hexadecimal digits"},
        {"known\t\tselect\t\t0\t0\t1:1\t\t0\t0:0\nend\t1\n", "an id is not 32 hexadecimal digits"},
        {"known\t00000000000000000000000000000001\tselect\t\t0\t0\t1\t\t0\t0:0\nend\t1\n", "a tally is not one"},
        {"known\t00000000000000000000000000000001\tselect\t\t0\t0\t1:1:\t\t0\t0:0\nend\t1\n", "a tally is not one"},
        {KNOWN("2", "") KNOWN("1", "") "end\t2\n", "the fingerprints are not in order"},
        {KNOWN("2", "") KNOWN("2", "") "end\t2\n", "the fingerprints are not in order"},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct text body = {0};
        text_printf(&body, "%s%s", LEDGER_HEAD, cases[i].lines);
        const char *reason = decode(body.data, body.length);
        if ((reason == NULL) != (cases[i].reason == NULL))
            print_error("%s", cases[i].lines);
        assert_int_equal(reason == NULL, cases[i].reason == NULL);
        if (reason != NULL && cases[i].reason != NULL)
            assert_string_equal(reason, cases[i].reason);
        text_free(&body);
    }
    static const char nul[] = LEDGER_HEAD "sealed\ta\0b\nend\t1\n";
    assert_string_equal(decode(nul, sizeof nul - 1), "there is a NUL byte in it");
    static const char newer[] = "nightshift-slow-queries 2\nend\t0\n";
    assert_string_equal(decode(newer, sizeof newer - 1), "it does not begin as a ledger of this version");
}

static void lists_beyond_their_limit_are_refused(void **state) {
    (void)state;
    struct text body = {0};
    for (size_t more = 0; more < 2; more++) {
        text_clear(&body);
        text_add(&body, LEDGER_HEAD "known\t00000000000000000000000000000001\tselect\t\t0\t0\t1:1\t1:1:1");
        for (size_t i = 1; i < DAYS_LIMIT + more; i++)
            text_add(&body, ",1:1:1");
        text_add(&body, "\t0\t0:0\nend\t1\n");
        assert_int_equal(decode(body.data, body.length) != NULL, more);
        text_clear(&body);
        text_add(&body, LEDGER_HEAD GROUP_START "\t5000\t1");
        for (size_t i = 1; i < TIMES_LIMIT + more; i++)
            text_add(&body, ",1");
        text_add(&body, "\t\t\t\nend\t1\n");
        assert_int_equal(decode(body.data, body.length) != NULL, more);
    }
    text_free(&body);
}

static void a_position_is_made_once(void **state) {
    (void)state;
    struct ledger ledger = {0};
    for (int i = 0; i < 50; i++) {
        char name[16];
        snprintf(name, sizeof name, "uuid%d", i % 5);
        struct position *position = ledger_position(&ledger, name);
        assert_int_equal(position->rows, i / 5);
        position->rows++;
    }
    assert_int_equal(ledger.position_count, 5);
    assert_string_equal(ledger.positions[4].instance, "uuid4");
    assert_string_equal(ledger.positions[4].server, "");
    ledger_free(&ledger);
    ledger_free(&ledger);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(groups_are_decoded_as_they_were),
        cmocka_unit_test(this_is_how_a_ledger_reads),
        cmocka_unit_test(an_empty_ledger_is_one_and_nothing_is_none),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_changed_byte_is_refused_or_understood),
        cmocka_unit_test(lines_may_not_be_lost_or_doubled),
        cmocka_unit_test(what_is_no_ledger_is_refused_with_a_reason),
        cmocka_unit_test(lists_beyond_their_limit_are_refused),
        cmocka_unit_test(a_position_is_made_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
