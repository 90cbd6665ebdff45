/* graph.h - the relationship graph as the evaluator sees it.
 *
 * Always true: a view answers for exactly one revision, whatever was written since; absent, too new
 * and empty are told apart inside and never reach the caller as one another. Sets of nodes are
 * given in ascending order without duplicates. An edge that has expired at the view's `now` is
 * never given, at no revision. Nodes are copied into the caller's array, so a walk holds keys and
 * positions, never pointers. What edges carry is borrowed for a moment: until the next call on the
 * view, which may let go of the set, or of the memory, that it stands in.
 *
 * Behind it stands a cache of edge sets, one per (node, direction), over the storage. A set is
 * loaded at some revision L and is right for every revision from L on until the writer drops it; it
 * says nothing about earlier ones, for which the view reads storage itself.
 *   loading: the loader installs a `loading` mark, then opens a storage snapshot, whose head is L,
 *            and reads; at install the set is dropped when the mark was struck meanwhile.
 *   writing: after a transaction committed to storage and before its revision is published, the
 *            writer calls graph_invalidate for every edge changed: it drops the sets of both ends
 *            and strikes marks of loads under way.
 * So a set that is in the cache was read after its node's last change, and no reader is given a
 * revision whose sets are stale. Expired edges stand in the sets until a write removes them, and
 * each read passes them over by the `now` of its view.
 *
 * Threads: a view belongs to one thread; the graph is shared. Readers hold a shard's lock for a
 * lookup and a reference count only. A view that may not block answers BEHALF_WOULD_BLOCK where it
 * would have to read storage.
 * Errors: STORAGE_*, REVISION_EXPIRED, WOULD_BLOCK; and those of budget.h. */
#ifndef BEHALF_ENGINE_GRAPH_H
#define BEHALF_ENGINE_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/budget.h"
#include "storage/store.h"

struct arena;
struct graph;
struct edge_set;

/* `memory_bytes`: the budget of the cache; sets are evicted above it. */
struct graph *graph_new(struct store *store, size_t memory_bytes);
void graph_free(struct graph *graph); /* accepts NULL; no view may be left */

/* Writer thread, for each changed edge, between commit and publication. */
void graph_invalidate(struct graph *graph, const struct edge_key *key);

/* One request's window on the graph. */
struct graph_view {
    struct graph *graph;
    struct store *store;
    struct store_snapshot *snapshot; /* opened when first needed */
    uint64_t revision;
    int64_t now; /* nanoseconds since 1970: edges that expire at or before it are not there */
    struct budget *budget;
    struct edge_set *held; /* the set last used, referenced */
    uint64_t held_node;
    enum edge_direction held_direction;
    bool may_block;
    struct arena *traits; /* of the last answer, as far as they are in no set; NULL until needed */
};

void graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                     uint64_t revision, int64_t now, bool may_block, struct budget *budget);
void graph_view_release(struct graph_view *view);

/* The storage snapshot of this view, opened now when it was not; it covers view->revision.
 * WOULD_BLOCK when the view may not block. */
enum status graph_view_storage(struct graph_view *view, const struct store_snapshot **snapshot,
                               struct error *error) BEHALF_MUST_USE;

/* What an edge carries beside its ends, when it carries something. */
struct edge_traits {
    int64_t expires_at;   /* 0 = never */
    struct slice context; /* of the caveat: canonical bytes of base/datum.h, or empty */
    uint16_t caveat;      /* label; LABEL_NONE = none */
};

/* Whether the edge exists, and has not expired at view->now. *traits is NULL for a plain edge, else
 * borrowed until the next call on the view. Costs one edge of the budget, expired or not. Local
 * nodes have no edges. */
enum status graph_view_contains(struct graph_view *view, const struct edge_key *key, bool *found,
                                const struct edge_traits **traits,
                                struct error *error) BEHALF_MUST_USE;

/* Nodes at the far end of `node`'s edges:
 *   EDGE_FORWARD: subjects of resource `node` on `relation` with `subject_relation`
 *   EDGE_REVERSE: resources on whose `relation` stands subject `node` with `subject_relation`
 * restricted to from <= far node < to. */
struct graph_range {
    enum edge_direction direction;
    uint64_t node;
    uint16_t relation;
    uint16_t subject_relation;
    uint64_t from;
    uint64_t to;
};

struct graph_batch {
    uint64_t *nodes; /* the caller's, room for `capacity` */
    size_t capacity;
    size_t count; /* filled by a read */
    /* NULL when every edge of the batch is plain; else by place, NULL where the edge is plain;
     * borrowed until the next call on the view. */
    const struct edge_traits *const *traits;
};

/* Fills at most batch->capacity far nodes of edges that have not expired at view->now; fewer mean
 * there are no more. Costs batch->count edges, the expired ones between them or behind them that
 * were passed over, and one for asking: the same from memory and from storage. BUDGET_EXHAUSTED
 * also when the batch is so large that what its edges carry takes more than LIMIT_GRAPH_TRAITS. To
 * go on, set range.from to the last node + 1. */
enum status graph_view_read(struct graph_view *view, const struct graph_range *range,
                            struct graph_batch *batch, struct error *error) BEHALF_MUST_USE;

#endif
