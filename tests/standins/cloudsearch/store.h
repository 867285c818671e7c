/* What the domain holds, in one SQLite file of the state directory that survives kill -9. A batch is on disk before it is acknowledged; what
 * searches see of it may lag behind, as it does in a real domain: until then it waits in a table of its own.
 *
 * The tables, which the search service reads by SQL of its own:
 *   document(doc, id, fields, version)       what searches see; fields is JSON, as it was sent
 *   value(doc, field, text, number, second)  a row for each value of a field that is no text, or is text to sort by; second is the longitude of
 *                                            a latlon; "~NAME" as the field: what a suggester compares
 *   word(tokens)                             FTS5 without content; a token is FIELD_HEX, see store_add_token()
 *   pending(step, visible_at, id, fields)    acknowledged and not visible yet; fields is NULL for a delete */
#ifndef CLOUDSEARCH_STORE_H
#define CLOUDSEARCH_STORE_H

#include <stdint.h>
#include <stdio.h>

#include <sqlite3.h>

#include "batch.h"
#include "schema.h"

struct store;

/* Opens or creates DIRECTORY/domain.db, and indexes all documents again if the index fields have changed. 0, EXIT_LATER when another process
 * has it, EXIT_SYSTEM, EXIT_CANNOT_WRITE. */
int store_open(const char *directory, const struct schema *schema, struct store **store);
void store_close(struct store *store);
sqlite3 *store_database(struct store *store);

/* Writes a batch: all or nothing. Visible from now + visible_after (milliseconds) on. 0 or EXIT_CANNOT_WRITE. */
int store_apply(struct store *store, const struct batch *batch, int64_t now, int64_t visible_after);

/* Makes visible what has come of age. 0 or EXIT_CANNOT_WRITE. */
int store_reveal(struct store *store, int64_t now);

/* Removes all documents, visible or not. 0 or EXIT_CANNOT_WRITE. */
int store_forget(struct store *store);

/* Numbers that outlive the process: 0 when never set. */
int64_t store_number(struct store *store, const char *name);
void store_set_number(struct store *store, const char *name, int64_t value);

/* Prints what was acknowledged, visible or not: {"id":...,"fields":{...}} per line, sorted by id. Needs no running server and stops none.
 * 0, EXIT_SETTINGS when there is no such state, EXIT_SYSTEM. */
int store_dump(const char *directory, FILE *out);

/* Appends the form in which a token stands in the index: the field's name, '_', the token's bytes in hexadecimal. */
void store_add_token(struct text *text, const char *field, const char *token);

/* Prepares a statement that is known to be right; a failure is logged. NULL then. */
sqlite3_stmt *store_prepare(sqlite3 *database, const char *sql);

#endif
