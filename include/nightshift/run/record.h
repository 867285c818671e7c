/* The run record: what a run did, as one JSON object. The worker process reports facts as it learns them, over a pipe, one line each; the
 * supervisor collects them, so that the record of a run that crashed or was killed holds all that was known by then. */
#ifndef NIGHTSHIFT_RUN_RECORD_H
#define NIGHTSHIFT_RUN_RECORD_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Worker's side. All functions accept NULL (a run that leaves no record) and never fail. */
struct record;

struct record *record_open(int descriptor); /* takes the descriptor */
void record_close(struct record *record);

/* Begins a phase, such as "count" or "publish", and ends the one before. */
void record_phase(struct record *record, const char *name);

/* Sets a value by its path: "outputs.verified", or appends to a list: "guards[]" (of which the first 1,000
 * are kept). Takes over `value`. */
void record_set(struct record *record, const char *path, json_t *value);
void record_integer(struct record *record, const char *path, int64_t value);
void record_text(struct record *record, const char *path, const char *value);

/* Supervisor's side: applies what arrived on the pipe to the record under construction. */
struct record_builder {
    json_t *root;
    int64_t phase_began; /* monotonic milliseconds; 0: none is open */
    char *pending;       /* the beginning of a line that has not arrived whole */
    size_t pending_length;
};

void record_builder_start(struct record_builder *builder);
void record_builder_feed(struct record_builder *builder, const char *bytes, size_t length);
void record_builder_end_phase(struct record_builder *builder, int64_t now);
/* Sets a value by path in any object, as record_set() does. Takes over `value`. */
void record_builder_set(struct record_builder *builder, const char *path, json_t *value);
void record_builder_free(struct record_builder *builder);

#endif
