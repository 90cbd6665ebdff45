/* graph_cache.c - the shared edge sets, and the protocol that keeps them true.
 *
 * Why a set found here is right for its reader. Let a set of node N, read from a snapshot with
 * head L (`valid_from`), stand in the cache at the moment t at which a reader of revision R >= L
 * finds it. To show: no transaction c with L < c <= R changed N. Suppose one did. The writer does,
 * in this order,
 *     commit(c)  ->  drop(N)  ->  publish(c or later)
 * and the reader knew R before t, so R was published before t, so drop(N) for c was over before t.
 * Both drop and load take the lock of N's shard, so drop(N) fell into one of these places:
 *   1. before the loader's mark was installed. The loader opened its snapshot after the mark, so
 *      after drop(N), so after commit(c): the head is c or later, so L >= c, which was excluded.
 *   2. while the mark stood. drop struck it, and a struck load installs nothing: no set at t.
 *   3. while the set stood. drop removed it, and a load installs once: no such set at t.
 * A group of transactions is published as one after the drops of them all: nothing changes.
 *
 * What else may happen:
 *   - The snapshot's head L is newer than everything published, even never durable, because the
 *     writer commits before it syncs. The set is then right from L only, and a reader at R < L is
 *     told `storage`. If the sync fails, L is never published and nobody is ever given the set.
 *   - A reader of an old revision (a token, a page of a lookup, a request that began before the
 *     last write) finds a younger set: `storage`, read at its own revision.
 *   - The writer drops N between commit(c) and publish(c) while readers at R < c hold the old set:
 *     they have a reference, it is immutable, and it is right at R. Readers at R < c that come
 *     now and load again get a set from c on, and are told `storage`.
 *   - The mark is struck, and its slot removed; another loader installs a mark of its own before
 *     the first one ends. The first sees `struck` in its own record and leaves the slot alone.
 *     Its record is not reached by anybody any more once the slot is gone, so its frame may end.
 *   - A second asker meets a loading mark: it is told `storage` and waits for nobody.
 *   - Eviction removes sets, empties and direct marks, never loading marks: an evicted mark could
 *     no longer be struck, and its load would install a stale set.
 *   - A load fails: its mark is removed, if it still stands.
 *
 * Direct marks. A node with more edges than a set may have, or a big one that is written all the
 * time, is read from storage range by range for a number of asks before a load is tried again. The
 * mark claims nothing about the node's edges, so a drop may leave it, and it has no revision. */
#include "engine/graph_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "engine/limits.h"
#include "engine/slot_table.h"

/* What a slot's value holds, in its lowest two bits. */
enum slot_kind {
    KIND_SET,     /* pointer to an edge set; one reference */
    KIND_EMPTY,   /* payload: the revision from which the node is known to have no edges */
    KIND_DIRECT,  /* payload: asks left until the node is looked at again */
    KIND_LOADING, /* pointer to the loader's record */
};

#define EVICT_FOR_BYTES (UINT32_C(1) << KIND_SET)
#define EVICT_FOR_ROOM (EVICT_FOR_BYTES | UINT32_C(1) << KIND_EMPTY | UINT32_C(1) << KIND_DIRECT)

/* 1,024 shards keep a table of the default budget under 512 KiB, so that growing one holds its lock
 * for some hundred microseconds at most; a shard of a small cache has at least 64 KiB. */
#define SHARDS_MAX UINT32_C(1024)
#define SHARD_BYTES ((size_t)64 * 1024)

/* One hold of a shard's lock takes out at most so many sets. */
#define SWEEP_VICTIMS 16

/* A dropped set of so many edges is not loaded again at once: a write per second on a group of
 * 50,000 would otherwise cost a scan of 50,000 per second. A read from storage costs as much as
 * some tens of scanned edges, so the load is due after edges / 32 asks. */
#define COOLING_EDGES UINT32_C(1024)
#define COOLING_EDGES_PER_ASK UINT32_C(32)
#define LARGE_ASKS (LIMIT_GRAPH_SET_EDGES / COOLING_EDGES_PER_ASK + 1)

/* A set above this part of the budget would push out everything else. */
#define SET_PART_OF_BUDGET 8

struct shard {
    _Alignas(64) pthread_mutex_t lock; /* guards the table and `struck` of the loads in it */
    struct slot_table table;
};

struct graph_cache {
    struct shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t memory_bytes;
    struct edge_set *empty; /* given for every node without edges; not counted, never freed early */
    _Alignas(64) atomic_size_t bytes; /* tables, and sets that stand in a slot */
    atomic_uint hand;                 /* the shard to be swept next */
};

/* Bit 47 of a stored node is never set (NODE_IS_LOCAL), so it can carry the direction. */
static uint64_t
slot_key(uint64_t node, enum edge_direction direction)
{
    BEHALF_ASSERT(!NODE_IS_LOCAL(node));
    return direction == EDGE_REVERSE ? node | NODE_SEQUENCE_LOCAL : node;
}

/* The shard comes from the high bits of the hash, the place in it from the low ones. */
static struct shard *
shard_of(struct graph_cache *cache, uint64_t key)
{
    return &cache->shards[(digest_hash_u64(key) >> 40) & (cache->shard_count - 1)];
}

static enum slot_kind
kind_of(uint64_t value)
{
    return (enum slot_kind)(value & SLOT_KIND_MASK);
}

static uint64_t
payload_of(uint64_t value)
{
    return value >> SLOT_PAYLOAD_SHIFT;
}

static uint64_t
value_of_payload(uint64_t payload, enum slot_kind kind)
{
    return payload << SLOT_PAYLOAD_SHIFT | SLOT_USED | (uint64_t)kind;
}

static void *
pointer_of(uint64_t value)
{
    return (void *)(uintptr_t)(value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static uint64_t
value_of_pointer(const void *pointer, enum slot_kind kind)
{
    uint64_t bits = (uint64_t)(uintptr_t)pointer;

    BEHALF_ASSERT((bits & (SLOT_KIND_MASK | SLOT_USED)) == 0);
    return bits | SLOT_USED | (uint64_t)kind;
}

/* --- life --- */

static uint32_t
shard_count_for(size_t memory_bytes)
{
    uint32_t count = 1;

    while (count < SHARDS_MAX && (size_t)count * 2 * SHARD_BYTES <= memory_bytes)
        count *= 2;
    return count;
}

/* Zeroed, and on lines of its own, so that two shards never share one. */
static void *
new_aligned(size_t count, size_t size)
{
    void *block = aligned_alloc(64, count * size);

    BEHALF_ASSERT(block != NULL);
    memset(block, 0, count * size);
    return block;
}

static void
shards_init(struct graph_cache *cache)
{
    pthread_mutexattr_t attributes;

    /* Adaptive: a lock held for some ten nanoseconds is worth spinning for before a sleep. */
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    cache->shards = new_aligned(cache->shard_count, sizeof *cache->shards);
    for (uint32_t at = 0; at < cache->shard_count; at++)
        pthread_mutex_init(&cache->shards[at].lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

struct graph_cache *
graph_cache_new(size_t memory_bytes)
{
    struct graph_cache *cache = new_aligned(1, sizeof *cache);

    cache->memory_bytes = memory_bytes;
    cache->empty = edge_set_new_empty();
    atomic_init(&cache->bytes, 0);
    atomic_init(&cache->hand, 0);
    if (memory_bytes >= GRAPH_CACHE_SMALLEST) {
        cache->shard_count = shard_count_for(memory_bytes);
        /* Half of the budget at most is tables, so that what is above the budget is always sets,
         * and evicting sets always ends. */
        cache->slots_max = slot_table_count_within(memory_bytes / 2 / cache->shard_count);
        shards_init(cache);
    }
    return cache;
}

void
graph_cache_free(struct graph_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct slot_table *table = &cache->shards[at].table;

        for (uint32_t slot = 0; table->slots != NULL && slot <= table->mask; slot++) {
            uint64_t value = table->slots[slot].value;

            BEHALF_ASSERT(value == 0 || kind_of(value) != KIND_LOADING);
            if (value != 0 && kind_of(value) == KIND_SET)
                edge_set_unref(pointer_of(value));
        }
        slot_table_release(table);
        pthread_mutex_destroy(&cache->shards[at].lock);
    }
    edge_set_free_empty(cache->empty);
    free(cache->shards);
    free(cache);
}

/* --- what is counted --- */

/* Relaxed in both: the counter orders nothing, it is only compared with the budget. */
static void
count_bytes(struct graph_cache *cache, size_t added, size_t removed)
{
    atomic_fetch_add_explicit(&cache->bytes, added - removed, memory_order_relaxed);
}

static size_t
bytes_counted(struct graph_cache *cache)
{
    return atomic_load_explicit(&cache->bytes, memory_order_relaxed);
}

static size_t
set_bytes_counted(const struct edge_set *set)
{
    return slot_allocation_bytes(edge_set_bytes(set));
}

/* --- finding --- */

/* Under the shard's lock. */
static enum graph_cache_answer
answer_from(struct graph_cache *cache, struct shard *shard, struct slot *slot, uint64_t revision,
            struct edge_set **set)
{
    struct edge_set *found = NULL;
    uint64_t asks;

    switch (kind_of(slot->value)) {
    case KIND_SET:
        found = pointer_of(slot->value);
        if (found->valid_from > revision)
            return GRAPH_CACHE_STORAGE;
        edge_set_ref(found);
        break;
    case KIND_EMPTY:
        if (payload_of(slot->value) > revision)
            return GRAPH_CACHE_STORAGE;
        found = cache->empty;
        break;
    case KIND_DIRECT:
        asks = payload_of(slot->value);
        if (asks == 0) {
            slot_table_remove(&shard->table, slot);
            return GRAPH_CACHE_ABSENT;
        }
        slot->value = value_of_payload(asks - 1, KIND_DIRECT);
        return GRAPH_CACHE_STORAGE;
    case KIND_LOADING:
        return GRAPH_CACHE_STORAGE;
    }
    slot->value |= SLOT_USED;
    *set = found;
    return GRAPH_CACHE_SET;
}

enum graph_cache_answer
graph_cache_find(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                 uint64_t revision, struct edge_set **set)
{
    uint64_t key = slot_key(node, direction);
    enum graph_cache_answer answer = GRAPH_CACHE_ABSENT;
    struct shard *shard;
    struct slot *slot;

    if (cache->shard_count == 0)
        return GRAPH_CACHE_STORAGE;
    shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL)
        answer = answer_from(cache, shard, slot, revision, set);
    pthread_mutex_unlock(&shard->lock);
    return answer;
}

/* --- evicting --- */

/* Sets taken out of their slots, to be given back when no lock is held: the last reference frees up
 * to LIMIT_GRAPH_SET_BYTES. */
struct victims {
    struct edge_set *sets[SWEEP_VICTIMS];
    size_t count;
};

static void
victims_unref(struct victims *victims)
{
    for (size_t at = 0; at < victims->count; at++)
        edge_set_unref(victims->sets[at]);
    victims->count = 0;
}

/* Under the shard's lock. Never a loading mark: the caller sweeps for other kinds. */
static void
take_out(struct graph_cache *cache, struct shard *shard, struct slot *slot, struct victims *victims)
{
    BEHALF_ASSERT(kind_of(slot->value) != KIND_LOADING);
    if (kind_of(slot->value) == KIND_SET) {
        struct edge_set *set = pointer_of(slot->value);

        BEHALF_ASSERT(victims->count < SWEEP_VICTIMS);
        count_bytes(cache, 0, set_bytes_counted(set));
        victims->sets[victims->count++] = set;
    }
    slot_table_remove(&shard->table, slot);
}

static void
evict_in(struct graph_cache *cache, struct shard *shard)
{
    struct victims victims = {.count = 0};
    uint32_t steps = SLOT_SWEEP_STEPS;

    pthread_mutex_lock(&shard->lock);
    while (bytes_counted(cache) > cache->memory_bytes && victims.count < SWEEP_VICTIMS) {
        struct slot *slot = slot_table_sweep(&shard->table, EVICT_FOR_BYTES, &steps);

        if (slot == NULL)
            break;
        take_out(cache, shard, slot, &victims);
    }
    pthread_mutex_unlock(&shard->lock);
    victims_unref(&victims);
}

/* Ends: tables alone never exceed half of the budget, every set that is counted stands in a slot,
 * and after two rounds of the hand each one was either used again or is out. */
static void
evict_to_budget(struct graph_cache *cache)
{
    while (bytes_counted(cache) > cache->memory_bytes) {
        /* Relaxed: the hand only spreads the sweeps over the shards. */
        unsigned at = atomic_fetch_add_explicit(&cache->hand, 1, memory_order_relaxed);

        evict_in(cache, &cache->shards[at & (cache->shard_count - 1)]);
    }
}

/* Under the shard's lock: adds a slot; when the table may not grow, in the place of another. */
static bool
add_slot(struct graph_cache *cache, struct shard *shard, uint64_t key, uint64_t value,
         struct victims *victims)
{
    size_t before = slot_table_bytes(&shard->table);
    bool added = slot_table_add(&shard->table, key, value, cache->slots_max);

    if (!added) {
        struct slot *slot = slot_table_victim(&shard->table, EVICT_FOR_ROOM);

        if (slot != NULL) {
            take_out(cache, shard, slot, victims);
            added = slot_table_add(&shard->table, key, value, cache->slots_max);
        }
    }
    count_bytes(cache, slot_table_bytes(&shard->table), before);
    return added;
}

/* --- loading --- */

bool
graph_cache_load_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                       struct graph_load *load)
{
    struct victims victims = {.count = 0};
    struct shard *shard;
    bool installed;

    *load = (struct graph_load){.key = slot_key(node, direction)};
    if (cache->shard_count == 0)
        return false;
    shard = shard_of(cache, load->key);
    pthread_mutex_lock(&shard->lock);
    installed = slot_table_find(&shard->table, load->key) == NULL &&
                add_slot(cache, shard, load->key, value_of_pointer(load, KIND_LOADING), &victims);
    pthread_mutex_unlock(&shard->lock);
    victims_unref(&victims);
    return installed;
}

/* Under the shard's lock: the mark of a load that was not struck. */
static struct slot *
mark_of(struct shard *shard, const struct graph_load *load)
{
    struct slot *slot = slot_table_find(&shard->table, load->key);

    BEHALF_ASSERT(slot != NULL);
    BEHALF_ASSERT(kind_of(slot->value) == KIND_LOADING);
    BEHALF_ASSERT(pointer_of(slot->value) == load);
    return slot;
}

/* What the mark becomes. A set too big for the budget is read from storage as a large one is: it
 * would be evicted, and loaded again, at every ask. */
static uint64_t
installed_value(struct graph_cache *cache, struct edge_set *set)
{
    if (set == NULL || set_bytes_counted(set) > cache->memory_bytes / SET_PART_OF_BUDGET)
        return value_of_payload(LARGE_ASKS, KIND_DIRECT);
    if (set->group_count == 0)
        return value_of_payload(set->valid_from, KIND_EMPTY);
    edge_set_ref(set);
    count_bytes(cache, set_bytes_counted(set), 0);
    return value_of_pointer(set, KIND_SET);
}

static uint64_t
cooling_value(const struct edge_set *set)
{
    return value_of_payload(edge_set_edge_count(set) / COOLING_EDGES_PER_ASK, KIND_DIRECT);
}

void
graph_cache_load_end(struct graph_cache *cache, struct graph_load *load, struct edge_set *set)
{
    struct shard *shard = shard_of(cache, load->key);
    struct victims victims = {.count = 0};
    bool cools = set != NULL && edge_set_edge_count(set) >= COOLING_EDGES;

    pthread_mutex_lock(&shard->lock);
    if (!load->struck)
        mark_of(shard, load)->value = installed_value(cache, set);
    else if (cools && slot_table_find(&shard->table, load->key) == NULL)
        (void)!add_slot(cache, shard, load->key, cooling_value(set), &victims);
    pthread_mutex_unlock(&shard->lock);
    victims_unref(&victims);
    evict_to_budget(cache);
}

void
graph_cache_load_failed(struct graph_cache *cache, struct graph_load *load)
{
    struct shard *shard = shard_of(cache, load->key);

    pthread_mutex_lock(&shard->lock);
    if (!load->struck)
        slot_table_remove(&shard->table, mark_of(shard, load));
    pthread_mutex_unlock(&shard->lock);
}

/* --- writing --- */

void
graph_cache_drop(struct graph_cache *cache, uint64_t node, enum edge_direction direction)
{
    uint64_t key = slot_key(node, direction);
    struct edge_set *dropped = NULL;
    struct graph_load *load;
    struct shard *shard;
    struct slot *slot;

    if (cache->shard_count == 0)
        return;
    shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL && kind_of(slot->value) != KIND_DIRECT) {
        bool cools = false;

        if (kind_of(slot->value) == KIND_LOADING) {
            load = pointer_of(slot->value);
            load->struck = true;
        } else if (kind_of(slot->value) == KIND_SET) {
            dropped = pointer_of(slot->value);
            count_bytes(cache, 0, set_bytes_counted(dropped));
            cools = edge_set_edge_count(dropped) >= COOLING_EDGES;
        }
        if (cools)
            slot->value = cooling_value(dropped);
        else
            slot_table_remove(&shard->table, slot);
    }
    pthread_mutex_unlock(&shard->lock);
    edge_set_unref(dropped);
}

/* --- looking at all of it --- */

static void
count_slot(struct graph_cache_stats *stats, uint64_t value)
{
    switch (kind_of(value)) {
    case KIND_SET:
        stats->set_count++;
        break;
    case KIND_EMPTY:
        stats->empty_count++;
        break;
    case KIND_DIRECT:
        stats->direct_count++;
        break;
    case KIND_LOADING:
        stats->loading_count++;
        break;
    }
}

void
graph_cache_stats_read(struct graph_cache *cache, struct graph_cache_stats *stats)
{
    *stats = (struct graph_cache_stats){.bytes = bytes_counted(cache)};
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        for (uint32_t slot = 0; shard->table.count > 0 && slot <= shard->table.mask; slot++) {
            if (shard->table.slots[slot].value != 0)
                count_slot(stats, shard->table.slots[slot].value);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

bool
graph_cache_validate(struct graph_cache *cache, const char **reason)
{
    size_t bytes = 0;

    *reason = NULL;
    for (uint32_t at = 0; at < cache->shard_count && *reason == NULL; at++) {
        struct slot_table *table = &cache->shards[at].table;
        uint32_t count = 0;

        bytes += slot_table_bytes(table);
        for (uint32_t slot = 0; table->slots != NULL && slot <= table->mask; slot++) {
            uint64_t value = table->slots[slot].value;

            if (value == 0)
                continue;
            count++;
            if (slot_table_find(table, table->slots[slot].key) != &table->slots[slot])
                *reason = "a slot is not found by its key";
            if (kind_of(value) == KIND_SET) {
                bytes += set_bytes_counted(pointer_of(value));
                if (!edge_set_validate(pointer_of(value), reason))
                    return false;
            }
        }
        if (count != table->count)
            *reason = "a table counts its slots wrong";
    }
    if (*reason == NULL && bytes != bytes_counted(cache))
        *reason = "the bytes are counted wrong";
    return *reason == NULL;
}
