/* See follow_time.h. */
#include "follow_time.h"

int64_t follow_time(int64_t claimed, int64_t now, const struct position *position, bool *shifted) {
    int64_t newest = position->newest;
    *shifted = claimed <= 0 || claimed > now + FOLLOW_SLACK || claimed < newest - FOLLOW_SLACK;
    if (!*shifted)
        return claimed;
    /* What was not there when we last read to the end came after. */
    int64_t earliest = newest > position->read_at ? newest : position->read_at;
    return earliest == 0 || earliest > now ? now : earliest;
}
