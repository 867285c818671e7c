#include "reconcile.h"
#include "nightshift/base/exits.h"
int reconcile(const struct reconcile_setup *setup, struct reconcile_result *result, struct manifest_info *info) {
    (void)setup;
    (void)result;
    (void)info;
    return EXIT_BUG;
}
