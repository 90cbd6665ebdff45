/* graph_cache_private.h - structures shared by graph_cache.c and graph_cache_look.c; no other file
 * includes it. */
#ifndef BEHALF_GRAPH_GRAPH_CACHE_PRIVATE_H
#define BEHALF_GRAPH_GRAPH_CACHE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "graph/graph_cache.h"
#include "graph/key_ring.h"
#include "graph/slot_table.h"

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards changes of the table, and its loads */
    struct slot_table table;
};

struct graph_cache {
    struct readers *readers;
    struct shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t memory_bytes;
    struct edge_set *empty;           /* the answer for every node without edges; not counted */
    _Alignas(64) atomic_size_t bytes; /* of tables, and of the sets in their slots */
    atomic_size_t superseded;         /* part of `bytes`: older versions and chains */
    atomic_uint hand;                 /* the shard that is swept next */
    _Atomic uint64_t evicted;         /* slots taken out for room, since the start */

    pthread_mutex_t trim_lock; /* guards the fields below; taken after a shard's lock */
    struct key_ring chained;   /* keys with a chain; a key may occur twice */
    size_t trim_added;         /* since the last trim */
};

/* Relaxed: the counters publish no data. They are compared with the budget, and an old value only
 * moves the moment of an eviction. */
static inline size_t
graph_cache_bytes(struct graph_cache *cache)
{
    return atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}

#endif
