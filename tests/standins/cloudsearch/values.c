/* The rules of single values. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nightshift/base/parse.h"
#include "nightshift/base/utf8.h"
#include "values.h"

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

const char *values_check_id(const char *id) {
    size_t length = strlen(id);
    if (length == 0)
        return "\"id\" must not be empty";
    for (size_t i = 0; i < length; i++)
        if (!is_letter(id[i]) && !is_digit(id[i]) && strchr("_-=#;:/?@&", id[i]) == NULL)
            return "\"id\" contains an invalid character: allowed are letters, digits and _ - = # ; : / ? @ &";
    return length > ID_LIMIT ? "\"id\" must be less than 128 characters" : NULL;
}

bool values_is_field_name(const char *name) {
    size_t length = strlen(name);
    if (length == 0 || length > FIELD_NAME_LIMIT || name[0] < 'a' || name[0] > 'z' || strcmp(name, "score") == 0)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!(name[i] >= 'a' && name[i] <= 'z') && !is_digit(name[i]) && name[i] != '_')
            return false;
    return true;
}

/* Char of XML 1.0, section 2.2. */
static bool is_xml_character(unsigned code) {
    return code == 0x9 || code == 0xA || code == 0xD || (code >= 0x20 && code <= 0xD7FF) ||
           (code >= 0xE000 && code <= 0xFFFD) || (code >= 0x10000 && code <= 0x10FFFF);
}

bool values_bad_character(const char *string, size_t length, bool bmp_only, unsigned *code) {
    for (size_t at = 0; at < length;) {
        size_t bytes = utf8_decode(string + at, length - at, code);
        if (bytes == 0)
            return true;
        if (!is_xml_character(*code) || (bmp_only && *code > 0xFFFF))
            return true;
        at += bytes;
    }
    return false;
}

size_t values_count_characters(const char *string) {
    size_t count = 0;
    for (; *string != '\0'; string++)
        if (((unsigned char)*string & 0xC0U) != 0x80U)
            count++;
    return count;
}

bool values_int(const char *string, int64_t *out) {
    const char *digits = string + (*string == '-' ? 1 : 0);
    return is_digit(*digits) && parse_integer(string, out) == NULL;
}

bool values_double(const char *string, double *out) {
    char *end = NULL;
    if (*string == '\0' || strspn(string, "+-.0123456789eE") != strlen(string))
        return false;
    *out = strtod(string, &end);
    return end != string && *end == '\0' && isfinite(*out);
}

/* So many digits at *string as a number, and moves on; -1 if there are fewer. */
static int take_digits(const char **string, int count) {
    int value = 0;
    for (int i = 0; i < count; i++, (*string)++) {
        if (!is_digit(**string))
            return -1;
        value = value * 10 + (**string - '0');
    }
    return value;
}

static int days_in_month(int year, int month) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap ? 1 : 0);
}

bool values_date(const char *string, char out[DATE_SIZE]) {
    static const int widths[] = {4, 2, 2, 2, 2, 2};
    static const char ends[] = "--T::";
    static const char zeros[] = "000";
    const char *start = string;
    int parts[LENGTH_OF(widths)];
    for (size_t i = 0; i < LENGTH_OF(widths); i++) {
        parts[i] = take_digits(&string, widths[i]);
        if (parts[i] < 0 || (i + 1 < LENGTH_OF(widths) && *string++ != ends[i]))
            return false;
    }
    size_t whole = (size_t)(string - start);
    size_t digits = *string == '.' ? strspn(string + 1, "0123456789") : 0;
    if (*string == '.' && (digits < 1 || digits > 3))
        return false;
    if (strcmp(string + digits + (*string == '.' ? 1 : 0), "Z") != 0 || parts[1] < 1 || parts[1] > 12 || parts[2] < 1 ||
        parts[2] > days_in_month(parts[0], parts[1]) || parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
        return false;
    memcpy(out, start, whole);
    out[whole] = '.';
    memcpy(out + whole + 1, string + 1, digits);
    memcpy(out + whole + 1 + digits, zeros, 3 - digits);
    out[whole + 4] = 'Z';
    out[whole + 5] = '\0';
    return true;
}

bool values_latlon(const char *string, double *latitude, double *longitude) {
    const char *comma = strchr(string, ',');
    if (comma == NULL)
        return false;
    char *first = xstrndup(string, (size_t)(comma - string));
    bool good = values_double(first, latitude) && values_double(comma + 1 + strspn(comma + 1, " "), longitude) &&
                fabs(*latitude) <= 90 && fabs(*longitude) <= 180;
    free(first);
    return good;
}
