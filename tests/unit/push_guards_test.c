/* Each guard on both sides of its limit, when it is known what they will say, and the operations that wait for them. */
#include "../../jobs/push-lancers/document.h"
#include "../../jobs/push-lancers/push_guards.h"
#include "../../jobs/push-lancers/spool.h"
#include "support.h"

static struct push_ceiling ceiling(const char *string) {
    struct push_ceiling ceiling;
    assert_null(push_ceiling_parse(string, &ceiling));
    return ceiling;
}

static void ceilings(void **state) {
    (void)state;
    static const char *const bad[] = {"", "%", "101%", "-1", "-1%", "10 %", "x", "1.5"};
    struct push_ceiling out;
    for (size_t i = 0; i < LENGTH_OF(bad); i++)
        assert_non_null(push_ceiling_parse(bad[i], &out));
    assert_true(ceiling("10%").relative);
    assert_int_equal(ceiling("5000").documents, 5000);
    assert_false(ceiling("0").relative);
}

static const struct {
    const char *max_delete, *max_change;
    int64_t held, min_rows, rows, deleted, changed;
    int refused; /* bits by guard */
    enum push_stance stance;
} cases[] = {
    {"10%", "30%", 100, 1, 90, 10, 0, 0, PUSH_HOLD},
    {"10%", "30%", 100, 1, 89, 11, 0, 2, PUSH_REFUSED},
    {"10%", "30%", 100, 1, 70, 0, 30, 0, PUSH_HOLD},
    {"10%", "30%", 100, 1, 69, 0, 31, 4, PUSH_REFUSED},
    {"10%", "30%", 100, 1, 0, 11, 31, 7, PUSH_REFUSED},
    {"10%", "30%", 101, 1, 90, 11, 0, 0, PUSH_HOLD}, /* 10.1, rounded up */
    {"0%", "100%", 100, 1, 99, 1, 0, 2, PUSH_REFUSED},
    {"0", "0", 100, 1, 100, 0, 0, 0, PUSH_HOLD},
    {"5", "100", 100, 1, 95, 5, 0, 0, PUSH_HOLD},
    {"5", "100", 100, 1, 95, 6, 0, 2, PUSH_REFUSED},
    {"100%", "100%", 100, 1, 1, 0, 0, 0, PUSH_FREE},
    {"100%", "100%", 100, 2, 1, 0, 0, 1, PUSH_HOLD},
    {"10%", "30%", 0, 1, 0, 0, 0, 1, PUSH_HOLD},
    {"10%", "30%", 0, 1, 1, 0, 0, 0, PUSH_FREE}, /* a first run */
    {"10%", "30%", 0, 0, 0, 0, 0, 0, PUSH_FREE},
};

static void both_sides_of_every_limit(void **state) {
    (void)state;
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        struct push_guards guards = {.min_rows = cases[i].min_rows,
                                     .max_delete = ceiling(cases[i].max_delete),
                                     .max_change = ceiling(cases[i].max_change)};
        struct manifest_info base = {.exists = true, .entries = cases[i].held};
        base.states[MANIFEST_HELD] = cases[i].held / 2;
        base.states[MANIFEST_UNSURE] = cases[i].held - cases[i].held / 2;
        int64_t counts[DECISION_KINDS] = {0};
        counts[DECISION_UNCHANGED] = cases[i].rows - (cases[i].rows > cases[i].changed ? cases[i].changed : 0);
        counts[DECISION_ADD_CHANGED] = cases[i].changed;
        counts[DECISION_DELETE] = cases[i].deleted;
        if (cases[i].rows == 0)
            counts[DECISION_UNCHANGED] = -cases[i].changed;
        struct push_verdict verdicts[PUSH_GUARD_COUNT];
        assert_int_equal(push_guards_stance(&guards, &base, counts), cases[i].stance);
        assert_int_equal(push_guards_judge(&guards, &base, counts, verdicts), cases[i].refused == 0);
        for (int guard = 0; guard < PUSH_GUARD_COUNT; guard++) {
            assert_int_equal(verdicts[guard].ok, (cases[i].refused & 1 << guard) == 0);
            assert_int_equal(push_guard_find(verdicts[guard].name), guard);
            assert_contains(PUSH_GUARD_NAMES, verdicts[guard].name);
            free(verdicts[guard].finding);
            guards.waived[guard] = true;
        }
        assert_int_equal(push_guards_stance(&guards, &base, counts), PUSH_FREE);
        assert_true(push_guards_judge(&guards, &base, counts, verdicts));
        for (int guard = 0; guard < PUSH_GUARD_COUNT; guard++) {
            assert_int_equal(verdicts[guard].waived, (cases[i].refused & 1 << guard) != 0);
            free(verdicts[guard].finding);
        }
    }
    assert_int_equal(push_guard_find("max_drop"), PUSH_GUARD_COUNT);
}

/* However a stream goes on: once free it is never refused, once refused it never passes. */
static void a_stance_is_kept(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 3000; i++) {
        enum push_stance stance = PUSH_HOLD;
        struct manifest_info base = {0};
        int64_t counts[DECISION_KINDS] = {0};
        int64_t left = 0;
        for (int s = 0; s < MANIFEST_STATES; s++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            base.states[s] = (int64_t)(seed >> 60);
            base.entries += base.states[s];
        }
        left = base.entries;
        struct push_guards guards = {.min_rows = (int64_t)(seed >> 40 & 7),
                                     .max_delete = ceiling(seed >> 30 & 1 ? "20%" : "100%"),
                                     .max_change = ceiling(seed >> 31 & 1 ? "3" : "100")};
        for (int step = 0; step < 40; step++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            enum decision_kind kind = (enum decision_kind)(1 + (seed >> 33) % (DECISION_KINDS - 1));
            bool of_entry = kind == DECISION_DELETE || kind == DECISION_ADD_CHANGED;
            if (of_entry && (left == 0 || (kind == DECISION_DELETE && left <= base.states[MANIFEST_REFUSED])))
                continue;
            left -= of_entry;
            counts[kind]++;
            enum push_stance next = push_guards_stance(&guards, &base, counts);
            assert_true(stance == PUSH_HOLD || next == stance);
            stance = next;
        }
        struct push_verdict verdicts[PUSH_GUARD_COUNT];
        bool passes = push_guards_judge(&guards, &base, counts, verdicts);
        assert_true(stance == PUSH_HOLD || passes == (stance == PUSH_FREE));
        for (int guard = 0; guard < PUSH_GUARD_COUNT; guard++)
            free(verdicts[guard].finding);
    }
}

/* --- the spool --- */

static struct operation operation_at(size_t i, struct text *json) {
    text_clear(json);
    text_printf(json, "%0*zu", (int)(1 + i * i % 300000), i);
    struct operation operation = {.kind = i % 3 == 0   ? OPERATION_DELETE
                                          : i % 7 == 0 ? OPERATION_FORGET
                                                       : OPERATION_ADD,
                                  .key = (const unsigned char *)json->data,
                                  .key_length = i % 5};
    operation.key_length = operation.key_length < json->length ? operation.key_length : json->length;
    if (operation.kind != OPERATION_FORGET) {
        operation.json = json->data;
        operation.json_length = json->length;
    }
    if (operation.kind == OPERATION_ADD)
        operation.hash = document_hash(json->data, json->length);
    return operation;
}

static struct spool *fill(void *const *state, size_t count) {
    struct spool *spool = NULL;
    struct text json = {0};
    assert_int_equal(spool_create(*state, INT64_MAX, &spool), 0);
    for (size_t i = 0; i < count; i++) {
        struct operation operation = operation_at(i, &json);
        assert_int_equal(spool_add(spool, &operation), 0);
    }
    assert_int_equal(spool_rewind(spool), 0);
    text_free(&json);
    return spool;
}

static void what_was_spooled_comes_back(void **state) {
    static const size_t counts[] = {0, 1, 700};
    for (size_t c = 0; c < LENGTH_OF(counts); c++) {
        struct spool *spool = fill(state, counts[c]);
        struct operation got;
        struct text json = {0};
        bool found = false;
        for (size_t i = 0; i < counts[c]; i++) {
            struct operation wanted = operation_at(i, &json);
            assert_int_equal(spool_next(spool, &got, &found), 0);
            assert_true(found);
            assert_int_equal(got.kind, wanted.kind);
            assert_int_equal(got.key_length, wanted.key_length);
            assert_memory_equal(got.key, wanted.key, wanted.key_length);
            assert_int_equal(got.json_length, wanted.json_length);
            if (wanted.json_length > 0)
                assert_memory_equal(got.json, wanted.json, wanted.json_length);
            assert_true(hash_equal(&got.hash, &wanted.hash));
        }
        assert_int_equal(spool_next(spool, &got, &found), 0);
        assert_false(found);
        spool_free(spool);
        text_free(&json);
    }
    /* It has no name. */
    assert_int_equal(rmdir(*state), 0);
    assert_int_equal(mkdir(*state, 0700), 0);
}

/* The descriptor of the nameless file, found as an administrator would. */
static int spool_descriptor(const char *directory) {
    for (int descriptor = 3; descriptor < 64; descriptor++) {
        char link[32];
        char target[4096] = "";
        snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
        if (readlink(link, target, sizeof target - 1) > 0 && strncmp(target, directory, strlen(directory)) == 0)
            return descriptor;
    }
    return -1;
}

static void a_disk_that_lies_is_found_out(void **state) {
    struct stat info;
    for (size_t at = 0;; at++) {
        struct spool *spool = fill(state, 9);
        int descriptor = spool_descriptor(*state);
        char byte = 0;
        assert_int_equal(fstat(descriptor, &info), 0);
        if ((off_t)at >= info.st_size) {
            spool_free(spool);
            break;
        }
        assert_int_equal(pread(descriptor, &byte, 1, (off_t)at), 1);
        byte = (char)(byte ^ 0x10);
        assert_int_equal(pwrite(descriptor, &byte, 1, (off_t)at), 1);
        struct operation operation;
        bool found = true;
        int status = 0;
        struct capture capture = capture_start();
        while (status == 0 && found)
            status = spool_next(spool, &operation, &found);
        free(capture_end(&capture));
        assert_int_equal(status, EXIT_SYSTEM);
        spool_free(spool);
    }
}

static void a_spool_has_a_limit(void **state) {
    struct spool *spool = NULL;
    struct text json = {0};
    assert_int_equal(spool_create(*state, 1000, &spool), 0);
    struct operation operation = operation_at(31, &json); /* 962 bytes of JSON, 1 of key */
    struct capture capture = capture_start();
    int first = spool_add(spool, &operation);
    int second = spool_add(spool, &operation);
    struct spool *nowhere = NULL;
    int third = spool_create("/nonexistent", 1000, &nowhere);
    char *log = capture_end(&capture);
    assert_int_equal(first, 0);
    assert_int_equal(second, EXIT_CANNOT_WRITE);
    assert_int_equal(third, EXIT_CANNOT_WRITE);
    assert_contains(log, "more than 1000 bytes");
    free(log);
    text_free(&json);
    spool_free(spool);
    spool_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ceilings),
        cmocka_unit_test(both_sides_of_every_limit),
        cmocka_unit_test(a_stance_is_kept),
        scene_test(what_was_spooled_comes_back),
        scene_test(a_disk_that_lies_is_found_out),
        scene_test(a_spool_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
