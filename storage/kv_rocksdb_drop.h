/* kv_rocksdb_drop.h - what RocksDB drops while it rewrites files; only kv_rocksdb.c includes it. */
#ifndef BEHALF_STORAGE_KV_ROCKSDB_DROP_H
#define BEHALF_STORAGE_KV_ROCKSDB_DROP_H

#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdint.h>

/* What a compaction may drop: entries whose last eight bytes are not above `horizon`. Outlives the
 * database, since compactions run until it is closed. */
struct drop_rule {
    _Atomic uint64_t horizon;
    rocksdb_compactionfilter_t *filter; /* NULL until a rule is needed */
};

/* Makes the filter; the holder destroys it. It asks the rule on any thread. */
void drop_rule_begin(struct drop_rule *rule);

#endif
