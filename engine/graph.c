/* graph.c - one request's window on the graph.
 * Always true: what a view answers is the state of its revision and of no other. */
#include "engine/graph.h"

#include "base/memory.h"

struct graph {
    struct store *store;
    size_t memory_bytes;
};

struct graph *
graph_new(struct store *store, size_t memory_bytes)
{
    struct graph *graph = memory_new(sizeof *graph);

    graph->store = store;
    graph->memory_bytes = memory_bytes;
    return graph;
}

void
graph_free(struct graph *graph)
{
    memory_free(graph);
}

void
graph_invalidate(struct graph *graph, const struct edge_key *key)
{
    (void)graph;
    (void)key;
}

void
graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                uint64_t revision, bool may_block, struct budget *budget)
{
    *view = (struct graph_view){
        .graph = graph,
        .store = store,
        .revision = revision,
        .may_block = may_block,
        .budget = budget,
    };
}

void
graph_view_release(struct graph_view *view)
{
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

enum status
graph_view_contains(struct graph_view *view, const struct edge_key *key, bool *found,
                    struct error *error)
{
    const struct store_snapshot *snapshot;
    enum status status = budget_spend(view->budget, 1, error);

    if (status != BEHALF_OK)
        return status;
    if (NODE_IS_LOCAL(key->resource) || NODE_IS_LOCAL(key->subject)) {
        *found = false;
        return BEHALF_OK;
    }
    status = graph_view_storage(view, &snapshot, error);
    if (status != BEHALF_OK)
        return status;
    return store_edge_find(snapshot, view->revision, key, NULL, NULL, found, error);
}

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

enum status
graph_view_read(struct graph_view *view, const struct graph_range *range, uint64_t *nodes,
                size_t capacity, size_t *count, struct error *error)
{
    size_t filled = 0;
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(capacity > 0);
    if (!NODE_IS_LOCAL(range->node) && range->from < range->to)
        status = read_storage(view, range, nodes, capacity, &filled, error);
    if (status == BEHALF_OK)
        status = budget_spend(view->budget, filled + 1, error);
    if (status == BEHALF_OK)
        *count = filled;
    return status;
}
