/* graph_cache.c - the shared edge sets, and the protocol that keeps them exact.
 *
 * A slot holds the newest version of a set, or a chain of versions, newest first. Each version has
 * an interval [from, until) of revisions for which it is right. Claim: when a reader of revision R
 * finds a version of node N with from <= R < until at moment t, that version is the state of N at
 * R.
 *
 * The writer handles transactions c in order, one group at a time:
 *     commit(c)  ->  apply(N, c)  ->  publish(c or later)
 * The reader learned R from a publication before t, so every apply(N, c) with c <= R was over
 * before t. A version begins in one of two ways:
 *   - apply derived it from the version before it. It contains every change of the group, and
 *     `from` is the last revision of the group that changed N. The older version ends at the first
 *     such revision. A reader whose R lies between the two, inside the group, is sent to storage.
 *   - A load read it from a storage snapshot whose head is L = from. It contains everything
 *     committed up to L. The loader installed its mark before it opened the snapshot, so each
 *     apply(N, c) with c > L came after the mark. That apply either met the mark and left its
 *     changes there, of which the loader applies those newer than L; or it met the installed set
 *     and changed it. Both paths skip changes up to L, because the set has them already.
 * So no change of N that was applied before t lies in [from, until), and any other change is newer
 * than R. The newest version has no `until`; R is bounded by the published revision.
 *
 * Find takes no lock. It reads one word of a slot, and that word is the state of some moment after
 * the find began (slot_table.h says why). All of the above was written to the slot before R was
 * published. The word points to immutable memory, which is freed after a grace period: no section
 * that could have read the word is still open.
 *
 * Cases that the claim must survive:
 *   - The head L of a snapshot is newer than everything published, and perhaps never durable,
 *     because the writer commits before it syncs. The set is right from L on only, and a reader at
 *     R < L is told `storage`. If the sync fails, L is never published and no reader is ever given
 *     the set.
 *   - A version that a reader needs is missing, because the writer saw its pin too late or the set
 *     was evicted. The reader finds no version that covers R and is told `storage`.
 *   - A commit fails with an unknown outcome. The writer drops the nodes, marks included. The
 *     loader sees `struck` in its own record and leaves the slot alone. Once the slot is removed,
 *     no thread can reach the record, so the loader's frame may end.
 *   - A second asker meets a loading mark. It is told `storage` and does not wait.
 *   - Eviction takes sets with all their versions, empty nodes and direct marks, and never a
 *     loading mark: the writer could no longer tell an evicted mark of changes, and its load would
 *     install a stale set.
 *   - A load fails. It removes its mark, unless the writer struck it.
 *
 * Direct marks. A node whose set exceeds the size limit is read from storage range by range, for
 * LARGE_ASKS asks, before a load is tried again. The mark claims nothing about the edges of the
 * node, so it has no revision, and a change may ignore it. */
#include "graph/graph_cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "graph/graph_cache_private.h"
#include "graph/graph_version.h"
#include "graph/limits.h"

#define EVICT_FOR_BYTES (UINT32_C(1) << KIND_SET | UINT32_C(1) << KIND_CHAIN)
#define EVICT_FOR_ROOM (EVICT_FOR_BYTES | UINT32_C(1) << KIND_EMPTY | UINT32_C(1) << KIND_DIRECT)

/* At the default budget, 1,024 shards keep each table under 512 KiB, so that growing one holds its
 * lock for some hundred microseconds at most. A shard of a small cache has at least 64 KiB. */
#define SHARDS_MAX UINT32_C(1024)
#define SHARD_BYTES ((size_t)64 * 1024)

/* At most this many sets are evicted under one hold of a shard's lock: finds do not wait for it,
 * but loads and the writer do. */
#define SWEEP_VICTIMS 16

/* A look fails when a removal moved slots during it. After this many failures in a row a find takes
 * the lock, so that a burst of evictions cannot starve it. */
#define LOOKS_MAX 8

/* A node whose set is too large is read from storage for this many asks before a load is tried
 * again. A load of it reads up to 16 MiB in vain, so the retry must be rare; and it must come,
 * because the node may have shrunk. */
#define LARGE_ASKS 65536

/* A set larger than this part of the budget would evict nearly everything else. */
#define SET_PART_OF_BUDGET 4

/* Retired blocks shrink the budget by this part of it at most. With the half that tables may take,
 * a quarter always remains for sets, so evict_to_budget can reach its goal. */
#define RETIRED_PART_OF_BUDGET 4

/* A warm-up leaves this part of the budget to requests, whose first loads then evict nothing. */
#define SPARE_PART_OF_BUDGET 16

/* One trim looks at this many chains, plus twice those added since the trim before: the backlog
 * shrinks, and a long request that pins an old revision does not make every group of writes walk
 * all chains. */
#define TRIM_STEPS 64

/* Bit 47 of a stored node is never set (NODE_IS_LOCAL), so it carries the direction. */
static uint64_t
key_of(uint64_t node, enum edge_direction direction)
{
    BEHALF_ASSERT(!NODE_IS_LOCAL(node));
    return direction == EDGE_REVERSE ? node | NODE_SEQUENCE_LOCAL : node;
}

/* The shard comes from the high bits of the hash and the place in its table from the low ones:
 * shared bits would leave most home places of a table unused. */
static struct shard *
shard_of(struct graph_cache *cache, uint64_t key)
{
    return &cache->shards[(digest_hash_u64(key) >> 40) & (cache->shard_count - 1)];
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

/* Zeroed, and on cache lines of its own: two shards that share a line would slow each other down
 * (false sharing). */
static void *
new_aligned(size_t count, size_t size)
{
    void *block = aligned_alloc(64, count * size);

    BEHALF_ASSERT(block != NULL);
    memset(block, 0, count * size);
    return block;
}

struct graph_cache *
graph_cache_new(struct readers *readers, size_t memory_bytes)
{
    struct graph_cache *cache = new_aligned(1, sizeof *cache);

    cache->readers = readers;
    cache->memory_bytes = memory_bytes;
    cache->empty = edge_set_new_empty();
    pthread_mutex_init(&cache->trim_lock, NULL);
    if (memory_bytes >= GRAPH_CACHE_SMALLEST) {
        cache->shard_count = shard_count_for(memory_bytes);
        /* Tables take at most half of the budget. Above the budget there are therefore always sets
         * to evict, and evict_to_budget terminates. */
        cache->slots_max = slot_table_count_within(memory_bytes / 2 / cache->shard_count);
        cache->shards = new_aligned(cache->shard_count, sizeof *cache->shards);
        for (uint32_t at = 0; at < cache->shard_count; at++)
            pthread_mutex_init(&cache->shards[at].lock, NULL);
    }
    return cache;
}

void
graph_cache_free(struct graph_cache *cache)
{
    struct retirees retirees = {.count = 0};

    if (cache == NULL)
        return;
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct slot_table *table = &cache->shards[at].table;

        for (size_t slot = 0; slot < slot_table_slots(table); slot++) {
            uint64_t value = slot_value(slot_table_at(table, slot));

            BEHALF_ASSERT(value == 0 || version_kind(value) != KIND_LOADING);
            if (value != 0)
                version_retire(value, &retirees);
        }
        slot_table_release(table);
        pthread_mutex_destroy(&cache->shards[at].lock);
    }
    readers_retire(cache->readers, &retirees);
    edge_set_free(cache->empty);
    pthread_mutex_destroy(&cache->trim_lock);
    key_ring_release(&cache->chained);
    free(cache->shards);
    free(cache);
}

size_t
graph_cache_set_bytes_max(const struct graph_cache *cache)
{
    size_t part = cache->memory_bytes / SET_PART_OF_BUDGET;

    return part < LIMIT_GRAPH_SET_BYTES ? part : LIMIT_GRAPH_SET_BYTES;
}

/* --- counters --- */

/* Relaxed throughout: the counters publish no data, they are only compared with the budget. */
static void
count_bytes(struct graph_cache *cache, size_t added, size_t removed)
{
    atomic_fetch_add_explicit(&cache->bytes, added - removed, memory_order_relaxed);
}

static void
count_superseded(struct graph_cache *cache, size_t added, size_t removed)
{
    atomic_fetch_add_explicit(&cache->superseded, added - removed, memory_order_relaxed);
}

/* Adds the sets of a slot's value to the counters, or subtracts them. Every value is counted when
 * it enters a slot and subtracted as it was when it leaves, so the sums stay exact. */
static void
count_value(struct graph_cache *cache, uint64_t value, bool added)
{
    struct versions versions;
    size_t superseded;
    size_t bytes;

    if (version_kind(value) != KIND_SET && version_kind(value) != KIND_CHAIN)
        return;
    versions_of(value, &versions);
    superseded = versions_superseded_bytes(&versions);
    bytes = superseded + versions_newest_bytes(&versions);
    count_bytes(cache, added ? bytes : 0, added ? 0 : bytes);
    count_superseded(cache, added ? superseded : 0, added ? 0 : superseded);
}

/* --- finding --- */

static enum graph_cache_answer
/* The first version that begins at or before `revision` decides, since every older one ends before
 * it begins. A revision in the gap between two versions lies inside a group of transactions, whose
 * single states are not in memory. */
answer_from_chain(struct graph_cache *cache, const struct chain *chain, uint64_t revision,
                  const struct edge_set **set)
{
    for (size_t at = 0; at < chain->count; at++) {
        const struct version *version = &chain->versions[at];

        if (revision < version->from)
            continue;
        if (revision >= version->until)
            return GRAPH_CACHE_STORAGE;
        *set = version->set != NULL ? version->set : cache->empty;
        return GRAPH_CACHE_SET;
    }
    return GRAPH_CACHE_STORAGE;
}

/* Counts one ask down. The compare-and-swap is tried once: a lost race loses one count of 65,536,
 * and hot nodes do not fight for the line. The ask that finds 0 removes the mark, under the lock,
 * and reports `absent`, so that its caller tries a load. */
static enum graph_cache_answer
answer_direct(struct shard *shard, uint64_t key, struct slot *slot, uint64_t value)
{
    uint64_t asks = version_payload(value);

    if (asks > 0) {
        slot_try_value(slot, value, version_payload_value(asks - 1, KIND_DIRECT));
        return GRAPH_CACHE_STORAGE;
    }
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL && version_kind(slot_value(slot)) == KIND_DIRECT &&
        version_payload(slot_value(slot)) == 0)
        slot_table_remove(&shard->table, slot);
    pthread_mutex_unlock(&shard->lock);
    return GRAPH_CACHE_ABSENT;
}

/* The value in the slot of the key; 0 when there is none. The slot may move after the lock is given
 * back: callers use it for a compare-and-swap on the value alone. */
static BEHALF_INLINE uint64_t
look(struct shard *shard, uint64_t key, struct slot **slot)
{
    uint64_t value;

    for (unsigned looks = 0; looks < LOOKS_MAX; looks++) {
        if (BEHALF_LIKELY(slot_table_look(&shard->table, key, slot, &value)))
            return value;
    }
    pthread_mutex_lock(&shard->lock);
    *slot = slot_table_find(&shard->table, key);
    value = *slot == NULL ? 0 : slot_value(*slot);
    pthread_mutex_unlock(&shard->lock);
    return value;
}

enum graph_cache_answer
graph_cache_find(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                 uint64_t revision, const struct edge_set **set)
{
    uint64_t key = key_of(node, direction);
    enum graph_cache_answer answer = GRAPH_CACHE_SET;
    const struct edge_set *found;
    struct shard *shard;
    struct slot *slot;
    uint64_t value;

    /* A cache below GRAPH_CACHE_SMALLEST has no shards. */
    if (cache->shard_count == 0)
        return GRAPH_CACHE_STORAGE;
    shard = shard_of(cache, key);
    value = look(shard, key, &slot);
    if (value == 0)
        return GRAPH_CACHE_ABSENT;
    switch (version_kind(value)) {
    case KIND_SET:
        /* `valid_from` needs the set's cache line, which the caller reads next in any case. */
        found = version_pointer(value);
        if (found->valid_from > revision)
            return GRAPH_CACHE_STORAGE;
        *set = found;
        break;
    case KIND_EMPTY:
        if (version_payload(value) > revision)
            return GRAPH_CACHE_STORAGE;
        *set = cache->empty;
        break;
    case KIND_CHAIN:
        answer = answer_from_chain(cache, version_pointer(value), revision, set);
        break;
    case KIND_DIRECT:
        return answer_direct(shard, key, slot, value);
    case KIND_LOADING:
        return GRAPH_CACHE_STORAGE;
    }
    /* Also when a chain answered `storage`: the node is in use, and a reader of a later revision
     * will find its set. */
    slot_mark_used(slot, value);
    return answer;
}

void
graph_cache_prefetch(struct graph_cache *cache, uint64_t node, enum edge_direction direction)
{
    uint64_t key = key_of(node, direction);

    if (cache->shard_count > 0)
        slot_table_prefetch(&shard_of(cache, key)->table, key);
}

void
graph_cache_prefetch_set(struct graph_cache *cache, uint64_t node, enum edge_direction direction)
{
    uint64_t key = key_of(node, direction);
    struct slot *slot;
    uint64_t value;

    if (cache->shard_count > 0 &&
        slot_table_look(&shard_of(cache, key)->table, key, &slot, &value) && value != 0 &&
        (version_kind(value) == KIND_SET || version_kind(value) == KIND_CHAIN))
        __builtin_prefetch(version_pointer(value));
}

/* --- evicting --- */

/* Values removed under a shard's lock. They are retired after the lock is released, because
 * retiring takes the lock of readers.h and may free blocks. */
struct victims {
    uint64_t values[SWEEP_VICTIMS];
    size_t count;
    void *array; /* the old array of a table that grew */
    size_t array_bytes;
};

static void
victims_retire(struct graph_cache *cache, struct victims *victims)
{
    struct retirees retirees = {.count = 0};

    for (size_t at = 0; at < victims->count; at++)
        version_retire(victims->values[at], &retirees);
    if (victims->array != NULL)
        retirees_add(&retirees, victims->array, victims->array_bytes);
    readers_retire(cache->readers, &retirees);
}

/* Under the shard's lock. Never a loading mark: callers sweep for other kinds. */
static void
take_out(struct graph_cache *cache, struct shard *shard, struct slot *slot, struct victims *victims)
{
    uint64_t value = slot_value(slot);

    BEHALF_ASSERT(version_kind(value) != KIND_LOADING);
    BEHALF_ASSERT(victims->count < SWEEP_VICTIMS);
    count_value(cache, value, false);
    victims->values[victims->count++] = value;
    slot_table_remove(&shard->table, slot);
}

static size_t
budget_of(struct graph_cache *cache)
{
    /* Retired blocks are still memory. Without them in the sum, a reader that stays in its section
     * would let the cache grow past its budget by everything evicted meanwhile. */
    size_t retired = readers_retired_bytes(cache->readers);
    size_t most = cache->memory_bytes / RETIRED_PART_OF_BUDGET;

    return cache->memory_bytes - (retired < most ? retired : most);
}

static void
evict_in(struct graph_cache *cache, struct shard *shard, size_t budget)
{
    struct victims victims = {.count = 0};
    uint32_t steps = SLOT_SWEEP_STEPS;

    pthread_mutex_lock(&shard->lock);
    /* Both bounds hold the lock briefly: at most SLOT_SWEEP_STEPS slots looked at, at most
     * SWEEP_VICTIMS sets removed. */
    while (graph_cache_bytes(cache) > budget && victims.count < SWEEP_VICTIMS) {
        struct slot *slot = slot_table_sweep(&shard->table, EVICT_FOR_BYTES, &steps);

        if (slot == NULL)
            break;
        take_out(cache, shard, slot, &victims);
    }
    pthread_mutex_unlock(&shard->lock);
    atomic_fetch_add_explicit(&cache->evicted, victims.count, memory_order_relaxed);
    victims_retire(cache, &victims);
}

/* Terminates: tables never exceed half of the memory, every counted set is in a slot, and after two
 * rounds of the clock hand each set was either used again or evicted. The budget is read once:
 * evicted sets count as retired, and a budget that is read again would shrink by them and demand
 * further evictions. */
static void
evict_to_budget(struct graph_cache *cache)
{
    size_t budget = budget_of(cache);

    while (graph_cache_bytes(cache) > budget) {
        /* Relaxed: the hand only spreads the sweeps over the shards. */
        unsigned at = atomic_fetch_add_explicit(&cache->hand, 1, memory_order_relaxed);

        evict_in(cache, &cache->shards[at & (cache->shard_count - 1)], budget);
    }
}

/* Under the shard's lock. The old array is retired and not freed, because a find may be probing
 * it. */
static bool
add_in_table(struct graph_cache *cache, struct shard *shard, uint64_t key, uint64_t value,
             struct victims *victims)
{
    size_t before = slot_table_bytes(&shard->table);
    void *replaced;
    bool added = slot_table_add(&shard->table, key, value, cache->slots_max, &replaced);

    if (replaced != NULL) {
        victims->array = replaced;
        victims->array_bytes = before;
    }
    count_bytes(cache, slot_table_bytes(&shard->table), before);
    return added;
}

/* Under the shard's lock: adds a slot. When the table may not grow, the clock's victim gives up its
 * slot: a new load is wanted now, the victim was least recently used. */
static bool
add_slot(struct graph_cache *cache, struct shard *shard, uint64_t key, uint64_t value,
         struct victims *victims)
{
    struct slot *slot;

    if (add_in_table(cache, shard, key, value, victims))
        return true;
    slot = slot_table_victim(&shard->table, EVICT_FOR_ROOM);
    if (slot == NULL)
        return false;
    atomic_fetch_add_explicit(&cache->evicted, 1, memory_order_relaxed);
    take_out(cache, shard, slot, victims);
    return add_in_table(cache, shard, key, value, victims);
}

/* --- changing --- */

/* Under the shard's lock: queues the key for the next trims. `added` marks a new chain. A chain
 * that is still needed is queued again without it: counting it would raise the quota of every
 * following trim until each group of writes walked all chains. */
static void
note_chain(struct graph_cache *cache, uint64_t key, bool added)
{
    pthread_mutex_lock(&cache->trim_lock);
    key_ring_add(&cache->chained, key);
    cache->trim_added += added;
    pthread_mutex_unlock(&cache->trim_lock);
}

static bool
take_trim_key(struct graph_cache *cache, uint64_t *key)
{
    bool found;

    pthread_mutex_lock(&cache->trim_lock);
    found = key_ring_take(&cache->chained, key);
    pthread_mutex_unlock(&cache->trim_lock);
    return found;
}

/* Under the shard's lock: replaces the versions in a slot by those that are still needed, and
 * always the newest. The rest is retired. `versions` equals the slot's versions, with at most a new
 * first one. */
static void
keep_needed(struct graph_cache *cache, struct slot *slot, struct version *versions, size_t count,
            uint64_t published, const struct reader_pins *pins, struct retirees *retirees)
{
    uint64_t before = slot_value(slot);
    size_t kept = 1;

    count_value(cache, before, false);
    for (size_t at = 1; at < count; at++) {
        const struct edge_set *older = at + 1 < count ? versions[at + 1].set : NULL;

        if (version_is_needed(&versions[at], published, pins))
            versions[kept++] = versions[at];
        else if (versions[at].set != NULL)
            /* Of the pieces, only those that neither the last kept version nor the next older one
             * has; the turn of the older one comes next. Other versions cannot have them
             * (edge_set.h). */
            edge_set_visit_own(versions[at].set, versions[kept - 1].set, older,
                               version_retire_block, retirees);
    }
    /* One store publishes the new chain. A find sees the old word or the new one, and both are
     * complete. */
    slot_set_value(slot, versions_value(versions, kept));
    if (version_kind(before) == KIND_CHAIN) {
        const struct chain *chain = version_pointer(before);

        retirees_add(retirees, version_pointer(before), version_chain_bytes(chain->count));
    }
    count_value(cache, slot_value(slot), true);
}

/* Under the shard's lock: one group of changes makes one new version. An empty result means that a
 * load brought all the changes already. */
static void
change_slot(struct graph_cache *cache, struct slot *slot, struct edge_change *changes, size_t count,
            uint64_t published, const struct reader_pins *pins, struct retirees *retirees)
{
    bool chained = version_kind(slot_value(slot)) == KIND_CHAIN;
    struct versions before;
    struct version *versions;

    versions_of(slot_value(slot), &before);
    versions = memory_new_array(before.count + 1, sizeof *versions);
    memcpy(versions + 1, before.items, before.count * sizeof *versions);
    if (version_make(cache->empty, &versions[1], changes, count, &versions[0])) {
        keep_needed(cache, slot, versions, before.count + 1, published, pins, retirees);
        if (!chained && version_kind(slot_value(slot)) == KIND_CHAIN)
            note_chain(cache, slot_key(slot), true);
    }
    memory_free(versions);
}

/* Under the shard's lock: hands the changes to the loader. Their contexts belong to the
 * transaction, which is freed before the load ends, hence the copies. */
static void
leave_changes(struct graph_load *load, const struct edge_change *changes, size_t count)
{
    load->changes = memory_resize(load->changes, load->change_count + count, sizeof *load->changes);
    for (size_t at = 0; at < count; at++) {
        struct edge_change *change = &load->changes[load->change_count++];

        *change = changes[at];
        if (change->traits.context.size > 0)
            change->traits.context = arena_copy(&load->contexts, change->traits.context);
    }
}

static void
free_changes(struct graph_load *load)
{
    memory_free(load->changes);
    arena_release(&load->contexts);
}

void
graph_cache_apply(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                  struct edge_change *changes, size_t count, uint64_t published,
                  const struct reader_pins *pins)
{
    uint64_t key = key_of(node, direction);
    struct retirees retirees = {.count = 0};
    struct shard *shard;
    struct slot *slot;

    if (cache->shard_count == 0)
        return;
    shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL) {
        switch (version_kind(slot_value(slot))) {
        case KIND_LOADING:
            leave_changes(version_pointer(slot_value(slot)), changes, count);
            break;
        case KIND_SET:
        case KIND_EMPTY:
        case KIND_CHAIN:
            change_slot(cache, slot, changes, count, published, pins, &retirees);
            break;
        /* A direct mark claims nothing about edges, so nothing is stale. */
        case KIND_DIRECT:
            break;
        }
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(cache->readers, &retirees);
    evict_to_budget(cache);
}

static void
trim_key(struct graph_cache *cache, uint64_t key, uint64_t published,
         const struct reader_pins *pins)
{
    struct shard *shard = shard_of(cache, key);
    struct retirees retirees = {.count = 0};
    struct slot *slot;

    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    /* The slot may have been evicted, or loaded anew without a chain, since the key was queued. */
    if (slot != NULL && version_kind(slot_value(slot)) == KIND_CHAIN) {
        const struct chain *chain = version_pointer(slot_value(slot));

        if (!version_chain_is_needed(chain, published, pins)) {
            struct version *versions =
                memory_copy(chain->versions, chain->count * sizeof *versions);

            keep_needed(cache, slot, versions, chain->count, published, pins, &retirees);
            memory_free(versions);
        }
        if (version_kind(slot_value(slot)) == KIND_CHAIN)
            note_chain(cache, key, false);
    }
    pthread_mutex_unlock(&shard->lock);
    readers_retire(cache->readers, &retirees);
}

void
graph_cache_trim(struct graph_cache *cache, uint64_t published, const struct reader_pins *pins)
{
    uint64_t key;
    size_t steps;

    pthread_mutex_lock(&cache->trim_lock);
    steps = 2 * cache->trim_added + TRIM_STEPS;
    /* Keys that this trim queues again wait for the next one. */
    if (steps > cache->chained.count)
        steps = cache->chained.count;
    cache->trim_added = 0;
    pthread_mutex_unlock(&cache->trim_lock);
    while (steps-- > 0 && take_trim_key(cache, &key))
        trim_key(cache, key, published, pins);
}

void
graph_cache_drop(struct graph_cache *cache, uint64_t node, enum edge_direction direction)
{
    uint64_t key = key_of(node, direction);
    struct victims victims = {.count = 0};
    struct shard *shard;
    struct slot *slot;

    if (cache->shard_count == 0)
        return;
    shard = shard_of(cache, key);
    pthread_mutex_lock(&shard->lock);
    slot = slot_table_find(&shard->table, key);
    if (slot != NULL && version_kind(slot_value(slot)) == KIND_LOADING) {
        struct graph_load *load = version_pointer(slot_value(slot));

        /* The loader learns it under this lock, at its end. From here on nothing leads to its
         * record. */
        load->struck = true;
        slot_table_remove(&shard->table, slot);
    } else if (slot != NULL) {
        take_out(cache, shard, slot, &victims);
    }
    pthread_mutex_unlock(&shard->lock);
    victims_retire(cache, &victims);
}

/* --- loading --- */

static bool
begin_load(struct graph_cache *cache, uint64_t node, enum edge_direction direction, bool asked,
           struct graph_load *load)
{
    struct victims victims = {.count = 0};
    struct shard *shard;
    uint64_t value;
    bool installed;

    *load = (struct graph_load){.key = key_of(node, direction), .asked = asked};
    arena_init(&load->contexts, SIZE_MAX / 2);
    if (cache->shard_count == 0)
        return false;
    shard = shard_of(cache, load->key);
    pthread_mutex_lock(&shard->lock);
    value = version_pointer_value(load, KIND_LOADING);
    /* A warm-up takes free room only: evicting sets that requests use for sets that none asked for
     * would be a loss. */
    installed = slot_table_find(&shard->table, load->key) == NULL &&
                (asked ? add_slot(cache, shard, load->key, value, &victims)
                       : add_in_table(cache, shard, load->key, value, &victims));
    pthread_mutex_unlock(&shard->lock);
    victims_retire(cache, &victims);
    return installed;
}

bool
graph_cache_load_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                       struct graph_load *load)
{
    return begin_load(cache, node, direction, true, load);
}

bool
graph_cache_warm_begin(struct graph_cache *cache, uint64_t node, enum edge_direction direction,
                       struct graph_load *load)
{
    return begin_load(cache, node, direction, false, load);
}

/* Under the shard's lock: the mark of a load that was not struck. Nothing else removes a loading
 * mark, so it is there. */
static struct slot *
mark_of(struct shard *shard, const struct graph_load *load)
{
    struct slot *slot = slot_table_find(&shard->table, load->key);

    BEHALF_ASSERT(slot != NULL);
    BEHALF_ASSERT(version_kind(slot_value(slot)) == KIND_LOADING);
    BEHALF_ASSERT(version_pointer(slot_value(slot)) == load);
    return slot;
}

/* Under the shard's lock: replaces the mark by the loaded set, plus a newer version when changes
 * were left at the mark. The loaded set is kept in that case too: the loader's own revision may lie
 * before those changes. */
static void
install(struct graph_cache *cache, struct slot *slot, struct graph_load *load, struct edge_set *set,
        uint64_t *until)
{
    struct version versions[2] = {{.set = NULL}, {.set = set, .until = UINT64_MAX}};
    size_t first = 1;
    uint64_t value;

    versions[1].from = set->valid_from;
    if (edge_set_edge_count(set) == 0)
        versions[1].set = NULL;
    if (version_make(cache->empty, &versions[1], load->changes, load->change_count, &versions[0]))
        first = 0;
    *until = versions[1].until;
    value = versions_value(&versions[first], 2 - first);
    /* Without the used bit a warmed set is the clock's next victim. */
    slot_set_value(slot, load->asked ? value : value & ~SLOT_USED);
    count_value(cache, slot_value(slot), true);
    if (first == 0)
        note_chain(cache, load->key, true);
}

void
graph_cache_load_end(struct graph_cache *cache, struct graph_load *load, struct edge_set *set,
                     uint64_t *until)
{
    struct shard *shard = shard_of(cache, load->key);
    struct retirees retirees = {.count = 0};
    bool installed = false;

    *until = UINT64_MAX;
    pthread_mutex_lock(&shard->lock);
    if (!load->struck) {
        struct slot *slot = mark_of(shard, load);

        installed = set != NULL;
        if (installed)
            install(cache, slot, load, set, until);
        else
            slot_set_value(slot, version_payload_value(LARGE_ASKS, KIND_DIRECT));
    } else if (set != NULL) {
        *until = set->valid_from + 1; /* a struck load knows no changes after its head */
    }
    pthread_mutex_unlock(&shard->lock);
    free_changes(load);
    /* A set without an owner (not installed, or replaced by the empty kind) is retired, because the
     * caller reads it until its section ends. */
    if (set != NULL && (!installed || edge_set_edge_count(set) == 0))
        edge_set_visit_own(set, NULL, NULL, version_retire_block, &retirees);
    readers_retire(cache->readers, &retirees);
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
    free_changes(load);
}

bool
graph_cache_lacks(struct graph_cache *cache, uint64_t node, enum edge_direction direction)
{
    uint64_t key = key_of(node, direction);
    struct slot *slot;
    uint64_t value;

    return cache->shard_count > 0 &&
           slot_table_look(&shard_of(cache, key)->table, key, &slot, &value) && value == 0;
}

bool
graph_cache_is_full(struct graph_cache *cache)
{
    return cache->shard_count == 0 ||
           graph_cache_bytes(cache) >=
               cache->memory_bytes - cache->memory_bytes / SPARE_PART_OF_BUDGET;
}
