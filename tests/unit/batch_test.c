/* Batches to the last byte, and taking refused ones apart: every good document through, every bad one found, in few posts. */
#include <jansson.h>

#include "../../jobs/push-lancers/batch.h"
#include "../../jobs/push-lancers/isolate.h"
#include "support.h"

/* An operation of exactly `length` bytes on document `id` (as wide as a key needs to sort). */
static int add_sized(struct batch *batch, unsigned id, size_t length) {
    char key[16];
    char *json = xasprintf("{\"type\":\"add\",\"id\":\"d%08u\",\"fields\":{\"t\":\"%0*d\"}}", id, 1, 0);
    size_t used = strlen(json);
    if (length > used) {
        free(json);
        json = xasprintf("{\"type\":\"add\",\"id\":\"d%08u\",\"fields\":{\"t\":\"%0*d\"}}", id,
                         (int)(length - used + 1), 0);
    }
    snprintf(key, sizeof key, "%08u", id);
    const struct operation operation = {.kind = OPERATION_ADD,
                                        .key = (const unsigned char *)key,
                                        .key_length = 8,
                                        .hash = {{(unsigned char)id}},
                                        .json = json,
                                        .json_length = strlen(json)};
    int status = batch_fits(batch, &operation) ? batch_add(batch, &operation) : -1;
    free(json);
    return status;
}

static int add_other(struct batch *batch, enum operation_kind kind, unsigned id) {
    char key[16];
    char json[64] = "";
    if (kind == OPERATION_DELETE)
        snprintf(json, sizeof json, "{\"type\":\"delete\",\"id\":\"d%08u\"}", id);
    snprintf(key, sizeof key, "%08u", id);
    const struct operation operation = {
        .kind = kind, .key = (const unsigned char *)key, .key_length = 8, .json = json, .json_length = strlen(json)};
    return batch_add(batch, &operation);
}

static void batches_are_filled_to_the_last_byte(void **state) {
    (void)state;
    static const size_t limits[] = {BATCH_BYTES_MINIMUM, BATCH_BYTES, BATCH_BYTES_LIMIT};
    for (size_t i = 0; i < LENGTH_OF(limits); i++) {
        struct batch batch;
        batch_init(&batch, limits[i]);
        assert_int_equal(add_sized(&batch, 1, 1000000), 0);
        size_t left = limits[i] - 1000000 - 3; /* [,] */
        unsigned id = 2;
        for (; left > 1000000 + 1000; left -= 1000001)
            assert_int_equal(add_sized(&batch, id++, 1000000), 0);
        assert_int_equal(add_sized(&batch, id, left + 1), -1);
        assert_int_equal(add_sized(&batch, id, left), 0);
        batch_close(&batch);
        assert_int_equal(batch.json.length, limits[i]);
        assert_false(batch.json.full);
        batch_free(&batch);
    }
    struct batch batch;
    batch_init(&batch, 100000000);
    assert_int_equal(batch.max_bytes, BATCH_BYTES_LIMIT);
    batch_free(&batch);
}

static void a_batch_is_json_and_a_list(void **state) {
    (void)state;
    struct batch batch;
    batch_init(&batch, BATCH_BYTES);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(add_other(&batch, OPERATION_FORGET, 1), 0);
        assert_int_equal(batch.adds + batch.deletes, 0);
        assert_int_equal(add_sized(&batch, 2, 100), 0);
        assert_int_equal(add_other(&batch, OPERATION_FORGET, 3), 0);
        assert_int_equal(add_other(&batch, OPERATION_DELETE, 4), 0);
        batch_close(&batch);
        json_t *parsed = json_loadb(batch.json.data, batch.json.length, 0, NULL);
        assert_int_equal(json_array_size(parsed), 2);
        assert_string_equal(json_string_value(json_object_get(json_array_get(parsed, 0), "id")), "d00000002");
        assert_string_equal(json_string_value(json_object_get(json_array_get(parsed, 1), "type")), "delete");
        json_decref(parsed);
        assert_int_equal(batch.count, 4);
        assert_int_equal(batch.adds, 1);
        assert_int_equal(batch.deletes, 1);
        struct operation operation = batch_operation(&batch, 1);
        assert_int_equal(operation.kind, OPERATION_ADD);
        assert_int_equal(operation.hash.bytes[0], 2);
        assert_memory_equal(operation.key, "00000002", 8);
        assert_int_equal(operation.json_length, 100);
        assert_int_equal(batch_find(&batch, "d00000002", 9), 1);
        assert_int_equal(batch_find(&batch, "d00000004", 9), 3);
        assert_int_equal(batch_find(&batch, "d0000000", 8), 4);
        assert_int_equal(batch_find(&batch, "d000000044", 10), 4);
        batch_clear(&batch);
    }
    batch_free(&batch);
}

static void one_document_is_never_twice_in_a_batch(void **state) {
    (void)state;
    struct batch batch;
    batch_init(&batch, BATCH_BYTES);
    assert_int_equal(add_sized(&batch, 5, 100), 0);
    struct capture capture = capture_start();
    int twice = add_sized(&batch, 5, 100);
    int deleted = add_other(&batch, OPERATION_DELETE, 5);
    int down = add_sized(&batch, 4, 100);
    free(capture_end(&capture));
    assert_int_equal(twice, EXIT_BUG);
    assert_int_equal(deleted, EXIT_BUG);
    assert_int_equal(down, EXIT_BUG);
    assert_int_equal(batch.count, 1);
    batch_free(&batch);
}

static void batches_of_deletes_are_bounded_too(void **state) {
    (void)state;
    struct batch batch;
    batch_init(&batch, BATCH_BYTES_LIMIT);
    unsigned id = 0;
    for (; id < BATCH_OPERATIONS; id++)
        assert_int_equal(add_other(&batch, OPERATION_FORGET, id), 0);
    assert_int_equal(add_sized(&batch, id, 100), -1);
    batch_free(&batch);
}

static void a_part_of_a_batch_is_json_too(void **state) {
    (void)state;
    struct batch batch;
    struct text json = {0};
    const bool chosen[] = {false, true, true, true};
    size_t adds = 0;
    size_t deletes = 0;
    batch_init(&batch, BATCH_BYTES);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(add_sized(&batch, i, 100), 0);
    assert_int_equal(add_other(&batch, OPERATION_FORGET, 2), 0);
    assert_int_equal(add_other(&batch, OPERATION_DELETE, 3), 0);
    batch_close(&batch);
    batch_select(&batch, chosen, &json, &adds, &deletes);
    assert_int_equal(adds, 1);
    assert_int_equal(deletes, 1);
    json_t *parsed = json_loadb(json.data, json.length, 0, NULL);
    assert_int_equal(json_array_size(parsed), 2);
    assert_string_equal(json_string_value(json_object_get(json_array_get(parsed, 0), "id")), "d00000001");
    json_decref(parsed);
    text_free(&json);
    batch_free(&batch);
}

/* --- isolation --- */

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 11;
}

enum { SILENT, NAMES_FIRST, NAMES_ANY, LIES };

struct service {
    const bool *bad;
    int names;
    size_t max_operations; /* it refuses larger batches, which is nobody's fault */
    uint64_t seed;
};

/* Whether the service takes these; *named as its refusal names it. */
static bool ask(struct service *service, const bool *chosen, size_t count, size_t *named) {
    size_t bad = 0;
    size_t all = 0;
    *named = count;
    for (size_t i = 0; i < count; i++) {
        all += chosen[i];
        if (!chosen[i] || !service->bad[i])
            continue;
        bad++;
        if (bad == 1 || (service->names == NAMES_ANY && next_random(&service->seed) % bad == 0))
            *named = i;
    }
    if (service->names == SILENT || all > service->max_operations)
        *named = count;
    if (service->names == LIES)
        *named = next_random(&service->seed) % (count + 1);
    return bad == 0 && all <= service->max_operations;
}

/* The number of posts, the refused batch itself included; every verdict is right. */
static size_t isolate_all(struct service *service, size_t count) {
    struct isolate isolate;
    size_t named = count;
    size_t posts = 1;
    bool *active = xcalloc(count, sizeof *active);
    memset(active, true, count);
    if (ask(service, active, count, &named)) {
        free(active);
        return posts;
    }
    isolate_start(&isolate, count, active, named, 100000);
    for (; isolate_next(&isolate); posts++) {
        if (ask(service, isolate.chosen, count, &named))
            isolate_accepted(&isolate);
        else
            isolate_refused(&isolate, named);
    }
    for (size_t i = 0; i < count; i++)
        assert_int_equal(isolate.verdicts[i], service->bad[i] ? OUTCOME_REFUSED : OUTCOME_APPLIED);
    assert_false(isolate_finish(&isolate, false));
    assert_int_equal(isolate.posts, posts - 1);
    isolate_free(&isolate);
    free(active);
    return posts;
}

static void one_bad_document_that_is_named_costs_one_more_post(void **state) {
    (void)state;
    bool bad[1000] = {false};
    struct service service = {.bad = bad, .names = NAMES_FIRST, .max_operations = 1000};
    for (size_t i = 0; i < LENGTH_OF(bad); i += 37) {
        bad[i] = true;
        assert_int_equal(isolate_all(&service, LENGTH_OF(bad)), 2);
        bad[i] = false;
    }
    assert_int_equal(isolate_all(&service, LENGTH_OF(bad)), 1);
    /* Each further one costs two: one more refusal, and one alone as proof. */
    for (size_t k = 1; k <= 10; k++) {
        bad[k * 97] = true;
        assert_int_equal(isolate_all(&service, LENGTH_OF(bad)), 2 * k);
    }
}

static void one_bad_document_that_is_not_named_costs_a_bisection(void **state) {
    (void)state;
    bool bad[1024] = {false};
    struct service service = {.bad = bad, .names = SILENT, .max_operations = 1024};
    for (size_t i = 0; i < LENGTH_OF(bad); i += 13) {
        bad[i] = true;
        /* The batch, one post for each of ten halvings, one alone as proof; on the left side each half is posted itself. */
        size_t posts = isolate_all(&service, LENGTH_OF(bad));
        assert_true(posts >= 11 && posts <= 22);
        bad[i] = false;
    }
    /* On the right side ten accepted halves say all, and one post is the proof. */
    bad[1023] = true;
    assert_int_equal(isolate_all(&service, LENGTH_OF(bad)), 12);
}

/* The left half was refused for a document that is named then: nothing follows for the right half. */
static void a_half_is_only_guilty_if_the_other_is_clean(void **state) {
    (void)state;
    static const bool active[8] = {true, true, true, true, true, true, true, true};
    struct isolate isolate;
    isolate_start(&isolate, 8, active, 8, 100);
    assert_true(isolate_next(&isolate));
    assert_true(isolate.chosen[0] && isolate.chosen[3] && !isolate.chosen[4]);
    isolate_refused(&isolate, 1);
    assert_true(isolate_next(&isolate));
    assert_true(isolate.chosen[0] && !isolate.chosen[1] && isolate.chosen[3] && !isolate.chosen[4]);
    isolate_accepted(&isolate);
    assert_int_equal(isolate.verdicts[1], OUTCOME_REFUSED);
    assert_true(isolate_next(&isolate));
    assert_true(!isolate.chosen[3] && isolate.chosen[4] && isolate.chosen[7]);
    isolate_accepted(&isolate);
    assert_false(isolate_next(&isolate));
    assert_false(isolate_finish(&isolate, false));
    isolate_free(&isolate);
}

static void a_batch_of_one_is_its_own_proof(void **state) {
    (void)state;
    bool bad[2] = {true, true};
    struct service service = {.bad = bad, .names = SILENT, .max_operations = 1024};
    assert_int_equal(isolate_all(&service, 1), 1);
    assert_int_equal(isolate_all(&service, 2), 3);
}

static void nobody_is_blamed_for_a_batch_that_is_too_large(void **state) {
    (void)state;
    bool bad[100] = {false};
    for (size_t most = 1; most < 100; most += 9) {
        struct service service = {.bad = bad, .names = SILENT, .max_operations = most};
        isolate_all(&service, LENGTH_OF(bad));
    }
}

static void any_mixture_and_any_service_ends_with_the_truth(void **state) {
    (void)state;
    uint64_t seed = 42;
    for (size_t i = 0; i < 20000; i++) {
        bool bad[64] = {false};
        size_t count = 1 + next_random(&seed) % LENGTH_OF(bad);
        uint64_t share = 1 + next_random(&seed) % 20;
        size_t found = 0;
        for (size_t j = 0; j < count; j++)
            found += bad[j] = next_random(&seed) % 20 < share && next_random(&seed) % 2 == 0;
        struct service service = {
            .bad = bad, .names = (int)(next_random(&seed) % 4), .max_operations = count, .seed = seed | 1};
        if (service.names != LIES && next_random(&seed) % 8 == 0)
            service.max_operations = 1 + count / 3;
        size_t posts = isolate_all(&service, count);
        assert_true(posts <= 3 * count + 1);
        if (found > 0 && (service.names == NAMES_FIRST || service.names == NAMES_ANY) &&
            service.max_operations == count)
            assert_true(posts <= 2 * found + 1);
    }
}

static void giving_up_settles_the_rest(void **state) {
    (void)state;
    static const bool active[6] = {true, true, false, true, true, true};
    struct isolate isolate;
    for (int unanswered = 0; unanswered <= 1; unanswered++) {
        isolate_start(&isolate, 6, active, 6, 1);
        assert_true(isolate_next(&isolate));
        assert_true(isolate.chosen[0] && isolate.chosen[1] && !isolate.chosen[2] && !isolate.chosen[3]);
        if (unanswered == 0)
            isolate_accepted(&isolate);
        assert_true(unanswered != 0 || !isolate_next(&isolate));
        assert_true(isolate_finish(&isolate, unanswered != 0));
        assert_int_equal(isolate.verdicts[0], unanswered != 0 ? OUTCOME_UNKNOWN : OUTCOME_APPLIED);
        assert_int_equal(isolate.verdicts[2], OUTCOME_APPLIED);
        assert_int_equal(isolate.verdicts[5], OUTCOME_NOT_SENT);
        isolate_free(&isolate);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(batches_are_filled_to_the_last_byte),
        cmocka_unit_test(a_batch_is_json_and_a_list),
        cmocka_unit_test(one_document_is_never_twice_in_a_batch),
        cmocka_unit_test(batches_of_deletes_are_bounded_too),
        cmocka_unit_test(a_part_of_a_batch_is_json_too),
        cmocka_unit_test(one_bad_document_that_is_named_costs_one_more_post),
        cmocka_unit_test(one_bad_document_that_is_not_named_costs_a_bisection),
        cmocka_unit_test(a_half_is_only_guilty_if_the_other_is_clean),
        cmocka_unit_test(a_batch_of_one_is_its_own_proof),
        cmocka_unit_test(nobody_is_blamed_for_a_batch_that_is_too_large),
        cmocka_unit_test(any_mixture_and_any_service_ends_with_the_truth),
        cmocka_unit_test(giving_up_settles_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
