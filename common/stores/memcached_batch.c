/* A batch is one publish, verify, get or probe over all nodes. Its elements are sorted by node; for each node, a few
 * workers (threads with a connection of their own) take them from the front of that node's share. Waiting for the reply
 * to every single set costs a round trip each; the workers' waits overlap, and that is enough: 5,000 sets over 2 ms
 * take about a second with 3 nodes and 4 connections each. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memcached_pool_private.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "nightshift/stores/memcached_connection.h"
#include "nightshift/stores/memcached_key.h"

enum {
    MAX_ATTEMPTS = 3,
    MAX_TIMEOUTS = 2,        /* per element: a third one would only cost more time */
    PAUSE_BEFORE_LAST = 200, /* milliseconds: long enough for a node that is being restarted, short enough for a run */
    ELEMENTS_PER_WORKER = 8, /* fewer are not worth another connection */
    REPORT_EVERY = 200,      /* milliseconds */
};

struct share {
    struct memcached_batch *batch;
    size_t node;
    size_t *elements; /* indexes into the batch's array */
    size_t count;
    atomic_size_t next;
};

struct worker {
    struct share *share;
    struct memcached_connection *connection; /* NULL: to be opened */
    pthread_t thread;
};

/* ---- the elements ---- */

static const char *key_of(const struct memcached_batch *batch, size_t index) {
    return batch->items != NULL ? batch->items[index].key : batch->lookups[index].key;
}

static size_t node_of(const struct memcached_batch *batch, size_t index) {
    if (batch->items != NULL)
        return batch->items[index].node;
    return batch->lookups != NULL ? batch->lookups[index].node : index;
}

static enum memcached_outcome *outcome_of(struct memcached_batch *batch, size_t index) {
    if (batch->lookups != NULL)
        return &batch->lookups[index].outcome;
    return batch->verify ? &batch->items[index].read : &batch->items[index].written;
}

static void end_element(struct memcached_batch *batch, size_t index, enum memcached_outcome outcome,
                        const char *reason) {
    atomic_fetch_add(&batch->done, 1);
    if (batch->items == NULL && batch->lookups == NULL)
        return;
    *outcome_of(batch, index) = outcome;
    if (batch->lookups != NULL)
        batch->lookups[index].reason = reason;
    else if (!batch->verify || batch->items[index].reason == NULL)
        batch->items[index].reason = reason;
}

/* Every element of the turn that has no outcome yet gets this one. */
static void end_rest(struct memcached_batch *batch, const size_t *elements, size_t count,
                     enum memcached_outcome outcome, const char *reason) {
    bool probing = batch->items == NULL && batch->lookups == NULL;
    for (size_t i = 0; i < count; i++)
        if (probing || *outcome_of(batch, elements[i]) == OUTCOME_NOT_TRIED)
            end_element(batch, elements[i], outcome, reason);
}

static const char *difference(const struct memcached_item *item, const char *bytes, size_t length, uint32_t flags,
                              struct text *text) {
    if (item->flags != flags)
        text_printf(text, "flags %u came back instead of %u", (unsigned)flags, (unsigned)item->flags);
    else if (item->length != length)
        text_printf(text, "%zu bytes came back instead of %zu", length, item->length);
    else if (length > 0 && memcmp(item->bytes, bytes, length) != 0)
        text_add(text, "other bytes came back");
    else
        return NULL;
    return text_string(text);
}

struct turn {
    struct memcached_batch *batch;
    const size_t *elements; /* those asked for, in the order of the keys */
};

static void found(void *context, size_t key, const char *bytes, size_t length, uint32_t flags) {
    const struct turn *turn = context;
    struct memcached_batch *batch = turn->batch;
    size_t index = turn->elements[key];
    if (batch->lookups != NULL) {
        struct memcached_lookup *lookup = &batch->lookups[index];
        lookup->bytes = xstrndup(bytes, length);
        lookup->length = length;
        lookup->flags = flags;
        end_element(batch, index, OUTCOME_FOUND, NULL);
        return;
    }
    struct text text = {0};
    const char *reason = difference(&batch->items[index], bytes, length, flags, &text);
    if (reason != NULL)
        reason = memcached_pool_keep_reason(batch->pool, reason);
    end_element(batch, index, reason == NULL ? OUTCOME_VERIFIED : OUTCOME_DIFFERENT, reason);
    text_free(&text);
}

/* ---- one worker ---- */

static enum memcached_reply fetch(struct worker *worker, const size_t *elements, size_t count) {
    struct memcached_batch *batch = worker->share->batch;
    const char *keys[MEMCACHED_KEYS_PER_GET];
    size_t open[MEMCACHED_KEYS_PER_GET], open_count = 0;
    for (size_t i = 0; i < count; i++)
        if (*outcome_of(batch, elements[i]) == OUTCOME_NOT_TRIED) {
            keys[open_count] = key_of(batch, elements[i]);
            open[open_count++] = elements[i];
        }
    if (open_count == 0)
        return REPLY_DONE; /* all values came before the connection broke */
    struct turn turn = {.batch = batch, .elements = open};
    enum memcached_reply reply = memcached_connection_get(worker->connection, keys, open_count, found, &turn);
    if (reply == REPLY_DONE)
        end_rest(batch, open, open_count, OUTCOME_MISSING, NULL);
    return reply;
}

static enum memcached_reply probe(struct worker *worker) {
    struct memcached_pool *pool = worker->share->batch->pool;
    char version[sizeof pool->states[0].version] = "";
    enum memcached_reply reply = memcached_connection_version(worker->connection, version, sizeof version);
    pthread_mutex_lock(&pool->lock);
    memcpy(pool->states[worker->share->node].version, version, sizeof version);
    pthread_mutex_unlock(&pool->lock);
    return reply;
}

static enum memcached_reply try_once(struct worker *worker, const size_t *elements, size_t count) {
    struct memcached_batch *batch = worker->share->batch;
    if (worker->connection == NULL)
        worker->connection =
            memcached_connection_open(batch->pool->settings, &batch->pool->nodes->items[worker->share->node]);
    if (batch->lookups != NULL || batch->verify)
        return fetch(worker, elements, count);
    enum memcached_reply reply =
        batch->items != NULL ? memcached_connection_set(worker->connection, &batch->items[elements[0]]) : probe(worker);
    if (reply == REPLY_DONE)
        end_rest(batch, elements, count, OUTCOME_STORED, NULL);
    return reply;
}

/* Whether another attempt is worth it, after the pause it needs. */
static bool again(enum memcached_reply reply, int attempt) {
    if (reply == REPLY_TOO_LARGE || attempt >= MAX_ATTEMPTS || interrupt_requested())
        return false;
    if (attempt < MAX_TIMEOUTS)
        return true;
    return reply == REPLY_LOST && !interrupt_sleep(PAUSE_BEFORE_LAST);
}

static void take_turn(struct worker *worker, const size_t *elements, size_t count) {
    struct memcached_batch *batch = worker->share->batch;
    struct memcached_pool *pool = batch->pool;
    size_t node = worker->share->node;
    const char *reason = NULL;
    enum memcached_reply reply = REPLY_LOST;
    for (int attempt = 1;; attempt++) {
        if (!memcached_pool_begin(pool, node, &reason)) {
            end_rest(batch, elements, count, OUTCOME_UNREACHABLE, reason);
            return;
        }
        reply = try_once(worker, elements, count);
        if (reply == REPLY_DONE) {
            memcached_pool_answered(pool, node);
            return;
        }
        reason = memcached_pool_keep_reason(pool, memcached_connection_reason(worker->connection));
        memcached_connection_close(worker->connection);
        worker->connection = NULL;
        if (!again(reply, attempt))
            break;
    }
    if (reply == REPLY_LOST || reply == REPLY_TIMEOUT) {
        memcached_pool_failed(pool, node, reason);
        end_rest(batch, elements, count, OUTCOME_UNREACHABLE, reason);
    } else {
        memcached_pool_answered(pool, node);
        end_rest(batch, elements, count, reply == REPLY_TOO_LARGE ? OUTCOME_TOO_LARGE : OUTCOME_REFUSED, reason);
    }
}

static void *work(void *argument) {
    struct worker *worker = argument;
    struct share *share = worker->share;
    struct memcached_batch *batch = share->batch;
    while (!atomic_load(&batch->stop) && !interrupt_requested()) {
        size_t first = atomic_fetch_add(&share->next, batch->per_turn);
        if (first >= share->count)
            break;
        size_t left = share->count - first;
        take_turn(worker, share->elements + first, left < batch->per_turn ? left : batch->per_turn);
    }
    memcached_connection_close(worker->connection);
    pthread_mutex_lock(&batch->lock);
    batch->running--;
    pthread_cond_signal(&batch->ended);
    pthread_mutex_unlock(&batch->lock);
    return NULL;
}

/* ---- one batch ---- */

static const char *key_problem(const struct memcached_batch *batch, size_t index) {
    if (node_of(batch, index) >= batch->pool->nodes->count)
        return "there is no such node";
    if (batch->items == NULL && batch->lookups == NULL)
        return NULL;
    /* Never with keys from memcached_key_make(). A line break would be a command of its own to the server. */
    const char *key = key_of(batch, index);
    size_t length = strlen(key);
    if (length == 0 || length > MEMCACHED_KEY_LENGTH)
        return "not a key that memcached can have";
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)key[i] <= ' ' || key[i] == 0x7f)
            return "not a key that memcached can have";
    return NULL;
}

/* Deals the elements out to shares; those that must not be sent get their outcome here. `elements` has room for all. */
static void fill_shares(struct memcached_batch *batch, struct share *shares, size_t *elements) {
    size_t node_count = batch->pool->nodes->count;
    for (size_t i = 0; i < batch->count; i++) {
        if (batch->items != NULL || batch->lookups != NULL)
            *outcome_of(batch, i) = OUTCOME_NOT_TRIED;
        const char *problem = key_problem(batch, i);
        if (problem == NULL)
            shares[node_of(batch, i)].count++;
        else
            end_element(batch, i, OUTCOME_REFUSED, problem);
    }
    for (size_t node = 0; node < node_count; node++) {
        shares[node].batch = batch;
        shares[node].node = node;
        shares[node].elements = elements;
        elements += shares[node].count;
        shares[node].count = 0;
    }
    for (size_t i = 0; i < batch->count; i++)
        if (key_problem(batch, i) == NULL) {
            struct share *share = &shares[node_of(batch, i)];
            share->elements[share->count++] = i;
        }
}

static size_t workers_for(const struct memcached_batch *batch, const struct share *share) {
    size_t most = (size_t)batch->pool->settings->connections;
    size_t useful = (share->count + ELEMENTS_PER_WORKER - 1) / ELEMENTS_PER_WORKER;
    return useful < most ? useful : most;
}

static int start_worker(struct worker *worker, struct share *share) {
    struct memcached_batch *batch = share->batch;
    *worker = (struct worker){.share = share};
    pthread_mutex_lock(&batch->lock);
    batch->running++;
    pthread_mutex_unlock(&batch->lock);
    int error = pthread_create(&worker->thread, NULL, work, worker);
    if (error == 0)
        return 0;
    pthread_mutex_lock(&batch->lock);
    batch->running--;
    pthread_mutex_unlock(&batch->lock);
    atomic_store(&batch->stop, true);
    return fail(EXIT_SYSTEM, "cannot start a thread for memcached: %s", strerrordesc_np(error));
}

static void report(struct memcached_batch *batch, const struct memcached_progress *progress) {
    if (progress != NULL)
        progress->report(progress->context, atomic_load(&batch->done), batch->count);
}

static void wait_for_workers(struct memcached_batch *batch, const struct memcached_progress *progress) {
    pthread_mutex_lock(&batch->lock);
    while (batch->running > 0) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += REPORT_EVERY * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&batch->ended, &batch->lock, &until);
        pthread_mutex_unlock(&batch->lock);
        report(batch, progress);
        pthread_mutex_lock(&batch->lock);
    }
    pthread_mutex_unlock(&batch->lock);
    report(batch, progress);
}

static int run_workers(struct memcached_batch *batch, struct share *shares, const struct memcached_progress *progress) {
    struct worker *workers = NULL;
    size_t count = 0, total = 0;
    int status = 0;
    for (size_t node = 0; node < batch->pool->nodes->count; node++)
        total += workers_for(batch, &shares[node]);
    workers = xcalloc(total, sizeof *workers);
    for (size_t node = 0; node < batch->pool->nodes->count && status == 0; node++)
        for (size_t i = workers_for(batch, &shares[node]); i > 0 && status == 0; i--) {
            status = start_worker(&workers[count], &shares[node]);
            count += status == 0;
        }
    wait_for_workers(batch, progress);
    for (size_t i = 0; i < count; i++)
        pthread_join(workers[i].thread, NULL);
    free(workers);
    if (status == 0 && atomic_load(&batch->done) < batch->count)
        status = EXIT_LATER; /* asked to stop: nothing else leaves elements untried */
    return status;
}

int memcached_batch_run(struct memcached_batch *batch, const struct memcached_progress *progress) {
    struct share *shares = xcalloc(batch->pool->nodes->count, sizeof *shares);
    size_t *elements = xcalloc(batch->count, sizeof *elements);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&batch->ended, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&batch->lock, NULL);
    fill_shares(batch, shares, elements);
    int status = run_workers(batch, shares, progress);
    pthread_mutex_destroy(&batch->lock);
    pthread_cond_destroy(&batch->ended);
    free(elements);
    free(shares);
    return status;
}
