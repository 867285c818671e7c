/* Whole operations: id, fields, arrays. The plan (document_plan.c) has been checked, so that nothing here depends on names or rules. */
#include <string.h>
#include <xxhash.h>

#include "document_private.h"

static void cut(struct text *out, size_t length) {
    out->length = length;
    out->full = false;
    if (out->data != NULL)
        out->data[length] = '\0';
}

/* --- ids --- */

static bool is_narrow(char c, bool first) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c == '_' && !first);
}

static bool is_allowed(const struct document_plan *plan, char c, bool first) {
    if (!plan->any_id)
        return is_narrow(c, first);
    return is_narrow(c, false) || (c >= 'A' && c <= 'Z') || (c != '\0' && strchr("-=#;:/?@&", c) != NULL);
}

const char *document_id(const struct document_plan *plan, const void *key, size_t length, struct text *id) {
    size_t start = id->length;
    const char *reason = NULL;
    text_add(id, plan->id_before);
    if (!rowkey_add(id, plan->key_kind, key, length))
        reason = "is not a key";
    text_add(id, plan->id_after);
    size_t used = id->length - start;
    if (used == 0)
        reason = "gives an empty document id";
    if (used > DOCUMENT_ID_LIMIT)
        reason = "gives a document id of more than 128 characters";
    for (size_t i = 0; reason == NULL && i < used; i++)
        if (!is_allowed(plan, id->data[start + i], i == 0))
            reason = "gives a document id with a character that is not allowed there";
    if (reason != NULL)
        cut(id, start);
    return reason;
}

bool document_id_key(const struct document_plan *plan, const char *id, size_t length, struct rowkey *key) {
    size_t before = strlen(plan->id_before);
    size_t after = strlen(plan->id_after);
    if (length < before + after || length > DOCUMENT_ID_LIMIT || memcmp(id, plan->id_before, before) != 0 ||
        memcmp(id + length - after, plan->id_after, after) != 0 ||
        rowkey_set(key, plan->key_kind, id + before, length - before - after) != NULL)
        return false;
    /* lancer_007 is not what row 7 makes. */
    struct text again = {0};
    bool same = document_id(plan, key->bytes, key->length, &again) == NULL && again.length == length &&
                memcmp(again.data, id, length) == 0;
    text_free(&again);
    return same;
}

bool document_delete(const struct document_plan *plan, const void *key, size_t length, struct text *out) {
    size_t start = out->length;
    text_add(out, "{\"type\":\"delete\",\"id\":\"");
    if (document_id(plan, key, length, out) != NULL) {
        cut(out, start);
        return false;
    }
    text_add(out, "\"}");
    return true;
}

/* --- fields --- */

static struct value trim_spaces(struct value value) {
    while (value.length > 0 && value.bytes[0] == ' ')
        value = (struct value){value.bytes + 1, value.length - 1};
    while (value.length > 0 && value.bytes[value.length - 1] == ' ')
        value.length--;
    return value;
}

/* An empty piece is no value: "a,,b" has two. */
static enum encoded add_array(const struct document_plan *plan, const struct document_field *field, struct value all,
                              struct text *out, struct document_counts *counts, const char **reason) {
    size_t separator = strlen(field->separator);
    size_t written = 0;
    size_t start = out->length;
    const char *at = all.bytes;
    const char *const end = all.bytes + all.length;
    for (bool more = true; more;) {
        const char *found = memmem(at, (size_t)(end - at), field->separator, separator);
        const char *stop = found != NULL ? found : end;
        struct value piece = trim_spaces((struct value){at, (size_t)(stop - at)});
        size_t before = out->length;
        document_append(out, ",\"" + (written == 0), written > 0 ? 2 : 1);
        enum encoded encoded = piece.length > 0 ? document_encode(plan, field, piece, out, counts, reason) : OMITTED;
        if (encoded == FAULTY)
            return FAULTY;
        if (encoded == ENCODED)
            document_append(out, "\"", 1);
        else
            cut(out, before);
        written += encoded == ENCODED;
        if (written > DOCUMENT_VALUES || out->length - start > plan->max_bytes) {
            *reason = written > DOCUMENT_VALUES ? "has more than 1000 values" : "is larger than a document may be";
            return FAULTY;
        }
        more = found != NULL;
        at = more ? stop + separator : end;
    }
    return written > 0 ? ENCODED : OMITTED;
}

static enum encoded add_field(const struct document_plan *plan, const struct document_field *field,
                              const struct field *column, bool first, struct text *out, struct document_counts *counts,
                              const char **reason) {
    if (column->bytes == NULL)
        return OMITTED;
    struct value value = {column->bytes, column->length};
    size_t start = out->length;
    document_append(out, field->opening + first, field->opening_length - first);
    enum encoded encoded = field->array ? add_array(plan, field, value, out, counts, reason)
                                        : document_encode(plan, field, value, out, counts, reason);
    if (encoded == ENCODED)
        document_append(out, field->array ? "]" : "\"", 1);
    else
        cut(out, start);
    return encoded;
}

static bool add_fields(const struct document_plan *plan, const struct field *row, size_t start, struct text *out,
                       struct document_counts *counts, struct document_fault *fault) {
    bool first = true;
    for (size_t i = 0; i < plan->count; i++) {
        const struct document_field *field = &plan->fields[i];
        enum encoded encoded = add_field(plan, field, &row[field->column], first, out, counts, &fault->reason);
        fault->field = field->name;
        if (encoded == FAULTY)
            return false;
        if (encoded == ENCODED)
            first = false;
        /* Two bytes are still to come. */
        if (out->full || out->length - start + 2 > plan->max_bytes) {
            fault->reason = "makes the document larger than it may be";
            return false;
        }
    }
    *fault = (struct document_fault){first ? plan->key_name : NULL, first ? "has no other field with a value" : NULL};
    return !first;
}

/* Against -ftrivial-auto-var-init: clearing 3 KB for each row, of which a few bytes are used and set before, takes longer than many a field. */
#define UNINITIALISED __attribute__((uninitialized))

bool document_add(const struct document_plan *plan, const struct field *row, struct text *out,
                  struct document_counts *counts, struct document_fault *fault) {
    static const char add_opening[] = "{\"type\":\"add\",\"id\":\"";
    static const char fields_opening[] = "\",\"fields\":{";
    size_t start = out->length;
    UNINITIALISED struct rowkey key;
    struct document_counts changed = {0};
    const struct field *column = &row[plan->key_column];
    *fault = (struct document_fault){.field = plan->key_name};
    fault->reason = rowkey_set(&key, plan->key_kind, column->bytes, column->length);
    document_append(out, add_opening, sizeof add_opening - 1);
    if (fault->reason == NULL)
        fault->reason = document_id(plan, key.bytes, key.length, out);
    document_append(out, fields_opening, sizeof fields_opening - 1);
    if (fault->reason != NULL || !add_fields(plan, row, start, out, &changed, fault)) {
        cut(out, start);
        return false;
    }
    document_append(out, "}}", 2);
    counts->removed += changed.removed;
    counts->wide += changed.wide;
    counts->zero_dates += changed.zero_dates;
    return true;
}

struct hash document_hash(const char *operation, size_t length) {
    struct hash hash;
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(operation, length));
    memcpy(hash.bytes, canonical.digest, sizeof hash.bytes);
    return hash;
}

struct hash document_fingerprint(const struct document_plan *plan, const char *endpoint) {
    struct text words = {0};
    text_printf(&words, "1\n%s\n%d\n%s\n%s", endpoint, (int)plan->key_kind, plan->id_before, plan->id_after);
    struct hash hash = document_hash(text_string(&words), words.length);
    text_free(&words);
    return hash;
}
