/* Reading a slow log exactly once.
 *
 * Rows have no key, and their times cannot be trusted: the position is a number of rows. It holds for one generation of the table, its life
 * from empty to the next rotation or truncation, and the generation is recognised by its rows themselves. One statement reads from the
 * last row that was read on; if the row it begins with is not that row, our generation is somewhere else:
 *
 *   rows > 0     where row number `rows` has the hash `last`: in the live table, or in a table that a rotation makes (our own,
 *                or slow_log_backup). There it is read to its end, and is done. If it is nowhere, rows may be lost: a gap.
 *   rows == 0    nothing of the next generation was read. It is in the live table, unless that was rotated since: then a rotated table
 *                begins with a row that no generation in `done` began with, and is read first.
 *
 * A generation that is done is never read again, whatever happens to the live table: `done` has the first row of each that may still be
 * there. That is also why, before the live table is read from its first row, the rotated tables are looked at *after* that row
 * was seen: a rotation in between shows itself by another first row.
 *
 * Rows and position become permanent together, in sink->commit. Between two commits nothing is changed on the server; what is dropped was
 * committed before. So a run may die at any point, and the next one goes on from the position: a table that was moved away and not yet read
 * is found as any other rotated table is. */
#include "follow.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "follow_time.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "rotate.h"
#include "slow_log.h"

enum {
    TURNS = 16,           /* tables in one run: somebody who rotates faster than we read does not keep us for ever */
    STEADY_ATTEMPTS = 5,  /* to find the end of a table while others rotate it */
    ADVISE_ROWS = 500000, /* about 3 s for the server to go over, each minute */
};

static const int rotated_tables[] = {SLOW_DRAIN, SLOW_BACKUP};

struct follower {
    const struct follow_input *input;
    const struct follow_sink *sink;
    struct follow_result *result;
    struct database *database;
    struct position *position;
    int64_t left;        /* rows that this run may still read */
    int64_t uncommitted; /* rows that were counted since the last commit */
    int64_t rows_before; /* position->rows when the generation was begun in this run */
    int table;           /* enum slow_table: where our generation was seen last */
    int64_t own;         /* rows that tell of statements of this job */
    bool denied;         /* a rotated table could not be read */
    bool refused;        /* the server does not let us rotate */
};

/* How a table was read. */
enum outcome {
    OUTCOME_END,   /* to its end */
    OUTCOME_LIMIT, /* as far as this run goes */
    OUTCOME_OTHER, /* it is not the generation that was looked for, or there is no such table */
    OUTCOME_AGAIN, /* things have moved: look again */
};

static bool rotates(const struct follower *f) {
    return f->input->settings->mode == WATCH_ROTATE && !f->input->dry_run;
}

/* --- position --- */

static int commit(struct follower *f) {
    f->uncommitted = 0;
    return f->sink->commit(f->sink->context);
}

/* Adds to the generations that are done with, or moves it to their end: those that are still there stay remembered. */
static void remember_done(struct position *position, const char *first) {
    struct strings kept = {0};
    size_t others = 0;
    for (size_t i = 0; i < position->done.count; i++)
        others += strcmp(position->done.items[i], first) != 0;
    for (size_t i = 0; i < position->done.count; i++)
        if (strcmp(position->done.items[i], first) != 0 && others-- < LEDGER_DONE_LIMIT)
            strings_add(&kept, position->done.items[i]);
    strings_add(&kept, first);
    strings_free(&position->done);
    position->done = kept;
}

/* The generation is read to its end, or gone. */
static int close_generation(struct follower *f) {
    struct position *position = f->position;
    remember_done(position, position->first);
    position->rows = 0;
    position->first[0] = '\0';
    position->last[0] = '\0';
    f->rows_before = 0;
    return commit(f);
}

static void note_gap(struct follower *f, const char *what) {
    struct text reason = {0};
    if (f->result->gap)
        return;
    text_printf(&reason, "%s", what);
    if (f->position->read_at > 0) {
        text_add(&reason, "; it was last read to its end at ");
        clock_add_local(&reason, f->position->read_at);
    }
    if (f->denied)
        text_printf(&reason, "; %s cannot be read, where a rotation may have moved them: GRANT SELECT on it",
                    slow_table_name(SLOW_BACKUP));
    f->result->gap = true;
    f->result->gap_reason = text_take(&reason);
}

/* --- rows --- */

static int64_t server_now(const struct follower *f) {
    return clock_now() + database_identity(f->database)->clock_offset;
}

static void take_row(struct follower *f, const struct slow_entry *entry, int64_t now) {
    struct position *position = f->position;
    position->rows++;
    if (position->rows == 1)
        memcpy(position->first, entry->hash, sizeof position->first);
    memcpy(position->last, entry->hash, sizeof position->last);
    f->uncommitted++;
    f->left--;
    if (!entry->readable) {
        f->result->unreadable++;
        return;
    }
    struct slow_row row = entry->row;
    bool shifted = false;
    row.finished = follow_time(row.finished, now, position, &shifted);
    f->result->shifted += shifted;
    if (row.finished > position->newest)
        position->newest = row.finished;
    f->own += entry->own;
    if (entry->own || strings_contain(&f->input->settings->ignore_users, row.user)) {
        f->result->skipped++;
        return;
    }
    f->result->rows++;
    f->sink->take(f->sink->context, &row);
}

static bool is_time_left(const struct follower *f) {
    return clock_monotonic() <= f->input->until;
}

/* Takes rows from `entry` on. */
static int take_rows(struct follower *f, struct slow_log *log, const struct slow_entry *entry, enum outcome *outcome) {
    int64_t now = server_now(f);
    bool enough = false;
    int status = 0;
    *outcome = OUTCOME_END;
    while (status == 0 && entry != NULL) {
        if (enough || f->left == 0) {
            *outcome = OUTCOME_LIMIT;
            return f->left == 0 ? slow_log_next(log, &entry) : 0; /* which is the end: no KILL is needed */
        }
        take_row(f, entry, now);
        if (f->uncommitted >= f->input->settings->batch_rows) {
            status = commit(f);
            enough = !is_time_left(f);
        }
        if (status == 0)
            status = slow_log_next(log, &entry);
    }
    return status;
}

/* Reads on in a table, if it is the generation that is looked for: the one of the position or, at its beginning, the one that begins with
 * `first`. */
static int read_table(struct follower *f, int table, const char *first, enum outcome *outcome) {
    const struct position *position = f->position;
    bool begun = position->rows > 0;
    const struct slow_log_range range = {.table = table,
                                         .skip = begun ? position->rows - 1 : 0,
                                         .limit = f->left + (begun ? 2 : 1), /* one more than we take */
                                         .max_query = f->input->settings->max_query};
    struct slow_log *log = NULL;
    const struct slow_entry *entry = NULL;
    *outcome = OUTCOME_OTHER;
    int status = slow_log_open(f->database, &range, &log);
    if (status != 0 || log == NULL)
        return status;
    status = slow_log_next(log, &entry);
    if (status != 0 || entry == NULL || strcmp(entry->hash, begun ? position->last : first) != 0)
        goto out;
    f->table = table;
    if (begun)
        status = slow_log_next(log, &entry);
    if (status == 0)
        status = take_rows(f, log, entry, outcome);
out:
    slow_log_close(log);
    /* Rows that were counted before an error count, with the position behind them. */
    if (f->uncommitted > 0) {
        int committed = commit(f);
        status = status != 0 ? status : committed;
    }
    return status;
}

/* A rotated table was read to its end. */
static int leave_rotated(struct follower *f, int table) {
    int status = close_generation(f);
    if (status == 0 && table == SLOW_DRAIN && rotates(f))
        status = rotate_drop(f->database);
    return status;
}

/* --- generations --- */

/* Puts the position behind the last row of the live table without taking any. */
static int skip_to_end(struct follower *f) {
    struct position *position = f->position;
    struct slow_peek before = {0};
    struct slow_peek after = {0};
    for (int attempt = 0; attempt < STEADY_ATTEMPTS; attempt++) {
        int64_t count = 0;
        struct slow_log *log = NULL;
        const struct slow_entry *entry = NULL;
        int status = slow_log_peek(f->database, SLOW_LIVE, &before);
        if (status == 0 && before.first[0] != '\0')
            status = slow_log_count(f->database, SLOW_LIVE, &count);
        if (status != 0 || before.first[0] == '\0')
            return status;
        const struct slow_log_range range = {SLOW_LIVE, count > 0 ? count - 1 : 0, 1, 1};
        status = slow_log_open(f->database, &range, &log);
        if (status == 0)
            status = slow_log_next(log, &entry);
        bool found = entry != NULL;
        if (found)
            memcpy(position->last, entry->hash, sizeof position->last);
        slow_log_close(log);
        if (status == 0)
            status = slow_log_peek(f->database, SLOW_LIVE, &after);
        if (status != 0)
            return status;
        if (found && count > 0 && strcmp(before.first, after.first) == 0) {
            position->rows = count;
            memcpy(position->first, before.first, sizeof position->first);
            return commit(f);
        }
    }
    return fail(EXIT_LATER, "cannot find the end of %s on \"%s\": it is replaced again and again",
                slow_table_name(SLOW_LIVE), database_server(f->database));
}

/* Our generation is in none of the tables. */
static int give_up_generation(struct follower *f) {
    struct slow_peek live;
    int status = slow_log_peek(f->database, SLOW_LIVE, &live);
    if (status != 0)
        return status;
    if (strcmp(live.first, f->position->first) == 0) {
        /* Reading it from the beginning would count rows twice. */
        note_gap(f, "mysql.slow_log has lost rows that had been read, as by REPAIR TABLE, and perhaps others");
        f->position->rows = 0;
        return skip_to_end(f);
    }
    note_gap(f, "mysql.slow_log was emptied or replaced, and rows may be lost");
    return close_generation(f);
}

static int continue_generation(struct follower *f, enum outcome *outcome) {
    int status = read_table(f, SLOW_LIVE, "", outcome);
    if (status != 0 || *outcome != OUTCOME_OTHER)
        return status;
    for (size_t i = 0; i < LENGTH_OF(rotated_tables); i++) {
        status = read_table(f, rotated_tables[i], "", outcome);
        if (status != 0 || *outcome == OUTCOME_LIMIT)
            return status;
        if (*outcome == OUTCOME_END) {
            *outcome = OUTCOME_AGAIN;
            return leave_rotated(f, rotated_tables[i]);
        }
        f->denied = f->denied || database_error_number(f->database) == 1142;
    }
    *outcome = OUTCOME_AGAIN;
    return give_up_generation(f);
}

/* A rotated table that begins with none of the rows that we know: reads it, unless it cannot be the generation before the live one. */
static int begin_rotated(struct follower *f, int table, const struct slow_peek *peek, const struct slow_peek *live,
                         enum outcome *outcome) {
    *outcome = OUTCOME_OTHER;
    if (strcmp(peek->first, live->first) == 0) {
        struct slow_peek now;
        int status = slow_log_peek(f->database, SLOW_LIVE, &now);
        if (status == 0 && strcmp(now.first, live->first) != 0)
            *outcome = OUTCOME_AGAIN;
        return status; /* else it is a copy of the live one */
    }
    if (peek->newest > 0 && peek->newest < f->position->newest - FOLLOW_SLACK) {
        char *what = xasprintf("%s is strange to us and begins before what was read already: it was not read",
                               slow_table_name(table));
        note_gap(f, what);
        free(what);
        remember_done(f->position, peek->first);
        return commit(f);
    }
    int status = read_table(f, table, peek->first, outcome);
    if (status == 0 && *outcome == OUTCOME_END)
        status = leave_rotated(f, table);
    if (status == 0 && *outcome != OUTCOME_LIMIT)
        *outcome = OUTCOME_AGAIN;
    return status;
}

static int begin_generation(struct follower *f, enum outcome *outcome) {
    struct slow_peek live;
    int status = slow_log_peek(f->database, SLOW_LIVE, &live);
    for (size_t i = 0; status == 0 && i < LENGTH_OF(rotated_tables); i++) {
        struct slow_peek peek;
        status = slow_log_peek(f->database, rotated_tables[i], &peek);
        if (status != 0 || peek.first[0] == '\0')
            continue;
        *outcome = OUTCOME_OTHER;
        if (!rotate_is_done(f->position, peek.first))
            status = begin_rotated(f, rotated_tables[i], &peek, &live, outcome);
        else if (rotated_tables[i] == SLOW_DRAIN && rotates(f))
            status = rotate_drop(f->database); /* a run died before it */
        else
            remember_done(f->position, peek.first);
        if (*outcome != OUTCOME_OTHER)
            return status;
    }
    if (status != 0)
        return status;
    *outcome = OUTCOME_END;
    if (live.first[0] == '\0')
        return 0;
    if (rotate_is_done(f->position, live.first)) {
        note_gap(f, "mysql.slow_log is a table again that had been rotated away, and rows may be lost");
        *outcome = OUTCOME_AGAIN;
        return skip_to_end(f);
    }
    status = read_table(f, SLOW_LIVE, live.first, outcome);
    if (*outcome == OUTCOME_OTHER)
        *outcome = OUTCOME_AGAIN;
    return status;
}

/* --- a run --- */

/* An instance that was never read: what was rotated away before is not ours to tell. Our own table is: a run left it that has lost its
 * state. */
static int begin_instance(struct follower *f) {
    struct position *position = f->position;
    bool at_end = f->input->settings->start == WATCH_FROM_END;
    struct slow_peek live;
    if (position->rows > 0 || position->read_at > 0 || position->newest > 0 || position->done.count > 0)
        return 0;
    int status = slow_log_peek(f->database, SLOW_LIVE, &live);
    if (status != 0)
        return status;
    for (size_t i = 0; i < LENGTH_OF(rotated_tables); i++) {
        struct slow_peek peek;
        status = slow_log_peek(f->database, rotated_tables[i], &peek);
        if (status != 0)
            return status;
        bool copy = strcmp(peek.first, live.first) == 0; /* of a table that is still to be read */
        if (!copy && peek.first[0] != '\0' && (at_end || rotated_tables[i] != SLOW_DRAIN))
            remember_done(position, peek.first);
    }
    return at_end ? skip_to_end(f) : 0;
}

/* The live table was read to its end. *again: it was rotated, and the rest of it is to be read. */
static int rotate_if_grown(struct follower *f, bool *again) {
    const struct watch_settings *settings = f->input->settings;
    int64_t rows = f->position->rows;
    *again = false;
    if (settings->mode != WATCH_POSITION && !f->input->dry_run && !f->refused && rows >= settings->rotate_after) {
        struct rotation rotation = {.database = f->database,
                                    .position = f->position,
                                    .mode = settings->mode,
                                    .tell = f->rows_before / settings->rotate_after != rows / settings->rotate_after};
        int status = rotate(&rotation);
        if (status != 0)
            return status;
        f->refused = rotation.refused;
        f->result->rotation_refused = rotation.refused && rotation.tell;
        f->result->rotated = f->result->rotated || rotation.rotated;
        *again = rotation.rotated;
    }
    f->result->advise_rotation = !*again && rows > ADVISE_ROWS && (settings->mode == WATCH_POSITION || f->refused);
    return 0;
}

/* What this run leaves: counted only now, because that takes the server as long as reading. */
static int count_backlog(struct follower *f) {
    int64_t count = 0;
    int64_t live = 0;
    int status = slow_log_count(f->database, f->table, &count);
    if (status == 0 && f->table != SLOW_LIVE)
        status = slow_log_count(f->database, SLOW_LIVE, &live);
    count += live - f->position->rows;
    f->result->backlog = count > 1 ? count : 1;
    f->result->advise_rotation = f->input->settings->mode == WATCH_POSITION && f->position->rows + count > ADVISE_ROWS;
    return status;
}

static int read_all(struct follower *f) {
    enum outcome outcome = OUTCOME_AGAIN;
    int status = 0;
    for (int turn = 0; turn < TURNS && status == 0; turn++) {
        int64_t now = clock_now();
        bool again = true;
        if (!is_time_left(f) || f->left == 0)
            return count_backlog(f);
        status = f->position->rows > 0 ? continue_generation(f, &outcome) : begin_generation(f, &outcome);
        if (status == 0 && outcome == OUTCOME_LIMIT)
            return count_backlog(f);
        if (status == 0 && outcome == OUTCOME_END) {
            f->position->read_at = now;
            status = rotate_if_grown(f, &again);
        }
        if (!again)
            break;
    }
    return status;
}

int follow(const struct follow_input *input, const struct follow_sink *sink, struct follow_result *result) {
    struct follower follower = {.input = input,
                                .sink = sink,
                                .result = result,
                                .database = input->instance->database,
                                .position = input->position,
                                .left = input->settings->max_rows,
                                .rows_before = input->position->rows,
                                .table = SLOW_LIVE};
    *result = (struct follow_result){0};
    int status = begin_instance(&follower);
    if (status == 0)
        status = read_all(&follower);
    if (follower.own > 0)
        log_info("\"%s\" logs %" PRId64 " statements of this job, which are passed over: SESSION_VARIABLES_ADMIN would "
                 "let it keep out",
                 input->instance->server, follower.own);
    return status;
}
