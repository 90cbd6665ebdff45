/* kv_adapter.h - the operations that an adapter of kv.h implements; seen by adapters and kv.c only.
 * Always true: the first member of an adapter's own handle is the struct below, so kv.c can
 * dispatch and the adapter can cast back to its own type.
 * Threads, memory, errors: those of kv.h; dispatch adds nothing. */
#ifndef BEHALF_STORAGE_KV_ADAPTER_H
#define BEHALF_STORAGE_KV_ADAPTER_H

#include "storage/kv.h"

struct kv_operations {
    void (*close)(struct kv *kv);
    void (*drop_hint)(struct kv *kv, enum kv_keyspace keyspace, uint64_t horizon);
    void (*compact)(struct kv *kv, enum kv_keyspace keyspace, struct slice from, struct slice to,
                    uint64_t bytes_max);
    bool (*is_complete)(const struct kv *kv);
    enum status (*complete)(struct kv *kv, struct error *error);
    enum status (*snapshot_open)(struct kv *kv, struct kv_snapshot **snapshot, struct error *error);
    void (*snapshot_close)(struct kv_snapshot *snapshot);
    enum status (*get)(struct kv *kv, const struct kv_snapshot *snapshot, enum kv_keyspace keyspace,
                       struct slice key, struct buffer *value, bool *found, struct error *error);
    enum status (*get_batch)(struct kv *kv, const struct kv_snapshot *snapshot,
                             enum kv_keyspace keyspace, const struct slice *keys, size_t count,
                             struct kv_found *found, struct arena *arena, struct error *error);
    enum status (*scan_open)(struct kv *kv, const struct kv_snapshot *snapshot,
                             const struct kv_range *range, struct kv_scan **scan,
                             struct error *error);
    enum status (*scan_next)(struct kv_scan *scan, struct slice *key, struct slice *value,
                             struct error *error);
    void (*scan_seek)(struct kv_scan *scan, struct slice from);
    void (*scan_close)(struct kv_scan *scan);
    enum status (*write)(struct kv *kv, const struct kv_change *changes, size_t count, bool durable,
                         struct error *error);
    enum status (*sync)(struct kv *kv, struct error *error);
    void (*settle)(struct kv *kv);
    enum status (*bulk_load)(struct kv *kv, enum kv_keyspace keyspace,
                             const struct kv_change *changes, size_t count, struct error *error);
    void (*stats_read)(struct kv *kv, struct kv_stats *stats);
    void (*figures_read)(struct kv *kv, struct store_figures *figures); /* NULL = it has none */
    enum status (*checkpoint)(struct kv *kv, const char *path, struct error *error);
};

struct kv {
    const struct kv_operations *operations;
};

struct kv_snapshot {
    struct kv *kv;
};

struct kv_scan {
    struct kv *kv;
};

/* Classifies an error of RocksDB, whose C interface gives text only. *why (borrowed from the text,
 * or static) is the part to show. The words searched for are those of RocksDB 7.8 and of the
 * kernel. */
enum status kv_rocksdb_classify(const char *text, const char **why);

#endif
