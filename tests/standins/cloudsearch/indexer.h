/* What a document leaves in the index. */
#ifndef CLOUDSEARCH_INDEXER_H
#define CLOUDSEARCH_INDEXER_H

#include <sqlite3.h>

#include "schema.h"

struct indexer {
    const struct schema *schema;
    sqlite3_stmt *add_value, *remove_values, *add_words, *remove_words;
};

bool indexer_prepare(struct indexer *indexer, sqlite3 *database, const struct schema *schema);
void indexer_finish(struct indexer *indexer);

/* `fields` as it was when it was added: words can only be taken out by saying again what they were. False on an SQLite error. */
bool indexer_add(struct indexer *indexer, int64_t doc, json_t *fields);
bool indexer_remove(struct indexer *indexer, int64_t doc, json_t *fields);

/* The fields that searches see: those sent, copies from source fields, default values. A new reference. */
json_t *indexer_effective(const struct schema *schema, json_t *fields);

#endif
