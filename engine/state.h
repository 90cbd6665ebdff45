/* state.h - the engine's inside: what is published, and what one request sees of it.
 *
 * Always true: (revision, schema, token) are published together by one pointer, after the revision
 * is durable and the graph has its changes. A request takes its snapshot once and keeps it.
 * Threads: `current` is replaced by the writer under `lock`; a worker keeps a reference of its own
 * and looks at `publication` (one atomic load) to learn whether it is still the newest. A request
 * borrows from that reference and writes to nothing that another thread reads: a worker serves one
 * request at a time, and only the beginning of the next one replaces what it holds. So what the
 * request borrowed is there until it ends, whatever is published meanwhile.
 * Memory: `struct published` is reference counted. */
#ifndef BEHALF_ENGINE_STATE_H
#define BEHALF_ENGINE_STATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/metric.h"
#include "eval/binding.h"
#include "graph/budget.h"
#include "engine/clock.h"
#include "engine/engine.h"
#include "eval/eval.h"
#include "graph/graph.h"
#include "engine/limits.h"
#include "graph/names.h"

struct audit_follow;
struct audit_log;
struct engine_listener;
struct live_records;
struct page_cache;
struct pool;
struct record_cache;
struct seen;
struct stops;
struct warming;
struct writer;

struct published {
    uint64_t revision;
    struct binding *binding;   /* one reference; NULL before the first schema */
    struct stops *stops;       /* one reference */
    uint64_t records_revision; /* the last that changed a session, grant or stop; 0 = none did */
    struct engine_token token;
    atomic_uint references;
};

struct engine {
    struct store *store;
    const struct env *env;
    struct graph *graph;
    struct name_cache *names;
    struct page_cache *pages;
    struct record_cache *records;
    struct seen *seen;
    struct pool *pool;
    struct writer *writer;
    struct warming *warming;
    struct live_records *live;
    struct audit_log *audit;     /* NULL = nothing is recorded */
    struct audit_follow *follow; /* the same */
    bool audit_is_strict;
    struct clock clock;
    int64_t sweep_every_ns; /* negative = never */
    int64_t history_ns;     /* negative = for ever */
    uint64_t history_bytes;
    int64_t session_ttl_max_ns;
    int64_t grant_ttl_max_ns;
    int64_t record_retention_ns;

    int64_t opened_ns;  /* monotonic */
    atomic_bool broken; /* what the store holds can be shown no more: nothing is written */
    _Atomic int64_t internal_logged_ns; /* when an INTERNAL was logged last; 0 = never */
    _Atomic uint64_t internal_unlogged; /* since then */

    pthread_mutex_t lock; /* guards the three below */
    struct engine_worker *workers;
    struct published *current;
    struct binding
        *older[LIMIT_SCHEMAS_KEPT];   /* compiled schemas of past revisions, newest use first */
    atomic_uint_fast64_t publication; /* grows with every replacement of `current` */

    pthread_mutex_t listening; /* guards the list; only the writer takes it for each publication */
    struct engine_listener *listeners;
};

enum request_class { REQUEST_CHECK, REQUEST_LOOKUP };

/* What a worker did. Its own thread writes them, any reads: so they cost it plain stores. */
struct worker_counts {
    metric_counter begun[REQUEST_LOOKUP + 1]; /* requests, by class */
    metric_counter handed_on;
    metric_counter failed;
    metric_counter internal; /* of these with INTERNAL */
    metric_counter edges;    /* visited */
    metric_counter decisions[DECISION_ALLOW + 1];
    metric_counter reasons[ENGINE_REASON_COUNT]; /* of decisions by actors or a grant */
};

struct engine_worker {
    struct engine *engine;
    struct engine_worker *next; /* guarded by the engine's lock */
    struct worker_counts counts;
    bool may_block;
    struct published *published; /* the newest this worker has seen; one reference, lent to the
                                    request it serves */
    uint64_t publication;
    struct arena scratch;   /* evaluation memory, reset by every request */
    int64_t decided_ns;     /* in the id of the last decision (decision_id_make) */
    uint64_t decision_salt; /* in all of them: what tells workers apart */
    uint32_t
        sample_left; /* decisions without actors until the next that is recorded; 0 = none is */
    struct buffer record; /* for the audit, of one decision */
};

/* Replaces the published state; takes over the references to `binding` and `stops`. Writer thread
 * (and open). */
void engine_publish(struct engine *engine, uint64_t revision, struct binding *binding,
                    struct stops *stops, uint64_t records_revision);
/* A reference to what is published now. */
struct published *engine_published(struct engine *engine);
void published_unref(struct published *published); /* accepts NULL */

/* For worker_refresh: takes what was published, with the number of its publication. */
void worker_renew(struct engine_worker *worker, uint64_t publication);

/* Makes the worker's reference the newest. On the worker's thread; it holds until the next call. */
static inline const struct published *
worker_refresh(struct engine_worker *worker)
{
    uint64_t publication = atomic_load_explicit(&worker->engine->publication, memory_order_acquire);

    if (BEHALF_UNLIKELY(worker->published == NULL || worker->publication != publication))
        worker_renew(worker, publication);
    return worker->published;
}

/* All that one request sees and uses; on the stack of the method that serves it. */
struct snapshot {
    struct engine *engine;
    struct engine_worker *worker;
    const struct engine_request *request;
    const struct binding *binding;  /* the worker's, or `older` */
    const struct published *newest; /* the worker's; its stops are those of `revision` where that is
                                       the newest */
    struct binding *older;          /* of a past schema: one reference; else NULL */
    uint64_t revision;
    int64_t last_seen; /* of the session, where a recorded decision is repeated; 0 = as it is */
    struct engine_token token;
    struct budget budget;
    struct graph_view view;
    struct resolver resolver;
    struct arena *scratch;       /* the worker's, empty at the start */
    struct reach_wide wide;      /* of checks, where they are evaluated */
    struct slice *context_names; /* verdict.c's copies, made when first needed */
    uint64_t denied_revision;    /* at which a last look denied; 0 = none did */
};

/* Fixes revision, schema and budget. NO_SCHEMA, UNKNOWN_TOKEN, REVISION_UNKNOWN, REVISION_EXPIRED,
 * WOULD_BLOCK. `revision` 0 = as the request's consistency says; a page passes its cursor's. */
enum status snapshot_open(struct engine_worker *worker, const struct engine_request *request,
                          enum request_class class, uint64_t revision, struct snapshot *snapshot,
                          struct error *error) BEHALF_MUST_USE;
void snapshot_close(struct snapshot *snapshot);

#endif
