/* The ledger in memory and as text. A line per thing, fields separated by tabs:
 *
 *   nightshift-slow-queries 1
 *   sealed    KEY
 *   gap       SENTENCE
 *   told_gap  SENTENCE
 *   position  INSTANCE SERVER ROWS FIRST LAST READ_AT NEWEST DONE
 *   group     ID INSTANCE FINGERPRINT TALLY LOCK_TIME ROWS_SENT ROWS_EXAMINED FIRST LAST DAYS SEEN TIMES TABLES USERS SAMPLE
 *   known     ID FINGERPRINT TABLES FIRST_SEEN LAST_SEEN TALLY DAYS TOLD_DAY TALLY
 *   end       NUMBER_OF_LINES_BETWEEN
 *
 * TALLY is count:total:worst, without ":worst" where that is the total of at most one query. DAYS is day:TALLY,day:TALLY,...
 * where each day but the first is the number of days since the one before it. TIMES are separated by commas. Numbers are
 * decimal, but within TALLY, DAYS and TIMES, which are most of a ledger, they have base 64, with the digits 0-9A-Za-z._
 * In texts \\,
 * \t and \n stand for a backslash, a tab and a line break; each text of a list ends with \, (a backslash and a comma), so
 * that an empty list and a list of one empty text differ. SAMPLE is a list of at most one. There is one way only to write
 * a ledger, and the decoder refuses all others. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ledger.h"

void position_free(struct position *position) {
    free(position->instance);
    free(position->server);
    strings_free(&position->done);
    *position = (struct position){0};
}

static void known_free(struct known *known) {
    free(known->fingerprint);
    strings_free(&known->tables);
    days_free(&known->days);
    *known = (struct known){0};
}

void ledger_free(struct ledger *ledger) {
    for (size_t i = 0; i < ledger->position_count; i++)
        position_free(&ledger->positions[i]);
    free(ledger->positions);
    groups_free(&ledger->pending);
    free(ledger->sealed);
    strings_free(&ledger->gaps);
    strings_free(&ledger->told_gaps);
    for (size_t i = 0; i < ledger->known_count; i++)
        known_free(&ledger->known[i]);
    free(ledger->known);
    *ledger = (struct ledger){0};
}

struct position *ledger_position(struct ledger *ledger, const char *instance) {
    for (size_t i = 0; i < ledger->position_count; i++)
        if (strcmp(ledger->positions[i].instance, instance) == 0)
            return &ledger->positions[i];
    ledger->positions = xgrow(ledger->positions, ledger->position_count, sizeof *ledger->positions);
    struct position *position = &ledger->positions[ledger->position_count++];
    *position = (struct position){.instance = xstrdup(instance), .server = xstrdup("")};
    return position;
}

/* --- the history -------------------------------------------------------------------------------------------------- */

static int compare_id(const void *id, const void *known) {
    return strcmp(id, ((const struct known *)known)->id);
}

static int compare_known(const void *a, const void *b) {
    return strcmp(((const struct known *)a)->id, ((const struct known *)b)->id);
}

static int compare_groups(const void *a, const void *b) {
    return strcmp(((const struct group *)a)->id, ((const struct group *)b)->id);
}

/* Among the first `count`. */
static struct known *find_known(const struct ledger *ledger, const char *id, size_t count) {
    return count > 0 ? bsearch(id, ledger->known, count, sizeof *ledger->known, compare_id) : NULL;
}

const struct known *ledger_known(const struct ledger *ledger, const char *id) {
    return find_known(ledger, id, ledger->known_count);
}

static struct known *add_known(struct ledger *ledger, struct group *group) {
    ledger->known = xgrow(ledger->known, ledger->known_count, sizeof *ledger->known);
    struct known *known = &ledger->known[ledger->known_count++];
    *known = (struct known){.first_seen = group->first, .last_seen = group->last, .fingerprint = group->fingerprint};
    memcpy(known->id, group->id, sizeof known->id);
    group->fingerprint = NULL;
    return known;
}

static void add_group(struct known *known, const struct group *group) {
    if (group->first < known->first_seen)
        known->first_seen = group->first;
    if (group->last > known->last_seen)
        known->last_seen = group->last;
    tally_add(&known->all, &group->all);
    for (size_t i = 0; i < group->days.count; i++)
        days_add(&known->days, group->days.items[i].day, &group->days.items[i].tally);
    for (size_t i = 0; i < group->tables.count && known->tables.count < GROUPS_NAMES_LIMIT; i++)
        if (!strings_contain(&known->tables, group->tables.items[i]))
            strings_add(&known->tables, group->tables.items[i]);
}

/* The gaps become told ones, of which the oldest are dropped. */
static void settle_gaps(struct ledger *ledger) {
    struct strings kept = {0};
    const struct strings *both[] = {&ledger->told_gaps, &ledger->gaps};
    size_t surplus = both[0]->count + both[1]->count;
    surplus = surplus > LEDGER_GAPS_LIMIT ? surplus - LEDGER_GAPS_LIMIT : 0;
    for (size_t i = 0; i < LENGTH_OF(both); i++)
        for (size_t j = 0; j < both[i]->count; j++)
            if (surplus > 0)
                surplus--;
            else
                strings_add(&kept, both[i]->items[j]);
    strings_free(&ledger->gaps);
    strings_free(&ledger->told_gaps);
    ledger->told_gaps = kept;
}

void ledger_settle(struct ledger *ledger, const struct strings *told, int64_t today) {
    struct groups *pending = &ledger->pending;
    const size_t before = ledger->known_count;
    /* Sorted, so that the groups of several instances stand together, and a new one is the last that was added. */
    if (pending->count > 0)
        qsort(pending->items, pending->count, sizeof *pending->items, compare_groups);
    for (size_t i = 0; i < pending->count; i++) {
        struct group *group = &pending->items[i];
        struct known *known = find_known(ledger, group->id, before);
        if (known == NULL && ledger->known_count > before)
            known = &ledger->known[ledger->known_count - 1];
        if (known == NULL || strcmp(known->id, group->id) != 0)
            known = add_known(ledger, group);
        add_group(known, group);
    }
    if (ledger->known_count > before)
        qsort(ledger->known, ledger->known_count, sizeof *ledger->known, compare_known);
    for (size_t i = 0; told != NULL && i < told->count; i++) {
        struct known *known = find_known(ledger, told->items[i], ledger->known_count);
        if (known == NULL)
            continue;
        known->told_day = today;
        known->told = days_tally(&known->days, today);
    }
    groups_free(pending);
    settle_gaps(ledger);
    free(ledger->sealed);
    ledger->sealed = NULL;
}

static int compare_newest_first(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;
    return (left < right) - (left > right);
}

/* When the `limit`th of those that were seen last was seen; `more`: how many that were seen at that very time may stay. */
static int64_t limit_time(const struct ledger *ledger, size_t limit, size_t *more) {
    int64_t *times = xcalloc(ledger->known_count, sizeof *times);
    for (size_t i = 0; i < ledger->known_count; i++)
        times[i] = ledger->known[i].last_seen;
    qsort(times, ledger->known_count, sizeof *times, compare_newest_first);
    const int64_t last = times[limit - 1];
    for (*more = 0; *more < limit && times[limit - 1 - *more] == last;)
        ++*more;
    free(times);
    return last;
}

static void forget_positions(struct ledger *ledger, int64_t before) {
    size_t kept = 0;
    for (size_t i = 0; i < ledger->position_count; i++)
        if (ledger->positions[i].read_at == 0 || ledger->positions[i].read_at >= before)
            ledger->positions[kept++] = ledger->positions[i];
        else
            position_free(&ledger->positions[i]);
    ledger->position_count = kept;
}

size_t ledger_forget(struct ledger *ledger, size_t limit, int64_t before) {
    forget_positions(ledger, before);
    const size_t count = ledger->known_count;
    int64_t oldest = INT64_MIN;
    size_t more = SIZE_MAX;
    if (limit > 0 && limit < count)
        oldest = limit_time(ledger, limit, &more);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        struct known *known = &ledger->known[i];
        bool keep = limit > 0 && known->last_seen >= before && known->last_seen >= oldest;
        if (keep && known->last_seen == oldest)
            keep = more > 0 && more-- > 0;
        if (keep)
            ledger->known[kept++] = *known;
        else
            known_free(known);
    }
    ledger->known_count = kept;
    return count - kept;
}

/* --- encoding ----------------------------------------------------------------------------------------------------- */

static void add_number(struct text *out, int64_t number) {
    char digits[24];
    const int length = snprintf(digits, sizeof digits, "%" PRId64, number);
    text_append(out, digits, (size_t)length);
}

static void add_short(struct text *out, int64_t number) {
    static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz._";
    char written[12]; /* of INT64_MIN */
    char *at = written + sizeof written;
    /* Unsigned, because -INT64_MIN is no int64_t. */
    uint64_t left = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;
    do {
        *--at = digits[left & 63];
        left >>= 6;
    } while (left > 0);
    if (number < 0)
        *--at = '-';
    text_append(out, at, (size_t)(written + sizeof written - at));
}

static void add_escaped(struct text *out, const char *string) {
    for (;;) {
        const size_t plain = strcspn(string, "\\\t\n");
        text_append(out, string, plain);
        string += plain;
        if (*string == '\0')
            return;
        text_add(out, *string == '\\' ? "\\\\" : *string == '\t' ? "\\t" : "\\n");
        string++;
    }
}

static void add_text_field(struct text *out, const char *string) {
    text_add(out, "\t");
    add_escaped(out, string != NULL ? string : "");
}

static void add_number_field(struct text *out, int64_t number) {
    text_add(out, "\t");
    add_number(out, number);
}

static void add_list_field(struct text *out, const struct strings *strings) {
    text_add(out, "\t");
    for (size_t i = 0; i < strings->count; i++) {
        add_escaped(out, strings->items[i]);
        text_add(out, "\\,");
    }
}

static void add_tally(struct text *out, const struct tally *tally) {
    add_short(out, tally->count);
    text_append(out, ":", 1);
    add_short(out, tally->total);
    if (tally->count <= 1 && tally->worst == tally->total)
        return;
    text_append(out, ":", 1);
    add_short(out, tally->worst);
}

static void add_tally_field(struct text *out, const struct tally *tally) {
    text_add(out, "\t");
    add_tally(out, tally);
}

static void add_days_field(struct text *out, const struct days *days) {
    int64_t before = 0;
    text_add(out, "\t");
    for (size_t i = 0; i < days->count; i++) {
        if (i > 0)
            text_append(out, ",", 1);
        add_short(out, days->items[i].day - before);
        text_append(out, ":", 1);
        add_tally(out, &days->items[i].tally);
        before = days->items[i].day;
    }
}

static void encode_position(struct text *out, const struct position *position) {
    text_add(out, "position");
    add_text_field(out, position->instance);
    add_text_field(out, position->server);
    add_number_field(out, position->rows);
    add_text_field(out, position->first);
    add_text_field(out, position->last);
    add_number_field(out, position->read_at);
    add_number_field(out, position->newest);
    add_list_field(out, &position->done);
    text_add(out, "\n");
}

static void encode_group(struct text *out, const struct group *group) {
    char *sample[] = {group->sample};
    text_add(out, "group");
    add_text_field(out, group->id);
    add_text_field(out, group->instance);
    add_text_field(out, group->fingerprint);
    add_tally_field(out, &group->all);
    add_number_field(out, group->lock_time);
    add_number_field(out, group->rows_sent);
    add_number_field(out, group->rows_examined);
    add_number_field(out, group->first);
    add_number_field(out, group->last);
    add_days_field(out, &group->days);
    add_number_field(out, group->times.seen);
    text_add(out, "\t");
    for (size_t i = 0; i < group->times.count; i++) {
        if (i > 0)
            text_append(out, ",", 1);
        add_short(out, group->times.items[i]);
    }
    add_list_field(out, &group->tables);
    add_list_field(out, &group->users);
    add_list_field(out, &(struct strings){.items = sample, .count = group->sample != NULL});
    text_add(out, "\n");
}

static void encode_known(struct text *out, const struct known *known) {
    text_add(out, "known");
    add_text_field(out, known->id);
    add_text_field(out, known->fingerprint);
    add_list_field(out, &known->tables);
    add_number_field(out, known->first_seen);
    add_number_field(out, known->last_seen);
    add_tally_field(out, &known->all);
    add_days_field(out, &known->days);
    add_number_field(out, known->told_day);
    add_tally_field(out, &known->told);
    text_add(out, "\n");
}

static void encode_sentences(struct text *out, const char *kind, const struct strings *sentences) {
    for (size_t i = 0; i < sentences->count; i++) {
        text_add(out, kind);
        add_text_field(out, sentences->items[i]);
        text_add(out, "\n");
    }
}

void ledger_encode(const struct ledger *ledger, struct text *out) {
    size_t lines = ledger->gaps.count + ledger->told_gaps.count + ledger->position_count + ledger->pending.count +
                   ledger->known_count;
    text_add(out, LEDGER_HEAD);
    if (ledger->sealed != NULL) {
        text_add(out, "sealed");
        add_text_field(out, ledger->sealed);
        text_add(out, "\n");
        lines++;
    }
    encode_sentences(out, "gap", &ledger->gaps);
    encode_sentences(out, "told_gap", &ledger->told_gaps);
    for (size_t i = 0; i < ledger->position_count; i++)
        encode_position(out, &ledger->positions[i]);
    for (size_t i = 0; i < ledger->pending.count; i++)
        encode_group(out, &ledger->pending.items[i]);
    for (size_t i = 0; i < ledger->known_count; i++)
        encode_known(out, &ledger->known[i]);
    text_add(out, "end");
    add_number_field(out, (int64_t)lines);
    text_add(out, "\n");
}
