/* Brings any number of keys of rows into their order, in constant memory: the domain lists ids in the order of their strings, manifests are in
 * that of the keys (lancer_10 comes before lancer_9 in the one, after it in the other).
 *
 * Chunks are sorted in memory and written as runs, which are then merged. A run is a spool (spool.h): nameless, checked when read, gone with
 * the process however that ends. That is why this is not left to sort(1): its temporary files would stay behind with every power cut and
 * every kill of a whole group of processes, and the code that starts it, feeds it and watches it is longer than this. */
#ifndef PUSH_LANCERS_ID_SORT_H
#define PUSH_LANCERS_ID_SORT_H

#include <stddef.h>

/* Ten million integers make six runs, ten million keys of 100 bytes about sixty. */
enum { ID_SORT_MEMORY = 16 * 1024 * 1024 };

struct id_sort;

/* `directory`: on disk, for what does not fit into `memory` bytes (ID_SORT_MEMORY; tests take less, but at least 1024). */
struct id_sort *id_sort_new(const char *directory, size_t memory);
void id_sort_free(struct id_sort *sort); /* NULL is allowed */

/* A key of at most ROWKEY_STORED bytes. EXIT_CANNOT_WRITE; EXIT_BUG for a longer one. */
int id_sort_add(struct id_sort *sort, const void *key, size_t length);

/* From adding to reading. EXIT_CANNOT_WRITE, EXIT_SYSTEM. */
int id_sort_start(struct id_sort *sort);

/* The next key, valid until the next call; *key is NULL after the last one. Equal keys come one after the other. EXIT_SYSTEM when the disk
 * does not give back what was written. */
int id_sort_next(struct id_sort *sort, const unsigned char **key, size_t *length);

#endif
