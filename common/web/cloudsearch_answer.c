/* What an answer means. By status and by the type in the body, never by the words of a message: those are not documented.
 * Anything that is not known for certain to be a success, or a refusal of what was sent, is neither. */
#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cloudsearch_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/memory.h"

enum {
    EXCERPT = 200,       /* bytes of an answer that are quoted */
    MESSAGE_MOST = 1000, /* bytes of one message */
    FIRST_PAUSE = 1000,  /* milliseconds */
    LONGEST_PAUSE = 60 * 1000,
    CLOCK_DIFFERENCE = 5 * 60 * 1000, /* what a signature is sure to survive; the service allows 15 minutes */
};

static void say(struct cloudsearch_judgement *judgement, enum cloudsearch_verdict verdict, int status,
                const char *format, ...) PRINTF_LIKE(4, 5);

static void say(struct cloudsearch_judgement *judgement, enum cloudsearch_verdict verdict, int status,
                const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    judgement->verdict = verdict;
    judgement->status = status;
    judgement->hint = NULL;
    text_clear(&judgement->reason);
    text_vprintf(&judgement->reason, format, arguments);
    va_end(arguments);
}

int64_t cloudsearch_pause(int tries, uint64_t chance, int64_t wanted) {
    int64_t longest = FIRST_PAUSE;
    for (int i = 1; i < tries && longest < LONGEST_PAUSE; i++)
        longest *= 2;
    longest = longest > LONGEST_PAUSE ? LONGEST_PAUSE : longest;
    int64_t pause = (int64_t)(chance % (uint64_t)(longest + 1));
    return pause > wanted ? pause : wanted;
}

/* --- Errors in their many forms --- */

/* The first line, printable; a SignatureDoesNotMatch goes on with everything that was signed. */
static void add_line(struct text *text, const char *words) {
    size_t length = strcspn(words, "\r\n");
    text_append_printable(text, words, length > MESSAGE_MOST ? MESSAGE_MOST : length);
}

static const char *string_of(const json_t *object, const char *name) {
    const char *value = json_string_value(json_object_get(object, name));
    return value != NULL ? value : "";
}

/* "[*Deprecated*: Use the outer message field] words" stands in the list of errors. */
static const char *without_prefix(const char *words) {
    static const char prefix[] = "[*Deprecated*: Use the outer message field] ";
    return strncmp(words, prefix, sizeof prefix - 1) == 0 ? words + sizeof prefix - 1 : words;
}

static void take_json_error(const json_t *document, struct cloudsearch_error *error) {
    const char *type = string_of(document, "__type");
    const char *hash = strrchr(type, '#');
    const json_t *first = json_array_get(json_object_get(document, "errors"), 0);
    const char *message = string_of(document, "message");
    if (*message == '\0')
        message = string_of(document, "Message");
    if (*message == '\0')
        message = without_prefix(string_of(first, "message"));
    add_line(&error->code, hash != NULL ? hash + 1 : type);
    add_line(&error->message, message);
}

void cloudsearch_error_parse(const struct http_answer *answer, struct cloudsearch_error *error) {
    const char *body = text_string(&answer->body);
    text_clear(&error->code);
    text_clear(&error->message);
    const char *begin = body + strspn(body, " \t\r\n");
    if (*begin == '{') {
        json_t *document = json_loadb(body, answer->body.length, 0, NULL);
        take_json_error(document, error);
        json_decref(document);
    } else if (*begin == '<') {
        struct xml_node *document = xml_parse(body, answer->body.length);
        /* <ErrorResponse><Error><Code>, or <Response><Errors><Error><Code> as other query services have it */
        const struct xml_node *errors = xml_child(document, "Errors");
        const struct xml_node *found = xml_child(errors != NULL ? errors : document, "Error");
        add_line(&error->code, xml_text(found, "Code"));
        add_line(&error->message, xml_text(found, "Message"));
        xml_free(document);
    }
}

void cloudsearch_error_free(struct cloudsearch_error *error) {
    text_free(&error->code);
    text_free(&error->message);
}

void cloudsearch_judge_unclear(const struct http_answer *answer, const char *wrong,
                               struct cloudsearch_judgement *judgement) {
    const char *body = text_string(&answer->body);
    say(judgement, CLOUDSEARCH_UNCLEAR, EXIT_UNAVAILABLE, "the answer has status %ld%s%s", answer->status,
        *wrong != '\0' ? ", but " : "", wrong);
    if (*body == '\0') {
        text_add(&judgement->reason, "; it is empty");
        return;
    }
    text_add(&judgement->reason, "; it begins with ");
    text_append_printable(&judgement->reason, body, answer->body.length > EXCERPT ? EXCERPT : answer->body.length);
}

/* --- Failures --- */

/* Codes are compared by their beginnings: services add "Exception" or not as they like. */
static bool is_one_of(const char *code, const char *const *beginnings) {
    for (size_t i = 0; beginnings[i] != NULL; i++)
        if (strncmp(code, beginnings[i], strlen(beginnings[i])) == 0)
            return true;
    return false;
}

static const char *const expired_codes[] = {"ExpiredToken", NULL};
static const char *const clock_codes[] = {"RequestExpired", "RequestTimeTooSkewed", NULL};
static const char *const signature_codes[] = {"SignatureDoesNotMatch", "InvalidSignature", "IncompleteSignature", NULL};
static const char *const key_codes[] = {"InvalidClientTokenId", "UnrecognizedClient", "InvalidAccessKeyId", NULL};
static const char *const policy_codes[] = {"AccessDenied", "MissingAuthenticationToken", "NotAuthorized",
                                           "OptInRequired", NULL};
static const char *const busy_codes[] = {"Throttl",  "RequestLimitExceeded",   "ServiceUnavailable",
                                         "Internal", "BandwidthLimitExceeded", NULL};

static bool clock_differs(const struct http_answer *answer, int64_t now) {
    char *date = http_answer_header(answer, "Date");
    int64_t theirs = date != NULL ? (int64_t)curl_getdate(date, NULL) * 1000 : -1;
    free(date);
    return theirs > 0 && (now - theirs > CLOCK_DIFFERENCE || theirs - now > CLOCK_DIFFERENCE);
}

/* Failures of who we are: by code, whatever the status (the configuration service says some of them with 400). */
static bool judge_identity(const char *code, const struct http_answer *answer, int64_t now,
                           struct cloudsearch_judgement *judgement) {
    bool clock = is_one_of(code, clock_codes), signature = is_one_of(code, signature_codes);
    judgement->status = EXIT_DENIED;
    if (is_one_of(code, expired_codes)) {
        judgement->verdict = CLOUDSEARCH_EXPIRED;
        judgement->hint = "renew the AWS credentials, or let the job use a role";
        return true;
    }
    judgement->verdict = CLOUDSEARCH_FAILED;
    if (clock || (signature && clock_differs(answer, now)))
        judgement->hint = "set this host's clock: it differs from the service's by more than a signature survives";
    else if (signature)
        judgement->hint = "is the secret key right, and the region? A key's two halves must come from one place";
    else if (is_one_of(code, key_codes))
        judgement->hint = "is the access key still active, and of the account that owns the domain?";
    else if (is_one_of(code, policy_codes))
        judgement->hint =
            "allow this identity the actions cloudsearch:document and cloudsearch:search (and cloudsearch:Describe* "
            "for --check) in its IAM policy or the domain's access policy; a policy may also name IP addresses";
    else
        return false;
    return true;
}

static void judge_by_status(const struct http_answer *answer, bool known, struct cloudsearch_judgement *judgement) {
    long status = answer->status;
    judgement->verdict = CLOUDSEARCH_FAILED;
    if (status == 408 || status == 425 || status == 429 || status >= 500) {
        judgement->verdict = CLOUDSEARCH_BUSY;
        judgement->status = EXIT_UNAVAILABLE;
    } else if (status == 401 || status == 403 || status == 407) {
        judgement->status = EXIT_DENIED;
        judgement->hint = "the service's front, or a proxy, refuses the request: is this the right endpoint for it?";
    } else if (status == 404 || (status >= 300 && status < 400)) {
        judgement->status = EXIT_SETTINGS;
        judgement->hint = "is this an endpoint of a CloudSearch domain, and the right one of its two?";
    } else if (status == 409) {
        judgement->status = EXIT_SETTINGS;
    } else if (status == 405 || status == 406 || status == 411 || status == 413 || status == 415 || known) {
        judgement->status = EXIT_BUG;
    } else {
        judgement->verdict = CLOUDSEARCH_UNCLEAR;
        judgement->status = EXIT_UNAVAILABLE;
    }
}

void cloudsearch_judge_failure(const struct http_answer *answer, int64_t now, struct cloudsearch_judgement *judgement) {
    struct cloudsearch_error error = {0};
    cloudsearch_error_parse(answer, &error);
    const char *code = text_string(&error.code);
    bool known = *code != '\0' || error.message.length > 0;
    cloudsearch_judge_unclear(answer, "", judgement);
    if (known) {
        text_clear(&judgement->reason);
        text_printf(&judgement->reason, "status %ld%s%s: %s", answer->status, *code != '\0' ? " " : "", code,
                    text_string(&error.message));
    }
    if (is_one_of(code, busy_codes)) {
        judgement->verdict = CLOUDSEARCH_BUSY;
        judgement->status = EXIT_UNAVAILABLE;
    } else if (*code == '\0' || !judge_identity(code, answer, now, judgement)) {
        judge_by_status(answer, known, judgement);
    }
    judgement->wait = judgement->verdict == CLOUDSEARCH_BUSY ? http_answer_wait(answer, now) : 0;
    cloudsearch_error_free(&error);
}

/* --- Messages of the document service --- */

/* The quoted word that follows "field ", in any case. The caller frees it; NULL if there is none. */
static char *field_in(const char *text) {
    for (const char *at = text; (at = strcasestr(at, "field ")) != NULL;) {
        at += strlen("field ");
        const char *close = *at == '\'' || *at == '"' ? strchr(at + 1, *at) : NULL;
        if (close != NULL && close > at + 1)
            return xstrndup(at + 1, (size_t)(close - at - 1));
    }
    return NULL;
}

void cloudsearch_message_parse(const char *text, struct cloudsearch_message *message) {
    static const char index[] = "near operation with index ", id[] = "document_id ";
    struct text shown = {0};
    text_append_printable(&shown, text, strnlen(text, MESSAGE_MOST));
    message->text = text_take(&shown);
    message->field = field_in(text);
    /* The last one: an id or a value that is quoted before it may look the same. */
    const char *near = NULL;
    for (const char *at = text; (at = strstr(at, index)) != NULL; at++)
        near = at;
    if (near == NULL)
        return;
    const char *digits = near + sizeof index - 1;
    size_t length = strspn(digits, "0123456789");
    if (length > 0 && length <= 9)
        message->operation = strtol(digits, NULL, 10);
    const char *name = strstr(digits, id);
    const char *close = name != NULL ? strrchr(name, ')') : NULL;
    if (close != NULL && close > name + sizeof id - 1)
        message->document_id = xstrndup(name + sizeof id - 1, (size_t)(close - name) - (sizeof id - 1));
}

static void add_message(struct cloudsearch_upload *upload, const char *text) {
    upload->message_total++;
    if (upload->message_count == CLOUDSEARCH_MESSAGES)
        return;
    upload->messages = xgrow(upload->messages, upload->message_count, sizeof *upload->messages);
    struct cloudsearch_message *message = &upload->messages[upload->message_count++];
    *message = (struct cloudsearch_message){0};
    cloudsearch_message_parse(text, message);
}

/* Those of a list: [{"message": "..."}]. */
static void add_messages(struct cloudsearch_upload *upload, const json_t *list) {
    size_t i = 0;
    const json_t *item = NULL;
    json_array_foreach(list, i, item) {
        const char *text = json_string_value(json_object_get(item, "message"));
        if (text != NULL)
            add_message(upload, without_prefix(text));
    }
}

static void forget_messages(struct cloudsearch_upload *upload) {
    for (size_t i = 0; i < upload->message_count; i++) {
        free(upload->messages[i].text);
        free(upload->messages[i].document_id);
        free(upload->messages[i].field);
    }
    free(upload->messages);
    upload->messages = NULL;
    upload->message_count = 0;
    upload->message_total = 0;
}

void cloudsearch_upload_free(struct cloudsearch_upload *upload) {
    forget_messages(upload);
    *upload = (struct cloudsearch_upload){0};
}

/* --- The answer to a batch --- */

static void judge_success(const struct cloudsearch_batch *batch, const struct http_answer *answer,
                          const json_t *document, struct cloudsearch_upload *upload,
                          struct cloudsearch_judgement *judgement) {
    const json_t *adds = json_object_get(document, "adds");
    const json_t *deletes = json_object_get(document, "deletes");
    if (!json_is_integer(adds) || !json_is_integer(deletes)) {
        cloudsearch_judge_unclear(answer, "does not say how many documents were added and deleted", judgement);
        return;
    }
    int64_t added = json_integer_value(adds), deleted = json_integer_value(deletes);
    if (added != batch->adds || deleted < 0 || deleted > batch->deletes) {
        say(judgement, CLOUDSEARCH_UNCLEAR, EXIT_UNAVAILABLE,
            "it acknowledges %lld adds and %lld deletes, where %lld and %lld were sent", (long long)added,
            (long long)deleted, (long long)batch->adds, (long long)batch->deletes);
        return;
    }
    judgement->verdict = CLOUDSEARCH_DONE;
    upload->outcome = CLOUDSEARCH_ACCEPTED;
    upload->adds = added;
    upload->deletes = deleted;
    add_messages(upload, json_object_get(document, "warnings"));
}

/* An error about the batch itself, as opposed to who sent it. */
static void judge_refusal(const struct http_answer *answer, const json_t *document, struct cloudsearch_upload *upload,
                          struct cloudsearch_judgement *judgement) {
    if (json_integer_value(json_object_get(document, "adds")) != 0 ||
        json_integer_value(json_object_get(document, "deletes")) != 0) {
        cloudsearch_judge_unclear(answer, "is an error that claims to have applied something", judgement);
        return;
    }
    judgement->verdict = CLOUDSEARCH_DONE;
    upload->outcome = CLOUDSEARCH_REFUSED;
    add_messages(upload, json_object_get(document, "errors"));
    const char *message = string_of(document, "message");
    if (upload->message_count == 0)
        add_message(upload, *message != '\0' ? message : "no reason was given");
}

void cloudsearch_judge_upload(const struct cloudsearch_batch *batch, const struct http_answer *answer, int64_t now,
                              struct cloudsearch_upload *upload, struct cloudsearch_judgement *judgement) {
    forget_messages(upload);
    upload->outcome = CLOUDSEARCH_UNSETTLED;
    upload->adds = upload->deletes = 0;
    if (answer->status == 413) {
        judgement->verdict = CLOUDSEARCH_DONE;
        upload->outcome = CLOUDSEARCH_TOO_LARGE;
        return;
    }
    json_t *document = json_loadb(text_string(&answer->body), answer->body.length, 0, NULL);
    const char *status = string_of(document, "status");
    if (answer->status == 200 && strcmp(status, "success") == 0) {
        judge_success(batch, answer, document, upload, judgement);
    } else if (answer->status == 200 && strcmp(status, "error") != 0) {
        cloudsearch_judge_unclear(answer, "not the form of CloudSearch", judgement);
    } else {
        cloudsearch_judge_failure(answer, now, judgement);
        bool about_us = judgement->verdict == CLOUDSEARCH_BUSY || judgement->verdict == CLOUDSEARCH_EXPIRED ||
                        judgement->status == EXIT_DENIED;
        bool of_service = strcmp(status, "error") == 0 || json_is_array(json_object_get(document, "errors")) ||
                          *string_of(document, "__type") != '\0';
        if (!about_us && of_service && (answer->status == 400 || answer->status == 200))
            judge_refusal(answer, document, upload, judgement);
    }
    json_decref(document);
}
