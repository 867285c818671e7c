/* The two forms of show.c. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_SHOW_PRIVATE_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_SHOW_PRIVATE_H

#include "history.h"
#include "show.h"

void show_json_findings(const struct show_input *input, const struct findings *findings, FILE *out);
void show_json_history(const struct show_input *input, const struct history_row *rows, size_t count, FILE *out);

#endif
