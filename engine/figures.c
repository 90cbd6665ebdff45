/* figures.c - the figures of all floors under the engine, put together. */
#include "engine/figures.h"

#include "engine/audit_log.h"
#include "engine/live_records.h"
#include "engine/pool.h"
#include "engine/record_cache.h"
#include "engine/state.h"
#include "engine/warming.h"
#include "engine/writer.h"

static void
add_worker(const struct engine_worker *worker, struct engine_worker_figures *figures)
{
    const struct worker_counts *counts = &worker->counts;

    figures->handed_on += metric_read(&counts->handed_on);
    figures->edges += metric_read(&counts->edges);
    for (size_t at = 0; at < BEHALF_COUNT_OF(figures->decisions); at++)
        figures->decisions[at] += metric_read(&counts->decisions[at]);
    for (size_t at = 0; at < BEHALF_COUNT_OF(figures->reasons); at++)
        figures->reasons[at] += metric_read(&counts->reasons[at]);
}

static void
read_workers(struct engine *engine, struct engine_figures *figures)
{
    pthread_mutex_lock(&engine->lock);
    figures->revision = engine->current->revision;
    figures->schema_revision =
        engine->current->binding == NULL ? 0 : engine->current->binding->revision;
    for (const struct engine_worker *worker = engine->workers; worker != NULL;
         worker = worker->next)
        add_worker(worker, worker->may_block ? &figures->pool : &figures->loops);
    pthread_mutex_unlock(&engine->lock);
}

static void
read_caches(struct engine *engine, struct engine_figures *figures)
{
    struct graph_figures graph;
    struct name_cache_stats names;
    struct record_cache_figures records;

    graph_figures_read(engine->graph, &graph);
    name_cache_stats_read(engine->names, &names);
    record_cache_figures_read(engine->records, &records);
    figures->graph = (struct engine_cache_figures){graph.bytes, graph.nodes, graph.evicted};
    figures->names = (struct engine_cache_figures){names.bytes, names.entry_count, names.evicted};
    figures->records =
        (struct engine_cache_figures){records.bytes, records.records, records.evicted};
    figures->retired_bytes = graph.retired_bytes;
    warming_stats_read(engine->warming, &figures->warming);
}

static void
read_queues(struct engine *engine, struct engine_figures *figures)
{
    struct pool_stats pool;
    struct writer_stats writer;
    struct writer_figures groups;

    pool_stats_read(engine->pool, &pool);
    writer_stats_read(engine->writer, &writer);
    writer_figures_read(engine->writer, &groups);
    figures->checks_waiting = pool.waiting[ENGINE_CLASS_CHECK];
    figures->lookups_waiting = pool.waiting[ENGINE_CLASS_LOOKUP];
    figures->writes_waiting = writer.waiting;
    figures->pool_refused = pool.refused;
    figures->pool_expired = pool.expired;
    figures->writes_refused = writer.refused;
    figures->group_sizes = groups.sizes;
    figures->groups_ns = groups.groups_ns;
    figures->syncs_ns = groups.syncs_ns;
}

static void
read_storage(struct engine *engine, const struct store_stats *stats, struct engine_figures *figures)
{
    struct store_figures below;

    store_figures_read(engine->store, &below);
    figures->horizon = stats->horizon;
    figures->relationships = stats->edge_count;
    figures->writable = stats->writable && !atomic_load(&engine->broken);
    figures->transactions = stats->committed;
    figures->transaction_bytes = stats->committed_bytes;
    figures->data_bytes = stats->data_bytes;
    figures->free_bytes = stats->free_bytes;
    figures->storage = (struct engine_storage_figures){
        .memtable_bytes = below.memtable_bytes,
        .immutable_memtables = below.immutable_memtables,
        .cache_bytes = below.cache_bytes,
        .cache_pinned_bytes = below.cache_pinned_bytes,
        .cache_capacity = below.cache_capacity,
        .table_reader_bytes = below.table_reader_bytes,
        .level0_files = below.level0_files,
        .pending_compaction_bytes = below.pending_compaction_bytes,
        .running_compactions = below.running_compactions,
        .running_flushes = below.running_flushes,
        .background_errors = below.background_errors,
        .delayed_write_bytes = below.delayed_write_bytes,
        .writes_stopped = below.writes_stopped,
    };
}

enum status
engine_figures_read(struct engine *engine, struct engine_figures *figures, struct error *error)
{
    struct store_stats stats;
    enum status status = store_stats_read(engine->store, &stats, error);

    if (status != BEHALF_OK)
        return status;
    *figures = (struct engine_figures){
        .uptime_ns = env_monotonic_ns(engine->env) - engine->opened_ns,
        .clock = clock_read(&engine->clock).state,
    };
    live_records_read(engine->live, &figures->sessions_live, &figures->grants_live);
    read_workers(engine, figures);
    read_caches(engine, figures);
    read_queues(engine, figures);
    read_storage(engine, &stats, figures);
    audit_log_figures(engine, &figures->audit);
    return BEHALF_OK;
}

int64_t
engine_alive_ns(struct engine *engine)
{
    struct writer_figures figures;

    writer_figures_read(engine->writer, &figures);
    return figures.alive_ns;
}
