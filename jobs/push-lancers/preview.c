#include <stdlib.h>
#include "preview.h"
struct preview {
    int unused;
};
struct preview *preview_start(const struct document_plan *plan) {
    (void)plan;
    return xcalloc(1, sizeof(struct preview));
}
void preview_watch(void *context, const struct decision *decision, const struct text *json) {
    (void)context;
    (void)decision;
    (void)json;
}
int preview_print(struct preview *preview, struct cloudsearch *cloudsearch, bool searchable, const struct push *push) {
    (void)preview;
    (void)cloudsearch;
    (void)searchable;
    (void)push;
    return 0;
}
void preview_free(struct preview *preview) {
    free(preview);
}
