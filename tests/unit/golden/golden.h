/* Reading the golden vectors of this folder. Tests run in the top folder of the source. */
#ifndef GOLDEN_H
#define GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/file.h"
#include "nightshift/base/memory.h"
#include "nightshift/base/text.h"
#include "nightshift/stores/memcached.h"

enum { GOLDEN_COLUMNS = 6 };

struct golden {
    struct text content;
    char *rest;
    char *columns[GOLDEN_COLUMNS];
};

static void golden_open(struct golden *golden, const char *file) {
    char *path = xasprintf("tests/unit/golden/%s", file);
    *golden = (struct golden){0};
    if (file_read(path, &golden->content, NULL) != 0)
        abort();
    golden->rest = golden->content.data;
    free(path);
}

/* The next line, cut at its tabs; returns how many columns it has, 0 at the end. */
static size_t golden_next(struct golden *golden) {
    char *line = strsep(&golden->rest, "\n");
    while (line != NULL && line[0] == '#')
        line = strsep(&golden->rest, "\n");
    if (golden->rest == NULL)
        return 0; /* behind the last line break */
    size_t count = 0;
    while (line != NULL && count < GOLDEN_COLUMNS)
        golden->columns[count++] = strsep(&line, "\t");
    return count;
}

static void golden_close(struct golden *golden) {
    text_free(&golden->content);
}

/* The index of a word in the list of choices that a setting has. */
static inline int golden_choice(const char *key, const char *word) {
    for (const struct setting *setting = memcached_section.settings; setting->key != NULL; setting++) {
        struct strings choices = {0};
        int found = -1;
        if (strcmp(setting->key, key) != 0)
            continue;
        strings_split(&choices, setting->choices, "|");
        for (size_t i = 0; i < choices.count; i++)
            if (strcmp(choices.items[i], word) == 0)
                found = (int)i;
        strings_free(&choices);
        return found;
    }
    return -1;
}

#endif
