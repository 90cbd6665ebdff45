/* engine.c - the life of an engine, what it publishes, and the workers that serve requests. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/page_cache.h"
#include "engine/pool.h"
#include "engine/state.h"
#include "engine/token.h"
#include "engine/warming.h"
#include "engine/writer.h"

/* What lookups keep for their next pages may take this part of the memory for graph and names,
 * beside it. */
#define PAGES_PART 32

/* --- publication --- */

static struct published *
published_new(const struct store *store, uint64_t revision, struct binding *binding)
{
    struct published *published = memory_new(sizeof *published);

    published->revision = revision;
    published->binding = binding;
    token_seal(store, revision, &published->token);
    atomic_init(&published->references, 1);
    return published;
}

void
published_unref(struct published *published)
{
    if (published == NULL)
        return;
    if (atomic_fetch_sub_explicit(&published->references, 1, memory_order_acq_rel) != 1)
        return;
    binding_unref(published->binding);
    memory_free(published);
}

void
engine_publish(struct engine *engine, uint64_t revision, struct binding *binding)
{
    struct published *next = published_new(engine->store, revision, binding);
    struct published *last;

    pthread_mutex_lock(&engine->lock);
    last = engine->current;
    BEHALF_ASSERT(last == NULL || last->revision <= revision);
    engine->current = next;
    atomic_fetch_add_explicit(&engine->publication, 1, memory_order_release);
    pthread_mutex_unlock(&engine->lock);
    published_unref(last);
}

struct published *
engine_published(struct engine *engine)
{
    struct published *published;

    pthread_mutex_lock(&engine->lock);
    published = engine->current;
    atomic_fetch_add_explicit(&published->references, 1, memory_order_relaxed); /* under the lock */
    pthread_mutex_unlock(&engine->lock);
    return published;
}

/* --- life --- */

/* Publishes what the store holds at its head: all of it is durable when a store opens. */
static enum status
publish_stored(struct engine *engine, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    struct binding *binding = NULL;
    uint64_t revision = 0;
    enum status status = store_snapshot_open(engine->store, &snapshot, error);

    if (status == BEHALF_OK) {
        revision = store_snapshot_head(snapshot);
        status = binding_load(engine->store, snapshot, revision, &binding, error);
    }
    if (status == BEHALF_NO_SCHEMA)
        status = BEHALF_OK;
    if (status == BEHALF_OK)
        engine_publish(engine, revision, binding);
    store_snapshot_close(snapshot);
    return status;
}

static enum status
start_clock(struct engine *engine, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    struct store_clock kept = {.floor_ns = 0};
    bool found = false;
    enum status status = store_clock_read(engine->store, &kept, &found, error);

    if (status == BEHALF_OK)
        status = store_snapshot_open(engine->store, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    clock_init(&engine->clock, engine->env, found ? &kept : NULL, store_snapshot_time(snapshot));
    store_snapshot_close(snapshot);
    return BEHALF_OK;
}

unsigned
engine_worker_count(const struct engine_options *options)
{
    return options->workers > 0 ? options->workers : env_core_count() + 1;
}

enum status
engine_open(const struct engine_options *options, struct engine **engine, struct error *error)
{
    struct engine *made = memory_new(sizeof *made);
    size_t memory = options->graph_memory_bytes;
    enum status status;

    if (memory == 0)
        memory = LIMIT_GRAPH_MEMORY_DEFAULT;
    made->store = options->store;
    made->env = options->env;
    made->opened_ns = env_monotonic_ns(options->env);
    pthread_mutex_init(&made->lock, NULL);
    atomic_init(&made->publication, 0);
    made->graph = graph_new(options->store, memory / 4 * 3);
    made->names = name_cache_new(graph_readers(made->graph), memory / 4);
    made->pages =
        page_cache_new(memory / PAGES_PART < LIMIT_PAGE_CACHE_BYTES ? memory / PAGES_PART
                                                                    : LIMIT_PAGE_CACHE_BYTES);
    made->sweep_every_ns =
        options->sweep_every_ns == 0 ? ENGINE_SWEEP_EVERY_NS : options->sweep_every_ns;
    made->history_ns = options->history_ns == 0 ? ENGINE_HISTORY_NS : options->history_ns;
    made->history_bytes =
        options->history_bytes == 0 ? ENGINE_HISTORY_BYTES : options->history_bytes;
    status = start_clock(made, error);
    if (status == BEHALF_OK)
        status = publish_stored(made, error);
    if (status == BEHALF_OK) {
        made->pool = pool_new(made, engine_worker_count(options));
        made->writer = writer_new(made);
        made->warming = warming_new(made, options->warm);
        *engine = made;
    } else {
        engine_close(made);
    }
    return status;
}

void
engine_close(struct engine *engine)
{
    if (engine == NULL)
        return;
    /* The jobs of the pool may submit writes; the writer needs nothing of the pool. */
    warming_stop(engine->warming);
    pool_free(engine->pool);
    writer_free(engine->writer);
    warming_free(engine->warming);
    published_unref(engine->current);
    for (size_t i = 0; i < BEHALF_COUNT_OF(engine->older); i++)
        binding_unref(engine->older[i]);
    page_cache_free(engine->pages);
    name_cache_free(engine->names);
    graph_free(engine->graph);
    pthread_mutex_destroy(&engine->lock);
    memory_free(engine);
}

struct engine_worker *
engine_worker_new(struct engine *engine, bool may_block)
{
    struct engine_worker *worker = memory_new(sizeof *worker);

    worker->engine = engine;
    worker->may_block = may_block;
    arena_init_request(&worker->scratch, LIMIT_CHECK_SCRATCH);
    pthread_mutex_lock(&engine->lock);
    worker->next = engine->workers;
    engine->workers = worker;
    pthread_mutex_unlock(&engine->lock);
    return worker;
}

void
engine_worker_free(struct engine_worker *worker)
{
    struct engine_worker **at;

    if (worker == NULL)
        return;
    pthread_mutex_lock(&worker->engine->lock);
    for (at = &worker->engine->workers; *at != worker; at = &(*at)->next)
        continue;
    *at = worker->next;
    pthread_mutex_unlock(&worker->engine->lock);
    published_unref(worker->published);
    arena_release(&worker->scratch);
    memory_free(worker);
}

enum status
engine_submit(struct engine *engine, enum engine_class class, struct engine_job *job,
              struct error *error)
{
    return pool_submit(engine->pool, class, job, error);
}

enum status
engine_ask(struct engine *engine, enum engine_class class, const struct engine_queued *queued,
           struct error *error)
{
    return pool_ask(engine->pool, class, queued, error);
}

void
engine_abandon(struct engine *engine, struct engine_flow *flow)
{
    pool_abandon(engine->pool, flow);
}

enum status
engine_write_submit(struct engine *engine, struct engine_write *write, struct error *error)
{
    return writer_submit(engine->writer, write, error);
}

enum status
engine_write_ask(struct engine *engine, const struct engine_queued *queued, struct error *error)
{
    return writer_ask(engine->writer, queued, error);
}

/* --- time and state --- */

static struct engine_clock
clock_of(struct clock_reading reading)
{
    return (struct engine_clock){
        .state = reading.state,
        .now_ns = reading.now,
        .wall_ns = reading.wall,
        .trusted_ns = reading.trusted,
    };
}

void
engine_clock_read(struct engine *engine, struct engine_clock *clock)
{
    *clock = clock_of(clock_read(&engine->clock));
}

void
engine_clock_confirm(struct engine *engine, struct engine_clock *clock)
{
    *clock = clock_of(clock_confirm(&engine->clock));
}

void
engine_clock_reject(struct engine *engine, struct engine_clock *clock)
{
    *clock = clock_of(clock_reject(&engine->clock));
}

enum status
engine_info_read(struct engine *engine, struct engine_info *info, struct error *error)
{
    struct store_stats stats;
    struct published *published;
    enum status status = store_stats_read(engine->store, &stats, error);

    if (status != BEHALF_OK)
        return status;
    published = engine_published(engine);
    *info = (struct engine_info){
        .revision = published->revision,
        .schema_revision = published->binding == NULL ? 0 : published->binding->revision,
        .relationship_count = stats.edge_count,
        .data_bytes = stats.data_bytes,
        .writable = stats.writable,
        .clock = clock_of(clock_read(&engine->clock)),
        .token = published->token,
    };
    published_unref(published);
    return BEHALF_OK;
}
