/* From a row to the operation that adds it to a CloudSearch domain, written straight into a buffer. Pure code.
 *
 * A column's name is the name of its field and its kind gives the field's type; rules of the settings change that, one per field:
 *
 *     skip                                     the column is not sent
 *     TYPE                                     int, double, date, latlon, literal, text
 *     TYPE-array split SEPARATOR               of int, double, date, literal, text; space, tab, comma or newline, or any characters
 *     date zone Asia/Tokyo                     local times of that zone; dates are sent as UTC
 *     literal empty keep, literal empty omit   what becomes of an empty string (also text); of other types it is always left out
 *
 * The column that names the document is sent as a field only if it has a rule.
 *
 * Every value goes out as a JSON string, which the published schema of batches asks for and which keeps 64-bit integers exact; NULL, an empty
 * array and a date of zeros are left out. Limits: Amazon CloudSearch Developer Guide, "Preparing Your Data" and "Limits". */
#ifndef PUSH_LANCERS_DOCUMENT_H
#define PUSH_LANCERS_DOCUMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nightshift/base/text.h"
#include "nightshift/stores/mysql.h"
#include "operation.h"
#include "rowkey.h"

enum {
    DOCUMENT_ID_LIMIT = 128,
    DOCUMENT_FIELDS = 200,
    DOCUMENT_VALUES = 1000,       /* in one array */
    DOCUMENT_LITERAL = 4096,      /* code points */
    DOCUMENT_BYTES = 1024 * 1024, /* "1 MB", which for batches is known to mean MiB; counted on the whole operation */
};

/* Characters above U+FFFF: the guide's prose allows them, its regular expression does not. */
enum document_wide { DOCUMENT_KEEP_WIDE, DOCUMENT_DROP_WIDE, DOCUMENT_REPLACE_WIDE };

struct document_rules {
    const char *origin;      /* of the settings, for messages: "[push-lancers]" */
    const char *document_id; /* "lancer_{id}": exactly one {COLUMN}, which is the key that the query is sorted by */
    bool any_id;             /* ids of letters, digits and _-=#;:/?@& instead of [a-z0-9][a-z0-9_]* */
    bool omit_empty;         /* leave empty strings out of text and literal fields too */
    enum document_wide wide;
    const char *zone; /* of dates without a rule; NULL: UTC */
    size_t max_bytes; /* 0: DOCUMENT_BYTES */
};

struct document_column {
    const char *name;
    enum column_kind kind;
    bool utc; /* a TIMESTAMP, which the session's zone (UTC) has made UTC already */
};

struct document_override {
    const char *field;
    const char *rule;
};

/* What had to be changed, summed over all documents. */
struct document_counts {
    int64_t removed;    /* characters that are not in XML 1.0, and bytes that are not UTF-8 */
    int64_t wide;       /* characters dropped or replaced by the rule for wide ones */
    int64_t zero_dates; /* left out */
};

/* Why a row cannot be a document. Both point to strings of the plan or of the program. */
struct document_fault {
    const char *field;
    const char *reason; /* "is longer than 4096 characters" */
};

struct document_plan;

/* Checks everything that does not depend on rows, and logs all that is wrong: EXIT_SETTINGS. Reads zones: call before threads start. */
int document_plan_make(const struct document_rules *rules, const struct document_column *columns, size_t count,
                       const struct document_override *overrides, size_t override_count, struct document_plan **out);
void document_plan_free(struct document_plan *plan); /* NULL is allowed */

size_t document_key_column(const struct document_plan *plan);
enum rowkey_kind document_key_kind(const struct document_plan *plan);

/* The fields of the plan's documents, sorted by name. The type is written as in a rule: "date", "literal-array". */
size_t document_field_count(const struct document_plan *plan);
const char *document_field_name(const struct document_plan *plan, size_t field);
const char *document_field_type(const struct document_plan *plan, size_t field);

/* Whose manifest it is: domain, form of the ids, form of the operations. Not the mapping of fields: when that changes, so do the hashes of
 * the documents that it concerns, and only they are sent again. */
struct hash document_fingerprint(const struct document_plan *plan, const char *endpoint);

/* Appends {"type":"add","id":...,"fields":{...}}, with the fields sorted by name so that the order of columns changes nothing. `row` has the
 * plan's columns. False, with nothing appended, if the row cannot be a document. */
bool document_add(const struct document_plan *plan, const struct field *row, struct text *out,
                  struct document_counts *counts, struct document_fault *fault);

/* The document id of a key; NULL or why there is none. */
const char *document_id(const struct document_plan *plan, const void *key, size_t length, struct text *id);

/* The way back, for ids that the domain lists. False for an id that this plan does not make. */
bool document_id_key(const struct document_plan *plan, const char *id, size_t length, struct rowkey *key);

/* Appends {"type":"delete","id":...}. False for a key that names no document. */
bool document_delete(const struct document_plan *plan, const void *key, size_t length, struct text *out);

struct hash document_hash(const char *operation, size_t length);

#endif
