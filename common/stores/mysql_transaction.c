/* Transactions. The isolation level is that of the session, set when it was opened. */
#include "mysql_private.h"
#include "nightshift/base/log.h"

int database_begin_snapshot(struct database *database, int64_t *taken_at) {
    /* The clock is read first: what was committed by then is in the snapshot for sure. */
    int status =
        database_single_integer(database, "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)", NULL, taken_at);
    if (status == 0)
        status = database_run(database, "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", NULL, NULL);
    return status;
}

int database_begin(struct database *database) {
    return database_run(database, "START TRANSACTION", NULL, NULL);
}

int database_commit(struct database *database) {
    return database_run(database, "COMMIT", NULL, NULL);
}

void database_rollback(struct database *database) {
    /* Not through database_run(): it is done also when we were asked to stop. */
    if (mysql_query(database->mysql, "ROLLBACK") != 0)
        log_debug("cannot roll back on \"%s\": %s", database->target.server, mysql_error(database->mysql));
}
