/* --html: how all jobs stand, on one page. */
#ifndef NIGHTSHIFT_SHOW_RUNS_RUNS_PAGE_H
#define NIGHTSHIFT_SHOW_RUNS_RUNS_PAGE_H

#include "gather.h"
#include "nightshift/report/html.h"

enum { PAGE_CHART_RUNS = 60, PAGE_TABLE_RUNS = 20 };

/* Appends the page, with links to other pages. Pure; 10 to 20 KiB per job. */
void runs_page_make(const struct gathered *gathered, const struct html_link *links, size_t link_count,
                    struct text *out);

/* The section of one job that has runs: charts and the last runs. */
void runs_page_add_job(const struct job_runs *job, struct text *out);

/* Writes DIRECTORY/index.html, with links to those pages of report_dir that exist. EXIT_CANNOT_WRITE. */
int runs_page_write(const struct run *run, const struct gathered *gathered, const char *directory);

/* Appends the relative path that leads from a directory to another, both absolute, without "." and ".."; nothing if they are the same,
 * else it ends with a slash. */
void runs_page_add_way(struct text *out, const char *from, const char *to);

#endif
