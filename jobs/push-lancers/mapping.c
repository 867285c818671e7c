/* The domain judges values and not types: a whole number is as good for a double field, and everything is a string for a text field. */
#include "mapping.h"

static enum mapping_fit judge_types(enum cloudsearch_type ours, enum cloudsearch_type theirs) {
    if (ours == theirs || theirs == CLOUDSEARCH_TEXT)
        return MAPPING_FITS;
    if (theirs == CLOUDSEARCH_LITERAL)
        return ours == CLOUDSEARCH_TEXT ? MAPPING_MOSTLY : MAPPING_FITS;
    return ours == CLOUDSEARCH_INT && theirs == CLOUDSEARCH_DOUBLE ? MAPPING_FITS : MAPPING_WRONG;
}

enum mapping_fit mapping_judge(const struct document_plan *plan, size_t field, const struct cloudsearch_fields *fields,
                               const struct cloudsearch_field **found) {
    enum cloudsearch_type type = CLOUDSEARCH_TEXT;
    bool array = false;
    *found = cloudsearch_find_field(fields, document_field_name(plan, field));
    if (*found == NULL)
        return MAPPING_MISSING;
    if (!cloudsearch_parse_type(document_field_type(plan, field), &type, &array) || (array && !(*found)->array))
        return MAPPING_WRONG;
    return judge_types(type, (*found)->type);
}
