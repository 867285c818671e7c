/* What people are shown of a query: its fingerprint without any literal. Pure code. */
#ifndef NIGHTSHIFT_WATCH_SLOW_QUERIES_MASKED_H
#define NIGHTSHIFT_WATCH_SLOW_QUERIES_MASKED_H

#include <stddef.h>

#include "nightshift/base/text.h"

/* The fingerprint as it may leave the host, in at most `limit` bytes (64 or more) of valid UTF-8; freed by the caller.
 *
 * It differs from fingerprint_make(), whose text makes the id, where that one takes quotes for pairs that are none: for
 * 'C:\\' or '5"', for a comment with a quote, and for a query that was cut within a literal. It is "…" from where it
 * cannot be told what is a literal.
 *
 * Literals are told as MySQL does with a backslash for escapes. With sql_mode NO_BACKSLASH_ESCAPES, or in a character
 * set in which a backslash is the second half of a character (sjis, big5, gbk), a literal that holds one before its
 * closing quote is nearly always noticed, by the word that then stands behind a quote, but not for certain. */
char *masked_fingerprint(const char *query, size_t length, size_t limit);

/* Appends bytes as text_append_printable() does, `limit` bytes (64 or more) at most, the last of them "…" if anything
 * was cut. */
void masked_append(struct text *out, const char *bytes, size_t length, size_t limit);

/* The longest start of `bytes` that has at most `limit` bytes and does not end within a UTF-8 character. */
size_t masked_cut(const char *bytes, size_t length, size_t limit);

#endif
