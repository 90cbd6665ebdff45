/* graph_load.c - batch loads: the edge sets of many nodes from one storage snapshot and one scan.
 * A single load opens a snapshot and an iterator, which costs more than reading the node; a batch
 * pays for them once.
 * Always true: each load follows the protocol of graph_cache.c. All marks of a batch are installed
 * before its one snapshot is opened, so the snapshot is younger than every mark, as the proof
 * requires. Each mark is ended exactly once, also after an error. */
#include <stdlib.h>

#include "graph/graph_cache.h"
#include "graph/graph_private.h"

/* A batch stops after this many edges and gives up its remaining loads: one node may have millions,
 * and the other marks would keep their nodes out of memory meanwhile. */
#define EDGES_TOGETHER 65536

/* A batch of loads; their marks are installed, in ascending order of nodes. */
struct loads {
    enum edge_direction direction;
    bool asked;
    size_t count;
    size_t ended; /* the first `ended` of them are finished */
    size_t installed;
    uint64_t installed_edges;
    uint64_t read_edges; /* also of sets that were too large to be installed */
    uint64_t nodes[GRAPH_LOADS_MAX];
    struct graph_load marks[GRAPH_LOADS_MAX];
};

/* Reads and installs one set after another. The view enters its section for the hand-over alone: a
 * scan may wait for the disk, and a long section would keep retired memory from being freed. */
static enum status
end_loads(struct graph_view *view, struct loads *loads, struct store_scan *scan, uint64_t head,
          struct error *error)
{
    struct graph_cache *cache = view->graph->cache;
    size_t bytes_max = graph_cache_set_bytes_max(cache);

    for (; loads->ended < loads->count && loads->read_edges < EDGES_TOGETHER; loads->ended++) {
        struct edge_set *set = NULL;
        uint64_t until;
        enum status status = edge_set_read(scan, head, loads->nodes[loads->ended], loads->direction,
                                           bytes_max, view->budget->cancelled, &set, error);

        if (status != BEHALF_OK)
            return status;
        if (set != NULL) {
            loads->installed++;
            loads->installed_edges += edge_set_edge_count(set);
            loads->read_edges += edge_set_edge_count(set);
        } else {
            /* It was read up to the size limit, and that took its time. */
            loads->read_edges += bytes_max / sizeof(uint64_t);
        }
        (void)graph_view_enter(view); /* cannot fail: the view has a place */
        graph_cache_load_end(cache, &loads->marks[loads->ended], set, &until);
        graph_view_leave(view);
    }
    return BEHALF_OK;
}

/* All marks are installed, so the snapshot is younger than each of them. Whatever ends the scan (an
 * error, the edge bound, cancellation), the marks that are left are removed: a mark left behind
 * would send every reader of its node to storage for ever, and would point into a frame that has
 * ended. */
static enum status
read_loads(struct graph_view *view, struct loads *loads, struct error *error)
{
    struct edge_range range =
        edge_set_range(loads->direction, loads->nodes[0], loads->nodes[loads->count - 1]);
    struct store_snapshot *snapshot = NULL;
    struct store_scan *scan = NULL;
    enum status status = store_snapshot_open(view->store, &snapshot, error);

    if (status == BEHALF_OK)
        status = store_scan_open(snapshot, store_snapshot_head(snapshot), &range, &scan, error);
    if (status == BEHALF_OK)
        status = end_loads(view, loads, scan, store_snapshot_head(snapshot), error);
    store_scan_close(scan);
    store_snapshot_close(snapshot);
    for (size_t at = loads->ended; at < loads->count; at++)
        graph_cache_load_failed(view->graph->cache, &loads->marks[at]);
    return status;
}

/* Loads those of `nodes` that are absent; they ascend and are at most GRAPH_LOADS_MAX. A node that
 * another thread loads is skipped: its mark is in the slot. */
static enum status
load_together(struct graph_view *view, const uint64_t *nodes, size_t count, struct loads *loads,
              struct error *error)
{
    struct graph_cache *cache = view->graph->cache;
    enum status status = BEHALF_OK;

    BEHALF_ASSERT(count <= GRAPH_LOADS_MAX);
    loads->count = loads->ended = loads->installed = 0;
    loads->installed_edges = loads->read_edges = 0;
    if (!graph_view_enter(view))
        return BEHALF_OK;
    /* Slots of random nodes miss the processor's caches; these misses overlap. */
    for (size_t at = 0; at < count; at++)
        graph_cache_prefetch(cache, nodes[at], loads->direction);
    for (size_t at = 0; at < count; at++) {
        struct graph_load *mark = &loads->marks[loads->count];

        loads->nodes[loads->count] = nodes[at];
        if (graph_cache_lacks(cache, nodes[at], loads->direction) &&
            (loads->asked ? graph_cache_load_begin(cache, nodes[at], loads->direction, mark)
                          : graph_cache_warm_begin(cache, nodes[at], loads->direction, mark)))
            loads->count++;
    }
    /* Nothing is read from storage inside a section. */
    graph_view_leave(view);
    if (loads->count > 0)
        status = read_loads(view, loads, error);
    budget_note_load(view->budget, loads->read_edges);
    return status;
}

static int
compare_nodes(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;

    return (a > b) - (a < b);
}

/* The stored nodes among them, ascending, each once: a scan moves forward only, and a second mark
 * for a node would find the first. Local nodes have no edges. */
static size_t
put_in_order(const uint64_t *nodes, size_t count, uint64_t sorted[GRAPH_LOADS_MAX])
{
    size_t taken = 0;
    size_t kept = 0;

    for (size_t at = 0; at < count; at++)
        if (!NODE_IS_LOCAL(nodes[at]))
            sorted[taken++] = nodes[at];
    qsort(sorted, taken, sizeof *sorted, compare_nodes);
    for (size_t at = 0; at < taken; at++)
        if (kept == 0 || sorted[kept - 1] != sorted[at])
            sorted[kept++] = sorted[at];
    return kept;
}

void
graph_prepare_nodes(struct graph_view *view, const uint64_t *nodes, size_t count,
                    enum edge_direction direction)
{
    uint64_t sorted[GRAPH_LOADS_MAX];
    struct loads loads = {.direction = direction, .asked = true};
    struct error error;

    if (!view->may_block || count < 2)
        return;
    count = put_in_order(nodes, count < GRAPH_LOADS_MAX ? count : GRAPH_LOADS_MAX, sorted);
    /* An error is dropped on purpose: this is a hint, and the call that needs the node will meet
     * the error itself. A batch without loads says that the walk is back in memory. */
    if (load_together(view, sorted, count, &loads, &error) == BEHALF_OK)
        view->loads = loads.count > 0;
}

enum status
graph_view_warm(struct graph_view *view, const uint64_t *nodes, size_t count,
                enum edge_direction direction, bool asked, struct graph_warmed *warmed,
                struct error *error)
{
    struct loads loads = {.direction = direction, .asked = asked};
    enum status status;

    BEHALF_ASSERT(view->may_block);
    status = load_together(view, nodes, count, &loads, error);
    warmed->sets = loads.installed;
    warmed->edges = loads.installed_edges;
    warmed->nodes = count;
    /* Loads given up at EDGES_TOGETHER: the caller resumes at the first of them. */
    while (loads.ended < loads.count && warmed->nodes > 0 &&
           nodes[warmed->nodes - 1] >= loads.nodes[loads.ended])
        warmed->nodes--;
    return status;
}
