/* The SQLite side. WAL with synchronous=FULL: a commit is on disk when it returns, and a dump can read while the server writes. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "indexer.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "store.h"

struct store {
    sqlite3 *database;
    int lock;
    int64_t version; /* counts the operations that became visible; kept in the table number */
    struct indexer indexer;
    sqlite3_stmt *find, *insert, *update, *remove, *postpone, *due, *settle;
};

static const char tables[] =
    "CREATE TABLE IF NOT EXISTS document(doc INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, fields TEXT NOT NULL, "
    "version INTEGER NOT NULL);"
    "CREATE TABLE IF NOT EXISTS value(doc INTEGER NOT NULL, field TEXT NOT NULL, text TEXT NOT NULL, number NUMERIC, "
    "second REAL);"
    "CREATE INDEX IF NOT EXISTS value_by_text ON value(field, text, doc);"
    "CREATE INDEX IF NOT EXISTS value_by_number ON value(field, number, doc);"
    "CREATE INDEX IF NOT EXISTS value_by_document ON value(doc, field);"
    "CREATE TABLE IF NOT EXISTS pending(step INTEGER PRIMARY KEY AUTOINCREMENT, visible_at INTEGER NOT NULL, id TEXT "
    "NOT NULL, fields TEXT);"
    "CREATE INDEX IF NOT EXISTS pending_by_id ON pending(id, step);"
    "CREATE TABLE IF NOT EXISTS number(name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS text(name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE VIRTUAL TABLE IF NOT EXISTS word USING fts5(tokens, content='', tokenize=\"ascii tokenchars '_'\");";

sqlite3 *store_database(struct store *store) {
    return store->database;
}

sqlite3_stmt *store_prepare(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK)
        log_error("cannot prepare \"%s\": %s", sql, sqlite3_errmsg(database));
    return statement;
}

static int run(sqlite3 *database, const char *sql) {
    char *message = NULL;
    int status = 0;
    if (sqlite3_exec(database, sql, NULL, NULL, &message) != SQLITE_OK)
        status = fail(EXIT_CANNOT_WRITE, "cannot write the domain: %s", message != NULL ? message : "no memory");
    sqlite3_free(message);
    return status;
}

void store_add_token(struct text *text, const char *field, const char *token) {
    text_printf(text, "%s_", field);
    for (; *token != '\0'; token++)
        text_printf(text, "%02x", (unsigned)(unsigned char)*token);
    text_add(text, " ");
}

static bool prepare(struct store *store, const struct schema *schema) {
    store->find = store_prepare(store->database, "SELECT doc, fields FROM document WHERE id = ?1");
    store->insert = store_prepare(store->database, "INSERT INTO document(id, fields, version) VALUES(?1, ?2, ?3)");
    store->update = store_prepare(store->database, "UPDATE document SET fields = ?2, version = ?3 WHERE doc = ?1");
    store->remove = store_prepare(store->database, "DELETE FROM document WHERE doc = ?1");
    store->postpone = store_prepare(store->database, "INSERT INTO pending(visible_at, id, fields) VALUES(?1, ?2, ?3)");
    store->due =
        store_prepare(store->database, "SELECT step, visible_at, id, fields FROM pending ORDER BY step LIMIT 1");
    store->settle = store_prepare(store->database, "DELETE FROM pending WHERE step = ?1");
    return store->find != NULL && store->insert != NULL && store->update != NULL && store->remove != NULL &&
           store->postpone != NULL && store->due != NULL && store->settle != NULL &&
           indexer_prepare(&store->indexer, store->database, schema);
}

static bool step(sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    sqlite3_reset(statement);
    return result == SQLITE_DONE;
}

/* Finds a document; false when there is none. `fields` is a new reference. */
static bool find(struct store *store, const char *id, int64_t *doc, json_t **fields) {
    sqlite3_bind_text(store->find, 1, id, -1, SQLITE_STATIC);
    bool found = sqlite3_step(store->find) == SQLITE_ROW;
    if (found) {
        *doc = sqlite3_column_int64(store->find, 0);
        *fields = json_loads((const char *)sqlite3_column_text(store->find, 1), 0, NULL);
    }
    sqlite3_reset(store->find);
    return found;
}

/* Makes one operation visible; fields is NULL for a delete. */
static bool write_document(struct store *store, const char *id, json_t *fields, const char *json) {
    int64_t doc = 0;
    json_t *before = NULL;
    bool known = find(store, id, &doc, &before);
    bool good = !known || indexer_remove(&store->indexer, doc, before);
    json_decref(before);
    if (!good || (!known && fields == NULL))
        return good;
    if (fields == NULL) {
        sqlite3_bind_int64(store->remove, 1, doc);
        return step(store->remove);
    }
    sqlite3_stmt *statement = known ? store->update : store->insert;
    if (known)
        sqlite3_bind_int64(statement, 1, doc);
    else
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 2, json, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 3, ++store->version);
    good = step(statement);
    return good && indexer_add(&store->indexer, known ? doc : sqlite3_last_insert_rowid(store->database), fields);
}

static bool postpone(struct store *store, const char *id, const char *json, int64_t visible_at) {
    sqlite3_bind_int64(store->postpone, 1, visible_at);
    sqlite3_bind_text(store->postpone, 2, id, -1, SQLITE_STATIC);
    if (json != NULL)
        sqlite3_bind_text(store->postpone, 3, json, -1, SQLITE_STATIC);
    else
        sqlite3_bind_null(store->postpone, 3);
    return step(store->postpone);
}

/* Ends a transaction in the way its steps went. */
static int finish(struct store *store, bool good) {
    store_set_number(store, "version", store->version);
    if (good && run(store->database, "COMMIT") == 0)
        return 0;
    log_error("cannot write the domain: %s", sqlite3_errmsg(store->database));
    run(store->database, "ROLLBACK");
    store->version = store_number(store, "version");
    return EXIT_CANNOT_WRITE;
}

int store_apply(struct store *store, const struct batch *batch, int64_t now, int64_t visible_after) {
    bool good = true;
    if (run(store->database, "BEGIN IMMEDIATE") != 0)
        return EXIT_CANNOT_WRITE;
    for (size_t i = 0; good && i < batch->count; i++) {
        const struct operation *operation = &batch->operations[i];
        char *json = operation->fields != NULL ? json_dumps(operation->fields, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
        good = visible_after > 0 ? postpone(store, operation->id, json, now + visible_after)
                                 : write_document(store, operation->id, operation->fields, json);
        free(json);
    }
    store_set_number(store, "last_batch", now);
    return finish(store, good);
}

/* One operation that has come of age; false when there is none, or on an error. */
static bool reveal_one(struct store *store, int64_t now, bool *good) {
    bool found = sqlite3_step(store->due) == SQLITE_ROW && sqlite3_column_int64(store->due, 1) <= now;
    if (found) {
        const char *json = (const char *)sqlite3_column_text(store->due, 3);
        json_t *fields = json != NULL ? json_loads(json, 0, NULL) : NULL;
        *good = write_document(store, (const char *)sqlite3_column_text(store->due, 2), fields, json);
        json_decref(fields);
        sqlite3_bind_int64(store->settle, 1, sqlite3_column_int64(store->due, 0));
        sqlite3_reset(store->due);
        *good = *good && step(store->settle);
    } else {
        sqlite3_reset(store->due);
    }
    return found && *good;
}

int store_reveal(struct store *store, int64_t now) {
    bool good = true;
    bool any = sqlite3_step(store->due) == SQLITE_ROW && sqlite3_column_int64(store->due, 1) <= now;
    sqlite3_reset(store->due);
    if (!any)
        return 0;
    if (run(store->database, "BEGIN IMMEDIATE") != 0)
        return EXIT_CANNOT_WRITE;
    while (reveal_one(store, now, &good))
        continue;
    return finish(store, good);
}

int store_forget(struct store *store) {
    int status = run(store->database, "BEGIN IMMEDIATE; DELETE FROM document; DELETE FROM value; DELETE FROM pending; "
                                      "INSERT INTO word(word) VALUES('delete-all')");
    return finish(store, status == 0);
}

int64_t store_number(struct store *store, const char *name) {
    int64_t value = 0;
    sqlite3_stmt *statement = store_prepare(store->database, "SELECT value FROM number WHERE name = ?1");
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    if (sqlite3_step(statement) == SQLITE_ROW)
        value = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return value;
}

void store_set_number(struct store *store, const char *name, int64_t value) {
    sqlite3_stmt *statement = store_prepare(store->database, "REPLACE INTO number(name, value) VALUES(?1, ?2)");
    sqlite3_bind_text(statement, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, value);
    sqlite3_step(statement);
    sqlite3_finalize(statement);
}

/* --- opening ------------------------------------------------------------------------------------------------------------------------ */

static bool is_indexed_by(struct store *store, const char *fingerprint) {
    sqlite3_stmt *statement = store_prepare(store->database, "SELECT 1 FROM text WHERE name = 'fields' AND value = ?1");
    sqlite3_bind_text(statement, 1, fingerprint, -1, SQLITE_STATIC);
    bool same = sqlite3_step(statement) == SQLITE_ROW;
    sqlite3_finalize(statement);
    return same;
}

/* Everything anew, as IndexDocuments would do it. */
static int index_again(struct store *store, const struct schema *schema) {
    int status =
        run(store->database, "BEGIN IMMEDIATE; DELETE FROM value; INSERT INTO word(word) VALUES('delete-all')");
    bool good = status == 0;
    sqlite3_stmt *documents = store_prepare(store->database, "SELECT doc, fields FROM document");
    while (good && sqlite3_step(documents) == SQLITE_ROW) {
        json_t *fields = json_loads((const char *)sqlite3_column_text(documents, 1), 0, NULL);
        good = indexer_add(&store->indexer, sqlite3_column_int64(documents, 0), fields);
        json_decref(fields);
    }
    sqlite3_finalize(documents);
    char *remember = sqlite3_mprintf("REPLACE INTO text(name, value) VALUES('fields', %Q)", schema->fingerprint);
    good = good && run(store->database, remember) == 0;
    sqlite3_free(remember);
    return finish(store, good);
}

static int take_lock(struct store *store, const char *directory) {
    char *path = xasprintf("%s/lock", directory);
    int status = 0;
    store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (store->lock < 0)
        status = fail(EXIT_CANNOT_WRITE, "cannot write \"%s\": %s", path, strerror(errno));
    else if (flock(store->lock, LOCK_EX | LOCK_NB) != 0)
        status = fail(EXIT_LATER, "another cloudsearch-local uses the state directory \"%s\"", directory);
    free(path);
    return status;
}

int store_open(const char *directory, const struct schema *schema, struct store **out) {
    struct store *store = xcalloc(1, sizeof *store);
    char *path = xasprintf("%s/domain.db", directory);
    store->lock = -1;
    int status = file_ensure_directory(directory);
    if (status == 0)
        status = take_lock(store, directory);
    if (status == 0 && sqlite3_open(path, &store->database) != SQLITE_OK)
        status = fail(EXIT_CANNOT_WRITE, "cannot open \"%s\": %s", path, sqlite3_errmsg(store->database));
    if (status == 0)
        sqlite3_busy_timeout(store->database, 60000);
    if (status == 0)
        status =
            run(store->database, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = -65536");
    if (status == 0)
        status = run(store->database, tables);
    if (status == 0 && !prepare(store, schema))
        status = EXIT_BUG;
    if (status == 0)
        store->version = store_number(store, "version");
    if (status == 0 && !is_indexed_by(store, schema->fingerprint))
        status = index_again(store, schema);
    free(path);
    if (status != 0) {
        store_close(store);
        store = NULL;
    }
    *out = store;
    return status;
}

void store_close(struct store *store) {
    if (store == NULL)
        return;
    sqlite3_stmt *const statements[] = {store->find,     store->insert, store->update, store->remove,
                                        store->postpone, store->due,    store->settle};
    for (size_t i = 0; i < LENGTH_OF(statements); i++)
        sqlite3_finalize(statements[i]);
    indexer_finish(&store->indexer);
    sqlite3_close(store->database);
    if (store->lock >= 0)
        close(store->lock);
    free(store);
}

int store_dump(const char *directory, FILE *out) {
    sqlite3 *database = NULL;
    int status = 0;
    int result = SQLITE_DONE;
    sqlite3_stmt *statement = NULL;
    char *path = xasprintf("%s/domain.db", directory);
    if (access(path, R_OK) != 0)
        status = fail(EXIT_SETTINGS, "there is no domain in \"%s\": %s", directory, strerror(errno));
    else if (sqlite3_open_v2(path, &database, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        status = fail(EXIT_SYSTEM, "cannot open \"%s\": %s", path, sqlite3_errmsg(database));
    if (status == 0) {
        sqlite3_busy_timeout(database, 60000);
        statement =
            store_prepare(database, "WITH latest AS (SELECT id, fields, MAX(step) FROM pending GROUP BY id)"
                                    " SELECT id, fields FROM document WHERE id NOT IN (SELECT id FROM latest)"
                                    " UNION ALL SELECT id, fields FROM latest WHERE fields IS NOT NULL ORDER BY id");
    }
    while (statement != NULL && (result = sqlite3_step(statement)) == SQLITE_ROW)
        fprintf(out, "{\"id\":\"%s\",\"fields\":%s}\n", (const char *)sqlite3_column_text(statement, 0),
                (const char *)sqlite3_column_text(statement, 1));
    if (status == 0 && (statement == NULL || result != SQLITE_DONE))
        status = fail(EXIT_SYSTEM, "cannot read \"%s\": %s", path, sqlite3_errmsg(database));
    sqlite3_finalize(statement);
    sqlite3_close(database);
    free(path);
    return status;
}
