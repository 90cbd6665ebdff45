/* kv_rocksdb_background.h - work of RocksDB that nobody waits for; seen by kv_rocksdb*.c only.
 * Always true: one thread takes the compactions that were asked for, lowest keyspace first; those
 * of one keyspace are one range that covers all of them. What runs here gives way to checks.
 * Threads: compactor_ask and compactor_pending from any thread, the others from the one that opens
 * and closes. */
#ifndef BEHALF_STORAGE_KV_ROCKSDB_BACKGROUND_H
#define BEHALF_STORAGE_KV_ROCKSDB_BACKGROUND_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "storage/kv.h"

/* A part of a keyspace that is to be rewritten. */
struct compaction {
    bool wanted;
    struct buffer from;
    struct buffer to; /* empty = no end */
    uint64_t bytes_max;
};

struct compactor {
    rocksdb_t *database;
    rocksdb_column_family_handle_t **families;
    pthread_mutex_t lock; /* guards the four below */
    pthread_cond_t wake;
    struct compaction compactions[KV_KEYSPACE_COUNT];
    size_t compacting; /* the keyspace; KV_KEYSPACE_COUNT = none */
    bool closing;
    pthread_t thread;
    bool running;
};

void compactor_init(struct compactor *compactor);
/* Without a thread nothing is compacted, and what is asked for stays asked for. */
void compactor_start(struct compactor *compactor, rocksdb_t *database,
                     rocksdb_column_family_handle_t **families);
/* Breaks off what is under way; before the database is closed. Also after compactor_init alone. */
void compactor_stop(struct compactor *compactor);

/* As kv_compact. */
void compactor_ask(struct compactor *compactor, enum kv_keyspace keyspace, struct slice from,
                   struct slice to, uint64_t bytes_max);
/* Bit k: something asked for of keyspace k is not done. */
uint32_t compactor_pending(struct compactor *compactor);

/* Starts the threads that all databases of the process share, at lower priority. Where that does
 * not work the first database starts them. */
void rocksdb_threads_start(void);

#endif
