/* figures.h - what the engine under the store says of itself, for metrics.
 * Always true: a figure that an adapter does not have is 0. They are estimates where RocksDB gives
 * estimates, and reading them costs no I/O. */
#ifndef BEHALF_STORAGE_FIGURES_H
#define BEHALF_STORAGE_FIGURES_H

#include <stdbool.h>
#include <stdint.h>

struct store_figures {
    uint64_t memtable_bytes;      /* of all keyspaces, flushed or not */
    uint64_t immutable_memtables; /* that wait for a flush */
    uint64_t cache_bytes;         /* of blocks read, */
    uint64_t cache_pinned_bytes;  /* of these in use, */
    uint64_t cache_capacity;      /* and what they may take */
    uint64_t table_reader_bytes;  /* indexes and filters outside the cache */
    uint64_t level0_files;
    uint64_t pending_compaction_bytes;
    uint64_t running_compactions;
    uint64_t running_flushes;
    uint64_t background_errors;   /* since the store was opened */
    uint64_t delayed_write_bytes; /* a second, that writes are slowed to; 0 = they are not */
    bool writes_stopped;          /* until compactions catch up */
};

#endif
