/* name_cache.c - one table of entries of two kinds: found by name, and found by node.
 * Always true: an entry never changes, and is retired by who took it out of its slot. Whatever word
 * a find reads from a slot, it was there after the find's section began, so that the entry is not
 * freed before the section ends; and what the find believes, it has compared with the entry. */

#include <pthread.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/memory.h"
#include "graph/name_cache.h"
#include "graph/readers.h"
#include "graph/slot_table.h"
#include "storage/store.h"

/* The kind is in the slot's value: the same name may stand once in each. */
enum entry_kind { ENTRY_BY_NAME, ENTRY_BY_NODE };

#define ENTRY_KINDS (UINT32_C(1) << ENTRY_BY_NAME | UINT32_C(1) << ENTRY_BY_NODE)

#define SHARDS_MAX UINT32_C(256)
#define SHARD_BYTES ((size_t)64 * 1024)

_Static_assert(OBJECT_ID_SIZE_MAX <= UINT16_MAX, "the size of an id fits an entry");

/* XXH3 is fast, not strong: who may choose names could make many of one hash. So many of a hash are
 * kept, and the others are read from storage. */
#define SAME_HASH_MAX 8

/* Who fills the cache before anybody asks leaves this part of each shard to those who ask. */
#define SPARE_PART_OF_BUDGET 16

/* One hold of a shard's lock takes out at most so many entries. */
#define SWEEP_VICTIMS 32

struct entry {
    uint64_t node; /* the type's wildcard: the name is absent */
    uint64_t known_at;
    uint16_t size;
    char bytes[];
};

struct name_shard {
    _Alignas(64) pthread_mutex_t lock; /* guards all below */
    struct slot_table table;
    size_t bytes; /* of the table and the entries */
    uint64_t evicted;
};

struct name_cache {
    struct readers *readers;
    struct name_shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t shard_budget;
};

struct name_cache *
name_cache_new(struct readers *readers, size_t memory_bytes)
{
    struct name_cache *cache = memory_new(sizeof *cache);
    size_t size;

    cache->readers = readers;
    if (memory_bytes < NAME_CACHE_SMALLEST)
        return cache;
    cache->shard_count = 1;
    while (cache->shard_count < SHARDS_MAX && cache->shard_count * 2 * SHARD_BYTES <= memory_bytes)
        cache->shard_count *= 2;
    cache->shard_budget = memory_bytes / cache->shard_count;
    cache->slots_max = slot_table_count_within(cache->shard_budget / 2);
    size = cache->shard_count * sizeof *cache->shards;
    cache->shards = aligned_alloc(64, size);
    BEHALF_ASSERT(cache->shards != NULL);
    memset(cache->shards, 0, size);
    for (uint32_t at = 0; at < cache->shard_count; at++)
        pthread_mutex_init(&cache->shards[at].lock, NULL);
    return cache;
}

static struct entry *
entry_of(uint64_t value)
{
    return (struct entry *)(uintptr_t)(value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static enum entry_kind
kind_of(uint64_t value)
{
    return (enum entry_kind)(value & SLOT_KIND_MASK);
}

static uint64_t
value_of(const struct entry *entry, enum entry_kind kind)
{
    return (uint64_t)(uintptr_t)entry | SLOT_USED | (uint64_t)kind;
}

void
name_cache_free(struct name_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct slot_table *table = &cache->shards[at].table;

        for (size_t slot = 0; slot < slot_table_slots(table); slot++)
            memory_free(entry_of(slot_value(slot_table_at(table, slot))));
        slot_table_release(table);
        pthread_mutex_destroy(&cache->shards[at].lock);
    }
    free(cache->shards);
    memory_free(cache);
}

/* --- keys and entries --- */

uint64_t
name_id_hash(struct slice id)
{
    return digest_hash(id);
}

/* Keys of both kinds share a table; what is found is compared with the entry in any case. */
static uint64_t
node_hash(uint64_t node)
{
    return digest_hash_u64(~node);
}

static struct name_shard *
shard_of(struct name_cache *cache, uint64_t key)
{
    return &cache->shards[(digest_hash_u64(key) >> 40) & (cache->shard_count - 1)];
}

static size_t
entry_bytes(const struct entry *entry)
{
    return memory_block_bytes(offsetof(struct entry, bytes) + entry->size);
}

/* What is looked for: by node alone, or by type and bytes. */
struct wanted {
    enum entry_kind kind;
    uint64_t key;
    uint64_t node; /* of a name only the type counts */
    struct slice id;
};

static bool
is_wanted(uint64_t value, const struct wanted *wanted)
{
    const struct entry *entry = entry_of(value);

    if (kind_of(value) != wanted->kind)
        return false;
    if (wanted->kind == ENTRY_BY_NODE)
        return entry->node == wanted->node;
    return entry->size == wanted->id.size && NODE_TYPE(entry->node) == NODE_TYPE(wanted->node) &&
           slice_equal((struct slice){entry->bytes, entry->size}, wanted->id);
}

/* --- finding --- */

/* NULL when it is not there, or out of sight since slots are being moved. */
static const struct entry *
look(struct name_cache *cache, const struct wanted *wanted)
{
    struct slot_table *table = &shard_of(cache, wanted->key)->table;
    uint32_t at = (uint32_t)digest_hash_u64(wanted->key);
    uintptr_t array = atomic_load_explicit(&table->array, memory_order_acquire);

    if (array == 0)
        return NULL;
    for (;;) {
        struct slot *slot = &slot_array_slots(array)[at++ & slot_array_mask(array)];
        uint64_t value = atomic_load_explicit(&slot->value, memory_order_acquire);

        if (value == 0)
            return NULL;
        /* Relaxed: a key that does not belong to the value costs a comparison. */
        if (atomic_load_explicit(&slot->key, memory_order_relaxed) == wanted->key &&
            is_wanted(value, wanted)) {
            slot_mark_used(slot, value);
            return entry_of(value);
        }
    }
}

bool
name_cache_find_node(struct name_cache *cache, uint16_t type_label, struct slice id, uint64_t hash,
                     uint64_t *node, uint64_t *known_at)
{
    struct wanted wanted = {ENTRY_BY_NAME, hash, NODE_WILDCARD(type_label), id};
    const struct entry *entry = cache->shard_count == 0 ? NULL : look(cache, &wanted);

    if (entry == NULL)
        return false;
    *node = entry->node;
    *known_at = entry->known_at;
    return true;
}

bool
name_cache_find_id(struct name_cache *cache, uint64_t node, struct slice *id)
{
    struct wanted wanted = {ENTRY_BY_NODE, node_hash(node), node, {NULL, 0}};
    const struct entry *entry = cache->shard_count == 0 ? NULL : look(cache, &wanted);

    if (entry == NULL)
        return false;
    *id = (struct slice){entry->bytes, entry->size};
    return true;
}

void
name_cache_prefetch(struct name_cache *cache, uint64_t hash)
{
    if (cache->shard_count > 0)
        slot_table_prefetch(&shard_of(cache, hash)->table, hash);
}

void
name_cache_prefetch_entry(struct name_cache *cache, uint64_t hash)
{
    struct slot *slot;
    uint64_t value;

    if (cache->shard_count > 0 &&
        slot_table_look(&shard_of(cache, hash)->table, hash, &slot, &value) && value != 0)
        __builtin_prefetch(entry_of(value));
}

/* First all slots, then all entries: the misses of each round overlap. Where the first slot of the
 * key is another's, or slots are being moved, the id is left to name_cache_find_id. */
void
name_cache_find_ids(struct name_cache *cache, const uint64_t *nodes, size_t count,
                    struct slice *ids)
{
    uint64_t values[NAME_CACHE_TOGETHER] = {0};
    uint64_t keys[NAME_CACHE_TOGETHER];

    BEHALF_ASSERT(count <= NAME_CACHE_TOGETHER);
    for (size_t at = 0; cache->shard_count > 0 && at < count; at++) {
        keys[at] = node_hash(nodes[at]);
        slot_table_prefetch(&shard_of(cache, keys[at])->table, keys[at]);
    }
    for (size_t at = 0; cache->shard_count > 0 && at < count; at++) {
        struct slot *slot;

        if (!slot_table_look(&shard_of(cache, keys[at])->table, keys[at], &slot, &values[at]))
            values[at] = 0;
        if (values[at] == 0)
            continue;
        slot_mark_used(slot, values[at]);
        __builtin_prefetch(entry_of(values[at]));
    }
    for (size_t at = 0; at < count; at++) {
        const struct entry *entry = entry_of(values[at]);
        bool found =
            values[at] != 0 && kind_of(values[at]) == ENTRY_BY_NODE && entry->node == nodes[at];

        ids[at] = found ? (struct slice){entry->bytes, entry->size} : (struct slice){NULL, 0};
    }
}

/* Under the shard's lock. *same counts the slots of the same hash that were passed. */
static struct slot *
find(struct name_shard *shard, const struct wanted *wanted, uint32_t *same)
{
    struct slot *slot = slot_table_find(&shard->table, wanted->key);

    *same = 0;
    while (slot != NULL && !is_wanted(slot_value(slot), wanted)) {
        *same += 1;
        slot = slot_table_next(&shard->table, slot);
    }
    return slot;
}

/* --- adding --- */

/* Under the shard's lock: takes one entry out, if the hand finds one. */
static bool
evict_one(struct name_shard *shard, struct retirees *retirees)
{
    struct slot *slot = slot_table_victim(&shard->table, ENTRY_KINDS);
    struct entry *entry;

    if (slot == NULL || retirees->count >= SWEEP_VICTIMS)
        return false;
    entry = entry_of(slot_value(slot));
    shard->bytes -= entry_bytes(entry);
    shard->evicted++;
    retirees_add(retirees, entry, entry_bytes(entry));
    slot_table_remove(&shard->table, slot);
    return true;
}

/* Under the shard's lock. */
static bool
add_in_table(struct name_cache *cache, struct name_shard *shard, uint64_t key, uint64_t value,
             struct retirees *retirees)
{
    size_t before = slot_table_bytes(&shard->table);
    void *replaced;
    bool added = slot_table_add(&shard->table, key, value, cache->slots_max, &replaced);

    if (replaced != NULL)
        retirees_add(retirees, replaced, before);
    shard->bytes += slot_table_bytes(&shard->table) - before;
    return added;
}

/* Under the shard's lock. False when the table is full and the hand found no victim. */
static bool
install(struct name_cache *cache, struct name_shard *shard, const struct wanted *wanted,
        const struct entry *entry, struct retirees *retirees)
{
    uint64_t value = value_of(entry, wanted->kind);

    if (!add_in_table(cache, shard, wanted->key, value, retirees) &&
        !(evict_one(shard, retirees) && add_in_table(cache, shard, wanted->key, value, retirees)))
        return false;
    shard->bytes += entry_bytes(entry);
    return true;
}

static struct entry *
entry_new(uint64_t node, struct slice id, uint64_t known_at)
{
    struct entry *entry = memory_new(offsetof(struct entry, bytes) + id.size);

    entry->node = node;
    entry->known_at = known_at;
    entry->size = (uint16_t)id.size;
    memcpy(entry->bytes, id.data, id.size);
    return entry;
}

/* Whether an entry says more of its name than another: that it is there says more than that it was
 * not; the earliest head that has it counts, and the latest that has not. */
static bool
says_more(const struct entry *entry, const struct entry *than)
{
    if (NODE_IS_WILDCARD(than->node) && NODE_IS_WILDCARD(entry->node))
        return entry->known_at > than->known_at;
    if (NODE_IS_WILDCARD(than->node) || NODE_IS_WILDCARD(entry->node))
        return NODE_IS_WILDCARD(than->node);
    BEHALF_ASSERT(entry->node == than->node);
    return entry->known_at < than->known_at;
}

/* A shard may stand above its part by what one hold of the lock could not evict; the next add goes
 * on with it. */
static void
add(struct name_cache *cache, const struct wanted *wanted, uint64_t known_at)
{
    struct name_shard *shard;
    struct retirees retirees = {.count = 0};
    struct entry *entry;
    struct slot *slot;
    uint32_t same;
    bool installed = false;

    if (cache->shard_count == 0 || wanted->id.size > OBJECT_ID_SIZE_MAX)
        return;
    shard = shard_of(cache, wanted->key);
    entry = entry_new(wanted->node, wanted->id, known_at);
    pthread_mutex_lock(&shard->lock);
    slot = find(shard, wanted, &same);
    if (slot != NULL) {
        struct entry *before = entry_of(slot_value(slot));

        installed = says_more(entry, before);
        if (installed) {
            slot_set_value(slot, value_of(entry, wanted->kind));
            retirees_add(&retirees, before, entry_bytes(before)); /* of the same bytes */
        }
    } else if (same < SAME_HASH_MAX) {
        installed = install(cache, shard, wanted, entry, &retirees);
        while (shard->bytes > cache->shard_budget && evict_one(shard, &retirees))
            continue;
    }
    pthread_mutex_unlock(&shard->lock);
    if (!installed)
        memory_free(entry);
    readers_retire(cache->readers, &retirees);
}

void
name_cache_add_node(struct name_cache *cache, uint64_t node, struct slice id, uint64_t hash,
                    uint64_t known_at)
{
    add(cache, &(struct wanted){ENTRY_BY_NAME, hash, node, id}, known_at);
}

void
name_cache_add_absence(struct name_cache *cache, uint16_t type_label, struct slice id,
                       uint64_t hash, uint64_t known_at)
{
    add(cache, &(struct wanted){ENTRY_BY_NAME, hash, NODE_WILDCARD(type_label), id}, known_at);
}

void
name_cache_add_id(struct name_cache *cache, uint64_t node, struct slice id)
{
    add(cache, &(struct wanted){ENTRY_BY_NODE, node_hash(node), node, id}, 0);
}

static bool
fill(struct name_cache *cache, const struct wanted *wanted, uint64_t known_at, bool asked)
{
    struct name_shard *shard = shard_of(cache, wanted->key);
    struct retirees retirees = {.count = 0};
    struct entry *entry = entry_new(wanted->node, wanted->id, known_at);
    uint64_t value = value_of(entry, wanted->kind);
    bool installed = false;
    bool there;
    uint32_t same;

    pthread_mutex_lock(&shard->lock);
    there = find(shard, wanted, &same) != NULL || same >= SAME_HASH_MAX;
    if (!there && shard->bytes + entry_bytes(entry) + slot_table_growth(&shard->table) <=
                      cache->shard_budget - cache->shard_budget / SPARE_PART_OF_BUDGET)
        installed =
            add_in_table(cache, shard, wanted->key, asked ? value : value & ~SLOT_USED, &retirees);
    if (installed)
        shard->bytes += entry_bytes(entry);
    pthread_mutex_unlock(&shard->lock);
    if (!installed)
        memory_free(entry);
    readers_retire(cache->readers, &retirees);
    return there || installed;
}

bool
name_cache_fill(struct name_cache *cache, uint64_t node, struct slice id, uint64_t known_at,
                bool asked)
{
    uint64_t hash = name_hash(NODE_TYPE(node), name_id_hash(id));
    struct wanted by_name = {ENTRY_BY_NAME, hash, node, id};
    struct wanted by_node = {ENTRY_BY_NODE, node_hash(node), node, id};

    return cache->shard_count > 0 && fill(cache, &by_name, known_at, asked) &&
           fill(cache, &by_node, 0, asked);
}

/* --- looking at all of it --- */

void
name_cache_visit_used(struct name_cache *cache, size_t most,
                      void (*visit)(void *context, uint64_t node), void *context)
{
    for (uint32_t at = 0; at < cache->shard_count && most > 0; at++) {
        struct name_shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        for (size_t place = 0; place < slot_table_slots(&shard->table) && most > 0; place++) {
            uint64_t value = slot_value(slot_table_at(&shard->table, place));

            if (value == 0 || (value & SLOT_USED) == 0 || NODE_IS_WILDCARD(entry_of(value)->node))
                continue;
            visit(context, entry_of(value)->node);
            most--;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void
name_cache_stats_read(struct name_cache *cache, struct name_cache_stats *stats)
{
    *stats = (struct name_cache_stats){0};
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct name_shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        stats->bytes += shard->bytes;
        stats->entry_count += shard->table.count;
        stats->evicted += shard->evicted;
        pthread_mutex_unlock(&shard->lock);
    }
}

bool
name_cache_validate(struct name_cache *cache, const char **reason)
{
    *reason = NULL;
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        const struct slot_table *table = &cache->shards[at].table;
        size_t bytes = slot_table_bytes(table);
        uint32_t count = 0;

        for (size_t slot = 0; slot < slot_table_slots(table); slot++) {
            uint64_t value = slot_value(slot_table_at(table, slot));

            if (value == 0)
                continue;
            bytes += entry_bytes(entry_of(value));
            count++;
        }
        if (bytes != cache->shards[at].bytes)
            *reason = "the bytes are counted wrong";
        if (count != table->count)
            *reason = "a table counts its slots wrong";
    }
    return *reason == NULL;
}
