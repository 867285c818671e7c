/* Directories and Redis, as every job needs them. */
#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/check.h"
#include "nightshift/run/suite.h"
#include "nightshift/stores/redis.h"

int check_directory(const char *what, const char *path, bool made_when_missing) {
    if (path == NULL)
        return 0;
    char *copy = xstrdup(path);
    const char *note = "";
    int status = 0;
    bool usable = access(path, R_OK | W_OK | X_OK) == 0;
    if (!usable && errno == ENOENT && made_when_missing) {
        usable = access(dirname(copy), W_OK | X_OK) == 0;
        note = " (will be made)";
    }
    if (usable)
        printf("ok  %s %s%s\n", what, path, note);
    else
        status = fail(EXIT_CANNOT_WRITE, "cannot write to the %s \"%s\": %s", what, path, strerror(errno));
    free(copy);
    return status;
}

static int check_redis(const struct redis_settings *settings) {
    if (settings->server == NULL)
        return 0;
    struct redis *redis = redis_new(settings);
    int status = redis_connect(redis, 0);
    if (status == 0)
        printf("ok  Redis %s\n", settings->server);
    redis_free(redis);
    return status;
}

int check_house(struct run *run) {
    const struct suite_settings *suite = settings_of(run->settings, &suite_section);
    const int found[] = {
        check_directory("state directory", suite->state_dir, true),
        check_directory("metrics directory", suite->metrics_dir, false),
        check_redis(settings_of(run->settings, &redis_section)),
    };
    for (size_t i = 0; i < LENGTH_OF(found); i++)
        if (found[i] != 0)
            return found[i];
    return 0;
}
