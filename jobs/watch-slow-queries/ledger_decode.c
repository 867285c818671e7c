/* Reading a ledger back. Nothing is believed: the bytes may be cut, or have been changed by hand. The format is described
 * in ledger.c. Each step does nothing once a problem was found, so that a line can be read without asking after each field;
 * what it read until then is freed with the whole. */
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

struct reader {
    const char *at; /* in the line, behind what was read; NULL: there are no more fields */
    const char *end;
    const char *problem; /* the first one */
};

/* A field, or what is left of it. */
struct field {
    const char *at, *end;
};

static void refuse(struct reader *reader, const char *problem) {
    if (reader->problem == NULL)
        reader->problem = problem;
}

static struct field take_field(struct reader *reader) {
    if (reader->at == NULL) {
        refuse(reader, "a field is missing");
        return (struct field){reader->end, reader->end};
    }
    const char *tab = memchr(reader->at, '\t', (size_t)(reader->end - reader->at));
    const struct field field = {reader->at, tab != NULL ? tab : reader->end};
    reader->at = tab != NULL ? tab + 1 : NULL;
    return field;
}

enum { DECIMAL = 10, SHORT = 64 };

static int digit_of(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'A' && c <= 'Z')
        return c - 'A' + 10;
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 36;
    return c == '.' ? 62 : c == '_' ? 63 : SHORT;
}

/* A number at the beginning of a field, in the one way in which the encoder writes it. */
static bool read_number(struct field *field, int base, int64_t *out) {
    const char *at = field->at;
    const bool minus = at < field->end && *at == '-';
    if (minus)
        at++;
    const char *first = at;
    int64_t value = 0; /* below 0, where there is room for one number more */
    for (int digit = 0; at < field->end && (digit = digit_of(*at)) < base; at++)
        if (__builtin_mul_overflow(value, base, &value) || __builtin_sub_overflow(value, digit, &value))
            return false;
    if (at == first || (*first == '0' && (minus || at - first > 1)) || (!minus && value == INT64_MIN))
        return false;
    *out = minus ? value : -value;
    field->at = at;
    return true;
}

/* One that is not below 0. */
static bool read_amount(struct field *field, int base, int64_t *out) {
    return read_number(field, base, out) && *out >= 0;
}

static bool read_mark(struct field *field, char mark) {
    if (field->at == field->end || *field->at != mark)
        return false;
    field->at++;
    return true;
}

static bool read_tally(struct field *field, struct tally *out) {
    if (!read_amount(field, SHORT, &out->count) || !read_mark(field, ':') || !read_amount(field, SHORT, &out->total))
        return false;
    out->worst = out->total;
    if (!read_mark(field, ':'))
        return out->count <= 1;
    return read_amount(field, SHORT, &out->worst) && (out->count > 1 || out->worst != out->total);
}

/* What a byte behind a backslash stands for; NUL: nothing. */
static char meant_by(char code) {
    switch (code) {
    case '\\':
        return '\\';
    case 't':
        return '\t';
    case 'n':
        return '\n';
    default:
        return '\0';
    }
}

/* A whole field as a text; never NULL, so that the caller need not ask. */
static char *read_text(struct reader *reader, struct field field) {
    char *text = xmalloc((size_t)(field.end - field.at) + 1);
    size_t length = 0;
    while (field.at < field.end) {
        const char *backslash = memchr(field.at, '\\', (size_t)(field.end - field.at));
        const size_t plain = (size_t)((backslash != NULL ? backslash : field.end) - field.at);
        memcpy(text + length, field.at, plain);
        length += plain;
        field.at += plain;
        if (backslash == NULL)
            break;
        char meant = '\0';
        if (field.end - backslash > 1)
            meant = meant_by(backslash[1]);
        if (meant == '\0') {
            refuse(reader, "a text is not escaped as it should be");
            break;
        }
        text[length++] = meant;
        field.at += 2;
    }
    text[length] = '\0';
    return text;
}

static char *take_text(struct reader *reader) {
    return read_text(reader, take_field(reader));
}

/* Where the first text of a list ends; NULL if it does not. */
static const char *find_comma(struct field list) {
    while ((list.at = memchr(list.at, '\\', (size_t)(list.end - list.at))) != NULL && list.end - list.at > 1) {
        if (list.at[1] == ',')
            return list.at;
        list.at += 2;
    }
    return NULL;
}

static void take_list(struct reader *reader, struct strings *out) {
    struct field list = take_field(reader);
    while (reader->problem == NULL && list.at < list.end) {
        const char *comma = find_comma(list);
        if (comma == NULL) {
            refuse(reader, "a list has no end");
            break;
        }
        out->items = xgrow(out->items, out->count, sizeof *out->items);
        out->items[out->count++] = read_text(reader, (struct field){list.at, comma});
        list.at = comma + 2;
    }
}

static int64_t take_number(struct reader *reader, bool amount) {
    int64_t number = 0;
    struct field field = take_field(reader);
    if (!(amount ? read_amount(&field, DECIMAL, &number) : read_number(&field, DECIMAL, &number)) ||
        field.at != field.end)
        refuse(reader, "a number is not one");
    return number;
}

static void take_tally(struct reader *reader, struct tally *out) {
    struct field field = take_field(reader);
    if (!read_tally(&field, out) || field.at != field.end)
        refuse(reader, "a tally is not one");
}

static void take_days(struct reader *reader, struct days *out) {
    struct field field = take_field(reader);
    while (reader->problem == NULL && field.at < field.end) {
        struct day day = {0};
        if (out->count >= DAYS_LIMIT || (out->count > 0 && !read_mark(&field, ',')) ||
            !read_number(&field, SHORT, &day.day) || !read_mark(&field, ':') || !read_tally(&field, &day.tally) ||
            (out->count > 0 &&
             (day.day <= 0 || __builtin_add_overflow(day.day, out->items[out->count - 1].day, &day.day)))) {
            refuse(reader, "the days are not in order");
            break;
        }
        out->items = xgrow(out->items, out->count, sizeof *out->items);
        out->items[out->count++] = day;
    }
}

static void take_times(struct reader *reader, struct times *out) {
    out->seen = take_number(reader, true);
    struct field field = take_field(reader);
    while (reader->problem == NULL && field.at < field.end) {
        int64_t time = 0;
        if (out->count >= TIMES_LIMIT || (out->count > 0 && !read_mark(&field, ',')) ||
            !read_amount(&field, SHORT, &time)) {
            refuse(reader, "the times are not numbers");
            break;
        }
        out->items = xgrow(out->items, out->count, sizeof *out->items);
        out->items[out->count++] = time;
    }
    if ((int64_t)out->count > out->seen)
        refuse(reader, "there are more times than queries");
}

static void take_id(struct reader *reader, char out[FINGERPRINT_ID_SIZE]) {
    const struct field field = take_field(reader);
    const size_t length = (size_t)(field.end - field.at);
    bool good = length == FINGERPRINT_ID_SIZE - 1;
    for (size_t i = 0; good && i < length; i++)
        good = (field.at[i] >= '0' && field.at[i] <= '9') || (field.at[i] >= 'A' && field.at[i] <= 'F');
    if (!good) {
        refuse(reader, "an id is not 32 hexadecimal digits");
        return;
    }
    memcpy(out, field.at, length);
    out[length] = '\0';
}

static void take_hash(struct reader *reader, char out[LEDGER_HASH_SIZE]) {
    char *text = take_text(reader);
    const size_t length = strlen(text);
    if (length < LEDGER_HASH_SIZE)
        memcpy(out, text, length + 1);
    else
        refuse(reader, "a hash is too long");
    free(text);
}

static void decode_sealed(struct reader *reader, struct ledger *ledger) {
    if (ledger->sealed != NULL)
        refuse(reader, "it is sealed twice");
    free(ledger->sealed);
    ledger->sealed = take_text(reader);
}

static void take_sentence(struct reader *reader, struct strings *sentences) {
    char *sentence = take_text(reader);
    strings_add(sentences, sentence);
    free(sentence);
}

static void decode_gap(struct reader *reader, struct ledger *ledger) {
    take_sentence(reader, &ledger->gaps);
}

static void decode_told_gap(struct reader *reader, struct ledger *ledger) {
    take_sentence(reader, &ledger->told_gaps);
}

static void decode_position(struct reader *reader, struct ledger *ledger) {
    struct position position = {.instance = take_text(reader)};
    position.server = take_text(reader);
    position.rows = take_number(reader, true);
    take_hash(reader, position.first);
    take_hash(reader, position.last);
    position.read_at = take_number(reader, false);
    position.newest = take_number(reader, false);
    take_list(reader, &position.done);
    for (size_t i = 0; i < ledger->position_count; i++)
        if (strcmp(ledger->positions[i].instance, position.instance) == 0)
            refuse(reader, "an instance has two positions");
    ledger->positions = xgrow(ledger->positions, ledger->position_count, sizeof position);
    ledger->positions[ledger->position_count++] = position;
}

static void decode_group(struct reader *reader, struct ledger *ledger) {
    struct strings sample = {0};
    struct group group = {0};
    take_id(reader, group.id);
    group.instance = take_text(reader);
    group.fingerprint = take_text(reader);
    take_tally(reader, &group.all);
    group.lock_time = take_number(reader, true);
    group.rows_sent = take_number(reader, true);
    group.rows_examined = take_number(reader, true);
    group.first = take_number(reader, false);
    group.last = take_number(reader, false);
    take_days(reader, &group.days);
    take_times(reader, &group.times);
    take_list(reader, &group.tables);
    take_list(reader, &group.users);
    take_list(reader, &sample);
    if (sample.count > 1)
        refuse(reader, "a group has two samples");
    else if (sample.count == 1)
        group.sample = xstrdup(sample.items[0]);
    strings_free(&sample);
    groups_put(&ledger->pending, &group);
}

static void decode_known(struct reader *reader, struct ledger *ledger) {
    struct known known = {0};
    take_id(reader, known.id);
    known.fingerprint = take_text(reader);
    take_list(reader, &known.tables);
    known.first_seen = take_number(reader, false);
    known.last_seen = take_number(reader, false);
    take_tally(reader, &known.all);
    take_days(reader, &known.days);
    known.told_day = take_number(reader, false);
    take_tally(reader, &known.told);
    if (ledger->known_count > 0 && strcmp(ledger->known[ledger->known_count - 1].id, known.id) >= 0)
        refuse(reader, "the fingerprints are not in order");
    ledger->known = xgrow(ledger->known, ledger->known_count, sizeof known);
    ledger->known[ledger->known_count++] = known;
}

static const struct kind {
    const char *name;
    void (*decode)(struct reader *reader, struct ledger *ledger);
} kinds[] = {{"known", decode_known}, {"group", decode_group},       {"position", decode_position},
             {"gap", decode_gap},     {"told_gap", decode_told_gap}, {"sealed", decode_sealed}};

static const char *decode_line(const char *line, const char *end, struct ledger *ledger) {
    struct reader reader = {.at = line, .end = end};
    const struct field name = take_field(&reader);
    const size_t length = (size_t)(name.end - name.at);
    for (size_t i = 0; i < LENGTH_OF(kinds); i++)
        if (strlen(kinds[i].name) == length && memcmp(kinds[i].name, name.at, length) == 0) {
            kinds[i].decode(&reader, ledger);
            return reader.problem == NULL && reader.at != NULL ? "there is a field too many" : reader.problem;
        }
    return "a line begins with an unknown word";
}

static const char *decode_lines(const char *at, const char *end, struct ledger *ledger) {
    for (int64_t lines = 0;; lines++) {
        const char *line_end = memchr(at, '\n', (size_t)(end - at));
        if (line_end == NULL)
            return "its end is missing";
        if (line_end - at > 4 && memcmp(at, "end\t", 4) == 0) {
            struct field field = {at + 4, line_end};
            int64_t number = 0;
            if (line_end + 1 != end || !read_amount(&field, DECIMAL, &number) || field.at != field.end ||
                number != lines)
                return "lines are missing or too many";
            return NULL;
        }
        const char *problem = decode_line(at, line_end, ledger);
        if (problem != NULL)
            return problem;
        at = line_end + 1;
    }
}

const char *ledger_decode(const struct text *body, struct ledger *ledger) {
    static const char head[] = LEDGER_HEAD;
    const size_t length = sizeof head - 1;
    const char *start = text_string(body);
    if (body->length < length || memcmp(start, head, length) != 0)
        return "it does not begin as a ledger of this version";
    if (memchr(start, '\0', body->length) != NULL)
        return "there is a NUL byte in it";
    const char *problem = decode_lines(start + length, start + body->length, ledger);
    if (problem != NULL)
        ledger_free(ledger);
    return problem;
}
