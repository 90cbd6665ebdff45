/* engine.c - the life of an engine, what it publishes, and the workers that serve requests. */
#include <stdlib.h>

#include "base/memory.h"
#include "engine/audit_decision.h"
#include "engine/audit_follow.h"
#include "engine/audit_log.h"
#include "engine/live_records.h"
#include "engine/page_cache.h"
#include "engine/pool.h"
#include "engine/record_cache.h"
#include "engine/seen.h"
#include "engine/state.h"
#include "engine/stops.h"
#include "engine/token.h"
#include "engine/warming.h"
#include "engine/watch_wake.h"
#include "engine/write_stop.h"
#include "engine/writer.h"

/* What lookups keep for their next pages may take this part of the memory for graph and names,
 * beside it. */
#define PAGES_PART 32
/* Of that memory: names, records, and when sessions were used. The graph has the rest. */
#define NAMES_PART 4
#define RECORDS_PART 8
#define SEEN_PART 64

/* --- publication --- */

static struct published *
published_new(const struct store *store, uint64_t revision, struct binding *binding,
              struct stops *stops, uint64_t records_revision)
{
    struct published *published = memory_new(sizeof *published);

    published->revision = revision;
    published->binding = binding;
    published->stops = stops;
    published->records_revision = records_revision;
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
    stops_unref(published->stops);
    memory_free(published);
}

void
engine_publish(struct engine *engine, uint64_t revision, struct binding *binding,
               struct stops *stops, uint64_t records_revision)
{
    struct published *next =
        published_new(engine->store, revision, binding, stops, records_revision);
    struct published *last;

    pthread_mutex_lock(&engine->lock);
    last = engine->current;
    BEHALF_ASSERT(last == NULL || last->revision <= revision);
    engine->current = next;
    atomic_fetch_add_explicit(&engine->publication, 1, memory_order_release);
    pthread_mutex_unlock(&engine->lock);
    published_unref(last);
    watch_published(engine);
    audit_follow_published(engine->follow, revision);
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

/* Whether any record has an end: then time matters, whatever the schema says. */
static enum status
has_records(const struct store_snapshot *snapshot, bool *has, struct error *error)
{
    static const struct slice all = {NULL, 0};
    struct store_record_scan *scan = NULL;
    struct store_record_key key;
    struct slice entry;
    enum status status =
        store_record_scan_open(snapshot, RECORD_INDEX_ENDS, all, all, &scan, error);

    if (status == BEHALF_OK)
        status = store_record_scan_next(scan, &key, &entry, error);
    store_record_scan_close(scan);
    *has = status == BEHALF_OK;
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* Publishes what the store holds at its head: all of it is durable when a store opens. */
static enum status
publish_stored(struct engine *engine, struct error *error)
{
    struct store_snapshot *snapshot = NULL;
    struct binding *binding = NULL;
    struct stops *stops = NULL;
    uint64_t revision = 0;
    bool records = false;
    enum status status = store_snapshot_open(engine->store, &snapshot, error);

    if (status == BEHALF_OK) {
        revision = store_snapshot_head(snapshot);
        status = binding_load(engine->store, snapshot, revision, &binding, error);
    }
    if (status == BEHALF_NO_SCHEMA)
        status = BEHALF_OK;
    if (status == BEHALF_OK)
        status = stops_load(snapshot, &stops, error);
    if (status == BEHALF_OK)
        status = has_records(snapshot, &records, error);
    if (status == BEHALF_OK) {
        engine_publish(engine, revision, binding, stops, records ? revision : 0);
    } else {
        binding_unref(binding);
        stops_unref(stops);
    }
    store_snapshot_close(snapshot);
    return status;
}

/* A new incarnation begins with a stop on everything, before anybody is answered. It is kept in the
 * batch of the stop that it was ordered, so a crash before that repeats it. */
static enum status
order_incarnation_stop(struct engine *engine, struct error *error)
{
    struct store_transaction *transaction = NULL;
    struct stops *stops = NULL;
    int64_t now = clock_read(&engine->clock).kept;
    uint64_t revision;
    enum status status;

    if (!store_needs_stop(engine->store))
        return BEHALF_OK;
    status = store_transaction_begin(engine->store, &transaction, error);
    if (status != BEHALF_OK)
        return status;
    status = stops_load(store_transaction_snapshot(transaction), &stops, error);
    if (status == BEHALF_OK)
        status = write_incarnation_stop(transaction, stops, now, error);
    stops_unref(stops);
    if (status != BEHALF_OK) {
        store_transaction_abort(transaction);
        return status;
    }
    status = store_transaction_commit(transaction, now, &revision, error);
    return status == BEHALF_OK ? store_sync(engine->store, error) : status;
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

static int64_t
or_default(int64_t given, int64_t standard)
{
    return given == 0 ? standard : given;
}

static void
take_options(struct engine *engine, const struct engine_options *options)
{
    engine->sweep_every_ns = or_default(options->sweep_every_ns, ENGINE_SWEEP_EVERY_NS);
    engine->history_ns = or_default(options->history_ns, ENGINE_HISTORY_NS);
    engine->history_bytes =
        options->history_bytes == 0 ? ENGINE_HISTORY_BYTES : options->history_bytes;
    engine->session_ttl_max_ns = or_default(options->session_ttl_max_ns, ENGINE_TTL_MAX_NS);
    engine->grant_ttl_max_ns = or_default(options->grant_ttl_max_ns, ENGINE_TTL_MAX_NS);
    engine->record_retention_ns =
        or_default(options->record_retention_ns, ENGINE_RECORD_RETENTION_NS);
}

static void
make_caches(struct engine *engine, const struct engine_options *options)
{
    size_t memory = options->graph_memory_bytes;
    size_t pages;

    if (memory == 0)
        memory = LIMIT_GRAPH_MEMORY_DEFAULT;
    pages = memory / PAGES_PART;
    engine->graph = graph_new(options->store, memory - memory / NAMES_PART - memory / RECORDS_PART -
                                                  memory / SEEN_PART);
    engine->names = name_cache_new(graph_readers(engine->graph), memory / NAMES_PART);
    engine->records =
        record_cache_new(options->store, graph_readers(engine->graph), memory / RECORDS_PART);
    engine->seen = seen_new(options->store, memory / SEEN_PART);
    engine->pages = page_cache_new(pages < LIMIT_PAGE_CACHE_BYTES ? pages : LIMIT_PAGE_CACHE_BYTES);
}

/* Before the stop of a new incarnation is ordered: where that begins must be known. */
static enum status
begin_to_follow(struct engine *engine, struct error *error)
{
    const char *directory;
    struct audit *audit;
    enum status status;

    if (engine->audit == NULL)
        return BEHALF_OK;
    status = audit_log_find(engine, &audit, error);
    if (status == BEHALF_OK)
        status = audit_log_directory(engine, &directory, error);
    if (status == BEHALF_OK)
        status =
            audit_follow_new(engine->store, engine->env, audit, directory, &engine->follow, error);
    return status;
}

enum status
engine_open(const struct engine_options *options, struct engine **engine, struct error *error)
{
    struct engine *made = memory_new(sizeof *made);
    enum status status;

    made->store = options->store;
    made->env = options->env;
    made->opened_ns = env_monotonic_ns(options->env);
    pthread_mutex_init(&made->lock, NULL);
    pthread_mutex_init(&made->listening, NULL);
    atomic_init(&made->publication, 0);
    make_caches(made, options);
    take_options(made, options);
    status = start_clock(made, error);
    if (status == BEHALF_OK)
        status = audit_log_open(made, options->audit, error);
    if (status == BEHALF_OK)
        status = begin_to_follow(made, error);
    if (status == BEHALF_OK)
        status = order_incarnation_stop(made, error);
    if (status == BEHALF_OK)
        status = publish_stored(made, error);
    if (status == BEHALF_OK) {
        if (made->follow != NULL)
            audit_follow_start(made->follow, made->current->revision);
        made->pool = pool_new(made, engine_worker_count(options));
        made->writer = writer_new(made);
        made->warming = warming_new(made, options->warm);
        made->live = live_records_new(made);
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
    live_records_free(engine->live);
    warming_stop(engine->warming);
    pool_free(engine->pool);
    writer_free(engine->writer);
    warming_free(engine->warming);
    audit_follow_free(engine->follow);
    audit_log_close(engine);
    published_unref(engine->current);
    for (size_t i = 0; i < BEHALF_COUNT_OF(engine->older); i++)
        binding_unref(engine->older[i]);
    page_cache_free(engine->pages);
    seen_free(engine->seen);
    record_cache_free(engine->records);
    name_cache_free(engine->names);
    graph_free(engine->graph);
    pthread_mutex_destroy(&engine->listening);
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
    engine->env->random_bytes(engine->env->context, &worker->decision_salt,
                              sizeof worker->decision_salt);
    buffer_init(&worker->record);
    audit_sample_begin(worker);
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
    buffer_release(&worker->record);
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
        .writable = stats.writable && !atomic_load(&engine->broken),
        .clock = clock_of(clock_read(&engine->clock)),
        .token = published->token,
    };
    published_unref(published);
    return BEHALF_OK;
}
