/* Allocation that cannot fail: out of memory ends the program in one place, with exit code 71. Everything returned is released with
 * free(). */
#ifndef NIGHTSHIFT_BASE_MEMORY_H
#define NIGHTSHIFT_BASE_MEMORY_H

#include <stdarg.h>
#include <stddef.h>

#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define NEVER_NULL __attribute__((returns_nonnull))
#define LENGTH_OF(array) (sizeof(array) / sizeof((array)[0]))

void *xmalloc(size_t size) NEVER_NULL;
void *xcalloc(size_t count, size_t size) NEVER_NULL; /* zeroed; count * size is checked for overflow */
void *xreallocarray(void *block, size_t count, size_t size) NEVER_NULL;
char *xstrdup(const char *string) NEVER_NULL;
char *xstrndup(const char *bytes, size_t length) NEVER_NULL; /* always NUL-terminated */
char *xasprintf(const char *format, ...) PRINTF_LIKE(1, 2) NEVER_NULL;
char *xvasprintf(const char *format, va_list arguments) PRINTF_LIKE(1, 0) NEVER_NULL;

/* Makes room for one more element in an array of `count` elements of `size` bytes; returns the (moved) array. The capacity is the next
 * power of two, so that a loop of additions costs linear time and nobody stores a capacity. */
void *xgrow(void *array, size_t count, size_t size) NEVER_NULL;

#endif
