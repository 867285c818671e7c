/* Names for runs and tokens for leases. */
#ifndef NIGHTSHIFT_BASE_RANDOM_H
#define NIGHTSHIFT_BASE_RANDOM_H

#include <stddef.h>
#include <stdint.h>

enum { UUID_LENGTH = 36, TOKEN_LENGTH = 32 };

/* A version 7 UUID (RFC 9562): sorts by time, so that run ids are in the order of the runs. */
void random_uuid7(char out[UUID_LENGTH + 1], int64_t now);

/* When a version 7 UUID was made, in milliseconds since 1970; -1 if it is none. */
int64_t random_uuid7_time(const char *id);

/* 16 random bytes from the kernel, as hexadecimal digits. */
void random_token(char out[TOKEN_LENGTH + 1]);

#endif
