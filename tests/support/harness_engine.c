/* harness_engine.c - one engine over one in-memory store. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"
#include "base/datum.h"
#include "storage/store_internal.h"
#include "tests/support/harness.h"

const struct engine_audit_options *harness_audit;

static _Noreturn void
give_up(const char *what, const struct error *error)
{
    fprintf(stderr, "harness: %s: %s: %s\n", what, status_name(error->status), error->message);
    abort();
}

static void
open_engine(struct harness_engine *side, size_t graph_memory_bytes)
{
    struct engine_options options = {.store = side->store,
                                     .env = &side->env,
                                     .workers = 1,
                                     .sweep_every_ns = ENGINE_SWEEP_NEVER,
                                     .audit = harness_audit,
                                     .graph_memory_bytes = graph_memory_bytes};
    struct error error;

    if (engine_open(&options, &side->engine, &error) != BEHALF_OK)
        give_up("engine_open", &error);
    side->worker = engine_worker_new(side->engine, true);
    BEHALF_ASSERT(side->worker != NULL);
    side->graph_memory_bytes = graph_memory_bytes;
}

static void
close_engine(struct harness_engine *side)
{
    engine_worker_free(side->worker);
    engine_close(side->engine);
}

/* --- the clock --- */

static int64_t
wall_ns(void *context)
{
    struct harness_engine *side = context;
    int64_t now = atomic_load(&side->now);

    if (side->on_clock != NULL)
        side->on_clock(side->on_clock_context);
    return now != 0 ? now : env_wall_ns(env_system());
}

/* It stands when the time of day stands, and goes along when that is moved on: nothing has jumped,
 * and no nanosecond has gone by. */
static int64_t
monotonic_ns(void *context)
{
    struct harness_engine *side = context;

    if (side->on_clock != NULL)
        side->on_clock(side->on_clock_context);
    if (atomic_load(&side->now) != 0)
        return atomic_load(&side->monotonic);
    return env_monotonic_ns(env_system());
}

static void
random_bytes(void *context, void *bytes, size_t size)
{
    (void)context;
    env_system()->random_bytes(env_system()->context, bytes, size);
}

void
harness_set_time(struct harness_engine *side, int64_t now)
{
    int64_t gone_by = now - wall_ns(side);

    BEHALF_ASSERT(gone_by >= 0);
    atomic_store(&side->monotonic, monotonic_ns(side) + gone_by);
    atomic_store(&side->now, now);
}

/* --- opening --- */

void
harness_engine_open(struct harness_engine *side, size_t graph_memory_bytes)
{
    harness_engine_open_at(side, graph_memory_bytes, 0);
}

static void
open_at(struct harness_engine *side, struct kv *kv, size_t graph_memory_bytes, int64_t now)
{
    struct store_options options = {.env = &side->env};
    struct error error;
    enum status status;

    side->env = (struct env){wall_ns, monotonic_ns, random_bytes, side};
    atomic_init(&side->now, now);
    atomic_init(&side->monotonic, env_monotonic_ns(env_system()));
    if (kv != NULL)
        status = store_open_on(kv, &options, &side->store, &error);
    else
        status = store_open(&options, &side->store, &error);
    if (status != BEHALF_OK)
        give_up("store_open", &error);
    open_engine(side, graph_memory_bytes);
    arena_init(&side->arena, SIZE_MAX);
}

void
harness_engine_open_at(struct harness_engine *side, size_t graph_memory_bytes, int64_t now)
{
    side->on_clock = NULL;
    open_at(side, NULL, graph_memory_bytes, now);
}

void
harness_engine_open_over(struct harness_engine *side, struct kv *kv, size_t graph_memory_bytes,
                         int64_t now, void (*on_clock)(void *context), void *on_clock_context)
{
    side->on_clock = on_clock;
    side->on_clock_context = on_clock_context;
    open_at(side, kv, graph_memory_bytes, now);
}

void
harness_engine_close(struct harness_engine *side)
{
    close_engine(side);
    store_close(side->store);
    arena_release(&side->arena);
}

void
harness_engine_reopen(struct harness_engine *side, size_t graph_memory_bytes)
{
    close_engine(side);
    open_engine(side, graph_memory_bytes);
}

/* --- writing --- */

enum status
harness_submit(struct harness_engine *side, struct engine_write *write)
{
    return engine_write_wait(side->engine, write, &write->error);
}

enum status
harness_write_schema(struct harness_engine *side, struct slice text, struct error *error)
{
    struct engine_write write = {.kind = WRITE_SCHEMA, .schema_text = text};
    enum status status = harness_submit(side, &write);

    *error = write.error;
    return status;
}

enum status
harness_write_updates(struct harness_engine *side, const struct update *updates, size_t count,
                      struct engine_token *written_at, struct error *error)
{
    struct engine_write write = {
        .kind = WRITE_RELATIONSHIPS, .updates = updates, .update_count = count};
    enum status status = harness_submit(side, &write);

    *error = write.error;
    if (status == BEHALF_OK && written_at != NULL)
        *written_at = write.written_at;
    return status;
}

/* --- past the engine --- */

static void
must(enum status status, const char *what, const struct error *error)
{
    if (status != BEHALF_OK)
        give_up(what, error);
}

static uint16_t
put_label(struct store_transaction *transaction, enum label_kind kind, struct slice name)
{
    uint16_t label = LABEL_NONE;
    struct error error;

    if (name.size > 0)
        must(store_transaction_label(transaction, kind, name, &label, &error), "label", &error);
    return label;
}

static uint64_t
put_node(struct store_transaction *transaction, const struct object *object)
{
    uint16_t type = put_label(transaction, LABEL_TYPE, object->type);
    uint64_t node = NODE_WILDCARD(type);
    struct error error;

    if (!object->wildcard)
        must(store_transaction_node(transaction, type, object->id, &node, &error), "node", &error);
    return node;
}

static void
put_edge(struct store_transaction *transaction, const struct relationship *relationship)
{
    struct edge edge = {.expires_at = relationship->expires_at, .context = relationship->context};
    struct error error;
    struct store_previous previous;

    edge.key.resource = put_node(transaction, &relationship->resource);
    edge.key.relation = put_label(transaction, LABEL_RELATION, relationship->resource.relation);
    edge.key.subject = put_node(transaction, &relationship->subject);
    edge.key.subject_relation =
        put_label(transaction, LABEL_RELATION, relationship->subject.relation);
    edge.caveat = put_label(transaction, LABEL_CAVEAT, relationship->caveat);
    must(store_transaction_put(transaction, &edge, &previous, &error), "put", &error);
}

void
harness_past_engine(struct harness_engine *side, harness_change *change, void *context)
{
    struct store_transaction *transaction = NULL;
    struct error error;
    uint64_t revision;

    close_engine(side);
    must(store_transaction_begin(side->store, &transaction, &error), "begin", &error);
    change(context, side->store, transaction);
    must(store_transaction_commit(transaction, env_wall_ns(&side->env), &revision, &error),
         "commit", &error);
    must(store_sync(side->store, &error), "sync", &error);
    open_engine(side, side->graph_memory_bytes);
}

struct edges {
    const struct relationship *relationships;
    size_t count;
};

static void
put_edges(void *context, struct store *store, struct store_transaction *transaction)
{
    const struct edges *edges = context;

    (void)store;
    for (size_t i = 0; i < edges->count; i++)
        put_edge(transaction, &edges->relationships[i]);
}

void
harness_put(struct harness_engine *side, const struct relationship *relationships, size_t count)
{
    struct edges edges = {relationships, count};

    harness_past_engine(side, put_edges, &edges);
}

/* --- asking --- */

struct engine_request
harness_request(struct harness_engine *side, const struct engine_token *at)
{
    struct engine_request request = {.arena = &side->arena, .consistency = CONSISTENCY_FULL};

    arena_reset(&side->arena, SIZE_MAX);
    if (at != NULL) {
        request.consistency = CONSISTENCY_AT_EXACT_SNAPSHOT;
        request.token = slice_of(at->text);
    }
    return request;
}
