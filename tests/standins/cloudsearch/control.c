/* What a real domain does not have: for tests, and for `up` of the sandbox. */
#include <string.h>

#include "domain.h"

static int64_t count_documents(struct store *store) {
    sqlite3_stmt *statement = store_prepare(store_database(store), "SELECT COUNT(*) FROM document");
    int64_t count = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    return count;
}

static void serve_health(struct domain *domain, struct reply *reply) {
    pthread_mutex_lock(&domain->lock);
    json_int_t documents = count_documents(domain->store);
    pthread_mutex_unlock(&domain->lock);
    reply_json(reply, 200,
               json_pack("{s:s, s:s, s:s, s:I}", "service", "cloudsearch-local", "domain", domain->options.name,
                         "state_dir", domain->options.state_dir, "documents", documents));
}

static void serve_faults(struct domain *domain, const struct request *request, struct reply *reply) {
    const char *reason = NULL;
    if (strcmp(request->method, "POST") == 0) {
        json_t *list = json_loadb(text_string(&request->body), request->body.length, 0, NULL);
        reason = faults_set(domain->faults, list);
        json_decref(list);
    } else if (strcmp(request->method, "DELETE") == 0) {
        json_t *none = json_array();
        reason = faults_set(domain->faults, none);
        json_decref(none);
    }
    if (reason != NULL)
        reply_json(reply, 400, json_pack("{s:s}", "message", reason));
    else
        reply_json(reply, 200, faults_pending(domain->faults));
}

static bool is_post(const struct request *request, const char *path) {
    return strcmp(request->path, path) == 0 && strcmp(request->method, "POST") == 0;
}

static void serve_change(struct domain *domain, bool forget, struct reply *reply) {
    pthread_mutex_lock(&domain->lock);
    int status = forget ? store_forget(domain->store) : store_reveal(domain->store, INT64_MAX);
    pthread_mutex_unlock(&domain->lock);
    reply_json(reply, status == 0 ? 200 : 500, json_object());
}

void control_serve(struct domain *domain, const struct request *request, struct reply *reply) {
    if (strcmp(request->path, "/_health") == 0) {
        serve_health(domain, reply);
    } else if (strcmp(request->path, "/_faults") == 0) {
        serve_faults(domain, request, reply);
    } else if (is_post(request, "/_visible") || is_post(request, "/_forget")) {
        serve_change(domain, strcmp(request->path, "/_forget") == 0, reply);
    } else {
        reply_json(reply, 404,
                   json_pack("{s:s}", "message", "there are GET /_health, /_faults, and POST /_visible, /_forget"));
    }
}
