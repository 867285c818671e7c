/* Ranges of operations on a stack, the leftmost on top. Named suspects are taken out of all ranges and tried alone at the end, unless the way
 * their range went on has proved them guilty. */
#include <stdlib.h>
#include <string.h>

#include "isolate.h"
#include "nightshift/base/memory.h"

static void push(struct isolate *isolate, struct isolate_range range) {
    /* Halving size_t ranges cannot go deeper; the bound is for the reader of the core dump. */
    if (isolate->depth == ISOLATE_DEPTH)
        abort();
    isolate->stack[isolate->depth++] = range;
}

static bool is_open(const struct isolate *isolate, size_t index) {
    return isolate->verdicts[index] == OUTCOME_UNKNOWN && !isolate->suspect[index];
}

static size_t count_open(const struct isolate *isolate, const struct isolate_range *range) {
    size_t open = 0;
    for (size_t i = range->from; i < range->to; i++)
        open += is_open(isolate, i);
    return open;
}

/* Replaces the top range, which holds at least two open operations, by two with half of them each. */
static void halve(struct isolate *isolate) {
    struct isolate_range range = isolate->stack[--isolate->depth];
    size_t half = count_open(isolate, &range) / 2;
    size_t middle = range.from;
    for (size_t seen = 0; seen < half; middle++)
        seen += is_open(isolate, middle);
    push(isolate, (struct isolate_range){.from = middle, .to = range.to, .last_named = range.to});
    push(isolate,
         (struct isolate_range){.from = range.from, .to = middle, .last_named = middle, .first_of_halves = true});
}

static void take_refusal(struct isolate *isolate, size_t named) {
    struct isolate_range *top = &isolate->stack[isolate->depth - 1];
    /* The other half may be clean after all. */
    top->first_of_halves = false;
    top->guilty = false;
    if (named >= top->from && named < top->to && is_open(isolate, named)) {
        isolate->suspect[named] = true;
        top->last_named = named;
        return;
    }
    top->last_named = top->to;
    if (count_open(isolate, top) > 1)
        halve(isolate);
}

/* The top range has one open operation, which was posted alone. */
static void refuse_rest(struct isolate *isolate) {
    struct isolate_range range = isolate->stack[--isolate->depth];
    for (size_t i = range.from; i < range.to; i++)
        if (is_open(isolate, i))
            isolate->verdicts[i] = OUTCOME_REFUSED;
}

void isolate_start(struct isolate *isolate, size_t count, const bool *active, size_t named, size_t max_posts) {
    *isolate = (struct isolate){.count = count, .single = count, .max_posts = max_posts};
    isolate->verdicts = xcalloc(count, 1);
    isolate->suspect = xcalloc(count, sizeof *isolate->suspect);
    isolate->chosen = xcalloc(count, sizeof *isolate->chosen);
    for (size_t i = 0; i < count; i++)
        isolate->verdicts[i] = active[i] ? OUTCOME_UNKNOWN : OUTCOME_APPLIED;
    push(isolate, (struct isolate_range){.from = 0, .to = count, .last_named = count});
    /* A batch of one is its own proof. */
    if (count_open(isolate, &isolate->stack[0]) > 1)
        take_refusal(isolate, named);
    else
        refuse_rest(isolate);
}

void isolate_free(struct isolate *isolate) {
    free(isolate->verdicts);
    free(isolate->suspect);
    free(isolate->chosen);
    *isolate = (struct isolate){0};
}

/* Brings a range to the top that is worth posting; false when none is left. */
static bool find_range(struct isolate *isolate) {
    while (isolate->depth > 0) {
        const struct isolate_range *top = &isolate->stack[isolate->depth - 1];
        size_t open = count_open(isolate, top);
        if (open > 0 && !(top->guilty && open > 1))
            return true;
        if (open == 0)
            isolate->depth--;
        else
            halve(isolate);
    }
    return false;
}

static bool find_suspect(struct isolate *isolate) {
    for (isolate->single = 0; isolate->single < isolate->count; isolate->single++)
        if (isolate->suspect[isolate->single] && isolate->verdicts[isolate->single] == OUTCOME_UNKNOWN)
            return true;
    return false;
}

bool isolate_next(struct isolate *isolate) {
    memset(isolate->chosen, 0, isolate->count * sizeof *isolate->chosen);
    if (isolate->posts >= isolate->max_posts)
        return false;
    if (find_range(isolate)) {
        const struct isolate_range *top = &isolate->stack[isolate->depth - 1];
        for (size_t i = top->from; i < top->to; i++)
            isolate->chosen[i] = is_open(isolate, i);
    } else if (find_suspect(isolate)) {
        isolate->chosen[isolate->single] = true;
    } else {
        return false;
    }
    isolate->posts++;
    return true;
}

void isolate_accepted(struct isolate *isolate) {
    for (size_t i = 0; i < isolate->count; i++)
        if (isolate->chosen[i])
            isolate->verdicts[i] = OUTCOME_APPLIED;
    if (isolate->depth == 0)
        return;
    struct isolate_range range = isolate->stack[--isolate->depth];
    if (range.last_named < range.to)
        isolate->verdicts[range.last_named] = OUTCOME_REFUSED;
    if (range.first_of_halves && isolate->depth > 0)
        isolate->stack[isolate->depth - 1].guilty = true;
}

void isolate_refused(struct isolate *isolate, size_t named) {
    if (isolate->depth == 0) {
        isolate->verdicts[isolate->single] = OUTCOME_REFUSED;
        return;
    }
    if (count_open(isolate, &isolate->stack[isolate->depth - 1]) > 1)
        take_refusal(isolate, named);
    else
        refuse_rest(isolate);
}

bool isolate_finish(struct isolate *isolate, bool unanswered) {
    bool gave_up = false;
    for (size_t i = 0; i < isolate->count; i++) {
        if (isolate->verdicts[i] != OUTCOME_UNKNOWN)
            continue;
        gave_up = true;
        if (!unanswered || !isolate->chosen[i])
            isolate->verdicts[i] = OUTCOME_NOT_SENT;
    }
    return gave_up;
}
