/* Names of databases, tables, columns and indexes in SQL text. The only way in which a name gets into a statement. Pure
 * code.
 *
 * Rules: MySQL Reference Manual, "Schema Object Names" and "Identifier Length Limits"; MariaDB says the same under
 * "Identifier Names". A quoted name may hold any character from U+0001 to U+FFFF, at most 64 of them, and may not end
 * with a space; a backtick within it is doubled. Inside backticks nothing else is special, whatever the sql_mode. */
#ifndef NIGHTSHIFT_SQL_IDENTIFIER_H
#define NIGHTSHIFT_SQL_IDENTIFIER_H

#include <stddef.h>

#include "nightshift/base/text.h"

enum { IDENTIFIER_CHARACTERS_MAX = 64 };

/* NULL, or why these bytes cannot be a name: a string literal to put after a colon ("is empty", "is longer than 64
 * characters", ...). */
const char *identifier_problem(const char *name, size_t length);

/* Appends `name` in backticks. NULL, or the reason as above, with `sql` unchanged. A buffer that was or became full is
 * a reason too: half a name must never be sent. */
const char *identifier_append(struct text *sql, const char *name, size_t length);

/* The same for `qualifier`.`name`; a NULL qualifier is left out. */
const char *identifier_append_pair(struct text *sql, const char *qualifier, const char *name);

#endif
