/* names.c - strings to nodes and back, for one request.
 * Always true: a resolver's answers depend on its view's storage snapshot alone, so that the same
 * bytes asked twice give the same node, whatever was written or cached in between. */
#include "graph/names.h"

/* Up to so many local names are found by walking them; more get a table. */
#define LOCALS_WALKED 8

struct name_local {
    struct name_local *older;       /* in order of making */
    struct name_local *same_bucket; /* the next older one of equal hash */
    uint64_t node;
    uint64_t hash;
    struct slice id; /* borrowed from the request */
};

/* --- local names --- */

static bool
local_is(const struct name_local *local, uint16_t type_label, uint64_t hash, struct slice id)
{
    return local->hash == hash && NODE_TYPE(local->node) == type_label &&
           slice_equal(local->id, id);
}

static BEHALF_INLINE struct name_local *
local_find(const struct resolver *resolver, uint16_t type_label, uint64_t hash, struct slice id)
{
    struct name_local *local = resolver->locals;

    if (resolver->local_count <= LOCALS_WALKED) {
        while (local != NULL && !local_is(local, type_label, hash, id))
            local = local->older;
    } else {
        uint32_t newest = table_find(&resolver->local_buckets, hash);

        local = newest == TABLE_NONE ? NULL : resolver->local_at[newest];
        while (local != NULL && !local_is(local, type_label, hash, id))
            local = local->same_bucket;
    }
    return local;
}

static bool
local_add_to_table(struct resolver *resolver, uint32_t sequence)
{
    struct name_local *local = resolver->local_at[sequence];
    uint32_t newest = table_find(&resolver->local_buckets, local->hash);

    if (newest == TABLE_NONE)
        return table_add(&resolver->local_buckets, local->hash, sequence);
    local->same_bucket = resolver->local_at[newest];
    table_set(&resolver->local_buckets, local->hash, sequence);
    return true;
}

/* Names the newest local in the table, which begins when they are many. After a failure the table
 * is as if it had not been asked. */
static bool
local_index(struct resolver *resolver)
{
    if (resolver->local_count <= LOCALS_WALKED)
        return true;
    if (resolver->local_count > LOCALS_WALKED + 1)
        return local_add_to_table(resolver, resolver->local_count - 1);
    if (!table_init(&resolver->local_buckets, resolver->arena, LOCALS_WALKED * 4))
        return false;
    for (uint32_t sequence = 0; sequence < resolver->local_count; sequence++) {
        if (!local_add_to_table(resolver, sequence))
            return false;
    }
    return true;
}

static enum status
local_make(struct resolver *resolver, uint16_t type_label, uint64_t hash, struct slice id,
           uint64_t *node, struct error *error)
{
    struct name_local *local = arena_take_array(resolver->arena, 1, sizeof *local);
    struct name_local **grown =
        arena_grow(resolver->arena, resolver->local_at, resolver->local_count,
                   &resolver->local_capacity, sizeof *grown);

    if (grown != NULL)
        resolver->local_at = grown;
    if (local == NULL || grown == NULL)
        return budget_memory_spent(error);
    local->older = resolver->locals;
    local->node = NODE_WILDCARD(type_label) | (NODE_SEQUENCE_LOCAL + resolver->local_count);
    local->hash = hash;
    local->id = id;
    resolver->local_at[resolver->local_count++] = local;
    if (!local_index(resolver)) {
        resolver->local_count--;
        return budget_memory_spent(error);
    }
    resolver->locals = local;
    *node = local->node;
    return BEHALF_OK;
}

/* --- the resolver --- */

void
resolver_init(struct resolver *resolver, struct name_cache *cache, struct graph_view *view,
              struct arena *arena)
{
    *resolver = (struct resolver){.cache = cache, .view = view, .arena = arena};
}

/* Whether the view's storage snapshot has a name that was there at head `known_at`. A cached name
 * may be younger than this request: taken from the cache now, evicted, and then looked for in the
 * request's older snapshot, it would be two nodes in one request. So a young one counts only when
 * the snapshot is opened and has it. */
static enum status
snapshot_has(struct resolver *resolver, uint64_t known_at, bool *has, struct error *error)
{
    const struct store_snapshot *snapshot;
    enum status status;

    *has = known_at <= resolver->view->revision;
    if (*has)
        return BEHALF_OK;
    status = graph_view_storage(resolver->view, &snapshot, error);
    if (status == BEHALF_OK)
        *has = known_at <= store_snapshot_head(snapshot);
    return status;
}

static enum status
node_from_storage(struct resolver *resolver, uint16_t type_label, uint64_t hash, struct slice id,
                  uint64_t *node, struct error *error)
{
    const struct store_snapshot *snapshot;
    uint64_t stored = 0;
    bool found = false;
    enum status status = graph_view_storage(resolver->view, &snapshot, error);

    if (status == BEHALF_OK)
        status = store_node_find(snapshot, type_label, id, &stored, &found, error);
    if (status != BEHALF_OK)
        return status;
    if (!found) {
        name_cache_add_absence(resolver->cache, type_label, id, hash,
                               store_snapshot_head(snapshot));
        return local_make(resolver, type_label, hash, id, node, error);
    }
    BEHALF_ASSERT(!NODE_IS_LOCAL(stored));
    name_cache_add_node(resolver->cache, stored, id, hash, store_snapshot_head(snapshot));
    *node = stored;
    return BEHALF_OK;
}

/* From the cache, where it says enough for this request. *done is false when it does not. */
static BEHALF_INLINE enum status
node_from_cache(struct resolver *resolver, uint16_t type_label, uint64_t hash, struct slice id,
                uint64_t *node, bool *done, struct error *error)
{
    uint64_t cached;
    uint64_t known_at;
    enum status status;

    *done = false;
    if (!graph_view_enter(resolver->view) ||
        !name_cache_find_node(resolver->cache, type_label, id, hash, &cached, &known_at))
        return BEHALF_OK;
    if (NODE_IS_WILDCARD(cached)) {
        *done = resolver->view->revision <= known_at;
        return *done ? local_make(resolver, type_label, hash, id, node, error) : BEHALF_OK;
    }
    status = snapshot_has(resolver, known_at, done, error);
    if (status == BEHALF_OK && *done)
        *node = cached;
    return status;
}

/* A name that was local once in this request stays so: the cache may have learned of it since. */
static BEHALF_INLINE enum status
find_node(struct resolver *resolver, uint16_t type_label, struct slice id, uint64_t id_hash,
          uint64_t *node, struct error *error)
{
    uint64_t hash = name_hash(type_label, id_hash);
    const struct name_local *local = local_find(resolver, type_label, hash, id);
    bool done;
    enum status status;

    if (local != NULL) {
        *node = local->node;
        return BEHALF_OK;
    }
    status = node_from_cache(resolver, type_label, hash, id, node, &done, error);
    if (status != BEHALF_OK || done)
        return status;
    return node_from_storage(resolver, type_label, hash, id, node, error);
}

/* On the way of every check, which calls it from one place. */
enum status
resolver_node_hashed(struct resolver *resolver, uint16_t type_label, struct slice id,
                     uint64_t id_hash, uint64_t *node, struct error *error)
{
    return find_node(resolver, type_label, id, id_hash, node, error);
}

enum status
resolver_node(struct resolver *resolver, uint16_t type_label, struct slice id, uint64_t *node,
              struct error *error)
{
    return find_node(resolver, type_label, id, name_id_hash(id), node, error);
}

static enum status
copy_to_arena(struct resolver *resolver, struct slice bytes, struct slice *id, struct error *error)
{
    struct slice copy = arena_copy(resolver->arena, bytes);

    if (copy.data == NULL)
        return budget_memory_spent(error);
    *id = copy;
    return BEHALF_OK;
}

static enum status
id_from_storage(struct resolver *resolver, uint64_t node, struct slice *id, struct error *error)
{
    const struct store_snapshot *snapshot;
    struct buffer bytes;
    enum status status = graph_view_storage(resolver->view, &snapshot, error);

    if (status != BEHALF_OK)
        return status;
    buffer_init(&bytes);
    status = store_node_name(snapshot, node, &bytes, error);
    if (status == BEHALF_OK) {
        name_cache_add_id(resolver->cache, node, buffer_slice(&bytes));
        status = copy_to_arena(resolver, buffer_slice(&bytes), id, error);
    }
    buffer_release(&bytes);
    return status;
}

enum status
resolver_id(struct resolver *resolver, uint64_t node, struct slice *id, struct error *error)
{
    struct slice cached;

    if (BEHALF_UNLIKELY(NODE_IS_WILDCARD(node)))
        return error_internal(error, "a wildcard has no id", __FILE__, __LINE__, "node %#llx",
                              (unsigned long long)node);
    if (NODE_IS_LOCAL(node)) {
        uint64_t sequence = (node & NODE_SEQUENCE_MASK) - NODE_SEQUENCE_LOCAL;

        if (BEHALF_UNLIKELY(sequence >= resolver->local_count ||
                            resolver->local_at[sequence]->node != node))
            return error_internal(error, "a node without a number is of this request", __FILE__,
                                  __LINE__, "node %#llx", (unsigned long long)node);
        return copy_to_arena(resolver, resolver->local_at[sequence]->id, id, error);
    }
    if (graph_view_enter(resolver->view) && name_cache_find_id(resolver->cache, node, &cached))
        return copy_to_arena(resolver, cached, id, error);
    return id_from_storage(resolver, node, id, error);
}

static enum status
ids_together(struct resolver *resolver, const uint64_t *nodes, size_t count, struct slice *ids,
             struct error *error)
{
    struct slice cached[NAME_CACHE_TOGETHER] = {{NULL, 0}};
    enum status status = BEHALF_OK;

    if (graph_view_enter(resolver->view))
        name_cache_find_ids(resolver->cache, nodes, count, cached);
    for (size_t at = 0; status == BEHALF_OK && at < count; at++)
        status = cached[at].data != NULL ? copy_to_arena(resolver, cached[at], &ids[at], error)
                                         : resolver_id(resolver, nodes[at], &ids[at], error);
    return status;
}

enum status
resolver_ids(struct resolver *resolver, const uint64_t *nodes, size_t count, struct slice *ids,
             struct error *error)
{
    enum status status = BEHALF_OK;

    for (size_t at = 0; status == BEHALF_OK && at < count; at += NAME_CACHE_TOGETHER) {
        size_t left = count - at;

        status =
            ids_together(resolver, nodes + at,
                         left < NAME_CACHE_TOGETHER ? left : NAME_CACHE_TOGETHER, ids + at, error);
    }
    return status;
}
