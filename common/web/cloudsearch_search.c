/* Searches, and the walk over all ids. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cloudsearch_private.h"
#include "nightshift/base/exits.h"
#include "nightshift/base/log.h"
#include "nightshift/web/cloudsearch_search.h"

enum { SMALLEST_PAGE = 100 };

/* --- One search --- */

/* With format=sdk every field is an array already; a service that does not know the parameter sends single values as they
 * are. */
static void make_arrays(json_t *fields) {
    const char *name = NULL;
    json_t *value = NULL;
    void *next = NULL;
    json_object_foreach_safe(fields, next, name, value) {
        if (!json_is_array(value)) {
            json_t *array = json_array();
            json_array_append(array, value);
            json_object_set_new(fields, name, array);
        }
    }
}

/* Whether the document is a search's answer; fills in the hits if so. */
static bool take_hits(json_t *document, struct cloudsearch_hits *hits) {
    const json_t *part = json_object_get(document, "hits");
    const json_t *found = json_object_get(part, "found");
    const json_t *list = json_object_get(part, "hit");
    const char *cursor = json_string_value(json_object_get(part, "cursor"));
    if (!json_is_integer(found) || json_integer_value(found) < 0 || !json_is_array(list))
        return false;
    size_t count = json_array_size(list);
    hits->hits = xcalloc(count > 0 ? count : 1, sizeof *hits->hits);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        json_t *fields = json_object_get(item, "fields");
        hits->hits[i].id = json_string_value(json_object_get(item, "id"));
        hits->hits[i].fields = fields;
        if (hits->hits[i].id == NULL || (fields != NULL && !json_is_object(fields)))
            return false;
        make_arrays(fields);
    }
    hits->count = count;
    hits->found = json_integer_value(found);
    hits->cursor = cursor != NULL ? xstrdup(cursor) : NULL;
    return true;
}

void cloudsearch_hits_free(struct cloudsearch_hits *hits) {
    json_decref(hits->document);
    free(hits->cursor);
    free(hits->hits);
    *hits = (struct cloudsearch_hits){0};
}

static void judge_search(const struct http_answer *answer, int64_t now, struct cloudsearch_hits *hits,
                         struct cloudsearch_judgement *judgement) {
    cloudsearch_hits_free(hits);
    if (answer->status != 200) {
        cloudsearch_judge_failure(answer, now, judgement);
        return;
    }
    json_t *document = json_loadb(text_string(&answer->body), answer->body.length, 0, NULL);
    hits->document = document;
    if (take_hits(document, hits)) {
        judgement->verdict = CLOUDSEARCH_DONE;
        return;
    }
    cloudsearch_hits_free(hits);
    cloudsearch_judge_unclear(answer, "not the form of a search's answer", judgement);
}

static void judge(void *context, const struct http_answer *answer, int64_t now,
                  struct cloudsearch_judgement *judgement) {
    judge_search(answer, now, context, judgement);
}

static void add_parameters(struct text *form, const struct cloudsearch_parameter *parameters, size_t count) {
    for (size_t i = 0; i < count; i++)
        cloudsearch_form_add(form, parameters[i].name, parameters[i].value);
    cloudsearch_form_add(form, "format", "sdk");
}

static struct cloudsearch_exchange search_exchange(const struct cloudsearch *cloudsearch, const struct text *form) {
    return (struct cloudsearch_exchange){.what = "search in",
                                         .base = cloudsearch->search_url,
                                         .path = "/2013-01-01/search",
                                         .content_type = "application/x-www-form-urlencoded",
                                         .body = text_string(form),
                                         .length = form->length,
                                         .answer_limit = CLOUDSEARCH_ANSWER_LIMIT,
                                         .judge = judge};
}

static int check_endpoint(const struct cloudsearch *cloudsearch) {
    return cloudsearch->search_url != NULL ? 0 : fail(EXIT_SETTINGS, "[cloudsearch] search_endpoint is not set");
}

int cloudsearch_search(struct cloudsearch *cloudsearch, const struct cloudsearch_parameter *parameters, size_t count,
                       struct cloudsearch_hits *hits) {
    cloudsearch_hits_free(hits);
    int status = check_endpoint(cloudsearch);
    if (status != 0)
        return status;
    struct text form = {0};
    add_parameters(&form, parameters, count);
    struct cloudsearch_exchange exchange = search_exchange(cloudsearch, &form);
    exchange.context = hits;
    status = cloudsearch_exchange(cloudsearch, &exchange);
    text_free(&form);
    return status;
}

/* A string of the structured syntax: 'it\'s'. */
static void add_quoted(struct text *query, const char *string) {
    text_add(query, "'");
    for (const char *c = string; *c != '\0'; c++) {
        if (*c == '\'' || *c == '\\')
            text_add(query, "\\");
        text_append(query, c, 1);
    }
    text_add(query, "'");
}

int cloudsearch_fetch(struct cloudsearch *cloudsearch, const char *const *ids, size_t count,
                      struct cloudsearch_hits *hits) {
    if (count == 0 || count > CLOUDSEARCH_FETCH_MOST)
        return fail(EXIT_BUG, "%zu documents fetched at once from CloudSearch", count);
    struct text query = {0};
    text_add(&query, "(or");
    for (size_t i = 0; i < count; i++) {
        text_add(&query, " _id:");
        add_quoted(&query, ids[i]);
    }
    text_add(&query, ")");
    char size[16];
    snprintf(size, sizeof size, "%zu", count);
    const struct cloudsearch_parameter parameters[] = {
        {"q", text_string(&query)}, {"q.parser", "structured"}, {"size", size}, {"return", "_all_fields"}};
    int status = cloudsearch_search(cloudsearch, parameters, LENGTH_OF(parameters), hits);
    text_free(&query);
    return status;
}

int cloudsearch_count(struct cloudsearch *cloudsearch, int64_t *count) {
    static const struct cloudsearch_parameter parameters[] = {
        {"q", "matchall"}, {"q.parser", "structured"}, {"size", "0"}, {"return", "_no_fields"}};
    struct cloudsearch_hits hits = {0};
    int status = cloudsearch_search(cloudsearch, parameters, LENGTH_OF(parameters), &hits);
    *count = hits.found;
    cloudsearch_hits_free(&hits);
    return status;
}

/* --- The walk --- */

struct cloudsearch_walk {
    struct cloudsearch *cloudsearch;
    char *from;
    char *below;
    char *filter; /* NULL: none */
    char *cursor;
    char *last; /* id that came last; NULL: none yet */
    int size;
    bool ended;
    struct text form;
    struct cloudsearch_hits hits;
    struct strings ids;
    int64_t found;
    int64_t seen;
};

struct cloudsearch_walk *cloudsearch_walk_new(struct cloudsearch *cloudsearch, const char *from, const char *below) {
    struct cloudsearch_walk *walk = xcalloc(1, sizeof *walk);
    struct text filter = {0};
    walk->cloudsearch = cloudsearch;
    walk->from = from != NULL ? xstrdup(from) : NULL;
    walk->below = below != NULL ? xstrdup(below) : NULL;
    walk->cursor = xstrdup("initial");
    walk->size = CLOUDSEARCH_PAGE_MOST;
    walk->found = -1;
    if (from != NULL || below != NULL) {
        text_add(&filter, from != NULL ? "_id:[" : "_id:{");
        if (from != NULL)
            add_quoted(&filter, from);
        text_add(&filter, ",");
        if (below != NULL)
            add_quoted(&filter, below);
        text_add(&filter, "}");
        walk->filter = text_take(&filter);
    }
    return walk;
}

void cloudsearch_walk_free(struct cloudsearch_walk *walk) {
    if (walk == NULL)
        return;
    free(walk->from);
    free(walk->below);
    free(walk->filter);
    free(walk->cursor);
    free(walk->last);
    text_free(&walk->form);
    cloudsearch_hits_free(&walk->hits);
    strings_free(&walk->ids);
    free(walk);
}

static void write_page(struct cloudsearch_walk *walk, struct cloudsearch_exchange *exchange) {
    char size[16];
    snprintf(size, sizeof size, "%d", walk->size);
    const struct cloudsearch_parameter parameters[] = {
        {"q", "matchall"}, {"q.parser", "structured"}, {"return", "_no_fields"}, {"sort", "_id asc"},
        {"size", size},    {"cursor", walk->cursor},   {"fq", walk->filter},
    };
    text_clear(&walk->form);
    add_parameters(&walk->form, parameters, LENGTH_OF(parameters) - (walk->filter != NULL ? 0 : 1));
    exchange->body = text_string(&walk->form);
    exchange->length = walk->form.length;
}

/* A page that was too much for the service is asked for in half its size. */
static void again(void *context, struct cloudsearch_exchange *exchange) {
    struct cloudsearch_walk *walk = context;
    walk->size = walk->size / 2 < SMALLEST_PAGE ? SMALLEST_PAGE : walk->size / 2;
    write_page(walk, exchange);
}

static void judge_page(void *context, const struct http_answer *answer, int64_t now,
                       struct cloudsearch_judgement *judgement) {
    struct cloudsearch_walk *walk = context;
    judge_search(answer, now, &walk->hits, judgement);
    if (judgement->verdict == CLOUDSEARCH_DONE && walk->hits.count > 0 && walk->hits.cursor == NULL)
        cloudsearch_judge_unclear(answer, "has no cursor", judgement);
}

/* NULL, or what is wrong with this id coming now. strcmp() is the order of code points too, which is the service's. */
static const char *check_id(const struct cloudsearch_walk *walk, const char *id) {
    if (*id == '\0' || strlen(id) > CLOUDSEARCH_ID_MOST)
        return "is no document's id";
    if (walk->last != NULL && strcmp(id, walk->last) <= 0)
        return strcmp(id, walk->last) == 0 ? "came twice" : "came out of order";
    if ((walk->from != NULL && strcmp(id, walk->from) < 0) || (walk->below != NULL && strcmp(id, walk->below) >= 0))
        return "lies outside of what was asked for";
    return NULL;
}

static int take_page(struct cloudsearch_walk *walk) {
    for (size_t i = 0; i < walk->hits.count; i++) {
        const char *id = walk->hits.hits[i].id;
        const char *wrong = check_id(walk, id);
        if (wrong != NULL)
            return fail(EXIT_UNAVAILABLE, "cannot walk the documents of \"%s\": the id \"%s\" %s",
                        walk->cloudsearch->search_url, id, wrong);
        strings_add(&walk->ids, id);
        free(walk->last);
        walk->last = xstrdup(id);
    }
    if (walk->found < 0)
        walk->found = walk->hits.found;
    walk->seen += (int64_t)walk->hits.count;
    walk->ended = walk->hits.count == 0;
    if (!walk->ended) {
        free(walk->cursor);
        walk->cursor = walk->hits.cursor;
        walk->hits.cursor = NULL;
    }
    return 0;
}

int cloudsearch_walk_next(struct cloudsearch_walk *walk, const struct strings **ids) {
    strings_free(&walk->ids);
    *ids = &walk->ids;
    int status = check_endpoint(walk->cloudsearch);
    if (status != 0 || walk->ended)
        return status;
    struct cloudsearch_exchange exchange = search_exchange(walk->cloudsearch, &walk->form);
    exchange.answer_limit = CLOUDSEARCH_IDS_LIMIT;
    exchange.judge = judge_page;
    exchange.again = again;
    exchange.context = walk;
    write_page(walk, &exchange);
    status = cloudsearch_exchange(walk->cloudsearch, &exchange);
    if (status == 0)
        status = take_page(walk);
    cloudsearch_hits_free(&walk->hits);
    return status;
}

int64_t cloudsearch_walk_found(const struct cloudsearch_walk *walk) {
    return walk->found;
}

int64_t cloudsearch_walk_seen(const struct cloudsearch_walk *walk) {
    return walk->seen;
}
