/* stats.c - what an operator may want to see of a running engine, put together on demand. */
#include "base/log.h"
#include "engine/pool.h"
#include "engine/state.h"
#include "engine/warming.h"
#include "engine/writer.h"

#define INTERNAL_LOG_NS INT64_C(1000000000)

/* A defect that every request meets must not fill the disk with its log. */
static void
log_internal(struct engine *engine, const char *method, const struct error *error)
{
    int64_t now = env_monotonic_ns(engine->env);
    int64_t last = atomic_load(&engine->internal_logged_ns);

    if ((last != 0 && now - last < INTERNAL_LOG_NS) ||
        !atomic_compare_exchange_strong(&engine->internal_logged_ns, &last, now)) {
        atomic_fetch_add(&engine->internal_unlogged, 1);
        return;
    }
    log_line(LOG_ERROR, "a request met a defect of the server",
             "method=%s what=\"%s\" unlogged=%llu", method, error->message,
             (unsigned long long)atomic_exchange(&engine->internal_unlogged, 0));
}

void
engine_worker_note(struct engine_worker *worker, const char *method, enum status status,
                   const struct error *error)
{
    if (status == BEHALF_WOULD_BLOCK) {
        metric_add(&worker->counts.handed_on, 1);
        return;
    }
    metric_add(&worker->counts.failed, 1);
    if (status != BEHALF_INTERNAL)
        return;
    metric_add(&worker->counts.internal, 1);
    log_internal(worker->engine, method, error);
}

uint64_t
engine_worker_edges(const struct engine_worker *worker)
{
    return metric_read(&worker->counts.edges);
}

static void
add_worker(const struct engine_worker *worker, struct engine_reads *reads)
{
    const struct worker_counts *counts = &worker->counts;

    reads->checks += atomic_load_explicit(&counts->begun[REQUEST_CHECK], memory_order_relaxed);
    reads->lookups += atomic_load_explicit(&counts->begun[REQUEST_LOOKUP], memory_order_relaxed);
    reads->handed_on += atomic_load_explicit(&counts->handed_on, memory_order_relaxed);
    reads->errors += atomic_load_explicit(&counts->failed, memory_order_relaxed);
    reads->internal += atomic_load_explicit(&counts->internal, memory_order_relaxed);
}

static void
read_workers(struct engine *engine, struct engine_stats *stats)
{
    pthread_mutex_lock(&engine->lock);
    stats->revision = engine->current->revision;
    for (const struct engine_worker *worker = engine->workers; worker != NULL;
         worker = worker->next)
        add_worker(worker, worker->may_block ? &stats->pool : &stats->loops);
    pthread_mutex_unlock(&engine->lock);
}

static void
read_memory(struct engine *engine, struct engine_stats *stats)
{
    struct graph_stats graph;
    struct name_cache_stats names;

    graph_stats_read(engine->graph, &graph);
    name_cache_stats_read(engine->names, &names);
    stats->graph.bytes = graph.bytes;
    stats->graph.superseded_bytes = graph.superseded_bytes;
    stats->graph.retired_bytes = graph.retired_bytes;
    stats->graph.sets = graph.set_count;
    stats->graph.chains = graph.chain_count;
    stats->graph.empty = graph.empty_count;
    stats->graph.direct = graph.direct_count;
    stats->graph.loading = graph.loading_count;
    stats->graph.edges = graph.edge_count;
    stats->names.bytes = names.bytes;
    stats->names.entries = names.entry_count;
    warming_stats_read(engine->warming, &stats->warming);
}

static void
read_queues(struct engine *engine, struct engine_stats *stats)
{
    struct pool_stats pool;
    struct writer_stats writer;

    pool_stats_read(engine->pool, &pool);
    writer_stats_read(engine->writer, &writer);
    stats->waiting.checks = pool.waiting[ENGINE_CLASS_CHECK];
    stats->waiting.lookups = pool.waiting[ENGINE_CLASS_LOOKUP];
    stats->waiting.refused = pool.refused;
    stats->writes.groups = writer.groups;
    stats->writes.refused = writer.refused;
    stats->writes.waiting = writer.waiting;
}

enum status
engine_stats_read(struct engine *engine, struct engine_stats *stats, struct error *error)
{
    struct store_stats store;
    enum status status = store_stats_read(engine->store, &store, error);

    if (status != BEHALF_OK)
        return status;
    *stats = (struct engine_stats){
        .uptime_ns = env_monotonic_ns(engine->env) - engine->opened_ns,
        .storage = {store.data_bytes, store.free_bytes},
    };
    stats->writes.transactions = store.committed;
    stats->writes.syncs = store.syncs;
    stats->writes.bytes = store.committed_bytes;
    read_workers(engine, stats);
    read_memory(engine, stats);
    read_queues(engine, stats);
    return BEHALF_OK;
}
