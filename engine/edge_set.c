/* edge_set.c - loading one node's edges from storage, and searching them. */
#include "engine/edge_set.h"

#include "base/memory.h"
#include "engine/limits.h"

/* Directories up to this length are walked: shorter than the jumps of a search. */
#define GROUPS_WALKED 8
#define FIRST_GROUPS 8
#define FIRST_NODES 32

static const uint64_t *
far_nodes(const struct edge_set *set)
{
    /* Through void: groups are 8 bytes each, so what follows them is aligned for nodes. */
    const void *behind = set->groups + set->group_count;

    return behind;
}

size_t
edge_set_bytes(const struct edge_set *set)
{
    return sizeof *set + set->group_count * sizeof set->groups[0] +
           edge_set_edge_count(set) * sizeof(uint64_t);
}

/* --- searching --- */

static uint32_t
group_lower_bound(const struct edge_set *set, uint32_t group_key)
{
    uint32_t low = 0;
    uint32_t high = set->group_count;

    if (high <= GROUPS_WALKED) {
        while (low < high && set->groups[low].key < group_key)
            low++;
        return low;
    }
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->groups[middle].key < group_key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct edge_run
edge_set_run(const struct edge_set *set, uint32_t group_key)
{
    uint32_t at = group_lower_bound(set, group_key);
    uint32_t begin;

    if (at == set->group_count || set->groups[at].key != group_key)
        return (struct edge_run){NULL, 0};
    begin = at == 0 ? 0 : set->groups[at - 1].end;
    return (struct edge_run){far_nodes(set) + begin, set->groups[at].end - begin};
}

/* Halves without a branch that depends on the data: a wrong guess would cost as much as the load it
 * waits for. By multiplication, because of a choice by `?:` compilers make a jump again. */
size_t
edge_run_lower_bound(struct edge_run run, uint64_t node)
{
    const uint64_t *base = run.nodes;
    size_t left = run.count;

    if (left == 0)
        return 0;
    while (left > 1) {
        size_t half = left / 2;

        base += half * (base[half - 1] < node);
        left -= half;
    }
    return (size_t)(base - run.nodes) + (*base < node);
}

/* --- loading --- */

struct builder {
    enum edge_direction direction;
    struct edge_group *groups;
    uint32_t group_count;
    uint32_t group_capacity;
    uint64_t *nodes;
    uint32_t node_count;
    uint32_t node_capacity;
};

static void
builder_release(struct builder *builder)
{
    memory_free(builder->groups);
    memory_free(builder->nodes);
}

static void
builder_open_group(struct builder *builder, uint32_t group_key)
{
    if (builder->group_count == builder->group_capacity) {
        uint32_t capacity =
            builder->group_capacity == 0 ? FIRST_GROUPS : builder->group_capacity * 2;

        builder->groups = memory_resize(builder->groups, capacity, sizeof *builder->groups);
        builder->group_capacity = capacity;
    }
    builder->groups[builder->group_count++] = (struct edge_group){group_key, builder->node_count};
}

static void
builder_add_node(struct builder *builder, uint64_t node)
{
    if (builder->node_count == builder->node_capacity) {
        uint32_t capacity = builder->node_capacity == 0 ? FIRST_NODES : builder->node_capacity * 2;

        builder->nodes = memory_resize(builder->nodes, capacity, sizeof *builder->nodes);
        builder->node_capacity = capacity;
    }
    builder->nodes[builder->node_count++] = node;
    builder->groups[builder->group_count - 1].end = builder->node_count;
}

/* The searches above are right for sorted runs only, so the order that storage promises is looked
 * at once, here, and never again. */
static enum status
builder_add(struct builder *builder, const struct edge_key *key, struct error *error)
{
    uint32_t group_key = edge_group_key(builder->direction, key->relation, key->subject_relation);
    uint64_t node = builder->direction == EDGE_FORWARD ? key->subject : key->resource;
    uint32_t last = builder->group_count == 0 ? 0 : builder->groups[builder->group_count - 1].key;

    if (builder->group_count == 0 || group_key > last)
        builder_open_group(builder, group_key);
    else if (group_key < last || builder->nodes[builder->node_count - 1] >= node)
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the relationship index is not in order: node %016llx after %016llx",
                         (unsigned long long)node,
                         (unsigned long long)builder->nodes[builder->node_count - 1]);
    builder_add_node(builder, node);
    return BEHALF_OK;
}

static struct edge_set *
builder_finish(const struct builder *builder, uint64_t valid_from)
{
    size_t group_bytes = builder->group_count * sizeof *builder->groups;
    size_t node_bytes = builder->node_count * sizeof *builder->nodes;
    struct edge_set *set = memory_new(sizeof *set + group_bytes + node_bytes);

    atomic_init(&set->references, 1);
    set->group_count = builder->group_count;
    set->valid_from = valid_from;
    if (group_bytes > 0) {
        memcpy(set->groups, builder->groups, group_bytes);
        memcpy(set->groups + builder->group_count, builder->nodes, node_bytes);
    }
    return set;
}

/* All edges of the node. The next node exists: bit 47 is not set in a stored one. */
static struct edge_range
node_range(uint64_t node, enum edge_direction direction)
{
    struct edge_range range = {.direction = direction};

    if (direction == EDGE_FORWARD) {
        range.from.resource = node;
        range.to.resource = node + 1;
    } else {
        range.from.subject = node;
        range.to.subject = node + 1;
    }
    return range;
}

enum status
edge_set_load(const struct store_snapshot *snapshot, uint64_t node, enum edge_direction direction,
              struct edge_set **set, struct error *error)
{
    struct builder builder = {.direction = direction};
    uint64_t head = store_snapshot_head(snapshot);
    struct edge_range range = node_range(node, direction);
    struct store_scan *scan = NULL;
    struct edge edge;
    enum status status;

    BEHALF_ASSERT(!NODE_IS_LOCAL(node));
    status = store_scan_open(snapshot, head, &range, &scan, error);
    while (status == BEHALF_OK && builder.node_count <= LIMIT_GRAPH_SET_EDGES) {
        status = store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            status = builder_add(&builder, &edge.key, error);
    }
    store_scan_close(scan);
    if (status == BEHALF_DONE)
        *set = builder_finish(&builder, head);
    else if (status == BEHALF_OK)
        *set = NULL;
    builder_release(&builder);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

/* --- life --- */

struct edge_set *
edge_set_new_empty(void)
{
    struct builder builder = {.direction = EDGE_FORWARD};
    struct edge_set *set = builder_finish(&builder, 0);

    atomic_store(&set->references, EDGE_SET_UNCOUNTED);
    return set;
}

void
edge_set_free_empty(struct edge_set *set)
{
    BEHALF_ASSERT(edge_set_is_uncounted(set));
    memory_free(set);
}

void
edge_set_unref(struct edge_set *set)
{
    unsigned before;

    if (set == NULL || edge_set_is_uncounted(set))
        return;
    /* Release: my reads of the set come before the free of who is last. Acquire: the reads of the
     * others come before mine. */
    before = atomic_fetch_sub_explicit(&set->references, 1, memory_order_acq_rel);
    BEHALF_ASSERT(before > 0);
    if (before == 1)
        memory_free(set);
}

bool
edge_set_validate(const struct edge_set *set, const char **reason)
{
    const uint64_t *nodes = far_nodes(set);
    uint32_t begin = 0;

    *reason = NULL;
    for (uint32_t at = 0; at < set->group_count; at++) {
        const struct edge_group *group = &set->groups[at];

        if (at > 0 && set->groups[at - 1].key >= group->key)
            *reason = "groups do not ascend";
        if (group->end <= begin)
            *reason = "a group is empty";
        for (uint32_t node = begin + 1; node < group->end; node++) {
            if (nodes[node - 1] >= nodes[node])
                *reason = "far nodes do not ascend";
        }
        begin = group->end;
    }
    return *reason == NULL;
}
