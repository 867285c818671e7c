/* The order of things for one batch, on which everything about crashes rests: the operations are on disk, then they are sent, then it is written
 * down what became of them. A disk takes about as long as a domain, so one thread, the keeper, brings the next batch to disk while another
 * sends. A batch that was not answered ends the sending: what was applied of it is not known, and nothing that could touch the
 * same ids may follow (journal.h). */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "isolate.h"
#include "journal.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/run/interrupt.h"
#include "sender.h"

enum {
    BATCHES = 3,          /* being filled, on its way to disk, under way */
    PROBES = 3,           /* documents that are tried alone before a batch is taken apart */
    PROBED_FROM = 10,     /* operations in a batch that make it worth it */
    ISOLATE_POSTS = 2000, /* to find the bad documents of one batch; with 10 s between them that is a night */
};

/* Whose a batch is: the caller's, the keeper's, the sending thread's. */
enum stage { STAGE_FILLING, STAGE_FULL, STAGE_KEPT };

struct sender {
    struct sender_setup setup;
    pthread_t keeper;
    pthread_t thread;
    bool joined;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct batch batches[BATCHES];
    enum stage stages[BATCHES];
    bool ending;             /* no more will be handed over */
    bool all_kept;           /* the keeper has ended */
    int status;              /* the first failure of a thread, which ends both */
    size_t filling;          /* the caller's own */
    struct journal *journal; /* the keeper makes it before anything is kept */
    /* The sending thread's own, until it has ended. */
    int64_t posted_at; /* monotonic; 0: nothing was */
    struct sender_totals totals;
};

/* --- one post --- */

static int wait_for_turn(struct sender *sender) {
    int64_t now = clock_monotonic();
    int64_t due = sender->posted_at + sender->setup.interval;
    if (sender->posted_at != 0 && now < due && interrupt_sleep((int)(due - now)))
        return EXIT_LATER;
    sender->posted_at = clock_monotonic();
    return interrupt_requested() ? EXIT_LATER : 0;
}

static int post(struct sender *sender, const struct text *json, size_t adds, size_t deletes,
                struct cloudsearch_upload *upload) {
    const struct cloudsearch_batch batch = {
        .json = json->data, .length = json->length, .adds = (int64_t)adds, .deletes = (int64_t)deletes};
    upload->outcome = CLOUDSEARCH_UNSETTLED;
    int status = wait_for_turn(sender);
    if (status != 0)
        return status;
    status = cloudsearch_upload(sender->setup.cloudsearch, &batch, upload);
    sender->totals.batches++;
    sender->totals.bytes += (int64_t)json->length;
    sender->totals.attempts += upload->attempts;
    return status;
}

/* The operation that a refusal names, by the document's id, else by its place among those that were posted; batch->count: none. */
static size_t find_named(const struct batch *batch, const bool *chosen, const struct cloudsearch_upload *upload) {
    for (size_t i = 0; i < upload->message_count; i++) {
        const struct cloudsearch_message *message = &upload->messages[i];
        size_t found = batch->count;
        if (message->document_id != NULL)
            found = batch_find(batch, message->document_id, strlen(message->document_id));
        for (size_t j = 0, place = 0; found == batch->count && message->operation > 0 && j < batch->count; j++)
            if (chosen[j] && (int64_t)++place == message->operation)
                found = j;
        if (found < batch->count && chosen[found])
            return found;
    }
    return batch->count;
}

/* --- refusals --- */

static void keep_refusal(struct sender *sender, const struct batch *batch, size_t index,
                         const struct cloudsearch_message *message) {
    struct sender_totals *totals = &sender->totals;
    struct operation operation = batch_operation(batch, index);
    struct text id = {0};
    document_id(sender->setup.plan, operation.key, operation.key_length, &id);
    const char *reason = message != NULL ? message->text : "the batch with nothing but this document is refused";
    if (totals->refusal_count < SENDER_REFUSALS) {
        log_warning("the domain refuses document \"%s\": %s", text_string(&id), reason);
        totals->refusals[totals->refusal_count++] = (struct sender_refusal){
            .id = xstrdup(text_string(&id)),
            .field = message != NULL && message->field != NULL ? xstrdup(message->field) : NULL,
            .reason = xstrdup(reason),
        };
    }
    text_free(&id);
}

/* What the last refusal said of each operation that it named; the verdicts come later. */
struct accusations {
    struct cloudsearch_message *items; /* per operation; text NULL: none */
    size_t count;
};

static void accuse(struct accusations *accusations, size_t index, const struct cloudsearch_upload *upload) {
    if (index >= accusations->count || upload->message_count == 0)
        return;
    struct cloudsearch_message *item = &accusations->items[index];
    const struct cloudsearch_message *message = &upload->messages[0];
    free(item->text);
    free(item->field);
    item->text = xstrdup(message->text);
    item->field = message->field != NULL ? xstrdup(message->field) : NULL;
}

static void accusations_free(struct accusations *accusations) {
    for (size_t i = 0; i < accusations->count; i++) {
        free(accusations->items[i].text);
        free(accusations->items[i].field);
    }
    free(accusations->items);
}

/* The only one that was posted is accused, named or not. */
static size_t accused(const struct batch *batch, const bool *chosen, const struct cloudsearch_upload *upload) {
    size_t only = batch->count;
    size_t posted = 0;
    for (size_t i = 0; i < batch->count; i++)
        if (chosen[i] && posted++ == 0)
            only = i;
    return posted == 1 ? only : find_named(batch, chosen, upload);
}

static int refuse_mapping(const char *reason) {
    log_error("the domain refuses whatever is sent: %s", reason);
    log_hint("push-lancers --check compares the columns with the domain's index fields");
    return EXIT_SETTINGS;
}

/* Where every document is refused, the mapping is wrong and not a row: taking the batch apart would take a post for each of them, and would hold
 * it against every one. A few tried alone tell the two apart. `touched` gets those that the domain took, or may have taken. */
static int probe(struct sender *sender, const struct batch *batch, size_t named, bool *touched) {
    struct cloudsearch_upload upload = {0};
    struct text json = {0};
    bool *chosen = xcalloc(batch->count, sizeof *chosen);
    size_t tried = 0;
    int status = 0;
    bool taken = false;
    for (size_t i = 0; status == 0 && !taken && tried < PROBES; i++) {
        size_t at = i * (batch->count - 1) / PROBES;
        if (at == named || batch_operation(batch, at).kind != OPERATION_ADD)
            at = (at + 1) % batch->count;
        tried++;
        chosen[at] = true;
        text_clear(&json);
        size_t adds = 0;
        size_t deletes = 0;
        batch_select(batch, chosen, &json, &adds, &deletes);
        chosen[at] = false;
        status = adds + deletes > 0 ? post(sender, &json, adds, deletes, &upload) : 0;
        touched[at] = status != 0 || upload.outcome == CLOUDSEARCH_ACCEPTED;
        taken = adds + deletes == 0 || upload.outcome == CLOUDSEARCH_ACCEPTED;
    }
    if (status == 0 && !taken)
        status = refuse_mapping(upload.message_count > 0 ? upload.messages[0].text : "no reason given");
    cloudsearch_upload_free(&upload);
    text_free(&json);
    free(chosen);
    return status;
}

/* Posts parts of a refused batch until each of its operations is settled. */
static int isolate_batch(struct sender *sender, struct batch *batch, const struct cloudsearch_upload *refusal,
                         unsigned char *outcomes) {
    struct isolate isolate;
    struct accusations accusations = {.items = xcalloc(batch->count, sizeof *accusations.items), .count = batch->count};
    struct cloudsearch_upload upload = {0};
    struct text json = {0};
    bool *active = xcalloc(batch->count, sizeof *active);
    bool *touched = xcalloc(batch->count, sizeof *touched);
    for (size_t i = 0; i < batch->count; i++)
        active[i] = batch_operation(batch, i).kind != OPERATION_FORGET;
    size_t named = accused(batch, active, refusal);
    accuse(&accusations, named, refusal);
    log_warning("a batch of %zu documents was refused; looking for the bad ones%s%s", batch->count,
                refusal->message_count > 0 ? ": " : "", refusal->message_count > 0 ? refusal->messages[0].text : "");
    isolate_start(&isolate, batch->count, active, named, ISOLATE_POSTS);
    int status = batch->count >= PROBED_FROM ? probe(sender, batch, named, touched) : 0;
    while (status == 0 && isolate_next(&isolate)) {
        size_t adds = 0;
        size_t deletes = 0;
        text_clear(&json);
        batch_select(batch, isolate.chosen, &json, &adds, &deletes);
        status = post(sender, &json, adds, deletes, &upload);
        if (status == 0 && upload.outcome == CLOUDSEARCH_ACCEPTED) {
            isolate_accepted(&isolate);
        } else if (status == 0) {
            named = accused(batch, isolate.chosen, &upload);
            accuse(&accusations, named, &upload);
            isolate_refused(&isolate, named);
        }
    }
    bool gave_up = isolate_finish(&isolate, status != 0);
    if (status == 0 && gave_up)
        status = refuse_mapping("nearly every document of a batch");
    for (size_t i = 0; i < batch->count; i++) {
        outcomes[i] = isolate.verdicts[i] == OUTCOME_NOT_SENT && touched[i] ? OUTCOME_UNKNOWN : isolate.verdicts[i];
        if (outcomes[i] == OUTCOME_REFUSED)
            keep_refusal(sender, batch, i, accusations.items[i].text != NULL ? &accusations.items[i] : NULL);
    }
    isolate_free(&isolate);
    accusations_free(&accusations);
    cloudsearch_upload_free(&upload);
    text_free(&json);
    free(active);
    free(touched);
    return status;
}

/* --- one batch --- */

static void count_outcomes(struct sender *sender, const struct batch *batch, const unsigned char *outcomes) {
    for (size_t i = 0; i < batch->count; i++) {
        enum operation_kind kind = batch_operation(batch, i).kind;
        if (outcomes[i] == OUTCOME_REFUSED)
            sender->totals.refused++;
        else if (outcomes[i] == OUTCOME_APPLIED && kind == OPERATION_ADD)
            sender->totals.added++;
        else if (outcomes[i] == OUTCOME_APPLIED && kind == OPERATION_DELETE)
            sender->totals.deleted++;
    }
}

static int begin(struct sender *sender) {
    const struct sender_setup *setup = &sender->setup;
    if (sender->journal != NULL)
        return 0;
    /* The journal first: one without an intent proves, should we be killed between the two, that nothing was sent (settle_drop_unsent()). */
    int status = journal_create(setup->settle->journal, &setup->settle->fingerprint, setup->base, setup->generation,
                                &sender->journal);
    if (status != 0)
        return status;
    status = setup->begin(setup->context);
    if (status != 0) {
        journal_close(sender->journal);
        sender->journal = NULL;
        settle_remove_journal(setup->settle);
    }
    return status;
}

static int send_batch(struct sender *sender, struct batch *batch) {
    struct cloudsearch_upload upload = {0};
    unsigned char *outcomes = xcalloc(batch->count, 1);
    int status = 0;
    if (batch->adds + batch->deletes > 0)
        status = post(sender, &batch->json, batch->adds, batch->deletes, &upload);
    else
        upload.outcome = CLOUDSEARCH_ACCEPTED;
    if (status == 0 && upload.outcome == CLOUDSEARCH_ACCEPTED)
        memset(outcomes, OUTCOME_APPLIED, batch->count);
    else if (status == 0)
        status = isolate_batch(sender, batch, &upload, outcomes);
    count_outcomes(sender, batch, outcomes);
    int written = journal_outcome(sender->journal, batch, outcomes);
    status = status != 0 ? status : written;
    cloudsearch_upload_free(&upload);
    free(outcomes);
    return status;
}

/* --- the threads --- */

/* Waits for a batch to come to this stage; false: none will, or something has failed. */
static bool await(struct sender *sender, size_t i, enum stage stage, const bool *over) {
    pthread_mutex_lock(&sender->lock);
    while (sender->stages[i] != stage && !*over && sender->status == 0)
        pthread_cond_wait(&sender->changed, &sender->lock);
    bool found = sender->stages[i] == stage && sender->status == 0;
    pthread_mutex_unlock(&sender->lock);
    return found;
}

/* The journal takes one intent before the outcome of the batch under way, not two: waits until the batch before the last one is settled. False if
 * something has failed. */
static bool await_settled(struct sender *sender, size_t i) {
    size_t earlier = (i + BATCHES - 2) % BATCHES;
    pthread_mutex_lock(&sender->lock);
    while (sender->stages[earlier] == STAGE_KEPT && sender->status == 0)
        pthread_cond_wait(&sender->changed, &sender->lock);
    bool settled = sender->status == 0;
    pthread_mutex_unlock(&sender->lock);
    return settled;
}

static void advance(struct sender *sender, size_t i, enum stage stage, int status) {
    pthread_mutex_lock(&sender->lock);
    sender->stages[i] = stage;
    if (sender->status == 0)
        sender->status = status;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
}

static int keep_batch(struct sender *sender, struct batch *batch) {
    int status = begin(sender);
    return status != 0 ? status : journal_intent(sender->journal, batch);
}

static void *keep_all(void *context) {
    struct sender *sender = context;
    int status = 0;
    for (size_t i = 0; status == 0 && await(sender, i, STAGE_FULL, &sender->ending) && await_settled(sender, i);
         i = (i + 1) % BATCHES) {
        status = keep_batch(sender, &sender->batches[i]);
        advance(sender, i, status == 0 ? STAGE_KEPT : STAGE_FULL, status);
    }
    pthread_mutex_lock(&sender->lock);
    sender->all_kept = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    return NULL;
}

static void *send_all(void *context) {
    struct sender *sender = context;
    int status = 0;
    for (size_t i = 0; status == 0 && await(sender, i, STAGE_KEPT, &sender->all_kept); i = (i + 1) % BATCHES) {
        status = send_batch(sender, &sender->batches[i]);
        advance(sender, i, STAGE_FILLING, status);
    }
    return NULL;
}

static void end_thread(struct sender *sender, pthread_t thread) {
    pthread_mutex_lock(&sender->lock);
    sender->ending = true;
    pthread_cond_broadcast(&sender->changed);
    pthread_mutex_unlock(&sender->lock);
    pthread_join(thread, NULL);
}

int sender_start(const struct sender_setup *setup, struct sender **out) {
    struct sender *sender = xcalloc(1, sizeof *sender);
    sender->setup = *setup;
    pthread_mutex_init(&sender->lock, NULL);
    pthread_cond_init(&sender->changed, NULL);
    for (size_t i = 0; i < BATCHES; i++)
        batch_init(&sender->batches[i], (size_t)setup->max_batch);
    int problem = pthread_create(&sender->keeper, NULL, keep_all, sender);
    if (problem == 0 && (problem = pthread_create(&sender->thread, NULL, send_all, sender)) != 0)
        end_thread(sender, sender->keeper);
    if (problem != 0) {
        sender->joined = true;
        sender_free(sender);
        return fail(EXIT_SYSTEM, "cannot start a thread: %s", strerror(problem));
    }
    *out = sender;
    return 0;
}

/* Gives the filled batch to the thread and waits until the next one can be filled. */
static int hand_over(struct sender *sender) {
    size_t next = (sender->filling + 1) % BATCHES;
    batch_close(&sender->batches[sender->filling]);
    pthread_mutex_lock(&sender->lock);
    sender->stages[sender->filling] = STAGE_FULL;
    pthread_cond_broadcast(&sender->changed);
    while (sender->stages[next] != STAGE_FILLING && sender->status == 0)
        pthread_cond_wait(&sender->changed, &sender->lock);
    int status = sender->status;
    pthread_mutex_unlock(&sender->lock);
    sender->filling = next;
    if (status == 0)
        batch_clear(&sender->batches[next]);
    return status;
}

int sender_add(struct sender *sender, const struct operation *operation) {
    if (!batch_fits(&sender->batches[sender->filling], operation)) {
        int status = hand_over(sender);
        if (status != 0)
            return status;
    }
    return batch_add(&sender->batches[sender->filling], operation);
}

/* The batch before it has failed. Without this its documents would count as ones of which nobody knows. */
static void report_unsent(struct sender *sender, const struct batch *batch) {
    unsigned char *outcomes = xmalloc(batch->count);
    memset(outcomes, OUTCOME_NOT_SENT, batch->count);
    journal_outcome(sender->journal, batch, outcomes);
    free(outcomes);
}

static void join(struct sender *sender) {
    if (sender->joined)
        return;
    end_thread(sender, sender->keeper);
    end_thread(sender, sender->thread);
    for (size_t i = 0; i < BATCHES; i++)
        if (sender->stages[i] == STAGE_KEPT)
            report_unsent(sender, &sender->batches[i]);
    sender->joined = true;
}

int sender_finish(struct sender *sender, const struct sender_totals **totals) {
    if (sender->batches[sender->filling].count > 0)
        hand_over(sender);
    join(sender);
    journal_close(sender->journal);
    sender->journal = NULL;
    *totals = &sender->totals;
    return sender->status;
}

void sender_free(struct sender *sender) {
    if (sender == NULL)
        return;
    join(sender);
    journal_close(sender->journal);
    for (size_t i = 0; i < BATCHES; i++)
        batch_free(&sender->batches[i]);
    for (size_t i = 0; i < sender->totals.refusal_count; i++) {
        free(sender->totals.refusals[i].id);
        free(sender->totals.refusals[i].field);
        free(sender->totals.refusals[i].reason);
    }
    pthread_mutex_destroy(&sender->lock);
    pthread_cond_destroy(&sender->changed);
    free(sender);
}
