#include "check.h"
#include "nightshift/job/check.h"
int push_check(struct run *run) {
    return check_house(run);
}
