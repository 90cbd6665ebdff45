/* graph_cache_look.c - walks over the whole cache: nodes in use, statistics, validation.
 * Always true: one shard's lock is held at a time, so loads and writes go on in the other shards. A
 * sum over all shards is therefore no state of one moment. */
#include "graph/graph_cache_private.h"
#include "graph/graph_version.h"

void
graph_cache_visit_used(struct graph_cache *cache, size_t most,
                       void (*visit)(void *context, uint64_t node, enum edge_direction direction),
                       void *context)
{
    /* Empty nodes too: to know that a node has no edges saves a read as well. Marks hold no
     * edges. */
    const uint32_t kinds =
        UINT32_C(1) << KIND_SET | UINT32_C(1) << KIND_CHAIN | UINT32_C(1) << KIND_EMPTY;

    for (uint32_t at = 0; at < cache->shard_count && most > 0; at++) {
        struct shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        for (size_t place = 0; place < slot_table_slots(&shard->table) && most > 0; place++) {
            const struct slot *slot = slot_table_at(&shard->table, place);
            uint64_t value = slot_value(slot);
            uint64_t key = slot_key(slot);

            if (value == 0 || (value & SLOT_USED) == 0 || (kinds >> version_kind(value) & 1) == 0)
                continue;
            visit(context, key & ~NODE_SEQUENCE_LOCAL,
                  NODE_IS_LOCAL(key) ? EDGE_REVERSE : EDGE_FORWARD);
            most--;
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

static void
count_slot(struct graph_stats *stats, uint64_t value)
{
    struct versions versions;

    switch (version_kind(value)) {
    case KIND_CHAIN:
        stats->chain_count++;
        break;
    case KIND_SET:
        stats->set_count++;
        break;
    case KIND_EMPTY:
        stats->empty_count++;
        return;
    case KIND_DIRECT:
        stats->direct_count++;
        return;
    case KIND_LOADING:
        stats->loading_count++;
        return;
    }
    /* The newest version alone, or an edge would count once per version. */
    versions_of(value, &versions);
    if (versions.items[0].set != NULL)
        stats->edge_count += edge_set_edge_count(versions.items[0].set);
}

void
graph_cache_stats_read(struct graph_cache *cache, struct graph_stats *stats)
{
    *stats = (struct graph_stats){
        .bytes = graph_cache_bytes(cache),
        .superseded_bytes = atomic_load(&cache->superseded),
        .retired_bytes = readers_retired_bytes(cache->readers),
    };
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        for (size_t slot = 0; slot < slot_table_slots(&shard->table); slot++) {
            uint64_t value = slot_value(slot_table_at(&shard->table, slot));

            if (value != 0)
                count_slot(stats, value);
        }
        pthread_mutex_unlock(&shard->lock);
    }
}

void
graph_cache_figures_read(struct graph_cache *cache, struct graph_figures *figures)
{
    *figures = (struct graph_figures){
        .bytes = graph_cache_bytes(cache),
        .retired_bytes = readers_retired_bytes(cache->readers),
        .evicted = atomic_load_explicit(&cache->evicted, memory_order_relaxed),
    };
    for (uint32_t at = 0; at < cache->shard_count; at++) {
        struct shard *shard = &cache->shards[at];

        pthread_mutex_lock(&shard->lock);
        figures->nodes += shard->table.count;
        pthread_mutex_unlock(&shard->lock);
    }
}

/* What a validation counted itself, to compare with the cache's counters. */
struct recount {
    struct graph_cache *cache;
    const struct graph_cache_witness *witness;
    size_t bytes;
    size_t superseded;
};

static const char *
validate_version(struct recount *recount, uint64_t key, const struct versions *versions, size_t at)
{
    const struct version *version = &versions->items[at];
    const struct edge_set *set = version->set != NULL ? version->set : recount->cache->empty;
    enum edge_direction direction = NODE_IS_LOCAL(key) ? EDGE_REVERSE : EDGE_FORWARD;
    const char *reason = NULL;

    if (version->from >= version->until)
        return "a version is right for no revision";
    if (at > 0 && version->until > versions->items[at - 1].from)
        return "a version is right beside a newer one";
    if (version->set != NULL && version->set->valid_from != version->from)
        return "a version does not begin where its set does";
    if (!edge_set_validate(set, &reason))
        return reason;
    if (recount->witness != NULL &&
        !recount->witness->same(recount->witness->context, key & ~NODE_SEQUENCE_LOCAL, direction,
                                /* An older version is compared at the last revision of its
                                 * interval: a change that it missed shows there. */
                                at == 0 ? UINT64_MAX : version->until - 1, set))
        return "a version is not what storage has";
    return NULL;
}

static const char *
validate_slot(struct recount *recount, const struct slot_table *table, struct slot *slot)
{
    uint64_t value = slot_value(slot);
    const char *reason = NULL;
    struct versions versions;

    if (slot_table_find(table, slot_key(slot)) != slot)
        return "a slot is not found by its key";
    if (version_kind(value) == KIND_DIRECT || version_kind(value) == KIND_LOADING)
        return NULL;
    versions_of(value, &versions);
    recount->superseded += versions_superseded_bytes(&versions);
    recount->bytes += versions_superseded_bytes(&versions) + versions_newest_bytes(&versions);
    for (size_t at = 0; at < versions.count && reason == NULL; at++)
        reason = validate_version(recount, slot_key(slot), &versions, at);
    return reason;
}

bool
graph_cache_validate(struct graph_cache *cache, const struct graph_cache_witness *witness,
                     const char **reason)
{
    struct recount recount = {.cache = cache, .witness = witness};

    *reason = NULL;
    for (uint32_t at = 0; at < cache->shard_count && *reason == NULL; at++) {
        struct slot_table *table = &cache->shards[at].table;
        uint32_t count = 0;

        recount.bytes += slot_table_bytes(table);
        for (size_t slot = 0; slot < slot_table_slots(table) && *reason == NULL; slot++) {
            if (slot_value(slot_table_at(table, slot)) == 0)
                continue;
            count++;
            *reason = validate_slot(&recount, table, slot_table_at(table, slot));
        }
        if (*reason == NULL && count != table->count)
            *reason = "a table counts its slots wrong";
    }
    if (*reason == NULL && recount.bytes != graph_cache_bytes(cache))
        *reason = "the bytes are counted wrong";
    if (*reason == NULL && recount.superseded != atomic_load(&cache->superseded))
        *reason = "the superseded bytes are counted wrong";
    return *reason == NULL;
}
