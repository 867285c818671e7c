#include <stdlib.h>
#include "verify.h"
struct verify {
    int unused;
};
struct verify *verify_start(const struct document_plan *plan, int64_t count, uint64_t seed) {
    (void)plan;
    (void)count;
    (void)seed;
    return xcalloc(1, sizeof(struct verify));
}
void verify_watch(void *context, const struct decision *decision, const struct text *json) {
    (void)context;
    (void)decision;
    (void)json;
}
int verify_finish(struct verify *verify, struct run *run, struct cloudsearch *cloudsearch, int64_t time) {
    (void)verify;
    (void)run;
    (void)cloudsearch;
    (void)time;
    return 0;
}
void verify_free(struct verify *verify) {
    free(verify);
}
