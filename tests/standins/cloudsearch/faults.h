/* Faults to order: what shall go wrong with which request to come. Given as a JSON list, by POST /_faults or in a file; each fault is
 *
 *   service       "document" (default), "search", "suggest", "configuration" or "any"
 *   skip, times   lets so many requests of the service pass first (0); holds for so many (1)
 *   status        answers this status instead. The request is not carried out, unless
 *   apply         is true
 *   body          "json" (default), "xml", "html" or "empty"; or "text", which is sent as it is, with "type" as its content type
 *   message, code for the bodies that have them
 *   headers       an object of headers to add
 *   delay_before  waits so many milliseconds before the request is carried out
 *   delay         and so many before the answer
 *   cut           "before": closes the connection without carrying out the request; "after": carries it out and closes without an answer
 *   cut_at        closes after so many bytes of the answer's body, though its length is announced */
#ifndef CLOUDSEARCH_FAULTS_H
#define CLOUDSEARCH_FAULTS_H

#include <jansson.h>

#include "access.h"
#include "exchange.h"

struct faults;

struct faults *faults_new(void);
void faults_free(struct faults *faults);

/* Replaces the list; NULL or what is wrong (a literal). Borrows `list`. */
const char *faults_set(struct faults *faults, json_t *list);

/* The faults that are still to come, as a new reference. */
json_t *faults_pending(struct faults *faults);

/* The fault for this request, counted down, as a new reference; NULL: none. May be called by several threads. */
json_t *faults_take(struct faults *faults, enum service service);

bool faults_apply_request(const json_t *fault); /* whether the request is carried out; fault may be NULL */
void faults_change_reply(const json_t *fault, enum service service, struct reply *reply);
int64_t faults_delay(const json_t *fault, const char *name);

#endif
