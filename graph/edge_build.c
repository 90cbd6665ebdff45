/* edge_build.c - makes edge sets: from storage, and from an older set with a list of changes.
 * Always true: a builder is given edges in ascending order and without duplicates, so what it
 * finishes is a valid set. It copies everything: no set points into storage buffers or into a
 * transaction. A set under construction is owned by its builder, and published only by
 * graph_cache.c. */
#include "base/memory.h"
#include "graph/edge_set.h"
#include "graph/limits.h"

/* Collects edges in order and forms blocks of them. */
struct builder {
    struct edge_group *groups;
    uint32_t group_count;
    size_t group_capacity;
    uint64_t *nodes;
    uint32_t node_count;
    size_t node_capacity;
    struct edge_traits *traits; /* of the special edges; their contexts are in `contexts` */
    uint32_t *places;
    uint32_t special_count;
    size_t trait_capacity;
    size_t place_capacity;
    struct buffer contexts;

    /* Finished pieces, once there is more than one block. */
    uint32_t piece_edges; /* a block is cut at this many edges */
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

/* Frees the builder's arrays. Pieces belong to the finished set, or to the caller after a
 * failure. */
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

/* Traits of the edge added last. The pointer into `contexts` is set when the block is finished,
 * since the buffer still moves. */
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

/* Writes the second part of the block to `into`, which follows the far nodes and has their
 * alignment. */
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

/* The edges added since the last block, as a block of its own; the builder is empty afterwards. */
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

/* Cuts a piece from the edges added since the last one, if there are any. */
static void
builder_cut(struct builder *builder)
{
    struct edge_piece piece;

    if (builder->node_count == 0)
        return;
    /* The first edge is repeated in the directory, so that a search reads the directory alone and
     * then one piece. */
    piece.first = builder->nodes[0];
    piece.group_key = builder->groups[0].key;
    /* The allocator's size and not the requested one: the budget counts memory that is really
     * taken. */
    piece.bytes = (uint32_t)memory_block_bytes(builder_block_bytes(builder));
    builder->edge_count += builder->node_count;
    piece.set = builder_take_block(builder);
    builder_add_piece(builder, &piece);
}

/* Adds the next edge; `traits` is NULL for a plain one. The bound in bytes beside the bound in
 * edges is for contexts: 1,024 edges with a context of some KiB each would make every change copy
 * megabytes. */
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

    /* Everything fit into one block: no directory, and finds save an indirection. */
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

/* The searches need sorted runs. Storage promises the order, and it is verified here once: a
 * damaged index must not become a set in which an existing edge is not found. */
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
        /* Equal is an error too: an edge that occurs twice would survive its own removal. */
        return error_set(error, BEHALF_STORAGE_CORRUPT,
                         "the relationship index is not in order: node %016llx after %016llx",
                         (unsigned long long)node, (unsigned long long)loading->last_node);
    builder_add(&loading->builder, group_key, node, &traits);
    loading->edge_count++;
    loading->last_group = group_key;
    loading->last_node = node;
    return BEHALF_OK;
}

/* Bytes so far: finished pieces, and the block that is being filled. Without the directory, which
 * is small against them. */
static size_t
loaded_bytes(const struct loading *loading)
{
    return loading->builder.piece_bytes + builder_block_bytes(&loading->builder);
}

/* `last + 1` cannot wrap into another type: bit 47 of a stored node is 0. */
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

/* How many edges are read between two looks at the cancel flag. */
#define CANCELLED_EDGES 1024

static bool
is_cancelled(const struct loading *loading, const atomic_bool *cancelled)
{
    return cancelled != NULL && loading->edge_count % CANCELLED_EDGES == 0 &&
           atomic_load_explicit(cancelled, memory_order_relaxed);
}

/* Builds a set of all edges that the scan gives. Stops as soon as the set exceeds `bytes_max`, so
 * that a node with a hundred million edges costs no more than the largest set that is kept. The
 * store ends a scan with DONE only when the list is complete (scan.c), so a set is never short. */
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
    /* OK here means that the loop ended at the size limit: no set. */
    if (status == BEHALF_DONE) {
        *set = builder_finish(&loading.builder, revision);
    } else {
        /* No reader has seen these pieces, so they are freed at once and not retired. */
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

    /* The scan stays at one snapshot, so all sets that are read from it have the same head. */
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

/* Merges the edges of `set` with `count` changes, both ascending. A change replaces the edge with
 * its key; to put an existing edge or remove an absent one is no error, since only the last change
 * of an edge is left of a group: an edge that was put and removed within it arrives as the removal
 * of an absent edge. */
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

/* Merges piece by piece; a piece without changes is shared with the old set. A piece that would
 * exceed the bound is cut in halves, as a B-tree splits a page: cut at the bound it would leave a
 * full piece, which the next insertion splits again. */
static void
merge_pieces(struct builder *builder, const struct edge_set *set, const struct edge_change *changes,
             size_t count)
{
    const struct edge_piece *pieces = edge_set_directory(set)->pieces;
    size_t begin = 0;

    /* Shared pieces are not counted again: each rebuilt piece is subtracted here and added by its
     * cut. */
    builder->edge_count = edge_set_directory(set)->edge_count;
    for (uint32_t at = 0; at < set->piece_count; at++) {
        const struct edge_piece *next = at + 1 < set->piece_count ? &pieces[at + 1] : NULL;
        size_t end = begin;
        size_t puts = 0;
        size_t edges;

        /* Changes before the first edge of the next piece belong to this one, those before the very
         * first edge to the first piece. */
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
    /* A directory that became short turns into one block again. Half of the bound: a set that
     * hovers around the bound must not switch its form with every change. */
    if (set->piece_count > 0 && edge_set_edge_count(set) + count > LIMIT_GRAPH_PIECE_EDGES / 2)
        merge_pieces(&builder, set, changes, count);
    else
        merge(&builder, set, changes, count);
    updated = builder_finish(&builder, valid_from);
    builder_release(&builder);
    return updated;
}
