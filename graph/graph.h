/* graph.h - the relationship graph as the evaluator sees it.
 *
 * Always true: a view answers for exactly one revision, whatever was written since; absent, too new
 * and empty are told apart inside and never reach the caller as one another. Sets of nodes are
 * given in ascending order without duplicates. An edge that has expired at the view's `now` is
 * never given, at no revision. Nodes are copied into the caller's array, so a walk holds keys and
 * positions, never pointers. What edges carry is borrowed for a moment: until the next call on the
 * view, which may let go of the set, or of the memory, that it stands in.
 *
 * Behind it stands a cache of edge sets, one per (node, direction), over the storage. The newest
 * version of a set is right for every revision from its own on; older ones stand behind it as long
 * as a request may need them. For any other revision the view reads storage itself.
 *   loading: the loader installs a `loading` mark, then opens a storage snapshot, whose head is L,
 *            and reads; at install it adds the changes that were left at the mark meanwhile, as far
 *            as they are newer than L.
 *   writing: after transactions committed to storage and before their revision is published, the
 *            writer calls graph_apply: it makes new versions of the sets of both ends of each edge
 *            that are in memory, and leaves the changes at the marks of loads under way.
 * So a set in the cache has every change of its node, and no reader is given a revision whose sets
 * are stale. Expired edges stand in the sets until a write removes them, and each read passes them
 * over by the `now` of its view.
 *
 * Threads: a view belongs to one thread; the graph is shared. Readers of what is in memory take no
 * lock and wait for nobody: a view protects what it looks at by a section (readers.h), which it
 * renews every few hundred steps, so a pointer into the graph lives from one call on the view to
 * the next at most. A view that may not block answers BEHALF_WOULD_BLOCK where it would have to
 * read storage.
 * Errors: STORAGE_*, REVISION_EXPIRED, WOULD_BLOCK; and those of budget.h. */
#ifndef BEHALF_GRAPH_GRAPH_H
#define BEHALF_GRAPH_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "graph/budget.h"
#include "storage/store.h"

struct arena;
struct graph;
struct edge_set;
struct reader;
struct readers;

/* `memory_bytes`: the budget of the cache; sets are evicted above it. */
struct graph *graph_new(struct store *store, size_t memory_bytes);
void graph_free(struct graph *graph); /* accepts NULL; no view may be left */

/* --- writing: on the writer thread --- */

/* What an edge carries beside its ends, when it carries something. */
struct edge_traits {
    int64_t expires_at;   /* 0 = never */
    struct slice context; /* of the caveat: canonical bytes of base/datum.h, or empty */
    uint16_t caveat;      /* label; LABEL_NONE = none */
};

struct graph_change {
    struct edge_key key;
    struct edge_traits traits; /* of an edge that is there now */
    uint64_t revision;
    bool removed;
};

/* Between commit and publication: what a group of transactions changed, in their order.
 * `published` is what readers are given before. */
void graph_apply(struct graph *graph, const struct graph_change *changes, size_t count,
                 uint64_t published);

/* The same, when it is not known whether the change happened. */
void graph_invalidate(struct graph *graph, const struct edge_key *key);

/* After publication, and now and then: lets go of versions that nobody needs any more. */
void graph_trim(struct graph *graph, uint64_t published);

/* --- looking at all of it --- */

struct graph_stats {
    size_t bytes;            /* tables and sets, superseded versions included */
    size_t superseded_bytes; /* of that, for requests at older revisions */
    size_t retired_bytes;    /* taken out of graph and names, and waiting for those who read it */
    size_t set_count;        /* sets without older versions */
    size_t chain_count;      /* and with them */
    size_t empty_count;      /* nodes known to have no edges */
    size_t direct_count;     /* nodes read from storage on purpose */
    size_t loading_count;    /* loads under way */
    uint64_t edge_count;     /* in the newest versions */
};

/* Walks everything: for statistics, not for requests. */
void graph_stats_read(struct graph *graph, struct graph_stats *stats);

/* Recounts, and compares every version in memory with what the store has. Only while nobody else
 * uses the graph. */
bool graph_validate(struct graph *graph, const char **reason);

/* --- reading --- */

/* Whose sections protect the graph; the names' cache is under the same. */
struct readers *graph_readers(struct graph *graph);

/* Whether so much is in memory that graph_view_warm would find no room. */
bool graph_is_full(struct graph *graph);

/* Calls `visit` for each node in memory that was asked for of late, at most `most` times. */
void graph_visit_used(struct graph *graph, size_t most,
                      void (*visit)(void *context, uint64_t node, enum edge_direction direction),
                      void *context);

/* For a view that asks for a node soon: brings its place nearer to the processor, and then its
 * edges. Needs a section, as all readers do; says nothing of what is there. */
void graph_prefetch(struct graph *graph, uint64_t node, enum edge_direction direction);
void graph_prefetch_edges(struct graph *graph, uint64_t node, enum edge_direction direction);

/* One request's window on the graph. */
struct graph_view {
    struct graph *graph;
    struct store *store;
    struct store_snapshot *snapshot; /* opened when first needed */
    uint64_t revision;
    int64_t now; /* nanoseconds since 1970: edges that expire at or before it are not there */
    struct budget *budget;
    struct reader *reader;       /* its place among the readers; NULL until needed */
    const struct edge_set *held; /* the set last used, within the section */
    uint64_t held_node;
    enum edge_direction held_direction;
    uint32_t steps; /* in the section */
    bool inside;    /* a section */
    bool may_block;
    struct arena *traits; /* of the last answer, as far as they are in no set; NULL until needed */
    uint32_t loads;       /* since graph_view_prepare last found all in memory */
};

void graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                     uint64_t revision, int64_t now, bool may_block, struct budget *budget);
void graph_view_release(struct graph_view *view);

/* The storage snapshot of this view, opened now when it was not; it covers view->revision.
 * WOULD_BLOCK when the view may not block. */
enum status graph_view_storage(struct graph_view *view, const struct store_snapshot **snapshot,
                               struct error *error) BEHALF_MUST_USE;

/* Sets that are loaded together, at most. */
#define GRAPH_LOADS_MAX 128

/* For a walk that knows its next nodes: loads together those of the first GRAPH_LOADS_MAX that are
 * not in memory, which costs a fraction of loading each when it is asked for. Does nothing as long
 * as the view has met no node that it had to load, nor where it may not block. Costs no edges, and
 * tells of no failure: who asks for the node meets it. What was borrowed from the view is void. */
void graph_prepare_nodes(struct graph_view *view, const uint64_t *nodes, size_t count,
                         enum edge_direction direction);

static inline void
graph_view_prepare(struct graph_view *view, const uint64_t *nodes, size_t count,
                   enum edge_direction direction)
{
    if (BEHALF_UNLIKELY(view->loads > 0))
        graph_prepare_nodes(view, nodes, count, direction);
}

struct graph_warmed {
    size_t nodes; /* that were gone over, from the first on */
    size_t sets;  /* of these, loaded now */
    uint64_t edges;
};

/* Loads at most GRAPH_LOADS_MAX nodes, which ascend, before somebody asks for them; not necessarily
 * all at once. With `asked` they take the place of what was not used of late, else only room that
 * is free. DEADLINE soon after the budget is cancelled. */
enum status graph_view_warm(struct graph_view *view, const uint64_t *nodes, size_t count,
                            enum edge_direction direction, bool asked, struct graph_warmed *warmed,
                            struct error *error) BEHALF_MUST_USE;

/* Begins a section, if the view is not in one, which lasts at least until the next call of one of
 * the functions below. False when there are too many views: what is in memory is out of reach. */
bool graph_view_enter(struct graph_view *view);

/* Whether the edge exists, and has not expired at view->now. *traits is NULL for a plain edge, else
 * borrowed until the next call on the view. Costs one edge of the budget, expired or not. Local
 * nodes have no edges. */
enum status graph_view_contains(struct graph_view *view, const struct edge_key *key, bool *found,
                                const struct edge_traits **traits,
                                struct error *error) BEHALF_MUST_USE;

/* A bit for the kind of an edge: others may have the same. */
static inline uint64_t
graph_kind_bit(uint16_t relation, uint16_t subject_relation)
{
    return UINT64_C(1) << ((relation + 11u * subject_relation) % 64);
}

/* Bits of the kinds of edges that a resource has: one whose bit is missing it has not, at the
 * view's revision. All bits where that is not at hand. Reads no storage and costs no edges: who
 * leaves out a question for it pays for the question all the same, so that what a request costs
 * does not depend on what is in memory. */
uint64_t graph_view_kinds(struct graph_view *view, uint64_t resource);

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
