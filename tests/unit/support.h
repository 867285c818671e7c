/* What several unit tests need: cmocka, a directory of their own, what was written to stderr. Assert only after capture_end(): a failing
 * assertion jumps away and would leave stderr redirected. */
#ifndef TESTS_UNIT_SUPPORT_H
#define TESTS_UNIT_SUPPORT_H

#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
/* cmocka has a macro of this name, and the log a function. */
#undef fail

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/base/memory.h"
#include "nightshift/base/text.h"

#include "forever.h"

static inline void check_contains(const char *text, const char *part, bool wanted, const char *file, int line) {
    if ((strstr(text, part) != NULL) == wanted)
        return;
    print_error("\"%s\" is %sin:\n%s\n", part, wanted ? "not " : "", text);
    _fail(file, line);
}

#define assert_contains(text, part) check_contains(text, part, true, __FILE__, __LINE__)
#define assert_lacks(text, part) check_contains(text, part, false, __FILE__, __LINE__)

/* Setup and teardown: *state is the path of a new directory (char *) that is removed with all that is in it. */
static inline int scene_enter(void **state) {
    const char *base = getenv("TMPDIR");
    char *directory = xasprintf("%s/nightshift-unit.XXXXXX", base != NULL ? base : "/tmp");
    *state = directory;
    return mkdtemp(directory) != NULL ? 0 : -1;
}

static inline int scene_remove_one(const char *path, const struct stat *info, int kind, struct FTW *place) {
    (void)info, (void)kind, (void)place;
    return remove(path);
}

static inline int scene_leave(void **state) {
    int result = nftw(*state, scene_remove_one, 16, FTW_DEPTH | FTW_PHYS);
    free(*state);
    return result;
}

#define scene_test(function) cmocka_unit_test_setup_teardown(function, scene_enter, scene_leave)

/* As scene_test(), but as an ordinary user even when root runs the tests: root would be allowed everything. */
enum { NOBODY = 65534 };

static inline int enter_as_nobody(void **state) {
    if (scene_enter(state) != 0)
        return -1;
    if (getuid() != 0)
        return 0;
    return chown(*state, NOBODY, NOBODY) == 0 && seteuid(NOBODY) == 0 ? 0 : -1;
}

static inline int leave_as_nobody(void **state) {
    chmod(*state, 0700);
    if (getuid() == 0 && seteuid(0) != 0)
        return -1;
    return scene_leave(state);
}

#define nobody_test(function) cmocka_unit_test_setup_teardown(function, enter_as_nobody, leave_as_nobody)

/* The path of a name in the scene's directory; freed by the caller. */
static inline char *scene_path(void *const *state, const char *name) {
    return xasprintf("%s/%s", (const char *)*state, name);
}

static inline char *scene_put_bytes(void *const *state, const char *name, const void *bytes, size_t length) {
    char *path = scene_path(state, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, length, file), length);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* Writes a file into the scene's directory and returns its path, freed by the caller. */
static inline char *scene_put(void *const *state, const char *name, const char *content) {
    return scene_put_bytes(state, name, content, strlen(content));
}

/* The content of a small file, freed by the caller; NULL if there is none. */
static inline char *scene_read(const char *path) {
    struct text content = {0};
    char block[4096];
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return NULL;
    for (size_t got = 0; (got = fread(block, 1, sizeof block, file)) > 0;)
        text_append(&content, block, got);
    fclose(file);
    return text_take(&content);
}

/* Sends what is written to stderr into memory instead, until capture_end() returns it (freed by the caller). */
struct capture {
    int saved;
    int memory;
};

static inline struct capture capture_start(void) {
    struct capture capture = {.saved = dup(STDERR_FILENO), .memory = memfd_create("stderr", MFD_CLOEXEC)};
    fflush(stderr);
    if (capture.saved < 0 || capture.memory < 0 || dup2(capture.memory, STDERR_FILENO) < 0)
        abort();
    return capture;
}

static inline char *capture_end(const struct capture *capture) {
    struct text content = {0};
    char block[4096];
    fflush(stderr);
    for (ssize_t got = 0; (got = pread(capture->memory, block, sizeof block, (off_t)content.length)) > 0;)
        text_append(&content, block, (size_t)got);
    dup2(capture->saved, STDERR_FILENO);
    close(capture->saved);
    close(capture->memory);
    return text_take(&content);
}

#endif
