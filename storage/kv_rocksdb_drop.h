/* kv_rocksdb_drop.h - the compaction filter for old entries; only kv_rocksdb.c includes it. */
#ifndef BEHALF_STORAGE_KV_ROCKSDB_DROP_H
#define BEHALF_STORAGE_KV_ROCKSDB_DROP_H

#include <rocksdb/c.h>
#include <stdatomic.h>
#include <stdint.h>

/* A rule for one keyspace: entries whose keys end in a number that is not above `horizon` may be
 * dropped. It must outlive the database, since compactions run until that is closed. */
struct drop_rule {
    _Atomic uint64_t horizon;
    rocksdb_compactionfilter_t *filter; /* NULL for a keyspace without a rule */
};

/* Creates the filter; the holder destroys it. Compactions call it on any thread. */
void drop_rule_begin(struct drop_rule *rule);

#endif
