/* What redis.c (the connection and its commands) and redis_reply.c (the answers) share. */
#ifndef NIGHTSHIFT_STORES_REDIS_PRIVATE_H
#define NIGHTSHIFT_STORES_REDIS_PRIVATE_H

#include "nightshift/base/memory.h"
#include "nightshift/stores/redis.h"

struct redis {
    const struct redis_settings *settings;
    struct wire *wire;
    char *password; /* NULL: not read yet, or none */
    size_t password_length;
    struct text reason;
    const char *hint; /* to the reason; NULL: none */
};

/* --- redis.c --- */

/* Sets the reason and returns the status; redis_report() logs it once the call is known to have failed for good. */
int redis_give(struct redis *redis, int status, const char *format, ...) PRINTF_LIKE(3, 4);
int redis_report(const struct redis *redis, unsigned flags, int status);

/* --- redis_reply.c --- */

/* Reads the answer to the one command that has been sent; it may be an error, and goes to redis_reply_free(). When the
 * reading fails the connection is closed: an answer that comes late must not be taken for that to the next command. */
int redis_reply_read(struct redis *redis, int64_t deadline, struct redis_reply **reply);

#endif
