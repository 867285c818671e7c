/* Allocation that cannot fail. A batch job that runs out of memory has nothing better to do than to say so and stop: the supervisor (see
 * job/supervise.c) then writes the run record. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"

static _Noreturn void out_of_memory(void) {
    static const char message[] = "out of memory\n";
    /* No allocation, no stdio: both may be what has just failed. */
    if (write(STDERR_FILENO, message, sizeof message - 1) < 0)
        _exit(EXIT_SYSTEM);
    _exit(EXIT_SYSTEM);
}

void *xmalloc(size_t size) {
    void *block = malloc(size > 0 ? size : 1);
    if (block == NULL)
        out_of_memory();
    return block;
}

void *xcalloc(size_t count, size_t size) {
    void *block = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
    if (block == NULL)
        out_of_memory();
    return block;
}

void *xreallocarray(void *block, size_t count, size_t size) {
    void *moved = reallocarray(block, count > 0 ? count : 1, size > 0 ? size : 1);
    if (moved == NULL)
        out_of_memory();
    return moved;
}

char *xstrdup(const char *string) {
    return xstrndup(string, strlen(string));
}

char *xstrndup(const char *bytes, size_t length) {
    char *copy = xmalloc(length + 1);
    if (length > 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

char *xasprintf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *string = xvasprintf(format, arguments);
    va_end(arguments);
    return string;
}

char *xvasprintf(const char *format, va_list arguments) {
    char *string = NULL;
    if (vasprintf(&string, format, arguments) < 0)
        out_of_memory();
    return string;
}

void *xgrow(void *array, size_t count, size_t size) {
    /* Full exactly when the count is zero or a power of two. */
    if ((count & (count - 1)) != 0)
        return array;
    return xreallocarray(array, count > 0 ? count * 2 : 1, size);
}
