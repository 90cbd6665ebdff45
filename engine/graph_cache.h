/* graph_cache.h - edge sets by (node, direction), shared by all threads.
 *
 * Always true: a set that a find returns is exactly the state of its node at the revision asked
 * for. What the cache cannot promise that of, it does not return: it says `storage` (the caller
 * reads storage at its own revision) or `absent` (nobody knows the node: the caller may load it).
 * The protocol that makes this true is argued at the top of graph_cache.c.
 *
 * Threads: find and load from any thread, drop on the writer thread. Locks: one per shard, held for
 * a probe; nothing is allocated, freed or read from storage under it, but that a table grows.
 * Memory: the bytes of tables and sets are counted exactly and brought under the budget at the end
 * of each load. Sets that views still hold when they are evicted live a little longer, one a
 * view. */
#ifndef BEHALF_ENGINE_GRAPH_CACHE_H
#define BEHALF_ENGINE_GRAPH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/edge_set.h"

struct graph_cache;

/* A budget under GRAPH_CACHE_SMALLEST bytes is no cache: every find says `storage`. */
#define GRAPH_CACHE_SMALLEST ((size_t)4096)

struct graph_cache *graph_cache_new(size_t memory_bytes);
void graph_cache_free(struct graph_cache *cache); /* accepts NULL; no load may be under way */

enum graph_cache_answer { GRAPH_CACHE_SET, GRAPH_CACHE_STORAGE, GRAPH_CACHE_ABSENT };

/* GRAPH_CACHE_SET: *set is right at `revision`, and one reference to it is the caller's. */
enum graph_cache_answer graph_cache_find(struct graph_cache *cache, uint64_t node,
                                         enum edge_direction direction, uint64_t revision,
                                         struct edge_set **set);

/* A load under way; in the loader's frame, reached by the writer through the loading mark. */
struct graph_load {
    uint64_t key;
    bool struck; /* guarded by the lock of the key's shard */
};

/* Installs the loading mark. False when there is something else (another's mark, a set, no room):
 * the caller then reads storage for itself alone. After true, the storage snapshot is opened, the
 * set read at its head, and exactly one graph_cache_load_* below called, whatever happened
 * between. */
bool graph_cache_load_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                            struct graph_load *load) BEHALF_MUST_USE;
/* Takes a reference of its own to `set`; NULL says that the node has too many edges for a set. */
void graph_cache_load_end(struct graph_cache *cache, struct graph_load *load, struct edge_set *set);
void graph_cache_load_failed(struct graph_cache *cache, struct graph_load *load);

/* Writer thread, between commit and publication. */
void graph_cache_drop(struct graph_cache *cache, uint64_t node, enum edge_direction direction);

struct graph_cache_stats {
    size_t bytes;
    size_t set_count;
    size_t empty_count;   /* nodes known to have no edges */
    size_t direct_count;  /* nodes read from storage on purpose */
    size_t loading_count; /* loads under way */
};

/* Walks everything, shard by shard: for tests and statistics, not for requests. */
void graph_cache_stats_read(struct graph_cache *cache, struct graph_cache_stats *stats);
/* Recounts and validates every set. Only while nobody else uses the cache. */
bool graph_cache_validate(struct graph_cache *cache, const char **reason);

#endif
