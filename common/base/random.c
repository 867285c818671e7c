/* Random identifiers, straight from getrandom(2). */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "nightshift/base/random.h"

static void fill(unsigned char *bytes, size_t length) {
    /* Up to 256 bytes are never cut short once the kernel's pool is ready (getrandom(2)). */
    while (getrandom(bytes, length, 0) != (ssize_t)length)
        if (errno != EINTR)
            abort();
}

void random_uuid7(char out[UUID_LENGTH + 1], int64_t now) {
    unsigned char b[16];
    fill(b, sizeof b);
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)((uint64_t)now >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | (b[6] & 0x0F));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3F));
    snprintf(out, UUID_LENGTH + 1, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1],
             b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

int64_t random_uuid7_time(const char *id) {
    static const char digits[] = "0123456789abcdef";
    int64_t time = 0;
    if (strlen(id) != UUID_LENGTH || id[8] != '-' || id[14] != '7')
        return -1;
    for (int i = 0; i < 13; i++) {
        const char *digit = strchr(digits, id[i]);
        if (i == 8)
            continue;
        if (digit == NULL)
            return -1;
        time = time * 16 + (digit - digits);
    }
    return time;
}

void random_token(char out[TOKEN_LENGTH + 1]) {
    unsigned char b[TOKEN_LENGTH / 2];
    fill(b, sizeof b);
    for (size_t i = 0; i < sizeof b; i++)
        snprintf(out + 2 * i, 3, "%02x", b[i]);
}
