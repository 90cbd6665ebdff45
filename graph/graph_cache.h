/* graph_cache.h - edge sets by (node, direction), shared by all threads.
 *
 * Always true: a set that a find returns is exactly the state of its node at the revision asked
 * for. Where the cache cannot promise that, it returns no set: the answer is `storage` (the caller
 * reads storage at its own revision) or `absent` (no thread has the node: the caller may load it).
 * The top of graph_cache.c proves the protocol.
 *
 * Threads: find and load on any thread, inside a section of readers.h; apply, trim and drop on the
 * writer thread. A find takes no lock and writes one used bit, or the countdown of a node whose set
 * is too large. It takes the shard's lock in two rare cases: that countdown has reached 0, or slots
 * moved during LOOKS_MAX looks in a row. One lock per shard orders loads, changes and evictions. No
 * lock is held across a read of storage.
 * Memory: the bytes of tables and sets, superseded versions included, are counted exactly and
 * brought under the budget at the end of each load and each change. Retired blocks wait for the
 * sections that may still read them. They are counted apart, and the budget shrinks by them while
 * they wait. */
#ifndef BEHALF_GRAPH_GRAPH_CACHE_H
#define BEHALF_GRAPH_GRAPH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "graph/edge_set.h"
#include "graph/readers.h"

struct graph_cache;

/* A smaller budget disables the cache: every find answers `storage`. */
#define GRAPH_CACHE_SMALLEST ((size_t)4096)

struct graph_cache *graph_cache_new(struct readers *readers, size_t memory_bytes);
void graph_cache_free(struct graph_cache *cache); /* accepts NULL; no load may be under way */

enum graph_cache_answer { GRAPH_CACHE_SET, GRAPH_CACHE_STORAGE, GRAPH_CACHE_ABSENT };

/* GRAPH_CACHE_SET: *set is right at `revision` and readable until the caller's section ends. */
enum graph_cache_answer graph_cache_find(struct graph_cache *cache, uint64_t node,
                                         enum edge_direction direction, uint64_t revision,
                                         const struct edge_set **set);

/* Hints for a find that follows soon: the first prefetches the slot of a node, the second the set
 * in that slot. The first needs no section. */
void graph_cache_prefetch(struct graph_cache *cache, uint64_t node, enum edge_direction direction);
void graph_cache_prefetch_set(struct graph_cache *cache, uint64_t node,
                              enum edge_direction direction);

/* A load under way. It lies in the loader's stack frame; the writer reaches it through the loading
 * mark, and only under the shard's lock. */
struct graph_load {
    _Alignas(16) uint64_t key;
    bool asked;                  /* false for a warm-up */
    bool struck;                 /* as all below, guarded by the shard's lock */
    struct edge_change *changes; /* made since the mark was installed */
    size_t change_count;
    struct arena contexts; /* of those changes */
};

/* The size limit of a set. A node with more edges is read from storage, range by range. */
size_t graph_cache_set_bytes_max(const struct graph_cache *cache);

/* Installs the loading mark. False when the slot is taken (by another mark or a set) or there is no
 * room; the caller then reads storage for itself. After true, the caller opens a storage snapshot,
 * reads the set at its head and calls exactly one graph_cache_load_* below, also after a
 * failure. */
bool graph_cache_load_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                            struct graph_load *load) BEHALF_MUST_USE;
/* The same for a node that no request asked for. It evicts nothing, and its set is the first
 * candidate for eviction until a request asks for it. */
bool graph_cache_warm_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                            struct graph_load *load) BEHALF_MUST_USE;
/* Takes over `set`; NULL means that it exceeds the size limit. Inside a section, until whose end
 * the set can be read. *until is the first revision at which the set is no longer right. */
void graph_cache_load_end(struct graph_cache *cache, struct graph_load *load, struct edge_set *set,
                          uint64_t *until);
void graph_cache_load_failed(struct graph_cache *cache, struct graph_load *load);

/* Whether the node has no slot, so that a load_begin can succeed. Inside a section. */
bool graph_cache_lacks(struct graph_cache *cache, uint64_t node, enum edge_direction direction);

/* Whether memory is so full that warming up more would soon evict sets that are in use. */
bool graph_cache_is_full(struct graph_cache *cache);

/* Calls `visit` for each node in memory whose used bit is set, at most `most` times, in no order. A
 * shard's lock is held during the call. */
void graph_cache_visit_used(struct graph_cache *cache, size_t most,
                            void (*visit)(void *context, uint64_t node,
                                          enum edge_direction direction),
                            void *context);

/* Writer thread, between commit and publication: the changes that a group of transactions made to
 * one node, in the order of their revisions. Reorders the array. `published` is the revision that
 * readers are given now. */
void graph_cache_apply(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                       struct edge_change *changes, size_t count, uint64_t published,
                       const struct reader_pins *pins);

/* Writer thread: retires superseded versions that no reader needs. Bounded work per call; call it
 * again and again. */
void graph_cache_trim(struct graph_cache *cache, uint64_t published,
                      const struct reader_pins *pins);

/* Writer thread: removes a node whose state is no longer known, after a commit with an unknown
 * outcome. */
void graph_cache_drop(struct graph_cache *cache, uint64_t node, enum edge_direction direction);

/* Walks the whole cache, shard by shard: for tests and statistics, never for a request. */
void graph_cache_stats_read(struct graph_cache *cache, struct graph_stats *stats);
void graph_cache_figures_read(struct graph_cache *cache, struct graph_figures *figures);

/* Recounts and validates every set, and asks `same` (unless NULL) whether each version is the state
 * of its node at its revision; UINT64_MAX asks about the newest. No other thread may use the
 * cache. */
struct graph_cache_witness {
    bool (*same)(void *context, uint64_t node, enum edge_direction direction, uint64_t revision,
                 const struct edge_set *set);
    void *context;
};

bool graph_cache_validate(struct graph_cache *cache, const struct graph_cache_witness *witness,
                          const char **reason);

#endif
