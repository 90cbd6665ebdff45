/* graph.c - one request's window on the graph: edge sets from the cache, the rest from storage.
 * Always true: what a view answers is the state of its revision and of no other. A set comes from
 * the cache only as right at that revision (graph_cache.c says why it is), stays right for as long
 * as the view holds it, whatever is written since, because the view's revision does not move; and
 * storage is read at that revision. */
#include "engine/graph.h"

#include "base/arena.h"
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

static void
free_traits(struct graph_view *view)
{
    arena_release(view->traits);
    memory_free(view->traits);
    view->traits = NULL;
}

void
graph_view_release(struct graph_view *view)
{
    edge_set_unref(view->held);
    view->held = NULL;
    store_snapshot_close(view->snapshot);
    view->snapshot = NULL;
    if (view->traits != NULL)
        free_traits(view);
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

/* --- what edges carry --- */

/* What was borrowed from the last answer is not any more. */
static void
forget_traits(struct graph_view *view)
{
    if (view->traits != NULL)
        arena_reset(view->traits, LIMIT_GRAPH_TRAITS);
}

static struct arena *
traits_arena(struct graph_view *view)
{
    if (view->traits == NULL) {
        view->traits = memory_new(sizeof *view->traits);
        arena_init(view->traits, LIMIT_GRAPH_TRAITS);
    }
    return view->traits;
}

static enum status
traits_spent(struct error *error)
{
    return error_set(error, BEHALF_BUDGET_EXHAUSTED,
                     "the caveat contexts of the relationships that were to be read at once take "
                     "more than %zu bytes",
                     LIMIT_GRAPH_TRAITS);
}

static struct edge_traits
traits_of(const struct edge *edge)
{
    return (struct edge_traits){edge->expires_at, edge->context, edge->caveat};
}

/* Traits of an edge read from storage, kept until the view's arena is reset; *kept is NULL for a
 * plain one. */
static enum status
keep_traits(struct graph_view *view, struct edge_traits traits, const struct edge_traits **kept,
            struct error *error)
{
    struct edge_traits *copy;

    *kept = NULL;
    if (traits.caveat == LABEL_NONE && traits.expires_at == 0)
        return BEHALF_OK;
    copy = arena_take(traits_arena(view), sizeof *copy);
    if (copy == NULL)
        return traits_spent(error);
    *copy = traits;
    copy->context = arena_copy(view->traits, traits.context);
    if (copy->context.data == NULL)
        return traits_spent(error);
    *kept = copy;
    return BEHALF_OK;
}

/* --- one edge --- */

/* *traits was NULL, and stays so for a plain edge. */
static bool
held_contains(const struct graph_view *view, const struct edge_key *key,
              const struct edge_traits **traits)
{
    uint32_t group_key = edge_group_key(view->held_direction, key->relation, key->subject_relation);
    uint64_t far = view->held_direction == EDGE_FORWARD ? key->subject : key->resource;

    if (BEHALF_UNLIKELY(edge_set_has_special(view->held)))
        return edge_set_contains_special(view->held, group_key, far, view->now, traits);
    return edge_set_contains(view->held, group_key, far);
}

static enum status
contains_in_storage(struct graph_view *view, const struct edge_key *key, bool *found,
                    const struct edge_traits **traits, struct error *error)
{
    const struct store_snapshot *snapshot;
    struct buffer value;
    struct edge edge;
    bool there = false;
    enum status status = graph_view_storage(view, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&value);
    forget_traits(view);
    status = store_edge_find(snapshot, view->revision, key, &edge, &value, &there, error);
    if (status == BEHALF_OK && there) {
        struct edge_traits stored = traits_of(&edge);

        there = !edge_traits_expired(&stored, view->now);
        if (there)
            status = keep_traits(view, stored, traits, error);
    }
    if (status == BEHALF_OK)
        *found = there;
    buffer_release(&value);
    return status;
}

/* Neither end is at hand: one of them is loaded when nobody knows it, the resource before the
 * subject; else the edge is looked up alone. */
static enum status
contains_after_load(struct graph_view *view, const struct edge_key *key,
                    enum graph_cache_answer forward, enum graph_cache_answer reverse, bool *found,
                    const struct edge_traits **traits, struct error *error)
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
        return contains_in_storage(view, key, found, traits, error);
    *found = held_contains(view, key, traits);
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
        *found = held_contains(view, key, traits);
        return BEHALF_OK;
    }
    forward = find_set(view, key->resource, EDGE_FORWARD);
    if (BEHALF_LIKELY(forward == GRAPH_CACHE_SET)) {
        *found = held_contains(view, key, traits);
        return BEHALF_OK;
    }
    reverse = find_set(view, key->subject, EDGE_REVERSE);
    if (reverse != GRAPH_CACHE_SET)
        return contains_after_load(view, key, forward, reverse, found, traits, error);
    *found = held_contains(view, key, traits);
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

/* A batch while it is filled. */
struct filling {
    uint64_t *nodes;
    size_t capacity;
    size_t count;
    const struct edge_traits **traits; /* by place; NULL as long as all edges are plain */
};

static enum status
fill(struct graph_view *view, struct filling *filling, uint64_t node,
     const struct edge_traits *traits, struct error *error)
{
    if (traits != NULL && filling->traits == NULL) {
        filling->traits =
            arena_take_array(traits_arena(view), filling->capacity, sizeof *filling->traits);
        if (filling->traits == NULL)
            return traits_spent(error);
    }
    if (filling->traits != NULL)
        filling->traits[filling->count] = traits;
    filling->nodes[filling->count++] = node;
    return BEHALF_OK;
}

static enum status
fill_from_storage(struct graph_view *view, struct filling *filling, const struct edge *edge,
                  enum edge_direction direction, struct error *error)
{
    struct edge_traits stored = traits_of(edge);
    const struct edge_traits *traits;
    enum status status;

    if (edge_traits_expired(&stored, view->now))
        return budget_spend(view->budget, 1, error);
    status = keep_traits(view, stored, &traits, error);
    if (status != BEHALF_OK)
        return status;
    return fill(view, filling, direction == EDGE_FORWARD ? edge->key.subject : edge->key.resource,
                traits, error);
}

static enum status
read_storage(struct graph_view *view, const struct graph_range *range, struct filling *filling,
             struct error *error)
{
    struct edge_range stored = stored_range(range);
    const struct store_snapshot *snapshot;
    struct store_scan *scan = NULL;
    struct edge edge;
    enum status status = graph_view_storage(view, &snapshot, error);

    forget_traits(view);
    if (status == BEHALF_OK)
        status = store_scan_open(snapshot, view->revision, &stored, &scan, error);
    while (status == BEHALF_OK && filling->count < filling->capacity) {
        status = store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            status = fill_from_storage(view, filling, &edge, range->direction, error);
    }
    store_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* A run with special edges, from place `at` on: node by node, since some may have expired. */
static enum status
read_special(struct graph_view *view, struct edge_run run, size_t at, uint64_t to,
             struct filling *filling, struct error *error)
{
    struct edge_special_cursor cursor = edge_set_specials(view->held, run.nodes + at);
    enum status status = BEHALF_OK;

    forget_traits(view);
    while (status == BEHALF_OK && filling->count < filling->capacity && at < run.count &&
           run.nodes[at] < to) {
        const struct edge_traits *traits = edge_special_take(&cursor, run.nodes + at);

        if (traits != NULL && edge_traits_expired(traits, view->now))
            status = budget_spend(view->budget, 1, error);
        else
            status = fill(view, filling, run.nodes[at], traits, error);
        at++;
    }
    return status;
}

/* A run without special edges. */
static void
read_plain(struct edge_run run, size_t begin, uint64_t to, struct filling *filling)
{
    size_t count = run.count - begin;

    if (count > filling->capacity)
        count = filling->capacity;
    /* `to` is mostly behind all that is there; otherwise the last ones are left out again. */
    if (count > 0 && run.nodes[begin + count - 1] >= to)
        count = edge_run_lower_bound((struct edge_run){run.nodes + begin, count}, to);
    if (count > 0)
        memcpy(filling->nodes, run.nodes + begin, count * sizeof *filling->nodes);
    filling->count = count;
}

static enum status
read_held(struct graph_view *view, const struct graph_range *range, struct filling *filling,
          struct error *error)
{
    uint32_t group_key = edge_group_key(range->direction, range->relation, range->subject_relation);
    bool special = false;
    struct edge_run run = BEHALF_UNLIKELY(edge_set_has_special(view->held))
                              ? edge_set_run_special(view->held, group_key, &special)
                              : edge_set_run(view->held, group_key);
    size_t begin = edge_run_lower_bound(run, range->from);

    if (BEHALF_UNLIKELY(special))
        return read_special(view, run, begin, range->to, filling, error);
    read_plain(run, begin, range->to, filling);
    return BEHALF_OK;
}

static enum status
read_set(struct graph_view *view, const struct graph_range *range, struct filling *filling,
         struct error *error)
{
    enum graph_cache_answer answer = find_set(view, range->node, range->direction);
    bool usable = answer == GRAPH_CACHE_SET;
    enum status status = BEHALF_OK;

    if (answer == GRAPH_CACHE_ABSENT)
        status = load_set(view, range->node, range->direction, &usable, error);
    if (status != BEHALF_OK)
        return status;
    return usable ? read_held(view, range, filling, error)
                  : read_storage(view, range, filling, error);
}

enum status
graph_view_read(struct graph_view *view, const struct graph_range *range, struct graph_batch *batch,
                struct error *error)
{
    struct filling filling = {.nodes = batch->nodes, .capacity = batch->capacity};
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(batch->capacity > 0);
    batch->traits = NULL;
    if (!NODE_IS_LOCAL(range->node) && range->from < range->to)
        status = read_set(view, range, &filling, error);
    if (status == BEHALF_OK)
        status = budget_spend(view->budget, filling.count + 1, error);
    if (status == BEHALF_OK) {
        batch->count = filling.count;
        batch->traits = filling.traits;
    }
    return status;
}
