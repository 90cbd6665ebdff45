/* edge_set.c - loading one node's edges from storage, and searching them. */
#include "engine/edge_set.h"

#include "base/memory.h"
#include "engine/limits.h"

/* Directories up to this length are walked: shorter than the jumps of a search. */
#define GROUPS_WALKED 8
#define FIRST_GROUPS 8
#define FIRST_NODES 32
#define FIRST_SPECIALS 8

static const uint64_t *
far_nodes(const struct edge_set *set)
{
    /* Through void: groups are 8 bytes each, so what follows them is aligned for nodes. */
    const void *behind = set->groups + edge_set_group_count(set);

    return behind;
}

/* Only of a set that has some. */
static const struct edge_specials *
specials_of(const struct edge_set *set)
{
    const void *behind = far_nodes(set) + edge_set_edge_count(set);

    return behind;
}

static const uint32_t *
places_of(const struct edge_specials *specials)
{
    const void *behind = specials->traits + specials->count;

    return behind;
}

static size_t
block_bytes(size_t group_count, size_t node_count, size_t special_count, size_t context_bytes)
{
    size_t bytes = sizeof(struct edge_set) + group_count * sizeof(struct edge_group) +
                   node_count * sizeof(uint64_t);

    if (special_count == 0)
        return bytes;
    return bytes + sizeof(struct edge_specials) +
           special_count * (sizeof(struct edge_traits) + sizeof(uint32_t)) + context_bytes;
}

size_t
edge_set_bytes(const struct edge_set *set)
{
    uint32_t edge_count = edge_set_edge_count(set);

    if (!edge_set_has_special(set))
        return block_bytes(set->group_count, edge_count, 0, 0);
    return block_bytes(edge_set_group_count(set), edge_count, specials_of(set)->count,
                       specials_of(set)->context_bytes);
}

/* --- searching --- */

static uint32_t
group_lower_bound(const struct edge_set *set, uint32_t group_key)
{
    uint32_t low = 0;
    uint32_t high = edge_set_group_count(set);

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

/* Of a group that is there. */
static struct edge_run
run_of(const struct edge_set *set, uint32_t at)
{
    uint32_t begin = at == 0 ? 0 : set->groups[at - 1].end & ~EDGE_SPECIAL;

    return (struct edge_run){far_nodes(set) + begin, (set->groups[at].end & ~EDGE_SPECIAL) - begin};
}

struct edge_run
edge_set_run(const struct edge_set *set, uint32_t group_key)
{
    uint32_t at = group_lower_bound(set, group_key);

    if (at == edge_set_group_count(set) || set->groups[at].key != group_key)
        return (struct edge_run){NULL, 0};
    return run_of(set, at);
}

struct edge_run
edge_set_run_special(const struct edge_set *set, uint32_t group_key, bool *special)
{
    uint32_t at = group_lower_bound(set, group_key);

    *special = false;
    if (at == edge_set_group_count(set) || set->groups[at].key != group_key)
        return (struct edge_run){NULL, 0};
    *special = (set->groups[at].end & EDGE_SPECIAL) != 0;
    return run_of(set, at);
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

/* A special edge has at most all special ones of the places before it, and at least those for which
 * there are not enough plain ones: where all are special, its place is found at once. */
struct edge_special_cursor
edge_set_specials(const struct edge_set *set, const uint64_t *node)
{
    const struct edge_specials *specials = specials_of(set);
    const uint32_t *places = places_of(specials);
    uint32_t place = (uint32_t)(node - far_nodes(set));
    uint32_t plain = edge_set_edge_count(set) - specials->count;
    uint32_t low = place > plain ? place - plain : 0;
    uint32_t high = place < specials->count ? place : specials->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (places[middle] < place)
            low = middle + 1;
        else
            high = middle;
    }
    return (struct edge_special_cursor){
        .nodes = far_nodes(set),
        .place = places + low,
        .place_end = places + specials->count,
        .traits = specials->traits + low,
    };
}

bool
edge_set_contains_special(const struct edge_set *set, uint32_t group_key, uint64_t node,
                          int64_t now, const struct edge_traits **traits)
{
    bool special;
    struct edge_run run = edge_set_run_special(set, group_key, &special);
    size_t at = edge_run_lower_bound(run, node);
    struct edge_special_cursor cursor;

    *traits = NULL;
    if (at >= run.count || run.nodes[at] != node)
        return false;
    if (!special)
        return true;
    cursor = edge_set_specials(set, run.nodes + at);
    *traits = edge_special_take(&cursor, run.nodes + at);
    if (*traits == NULL || !edge_traits_expired(*traits, now))
        return true;
    *traits = NULL;
    return false;
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
    struct edge_traits *traits; /* of the special edges; without the places of their contexts */
    uint32_t *places;
    uint32_t special_count;
    uint32_t special_capacity; /* of both */
    struct buffer contexts;
};

static void
builder_init(struct builder *builder, enum edge_direction direction)
{
    *builder = (struct builder){.direction = direction};
    buffer_init(&builder->contexts);
}

static void
builder_release(struct builder *builder)
{
    memory_free(builder->groups);
    memory_free(builder->nodes);
    memory_free(builder->traits);
    memory_free(builder->places);
    buffer_release(&builder->contexts);
}

/* Within the bounds of a set. */
static bool
builder_fits(const struct builder *builder)
{
    return builder->node_count <= LIMIT_GRAPH_SET_EDGES &&
           block_bytes(builder->group_count, builder->node_count, builder->special_count,
                       builder->contexts.size) <= LIMIT_GRAPH_SET_BYTES;
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
    struct edge_group *group = &builder->groups[builder->group_count - 1];

    if (builder->node_count == builder->node_capacity) {
        uint32_t capacity = builder->node_capacity == 0 ? FIRST_NODES : builder->node_capacity * 2;

        builder->nodes = memory_resize(builder->nodes, capacity, sizeof *builder->nodes);
        builder->node_capacity = capacity;
    }
    builder->nodes[builder->node_count++] = node;
    group->end = builder->node_count | (group->end & EDGE_SPECIAL);
}

/* What the node that was added last carries. */
static void
builder_add_traits(struct builder *builder, const struct edge *edge)
{
    if (builder->special_count == builder->special_capacity) {
        uint32_t capacity =
            builder->special_capacity == 0 ? FIRST_SPECIALS : builder->special_capacity * 2;

        builder->traits = memory_resize(builder->traits, capacity, sizeof *builder->traits);
        builder->places = memory_resize(builder->places, capacity, sizeof *builder->places);
        builder->special_capacity = capacity;
    }
    builder->traits[builder->special_count] = (struct edge_traits){
        .expires_at = edge->expires_at,
        .context = {NULL, edge->context.size},
        .caveat = edge->caveat,
    };
    builder->places[builder->special_count++] = builder->node_count - 1;
    buffer_add_slice(&builder->contexts, edge->context);
    builder->groups[builder->group_count - 1].end |= EDGE_SPECIAL;
}

/* The searches above are right for sorted runs only, so the order that storage promises is looked
 * at once, here, and never again. */
static enum status
builder_add(struct builder *builder, const struct edge *edge, struct error *error)
{
    const struct edge_key *key = &edge->key;
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
    if (edge->caveat != LABEL_NONE || edge->expires_at != 0)
        builder_add_traits(builder, edge);
    return BEHALF_OK;
}

/* Writes the second part of the block to `into`, which is aligned as the far nodes before it. */
static void
builder_finish_specials(const struct builder *builder, void *into)
{
    struct edge_specials *specials = into;
    void *places = specials->traits + builder->special_count;
    char *context = (char *)places + builder->special_count * sizeof *builder->places;

    specials->count = builder->special_count;
    specials->context_bytes = (uint32_t)builder->contexts.size;
    memcpy(places, builder->places, builder->special_count * sizeof *builder->places);
    if (builder->contexts.size > 0)
        memcpy(context, builder->contexts.data, builder->contexts.size);
    for (uint32_t at = 0; at < builder->special_count; at++) {
        specials->traits[at] = builder->traits[at];
        specials->traits[at].context.data = context;
        context += builder->traits[at].context.size;
    }
}

static struct edge_set *
builder_finish(const struct builder *builder, uint64_t valid_from)
{
    size_t group_bytes = builder->group_count * sizeof *builder->groups;
    size_t node_bytes = builder->node_count * sizeof *builder->nodes;
    struct edge_set *set = memory_new(block_bytes(builder->group_count, builder->node_count,
                                                  builder->special_count, builder->contexts.size));

    atomic_init(&set->references, 1);
    set->group_count = builder->group_count;
    set->valid_from = valid_from;
    if (group_bytes > 0) {
        memcpy(set->groups, builder->groups, group_bytes);
        memcpy(set->groups + builder->group_count, builder->nodes, node_bytes);
    }
    if (builder->special_count > 0) {
        uint64_t *nodes = (void *)(set->groups + builder->group_count);

        set->group_count |= EDGE_SPECIAL;
        builder_finish_specials(builder, nodes + builder->node_count);
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
    struct builder builder;
    uint64_t head = store_snapshot_head(snapshot);
    struct edge_range range = node_range(node, direction);
    struct store_scan *scan = NULL;
    struct edge edge;
    enum status status;

    BEHALF_ASSERT(!NODE_IS_LOCAL(node));
    builder_init(&builder, direction);
    status = store_scan_open(snapshot, head, &range, &scan, error);
    while (status == BEHALF_OK && builder_fits(&builder)) {
        status = store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            status = builder_add(&builder, &edge, error);
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
    struct builder builder;
    struct edge_set *set;

    builder_init(&builder, EDGE_FORWARD);
    set = builder_finish(&builder, 0);
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

/* NULL, or what is wrong with the second part alone. */
static const char *
validate_specials(const struct edge_set *set, const struct edge_specials *specials)
{
    const uint32_t *places = places_of(specials);
    const char *context = (const char *)(places + specials->count);
    const char *end = context + specials->context_bytes;

    if (specials->count == 0 || specials->count > edge_set_edge_count(set))
        return "special edges are counted wrong";
    for (uint32_t at = 0; at < specials->count; at++) {
        const struct edge_traits *traits = &specials->traits[at];

        if (at > 0 && places[at - 1] >= places[at])
            return "places of special edges do not ascend";
        if (traits->caveat == LABEL_NONE && (traits->expires_at == 0 || traits->context.size > 0))
            return "a special edge carries nothing, or a context without a caveat";
        if (traits->context.data != context || traits->context.size > (size_t)(end - context))
            return "contexts do not stand behind one another";
        context += traits->context.size;
    }
    if (places[specials->count - 1] >= edge_set_edge_count(set))
        return "a special edge is none of the set";
    return context == end ? NULL : "contexts are counted wrong";
}

bool
edge_set_validate(const struct edge_set *set, const char **reason)
{
    const struct edge_specials *specials = edge_set_has_special(set) ? specials_of(set) : NULL;
    const uint64_t *nodes = far_nodes(set);
    uint32_t begin = 0;
    uint32_t special = 0;

    *reason = specials == NULL ? NULL : validate_specials(set, specials);
    for (uint32_t at = 0; at < edge_set_group_count(set) && *reason == NULL; at++) {
        const struct edge_group *group = &set->groups[at];
        uint32_t end = group->end & ~EDGE_SPECIAL;
        uint32_t before = special;

        if (at > 0 && set->groups[at - 1].key >= group->key)
            *reason = "groups do not ascend";
        if (end <= begin)
            *reason = "a group is empty";
        for (uint32_t node = begin + 1; node < end; node++) {
            if (nodes[node - 1] >= nodes[node])
                *reason = "far nodes do not ascend";
        }
        while (specials != NULL && special < specials->count && places_of(specials)[special] < end)
            special++;
        if ((special > before) != ((group->end & EDGE_SPECIAL) != 0))
            *reason = "a group does not know whether it has special edges";
        begin = end;
    }
    return *reason == NULL;
}
