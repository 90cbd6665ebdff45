/* graph_cache.h - edge sets by (node, direction), shared by all threads.
 *
 * Always true: a set that a find returns is exactly the state of its node at the revision asked
 * for. What the cache cannot promise that of, it does not return: it says `storage` (the caller
 * reads storage at its own revision) or `absent` (nobody knows the node: the caller may load it).
 * The protocol that makes this true is argued at the top of graph_cache.c.
 *
 * Threads: find and load from any thread, within a section of readers.h; apply, trim and drop on
 * the writer thread. A find takes no lock, waits for nobody, and writes nothing but a used bit
 * and the count of asks for a node that is too large; but for the last of these, and where slots
 * were moved under its eyes time and again.
 * One lock per shard orders loads, changes and evictions; nothing is read from storage under it.
 * Memory: the bytes of tables and sets, versions that were superseded included, are counted exactly
 * and brought under the budget at the end of each load and each change. What was taken out waits
 * for the sections that may still read it; it is counted apart, and while it waits the budget is
 * the smaller for it. */
#ifndef BEHALF_GRAPH_GRAPH_CACHE_H
#define BEHALF_GRAPH_GRAPH_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "graph/edge_set.h"
#include "graph/readers.h"

struct graph_cache;

/* A budget under GRAPH_CACHE_SMALLEST bytes is no cache: every find says `storage`. */
#define GRAPH_CACHE_SMALLEST ((size_t)4096)

struct graph_cache *graph_cache_new(struct readers *readers, size_t memory_bytes);
void graph_cache_free(struct graph_cache *cache); /* accepts NULL; no load may be under way */

enum graph_cache_answer { GRAPH_CACHE_SET, GRAPH_CACHE_STORAGE, GRAPH_CACHE_ABSENT };

/* GRAPH_CACHE_SET: *set is right at `revision`, and there until the caller's section ends. */
enum graph_cache_answer graph_cache_find(struct graph_cache *cache, uint64_t node,
                                         enum edge_direction direction, uint64_t revision,
                                         const struct edge_set **set);

/* For a find that comes soon: brings the place of a node nearer to the processor, and then the set
 * that stands there. The first needs no section. */
void graph_cache_prefetch(struct graph_cache *cache, uint64_t node, enum edge_direction direction);
void graph_cache_prefetch_set(struct graph_cache *cache, uint64_t node,
                              enum edge_direction direction);

/* A load under way; in the loader's frame, reached by the writer through the loading mark. */
struct graph_load {
    _Alignas(16) uint64_t key;
    bool asked;                  /* somebody wants the node now */
    bool struck;                 /* these four are guarded by the lock of the key's shard */
    struct edge_change *changes; /* made meanwhile */
    size_t change_count;
    struct arena contexts; /* of the changes */
};

/* What a set may take; a larger one is read from storage. */
size_t graph_cache_set_bytes_max(const struct graph_cache *cache);

/* Installs the loading mark. False when there is something else (another's mark, a set, no room):
 * the caller then reads storage for itself alone. After true, the storage snapshot is opened, the
 * set read at its head, and exactly one graph_cache_load_* below called, whatever happened
 * between. */
bool graph_cache_load_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                            struct graph_load *load) BEHALF_MUST_USE;
/* The same for a node that nobody asked for yet: it takes no other's place, and until somebody does
 * its set is the first to be evicted. */
bool graph_cache_warm_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                            struct graph_load *load) BEHALF_MUST_USE;
/* Takes over `set`; NULL says that it would be too large. Within a section, to the end of which the
 * set can be read. *until is the first revision for which it is not right any more. */
void graph_cache_load_end(struct graph_cache *cache, struct graph_load *load, struct edge_set *set,
                          uint64_t *until);
void graph_cache_load_failed(struct graph_cache *cache, struct graph_load *load);

/* Whether the node is not in memory and nobody loads it: worth a load_begin. Within a section. */
bool graph_cache_lacks(struct graph_cache *cache, uint64_t node, enum edge_direction direction);

/* Whether so much is in memory that more would soon push out what is there. */
bool graph_cache_is_full(struct graph_cache *cache);

/* Calls `visit` for each node in memory that was asked for of late, at most `most` times, in no
 * order. */
void graph_cache_visit_used(struct graph_cache *cache, size_t most,
                            void (*visit)(void *context, uint64_t node,
                                          enum edge_direction direction),
                            void *context);

/* Writer thread, between commit and publication: what happened to one node in a group of
 * transactions, in the order of their revisions. The array is sorted anew. `published` is the
 * revision published now. */
void graph_cache_apply(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                       struct edge_change *changes, size_t count, uint64_t published,
                       const struct reader_pins *pins);

/* Writer thread: lets go of superseded versions that no reader needs any more. A bounded number at
 * a time, so that it is called again and again. */
void graph_cache_trim(struct graph_cache *cache, uint64_t published,
                      const struct reader_pins *pins);

/* Writer thread: forgets the node, whose state is not known any more. */
void graph_cache_drop(struct graph_cache *cache, uint64_t node, enum edge_direction direction);

/* Walks everything, shard by shard: for tests and statistics, not for requests. */
void graph_cache_stats_read(struct graph_cache *cache, struct graph_stats *stats);

/* Recounts and validates every set, and asks `same` (unless NULL) whether each version is the state
 * of its node at its revision; the newest, at UINT64_MAX. Only while nobody else uses the cache. */
struct graph_cache_witness {
    bool (*same)(void *context, uint64_t node, enum edge_direction direction, uint64_t revision,
                 const struct edge_set *set);
    void *context;
};

bool graph_cache_validate(struct graph_cache *cache, const struct graph_cache_witness *witness,
                          const char **reason);

#endif
