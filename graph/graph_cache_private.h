/* graph_cache_private.h - what graph_cache.c and graph_cache_look.c share; nothing else includes
 * it. */
#ifndef BEHALF_GRAPH_GRAPH_CACHE_PRIVATE_H
#define BEHALF_GRAPH_GRAPH_CACHE_PRIVATE_H

#include <pthread.h>
#include <stdatomic.h>

#include "graph/graph_cache.h"
#include "graph/key_ring.h"
#include "graph/slot_table.h"

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards changes of the table, and the loads in it */
    struct slot_table table;
};

struct graph_cache {
    struct readers *readers;
    struct shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t memory_bytes;
    struct edge_set *empty;           /* given for every node without edges; not counted */
    _Alignas(64) atomic_size_t bytes; /* tables, and what stands in their slots */
    atomic_size_t superseded;         /* of that, versions that are not the newest, and chains */
    atomic_uint hand;                 /* the shard to be swept next */

    pthread_mutex_t trim_lock; /* guards those below; taken with a shard's lock held */
    struct key_ring chained;   /* keys that got a chain */
    size_t trim_added;         /* since the last trim */
};

/* Relaxed: the counters order nothing, they are only compared with the budget. */
static inline size_t
graph_cache_bytes(struct graph_cache *cache)
{
    return atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}

#endif
