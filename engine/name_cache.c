/* name_cache.c - one table of entries of two kinds: found by name, and found by node.
 * Always true: an entry is changed (`node` and `known_at`, by learn alone) or freed by who took it
 * out of its slot or holds the shard's lock. */
#include "engine/names.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/digest.h"
#include "base/memory.h"
#include "engine/name_cache.h"
#include "engine/slot_table.h"

/* The kind is in the slot's value: the same name may stand once in each. */
enum entry_kind { ENTRY_BY_NAME, ENTRY_BY_NODE };

#define ENTRY_KINDS (UINT32_C(1) << ENTRY_BY_NAME | UINT32_C(1) << ENTRY_BY_NODE)

#define SHARDS_MAX UINT32_C(256)
#define SHARD_BYTES ((size_t)64 * 1024)

/* XXH3 is fast, not strong: who may choose names could make many of one hash. So many of a hash are
 * kept, and the others are read from storage. */
#define SAME_HASH_MAX 8

/* One hold of a shard's lock takes out at most so many entries. */
#define SWEEP_VICTIMS 32

struct entry {
    uint64_t node; /* the type's wildcard: the name is absent */
    uint64_t known_at;
    uint32_t size;
    char bytes[];
};

struct name_shard {
    _Alignas(64) pthread_mutex_t lock; /* guards all below */
    struct slot_table table;
    size_t bytes; /* of the table and the entries */
};

struct name_cache {
    struct name_shard *shards;
    uint32_t shard_count;
    uint32_t slots_max; /* per shard */
    size_t shard_budget;
};

struct name_cache *
name_cache_new(size_t memory_bytes)
{
    struct name_cache *cache = memory_new(sizeof *cache);
    pthread_mutexattr_t attributes;
    size_t size;

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
    /* Adaptive: a lock held for some ten nanoseconds is worth spinning for before a sleep. */
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
    for (uint32_t at = 0; at < cache->shard_count; at++)
        pthread_mutex_init(&cache->shards[at].lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return cache;
}

static struct entry *
entry_of(const struct slot *slot)
{
    return (struct entry *)(uintptr_t)(slot->value & ~(SLOT_KIND_MASK | SLOT_USED));
}

static enum entry_kind
kind_of(const struct slot *slot)
{
    return (enum entry_kind)(slot->value & SLOT_KIND_MASK);
}

void
name_cache_free(struct name_cache *cache)
{
    if (cache == NULL)
        return;
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct slot_table *table = &cache->shards[at].table;

        for (uint32_t slot = 0; table->slots != NULL && slot <= table->mask; slot++) {
            if (table->slots[slot].value != 0)
                memory_free(entry_of(&table->slots[slot]));
        }
        slot_table_release(table);
        pthread_mutex_destroy(&cache->shards[at].lock);
    }
    free(cache->shards);
    memory_free(cache);
}

/* --- keys and entries --- */

uint64_t
name_hash(uint16_t type_label, struct slice id)
{
    return digest_hash(id) ^ digest_hash_u64(type_label);
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
    return slot_allocation_bytes(offsetof(struct entry, bytes) + entry->size);
}

/* What is looked for: by node alone, or by type and bytes. */
struct wanted {
    enum entry_kind kind;
    uint64_t key;
    uint64_t node; /* of a name only the type counts */
    struct slice id;
};

static bool
is_wanted(const struct slot *slot, const struct wanted *wanted)
{
    const struct entry *entry = entry_of(slot);

    if (kind_of(slot) != wanted->kind)
        return false;
    if (wanted->kind == ENTRY_BY_NODE)
        return entry->node == wanted->node;
    return entry->size == wanted->id.size && NODE_TYPE(entry->node) == NODE_TYPE(wanted->node) &&
           slice_equal((struct slice){entry->bytes, entry->size}, wanted->id);
}

/* Under the shard's lock. *same counts the slots of the same hash that were passed. */
static struct slot *
find(struct name_shard *shard, const struct wanted *wanted, uint32_t *same)
{
    struct slot *slot = slot_table_find(&shard->table, wanted->key);

    *same = 0;
    while (slot != NULL && !is_wanted(slot, wanted)) {
        *same += 1;
        slot = slot_table_next(&shard->table, slot);
    }
    return slot;
}

/* --- finding --- */

bool
name_cache_find_node(struct name_cache *cache, uint16_t type_label, struct slice id, uint64_t hash,
                     uint64_t *node, uint64_t *known_at)
{
    struct wanted wanted = {ENTRY_BY_NAME, hash, NODE_WILDCARD(type_label), id};
    struct name_shard *shard;
    struct slot *slot;
    uint32_t same;

    if (cache->shard_count == 0)
        return false;
    shard = shard_of(cache, wanted.key);
    pthread_mutex_lock(&shard->lock);
    slot = find(shard, &wanted, &same);
    if (slot != NULL) {
        slot->value |= SLOT_USED;
        *node = entry_of(slot)->node;
        *known_at = entry_of(slot)->known_at;
    }
    pthread_mutex_unlock(&shard->lock);
    return slot != NULL;
}

bool
name_cache_find_id(struct name_cache *cache, uint64_t node, struct name_bytes *id)
{
    struct wanted wanted = {ENTRY_BY_NODE, node_hash(node), node, {NULL, 0}};
    struct name_shard *shard;
    struct slot *slot;
    uint32_t same;

    if (cache->shard_count == 0)
        return false;
    shard = shard_of(cache, wanted.key);
    pthread_mutex_lock(&shard->lock);
    slot = find(shard, &wanted, &same);
    if (slot != NULL) {
        const struct entry *entry = entry_of(slot);

        slot->value |= SLOT_USED;
        memcpy(id->data, entry->bytes, entry->size);
        id->size = entry->size;
    }
    pthread_mutex_unlock(&shard->lock);
    return slot != NULL;
}

/* --- adding --- */

struct victims {
    struct entry *entries[SWEEP_VICTIMS];
    size_t count;
};

/* Under the shard's lock: takes one entry out, if the hand finds one. */
static bool
evict_one(struct name_shard *shard, struct victims *victims)
{
    struct slot *slot = slot_table_victim(&shard->table, ENTRY_KINDS);
    struct entry *entry;

    if (slot == NULL || victims->count == SWEEP_VICTIMS)
        return false;
    entry = entry_of(slot);
    shard->bytes -= entry_bytes(entry);
    victims->entries[victims->count++] = entry;
    slot_table_remove(&shard->table, slot);
    return true;
}

/* Under the shard's lock: the budget first, then the slot. False when the hand found no victim. */
static bool
install(struct name_cache *cache, struct name_shard *shard, uint64_t key, enum entry_kind kind,
        struct entry *entry, struct victims *victims)
{
    uint64_t value = (uint64_t)(uintptr_t)entry | SLOT_USED | (uint64_t)kind;
    size_t table_bytes = slot_table_bytes(&shard->table);

    if (!slot_table_add(&shard->table, key, value, cache->slots_max) &&
        !(evict_one(shard, victims) && slot_table_add(&shard->table, key, value, cache->slots_max)))
        return false;
    shard->bytes += slot_table_bytes(&shard->table) - table_bytes + entry_bytes(entry);
    return true;
}

static struct entry *
entry_new(uint64_t node, struct slice id, uint64_t known_at)
{
    struct entry *entry = memory_new(offsetof(struct entry, bytes) + id.size);

    entry->node = node;
    entry->known_at = known_at;
    entry->size = (uint32_t)id.size;
    memcpy(entry->bytes, id.data, id.size);
    return entry;
}

/* Under the shard's lock: one more thing known of a name that has an entry. That it is there beats
 * that it was not; the earliest head that has it counts, and the latest that has not. */
static void
learn(struct entry *entry, uint64_t node, uint64_t known_at)
{
    if (NODE_IS_WILDCARD(entry->node) && NODE_IS_WILDCARD(node)) {
        if (known_at > entry->known_at)
            entry->known_at = known_at;
    } else if (NODE_IS_WILDCARD(entry->node)) {
        entry->node = node;
        entry->known_at = known_at;
    } else if (!NODE_IS_WILDCARD(node)) {
        BEHALF_ASSERT(entry->node == node);
        if (known_at < entry->known_at)
            entry->known_at = known_at;
    }
}

/* A shard may stand above its part by what one hold of the lock could not evict; the next add goes
 * on with it. */
static void
add(struct name_cache *cache, const struct wanted *wanted, uint64_t known_at)
{
    struct name_shard *shard;
    struct victims victims = {.count = 0};
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
        learn(entry_of(slot), wanted->node, known_at);
    } else if (same < SAME_HASH_MAX) {
        installed = install(cache, shard, wanted->key, wanted->kind, entry, &victims);
        while (shard->bytes > cache->shard_budget && evict_one(shard, &victims))
            continue;
    }
    pthread_mutex_unlock(&shard->lock);
    if (!installed)
        memory_free(entry);
    for (size_t at = 0; at < victims.count; at++)
        memory_free(victims.entries[at]);
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

/* --- looking at all of it --- */

void
name_cache_stats_read(struct name_cache *cache, struct name_cache_stats *stats)
{
    *stats = (struct name_cache_stats){0};
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct name_shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        stats->bytes += shard->bytes;
        stats->entry_count += shard->table.count;
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

        for (uint32_t slot = 0; table->slots != NULL && slot <= table->mask; slot++) {
            if (table->slots[slot].value == 0)
                continue;
            bytes += entry_bytes(entry_of(&table->slots[slot]));
            count++;
        }
        if (bytes != cache->shards[at].bytes)
            *reason = "the bytes are counted wrong";
        if (count != table->count)
            *reason = "a table counts its slots wrong";
    }
    return *reason == NULL;
}
