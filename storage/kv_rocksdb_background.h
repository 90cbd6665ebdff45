/* kv_rocksdb_background.h - background work of RocksDB; seen by kv_rocksdb*.c only.
 * Always true: one thread runs the requested compactions, lowest keyspace first; requests for one
 * keyspace are merged into one range. This work runs at lower priority than checks.
 * Threads: compactor_ask and compactor_pending on any thread, the others on the thread that opens
 * and closes. */
#ifndef BEHALF_STORAGE_KV_ROCKSDB_BACKGROUND_H
#define BEHALF_STORAGE_KV_ROCKSDB_BACKGROUND_H

#include <pthread.h>
#include <rocksdb/c.h>

#include "storage/kv.h"

/* A range of a keyspace that is to be rewritten. */
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
/* When the thread cannot be started, nothing is compacted and requests stay pending. */
void compactor_start(struct compactor *compactor, rocksdb_t *database,
                     rocksdb_column_family_handle_t **families);
/* Aborts the running compaction. Before the database is closed; also after compactor_init alone. */
void compactor_stop(struct compactor *compactor);

/* As kv_compact. */
void compactor_ask(struct compactor *compactor, enum kv_keyspace keyspace, struct slice from,
                   struct slice to, uint64_t bytes_max);
/* Bit k: a request for keyspace k is not done. */
uint32_t compactor_pending(struct compactor *compactor);

/* Starts the threads that all databases of the process share, at lower priority. If that fails, the
 * first database starts them, at normal priority. */
void rocksdb_threads_start(void);

#endif
