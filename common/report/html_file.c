/* A page's way to disk: the only part of html.h that is not pure. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/file.h"
#include "nightshift/base/log.h"
#include "nightshift/report/html.h"

enum { DIRECTORY_MODE = 0755, PAGE_MODE = 0644 };

int html_page_write(const struct text *page, const char *directory, const char *name) {
    if (page->full)
        return fail(EXIT_CANNOT_WRITE, "cannot write the page \"%s\": it is too long", name);
    if (mkdir(directory, DIRECTORY_MODE) != 0 && errno != EEXIST)
        return fail(EXIT_CANNOT_WRITE, "cannot make the report directory \"%s\": %s", directory, strerror(errno));
    char *path = xasprintf("%s/%s", directory, name);
    int status = file_replace(path, text_string(page), page->length, PAGE_MODE);
    free(path);
    return status;
}
