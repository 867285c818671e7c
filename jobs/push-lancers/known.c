/* One small JSON object as the job's state. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "known.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/job/mirror.h"

enum { HOST_LIMIT = 256 };

int known_load(struct run *run, const char *name, struct known *known) {
    int status = mirror_load(run, name, &known->state);
    if (status != 0 || known->state.version == 0)
        return status;
    json_t *root = json_loadb(text_string(&known->state.body), known->state.body.length, 0, NULL);
    json_int_t generation = 0;
    const char *host = NULL;
    if (json_unpack(root, "{s:I, s:s}", "generation", &generation, "host", &host) != 0 || generation <= 0) {
        status = fail(EXIT_GUARD, "the state \"%s\" of push-lancers cannot be understood", name);
    } else {
        known->generation = generation;
        known->host = xstrdup(host);
    }
    json_decref(root);
    return status;
}

int known_save(struct run *run, const char *name, struct known *known, int64_t generation) {
    char host[HOST_LIMIT] = "";
    if (gethostname(host, sizeof host - 1) != 0)
        strcpy(host, "unknown");
    json_t *root = json_pack("{s:I, s:s}", "generation", (json_int_t)generation, "host", host);
    char *body = json_dumps(root, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(root);
    if (body == NULL)
        return fail(EXIT_BUG, "the host's name \"%s\" is not UTF-8", host);
    text_clear(&known->state.body);
    text_add(&known->state.body, body);
    free(body);
    known->generation = generation;
    return mirror_save(run, name, &known->state);
}

void known_free(struct known *known) {
    state_free(&known->state);
    free(known->host);
    known->host = NULL;
}
