/* Messages to people and to log collectors, on stderr. Three forms, chosen once: readable lines on a terminal; logfmt with a <N> priority
 * under journald (JOURNAL_STREAM names our stderr); plain logfmt otherwise. Text of unknown origin (server errors, names, queries) may be
 * put into a message as it is: whatever is not printable is escaped.
 *
 * Messages are lower case, one line, without a full stop: what could not be done to which object (quoted), a colon, the reason. */
#ifndef NIGHTSHIFT_BASE_LOG_H
#define NIGHTSHIFT_BASE_LOG_H

#include <stdbool.h>

#include "nightshift/base/memory.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* Until log_start() is called, messages are written in readable form under the name "nightshift". */
void log_start(const char *job, enum log_level level);
void log_set_run(const char *run_id); /* put into every logfmt line from then on; copied */
bool log_on_terminal(void);           /* stderr is a terminal */

/* Is called with every error and hint (level LOG_LEVEL_ERROR, hint set for the latter) and every warning, made printable, for the run
 * record. */
typedef void log_listener(void *context, enum log_level level, bool hint, const char *message);
void log_listen(log_listener *listener, void *context);

/* Called before and after each line, so that a progress bar can step aside. */
void log_around(void (*before)(void), void (*after)(void));

void log_error(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);
void log_info(const char *format, ...) PRINTF_LIKE(1, 2);
void log_debug(const char *format, ...) PRINTF_LIKE(1, 2);
/* What the reader can do about the error just logged: a full clause, "grant SELECT on ... to this account". */
void log_hint(const char *format, ...) PRINTF_LIKE(1, 2);

/* Logs an error and returns `status`: `return fail(EXIT_UNAVAILABLE, "cannot connect to ...");` */
int fail(int status, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
