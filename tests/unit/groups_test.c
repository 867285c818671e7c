/* Rows become groups: what is counted, what is kept, and that all of it stays bounded. */
#include "../../jobs/watch-slow-queries/groups.h"
#include "nightshift/base/utf8.h"
#include "support.h"
#include <malloc.h>

static struct text scratch;

static void add(struct groups *groups, const char *instance, const struct slow_row *row, bool sample) {
    struct slow_row whole = *row;
    if (whole.query_length == 0)
        whole.query_length = strlen(row->query);
    if (whole.user == NULL)
        whole.user = "app";
    groups_add(groups, &(struct groups_input){instance, &whole, whole.finished / 86400000, sample}, &scratch);
}

static int64_t count_all(const struct groups *groups) {
    int64_t count = 0;
    for (size_t i = 0; i < groups->count; i++)
        count += groups->items[i].all.count;
    return count;
}

static void rows_of_one_fingerprint_are_summed(void **state) {
    (void)state;
    struct groups groups = {0};
    static const struct slow_row rows[] = {
        {.query = "SELECT a FROM works JOIN dbx.users WHERE b = 1",
         .finished = 86400000 * 5,
         .time = 2000000,
         .lock_time = 5,
         .rows_sent = 10,
         .rows_examined = 1000,
         .user = "app"},
        {.query = "SELECT c FROM t", .finished = 86400000 * 5 + 2, .time = 7},
        {.query = "SELECT a FROM works JOIN dbx.users WHERE b = 'x'",
         .finished = 86400000 * 5 - 1,
         .time = 5000000,
         .lock_time = 6,
         .rows_sent = 20,
         .rows_examined = 2000,
         .user = "batch"},
        {.query = "select a  FROM works JOIN dbx.users WHERE b = 33",
         .finished = 86400000 * 5 + 9,
         .time = 1000000,
         .lock_time = 7,
         .rows_sent = 30,
         .rows_examined = 3000,
         .user = "app"},
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++)
        add(&groups, "uuid-1", &rows[i], false);
    assert_int_equal(groups.count, 2);
    const struct group *group = &groups.items[0];
    assert_string_equal(group->fingerprint, "select a from works join dbx.users where b = ?");
    char id[FINGERPRINT_ID_SIZE];
    fingerprint_id(group->fingerprint, strlen(group->fingerprint), id);
    assert_string_equal(group->id, id);
    assert_string_equal(group->instance, "uuid-1");
    assert_int_equal(group->all.count, 3);
    assert_int_equal(group->all.total, 8000000);
    assert_int_equal(group->all.worst, 5000000);
    assert_int_equal(times_median(&group->times), 2000000);
    assert_int_equal(group->lock_time, 18);
    assert_int_equal(group->rows_sent, 60);
    assert_int_equal(group->rows_examined, 6000);
    assert_int_equal(group->first, 86400000 * 5 - 1);
    assert_int_equal(group->last, 86400000 * 5 + 9);
    assert_int_equal(group->days.count, 2);
    assert_int_equal(group->days.items[0].day, 4);
    assert_int_equal(group->days.items[0].tally.total, 5000000);
    assert_int_equal(group->days.items[1].tally.count, 2);
    assert_int_equal(group->tables.count, 2);
    assert_string_equal(group->tables.items[0], "works");
    assert_string_equal(group->tables.items[1], "dbx.users");
    assert_int_equal(group->users.count, 2);
    assert_string_equal(group->users.items[1], "batch");
    assert_null(group->sample);
    assert_int_equal(groups.items[1].all.count, 1);
    groups_free(&groups);
    assert_int_equal(groups.count, 0);
    add(&groups, "uuid-1", &rows[0], false);
    assert_int_equal(groups.count, 1);
    groups_free(&groups);
}

static void instances_have_groups_of_their_own(void **state) {
    (void)state;
    struct groups groups = {0};
    for (size_t i = 0; i < 30; i++)
        add(&groups,
            i % 3 == 0   ? "writer"
            : i % 3 == 1 ? "reader"
                         : "reade",
            &(struct slow_row){.query = "SELECT 1", .time = 1}, false);
    assert_int_equal(groups.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(groups.items[i].all.count, 10);
        assert_string_equal(groups.items[i].id, groups.items[0].id);
    }
    groups_free(&groups);
}

/* The group of the ledger is known by its id, which is that of the fingerprint before it was masked. */
static void a_group_that_was_put_goes_on_growing(void **state) {
    (void)state;
    static const char *const queries[] = {"SELECT a WHERE b = 'C:\\\\' AND c = 'x'", "SELECT 1", ""};
    struct groups before = {0};
    struct groups groups = {0};
    for (size_t i = 0; i < LENGTH_OF(queries); i++) {
        const struct slow_row row = {.query = queries[i], .time = 3};
        add(&before, "a", &row, false);
        groups_put(&groups, &before.items[i]);
        assert_null(before.items[i].fingerprint);
        add(&groups, "a", &row, false);
        add(&groups, "a", &row, false);
        assert_int_equal(groups.count, i + 1);
        assert_int_equal(groups.items[i].all.count, 3);
        assert_int_equal(groups.items[i].times.count, 3);
    }
    groups_free(&before);
    groups_free(&groups);
}

static void what_people_see_is_masked_and_printable(void **state) {
    (void)state;
    struct groups groups = {0};
    char *user = xcalloc(3 * GROUPS_NAME_LIMIT, 1);
    memset(user, 'u', 2 * GROUPS_NAME_LIMIT);
    add(&groups, "a", &(struct slow_row){.query = "SELECT * FROM `\x1B[1m` WHERE a = 'secret", .user = "x\ny"}, false);
    add(&groups, "a", &(struct slow_row){.query = "SELECT * FROM `\x1B[1m` WHERE a = 'secret", .user = "x\ny"}, false);
    add(&groups, "a", &(struct slow_row){.query = "SELECT * FROM `\x1B[1m` WHERE a = 'secret", .user = user}, false);
    add(&groups, "a", &(struct slow_row){.query = "SELECT * FROM `\x1B[1m` WHERE a = 'secret", .user = ""}, false);
    assert_int_equal(groups.count, 1);
    const struct group *group = &groups.items[0];
    assert_string_equal(group->fingerprint, "select * from `\\x1B[?m` where a = …");
    assert_string_equal(group->tables.items[0], "\\x1B[1m");
    assert_int_equal(group->users.count, 2);
    assert_string_equal(group->users.items[0], "x\\x0Ay");
    assert_int_equal(strlen(group->users.items[1]), GROUPS_NAME_LIMIT);
    free(user);
    groups_free(&groups);
}

static void lists_of_names_and_fingerprints_have_a_limit(void **state) {
    (void)state;
    struct groups groups = {0};
    struct text query = {0};
    text_add(&query, "SELECT a FROM t0");
    for (int i = 1; i < 600; i++)
        text_printf(&query, ", t%d", i);
    for (int i = 0; i < 40; i++) {
        char user[16];
        snprintf(user, sizeof user, "user%d", i % 20);
        add(&groups, "a", &(struct slow_row){.query = query.data, .user = user}, false);
    }
    assert_int_equal(groups.count, 1);
    assert_int_equal(groups.items[0].users.count, GROUPS_NAMES_LIMIT);
    assert_int_equal(groups.items[0].tables.count, GROUPS_NAMES_LIMIT);
    assert_string_equal(groups.items[0].tables.items[15], "t15");
    assert_in_range(strlen(groups.items[0].fingerprint), GROUPS_FINGERPRINT_LIMIT - 3, GROUPS_FINGERPRINT_LIMIT);
    text_free(&query);
    groups_free(&groups);
}

static void the_slowest_query_is_the_sample(void **state) {
    (void)state;
    static const struct {
        const char *query;
        int64_t time;
        const char *sample;
    } rows[] = {
        {"SELECT 'first'", 0, "SELECT 'first'"},  {"SELECT 'slow'", 50, "SELECT 'slow'"},
        {"SELECT 'fast'", 40, "SELECT 'slow'"},   {"SELECT 'same'", 50, "SELECT 'slow'"},
        {"SELECT\n\t'最'", 51, "SELECT\n\t'最'"}, {"SELECT '\xE6\x9C'", 52, "SELECT '\\xE6\\x9C'"},
    };
    struct groups groups = {0};
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        add(&groups, "a", &(struct slow_row){.query = rows[i].query, .time = rows[i].time}, true);
        assert_string_equal(groups.items[0].sample, rows[i].sample);
    }
    assert_int_equal(groups.count, 1);
    static const char nul[] = "SELECT '\0'";
    add(&groups, "a", &(struct slow_row){.query = nul, .query_length = sizeof nul - 1, .time = 60}, true);
    assert_string_equal(groups.items[0].sample, "SELECT '\\x00'");
    struct text query = {0};
    text_add(&query, "SELECT 'a");
    for (size_t i = 0; i < 2000; i++)
        text_add(&query, "名");
    text_add(&query, "'");
    add(&groups, "a", &(struct slow_row){.query = query.data, .time = 70}, true);
    assert_in_range(strlen(groups.items[0].sample), GROUPS_SAMPLE_LIMIT - 2, GROUPS_SAMPLE_LIMIT);
    assert_true(utf8_valid(groups.items[0].sample, strlen(groups.items[0].sample)));
    /* Samples are not wanted any more. */
    add(&groups, "a", &(struct slow_row){.query = query.data, .time = 1}, false);
    assert_null(groups.items[0].sample);
    text_free(&query);
    groups_free(&groups);
}

static void wrong_clocks_of_servers_do_no_harm(void **state) {
    (void)state;
    struct groups groups = {0};
    const struct slow_row large = {.query = "SELECT 1",
                                   .time = INT64_MAX,
                                   .lock_time = INT64_MAX,
                                   .rows_sent = INT64_MAX,
                                   .rows_examined = INT64_MAX};
    const struct slow_row negative = {
        .query = "SELECT 1", .time = -1, .lock_time = -5, .rows_sent = -5, .rows_examined = INT64_MIN, .finished = -1};
    add(&groups, "a", &negative, false);
    assert_int_equal(groups.items[0].all.total, 0);
    assert_int_equal(groups.items[0].times.items[0], 0);
    assert_int_equal(groups.items[0].lock_time + groups.items[0].rows_sent + groups.items[0].rows_examined, 0);
    for (int i = 0; i < 3; i++)
        add(&groups, "a", &large, false);
    assert_int_equal(groups.items[0].all.total, INT64_MAX);
    assert_int_equal(groups.items[0].lock_time, INT64_MAX);
    assert_int_equal(groups.items[0].rows_sent, INT64_MAX);
    assert_int_equal(groups.items[0].rows_examined, INT64_MAX);
    assert_int_equal(groups.items[0].first, -1);
    groups_free(&groups);
}

/* Letters only: digits would not be in the fingerprint. */
static const char *query_number(size_t number) {
    static char query[64];
    char *at = query + sprintf(query, "SELECT a FROM t");
    for (; number > 0; number /= 20)
        *at++ = (char)('g' + number % 20);
    strcpy(at, " WHERE b = 1");
    return query;
}

static void further_fingerprints_are_counted_together(void **state) {
    (void)state;
    const size_t wanted = GROUPS_LIMIT + 700;
    struct groups groups = {0};
    for (size_t turn = 1; turn <= 2; turn++) {
        for (size_t i = 0; i < wanted; i++)
            add(&groups, "a", &(struct slow_row){.query = query_number(i), .time = 5}, true);
        assert_int_equal(groups.count, GROUPS_LIMIT + 1);
        assert_int_equal(count_all(&groups), turn * wanted);
        const struct group *last = &groups.items[GROUPS_LIMIT];
        char id[FINGERPRINT_ID_SIZE];
        fingerprint_id(GROUPS_FURTHER, strlen(GROUPS_FURTHER), id);
        assert_string_equal(last->fingerprint, GROUPS_FURTHER);
        assert_string_equal(last->id, id);
        assert_int_equal(last->all.count, turn * 700);
        assert_int_equal(last->tables.count, 0);
        for (size_t i = 0; i < GROUPS_LIMIT; i++)
            assert_int_equal(groups.items[i].all.count, turn);
    }
    add(&groups, "b", &(struct slow_row){.query = query_number(0), .time = 5}, false);
    add(&groups, "b", &(struct slow_row){.query = query_number(1), .time = 5}, false);
    assert_int_equal(groups.count, GROUPS_LIMIT + 2);
    assert_int_equal(groups.items[GROUPS_LIMIT + 1].all.count, 2);
    assert_string_equal(groups.items[GROUPS_LIMIT + 1].instance, "b");
    /* Read back, they are all found again. */
    struct groups back = {0};
    for (size_t i = 0; i < groups.count; i++)
        groups_put(&back, &groups.items[i]);
    for (size_t i = 0; i < wanted; i++)
        add(&back, "a", &(struct slow_row){.query = query_number(i), .time = 5}, false);
    assert_int_equal(back.count, GROUPS_LIMIT + 2);
    assert_int_equal(back.items[77].all.count, 3);
    assert_int_equal(back.items[GROUPS_LIMIT].all.count, 3 * 700);
    groups_free(&back);
    groups_free(&groups);
}

/* 40,000 of them: none may be remembered by itself. (ASan's malloc tells nothing, and then this sees nothing.) */
static void further_fingerprints_take_no_memory(void **state) {
    (void)state;
    struct groups groups = {0};
    for (size_t i = 0; i < GROUPS_LIMIT + 10; i++)
        add(&groups, "a", &(struct slow_row){.query = query_number(i)}, false);
    const size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (size_t i = 0; i < 40000; i++)
        add(&groups, "a", &(struct slow_row){.query = query_number(i)}, false);
    assert_in_range(mallinfo2().uordblks + mallinfo2().hblkhd, 0, before + 50000);
    assert_int_equal(count_all(&groups), GROUPS_LIMIT + 10 + 40000);
    groups_free(&groups);
}

static size_t bytes_in(const struct groups *groups) {
    size_t bytes = 0;
    for (size_t i = 0; i < groups->count; i++)
        bytes += sizeof(struct group) + strlen(groups->items[i].fingerprint) +
                 (groups->items[i].sample != NULL ? strlen(groups->items[i].sample) : 0);
    return bytes;
}

/* Fingerprints of 2,000 bytes and samples of 4,000: neither may take more than its share. */
static void long_queries_are_bounded_in_bytes(void **state) {
    (void)state;
    struct groups groups = {0};
    size_t samples = 0;
    for (size_t i = 0; i < 3000; i++) {
        struct text query = {0};
        text_add(&query, query_number(i));
        for (int j = 0; j < 600; j++)
            text_add(&query, " AND abc=1");
        add(&groups, "a", &(struct slow_row){.query = query.data, .time = 5}, true);
        text_free(&query);
    }
    for (size_t i = 0; i < groups.count; i++)
        samples += groups.items[i].sample != NULL;
    assert_in_range(bytes_in(&groups), GROUPS_BYTES_LIMIT / 2, GROUPS_BYTES_LIMIT + 10000);
    assert_in_range(samples, 130, 200);
    assert_int_equal(count_all(&groups), 3000);
    assert_string_equal(groups.items[groups.count - 1].fingerprint, GROUPS_FURTHER);
    groups_free(&groups);
}

static size_t times_in(const struct groups *groups) {
    size_t times = 0;
    for (size_t i = 0; i < groups->count; i++)
        times += groups->items[i].times.count;
    return times;
}

/* A backlog of 400,000 queries with 400 fingerprints, in turns or one after the other: each group would keep 1,000 times. */
static void the_times_of_all_groups_are_bounded(void **state) {
    (void)state;
    for (size_t turns = 0; turns < 2; turns++) {
        struct groups groups = {0};
        for (size_t i = 0; i < 400000; i++) {
            const size_t number = turns ? i % 400 : i / 1000;
            add(&groups, "a", &(struct slow_row){.query = query_number(number), .time = (int64_t)(i % 1009)}, false);
            if (i % 1000 == 0)
                assert_in_range(times_in(&groups), 1, GROUPS_TIMES_TOTAL);
        }
        for (size_t i = 0; i < groups.count; i++) {
            assert_int_equal(groups.items[i].times.seen, 1000);
            assert_in_range(groups.items[i].times.count, 40, TIMES_LIMIT);
            assert_in_range(times_median(&groups.items[i].times), 200, 800);
        }
        assert_int_equal(groups.count, 400);
        assert_in_range(times_in(&groups), GROUPS_TIMES_TOTAL / 4, GROUPS_TIMES_TOTAL);
        groups_free(&groups);
    }
}

static void times_that_were_put_count_too(void **state) {
    (void)state;
    struct groups many = {0};
    struct groups groups = {0};
    for (size_t i = 0; i < 50; i++) {
        for (size_t j = 0; j < TIMES_LIMIT; j++)
            add(&many, "a", &(struct slow_row){.query = query_number(i), .time = 5}, false);
        groups_put(&groups, &many.items[0]);
        groups_free(&many);
    }
    add(&groups, "a", &(struct slow_row){.query = query_number(0), .time = 5}, false);
    assert_in_range(times_in(&groups), 1, GROUPS_TIMES_TOTAL);
    groups_free(&groups);
}

static int free_scratch(void **state) {
    (void)state;
    text_free(&scratch);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_fingerprint_are_summed),
        cmocka_unit_test(instances_have_groups_of_their_own),
        cmocka_unit_test(a_group_that_was_put_goes_on_growing),
        cmocka_unit_test(what_people_see_is_masked_and_printable),
        cmocka_unit_test(lists_of_names_and_fingerprints_have_a_limit),
        cmocka_unit_test(the_slowest_query_is_the_sample),
        cmocka_unit_test(wrong_clocks_of_servers_do_no_harm),
        cmocka_unit_test(further_fingerprints_are_counted_together),
        cmocka_unit_test(further_fingerprints_take_no_memory),
        cmocka_unit_test(long_queries_are_bounded_in_bytes),
        cmocka_unit_test(the_times_of_all_groups_are_bounded),
        cmocka_unit_test(times_that_were_put_count_too),
    };
    return cmocka_run_group_tests(tests, NULL, free_scratch);
}
