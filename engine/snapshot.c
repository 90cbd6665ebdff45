/* snapshot.c - what one request sees: one revision, one schema, one budget.
 * The common case (the newest revision) costs one atomic load and no lock; a clock is read where
 * relationships expire. */
#include "engine/pool.h"
#include "engine/state.h"
#include "engine/token.h"

void
worker_renew(struct engine_worker *worker, uint64_t publication)
{
    struct published *last = worker->published;

    worker->published = engine_published(worker->engine);
    worker->publication = publication;
    published_unref(last);
}

/* What was published by a time. Commit times are searched on the storage. */
static enum status
revision_at_time(struct engine_worker *worker, int64_t at_ns, const struct published *newest,
                 uint64_t *revision, struct error *error)
{
    struct store_snapshot *storage = NULL;
    enum status status;

    if (at_ns > clock_read(&worker->engine->clock).now)
        return error_set(error, BEHALF_MALFORMED_REQUEST,
                         "the time of 'at_time' lies in the future");
    if (!worker->may_block)
        return BEHALF_WOULD_BLOCK;
    status = store_snapshot_open(worker->engine->store, &storage, error);
    if (status == BEHALF_OK)
        status = store_revision_at(storage, at_ns, revision, error);
    store_snapshot_close(storage);
    if (status == BEHALF_OK && *revision == 0)
        status = error_set(error, BEHALF_NO_SCHEMA, "no schema was written by that time");
    if (status == BEHALF_OK && *revision > newest->revision)
        *revision = newest->revision; /* the storage is ahead of what is durable */
    return status;
}

static enum status
wanted_revision(struct engine_worker *worker, const struct engine_request *request,
                const struct published *newest, uint64_t *revision, struct error *error)
{
    enum status status;

    *revision = newest->revision;
    switch (request->consistency) {
    case CONSISTENCY_FULL:
    case CONSISTENCY_MINIMIZE_LATENCY:
        return BEHALF_OK;
    case CONSISTENCY_AT_TIME:
        return revision_at_time(worker, request->at_ns, newest, revision, error);
    case CONSISTENCY_AT_LEAST_AS_FRESH:
    case CONSISTENCY_AT_EXACT_SNAPSHOT:
        break;
    }
    status = token_open(worker->engine->store, request->token, revision, error);
    if (status != BEHALF_OK)
        return status;
    if (*revision > newest->revision)
        return error_set(error, BEHALF_REVISION_UNKNOWN,
                         "the token names revision %llu, this store is at %llu",
                         (unsigned long long)*revision, (unsigned long long)newest->revision);
    if (request->consistency == CONSISTENCY_AT_LEAST_AS_FRESH)
        *revision = newest->revision;
    return BEHALF_OK;
}

/* --- schemas of older revisions --- */

/* Takes a kept binding whose schema was in force at `revision`, given that `schema_revision` wrote
 * it, and moves it to the front. */
static struct binding *
find_kept(struct engine *engine, uint64_t schema_revision)
{
    struct binding *found = NULL;

    pthread_mutex_lock(&engine->lock);
    for (size_t i = 0; found == NULL && i < BEHALF_COUNT_OF(engine->older); i++) {
        if (engine->older[i] != NULL && engine->older[i]->revision == schema_revision) {
            found = engine->older[i];
            memmove(&engine->older[1], &engine->older[0], i * sizeof engine->older[0]);
            engine->older[0] = found;
            (void)binding_ref(found);
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return found;
}

static void
keep(struct engine *engine, struct binding *binding)
{
    size_t last = BEHALF_COUNT_OF(engine->older) - 1;
    struct binding *dropped;

    pthread_mutex_lock(&engine->lock);
    dropped = engine->older[last];
    memmove(&engine->older[1], &engine->older[0], last * sizeof engine->older[0]);
    engine->older[0] = binding_ref(binding);
    pthread_mutex_unlock(&engine->lock);
    binding_unref(dropped);
}

static enum status
older_binding(struct snapshot *snapshot, struct error *error)
{
    struct engine *engine = snapshot->engine;
    const struct store_snapshot *storage;
    uint64_t schema_revision;
    struct buffer text;
    enum status status = graph_view_storage(&snapshot->view, &storage, error);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&text);
    status = store_schema_read(storage, snapshot->revision, &text, &schema_revision, error);
    buffer_release(&text);
    if (status != BEHALF_OK)
        return status;
    snapshot->older = find_kept(engine, schema_revision);
    if (snapshot->older == NULL) {
        status = binding_load(engine->store, storage, snapshot->revision, &snapshot->older, error);
        if (status == BEHALF_OK)
            keep(engine, snapshot->older);
    }
    snapshot->binding = snapshot->older;
    return status;
}

/* --- snapshots --- */

static void
set_budget(struct engine_worker *worker, enum request_class class, struct snapshot *snapshot)
{
    const struct engine_request *request = snapshot->request;
    const struct env *env = worker->engine->env;
    uint64_t edges = class == REQUEST_CHECK ? LIMIT_CHECK_EDGES : LIMIT_LOOKUP_EDGES;

    if (!worker->may_block)
        edges = LIMIT_INLINE_EDGES;
    budget_init(&snapshot->budget, env, edges, request->deadline_ns, request->cancelled);
    snapshot->budget.span_ns = class == REQUEST_CHECK ? LIMIT_CHECK_NS : LIMIT_LOOKUP_NS;
    snapshot->budget.is_inline = !worker->may_block;
    if (request->gives_way) {
        snapshot->budget.yield_ns = env_monotonic_ns(env) + LIMIT_SLICE_NS;
        snapshot->budget.others_wait = pool_checks_wait(worker->engine->pool);
    }
}

static enum status
bind(struct snapshot *snapshot, const struct published *newest, struct error *error)
{
    if (snapshot->revision == newest->revision) {
        snapshot->token = newest->token;
        snapshot->binding = newest->binding;
        if (snapshot->binding != NULL)
            return BEHALF_OK;
        error_set(error, BEHALF_NO_SCHEMA, "no schema was written yet");
        error_hint(error, "write one first: behalf schema write FILE");
        return BEHALF_NO_SCHEMA;
    }
    token_seal(snapshot->engine->store, snapshot->revision, &snapshot->token);
    return older_binding(snapshot, error);
}

enum status
snapshot_open(struct engine_worker *worker, const struct engine_request *request,
              enum request_class class, uint64_t revision, struct snapshot *snapshot,
              struct error *error)
{
    struct engine *engine = worker->engine;
    const struct published *newest = worker_refresh(worker);
    enum status status = BEHALF_OK;

    metric_add(&worker->counts.begun[class], 1);
    if (revision == 0)
        status = wanted_revision(worker, request, newest, &revision, error);
    else if (revision > newest->revision)
        status = error_set(error, BEHALF_REVISION_UNKNOWN, "the revision has not been reached");
    if (status != BEHALF_OK)
        return status;
    arena_reset(&worker->scratch,
                class == REQUEST_CHECK ? LIMIT_CHECK_SCRATCH : LIMIT_LOOKUP_SCRATCH);
    /* Field by field: clearing all of it costs as much as a look at the graph. */
    snapshot->engine = engine;
    snapshot->worker = worker;
    snapshot->request = request;
    snapshot->binding = NULL;
    snapshot->newest = newest;
    snapshot->older = NULL;
    snapshot->revision = revision;
    snapshot->last_seen = 0;
    snapshot->scratch = &worker->scratch;
    snapshot->wide = (struct reach_wide){.executor = pool_executor(engine->pool)};
    snapshot->context_names = NULL;
    snapshot->denied_revision = 0;
    set_budget(worker, class, snapshot);
    graph_view_init(&snapshot->view, engine->graph, engine->store, revision, 0, worker->may_block,
                    &snapshot->budget);
    resolver_init(&snapshot->resolver, engine->names, &snapshot->view, request->arena);
    status = bind(snapshot, newest, error);
    if (status != BEHALF_OK) {
        snapshot_close(snapshot);
        return status;
    }
    /* Where nothing expires, nobody asks what time it is. */
    if (snapshot->binding->schema->has_expirations)
        snapshot->view.now = request->consistency == CONSISTENCY_AT_TIME
                                 ? request->at_ns
                                 : clock_read(&engine->clock).now;
    return BEHALF_OK;
}

void
snapshot_close(struct snapshot *snapshot)
{
    metric_add(&snapshot->worker->counts.edges, budget_visited(&snapshot->budget));
    reach_wide_release(&snapshot->wide);
    graph_view_release(&snapshot->view);
    binding_unref(snapshot->older);
    arena_reset(snapshot->scratch, LIMIT_CHECK_SCRATCH); /* nobody holds memory between requests */
}
