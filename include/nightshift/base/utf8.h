/* UTF-8 as RFC 3629 defines it: no surrogates, no overlong forms, nothing above U+10FFFF. */
#ifndef NIGHTSHIFT_BASE_UTF8_H
#define NIGHTSHIFT_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Decodes the first character of `bytes`; returns how many bytes it takes (1 to 4), or 0 if it is invalid or cut. */
size_t utf8_decode(const char *bytes, size_t length, unsigned *code);

bool utf8_valid(const char *bytes, size_t length);

/* How many terminal columns a string takes: East Asian wide characters count two, combining marks none. */
size_t utf8_columns(const char *string);

#endif
