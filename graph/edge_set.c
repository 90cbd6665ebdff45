/* edge_set.c - searches in one node's edges, iteration, sizes and validation.
 * Always true: nothing here writes to a set. A search relies on the order that edge_build.c
 * verified when it made the set. */
#include "graph/edge_set.h"

#include "base/memory.h"

/* Group directories up to this length are searched linearly: 8 entries take 64 bytes, and a binary
 * search would pay for mispredicted jumps. */
#define GROUPS_WALKED 8

static const uint64_t *
far_nodes(const struct edge_set *set)
{
    /* Through void: a group is 8 bytes, so the far nodes after them are aligned. */
    const void *behind = set->groups + edge_set_group_count(set);

    return behind;
}

/* Only for a block that has special edges. */
static const struct edge_specials *
specials_of(const struct edge_set *set)
{
    const void *behind = far_nodes(set) + edge_block_edge_count(set);

    return behind;
}

static const uint32_t *
places_of(const struct edge_specials *specials)
{
    const void *behind = specials->traits + specials->count;

    return behind;
}

size_t
edge_block_bytes_of(size_t group_count, size_t node_count, size_t special_count,
                    size_t context_bytes)
{
    size_t bytes = sizeof(struct edge_set) + group_count * sizeof(struct edge_group) +
                   node_count * sizeof(uint64_t);

    if (special_count == 0)
        return bytes;
    return bytes + sizeof(struct edge_specials) +
           special_count * (sizeof(struct edge_traits) + sizeof(uint32_t)) + context_bytes;
}

size_t
edge_directory_bytes(size_t piece_count)
{
    return sizeof(struct edge_set) + sizeof(struct edge_directory) +
           piece_count * sizeof(struct edge_piece);
}

size_t
edge_block_bytes(const struct edge_set *set)
{
    uint32_t edge_count = edge_block_edge_count(set);

    if (set->piece_count > 0)
        return edge_directory_bytes(set->piece_count);
    if (!edge_set_has_special(set))
        return edge_block_bytes_of(set->group_count, edge_count, 0, 0);
    return edge_block_bytes_of(edge_set_group_count(set), edge_count, specials_of(set)->count,
                               specials_of(set)->context_bytes);
}

/* --- searching --- */

static bool
piece_is_behind(const struct edge_piece *piece, uint32_t group_key, uint64_t node)
{
    return piece->group_key > group_key || (piece->group_key == group_key && piece->first > node);
}

/* The last piece that begins at or before the edge; the first piece when none does. Halves without
 * a branch, as edge_run_lower_bound does. */
uint32_t
edge_set_piece_place(const struct edge_set *set, uint32_t group_key, uint64_t node)
{
    const struct edge_piece *pieces = edge_set_directory(set)->pieces;
    const struct edge_piece *base = pieces;
    uint32_t left = set->piece_count;

    while (left > 1) {
        uint32_t half = left / 2;
        const struct edge_piece *middle = base + half;
        bool before = (middle->group_key < group_key) |
                      ((middle->group_key == group_key) & (middle->first <= node));

        base += half * (size_t)before;
        left -= half;
    }
    return (uint32_t)(base - pieces);
}

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

/* The run of an existing group. */
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

/* Binary search without a branch that depends on the data: a mispredicted branch would cost as much
 * as the load it waits for. The comparison is multiplied, because compilers turn a choice by `?:`
 * back into a jump. */
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

/* Bounds for the binary search: of the edges before `node`, at most all special ones are special,
 * and at least as many as exceed the number of plain edges. Where all edges are special, the bounds
 * meet at once. */
struct edge_special_cursor
edge_set_specials(const struct edge_set *set, const uint64_t *node)
{
    const struct edge_specials *specials = specials_of(set);
    const uint32_t *places = places_of(specials);
    uint32_t place = (uint32_t)(node - far_nodes(set));
    uint32_t plain = edge_block_edge_count(set) - specials->count;
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
    /* NULL here means a plain edge in a group that also has special ones. */
    *traits = edge_special_take(&cursor, run.nodes + at);
    if (*traits == NULL || !edge_traits_expired(*traits, now))
        return true;
    *traits = NULL;
    return false;
}

/* --- all edges --- */

bool
edge_cursor_next(struct edge_cursor *cursor, struct edge_item *item)
{
    const struct edge_set *block = edge_set_block(cursor->set, cursor->block);

    while (cursor->place == edge_block_edge_count(block)) {
        if (cursor->block + 1 >= edge_set_block_count(cursor->set))
            return false;
        block = edge_set_block(cursor->set, ++cursor->block);
        cursor->group = 0;
        cursor->place = 0;
    }
    /* A cursor over special edges belongs to one block: start anew in each. */
    if (cursor->place == 0 && edge_set_has_special(block))
        cursor->specials = edge_set_specials(block, far_nodes(block));
    while ((block->groups[cursor->group].end & ~EDGE_SPECIAL) <= cursor->place)
        cursor->group++;
    *item = (struct edge_item){
        .group_key = block->groups[cursor->group].key,
        .node = far_nodes(block)[cursor->place],
    };
    if (edge_set_has_special(block))
        item->traits = edge_special_take(&cursor->specials, far_nodes(block) + cursor->place);
    cursor->place++;
    return true;
}

static bool
traits_equal(const struct edge_traits *a, const struct edge_traits *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return a->expires_at == b->expires_at && a->caveat == b->caveat &&
           slice_equal(a->context, b->context);
}

bool
edge_set_equal(const struct edge_set *a, const struct edge_set *b)
{
    struct edge_cursor left = {.set = a};
    struct edge_cursor right = {.set = b};
    struct edge_item one;
    struct edge_item other;

    if (edge_set_edge_count(a) != edge_set_edge_count(b))
        return false;
    while (edge_cursor_next(&left, &one)) {
        if (!edge_cursor_next(&right, &other) || one.group_key != other.group_key ||
            one.node != other.node || !traits_equal(one.traits, other.traits))
            return false;
    }
    return true;
}

/* --- memory --- */

/* Whether `other` (NULL = none) shares the piece. Pieces of both sets ascend, so *at only moves
 * forward and a walk over all pieces is linear. A shared piece is the same pointer. */
static bool
has_piece(const struct edge_set *other, const struct edge_piece *piece, uint32_t *at)
{
    const struct edge_piece *pieces;

    if (other == NULL || other->piece_count == 0)
        return false;
    pieces = edge_set_directory(other)->pieces;
    while (*at < other->piece_count &&
           piece_is_behind(piece, pieces[*at].group_key, pieces[*at].first))
        *at += 1;
    return *at < other->piece_count && pieces[*at].set == piece->set;
}

void
edge_set_visit_own(const struct edge_set *set, const struct edge_set *newer,
                   const struct edge_set *older,
                   void (*visit)(void *context, const void *block, size_t bytes), void *context)
{
    uint32_t at_newer = 0;
    uint32_t at_older = 0;

    for (uint32_t at = 0; at < set->piece_count; at++) {
        const struct edge_piece *piece = &edge_set_directory(set)->pieces[at];

        if (!has_piece(newer, piece, &at_newer) && !has_piece(older, piece, &at_older))
            visit(context, piece->set, piece->bytes);
    }
    visit(context, set, memory_block_bytes(edge_block_bytes(set)));
}

size_t
edge_set_bytes(const struct edge_set *set)
{
    size_t bytes = memory_block_bytes(edge_block_bytes(set));

    return set->piece_count == 0 ? bytes : bytes + edge_set_directory(set)->piece_bytes;
}

static void
add_bytes(void *context, const void *block, size_t bytes)
{
    (void)block;
    *(size_t *)context += bytes;
}

size_t
edge_set_bytes_beside(const struct edge_set *set, const struct edge_set *newer)
{
    size_t bytes = 0;

    edge_set_visit_own(set, newer, NULL, add_bytes, &bytes);
    return bytes;
}

static void
free_block(void *context, const void *block, size_t bytes)
{
    (void)context;
    (void)bytes;
    memory_free((void *)(uintptr_t)block);
}

void
edge_set_free(struct edge_set *set)
{
    if (set != NULL)
        edge_set_visit_own(set, NULL, NULL, free_block, NULL);
}

/* --- checking --- */

/* NULL, or the error found in the second part alone. */
static const char *
validate_specials(const struct edge_set *set, const struct edge_specials *specials)
{
    const uint32_t *places = places_of(specials);
    const char *context = (const char *)(places + specials->count);
    const char *end = context + specials->context_bytes;

    if (specials->count == 0 || specials->count > edge_block_edge_count(set))
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
    if (places[specials->count - 1] >= edge_block_edge_count(set))
        return "a special edge is none of the set";
    return context == end ? NULL : "contexts are counted wrong";
}

static bool
validate_block(const struct edge_set *set, const char **reason)
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

static const char *
validate_piece(const struct edge_set *set, uint32_t at)
{
    const struct edge_piece *piece = &edge_set_directory(set)->pieces[at];
    struct edge_cursor cursor = {.set = piece->set};
    struct edge_item item;

    if (piece->set->piece_count != 0)
        return "a piece has pieces";
    if (!edge_cursor_next(&cursor, &item))
        return "a piece is empty";
    if (item.node != piece->first || item.group_key != piece->group_key)
        return "a piece does not begin as the directory says";
    if (piece->bytes != memory_block_bytes(edge_block_bytes(piece->set)))
        return "the bytes of a piece are wrong";
    while (edge_cursor_next(&cursor, &item))
        continue;
    if (at + 1 < set->piece_count && !piece_is_behind(piece + 1, item.group_key, item.node))
        return "pieces do not ascend";
    return NULL;
}

bool
edge_set_validate(const struct edge_set *set, const char **reason)
{
    uint64_t edges = 0;
    size_t bytes = 0;

    if (set->piece_count == 0)
        return validate_block(set, reason);
    for (uint32_t at = 0; at < set->piece_count; at++) {
        const struct edge_piece *piece = &edge_set_directory(set)->pieces[at];

        if (!validate_block(piece->set, reason))
            return false;
        *reason = validate_piece(set, at);
        if (*reason != NULL)
            return false;
        edges += edge_block_edge_count(piece->set);
        bytes += piece->bytes;
    }
    if (edges != edge_set_directory(set)->edge_count)
        *reason = "the edges of the pieces are counted wrong";
    if (bytes != edge_set_directory(set)->piece_bytes)
        *reason = "the bytes of the pieces are counted wrong";
    return *reason == NULL;
}
