/* POST /2013-01-01/documents/batch. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "batch.h"
#include "domain.h"
#include "nightshift/base/clock.h"
#include "nightshift/base/log.h"
#include "nightshift/base/utf8.h"

struct form {
    bool xml_body, xml_reply;
    bool latin1, ascii;
};

static const char deprecated[] = "[*Deprecated*: Use the outer message field] ";

static json_t *messages_of(const struct strings *strings, const char *prefix) {
    json_t *list = json_array();
    for (size_t i = 0; i < strings->count; i++) {
        char *message = xasprintf("%s%s", prefix, strings->items[i]);
        json_array_append_new(list, json_pack("{s:s}", "message", message));
        free(message);
    }
    return list;
}

/* All messages in the one that clients show: { ["first", "second"] }. */
static char *outer_message(const struct strings *errors) {
    struct text text = {0};
    json_t *list = json_array();
    for (size_t i = 0; i < errors->count; i++)
        json_array_append_new(list, json_string(errors->items[i]));
    char *dumped = json_dumps(list, 0);
    text_printf(&text, "{ %s }", dumped != NULL ? dumped : "[]");
    free(dumped);
    json_decref(list);
    return text_take(&text);
}

static void add_xml_messages(struct text *text, const char *list, const char *item, const struct strings *messages) {
    if (messages->count == 0)
        return;
    text_printf(text, "<%s>", list);
    for (size_t i = 0; i < messages->count; i++) {
        text_printf(text, "<%s>", item);
        xml_add(text, messages->items[i]);
        text_printf(text, "</%s>", item);
    }
    text_printf(text, "</%s>", list);
}

static void answer_xml(struct reply *reply, unsigned status, const struct batch *batch) {
    bool good = status == 200;
    reply_text(reply, status, TYPE_XML, "");
    text_printf(&reply->body, "<response status=\"%s\" adds=\"%zu\" deletes=\"%zu\">", good ? "success" : "error",
                good ? batch->adds : 0, good ? batch->deletes : 0);
    add_xml_messages(&reply->body, "errors", "error", &batch->errors);
    add_xml_messages(&reply->body, "warnings", "warning", &batch->warnings);
    text_add(&reply->body, "</response>\n");
}

static void answer(struct reply *reply, unsigned status, const struct form *form, const struct batch *batch) {
    bool good = status == 200;
    if (form->xml_reply) {
        answer_xml(reply, status, batch);
        return;
    }
    json_t *body = json_pack("{s:s, s:I, s:I}", "status", good ? "success" : "error", "adds",
                             (json_int_t)(good ? batch->adds : 0), "deletes", (json_int_t)(good ? batch->deletes : 0));
    if (!good) {
        char *message = outer_message(&batch->errors);
        json_object_set_new(body, "errors", messages_of(&batch->errors, deprecated));
        json_object_set_new(body, "message", json_string(message));
        json_object_set_new(body, "__type", json_string("#DocumentServiceException"));
        free(message);
    }
    if (batch->warnings.count > 0)
        json_object_set_new(body, "warnings", messages_of(&batch->warnings, ""));
    reply_json(reply, status, body);
}

static void refuse(struct reply *reply, unsigned status, const struct form *form, const char *format, ...)
    PRINTF_LIKE(4, 5);
static void refuse(struct reply *reply, unsigned status, const struct form *form, const char *format, ...) {
    struct batch batch = {0};
    va_list arguments;
    va_start(arguments, format);
    char *message = xvasprintf(format, arguments);
    va_end(arguments);
    strings_add(&batch.errors, message);
    answer(reply, status, form, &batch);
    free(message);
    batch_free(&batch);
}

/* Whether a header's media type is this one: "application/json; charset=UTF-8" is application/json. */
static bool is_type(const char *value, const char *type) {
    size_t length = strcspn(value, "; ,");
    return strlen(type) == length && strncasecmp(value, type, length) == 0;
}

static bool read_charset(const char *type, struct form *form) {
    const char *charset = strcasestr(type, "charset=");
    if (charset == NULL)
        return true;
    charset += strlen("charset=");
    charset += *charset == '"' ? 1 : 0;
    size_t length = strcspn(charset, "\"; ");
    form->latin1 = length == 10 && strncasecmp(charset, "ISO-8859-1", length) == 0;
    form->ascii = (length == 5 && strncasecmp(charset, "ASCII", length) == 0) ||
                  (length == 8 && strncasecmp(charset, "US-ASCII", length) == 0);
    return form->latin1 || form->ascii || (length == 5 && strncasecmp(charset, "UTF-8", length) == 0);
}

/* An Accept header that allows JSON or XML; anything else is 406. */
static bool read_accept(const struct request *request, struct form *form) {
    const char *accept = request_header(request, "accept");
    bool any = accept == NULL;
    bool json = false;
    bool xml = false;
    while (accept != NULL && *accept != '\0') {
        accept += strspn(accept, " ,");
        json = json || is_type(accept, TYPE_JSON);
        xml = xml || is_type(accept, TYPE_XML);
        any = any || is_type(accept, "*/*") || is_type(accept, "application/*");
        accept += strcspn(accept, ",");
    }
    form->xml_reply = xml ? !json : !json && form->xml_body;
    return any || json || xml;
}

/* The checks of the request's head, in the order of the table in the guide. */
static bool check_head(const struct domain *domain, const struct request *request, struct form *form,
                       struct reply *reply) {
    const char *type = request_header(request, "content-type");
    const char *coding = request_header(request, "content-encoding");
    form->xml_body = type != NULL && is_type(type, TYPE_XML);
    bool accepted = read_accept(request, form);
    if (strcmp(request->method, "POST") != 0) {
        pairs_add(&reply->headers, "Allow", "POST");
        refuse(reply, 405, form, "documents/batch takes POST, not %s", request->method);
    } else if (!accepted)
        refuse(reply, 406, form, "Accept header must allow one of ['application/xml', 'application/json']");
    else if (type == NULL || *type == '\0')
        refuse(reply, 400, form, "Content-Type header is required: one of ['application/xml', 'application/json']");
    else if (!form->xml_body && !is_type(type, TYPE_JSON))
        refuse(reply, 415, form, "Content-Type header must be one of ['application/xml', 'application/json'] (was %s)",
               type);
    else if (!read_charset(type, form))
        refuse(reply, 415, form, "The charset of Content-Type must be one of ASCII, ISO-8859-1, UTF-8 (was %s)", type);
    else if (coding != NULL && strcasecmp(coding, "identity") != 0)
        refuse(reply, 415, form, "Content-Encoding \"%s\" is not accepted", coding);
    else if (request->body.length > (size_t)domain->options.max_batch)
        refuse(reply, 413, form, "The Content-Length is too long: %zu bytes, the limit is %lld", request->body.length,
               (long long)domain->options.max_batch);
    else
        return true;
    return false;
}

bool documents_check_length(const struct request *request, struct reply *reply) {
    struct form form = {0};
    bool post = strcmp(request->method, "POST") == 0;
    if (!post ||
        (request_header(request, "content-length") != NULL && request_header(request, "transfer-encoding") == NULL))
        return true;
    read_accept(request, &form);
    refuse(reply, 411, &form, "A Content-Length header is required; chunked bodies are not accepted");
    return false;
}

static bool check_query(const struct request *request, const struct form *form, struct reply *reply) {
    struct pairs parameters = {0};
    const char *unknown = pairs_decode(&parameters, request->query) ? NULL : request->query;
    for (size_t i = 0; unknown == NULL && i < parameters.count; i++) {
        const struct pair *pair = &parameters.items[i];
        if ((strcmp(pair->name, "format") != 0 || strcmp(pair->value, "sdk") != 0) && strcmp(pair->name, "pretty") != 0)
            unknown = pair->name;
    }
    if (unknown != NULL)
        refuse(reply, 400, form, "Unknown query parameter \"%s\"", unknown);
    pairs_free(&parameters);
    return unknown == NULL;
}

/* The body as UTF-8; false when it is not what its charset says. Every byte of ISO-8859-1 is a code point. */
static bool decode_body(const struct request *request, const struct form *form, struct text *body) {
    const char *bytes = text_string(&request->body);
    for (size_t i = 0; i < request->body.length; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte >= 0x80 && form->ascii)
            return false;
        char pair[2] = {(char)(0xC0U | (byte >> 6U)), (char)(0x80U | (byte & 0x3FU))};
        if (byte >= 0x80 && form->latin1)
            text_append(body, pair, 2);
        else
            text_append(body, bytes + i, 1);
    }
    return utf8_valid(text_string(body), body->length);
}

static void apply(struct domain *domain, const struct form *form, const struct batch *batch, struct reply *reply) {
    int64_t now = clock_now();
    int64_t next = store_number(domain->store, "last_batch") + domain->options.batch_interval;
    if (batch->error_count > 0) {
        answer(reply, 400, form, batch);
    } else if (domain->options.batch_interval > 0 && now < next) {
        refuse(reply, 507, form, "One batch in %lld ms: the next one is accepted in %lld ms",
               (long long)domain->options.batch_interval, (long long)(next - now));
    } else if (store_reveal(domain->store, now) != 0 ||
               store_apply(domain->store, batch, now, domain->options.visible_after) != 0) {
        refuse(reply, 500, form, "The batch could not be stored");
    } else {
        answer(reply, 200, form, batch);
    }
}

void documents_serve(struct domain *domain, const struct request *request, struct reply *reply) {
    struct form form = {0};
    struct batch batch = {0};
    struct text body = {0};
    const struct batch_rules rules = {.schema = &domain->schema,
                                      .max_document = (size_t)domain->options.max_document,
                                      .bmp_only = domain->options.refuse_non_bmp,
                                      .numbers = !domain->options.refuse_numbers};
    if (!check_head(domain, request, &form, reply) || !check_query(request, &form, reply))
        return;
    if (!decode_body(request, &form, &body)) {
        refuse(reply, 400, &form, "The batch is not valid in its charset");
    } else {
        if (form.xml_body)
            batch_parse_xml(&batch, &rules, text_string(&body), body.length);
        else
            batch_parse_json(&batch, &rules, text_string(&body), body.length);
        apply(domain, &form, &batch, reply);
    }
    batch_free(&batch);
    text_free(&body);
}
