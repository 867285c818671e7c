/* The list of faults, and what they do to a reply. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "faults.h"

struct faults {
    pthread_mutex_t lock;
    json_t *list;
};

static const char *const services[] = {"document", "search", "suggest", "configuration", "any"};
static const char *const bodies[] = {"json", "xml", "html", "empty"};

struct faults *faults_new(void) {
    struct faults *faults = xcalloc(1, sizeof *faults);
    pthread_mutex_init(&faults->lock, NULL);
    faults->list = json_array();
    return faults;
}

void faults_free(struct faults *faults) {
    if (faults == NULL)
        return;
    json_decref(faults->list);
    pthread_mutex_destroy(&faults->lock);
    free(faults);
}

static bool is_one_of(const json_t *value, const char *const *words, size_t count) {
    const char *text = json_string_value(value);
    for (size_t i = 0; text != NULL && i < count; i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return value == NULL;
}

static const char *check_fault(json_t *fault) {
    static const char *const cuts[] = {"before", "after"};
    static const char *const numbers[] = {"skip", "times", "status", "delay", "delay_before", "cut_at"};
    static const char *const others[] = {"service", "apply", "body",    "text", "type",
                                         "message", "code",  "headers", "cut"};
    const char *name = "";
    json_t *value = NULL;
    if (!json_is_object(fault))
        return "a fault is an object";
    json_object_foreach(fault, name, value) {
        json_t *key = json_string(name);
        bool number = is_one_of(key, numbers, LENGTH_OF(numbers));
        bool known = number || is_one_of(key, others, LENGTH_OF(others));
        json_decref(key);
        if (!known)
            return "a fault has an unknown key";
        if (number && (!json_is_integer(value) || json_integer_value(value) < 0))
            return "a number of a fault is not a whole number of at least 0";
    }
    if (!is_one_of(json_object_get(fault, "service"), services, LENGTH_OF(services)))
        return "service is one of document, search, suggest, configuration, any";
    if (!is_one_of(json_object_get(fault, "body"), bodies, LENGTH_OF(bodies)))
        return "body is one of json, xml, html, empty";
    if (!is_one_of(json_object_get(fault, "cut"), cuts, LENGTH_OF(cuts)))
        return "cut is one of before, after";
    json_int_t status = json_integer_value(json_object_get(fault, "status"));
    return json_object_get(fault, "status") != NULL && (status < 200 || status > 599) ? "status is 200 to 599" : NULL;
}

const char *faults_set(struct faults *faults, json_t *list) {
    size_t i = 0;
    json_t *fault = NULL;
    const char *reason = json_is_array(list) ? NULL : "faults are a list";
    json_array_foreach(list, i, fault) if (reason == NULL) reason = check_fault(fault);
    if (reason == NULL) {
        pthread_mutex_lock(&faults->lock);
        json_decref(faults->list);
        faults->list = json_deep_copy(list);
        pthread_mutex_unlock(&faults->lock);
    }
    return reason;
}

json_t *faults_pending(struct faults *faults) {
    pthread_mutex_lock(&faults->lock);
    json_t *copy = json_deep_copy(faults->list);
    pthread_mutex_unlock(&faults->lock);
    return copy;
}

static bool is_for(const json_t *fault, enum service service) {
    const char *name = json_string_value(json_object_get(fault, "service"));
    const char *wanted = name != NULL ? name : "document";
    return strcmp(wanted, "any") == 0 || strcmp(wanted, services[service]) == 0;
}

json_t *faults_take(struct faults *faults, enum service service) {
    json_t *taken = NULL;
    pthread_mutex_lock(&faults->lock);
    for (size_t i = 0; taken == NULL && i < json_array_size(faults->list); i++) {
        json_t *fault = json_array_get(faults->list, i);
        json_int_t skip = json_integer_value(json_object_get(fault, "skip"));
        const json_t *times = json_object_get(fault, "times");
        json_int_t left = times != NULL ? json_integer_value(times) : 1;
        if (!is_for(fault, service))
            continue;
        if (skip > 0) {
            json_object_set_new(fault, "skip", json_integer(skip - 1));
            break;
        }
        taken = json_incref(fault);
        if (left > 1)
            json_object_set_new(fault, "times", json_integer(left - 1));
        else
            json_array_remove(faults->list, i);
    }
    json_t *copy = taken != NULL ? json_deep_copy(taken) : NULL;
    json_decref(taken);
    pthread_mutex_unlock(&faults->lock);
    return copy;
}

int64_t faults_delay(const json_t *fault, const char *name) {
    return json_integer_value(json_object_get(fault, name));
}

static bool has_cut(const json_t *fault, const char *when) {
    const char *cut = json_string_value(json_object_get(fault, "cut"));
    return cut != NULL && strcmp(cut, when) == 0;
}

bool faults_apply_request(const json_t *fault) {
    if (has_cut(fault, "before"))
        return false;
    return json_object_get(fault, "status") == NULL || json_is_true(json_object_get(fault, "apply"));
}

static const char *word(const json_t *fault, const char *name, const char *otherwise) {
    const char *value = json_string_value(json_object_get(fault, name));
    return value != NULL ? value : otherwise;
}

static void answer_json(struct reply *reply, unsigned status, enum service service, const char *code,
                        const char *message) {
    char *type = xasprintf("#%s", code);
    reply_json(reply, status,
               service == SERVICE_DOCUMENT
                   ? json_pack("{s:s, s:i, s:i, s:[{s:s}], s:s, s:s}", "__type", type, "adds", 0, "deletes", 0,
                               "errors", "message", message, "message", message, "status", "error")
                   : json_pack("{s:s, s:{s:s}, s:s}", "__type", type, "error", "rid", "local", "message", message));
    free(type);
}

static void answer(const json_t *fault, enum service service, struct reply *reply) {
    unsigned status = (unsigned)json_integer_value(json_object_get(fault, "status"));
    const char *message = word(fault, "message", reply_reason(status));
    const char *code =
        word(fault, "code", service == SERVICE_DOCUMENT ? "DocumentServiceException" : "SearchException");
    const char *text = json_string_value(json_object_get(fault, "text"));
    const char *body = word(fault, "body", "json");
    if (text != NULL) {
        const char *type = word(fault, "type", "text/plain");
        reply_text(reply, status, "text/plain", text);
        pairs_add(&reply->headers, "Content-Type", type);
        reply->type = NULL;
    } else if (strcmp(body, "xml") == 0) {
        reply_text(reply, status, TYPE_XML, "");
        text_printf(&reply->body,
                    "<?xml version=\"1.0\"?>\n<ErrorResponse><Error><Type>%s</Type><Code>%s</Code><Message>",
                    status < 500 ? "Sender" : "Receiver", code);
        xml_add(&reply->body, message);
        text_add(&reply->body, "</Message></Error><RequestId>local</RequestId></ErrorResponse>\n");
    } else if (strcmp(body, "html") == 0) {
        reply_html(reply, status, reply_reason(status), message);
    } else if (strcmp(body, "empty") == 0) {
        reply_text(reply, status, TYPE_JSON, "");
    } else {
        answer_json(reply, status, service, code, message);
    }
}

void faults_change_reply(const json_t *fault, enum service service, struct reply *reply) {
    const char *name = "";
    json_t *value = NULL;
    const json_t *cut_at = json_object_get(fault, "cut_at");
    if (json_object_get(fault, "status") != NULL)
        answer(fault, service, reply);
    json_object_foreach(json_object_get(fault, "headers"), name, value) {
        if (json_is_string(value))
            pairs_add(&reply->headers, name, json_string_value(value));
    }
    if (has_cut(fault, "before"))
        reply->cut = CUT_BEFORE;
    else if (has_cut(fault, "after"))
        reply->cut = CUT_AFTER;
    else if (cut_at != NULL) {
        reply->cut = CUT_BODY;
        reply->cut_at = (size_t)json_integer_value(cut_at);
    }
}
