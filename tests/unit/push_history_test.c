/* Thousands of random histories of a table and a domain: rows come, change, go, come back, turn bad; runs are killed between any two steps that
 * reach the disk or the domain, answers are lost, batches are refused. At every moment each document of the domain must be known to the
 * manifest, and what the manifest says about contents must be true; no document is deleted whose row is there; and one undisturbed run ends in
 * exactly the state that a run without any history would have made. */
#include "../../jobs/push-lancers/document.h"
#include "../../jobs/push-lancers/isolate.h"
#include "../../jobs/push-lancers/merge.h"
#include "../../jobs/push-lancers/settle.h"
#include "support.h"

enum { KEYS = 14, HISTORIES = 3000, RUNS = 8, NO_ROW = 0, GOOD = 5, REFUSED = 7, BAD_ROW = 8, CONTENTS = 9 };

struct world {
    uint64_t seed;
    int rows[KEYS];   /* NO_ROW, 1 to GOOD: taken by the domain, up to REFUSED: not, BAD_ROW: no document */
    int domain[KEYS]; /* 0: none */
    struct settle paths;
    int steps_left; /* until it is killed; -1: never */
    bool disturbed; /* answers may get lost */
    bool killed;
    int posts;
    int64_t synced; /* how much of the journal is certainly on disk */
    int64_t now;
    size_t next; /* of the rows */
    struct rowkey key;
    struct merge_row row;
    struct text json;
    struct manifest *manifest;
    struct journal *journal;
    struct manifest_info base;
};

static uint64_t roll(struct world *world, uint64_t sides) {
    world->seed ^= world->seed << 13;
    world->seed ^= world->seed >> 7;
    world->seed ^= world->seed << 17;
    return (world->seed >> 11) % sides;
}

/* One step that leaves a trace behind; false if the run was killed instead of it. */
static bool step(struct world *world) {
    if (world->steps_left == 0)
        world->killed = true;
    if (world->steps_left > 0)
        world->steps_left--;
    return !world->killed;
}

/* Keys are not the numbers of the rows: 1, 256, 65536 ... in an order that digits would not have. */
static void set_key(struct rowkey *key, size_t index) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", 3ULL + index * index * 97);
    assert_null(rowkey_set(key, ROWKEY_INTEGER, digits, strlen(digits)));
}

static struct hash make_json(struct text *json, size_t index, int content) {
    text_clear(json);
    text_printf(json, "{\"type\":\"add\",\"id\":\"%zu\",\"fields\":{\"content\":\"%d\"}}", index, content);
    return document_hash(json->data, json->length);
}

static int next_row(void *context, const struct merge_row **row) {
    struct world *world = context;
    while (world->next < KEYS && world->rows[world->next] == NO_ROW)
        world->next++;
    *row = NULL;
    if (world->next == KEYS)
        return 0;
    int content = world->rows[world->next];
    set_key(&world->key, world->next);
    world->row = (struct merge_row){world->key.bytes, world->key.length, {{0}}, content == BAD_ROW};
    if (content != BAD_ROW)
        world->row.hash = make_json(&world->json, world->next, content);
    world->next++;
    *row = &world->row;
    return 0;
}

static int next_entry(void *context, const struct manifest_entry **entry) {
    struct world *world = context;
    return manifest_next(world->manifest, entry);
}

static size_t index_of(const unsigned char *key, size_t length) {
    struct rowkey wanted;
    for (size_t i = 0; i < KEYS; i++) {
        set_key(&wanted, i);
        if (rowkey_compare(wanted.bytes, wanted.length, key, length) == 0)
            return i;
    }
    abort();
}

/* All or nothing, as the service does it. Returns whether it was taken; *named is an operation that the refusal names, perhaps wrongly. */
static bool post(struct world *world, const struct batch *batch, const bool *chosen, size_t *named) {
    world->posts++;
    *named = batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        struct operation operation = batch_operation(batch, i);
        int content = 0;
        unsigned long id = 0;
        if (!chosen[i] || operation.kind != OPERATION_ADD)
            continue;
        assert_int_equal(
            sscanf(operation.json, "{\"type\":\"add\",\"id\":\"%lu\",\"fields\":{\"content\":\"%d\"}}", &id, &content),
            2);
        if (content > GOOD) {
            uint64_t says = roll(world, 8);
            *named = says < 5 ? i : says == 5 ? (size_t)roll(world, batch->count) : batch->count;
            return false;
        }
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct operation operation = batch_operation(batch, i);
        int content = 0;
        unsigned long id = 0;
        if (!chosen[i] || operation.kind == OPERATION_FORGET)
            continue;
        size_t index = index_of(operation.key, operation.key_length);
        if (operation.kind == OPERATION_ADD) {
            sscanf(operation.json, "{\"type\":\"add\",\"id\":\"%lu\",\"fields\":{\"content\":\"%d\"}}", &id, &content);
            assert_int_equal(id, index);
            world->domain[index] = content;
        } else {
            assert_int_equal(world->rows[index], NO_ROW);
            world->domain[index] = 0;
        }
    }
    return true;
}

static int64_t size_of(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 ? (int64_t)info.st_size : 0;
}

/* Posts until every operation has a verdict. False when the run ends here: killed, or the answer did not come. */
static bool isolate_bad(struct world *world, const struct batch *batch, const bool *active, size_t named) {
    struct isolate isolate;
    bool unanswered = false;
    isolate_start(&isolate, batch->count, active, named, roll(world, 10) == 0 ? roll(world, 6) : 1000);
    while (!unanswered && isolate_next(&isolate)) {
        if (!step(world))
            break;
        bool lost = world->disturbed && roll(world, 15) == 0;
        bool never_there = lost && roll(world, 2) == 0;
        if (!never_there && post(world, batch, isolate.chosen, &named))
            lost ? (void)(unanswered = true) : isolate_accepted(&isolate);
        else if (lost)
            unanswered = true;
        else
            isolate_refused(&isolate, named);
        if (!step(world))
            break;
        /* Now and then what is known so far is noted down. */
        if (!unanswered && roll(world, 3) == 0)
            assert_int_equal(journal_outcome(world->journal, batch, isolate.verdicts), 0);
    }
    if (!world->killed) {
        isolate_finish(&isolate, unanswered);
        assert_int_equal(journal_outcome(world->journal, batch, isolate.verdicts), 0);
    }
    isolate_free(&isolate);
    return !world->killed && !unanswered;
}

static bool send_batch(struct world *world, struct batch *batch) {
    bool active[KEYS];
    unsigned char applied[KEYS];
    size_t named = 0;
    batch_close(batch);
    if (world->journal == NULL) {
        world->now += (int64_t)roll(world, 3) - 1; /* clocks go back, too */
        if (!step(world))
            return false;
        assert_int_equal(journal_create(world->paths.journal, &world->paths.fingerprint, &world->base,
                                        journal_generation(world->base.generation, world->now), &world->journal),
                         0);
    }
    if (!step(world))
        return false;
    assert_int_equal(journal_intent(world->journal, batch), 0);
    world->synced = size_of(world->paths.journal);
    for (size_t i = 0; i < batch->count; i++) {
        active[i] = batch_operation(batch, i).kind != OPERATION_FORGET;
        applied[i] = OUTCOME_APPLIED;
    }
    if (!step(world))
        return false;
    bool lost = world->disturbed && roll(world, 15) == 0;
    if (lost && roll(world, 2) == 0)
        return false;
    bool taken = batch->adds + batch->deletes == 0 || post(world, batch, active, &named);
    if (lost || !step(world))
        return false;
    if (!taken)
        return isolate_bad(world, batch, active, named);
    assert_int_equal(journal_outcome(world->journal, batch, applied), 0);
    return step(world);
}

static enum operation_kind kind_of(enum decision_kind decision) {
    if (decision == DECISION_DELETE)
        return OPERATION_DELETE;
    return decision == DECISION_FORGET ? OPERATION_FORGET : OPERATION_ADD;
}

static bool take_decision(struct world *world, const struct decision *decision, struct batch *batch) {
    char delete[64];
    if (decision->kind == DECISION_UNCHANGED || decision->kind == DECISION_STILL_REFUSED ||
        decision->kind == DECISION_BAD_ROW)
        return true;
    struct operation operation = {
        .kind = kind_of(decision->kind), .key = decision->key, .key_length = decision->key_length, .json = delete};
    if (operation.kind == OPERATION_DELETE)
        operation.json_length = (size_t)snprintf(delete, sizeof delete, "{\"type\":\"delete\",\"id\":\"x\"}");
    if (operation.kind == OPERATION_ADD) {
        operation.hash = decision->row->hash;
        operation.json = world->json.data;
        operation.json_length = world->json.length;
    }
    if (batch->count > roll(world, 5)) {
        if (!send_batch(world, batch))
            return false;
        batch_clear(batch);
    }
    assert_int_equal(batch_add(batch, &operation), 0);
    return true;
}

static void settle_or_die(struct world *world) {
    struct manifest_writer *writer = NULL;
    if (!step(world))
        return;
    assert_int_equal(settle_prepare(&world->paths, &writer, &world->base), 0);
    if (step(world) && writer != NULL)
        assert_int_equal(manifest_commit(writer), 0);
    manifest_writer_free(writer);
    if (step(world))
        assert_int_equal(settle_remove_journal(&world->paths), 0);
}

static void push(struct world *world, bool everything) {
    const struct merge_source source = {.context = world,
                                        .next_row = next_row,
                                        .next_entry = next_entry,
                                        .key_kind = ROWKEY_INTEGER,
                                        .origin = "query",
                                        .everything = everything};
    struct decision decision = {.kind = DECISION_UNCHANGED};
    struct manifest_info info;
    struct batch batch;
    settle_or_die(world);
    if (world->killed)
        return;
    world->next = 0;
    batch_init(&batch, BATCH_BYTES);
    assert_int_equal(manifest_open(world->paths.manifest, &world->paths.fingerprint, &world->manifest, &info), 0);
    struct merge *merge = merge_start(&source);
    bool going = true;
    while (going && decision.kind != DECISION_END) {
        assert_int_equal(merge_next(merge, &decision), 0);
        if (decision.kind != DECISION_END)
            going = take_decision(world, &decision, &batch);
    }
    if (going && batch.count > 0)
        send_batch(world, &batch);
    merge_free(merge);
    manifest_close(world->manifest);
    journal_close(world->journal);
    world->journal = NULL;
    batch_free(&batch);
    if (!world->killed)
        settle_or_die(world);
}

/* A power cut as well: of what was not flushed, any part may be missing. */
static void tear_journal(struct world *world) {
    int64_t size = size_of(world->paths.journal);
    if (size > world->synced && world->synced > 0 && roll(world, 2) == 0) {
        int64_t left = world->synced + (int64_t)roll(world, (uint64_t)(size - world->synced));
        assert_int_equal(truncate(world->paths.journal, left), 0);
    }
}

/* What the manifest would say after settling, without disturbing the files: asked of a copy of the truth. */
static void check_knowledge(struct world *world) {
    struct manifest_writer *writer = NULL;
    struct manifest_info info;
    struct manifest *manifest = NULL;
    const struct manifest_entry *entry = NULL;
    bool known[KEYS] = {false};
    assert_int_equal(settle(&world->paths, &info), 0);
    assert_null(writer);
    assert_int_equal(manifest_open(world->paths.manifest, &world->paths.fingerprint, &manifest, &info), 0);
    while (assert_int_equal(manifest_next(manifest, &entry), 0), entry != NULL) {
        size_t index = index_of(entry->key, entry->key_length);
        known[index] = entry->state != MANIFEST_REFUSED;
        assert_true(entry->version <= info.generation && entry->version > 0);
        if (entry->state == MANIFEST_REFUSED)
            assert_int_equal(world->domain[index], 0);
        if (entry->state != MANIFEST_HELD)
            continue;
        struct hash hash = make_json(&world->json, index, world->domain[index]);
        assert_true(hash_equal(&hash, &entry->hash));
    }
    manifest_close(manifest);
    for (size_t i = 0; i < KEYS; i++)
        assert_true(known[i] || world->domain[i] == 0);
}

static void check_end_state(struct world *world, const int *before) {
    for (size_t i = 0; i < KEYS; i++) {
        int row = world->rows[i];
        assert_int_equal(world->domain[i], row == NO_ROW ? 0 : row <= GOOD ? row : before[i]);
    }
}

static void live_through(struct world *world) {
    int before[KEYS];
    for (int run = 0; run < RUNS; run++) {
        for (size_t i = 0; i < KEYS; i++)
            if (roll(world, 3) == 0)
                world->rows[i] = roll(world, 3) == 0 ? NO_ROW : 1 + (int)roll(world, CONTENTS - 1);
        world->killed = false;
        world->disturbed = roll(world, 2) == 0;
        world->steps_left = roll(world, 4) == 0 ? -1 : (int)roll(world, 40);
        world->synced = 0;
        push(world, roll(world, 6) == 0);
        tear_journal(world);
        if (roll(world, 2) == 0)
            check_knowledge(world);
    }
    world->killed = false;
    world->disturbed = false;
    world->steps_left = -1;
    memcpy(before, world->domain, sizeof before);
    /* Isolation may have been told to give up; then the next run goes on. */
    for (int posts = -1, i = 0; i < 20 && posts != world->posts; i++) {
        posts = world->posts;
        push(world, false);
    }
    check_end_state(world, before);
    check_knowledge(world);
    world->posts = 0;
    push(world, false);
    assert_int_equal(world->posts, 0);
}

static void every_history_converges(void **state) {
    static const struct hash fingerprint = {"fingerprint"};
    for (uint64_t i = 1; i <= HISTORIES; i++) {
        struct world world = {.seed = i * 0x9E3779B97F4A7C15U, .now = 1000};
        settle_init(&world.paths, *state, "domain", &fingerprint);
        live_through(&world);
        unlink(world.paths.manifest);
        unlink(world.paths.journal);
        settle_free(&world.paths);
        text_free(&world.json);
    }
}

/* --- the merge alone --- */

struct list {
    const char *const *rows; /* keys */
    size_t row, entry, rows_count, entries_count;
    const char *const *entries;
    struct merge_row one_row;
    struct manifest_entry one_entry;
    int fail_at; /* the row that cannot be fetched */
};

static int list_row(void *context, const struct merge_row **row) {
    struct list *list = context;
    *row = NULL;
    if (list->fail_at >= 0 && list->row == (size_t)list->fail_at)
        return EXIT_UNAVAILABLE;
    if (list->row == list->rows_count)
        return 0;
    const char *key = list->rows[list->row++];
    list->one_row = (struct merge_row){.key = (const unsigned char *)key, .key_length = strlen(key)};
    *row = &list->one_row;
    return 0;
}

static int list_entry(void *context, const struct manifest_entry **entry) {
    struct list *list = context;
    *entry = NULL;
    if (list->entry == list->entries_count)
        return 0;
    const char *key = list->entries[list->entry++];
    list->one_entry.key_length = strlen(key);
    memcpy(list->one_entry.key, key, strlen(key));
    *entry = &list->one_entry;
    return 0;
}

static bool is_b(void *context, const unsigned char *key, size_t length) {
    (void)context;
    return length == 1 && key[0] == 'b';
}

/* Decisions as letters: "n" for new, "=" unchanged, "d" delete ... then the status. */
static int decide_all(struct list *list, bool only_b, struct text *out) {
    const struct merge_source source = {.context = list,
                                        .next_row = list_row,
                                        .next_entry = list_entry,
                                        .wanted = only_b ? is_b : NULL,
                                        .key_kind = ROWKEY_BYTES,
                                        .origin = "[push-lancers] query"};
    struct merge *merge = merge_start(&source);
    struct decision decision = {.kind = DECISION_UNCHANGED};
    int status = 0;
    while (status == 0 && decision.kind != DECISION_END) {
        status = merge_next(merge, &decision);
        if (status == 0 && decision.kind != DECISION_END)
            text_printf(out, "%c", "-nca=rbdf"[decision.kind]);
    }
    merge_free(merge);
    return status;
}

static void rows_out_of_order_are_an_error_with_both_keys(void **state) {
    (void)state;
    static const char *const twice[] = {"a", "b", "b", "c"};
    static const char *const down[] = {"a", "c", "b"};
    static const char *const entries[] = {"a", "b", "c"};
    struct list lists[] = {{.rows = twice, .rows_count = 4, .entries = entries, .entries_count = 3, .fail_at = -1},
                           {.rows = down, .rows_count = 3, .entries = entries, .entries_count = 3, .fail_at = -1},
                           {.rows = entries, .rows_count = 3, .entries = entries, .entries_count = 3, .fail_at = 2}};
    static const char *const messages[] = {"two rows have the key \"b\"", "key \"b\" comes after \"c\"", ""};
    static const int statuses[] = {EXIT_SETTINGS, EXIT_SETTINGS, EXIT_UNAVAILABLE};
    for (size_t i = 0; i < LENGTH_OF(lists); i++) {
        struct text text = {0};
        struct capture capture = capture_start();
        int status = decide_all(&lists[i], false, &text);
        char *log = capture_end(&capture);
        assert_int_equal(status, statuses[i]);
        assert_contains(log, messages[i]);
        text_free(&text);
        free(log);
    }
}

static void a_list_of_ids_touches_nothing_else(void **state) {
    (void)state;
    static const char *const rows[] = {"a", "c"};
    static const char *const entries[] = {"b", "d"};
    struct list list = {.rows = rows, .rows_count = 2, .entries = entries, .entries_count = 2, .fail_at = -1};
    struct text text = {0};
    assert_int_equal(decide_all(&list, false, &text), 0);
    assert_string_equal(text_string(&text), "ndnd");
    text_clear(&text);
    list.row = list.entry = 0;
    assert_int_equal(decide_all(&list, true, &text), 0);
    assert_string_equal(text_string(&text), "d");
    text_free(&text);
}

static void no_rows_and_no_entries(void **state) {
    (void)state;
    static const char *const keys[] = {"a", "b"};
    struct list lists[] = {{.fail_at = -1},
                           {.rows = keys, .rows_count = 2, .fail_at = -1},
                           {.entries = keys, .entries_count = 2, .fail_at = -1}};
    static const char *const wanted[] = {"", "nn", "dd"};
    for (size_t i = 0; i < LENGTH_OF(lists); i++) {
        struct text text = {0};
        assert_int_equal(decide_all(&lists[i], false, &text), 0);
        assert_string_equal(text_string(&text), wanted[i]);
        text_free(&text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        scene_test(every_history_converges),
        cmocka_unit_test(rows_out_of_order_are_an_error_with_both_keys),
        cmocka_unit_test(a_list_of_ids_touches_nothing_else),
        cmocka_unit_test(no_rows_and_no_entries),
    };
    /* Tens of thousands of flushes; killing a process, real or not, does not need a disk for what it leaves. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
