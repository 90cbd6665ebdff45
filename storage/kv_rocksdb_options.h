/* kv_rocksdb_options.h - the settings of RocksDB; seen by kv_rocksdb*.c only.
 * docs/storage-format.md, "Settings of RocksDB", says why each has its value. */
#ifndef BEHALF_STORAGE_KV_ROCKSDB_OPTIONS_H
#define BEHALF_STORAGE_KV_ROCKSDB_OPTIONS_H

#include <rocksdb/c.h>

#include "storage/kv.h"

#define MEGABYTE ((size_t)1024 * 1024)

/* Bounds the log that a restart after a crash must replay: measured at 20 MB a CPU second, sorted
 * files included, so 0.8 s. During a bulk load the log can be twice as long, since it grows while
 * it is flushed. */
#define WAL_SIZE_MAX (16 * MEGABYTE)
#define MEMTABLES_SIZE_MAX (128 * MEGABYTE)

void database_options_set(rocksdb_options_t *options, const struct kv_options *wanted);
/* `family` is a keyspace, or KV_KEYSPACE_COUNT for the unused family; all share the memtables'
 * bytes. */
void family_options_set(rocksdb_options_t *options, rocksdb_cache_t *cache, size_t memtables,
                        size_t family);

#endif
