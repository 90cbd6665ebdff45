/* name_cache.h - the shared half of names.h: names that storage has, both ways.
 * Who has a request uses names.h.
 *
 * Always true: an entry is a name that some storage snapshot had, or had not; `known_at` is the
 * head of that snapshot. Names are for ever: every snapshot with this head or a later one has a
 * name that was there, and none with this head or an earlier one has a name that was absent.
 * Equality is decided on the whole bytes. The bytes of tables and entries are
 * counted exactly, shard by shard, and stay within the shard's part of the budget.
 * Threads: any. A find takes no lock and waits for nobody, within a section of readers.h; it may
 * miss a name that is moved at that moment, which costs a read of storage. One lock per shard
 * orders what adds and evicts; entries are allocated outside it.
 * Memory: an entry never changes; when more is known of a name, another takes its place. What was
 * taken out waits for the sections that may still read it, and counts as the graph's. */
#ifndef BEHALF_GRAPH_NAME_CACHE_H
#define BEHALF_GRAPH_NAME_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/digest.h"
#include "base/relationship.h"
#include "base/slice.h"

struct name_cache;
struct readers;

/* The names of one graph: the sections of its views protect both. */
struct name_cache *name_cache_new(struct readers *readers, size_t memory_bytes);
void name_cache_free(struct name_cache *cache); /* accepts NULL; before the graph */

struct name_cache_stats {
    size_t bytes;
    size_t entry_count; /* a name that is known both ways counts twice */
    uint64_t evicted;   /* entries, for want of room, since the start */
};

void name_cache_stats_read(struct name_cache *cache, struct name_cache_stats *stats);

/* A budget under NAME_CACHE_SMALLEST bytes is no cache. */
#define NAME_CACHE_SMALLEST ((size_t)8192)

/* In two steps, as who asks early may not know the type's label yet. */
uint64_t name_id_hash(struct slice id);

static inline uint64_t
name_hash(uint16_t type_label, uint64_t id_hash)
{
    return id_hash ^ digest_hash_u64(type_label);
}

/* `hash` is name_hash of the other two. *node is the wildcard of the type when the name was
 * absent. */
bool name_cache_find_node(struct name_cache *cache, uint16_t type_label, struct slice id,
                          uint64_t hash, uint64_t *node, uint64_t *known_at);

/* For a find that comes soon: brings the place of a name nearer to the processor, and then what
 * stands there. The first needs no section. */
void name_cache_prefetch(struct name_cache *cache, uint64_t hash);
void name_cache_prefetch_entry(struct name_cache *cache, uint64_t hash);

/* *id stays until the caller's section ends. */
bool name_cache_find_id(struct name_cache *cache, uint64_t node, struct slice *id);

/* The same of up to NAME_CACHE_TOGETHER nodes, whose misses overlap. data is NULL where there is
 * none, or where it has to be looked for by itself. */
#define NAME_CACHE_TOGETHER 16
void name_cache_find_ids(struct name_cache *cache, const uint64_t *nodes, size_t count,
                         struct slice *ids);

/* A name of which it is known already that it was there earlier keeps the earlier `known_at`. */
void name_cache_add_node(struct name_cache *cache, uint64_t node, struct slice id, uint64_t hash,
                         uint64_t known_at);
void name_cache_add_absence(struct name_cache *cache, uint16_t type_label, struct slice id,
                            uint64_t hash, uint64_t known_at);
void name_cache_add_id(struct name_cache *cache, uint64_t node, struct slice id);

/* Adds a name both ways before somebody asks, if its places have room without another's: unless
 * `asked`, it is the first to be evicted until somebody does. False when one of them has not. */
bool name_cache_fill(struct name_cache *cache, uint64_t node, struct slice id, uint64_t known_at,
                     bool asked);

/* Calls `visit` for each node in memory whose name was asked for of late, either way, at most
 * `most` times, in no order; for one that was asked for both ways, twice. */
void name_cache_visit_used(struct name_cache *cache, size_t most,
                           void (*visit)(void *context, uint64_t node), void *context);

/* Recounts. Only while nobody else uses the cache. */
bool name_cache_validate(struct name_cache *cache, const char **reason);

#endif
