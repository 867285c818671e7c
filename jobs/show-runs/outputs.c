/* Choosing columns: which numbers say how much a job did differs from job to job, but the large ones do, except for that of what was left as it
 * was. */
#include "outputs.h"

#include <stdlib.h>
#include <string.h>

struct ranked {
    const char *name;
    int64_t most;
    int64_t least;
    size_t place; /* in the record, which has them in a sensible order */
};

static struct ranked *find_ranked(struct ranked *ranked, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(ranked[i].name, name) == 0)
            return &ranked[i];
    return NULL;
}

static int compare_ranked(const void *left, const void *right) {
    const struct ranked *a = left;
    const struct ranked *b = right;
    bool a_idle = strcmp(a->name, "unchanged") == 0;
    bool b_idle = strcmp(b->name, "unchanged") == 0;
    if (a_idle != b_idle)
        return a_idle ? 1 : -1;
    if (a->most != b->most)
        return a->most > b->most ? -1 : 1;
    /* What changes says more than what stays the same. */
    if (a->least != b->least)
        return a->least < b->least ? -1 : 1;
    return (a->place > b->place) - (a->place < b->place);
}

void outputs_choose(const struct seen *const *runs, size_t count, size_t limit, struct output_names *names) {
    struct ranked *ranked = NULL;
    size_t found = 0;
    *names = (struct output_names){0};
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < runs[i]->output_count; j++) {
            const struct seen_output *output = &runs[i]->outputs[j];
            struct ranked *known = find_ranked(ranked, found, output->name);
            if (known == NULL) {
                ranked = xgrow(ranked, found, sizeof *ranked);
                known = &ranked[found];
                *known = (struct ranked){.name = output->name, .least = INT64_MAX, .place = found};
                found++;
            }
            if (output->value > known->most)
                known->most = output->value;
            if (output->value < known->least)
                known->least = output->value;
        }
    if (found > 1)
        qsort(ranked, found, sizeof *ranked, compare_ranked);
    names->count = found < limit ? found : limit;
    names->items = xcalloc(names->count + 1, sizeof *names->items);
    for (size_t i = 0; ranked != NULL && i < names->count; i++)
        names->items[i] = ranked[i].name;
    free(ranked);
}

void outputs_free(struct output_names *names) {
    free(names->items);
    *names = (struct output_names){0};
}

bool outputs_of(const struct seen *run, const char *name, int64_t *value) {
    for (size_t i = 0; i < run->output_count; i++)
        if (strcmp(run->outputs[i].name, name) == 0) {
            *value = run->outputs[i].value;
            return true;
        }
    return false;
}
