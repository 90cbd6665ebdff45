/* graph.c - one request's view of the graph: edge sets from the cache, everything else from
 * storage.
 * Always true: a view answers with the state of its revision and of no other. The cache gives a set
 * only if it is right at that revision (graph_cache.c proves it). The set stays right as long as
 * the view holds it, because sets never change and the view's revision does not move. Storage is
 * read at that revision too.
 *
 * Sections. The view begins a section when it first looks at memory, and renews it every
 * STEPS_PER_SECTION calls. It ends the section before it reads storage, and when it is released.
 * Nothing is held across any of these, so no pointer outlives its section. Only resolvers (names.c)
 * read storage inside a section, since traits of the last answer may be in use: that delays the
 * freeing of memory and has no other effect.
 *
 * Costs. A question costs the same number of edges from memory and from storage, or the answer to a
 * request near its budget would depend on the cache. A load for the cache is not charged; it only
 * makes the budget read the clock sooner. */
#include "graph/graph.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/memory.h"
#include "graph/graph_cache.h"
#include "graph/graph_private.h"
#include "graph/limits.h"

/* Bounds how long one walk keeps retired memory alive, which counts against the budget of the
 * cache. A renewal costs a store and a fence, spread over this many calls. */
#define STEPS_PER_SECTION 256

struct graph *
graph_new(struct store *store, size_t memory_bytes)
{
    struct graph *graph = memory_new(sizeof *graph);

    graph->store = store;
    graph->readers = readers_new();
    graph->cache = graph_cache_new(graph->readers, memory_bytes);
    return graph;
}

void
graph_free(struct graph *graph)
{
    if (graph == NULL)
        return;
    /* The cache goes first: it retires its sets, and readers_free frees what was retired. */
    graph_cache_free(graph->cache);
    readers_free(graph->readers);
    memory_free(graph);
}

struct readers *
graph_readers(struct graph *graph)
{
    return graph->readers;
}

void
graph_prefetch(struct graph *graph, uint64_t node, enum edge_direction direction)
{
    if (!NODE_IS_LOCAL(node))
        graph_cache_prefetch(graph->cache, node, direction);
}

void
graph_prefetch_edges(struct graph *graph, uint64_t node, enum edge_direction direction)
{
    if (!NODE_IS_LOCAL(node))
        graph_cache_prefetch_set(graph->cache, node, direction);
}

/* --- writing --- */

/* One end of a changed edge. Every edge is in two sets, so a change has two ends. */
struct end {
    uint64_t node;
    enum edge_direction direction;
    struct edge_change change;
};

static int
compare_ends(const void *left, const void *right)
{
    const struct end *a = left;
    const struct end *b = right;

    if (a->direction != b->direction)
        return a->direction < b->direction ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

/* The same change seen from one end. The group key follows the order of that direction's index, so
 * it differs between the two. */
static struct end
end_of(const struct graph_change *change, enum edge_direction direction)
{
    const struct edge_key *key = &change->key;
    bool forward = direction == EDGE_FORWARD;

    return (struct end){
        .node = forward ? key->resource : key->subject,
        .direction = direction,
        .change = {.node = forward ? key->subject : key->resource,
                   .group_key = edge_group_key(direction, key->relation, key->subject_relation),
                   .revision = change->revision,
                   .traits = change->traits,
                   .removed = change->removed},
    };
}

void
graph_apply(struct graph *graph, const struct graph_change *changes, size_t count,
            uint64_t published)
{
    struct end *ends;
    struct edge_change *of_node;
    struct reader_pins pins;

    if (count == 0)
        return;
    ends = memory_new_array(2 * count, sizeof *ends);
    of_node = memory_new_array(count, sizeof *of_node);
    /* Once per group: a pin that appears later costs its view a read of storage. */
    readers_pins(graph->readers, &pins);
    for (size_t at = 0; at < count; at++) {
        ends[2 * at] = end_of(&changes[at], EDGE_FORWARD);
        ends[2 * at + 1] = end_of(&changes[at], EDGE_REVERSE);
    }
    qsort(ends, 2 * count, sizeof *ends, compare_ends);
    for (size_t at = 0; at < 2 * count;) {
        size_t first = at;

        /* All changes of one set at once, so that a group copies each set once. The sort may mix
         * their order; version_make sorts them by revision. */
        for (; at < 2 * count && compare_ends(&ends[first], &ends[at]) == 0; at++)
            of_node[at - first] = ends[at].change;
        graph_cache_apply(graph->cache, ends[first].node, ends[first].direction, of_node,
                          at - first, published, &pins);
    }
    memory_free(ends);
    memory_free(of_node);
}

void
graph_invalidate(struct graph *graph, const struct edge_key *key)
{
    /* Both ends: the next asker loads what storage really has. */
    graph_cache_drop(graph->cache, key->resource, EDGE_FORWARD);
    graph_cache_drop(graph->cache, key->subject, EDGE_REVERSE);
}

void
graph_trim(struct graph *graph, uint64_t published)
{
    struct reader_pins pins;

    readers_pins(graph->readers, &pins);
    /* Trim first, then collect: versions retired now can be freed at once when no section is
     * open. */
    graph_cache_trim(graph->cache, published, &pins);
    readers_collect(graph->readers);
}

/* --- the whole graph --- */

void
graph_stats_read(struct graph *graph, struct graph_stats *stats)
{
    graph_cache_stats_read(graph->cache, stats);
}

void
graph_figures_read(struct graph *graph, struct graph_figures *figures)
{
    graph_cache_figures_read(graph->cache, figures);
}

/* Compares a version with the store. A revision older than the horizon has no history to compare
 * with and counts as equal. */
static bool
is_in_store(void *context, uint64_t node, enum edge_direction direction, uint64_t revision,
            const struct edge_set *set)
{
    const struct store_snapshot *snapshot = context;
    uint64_t head = store_snapshot_head(snapshot);
    struct edge_set *stored = NULL;
    struct error error;
    enum status status = edge_set_load(snapshot, revision < head ? revision : head, node, direction,
                                       SIZE_MAX, &stored, &error);
    bool same =
        status == BEHALF_REVISION_EXPIRED || (status == BEHALF_OK && edge_set_equal(stored, set));

    edge_set_free(stored);
    return same;
}

bool
graph_validate(struct graph *graph, const char **reason)
{
    struct store_snapshot *snapshot = NULL;
    struct graph_cache_witness witness = {.same = is_in_store};
    struct error error;
    bool valid;

    if (store_snapshot_open(graph->store, &snapshot, &error) != BEHALF_OK) {
        *reason = "the store cannot be read";
        return false;
    }
    witness.context = snapshot;
    valid = graph_cache_validate(graph->cache, &witness, reason);
    store_snapshot_close(snapshot);
    return valid;
}

bool
graph_is_full(struct graph *graph)
{
    return graph_cache_is_full(graph->cache);
}

void
graph_visit_used(struct graph *graph, size_t most,
                 void (*visit)(void *context, uint64_t node, enum edge_direction direction),
                 void *context)
{
    graph_cache_visit_used(graph->cache, most, visit, context);
}

/* --- a view and its sections --- */

void
graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                uint64_t revision, int64_t now, bool may_block, struct budget *budget)
{
    /* Field by field: for a struct of this size compilers emit a slow block clear, on the path of
     * every check. */
    view->graph = graph;
    view->store = store;
    view->snapshot = NULL;
    view->revision = revision;
    view->now = now;
    view->budget = budget;
    view->reader = NULL;
    view->held = NULL;
    view->held_node = 0;
    view->held_direction = EDGE_FORWARD;
    view->steps = 0;
    view->inside = false;
    view->may_block = may_block;
    view->traits = NULL;
    view->loads = 0;
}

bool
graph_view_enter(struct graph_view *view)
{
    if (BEHALF_LIKELY(view->inside))
        return true;
    if (view->reader == NULL)
        view->reader = readers_claim(view->graph->readers, view, view->revision);
    else
        reader_enter(view->graph->readers, view->reader);
    view->inside = view->reader != NULL;
    view->steps = 0;
    return view->inside;
}

/* Counts one call on the view and makes sure of a section that is not too old. */
static inline bool
enter_step(struct graph_view *view)
{
    if (BEHALF_UNLIKELY(view->inside && ++view->steps > STEPS_PER_SECTION)) {
        /* The held set is protected by the old section only. */
        view->held = NULL;
        view->inside = false;
    }
    return graph_view_enter(view);
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
    if (view->reader != NULL)
        reader_release(view->reader);
    view->reader = NULL;
    view->inside = false;
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

    /* No message: the engine runs the request again where it may wait. */
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    if (view->snapshot == NULL)
        status = store_snapshot_open(view->store, &view->snapshot, error);
    if (status == BEHALF_OK)
        *snapshot = view->snapshot;
    return status;
}

/* --- edge sets --- */

/* Keeps the set for the next call of the same section. Walks read a node in batches, and ask about
 * one node several times in a row. */
static void
hold(struct graph_view *view, uint64_t node, enum edge_direction direction,
     const struct edge_set *set)
{
    view->held = set;
    view->held_node = node;
    view->held_direction = direction;
}

static bool
is_held(const struct graph_view *view, uint64_t node, enum edge_direction direction)
{
    return view->held_node == node && view->held_direction == direction && view->held != NULL;
}

/* In a section. After GRAPH_CACHE_SET the set is view->held. The check for the held set spares a
 * walk over one node a lookup per batch. */
static inline enum graph_cache_answer
find_set(struct graph_view *view, uint64_t node, enum edge_direction direction)
{
    const struct edge_set *set;
    enum graph_cache_answer answer;

    if (is_held(view, node, direction))
        return GRAPH_CACHE_SET;
    answer = graph_cache_find(view->graph->cache, node, direction, view->revision, &set);
    if (answer == GRAPH_CACHE_SET)
        hold(view, node, direction, set);
    return answer;
}

/* Loads an absent set for all views, and for this one if the set is right at its revision: the head
 * that the load saw may be newer. *usable is then false, and the caller reads storage. */
static enum status
load_set(struct graph_view *view, uint64_t node, enum edge_direction direction, bool *usable,
         struct error *error)
{
    struct graph_cache *cache = view->graph->cache;
    struct store_snapshot *snapshot = NULL;
    size_t bytes_max = graph_cache_set_bytes_max(cache);
    struct edge_set *set = NULL;
    struct graph_load load;
    enum status status;
    uint64_t until;

    *usable = false;
    if (!view->may_block)
        return BEHALF_WOULD_BLOCK;
    /* False: another thread loads the node, or there is no room. Waiting could take as long as
     * loading the largest set, so this view reads the edges it needs from storage. */
    if (!graph_cache_load_begin(cache, node, direction, &load))
        return BEHALF_OK;
    graph_view_leave(view);
    view->loads++;
    /* A snapshot of its own: the view's may be older than the mark, and the protocol needs one that
     * is younger. From an older one, a change committed between the two would be neither in the set
     * nor at the mark. */
    status = store_snapshot_open(view->store, &snapshot, error);
    if (status == BEHALF_OK)
        status = edge_set_load(snapshot, store_snapshot_head(snapshot), node, direction, bytes_max,
                               &set, error);
    store_snapshot_close(snapshot);
    if (status != BEHALF_OK) {
        graph_cache_load_failed(cache, &load);
        return status;
    }
    budget_note_load(view->budget,
                     set != NULL ? edge_set_edge_count(set) : bytes_max / sizeof(uint64_t));
    (void)graph_view_enter(view); /* cannot fail: the view has a place */
    graph_cache_load_end(cache, &load, set, &until);
    *usable = set != NULL && set->valid_from <= view->revision && view->revision < until;
    if (*usable)
        hold(view, node, direction, set);
    return BEHALF_OK;
}

/* --- traits --- */

/* Ends the borrowing of the last answer's traits. */
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
        arena_init_request(view->traits, LIMIT_GRAPH_TRAITS);
    }
    return view->traits;
}

/* Reports why traits found no memory: other requests took it, or this batch reached its own
 * bound. */
static enum status
traits_spent(struct error *error)
{
    if (arena_was_refused())
        return budget_memory_refused(error);
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

/* Copies the traits of an edge read from storage into the view's arena, until its next reset; *kept
 * is NULL for a plain edge. */
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

/* *traits is NULL on entry, and stays NULL for a plain edge. */
static bool
held_contains(const struct graph_view *view, const struct edge_key *key,
              const struct edge_traits **traits)
{
    /* The held set may belong to either end of the edge; group key and far node follow its
     * direction. */
    uint32_t group_key = edge_group_key(view->held_direction, key->relation, key->subject_relation);
    uint64_t far = view->held_direction == EDGE_FORWARD ? key->subject : key->resource;
    const struct edge_set *block =
        edge_set_block(view->held, edge_set_block_place(view->held, group_key, far));

    if (BEHALF_UNLIKELY(edge_set_has_special(block)))
        return edge_set_contains_special(block, group_key, far, view->now, traits);
    return edge_set_contains(block, group_key, far);
}

/* Looks up one edge in storage. Expiration is compared here as in memory, so the answer does not
 * depend on where it came from. */
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
    graph_view_leave(view);
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

/* Neither set is in memory. Loads one if the cache has no slot for it, the resource's before the
 * subject's; otherwise looks up the single edge. */
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

/* An edge is in the sets of both ends, so the subject's set answers where the resource's cannot:
 * the members of a huge group are not in memory, but the few groups of one member are. */
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
    if (BEHALF_UNLIKELY(!enter_step(view)))
        return contains_in_storage(view, key, found, traits, error);
    /* A walk that asks about one subject on many resources holds the subject's set: no lookup at
     * all. */
    if (is_held(view, key->subject, EDGE_REVERSE)) {
        *found = held_contains(view, key, traits);
        return BEHALF_OK;
    }
    /* The resource's set comes first: a check walks from resources, so it is the set most likely to
     * be held or in memory. */
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

/* --- kinds of edges --- */

uint64_t
graph_view_kinds(struct graph_view *view, uint64_t resource)
{
    if (NODE_IS_LOCAL(resource))
        return 0;
    /* Never loads: kinds only save questions, and a load costs more than a question. */
    if (BEHALF_UNLIKELY(!enter_step(view)) ||
        find_set(view, resource, EDGE_FORWARD) != GRAPH_CACHE_SET)
        return UINT64_MAX;
    return edge_set_kinds(view->held);
}

/* --- ranges --- */

/* The range of the storage index that `range` names. */
static struct edge_range
stored_range(const struct graph_range *range)
{
    struct edge_range stored = {.direction = range->direction};

    /* Relations are equal in both bounds, so the range is one run of far nodes, contiguous in the
     * index. */
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

/* A batch while it is being filled. */
struct filling {
    uint64_t *nodes;
    size_t capacity;
    size_t count;
    const struct edge_traits **traits; /* by index; NULL while all edges are plain */
};

/* Adds one far node to a batch. The array of traits is made at the first special edge, so batches
 * of plain edges take no memory; entries before it are NULL. */
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

    /* Expired edges cost as much here as in memory, or the answer to a request near its budget
     * would depend on the cache. They must cost: a node may have a million of them. */
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
    const struct store_snapshot *snapshot = NULL;
    struct store_scan *scan = NULL;
    struct edge edge;
    enum status status = graph_view_storage(view, &snapshot, error);

    graph_view_leave(view);
    forget_traits(view);
    if (status == BEHALF_OK)
        status = store_scan_open(snapshot, view->revision, &stored, &scan, error);
    while (status == BEHALF_OK && filling->count < filling->capacity) {
        status = store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            status = fill_from_storage(view, filling, &edge, range->direction, error);
    }
    /* DONE is the true end of the range, after the horizon was compared again (scan.c): a short
     * list cannot pass for a complete one. */
    store_scan_close(scan);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* A run with special edges, from index `at` on: edge by edge, since some may have expired. */
static enum status
read_special(struct graph_view *view, const struct edge_set *block, struct edge_run run, size_t at,
             uint64_t to, struct filling *filling, struct error *error)
{
    struct edge_special_cursor cursor = edge_set_specials(block, run.nodes + at);
    enum status status = BEHALF_OK;

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

/* A run of plain edges: one copy. */
static void
read_plain(struct edge_run run, size_t begin, uint64_t to, struct filling *filling)
{
    size_t count = run.count - begin;

    if (count > filling->capacity - filling->count)
        count = filling->capacity - filling->count;
    /* `to` is usually beyond the whole run, so one comparison replaces a search. */
    if (count > 0 && run.nodes[begin + count - 1] >= to)
        count = edge_run_lower_bound((struct edge_run){run.nodes + begin, count}, to);
    if (count == 0)
        return;
    memcpy(filling->nodes + filling->count, run.nodes + begin, count * sizeof *filling->nodes);
    /* An earlier block of the set had special edges, so these need their NULLs. */
    if (BEHALF_UNLIKELY(filling->traits != NULL))
        memset(filling->traits + filling->count, 0, count * sizeof *filling->traits);
    filling->count += count;
}

static enum status
read_block(struct graph_view *view, const struct edge_set *block, uint32_t group_key,
           const struct graph_range *range, struct filling *filling, struct error *error)
{
    bool special = false;
    struct edge_run run = BEHALF_UNLIKELY(edge_set_has_special(block))
                              ? edge_set_run_special(block, group_key, &special)
                              : edge_set_run(block, group_key);
    size_t begin = edge_run_lower_bound(run, range->from);

    if (BEHALF_UNLIKELY(special))
        return read_special(view, block, run, begin, range->to, filling, error);
    read_plain(run, begin, range->to, filling);
    return BEHALF_OK;
}

/* Whether the range continues in the piece at this index. */
static bool
goes_on(const struct edge_set *set, uint32_t at, uint32_t group_key, uint64_t to)
{
    const struct edge_piece *piece;

    if (at >= set->piece_count)
        return false;
    piece = &edge_set_directory(set)->pieces[at];
    return piece->group_key == group_key && piece->first < to;
}

static enum status
read_held(struct graph_view *view, const struct graph_range *range, struct filling *filling,
          struct error *error)
{
    uint32_t group_key = edge_group_key(range->direction, range->relation, range->subject_relation);
    const struct edge_set *set = view->held;
    /* A run may continue in the next pieces; the batch is filled across them, so that a short batch
     * always means the end. */
    uint32_t at = edge_set_block_place(set, group_key, range->from);
    enum status status;

    forget_traits(view);
    do {
        status = read_block(view, edge_set_block(set, at), group_key, range, filling, error);
        at++;
    } while (status == BEHALF_OK && filling->count < filling->capacity &&
             goes_on(set, at, group_key, range->to));
    return status;
}

static enum status
read_set(struct graph_view *view, const struct graph_range *range, struct filling *filling,
         struct error *error)
{
    enum graph_cache_answer answer =
        enter_step(view) ? find_set(view, range->node, range->direction) : GRAPH_CACHE_STORAGE;
    /* No place among the readers, or a version that memory lacks: both end in storage, which
     * answers the same. */
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
    /* Charged after the read, for the edges it found; the capacity of the batch bounds the
     * overdraft. */
    if (status == BEHALF_OK)
        status = budget_spend(view->budget, filling.count + 1, error);
    /* Set on success only, so that a caller cannot take half of a batch for the end. */
    if (status == BEHALF_OK) {
        batch->count = filling.count;
        batch->traits = filling.traits;
    }
    return status;
}
