/* Requests and replies: the little that all services share. */
#include <stdlib.h>
#include <string.h>

#include "exchange.h"

const char *request_header(const struct request *request, const char *name) {
    return pairs_header(&request->headers, name);
}

void request_free(struct request *request) {
    if (request == NULL)
        return;
    free(request->method);
    free(request->path);
    free(request->query);
    pairs_free(&request->headers);
    text_free(&request->body);
    *request = (struct request){0};
}

void reply_text(struct reply *reply, unsigned status, const char *type, const char *body) {
    reply->status = status;
    reply->type = type;
    text_clear(&reply->body);
    text_add(&reply->body, body);
}

void reply_json(struct reply *reply, unsigned status, json_t *value) {
    char *body = json_dumps(value, JSON_COMPACT);
    json_decref(value);
    reply_text(reply, status, TYPE_JSON, body != NULL ? body : "{}");
    free(body);
}

void reply_html(struct reply *reply, unsigned status, const char *title, const char *detail) {
    reply_text(reply, status, TYPE_HTML, "");
    text_printf(&reply->body, "<html><body><h1>%u %s</h1>\n%s\n</body></html>\n", status, title, detail);
}

void reply_free(struct reply *reply) {
    text_free(&reply->body);
    pairs_free(&reply->headers);
}

const char *reply_reason(unsigned status) {
    static const struct {
        unsigned status;
        const char *reason;
    } known[] = {
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {411, "Length Required"},
        {413, "Request Entity Too Large"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {500, "Internal Server Error"},
        {502, "Bad Gateway"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {507, "Insufficient Storage"},
        {509, "Bandwidth Limit Exceeded"},
    };
    for (size_t i = 0; i < LENGTH_OF(known); i++)
        if (known[i].status == status)
            return known[i].reason;
    return "Error";
}

void xml_add(struct text *text, const char *string) {
    for (; *string != '\0'; string++) {
        switch (*string) {
        case '&':
            text_add(text, "&amp;");
            break;
        case '<':
            text_add(text, "&lt;");
            break;
        case '>':
            text_add(text, "&gt;");
            break;
        case '"':
            text_add(text, "&quot;");
            break;
        case '\'':
            text_add(text, "&#39;");
            break;
        default:
            text_append(text, string, 1);
        }
    }
}
