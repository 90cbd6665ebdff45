/* edge_build.c - making edge sets: from storage, and from an older set and what was changed.
 * Always true: a builder is given edges in order, and what it finishes is a valid set. */
#include "base/memory.h"
#include "graph/edge_set.h"
#include "graph/limits.h"

/* Takes edges in order and makes blocks of them. */
struct builder {
    struct edge_group *groups;
    uint32_t group_count;
    size_t group_capacity;
    uint64_t *nodes;
    uint32_t node_count;
    size_t node_capacity;
    struct edge_traits *traits; /* of the special edges; without the places of their contexts */
    uint32_t *places;
    uint32_t special_count;
    size_t trait_capacity;
    size_t place_capacity;
    struct buffer contexts;

    /* The blocks before, as soon as there are more than one. */
    uint32_t piece_edges; /* a block is finished when it has so many */
    struct edge_piece *pieces;
    uint32_t piece_count;
    size_t piece_capacity;
    uint64_t edge_count; /* in the pieces */
    size_t piece_bytes;
};

static void
builder_init(struct builder *builder)
{
    *builder = (struct builder){.piece_edges = LIMIT_GRAPH_PIECE_EDGES};
    buffer_init(&builder->contexts);
}

static void
builder_release(struct builder *builder)
{
    memory_free(builder->groups);
    memory_free(builder->nodes);
    memory_free(builder->traits);
    memory_free(builder->places);
    memory_free(builder->pieces);
    buffer_release(&builder->contexts);
}

static size_t
builder_block_bytes(const struct builder *builder)
{
    return edge_block_bytes_of(builder->group_count, builder->node_count, builder->special_count,
                               builder->contexts.size);
}

static void
builder_open_group(struct builder *builder, uint32_t group_key)
{
    builder->groups = memory_reserve(builder->groups, builder->group_count + 1,
                                     &builder->group_capacity, sizeof *builder->groups);
    builder->groups[builder->group_count++] = (struct edge_group){group_key, builder->node_count};
}

static void
builder_add_node(struct builder *builder, uint64_t node)
{
    struct edge_group *group = &builder->groups[builder->group_count - 1];

    builder->nodes = memory_reserve(builder->nodes, builder->node_count + 1,
                                    &builder->node_capacity, sizeof *builder->nodes);
    builder->nodes[builder->node_count++] = node;
    group->end = builder->node_count | (group->end & EDGE_SPECIAL);
}

/* What the node that was added last carries. */
static void
builder_add_traits(struct builder *builder, const struct edge_traits *traits)
{
    builder->traits = memory_reserve(builder->traits, builder->special_count + 1,
                                     &builder->trait_capacity, sizeof *builder->traits);
    builder->places = memory_reserve(builder->places, builder->special_count + 1,
                                     &builder->place_capacity, sizeof *builder->places);
    builder->traits[builder->special_count] = (struct edge_traits){
        .expires_at = traits->expires_at,
        .context = {NULL, traits->context.size},
        .caveat = traits->caveat,
    };
    builder->places[builder->special_count++] = builder->node_count - 1;
    buffer_add_slice(&builder->contexts, traits->context);
    builder->groups[builder->group_count - 1].end |= EDGE_SPECIAL;
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

/* What was added since the last block; nothing of it stays in the builder. */
static struct edge_set *
builder_take_block(struct builder *builder)
{
    size_t group_bytes = builder->group_count * sizeof *builder->groups;
    size_t node_bytes = builder->node_count * sizeof *builder->nodes;
    struct edge_set *set = memory_new(builder_block_bytes(builder));

    set->group_count = builder->group_count;
    if (group_bytes > 0) {
        memcpy(set->groups, builder->groups, group_bytes);
        memcpy(set->groups + builder->group_count, builder->nodes, node_bytes);
    }
    if (builder->special_count > 0) {
        uint64_t *nodes = (void *)(set->groups + builder->group_count);

        set->group_count |= EDGE_SPECIAL;
        builder_finish_specials(builder, nodes + builder->node_count);
    }
    builder->group_count = 0;
    builder->node_count = 0;
    builder->special_count = 0;
    buffer_clear(&builder->contexts);
    return set;
}

/* --- pieces --- */

static void
builder_add_piece(struct builder *builder, const struct edge_piece *piece)
{
    builder->pieces = memory_reserve(builder->pieces, builder->piece_count + 1,
                                     &builder->piece_capacity, sizeof *builder->pieces);
    builder->pieces[builder->piece_count++] = *piece;
    builder->piece_bytes += piece->bytes;
}

/* What was added since the last piece becomes one, if it is anything. */
static void
builder_cut(struct builder *builder)
{
    struct edge_piece piece;

    if (builder->node_count == 0)
        return;
    piece.first = builder->nodes[0];
    piece.group_key = builder->groups[0].key;
    piece.bytes = (uint32_t)memory_block_bytes(builder_block_bytes(builder));
    builder->edge_count += builder->node_count;
    piece.set = builder_take_block(builder);
    builder_add_piece(builder, &piece);
}

/* The next edge, `traits` NULL for a plain one. */
static void
builder_add(struct builder *builder, uint32_t group_key, uint64_t node,
            const struct edge_traits *traits)
{
    if (builder->node_count >= builder->piece_edges ||
        builder_block_bytes(builder) >= LIMIT_GRAPH_PIECE_BYTES)
        builder_cut(builder);
    if (builder->group_count == 0 || builder->groups[builder->group_count - 1].key != group_key)
        builder_open_group(builder, group_key);
    builder_add_node(builder, node);
    if (traits != NULL && (traits->caveat != LABEL_NONE || traits->expires_at != 0))
        builder_add_traits(builder, traits);
}

static struct edge_set *
builder_finish(struct builder *builder, uint64_t valid_from)
{
    struct edge_directory *directory;
    struct edge_set *set;

    if (builder->piece_count == 0) {
        set = builder_take_block(builder);
        set->valid_from = valid_from;
        return set;
    }
    builder_cut(builder);
    set = memory_new(edge_directory_bytes(builder->piece_count));
    set->piece_count = builder->piece_count;
    set->valid_from = valid_from;
    directory = (void *)set->groups;
    directory->edge_count = builder->edge_count;
    directory->piece_bytes = builder->piece_bytes;
    memcpy(directory->pieces, builder->pieces, builder->piece_count * sizeof *builder->pieces);
    return set;
}

struct edge_set *
edge_set_new_empty(void)
{
    struct builder builder;
    struct edge_set *set;

    builder_init(&builder);
    set = builder_finish(&builder, 0);
    builder_release(&builder);
    return set;
}

/* --- loading --- */

/* The searches are right for sorted runs only, so the order that storage promises is looked at
 * once, here, and never again. */
struct loading {
    struct builder builder;
    enum edge_direction direction;
    uint32_t last_group;
    uint64_t last_node;
    uint64_t edge_count;
};

static enum status
load_edge(struct loading *loading, const struct edge *edge, struct error *error)
{
    const struct edge_key *key = &edge->key;
    uint32_t group_key = edge_group_key(loading->direction, key->relation, key->subject_relation);
    uint64_t node = loading->direction == EDGE_FORWARD ? key->subject : key->resource;
    struct edge_traits traits = {edge->expires_at, edge->context, edge->caveat};

    if (loading->edge_count > 0 &&
        (group_key < loading->last_group ||
         (group_key == loading->last_group && node <= loading->last_node)))
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the relationship index is not in order: node %016llx after %016llx",
                         (unsigned long long)node, (unsigned long long)loading->last_node);
    builder_add(&loading->builder, group_key, node, &traits);
    loading->edge_count++;
    loading->last_group = group_key;
    loading->last_node = node;
    return BEHALF_OK;
}

static size_t
loaded_bytes(const struct loading *loading)
{
    return loading->builder.piece_bytes + builder_block_bytes(&loading->builder);
}

/* The next node exists: bit 47 is not set in a stored one. */
struct edge_range
edge_set_range(enum edge_direction direction, uint64_t first, uint64_t last)
{
    struct edge_range range = {.direction = direction};

    BEHALF_ASSERT(first <= last && !NODE_IS_LOCAL(first) && !NODE_IS_LOCAL(last));
    if (direction == EDGE_FORWARD) {
        range.from.resource = first;
        range.to.resource = last + 1;
    } else {
        range.from.subject = first;
        range.to.subject = last + 1;
    }
    return range;
}

/* Edges that are read between two looks at whether anybody still wants them. */
#define CANCELLED_EDGES 1024

static bool
is_cancelled(const struct loading *loading, const atomic_bool *cancelled)
{
    return cancelled != NULL && loading->edge_count % CANCELLED_EDGES == 0 &&
           atomic_load_explicit(cancelled, memory_order_relaxed);
}

/* A set of all edges that the scan gives. */
static enum status
read_edges(struct store_scan *scan, uint64_t revision, enum edge_direction direction,
           size_t bytes_max, const atomic_bool *cancelled, struct edge_set **set,
           struct error *error)
{
    struct loading loading = {.direction = direction};
    struct edge edge;
    enum status status = BEHALF_OK;

    builder_init(&loading.builder);
    while (status == BEHALF_OK && loaded_bytes(&loading) <= bytes_max) {
        status = is_cancelled(&loading, cancelled)
                     ? error_set(error, BEHALF_DEADLINE, "nobody waits for the edges any more")
                     : store_scan_next(scan, &edge, error);
        if (status == BEHALF_OK)
            status = load_edge(&loading, &edge, error);
    }
    *set = NULL;
    if (status == BEHALF_DONE) {
        *set = builder_finish(&loading.builder, revision);
    } else {
        for (uint32_t at = 0; at < loading.builder.piece_count; at++)
            edge_set_free((struct edge_set *)(uintptr_t)loading.builder.pieces[at].set);
    }
    builder_release(&loading.builder);
    return status == BEHALF_DONE ? BEHALF_OK : status;
}

enum status
edge_set_load(const struct store_snapshot *snapshot, uint64_t revision, uint64_t node,
              enum edge_direction direction, size_t bytes_max, struct edge_set **set,
              struct error *error)
{
    struct edge_range range = edge_set_range(direction, node, node);
    struct store_scan *scan = NULL;
    enum status status = store_scan_open(snapshot, revision, &range, &scan, error);

    *set = NULL;
    if (status == BEHALF_OK)
        status = read_edges(scan, revision, direction, bytes_max, NULL, set, error);
    store_scan_close(scan);
    return status;
}

enum status
edge_set_read(struct store_scan *scan, uint64_t revision, uint64_t node,
              enum edge_direction direction, size_t bytes_max, const atomic_bool *cancelled,
              struct edge_set **set, struct error *error)
{
    struct edge_range range = edge_set_range(direction, node, node);

    store_scan_move(scan, &range);
    return read_edges(scan, revision, direction, bytes_max, cancelled, set, error);
}

/* --- changing --- */

static bool
is_before(const struct edge_change *change, uint32_t group_key, uint64_t node)
{
    return change->group_key < group_key || (change->group_key == group_key && change->node < node);
}

static bool
is_behind(const struct edge_change *change, const struct edge_item *item)
{
    return change->group_key > item->group_key ||
           (change->group_key == item->group_key && change->node > item->node);
}

/* The edges of `set` with `count` changes among them. */
static void
merge(struct builder *builder, const struct edge_set *set, const struct edge_change *changes,
      size_t count)
{
    struct edge_cursor cursor = {.set = set};
    struct edge_item item;
    bool more = edge_cursor_next(&cursor, &item);
    size_t at = 0;

    while (more || at < count) {
        if (at < count && (!more || !is_behind(&changes[at], &item))) {
            const struct edge_change *change = &changes[at++];

            if (more && change->group_key == item.group_key && change->node == item.node)
                more = edge_cursor_next(&cursor, &item);
            if (!change->removed)
                builder_add(builder, change->group_key, change->node, &change->traits);
        } else {
            builder_add(builder, item.group_key, item.node, item.traits);
            more = edge_cursor_next(&cursor, &item);
        }
    }
}

/* Piece by piece. One that would grow too big is cut into halves. */
static void
merge_pieces(struct builder *builder, const struct edge_set *set, const struct edge_change *changes,
             size_t count)
{
    const struct edge_piece *pieces = edge_set_directory(set)->pieces;
    size_t begin = 0;

    builder->edge_count = edge_set_directory(set)->edge_count;
    for (uint32_t at = 0; at < set->piece_count; at++) {
        const struct edge_piece *next = at + 1 < set->piece_count ? &pieces[at + 1] : NULL;
        size_t end = begin;
        size_t puts = 0;
        size_t edges;

        while (end < count &&
               (next == NULL || is_before(&changes[end], next->group_key, next->first)))
            puts += !changes[end++].removed;
        if (end == begin) {
            builder_add_piece(builder, &pieces[at]);
            continue;
        }
        edges = edge_block_edge_count(pieces[at].set);
        builder->edge_count -= edges;
        builder->piece_edges = edges + puts > LIMIT_GRAPH_PIECE_EDGES
                                   ? LIMIT_GRAPH_PIECE_EDGES / 2 + 1
                                   : LIMIT_GRAPH_PIECE_EDGES;
        merge(builder, pieces[at].set, &changes[begin], end - begin);
        builder_cut(builder);
        begin = end;
    }
}

struct edge_set *
edge_set_update(const struct edge_set *set, const struct edge_change *changes, size_t count,
                uint64_t valid_from)
{
    struct builder builder;
    struct edge_set *updated;

    builder_init(&builder);
    /* A directory that has become short is one block again. */
    if (set->piece_count > 0 && edge_set_edge_count(set) + count > LIMIT_GRAPH_PIECE_EDGES / 2)
        merge_pieces(&builder, set, changes, count);
    else
        merge(&builder, set, changes, count);
    updated = builder_finish(&builder, valid_from);
    builder_release(&builder);
    return updated;
}
