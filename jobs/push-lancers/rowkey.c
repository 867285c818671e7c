/* Order-preserving keys. First byte of an integer: 0x80 + n for n bytes of a value >= 0, 0x7F - n for n bytes of the complement of one below. */
#include <string.h>

#include "rowkey.h"

enum { ZERO = 0x80, MINUS_ONE = 0x7F, INTEGER_BYTES = 8 };

static const char *read_integer(const char *value, size_t length, bool *negative, unsigned long long *magnitude) {
    static const char not_whole[] = "is not a whole number";
    unsigned long long number = 0;
    size_t at = length > 0 && (value[0] == '-' || value[0] == '+');
    if (at == length)
        return not_whole;
    for (size_t i = at; i < length; i++) {
        if (value[i] < '0' || value[i] > '9')
            return not_whole;
        if (__builtin_mul_overflow(number, 10ULL, &number) ||
            __builtin_add_overflow(number, (unsigned long long)(value[i] - '0'), &number))
            return "is too large";
    }
    *negative = value[0] == '-' && number > 0;
    if (*negative && number > 1ULL << 63)
        return "is too large";
    /* -1 becomes 0, so that the complement of the magnitude sorts upwards. */
    *magnitude = *negative ? number - 1 : number;
    return NULL;
}

static const char *set_integer(struct rowkey *key, const char *value, size_t length) {
    bool negative = false;
    unsigned long long magnitude = 0;
    const char *reason = read_integer(value, length, &negative, &magnitude);
    if (reason != NULL)
        return reason;
    size_t count = 0;
    for (unsigned long long rest = magnitude; rest > 0; rest >>= 8)
        count++;
    key->length = count + 1;
    key->bytes[0] = (unsigned char)(negative ? MINUS_ONE - count : ZERO + count);
    for (size_t i = count; i > 0; i--, magnitude >>= 8)
        key->bytes[i] = (unsigned char)((negative ? ~magnitude : magnitude) & 0xFF);
    return NULL;
}

const char *rowkey_set(struct rowkey *key, enum rowkey_kind kind, const char *value, size_t length) {
    if (value == NULL)
        return "is NULL";
    if (kind == ROWKEY_INTEGER)
        return set_integer(key, value, length);
    if (length > ROWKEY_LIMIT)
        return "is too long";
    memcpy(key->bytes, value, length);
    key->length = length;
    return NULL;
}

int rowkey_compare(const void *a, size_t a_length, const void *b, size_t b_length) {
    int order = memcmp(a, b, a_length < b_length ? a_length : b_length);
    return order != 0 ? order : (a_length > b_length) - (a_length < b_length);
}

static bool add_integer(struct text *text, const unsigned char *bytes, size_t length) {
    if (length == 0)
        return false;
    bool negative = bytes[0] <= MINUS_ONE;
    size_t count = negative ? (size_t)(MINUS_ONE - bytes[0]) : (size_t)(bytes[0] - ZERO);
    unsigned long long magnitude = 0;
    if (count > INTEGER_BYTES || count + 1 != length)
        return false;
    for (size_t i = 1; i <= count; i++)
        magnitude = magnitude << 8 | (negative ? (unsigned)~bytes[i] & 0xFFU : bytes[i]);
    /* Two spellings of one number would be two keys. */
    bool shorter = count > 0 && magnitude >> (8 * (count - 1)) == 0;
    if (shorter || (negative && magnitude >= 1ULL << 63))
        return false;
    char digits[24];
    char *at = digits + sizeof digits;
    magnitude += negative;
    do
        *--at = (char)('0' + magnitude % 10);
    while ((magnitude /= 10) > 0);
    if (negative)
        *--at = '-';
    text_append(text, at, (size_t)(digits + sizeof digits - at));
    return true;
}

bool rowkey_add(struct text *text, enum rowkey_kind kind, const void *key, size_t length) {
    if (kind == ROWKEY_INTEGER)
        return add_integer(text, key, length);
    text_append(text, key, length);
    return true;
}
