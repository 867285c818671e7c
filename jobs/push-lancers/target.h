/* What a run works with: the reader, the domain, the plan of the documents, and the files in the state directory. */
#ifndef PUSH_LANCERS_TARGET_H
#define PUSH_LANCERS_TARGET_H

#include "document.h"
#include "nightshift/job/job.h"
#include "nightshift/stores/mysql.h"
#include "nightshift/web/cloudsearch.h"
#include "rows.h"
#include "settings.h"
#include "settle.h"

struct target {
    const struct push_settings *settings;
    struct database *database;
    struct cloudsearch *cloudsearch;
    const char *domain; /* the name of our files and of the state: the domain's, or "domain" where nobody says it */
    struct row_columns columns;
    struct document_plan *plan;
    struct settle settle;
};

/* Chooses a reader and connects to it, asks it for the query's columns, makes the plan. Does not ask the domain for anything. target_close()
 * afterwards, also when it failed. */
int target_open(struct run *run, struct target *target);
void target_close(struct target *target);

#endif
