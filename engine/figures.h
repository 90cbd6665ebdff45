/* figures.h - CONTRACT: what the engine counts, for metrics.
 *
 * Always true: reading costs neither a walk of the graph nor one of the store. Counters never
 * decrease while the engine is open; two of them are not read at the same moment.
 * Threads: engine_figures_read one that may wait for storage; engine_alive_ns any. */
#ifndef BEHALF_ENGINE_FIGURES_H
#define BEHALF_ENGINE_FIGURES_H

#include "base/metric.h"
#include "engine/engine.h"

/* Of the workers of one kind. */
struct engine_worker_figures {
    uint64_t handed_on; /* requests that a worker gave up because it must not wait */
    uint64_t edges;     /* visited, of requests that were given up too */
    uint64_t decisions[DECISION_ALLOW + 1];
    uint64_t reasons[ENGINE_REASON_COUNT]; /* of decisions by actors or a grant */
};

struct engine_cache_figures {
    uint64_t bytes;
    uint64_t entries;
    uint64_t evicted; /* entries, for want of room */
};

/* Of RocksDB; zeroes over a store in memory. storage/figures.h says what they are. */
struct engine_storage_figures {
    uint64_t memtable_bytes;
    uint64_t immutable_memtables;
    uint64_t cache_bytes;
    uint64_t cache_pinned_bytes;
    uint64_t cache_capacity;
    uint64_t table_reader_bytes;
    uint64_t level0_files;
    uint64_t pending_compaction_bytes;
    uint64_t running_compactions;
    uint64_t running_flushes;
    uint64_t background_errors;
    uint64_t delayed_write_bytes;
    bool writes_stopped;
};

/* Of the audit log. */
struct engine_audit_figures {
    bool on;
    uint64_t records; /* on the disk */
    uint64_t queued;
    uint64_t dropped; /* samples, and refusals of strangers, that found no room */
    uint64_t refused; /* decisions that were not answered because they could not be recorded */
    uint64_t syncs;
    bool writable;
};

struct engine_figures {
    int64_t uptime_ns;
    uint64_t revision; /* published */
    uint64_t schema_revision;
    uint64_t horizon; /* the oldest revision that can still be read */
    uint64_t relationships;
    bool writable;
    enum engine_clock_state clock;
    struct engine_warming warming;
    struct engine_worker_figures loops; /* workers that may not block */
    struct engine_worker_figures pool;  /* and the others */
    struct engine_cache_figures graph;
    struct engine_cache_figures names;
    struct engine_cache_figures records;
    uint64_t retired_bytes; /* of graph and names */
    uint64_t sessions_live; /* as they were counted last (engine/live_records.h) */
    uint64_t grants_live;
    uint64_t checks_waiting;
    uint64_t lookups_waiting;
    uint64_t writes_waiting;
    uint64_t pool_refused;
    uint64_t pool_expired; /* while they were queued */
    uint64_t writes_refused;
    uint64_t transactions;
    uint64_t transaction_bytes;
    struct metric_reading group_sizes;
    struct metric_reading groups_ns;
    struct metric_reading syncs_ns;
    uint64_t data_bytes;
    uint64_t free_bytes;
    struct engine_storage_figures storage;
    struct engine_audit_figures audit; /* zeroes where nothing is recorded */
};

enum status engine_figures_read(struct engine *engine, struct engine_figures *figures,
                                struct error *error) BEHALF_MUST_USE;

/* When the writer last began something, by the monotonic clock: not long ago, unless it is
 * stuck. */
int64_t engine_alive_ns(struct engine *engine);

#endif
