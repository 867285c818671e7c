/* The page's surroundings: which other pages there are, and where it goes. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/run/suite.h"
#include "runs_page.h"

static const char page_name[] = "index.html";

/* Pages that other jobs write into report_dir. */
static const struct {
    const char *title;
    const char *name;
} pages[] = {{"Indexes", "indexes.html"}, {"Features", "features.html"}, {"Slow queries", "slow-queries.html"}};

void runs_page_add_way(struct text *out, const char *from, const char *to) {
    size_t common = 0; /* bytes of the directories that both lie in */
    size_t at = 0;
    for (; from[at] != '\0' && from[at] == to[at]; at++)
        if (from[at] == '/')
            common = at;
    bool from_ends = from[at] == '\0' || from[at] == '/';
    bool to_ends = to[at] == '\0' || to[at] == '/';
    if (from_ends && to_ends)
        common = at;
    for (const char *rest = from + common; *rest != '\0'; rest++)
        if (*rest == '/' && rest[1] != '\0')
            text_add(out, "../");
    const char *down = to + common + (to[common] == '/' ? 1 : 0);
    if (*down != '\0')
        text_printf(out, "%s/", down);
}

/* The pages that exist, as links from `directory`; hrefs are collected in `store`. */
static size_t find_links(const char *report_dir, const char *directory, struct strings *store,
                         struct html_link links[LENGTH_OF(pages)]) {
    size_t count = 0;
    char *from = realpath(directory, NULL);
    char *to = realpath(report_dir, NULL);
    for (size_t i = 0; from != NULL && to != NULL && i < LENGTH_OF(pages); i++) {
        char *path = xasprintf("%s/%s", to, pages[i].name);
        struct text href = {0};
        runs_page_add_way(&href, from, to);
        text_add(&href, pages[i].name);
        if (access(path, R_OK) == 0) {
            strings_add(store, text_string(&href));
            links[count++] = (struct html_link){pages[i].title, store->items[store->count - 1]};
        }
        text_free(&href);
        free(path);
    }
    free(from);
    free(to);
    return count;
}

int runs_page_write(const struct run *run, const struct gathered *gathered, const char *directory) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    struct html_link links[LENGTH_OF(pages)];
    struct strings store = {0};
    struct text page = {0};
    size_t count = find_links(suite->report_dir, directory, &store, links);
    runs_page_make(gathered, links, count, &page);
    int status = html_page_write(&page, directory, page_name);
    strings_free(&store);
    text_free(&page);
    return status;
}
