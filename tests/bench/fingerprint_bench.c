/* How fast fingerprints are made, and what they are.
 *
 *   fingerprint_bench CORPUS [SECONDS]   fingerprints of all queries of the corpus, again and again, in processor time:
 *                                            fingerprints/s fingerprints-with-id/s queries megabytes/s
 *   fingerprint_bench --print            reads queries, each as a 4-byte little-endian length and its bytes, and writes
 *                                        the fingerprints likewise; for comparing with a rival
 *
 * The corpus is the golden file of the unit test: the query is the first column, with \xNN and \\ for what is not
 * plain. */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nightshift/base/memory.h"
#include "nightshift/sql/fingerprint.h"

enum { QUERIES_MAX = 4096, LINE_MAX_BYTES = 1 << 20 };

struct query {
    char *bytes;
    size_t length;
};

static double processor_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static size_t unescape(char *text) {
    char *to = text;
    for (const char *at = text; *at != '\0'; at++) {
        if (at[0] == '\\' && at[1] == 'x') {
            const char digits[3] = {at[2], at[3], '\0'};
            *to++ = (char)strtol(digits, NULL, 16);
            at += 3;
        } else if (at[0] == '\\')
            *to++ = *++at;
        else
            *to++ = *at;
    }
    return (size_t)(to - text);
}

static size_t read_corpus(const char *path, struct query *queries, size_t *longest) {
    FILE *file = fopen(path, "rb");
    char *line = xmalloc(LINE_MAX_BYTES);
    size_t count = 0;
    while (file != NULL && count < QUERIES_MAX && fgets(line, LINE_MAX_BYTES, file) != NULL) {
        if (line[0] == '#')
            continue;
        line[strcspn(line, "\t\n")] = '\0';
        size_t length = unescape(line);
        queries[count] = (struct query){.bytes = xmalloc(length + 1), .length = length};
        memcpy(queries[count++].bytes, line, length);
        if (length > *longest)
            *longest = length;
    }
    free(line);
    if (file != NULL)
        fclose(file);
    return count;
}

/* Rounds over the corpus until the time is up; returns queries per second. */
static double measure(const struct query *queries, size_t count, size_t longest, double seconds, bool ids) {
    char *out = xmalloc(FINGERPRINT_SIZE(longest));
    char id[FINGERPRINT_ID_SIZE];
    size_t done = 0, sum = 0;
    double began = processor_seconds(), now = began;
    while (now - began < seconds) {
        for (size_t i = 0; i < count; i++) {
            size_t length = fingerprint_make(queries[i].bytes, queries[i].length, out, FINGERPRINT_SIZE(longest));
            sum += length;
            if (ids) {
                fingerprint_id(out, length, id);
                sum += (unsigned char)id[0];
            }
        }
        done += count;
        now = processor_seconds();
    }
    free(out);
    return sum > 0 ? (double)done / (now - began) : 0;
}

static int print_fingerprints(void) {
    uint32_t length = 0;
    while (fread(&length, sizeof length, 1, stdin) == 1) {
        char *query = xmalloc(length + 1), *out = xmalloc(FINGERPRINT_SIZE(length));
        if (fread(query, 1, length, stdin) != length)
            return 1;
        length = (uint32_t)fingerprint_make(query, length, out, FINGERPRINT_SIZE(length));
        fwrite(&length, sizeof length, 1, stdout);
        fwrite(out, 1, length, stdout);
        free(query);
        free(out);
    }
    return 0;
}

int main(int count, char **arguments) {
    if (count == 2 && strcmp(arguments[1], "--print") == 0)
        return print_fingerprints();
    if (count < 2) {
        fprintf(stderr, "usage: fingerprint_bench CORPUS [SECONDS] | --print\n");
        return 64;
    }
    static struct query queries[QUERIES_MAX];
    size_t longest = 0, bytes = 0, read = read_corpus(arguments[1], queries, &longest);
    double seconds = count > 2 ? strtod(arguments[2], NULL) : 1;
    if (read == 0) {
        fprintf(stderr, "cannot read queries from \"%s\"\n", arguments[1]);
        return 1;
    }
    for (size_t i = 0; i < read; i++)
        bytes += queries[i].length;
    double plain = measure(queries, read, longest, seconds, false);
    double with_id = measure(queries, read, longest, seconds, true);
    printf("%.0f %.0f %zu %.1f\n", plain, with_id, read, plain * (double)bytes / (double)read / 1e6);
    for (size_t i = 0; i < read; i++)
        free(queries[i].bytes);
    return 0;
}
