/* Groups for the tests of the ledger. */
#ifndef TESTS_UNIT_LEDGER_GROUPS_H
#define TESTS_UNIT_LEDGER_GROUPS_H

#include "../../jobs/watch-slow-queries/ledger.h"
#include "support.h"

#define ID(digit) "0000000000000000000000000000000" digit

/* Adds a group to the pending ones: `count` queries that took 10, 20, 30... on this day. */
static inline void put_group(struct ledger *ledger, const char *id, const char *instance, int64_t day, int64_t count) {
    struct group group = {.fingerprint = xasprintf("select %s", id + FINGERPRINT_ID_SIZE - 2),
                          .instance = xstrdup(instance),
                          .first = day * 86400000,
                          .last = day * 86400000 + count};
    memcpy(group.id, id, sizeof group.id);
    for (int64_t i = 1; i <= count; i++) {
        const struct tally one = {1, i * 10, i * 10};
        tally_add(&group.all, &one);
        days_add(&group.days, day, &one);
        times_add(&group.times, i * 10);
    }
    strings_add(&group.tables, "works");
    strings_add(&group.tables, instance);
    strings_add(&group.users, "app");
    groups_put(&ledger->pending, &group);
}

#endif
