/* Walking a domain in slices, against one that answers as the service does, and what becomes of each kind of entry. */
#include "web_cloudsearch.h"

#include "../../jobs/push-lancers/reconcile.h"
#include "../../jobs/push-lancers/settle.h"

enum { IDS = 4000 };

static struct world {
    const char *ids[IDS];
    size_t count;
    size_t requests;
    size_t largest; /* hits announced for a slice that was walked to its end */
    size_t fail_at; /* the request that is answered with 403; 0: none */
    struct text answer;
    struct document_plan *plan;
    struct settle settle;
} world;

/* --- the domain --- */

static int compare_ids(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The decoded value of a form's parameter; freed by the caller, NULL if it is not there. */
static char *parameter(const char *body, const char *name) {
    char *start = xasprintf("&%s=", name);
    char *whole = xasprintf("&%s", body);
    const char *at = strstr(whole, start);
    struct text value = {0};
    if (at != NULL)
        for (at += strlen(start); *at != '\0' && *at != '&'; at++) {
            char hex[3] = {at[0] == '%' ? at[1] : '\0', at[0] == '%' ? at[2] : '\0', '\0'};
            char byte = at[0] == '%' ? (char)strtoul(hex, NULL, 16) : *at;
            at += at[0] == '%' ? 2 : 0;
            text_append(&value, &byte, 1);
        }
    free(start);
    free(whole);
    return value.data != NULL ? text_take(&value) : NULL;
}

/* "'it\'s'" at *at, without its quotes; *at is behind it then. */
static char *unquote(const char **at) {
    struct text value = {0};
    for ((*at)++; **at != '\''; (*at)++) {
        *at += **at == '\\';
        text_append(&value, *at, 1);
    }
    (*at)++;
    char *copy = xstrdup(text_string(&value));
    text_free(&value);
    return copy;
}

/* _id:['a','b'} */
static void read_range(const char *filter, char **from, char **below) {
    *from = NULL;
    *below = NULL;
    if (filter == NULL)
        return;
    const char *at = strchr(filter, ':') + 2;
    if (*at == '\'')
        *from = unquote(&at);
    at++;
    if (*at == '\'')
        *below = unquote(&at);
}

static void answer_search(const char *body, struct text *answer) {
    char *filter = parameter(body, "fq");
    char *cursor = parameter(body, "cursor");
    char *from = NULL;
    char *below = NULL;
    size_t found = 0;
    size_t shown = 0;
    struct text hits = {0};
    const char *last = "";
    read_range(filter, &from, &below);
    for (size_t i = 0; i < world.count; i++) {
        const char *id = world.ids[i];
        if ((from != NULL && strcmp(id, from) < 0) || (below != NULL && strcmp(id, below) >= 0))
            continue;
        found++;
        /* Pages of seven, so that slices have several. */
        if (shown < 7 && (strcmp(cursor, "initial") == 0 || strcmp(id, cursor) > 0)) {
            text_printf(&hits, "%s{\"id\":\"%s\"}", shown++ > 0 ? "," : "", id);
            last = id;
        }
    }
    text_printf(answer, "{\"hits\":{\"found\":%zu,\"start\":0,\"cursor\":\"%s\",\"hit\":[%s]}}", found,
                shown > 0 ? last : cursor, text_string(&hits));
    if (shown == 0 && found > world.largest)
        world.largest = found;
    text_free(&hits);
    free(filter);
    free(cursor);
    free(from);
    free(below);
}

static void serve(const char *body, struct web_reply *reply) {
    text_clear(&world.answer);
    answer_search(body, &world.answer);
    *reply =
        (struct web_reply){.status = ++world.requests == world.fail_at ? 403 : 200, .body = text_string(&world.answer)};
}

static void add_id(const char *format, ...) PRINTF_LIKE(1, 2);
static void add_id(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    world.ids[world.count++] = xvasprintf(format, arguments);
    va_end(arguments);
}

/* --- the scene --- */

static int enter(void **state) {
    world = (struct world){0};
    if (domain_enter(state) != 0)
        return -1;
    const struct document_column columns[] = {{.name = (char[]){"id"}, .kind = COLUMN_INTEGER},
                                              {.name = (char[]){"name"}, .kind = COLUMN_TEXT}};
    const struct document_rules rules = {.origin = "test", .document_id = "row_{id}"};
    if (document_plan_make(&rules, columns, LENGTH_OF(columns), NULL, 0, &world.plan) != 0)
        return -1;
    struct hash fingerprint = document_fingerprint(world.plan, "here");
    settle_init(&world.settle, domain.directory, "local", &fingerprint);
    return 0;
}

static int leave(void **state) {
    for (size_t i = 0; i < world.count; i++)
        free((char *)(uintptr_t)world.ids[i]);
    text_free(&world.answer);
    settle_free(&world.settle);
    document_plan_free(world.plan);
    return domain_leave(state);
}

static int reconcile_world(bool trusted, int64_t slice_most, struct reconcile_result *result,
                           struct manifest_info *info) {
    qsort(world.ids, world.count, sizeof *world.ids, compare_ids);
    world.requests = 0;
    world.largest = 0;
    domain_serve(NULL, 0);
    domain.server.make = serve;
    const struct reconcile_setup setup = {
        .cloudsearch = domain.client,
        .plan = world.plan,
        .settle = &world.settle,
        .trusted = trusted,
        .generation = 2000,
        .slice_most = slice_most,
    };
    int status = reconcile(&setup, result, info);
    domain_end();
    return status;
}

static void put_entry(struct manifest_writer *writer, const char *number, enum manifest_state state) {
    struct manifest_entry entry = {.state = state, .version = 1500, .hash = {"hash of content"}};
    struct rowkey key;
    assert_null(rowkey_set(&key, ROWKEY_INTEGER, number, strlen(number)));
    entry.key_length = key.length;
    memcpy(entry.key, key.bytes, key.length);
    if (state == MANIFEST_UNSURE)
        entry.hash = (struct hash){{0}};
    assert_int_equal(manifest_put(writer, &entry), 0);
}

/* The manifest as a string: "9 held 1500" and so on, one after the other; freed by the caller. */
static char *read_manifest(void) {
    static const char *const names[] = {"held", "unsure", "refused", "refused_new"};
    struct manifest *manifest = NULL;
    struct manifest_info info;
    const struct manifest_entry *entry = NULL;
    struct text text = {0};
    assert_int_equal(manifest_open(world.settle.manifest, &world.settle.fingerprint, &manifest, &info), 0);
    while (manifest_next(manifest, &entry) == 0 && entry != NULL) {
        if (text.length > 0)
            text_add(&text, ", ");
        rowkey_add(&text, ROWKEY_INTEGER, entry->key, entry->key_length);
        text_printf(&text, " %s %lld", names[entry->state], (long long)entry->version);
        bool known = strcmp((const char *)entry->hash.bytes, "hash of content") == 0;
        assert_int_equal(known, entry->state != MANIFEST_UNSURE);
    }
    manifest_close(manifest);
    return text_take(&text);
}

static void write_manifest(const char *const *numbers, const enum manifest_state *states, size_t count) {
    struct manifest_writer *writer = NULL;
    struct manifest_info info;
    assert_int_equal(manifest_create(world.settle.manifest, &world.settle.fingerprint, 1500, &writer), 0);
    for (size_t i = 0; i < count; i++)
        put_entry(writer, numbers[i], states[i]);
    assert_int_equal(manifest_seal(writer, &info), 0);
    assert_int_equal(manifest_commit(writer), 0);
    manifest_writer_free(writer);
}

/* --- tests --- */

/* Every entry once with and once without its document. */
static const char *const numbers[] = {"1", "2", "9", "10", "11", "100", "101", "102"};
static const enum manifest_state states[] = {MANIFEST_HELD,        MANIFEST_HELD,       MANIFEST_UNSURE,
                                             MANIFEST_UNSURE,      MANIFEST_REFUSED,    MANIFEST_REFUSED,
                                             MANIFEST_REFUSED_NEW, MANIFEST_REFUSED_NEW};

static void add_every_second(void) {
    for (size_t i = 0; i < LENGTH_OF(numbers); i += 2)
        add_id("row_%s", numbers[i]);
    add_id("row_5");
    add_id("row_007");
    add_id("lancer_1");
    add_id("row_1x");
}

static void every_kind_of_entry_is_mended(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info;
    write_manifest(numbers, states, LENGTH_OF(numbers));
    add_every_second();
    assert_int_equal(reconcile_world(true, 0, &result, &info), 0);
    char *made = read_manifest();
    assert_string_equal(made, "1 held 1500, 2 unsure 2000, 5 unsure 2000, 9 unsure 1500, 10 unsure 1500, "
                              "11 refused_new 2000, 100 refused 1500, 101 refused_new 1500, 102 refused_new 1500");
    assert_int_equal(result.ids, 8);
    assert_int_equal(result.foreign, 3);
    assert_int_equal(result.unknown, 2);
    assert_int_equal(result.absent, 1);
    struct manifest_info verified;
    assert_int_equal(manifest_verify(world.settle.manifest, &world.settle.fingerprint, &verified), 0);
    assert_int_equal(info.generation, 2000);
    assert_int_equal(info.checksum, verified.checksum);
    assert_int_equal(info.entries, 9);
    assert_true(info.exists && hash_equal(&info.fingerprint, &world.settle.fingerprint));
    free(made);
}

static void a_manifest_that_is_not_trusted_is_forgotten(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info;
    write_manifest(numbers, states, LENGTH_OF(numbers));
    add_every_second();
    assert_int_equal(reconcile_world(false, 0, &result, &info), 0);
    char *made = read_manifest();
    assert_string_equal(made, "1 unsure 2000, 5 unsure 2000, 9 unsure 2000, 11 unsure 2000, 101 unsure 2000");
    assert_int_equal(result.unknown, 5);
    assert_int_equal(result.absent, 0);
    free(made);
}

static void without_a_manifest_all_is_unsure(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info;
    for (bool trusted = false;; trusted = true) {
        unlink(world.settle.manifest);
        assert_int_equal(reconcile_world(trusted, 0, &result, &info), 0);
        assert_int_equal(result.ids, world.count);
        assert_int_equal(info.states[MANIFEST_UNSURE], world.count);
        if (trusted)
            break;
        add_id("row_3");
    }
}

/* Whatever the limit, each id comes once, and no slice that is walked is larger, if it can be helped. */
static void a_large_domain_is_walked_in_slices(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info;
    size_t ours = 0;
    for (int i = 1; i <= 340; i++, ours++)
        add_id("row_%d", i);
    static const char *const others[] = {
        "a",   "row",  "row_",  "row_1#", "row_1-", "row_1:", "row_1_",  "row_a",   "row-1",
        "zzz", "zzzz", "ROW_1", "0",      "&",      "_",      "row_12&", "row_120@"};
    for (size_t i = 0; i < LENGTH_OF(others); i++)
        add_id("%s", others[i]);
    static const int64_t limits[] = {1, 2, 10, 11, 12, 100, 111, 112, 113, 356, 357, 358, 100000};
    for (size_t i = 0; i < LENGTH_OF(limits); i++) {
        int status = reconcile_world(false, limits[i], &result, &info);
        if (status != 0 || (size_t)result.ids != world.count || (size_t)result.unknown != ours ||
            (size_t)info.entries != ours || (int64_t)world.largest > limits[i])
            web_fail("limit %lld: status %d, %lld ids, %lld unknown, slices of up to %zu, %s", (long long)limits[i],
                     status, (long long)result.ids, (long long)result.unknown, world.largest, domain.said);
        assert_int_equal(result.foreign, LENGTH_OF(others));
    }
}

/* A failure of any request leaves the old manifest, and nothing beside it. */
static void a_walk_that_fails_leaves_the_manifest(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info = {.generation = 77};
    for (int i = 1; i <= 40; i++)
        add_id("row_%d", i);
    write_manifest(numbers, states, LENGTH_OF(numbers));
    char *before = read_manifest();
    int status = EXIT_DENIED;
    for (world.fail_at = 1; status != 0; world.fail_at++) {
        status = reconcile_world(true, 12, &result, &info);
        if (status == 0)
            break;
        assert_int_equal(status, EXIT_DENIED);
        assert_int_equal(world.requests, world.fail_at);
        assert_int_equal(info.generation, 77);
        char *after = read_manifest();
        assert_string_equal(after, before);
        free(after);
    }
    assert_true(world.fail_at > 10);
    assert_int_equal(result.ids, 40);
    free(before);
}

static void a_damaged_manifest_is_not_mended(void **state) {
    (void)state;
    struct reconcile_result result;
    struct manifest_info info = {0};
    write_manifest(numbers, states, LENGTH_OF(numbers));
    int file = open(world.settle.manifest, O_WRONLY);
    assert_int_equal(pwrite(file, "x", 1, 110), 1);
    close(file);
    add_every_second();
    assert_int_equal(reconcile_world(true, 0, &result, &info), EXIT_GUARD);
    assert_int_equal(info.generation, 0);
    assert_int_equal(reconcile_world(false, 0, &result, &info), 0);
    assert_int_equal(info.generation, 2000);
}

static void ends_of_slices(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"row_1", NULL, "s"},
        {"row_1", "s", "rp"},
        {"row_1", "row_2", "row_1!"},
        {"row_10", "row_2", "row_11"},
        {"row_1", "row_1!", NULL},
        {"a", "b", "a!"},
        {"\x7f"
         "a",
         NULL,
         "\x7f"
         "b"},
        {"az", "b", "a{"},
        {"_", NULL, "`"},
        {"row_10", "row_11", "row_10!"},
        {"a9", "a9!", NULL},
    };
    for (size_t i = 0; i < LENGTH_OF(cases); i++) {
        char *end = reconcile_nearer(cases[i][0], cases[i][1]);
        if (cases[i][2] == NULL ? end != NULL : end == NULL || strcmp(end, cases[i][2]) != 0)
            web_fail("%s below %s: %s", cases[i][0], cases[i][1] != NULL ? cases[i][1] : "",
                     end != NULL ? end : "none");
        free(end);
    }
}

#define world_test(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int main(void) {
    const struct CMUnitTest tests[] = {
        world_test(every_kind_of_entry_is_mended),
        world_test(a_manifest_that_is_not_trusted_is_forgotten),
        world_test(without_a_manifest_all_is_unsure),
        world_test(a_large_domain_is_walked_in_slices),
        world_test(a_walk_that_fails_leaves_the_manifest),
        world_test(a_damaged_manifest_is_not_mended),
        cmocka_unit_test(ends_of_slices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
