/* graph.c - one request's window on the graph: edge sets from the cache, the rest from storage.
 * Always true: what a view answers is the state of its revision and of no other. A set comes from
 * the cache only as right at that revision (graph_cache.c says why it is), stays right for as long
 * as the view holds it, whatever is written since, because the view's revision does not move; and
 * storage is read at that revision. */
#include "engine/graph.h"

#include "base/memory.h"
#include "engine/graph_cache.h"
#include "engine/limits.h"

struct graph {
    struct graph_cache *cache;
};

struct graph *
graph_new(struct store *store, size_t memory_bytes)
{
    struct graph *graph = memory_new(sizeof *graph);

    (void)store; /* each view names it again, and a load goes where its view goes */
    graph->cache = graph_cache_new(memory_bytes);
    return graph;
}

void
graph_free(struct graph *graph)
{
    if (graph == NULL)
        return;
    graph_cache_free(graph->cache);
    memory_free(graph);
}

void
graph_invalidate(struct graph *graph, const struct edge_key *key)
{
    graph_cache_drop(graph->cache, key->resource, EDGE_FORWARD);
    graph_cache_drop(graph->cache, key->subject, EDGE_REVERSE);
}

void
graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                uint64_t revision, int64_t now, bool may_block, struct budget *budget)
{
    *view = (struct graph_view){
        .graph = graph,
        .store = store,
        .revision = revision,
        .now = now,
        .may_block = may_block,
        .budget = budget,
    };
}

void
graph_view_release(struct graph_view *view)
{
    edge_set_unref(view->held);
    view->held = NULL;
    store_snapshot_close(view->snapshot);
    view->snapshot = NULL;
}

enum status
graph_view_storage(struct graph_view *view, const struct store_snapshot **snapshot,
                   struct error *error)
{
    enum status status = BEHALF_OK;

    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    if (view->snapshot == NULL)
        status = store_snapshot_open(view->store, &view->snapshot, error);
    if (status == BEHALF_OK)
        *snapshot = view->snapshot;
    return status;
}

/* --- edge sets --- */

/* Takes over the caller's reference. */
static void
hold(struct graph_view *view, uint64_t node, enum edge_direction direction, struct edge_set *set)
{
    edge_set_unref(view->held);
    view->held = set;
    view->held_node = node;
    view->held_direction = direction;
}

static bool
is_held(const struct graph_view *view, uint64_t node, enum edge_direction direction)
{
    return view->held_node == node && view->held_direction == direction && view->held != NULL;
}

/* After GRAPH_CACHE_SET the set is view->held. */
static inline enum graph_cache_answer
find_set(struct graph_view *view, uint64_t node, enum edge_direction direction)
{
    struct edge_set *set;
    enum graph_cache_answer answer;

    if (is_held(view, node, direction))
        return GRAPH_CACHE_SET;
    answer = graph_cache_find(view->graph->cache, node, direction, view->revision, &set);
    if (answer == GRAPH_CACHE_SET)
        hold(view, node, direction, set);
    return answer;
}

/* Loads an absent set for all, and for this view where the set is right at its revision: the head
 * that the load saw may be newer. *usable is then false, and the caller reads storage. */
static enum status
load_set(struct graph_view *view, uint64_t node, enum edge_direction direction, bool *usable,
         struct error *error)
{
    struct graph_cache *cache = view->graph->cache;
    struct store_snapshot *snapshot = NULL;
    struct edge_set *set = NULL;
    struct graph_load load;
    enum status status;

    *usable = false;
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    if (!graph_cache_load_begin(cache, node, direction, &load))
        return BEHALF_OK;
    /* Not the view's snapshot: that may be older than the mark, and the protocol rests on this one
     * being younger. */
    status = store_snapshot_open(view->store, &snapshot, error);
    if (status == BEHALF_OK)
        status = edge_set_load(snapshot, node, direction, &set, error);
    store_snapshot_close(snapshot);
    if (status != BEHALF_OK) {
        graph_cache_load_failed(cache, &load);
        return status;
    }
    budget_note_load(view->budget, set != NULL ? edge_set_edge_count(set) : LIMIT_GRAPH_SET_EDGES);
    graph_cache_load_end(cache, &load, set);
    *usable = set != NULL && set->valid_from <= view->revision;
    if (*usable)
        hold(view, node, direction, set);
    else
        edge_set_unref(set);
    return BEHALF_OK;
}

/* --- one edge --- */

static bool
held_contains(const struct graph_view *view, const struct edge_key *key)
{
    uint32_t group_key = edge_group_key(view->held_direction, key->relation, key->subject_relation);

    return edge_set_contains(view->held, group_key,
                             view->held_direction == EDGE_FORWARD ? key->subject : key->resource);
}

static enum status
contains_in_storage(struct graph_view *view, const struct edge_key *key, bool *found,
                    struct error *error)
{
    const struct store_snapshot *snapshot;
    enum status status = graph_view_storage(view, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    return store_edge_find(snapshot, view->revision, key, NULL, NULL, found, error);
}

/* Neither end is at hand: one of them is loaded when nobody knows it, the resource before the
 * subject; else the edge is looked up alone. */
static enum status
contains_after_load(struct graph_view *view, const struct edge_key *key,
                    enum graph_cache_answer forward, enum graph_cache_answer reverse, bool *found,
                    struct error *error)
{
    bool usable = false;
    enum status status = BEHALF_OK;

    if (forward == GRAPH_CACHE_ABSENT)
        status = load_set(view, key->resource, EDGE_FORWARD, &usable, error);
    else if (reverse == GRAPH_CACHE_ABSENT)
        status = load_set(view, key->subject, EDGE_REVERSE, &usable, error);
    if (status != BEHALF_OK)
        return status;
    if (!usable)
        return contains_in_storage(view, key, found, error);
    *found = held_contains(view, key);
    return BEHALF_OK;
}

/* An edge stands in the set of either end, so the second one answers where the first cannot: the
 * members of a huge group are not in memory, but the few groups of this member are. */
enum status
graph_view_contains(struct graph_view *view, const struct edge_key *key, bool *found,
                    const struct edge_traits **traits, struct error *error)
{
    enum graph_cache_answer forward;
    enum graph_cache_answer reverse;
    enum status status = budget_spend(view->budget, 1, error);

    *traits = NULL;
    if (status != BEHALF_OK)
        return status;
    if (NODE_IS_LOCAL(key->resource) || NODE_IS_LOCAL(key->subject)) {
        *found = false;
        return BEHALF_OK;
    }
    if (is_held(view, key->subject, EDGE_REVERSE)) {
        *found = held_contains(view, key);
        return BEHALF_OK;
    }
    forward = find_set(view, key->resource, EDGE_FORWARD);
    if (BEHALF_LIKELY(forward == GRAPH_CACHE_SET)) {
        *found = held_contains(view, key);
        return BEHALF_OK;
    }
    reverse = find_set(view, key->subject, EDGE_REVERSE);
    if (reverse != GRAPH_CACHE_SET)
        return contains_after_load(view, key, forward, reverse, found, error);
    *found = held_contains(view, key);
    return BEHALF_OK;
}

/* --- ranges --- */

/* The part of the index that `range` asks for. */
static struct edge_range
stored_range(const struct graph_range *range)
{
    struct edge_range stored = {.direction = range->direction};

    stored.from.relation = stored.to.relation = range->relation;
    stored.from.subject_relation = stored.to.subject_relation = range->subject_relation;
    if (range->direction == EDGE_FORWARD) {
        stored.from.resource = stored.to.resource = range->node;
        stored.from.subject = range->from;
        stored.to.subject = range->to;
    } else {
        stored.from.subject = stored.to.subject = range->node;
        stored.from.resource = range->from;
        stored.to.resource = range->to;
    }
    return stored;
}

static enum status
read_storage(struct graph_view *view, const struct graph_range *range, uint64_t *nodes,
             size_t capacity, size_t *count, struct error *error)
{
    struct edge_range stored = stored_range(range);
    const struct store_snapshot *snapshot;
    struct store_scan *scan = NULL;
    struct edge edge;
    size_t filled = 0;
    enum status status = graph_view_storage(view, &snapshot, error);

    if (status == BEHALF_OK)
        status = store_scan_open(snapshot, view->revision, &stored, &scan, error);
    while (status == BEHALF_OK && filled < capacity) {
        status = store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            nodes[filled++] =
                range->direction == EDGE_FORWARD ? edge.key.subject : edge.key.resource;
    }
    store_scan_close(scan);
    if (status == BEHALF_DONE)
        status = BEHALF_OK;
    if (status == BEHALF_OK)
        *count = filled;
    return status;
}

static size_t
read_held(const struct graph_view *view, const struct graph_range *range, uint64_t *nodes,
          size_t capacity)
{
    struct edge_run run = edge_set_run(
        view->held, edge_group_key(range->direction, range->relation, range->subject_relation));
    size_t begin = edge_run_lower_bound(run, range->from);
    size_t count = run.count - begin;

    if (count > capacity)
        count = capacity;
    /* `to` is mostly behind all that is there; otherwise the last ones are left out again. */
    if (count > 0 && run.nodes[begin + count - 1] >= range->to)
        count = edge_run_lower_bound((struct edge_run){run.nodes + begin, count}, range->to);
    if (count > 0)
        memcpy(nodes, run.nodes + begin, count * sizeof *nodes);
    return count;
}

static enum status
read_set(struct graph_view *view, const struct graph_range *range, uint64_t *nodes, size_t capacity,
         size_t *count, struct error *error)
{
    enum graph_cache_answer answer = find_set(view, range->node, range->direction);
    bool usable = answer == GRAPH_CACHE_SET;
    enum status status = BEHALF_OK;

    if (answer == GRAPH_CACHE_ABSENT)
        status = load_set(view, range->node, range->direction, &usable, error);
    if (status != BEHALF_OK)
        return status;
    if (!usable)
        return read_storage(view, range, nodes, capacity, count, error);
    *count = read_held(view, range, nodes, capacity);
    return BEHALF_OK;
}

enum status
graph_view_read(struct graph_view *view, const struct graph_range *range, struct graph_batch *batch,
                struct error *error)
{
    size_t filled = 0;
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(batch->capacity > 0);
    batch->traits = NULL;
    if (!NODE_IS_LOCAL(range->node) && range->from < range->to)
        status = read_set(view, range, batch->nodes, batch->capacity, &filled, error);
    if (status == BEHALF_OK)
        status = budget_spend(view->budget, filled + 1, error);
    if (status == BEHALF_OK)
        batch->count = filled;
    return status;
}
