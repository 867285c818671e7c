/* Choosing the server that long queries run on: the first healthy reader. */
#ifndef NIGHTSHIFT_STORES_MYSQL_READER_H
#define NIGHTSHIFT_STORES_MYSQL_READER_H

#include "nightshift/stores/mysql.h"

/* What was chosen, for the run record. Zero it before; reader_choice_free() afterwards, also when opening failed. */
struct reader_choice {
    char *server;           /* as in the settings; NULL: none was */
    bool writer;            /* it is the writer */
    int64_t lag;            /* milliseconds behind its source when asked; 0 on the writer */
    struct strings skipped; /* "db2:3306: 420 s behind, the limit is 60s" */
};

/* Opens the first of settings->readers that is reachable, replicates, and is at most max_replica_lag behind. Readers
 * that are not are warned about and passed over. After the last one the writer is taken if allow_writer is set. Else:
 *   EXIT_LATER        at least one reader answered, but none was healthy; or asked to stop
 *   EXIT_UNAVAILABLE  none could be reached
 *   EXIT_DENIED       at once: a refused password, or no privilege to ask for the lag (the hint names the GRANT)
 * Lag is what the server says of itself: Seconds_Behind_Source (whole seconds), the worst of all its sources; on Aurora
 * information_schema.replica_host_status. A server that replicates from nobody is no reader, unless it is an Aurora
 * replica. */
int database_open_reader(const struct mysql_settings *settings, const struct database_client *client,
                         struct database **out, struct reader_choice *choice);

/* For the prepare() of a job that opens a reader: whether the settings name a server that it may run on. 0 or EXIT_SETTINGS, logged. */
int database_reader_prepare(const struct settings *settings);

void reader_choice_free(struct reader_choice *choice);

/* The lag of one open connection, in milliseconds; -1 and `reason` (freed by the caller) if it is not a healthy
 * replica. *writer: the server says that it is the writer of an Aurora cluster. EXIT_DENIED with the GRANT that is
 * missing. */
int database_replica_lag(struct database *database, int64_t *lag, bool *writer, char **reason);

#endif
