/* graph.h - the relationship graph as the evaluator sees it.
 *
 * Always true: a view answers for exactly one revision, whatever is written after it began.
 * "Absent", "too new" and "empty" are told apart inside, and a caller never receives one for
 * another. Nodes are given in ascending order without duplicates. An edge that has expired at the
 * view's `now` is never given, at no revision. Nodes are copied into the caller's array, so a walk
 * holds keys and positions and no pointers. The traits of an edge are borrowed until the next call
 * on the view, which may release the set or the memory they are in.
 *
 * The graph is a cache of edge sets, one per (node, direction), over the storage. The newest
 * version of a set is right for every revision from its own on. Older versions are kept while a
 * request may need them. For any other revision the view reads storage itself.
 *   loading: the loader installs a loading mark, then opens a storage snapshot, whose head is L,
 *     and reads. At install it applies the changes that the writer left at the mark, as far as they
 *     are newer than L.
 *   writing: after a group of transactions was committed and before its revision is published, the
 *     writer calls graph_apply. It makes new versions of the sets in memory for both ends of each
 *     edge, and leaves the changes at the marks of loads under way.
 * So a set in memory has every change of its node, and no reader is given a revision before the
 * sets have its changes. Expired edges stay in a set until a write removes them; each read skips
 * them by the `now` of its view.
 *
 * Threads: a view belongs to one thread; the graph is shared. Reads of what is in memory take no
 * lock and never wait: a view protects what it looks at by a section (readers.h), which it renews
 * every few hundred steps, so a pointer into the graph lives at most until the next call on the
 * view. A view that may not block answers BEHALF_WOULD_BLOCK where it would have to read storage.
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

/* What an edge carries besides its ends. */
struct edge_traits {
    int64_t expires_at;   /* 0 = never */
    struct slice context; /* of the caveat: canonical bytes of base/datum.h, or empty */
    uint16_t caveat;      /* label; LABEL_NONE = none */
};

struct graph_change {
    struct edge_key key;
    struct edge_traits traits; /* of an edge that was put */
    uint64_t revision;
    bool removed;
};

/* Between commit and publication: the changes of a group of transactions, in their order.
 * `published` is the revision that readers are given until then. */
void graph_apply(struct graph *graph, const struct graph_change *changes, size_t count,
                 uint64_t published);

/* After a commit with an unknown outcome: forgets both ends of the edge. */
void graph_invalidate(struct graph *graph, const struct edge_key *key);

/* After publication, and from time to time: retires versions that no reader needs. */
void graph_trim(struct graph *graph, uint64_t published);

/* --- the whole graph --- */

struct graph_stats {
    size_t bytes;            /* tables and sets, superseded versions included */
    size_t superseded_bytes; /* part of `bytes`: versions for requests at older revisions */
    size_t retired_bytes;    /* of graph and names: retired, in their grace period */
    size_t set_count;        /* sets without older versions */
    size_t chain_count;      /* sets with older versions */
    size_t empty_count;      /* nodes known to have no edges */
    size_t direct_count;     /* nodes whose set is too large to be kept */
    size_t loading_count;    /* loads under way */
    uint64_t edge_count;     /* in the newest versions */
};

/* Walks the whole cache: for statistics, never for a request. */
void graph_stats_read(struct graph *graph, struct graph_stats *stats);

/* What costs no walk: a sum over the shards. */
struct graph_figures {
    size_t bytes;         /* as in graph_stats */
    size_t retired_bytes; /* the same */
    uint64_t nodes;       /* whose edges are in memory, in one direction, or known to be too many */
    uint64_t evicted;     /* nodes, for want of room, since the start */
};

void graph_figures_read(struct graph *graph, struct graph_figures *figures);

/* Recounts, and compares every version in memory with the store. No other thread may use the
 * graph. */
bool graph_validate(struct graph *graph, const char **reason);

/* --- reading --- */

/* The readers whose sections protect the graph and the cache of names. */
struct readers *graph_readers(struct graph *graph);

/* Whether memory is so full that graph_view_warm would find no room. */
bool graph_is_full(struct graph *graph);

/* Calls `visit` for each node in memory that was used lately, at most `most` times. */
void graph_visit_used(struct graph *graph, size_t most,
                      void (*visit)(void *context, uint64_t node, enum edge_direction direction),
                      void *context);

/* Hints for a node that a view will ask for soon: the first prefetches its slot, the second its
 * edges. Both need a section, and neither says whether the node is in memory. */
void graph_prefetch(struct graph *graph, uint64_t node, enum edge_direction direction);
void graph_prefetch_edges(struct graph *graph, uint64_t node, enum edge_direction direction);

/* One request's window on the graph. */
struct graph_view {
    struct graph *graph;
    struct store *store;
    struct store_snapshot *snapshot; /* opened when first needed */
    uint64_t revision;
    int64_t now; /* nanoseconds since 1970; an edge that expires at or before it is absent */
    struct budget *budget;
    struct reader *reader;       /* its place in readers.h; NULL until needed */
    const struct edge_set *held; /* the set used last; void outside the section */
    uint64_t held_node;
    enum edge_direction held_direction;
    uint32_t steps; /* calls since the section began */
    bool inside;    /* in a section */
    bool may_block;
    struct arena *traits; /* of the last answer, when read from storage; NULL until needed */
    uint32_t loads;       /* since graph_view_prepare last loaded nothing */
};

void graph_view_init(struct graph_view *view, struct graph *graph, struct store *store,
                     uint64_t revision, int64_t now, bool may_block, struct budget *budget);
void graph_view_release(struct graph_view *view);

/* The storage snapshot of this view, opened on first use; it covers view->revision. WOULD_BLOCK
 * when the view may not block. */
enum status graph_view_storage(struct graph_view *view, const struct store_snapshot **snapshot,
                               struct error *error) BEHALF_MUST_USE;

/* The most sets that are loaded together. */
#define GRAPH_LOADS_MAX 128

/* For a walk that knows its next nodes: loads those of the first GRAPH_LOADS_MAX that are not in
 * memory, together, at a fraction of the cost of single loads. Does nothing until the view has had
 * to load a node, and nothing in a view that may not block. Spends no edges and reports no failure:
 * the call that needs the node meets it. Pointers borrowed from the view are void afterwards. */
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
    size_t nodes; /* visited, from the first on */
    size_t sets;  /* loaded now */
    uint64_t edges;
};

/* Loads at most GRAPH_LOADS_MAX nodes, which ascend, before a request asks for them; perhaps only
 * the first of them (*warmed says how many). With `asked`, the sets evict others that were not used
 * lately; otherwise they take free room only. DEADLINE soon after the budget is cancelled. */
enum status graph_view_warm(struct graph_view *view, const uint64_t *nodes, size_t count,
                            enum edge_direction direction, bool asked, struct graph_warmed *warmed,
                            struct error *error) BEHALF_MUST_USE;

/* Begins a section unless the view is in one; it lasts at least until the next call of a function
 * below. False when all places of readers.h are taken: memory is then out of reach for this
 * view. */
bool graph_view_enter(struct graph_view *view);

/* Whether the edge exists and has not expired at view->now. *traits is NULL for a plain edge, else
 * borrowed until the next call on the view. Costs one edge of the budget, expired or not. Local
 * nodes have no edges. */
enum status graph_view_contains(struct graph_view *view, const struct edge_key *key, bool *found,
                                const struct edge_traits **traits,
                                struct error *error) BEHALF_MUST_USE;

/* A bit for one kind of edge. Several kinds may share a bit, so only a missing bit is proof. */
static inline uint64_t
graph_kind_bit(uint16_t relation, uint16_t subject_relation)
{
    return UINT64_C(1) << ((relation + 11u * subject_relation) % 64);
}

/* The kinds of edges that a resource has at the view's revision: a missing bit proves that it has
 * no edge of that kind. All bits when the set is not in memory. Reads no storage and costs no
 * edges: a caller that skips a question because of this pays for the question all the same, so the
 * cost of a request does not depend on what is in memory. */
uint64_t graph_view_kinds(struct graph_view *view, uint64_t resource);

/* Nodes at the far end of `node`'s edges:
 *   EDGE_FORWARD: subjects of resource `node` on `relation` with `subject_relation`
 *   EDGE_REVERSE: resources whose `relation` has subject `node` with `subject_relation`
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
    uint64_t *nodes; /* the caller's, with room for `capacity` */
    size_t capacity;
    size_t count; /* filled by a read */
    /* NULL when every edge of the batch is plain; else by index, NULL where the edge is plain;
     * borrowed until the next call on the view. */
    const struct edge_traits *const *traits;
};

/* Reads at most batch->capacity far nodes of edges that have not expired at view->now; fewer mean
 * that the range ends. Costs one edge for asking, one for each edge given, and one for each expired
 * edge skipped: the same from memory and from storage. BUDGET_EXHAUSTED also when the traits of the
 * batch take more than LIMIT_GRAPH_TRAITS. To continue, set range.from to the last node + 1. */
enum status graph_view_read(struct graph_view *view, const struct graph_range *range,
                            struct graph_batch *batch, struct error *error) BEHALF_MUST_USE;

#endif
