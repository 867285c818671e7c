/* The first documents of each kind of change are kept while the rows pass, and printed when everything has been counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"
#include "document_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/utf8.h"
#include "nightshift/report/format.h"
#include "nightshift/report/table.h"
#include "nightshift/web/cloudsearch_search.h"
#include "preview.h"

enum {
    SAMPLES = 5,
    FIELDS_SHOWN = 4,      /* of a new document */
    COLUMNS_SHOWN = 40,    /* of a value, on the terminal */
    BEFORE_CHANGE = 10,    /* characters of what both values have in common, when they are long */
    RETRY_TIME = 5 * 1000, /* milliseconds; a person waits */
};

struct sampled {
    char *id;
    json_t *fields; /* of the add operation; NULL: a delete */
};

struct samples {
    struct sampled items[SAMPLES];
    size_t count;
};

struct preview {
    const struct document_plan *plan;
    struct samples added;
    struct samples changed;
    struct samples deleted;
};

struct preview *preview_start(const struct document_plan *plan) {
    struct preview *preview = xcalloc(1, sizeof *preview);
    preview->plan = plan;
    return preview;
}

static struct samples *samples_of(struct preview *preview, enum decision_kind kind) {
    switch (kind) {
    case DECISION_ADD_NEW:
        return &preview->added;
    case DECISION_ADD_CHANGED:
        return &preview->changed;
    case DECISION_DELETE:
        return &preview->deleted;
    case DECISION_END:
    case DECISION_ADD_AGAIN:
    case DECISION_UNCHANGED:
    case DECISION_STILL_REFUSED:
    case DECISION_BAD_ROW:
    case DECISION_FORGET:
    case DECISION_KINDS:
        break;
    }
    return NULL;
}

void preview_watch(void *context, const struct decision *decision, const struct text *json) {
    struct preview *preview = context;
    struct samples *samples = samples_of(preview, decision->kind);
    if (samples == NULL || samples->count == SAMPLES)
        return;
    struct text id = {0};
    json_t *operation = json != NULL ? json_loadb(json->data, json->length, 0, NULL) : NULL;
    document_id(preview->plan, decision->key, decision->key_length, &id);
    samples->items[samples->count++] =
        (struct sampled){.id = text_take(&id), .fields = json_incref(json_object_get(operation, "fields"))};
    json_decref(operation);
}

static void samples_free(struct samples *samples) {
    for (size_t i = 0; i < samples->count; i++) {
        free(samples->items[i].id);
        json_decref(samples->items[i].fields);
    }
}

void preview_free(struct preview *preview) {
    if (preview == NULL)
        return;
    samples_free(&preview->added);
    samples_free(&preview->changed);
    samples_free(&preview->deleted);
    free(preview);
}

/* --- values --- */

/* A value in one line: that of an array with commas between. */
static char *value_of(const json_t *value) {
    struct text text = {0};
    if (!json_is_array(value))
        text_add(&text, json_string_value(value) != NULL ? json_string_value(value) : "");
    for (size_t i = 0; i < json_array_size(value); i++) {
        const char *item = json_string_value(json_array_get(value, i));
        text_printf(&text, "%s%s", i > 0 ? ", " : "", item != NULL ? item : "");
    }
    return text_take(&text);
}

static char *shortened(const char *string) {
    struct text text = {0};
    format_shortened(&text, string, COLUMNS_SHOWN);
    return text_take(&text);
}

/* Where to begin to show two values, so that what differs is to be seen: at the beginning; or, of values that are too long and the same for
 * long, shortly before the first difference. */
static size_t start_of_change(const char *old, const char *new) {
    size_t same = 0;
    if (utf8_columns(old) <= COLUMNS_SHOWN && utf8_columns(new) <= COLUMNS_SHOWN)
        return 0;
    while (old[same] != '\0' && old[same] == new[same])
        same++;
    if (same < COLUMNS_SHOWN / 2)
        return 0;
    for (int i = 0; i < BEFORE_CHANGE && same > 0; i++)
        do
            same--;
        while (same > 0 && ((unsigned char)old[same] & 0xC0U) == 0x80U);
    return same;
}

static char *changed_value(const char *string, size_t start) {
    char *whole = xasprintf("%s%s", start > 0 ? "…" : "", string + start);
    char *shown = shortened(whole);
    free(whole);
    return shown;
}

/* --- counts --- */

static void print_counts(const struct push *push) {
    static const struct {
        const char *name;
        enum decision_kind kind;
    } lines[] = {{"new", DECISION_ADD_NEW},
                 {"changed", DECISION_ADD_CHANGED},
                 {"sent again", DECISION_ADD_AGAIN},
                 {"deleted", DECISION_DELETE},
                 {"unchanged", DECISION_UNCHANGED},
                 {"rows that are no document", DECISION_BAD_ROW},
                 {"refused before", DECISION_STILL_REFUSED}};
    static const char *const heads[] = {"", ">documents"};
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < LENGTH_OF(lines); i++) {
        struct text number = {0};
        format_number(&number, push->counts[lines[i].kind]);
        const char *const cells[] = {lines[i].name, text_string(&number)};
        table_add(table, cells);
        text_free(&number);
    }
    table_print(table, stdout);
    table_free(table);
}

static void print_title(const char *title, size_t shown, int64_t of) {
    struct text number = {0};
    format_number(&number, of);
    printf("\n%s, %zu of %s:\n", title, shown, text_string(&number));
    text_free(&number);
}

/* --- new and deleted documents --- */

/* The fields that tell most about a document at a glance: strings first. */
static size_t choose_fields(const struct document_plan *plan, size_t chosen[FIELDS_SHOWN]) {
    size_t count = 0;
    for (int strings = 1; strings >= 0; strings--)
        for (size_t i = 0; i < plan->count && count < FIELDS_SHOWN; i++) {
            bool string = plan->fields[i].type == TYPE_LITERAL || plan->fields[i].type == TYPE_TEXT;
            if (string == (strings == 1) && !plan->fields[i].array)
                chosen[count++] = i;
        }
    return count;
}

static void print_new(const struct preview *preview, int64_t all) {
    size_t chosen[FIELDS_SHOWN] = {0};
    size_t count = choose_fields(preview->plan, chosen);
    const char *heads[FIELDS_SHOWN + 1] = {"document"};
    if (preview->added.count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        heads[i + 1] = document_field_name(preview->plan, chosen[i]);
    struct table *table = table_open(heads, count + 1);
    for (size_t i = 0; i < preview->added.count; i++) {
        const struct sampled *item = &preview->added.items[i];
        const char *cells[FIELDS_SHOWN + 1] = {item->id};
        char *values[FIELDS_SHOWN] = {0};
        for (size_t j = 0; j < count; j++) {
            char *value = value_of(json_object_get(item->fields, heads[j + 1]));
            values[j] = shortened(value);
            cells[j + 1] = values[j];
            free(value);
        }
        table_add(table, cells);
        for (size_t j = 0; j < count; j++)
            free(values[j]);
    }
    print_title("new", preview->added.count, all);
    table_print(table, stdout);
    table_free(table);
}

static void print_deleted(const struct preview *preview, int64_t all) {
    if (preview->deleted.count == 0)
        return;
    print_title("deleted", preview->deleted.count, all);
    for (size_t i = 0; i < preview->deleted.count; i++)
        puts(preview->deleted.items[i].id);
}

/* --- changed documents, field by field --- */

static const struct cloudsearch_hit *find_hit(const struct cloudsearch_hits *hits, const char *id) {
    for (size_t i = 0; i < hits->count; i++)
        if (strcmp(hits->hits[i].id, id) == 0)
            return &hits->hits[i];
    return NULL;
}

static bool is_returned(const struct cloudsearch_hits *hits, const char *name) {
    for (size_t i = 0; i < hits->count; i++)
        if (json_object_get(hits->hits[i].fields, name) != NULL)
            return true;
    return false;
}

struct change {
    const char *id; /* NULL: the same as in the line before */
    const char *field;
    const json_t *old;
    const char *no_old; /* shown when there is no old value */
    const json_t *new;
};

static void add_change(struct table *table, const struct change *change) {
    char *old = change->old != NULL ? value_of(change->old) : NULL;
    char *new = change->new != NULL ? value_of(change->new) : NULL;
    size_t start = old != NULL && new != NULL ? start_of_change(old, new) : 0;
    char *shown_old = old != NULL ? changed_value(old, start) : xstrdup(change->no_old);
    char *shown_new = new != NULL ? changed_value(new, start) : xstrdup("(not sent)");
    const char *const cells[] = {change->id, change->field, shown_old, "->", shown_new};
    table_add(table, cells);
    free(old);
    free(new);
    free(shown_old);
    free(shown_new);
}

/* The fields that the job sends, and those that it no longer sends: an add replaces the whole document. */
static void add_changes(struct table *table, const struct preview *preview, const struct sampled *item,
                        const struct cloudsearch_hits *hits) {
    const struct cloudsearch_hit *hit = find_hit(hits, item->id);
    struct change change = {.id = item->id};
    json_t *rest = hit != NULL && hit->fields != NULL ? json_copy(hit->fields) : json_object();
    for (size_t i = 0; i < document_field_count(preview->plan); i++) {
        change.field = document_field_name(preview->plan, i);
        change.new = json_object_get(item->fields, change.field);
        change.old = hit != NULL ? json_object_get(hit->fields, change.field) : NULL;
        change.no_old = hit == NULL ? "(not found)" : is_returned(hits, change.field) ? "(none)" : "(not returned)";
        if (compare_digest(preview->plan, i, change.old) != compare_digest(preview->plan, i, change.new)) {
            add_change(table, &change);
            change.id = NULL;
        }
        json_object_del(rest, change.field);
    }
    for (void *at = json_object_iter(rest); at != NULL; at = json_object_iter_next(rest, at)) {
        const struct change left = {
            .id = change.id, .field = json_object_iter_key(at), .old = json_object_iter_value(at)};
        /* The service's own, such as _score. */
        if (strncmp(left.field, "_", 1) == 0)
            continue;
        add_change(table, &left);
        change.id = NULL;
    }
    const char *const same[] = {change.id, "(as it is in the domain already)", NULL, NULL, NULL};
    if (change.id != NULL)
        table_add(table, same);
    json_decref(rest);
}

/* Without the old contents: EXIT_LATER, or 0 and why is said. */
static int fetch_old(const struct preview *preview, struct cloudsearch *cloudsearch, bool searchable,
                     struct cloudsearch_hits *hits) {
    const char *ids[SAMPLES] = {0};
    for (size_t i = 0; i < preview->changed.count; i++)
        ids[i] = preview->changed.items[i].id;
    if (!searchable) {
        puts("(the old values are not known: [cloudsearch] search_endpoint is not set)");
        return 0;
    }
    cloudsearch_set_retry_time(cloudsearch, RETRY_TIME);
    int status = cloudsearch_fetch(cloudsearch, ids, preview->changed.count, hits);
    if (status != 0 && status != EXIT_LATER)
        puts("(the old values are not known: the domain could not be searched)");
    return status == EXIT_LATER ? status : 0;
}

static int print_changed(const struct preview *preview, struct cloudsearch *cloudsearch, bool searchable, int64_t all) {
    static const char *const heads[] = {"document", "field", "in the domain", "", "in the database"};
    struct cloudsearch_hits hits = {0};
    if (preview->changed.count == 0)
        return 0;
    print_title("changed", preview->changed.count, all);
    int status = fetch_old(preview, cloudsearch, searchable, &hits);
    if (status == 0) {
        struct table *table = table_open(heads, LENGTH_OF(heads));
        for (size_t i = 0; i < preview->changed.count; i++)
            add_changes(table, preview, &preview->changed.items[i], &hits);
        table_print(table, stdout);
        table_free(table);
    }
    cloudsearch_hits_free(&hits);
    return status;
}

/* --- rows that are no document --- */

static void print_bad(const struct push *push) {
    static const char *const heads[] = {"row", "field", "reason"};
    size_t shown = push->bad_count < SAMPLES ? push->bad_count : SAMPLES;
    if (shown == 0)
        return;
    struct table *table = table_open(heads, LENGTH_OF(heads));
    for (size_t i = 0; i < shown; i++) {
        const char *const cells[] = {push->bad[i].key, push->bad[i].field, push->bad[i].reason};
        table_add(table, cells);
    }
    print_title("rows that are no document", shown, push->counts[DECISION_BAD_ROW]);
    table_print(table, stdout);
    table_free(table);
}

int preview_print(struct preview *preview, struct cloudsearch *cloudsearch, bool searchable, const struct push *push) {
    print_counts(push);
    print_new(preview, push->counts[DECISION_ADD_NEW]);
    int status = print_changed(preview, cloudsearch, searchable, push->counts[DECISION_ADD_CHANGED]);
    if (status != 0)
        return status;
    print_deleted(preview, push->counts[DECISION_DELETE]);
    print_bad(push);
    return 0;
}
