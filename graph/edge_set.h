/* edge_set.h - all edges of one node in one direction, as immutable blocks.
 *
 * A set of up to LIMIT_GRAPH_PIECE_EDGES edges is one block:
 *
 *   | 0 4 | group_count 4 | valid_from 8 | groups 8 x group_count | far nodes 8 x edges |
 *
 * and, only when some of its edges are special (they carry a caveat or an expiration),
 *
 *   | count 4 | context_bytes 4 | traits 32 x count | places 4 x count | contexts |
 *
 * A group is one (relation, subject_relation). It stores the end of its run of far nodes; the run
 * begins where the previous group ends. A pair without edges has no group. Plain edges take no
 * bytes in the second part, and a group without special edges is read without touching that part.
 *
 * A larger set is a directory of such blocks, called pieces. Each piece holds a contiguous part of
 * the edges in their order; a group may continue in the next piece:
 *
 *   | piece_count 4 | 0 4 | valid_from 8 | edges 8 | piece bytes 8 | pieces 24 x piece_count |
 *
 * A change makes a new set. It copies the one block, or the directory and the changed piece, and
 * shares the other pieces with the set before it. A piece that a version lacks never occurs in a
 * later one, so a piece belongs to a run of adjacent versions. When a version is dropped, the
 * pieces that neither neighbour has are dropped with it: neighbours replace a reference count.
 *
 * Always true: groups ascend by key, far nodes ascend within a group, and nothing occurs twice;
 * places of special edges ascend, and their contexts follow one another in the same order; pieces
 * ascend, and none is empty. The set is exactly the state of its node at revision `valid_from`,
 * expired edges included, because edges expire without a write. A set never changes.
 * Threads: any, inside a section of readers.h, or the owner of the set. */
#ifndef BEHALF_GRAPH_EDGE_SET_H
#define BEHALF_GRAPH_EDGE_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"
#include "storage/store.h"

struct edge_group {
    uint32_t key; /* edge_group_key */
    uint32_t end; /* end of its run of far nodes; EDGE_SPECIAL when it has special edges */
};

struct edge_set {
    uint32_t piece_count;       /* 0 = a single block */
    uint32_t group_count;       /* with EDGE_SPECIAL when a group has it; 0 in a directory */
    uint64_t valid_from;        /* 0 in a piece */
    struct edge_group groups[]; /* then the far nodes */
};

_Static_assert(sizeof(struct edge_set) == 16, "far nodes stay aligned and the set stays small");

#define EDGE_SPECIAL (UINT32_C(1) << 31)

/* The second part of a block. */
struct edge_specials {
    uint32_t count;
    uint32_t context_bytes;
    struct edge_traits traits[]; /* then the places, then the contexts of the traits */
};

_Static_assert(sizeof(struct edge_traits) == 32, "what a special edge costs beside its place");

/* A piece of a large set, as its directory describes it. */
struct edge_piece {
    uint64_t first; /* far node of its first edge */
    const struct edge_set *set;
    uint32_t group_key; /* group of its first edge */
    uint32_t bytes;     /* allocated */
};

/* Follows the header of a set with pieces. */
struct edge_directory {
    uint64_t edge_count;
    size_t piece_bytes; /* of all pieces, allocated */
    struct edge_piece pieces[];
};

/* Group keys have the order of the index that a set is read from, so groups arrive sorted. */
static inline uint32_t
edge_group_key(enum edge_direction direction, uint16_t relation, uint16_t subject_relation)
{
    return direction == EDGE_FORWARD ? (uint32_t)relation << 16 | subject_relation
                                     : (uint32_t)subject_relation << 16 | relation;
}

/* --- pieces --- */

/* For a set with pieces. */
static inline const struct edge_directory *
edge_set_directory(const struct edge_set *set)
{
    /* Through void: both structs are aligned for 8 bytes. */
    const void *behind = set->groups;

    return behind;
}

/* The number of blocks, which are read one after another. */
static inline uint32_t
edge_set_block_count(const struct edge_set *set)
{
    return set->piece_count == 0 ? 1 : set->piece_count;
}

static inline const struct edge_set *
edge_set_block(const struct edge_set *set, uint32_t at)
{
    return set->piece_count == 0 ? set : edge_set_directory(set)->pieces[at].set;
}

/* For a set with pieces: the index of the only piece that can hold this edge. */
uint32_t edge_set_piece_place(const struct edge_set *set, uint32_t group_key, uint64_t node);

/* The index of the only block that can hold this edge. */
static inline uint32_t
edge_set_block_place(const struct edge_set *set, uint32_t group_key, uint64_t node)
{
    return set->piece_count == 0 ? 0 : edge_set_piece_place(set, group_key, node);
}

/* --- one block: for blocks, not for directories --- */

/* A sorted run of far nodes; borrowed from the block. */
struct edge_run {
    const uint64_t *nodes;
    size_t count;
};

struct edge_run edge_set_run(const struct edge_set *set, uint32_t group_key);

/* The index of the first node >= `node`; `count` when there is none. */
size_t edge_run_lower_bound(struct edge_run run, uint64_t node);

/* Whether the block has this edge, expired or not. */
static inline bool
edge_set_contains(const struct edge_set *set, uint32_t group_key, uint64_t node)
{
    struct edge_run run = edge_set_run(set, group_key);
    size_t at = edge_run_lower_bound(run, node);

    return at < run.count && run.nodes[at] == node;
}

static inline uint32_t
edge_set_group_count(const struct edge_set *set)
{
    return set->group_count & ~EDGE_SPECIAL;
}

/* The bits of graph_kind_bit for a resource's edges. All bits for a set with pieces: reading every
 * piece would cost more than the pruning saves. */
static inline uint64_t
edge_set_kinds(const struct edge_set *set)
{
    uint32_t count = edge_set_group_count(set);
    uint64_t kinds = set->piece_count > 0 ? UINT64_MAX : 0;

    for (uint32_t at = 0; at < count; at++)
        kinds |=
            graph_kind_bit((uint16_t)(set->groups[at].key >> 16), (uint16_t)set->groups[at].key);
    return kinds;
}

static inline uint32_t
edge_block_edge_count(const struct edge_set *set)
{
    uint32_t count = edge_set_group_count(set);

    return count == 0 ? 0 : set->groups[count - 1].end & ~EDGE_SPECIAL;
}

/* --- special edges --- */

/* Ask this before anything below: a block without special edges has no second part. */
static inline bool
edge_set_has_special(const struct edge_set *set)
{
    return (set->group_count & EDGE_SPECIAL) != 0;
}

/* The run, and whether it has special edges. */
struct edge_run edge_set_run_special(const struct edge_set *set, uint32_t group_key, bool *special);

static inline bool
edge_traits_expired(const struct edge_traits *traits, int64_t now)
{
    return traits->expires_at != 0 && traits->expires_at <= now;
}

/* Whether the edge is there and has not expired. *traits is NULL when it is plain or not there,
 * else borrowed from the set. */
bool edge_set_contains_special(const struct edge_set *set, uint32_t group_key, uint64_t node,
                               int64_t now, const struct edge_traits **traits);

/* Iterates over the special edges of a block in the order of its far nodes. */
struct edge_special_cursor {
    const uint64_t *nodes;            /* of the block */
    const uint32_t *place;            /* index in `nodes` of the next special edge */
    const uint32_t *place_end;        /* end of the places */
    const struct edge_traits *traits; /* of the next special edge */
};

/* Starts at the first special edge at or after `node`, which points into the far nodes. */
struct edge_special_cursor edge_set_specials(const struct edge_set *set, const uint64_t *node);

/* The traits of the edge at `node`; NULL when it is plain. Ask for every node of a run in turn,
 * from the start on: the cursor moves by one special edge at a time. */
static inline const struct edge_traits *
edge_special_take(struct edge_special_cursor *cursor, const uint64_t *node)
{
    if (cursor->place == cursor->place_end || cursor->nodes + *cursor->place != node)
        return NULL;
    cursor->place++;
    return cursor->traits++;
}

/* --- the whole set --- */

static inline uint64_t
edge_set_edge_count(const struct edge_set *set)
{
    return set->piece_count == 0 ? edge_block_edge_count(set) : edge_set_directory(set)->edge_count;
}

/* Iterates over all edges in order. Initialise to zeroes except for `set`. */
struct edge_cursor {
    const struct edge_set *set;
    uint32_t block;                      /* current */
    uint32_t group;                      /* in the block */
    uint32_t place;                      /* index in the block's far nodes of the next edge */
    struct edge_special_cursor specials; /* of a block that has special edges */
};

struct edge_item {
    uint32_t group_key;
    uint64_t node;
    const struct edge_traits *traits; /* NULL = plain; borrowed from the set */
};

/* False at the end. */
bool edge_cursor_next(struct edge_cursor *cursor, struct edge_item *item);

/* Whether two sets hold the same edges with the same traits, however they are cut into blocks. */
bool edge_set_equal(const struct edge_set *a, const struct edge_set *b);

bool edge_set_validate(const struct edge_set *set, const char **reason);

/* --- memory --- */

/* Of one block or one directory, without its pieces. */
size_t edge_block_bytes(const struct edge_set *set);

/* The size of a block or directory with these counts. */
size_t edge_block_bytes_of(size_t group_count, size_t node_count, size_t special_count,
                           size_t context_bytes);
size_t edge_directory_bytes(size_t piece_count);

/* Calls `visit` for the set's own block, and for each of its pieces that neither neighbour has
 * (NULL = no neighbour), with its allocated bytes. */
void edge_set_visit_own(const struct edge_set *set, const struct edge_set *newer,
                        const struct edge_set *older,
                        void (*visit)(void *context, const void *block, size_t bytes),
                        void *context);

/* Allocated bytes of the set and its pieces. */
size_t edge_set_bytes(const struct edge_set *set);

/* The same without the pieces that `newer` (may be NULL) shares. */
size_t edge_set_bytes_beside(const struct edge_set *set, const struct edge_set *newer);

/* Frees the set and all its pieces; accepts NULL. */
void edge_set_free(struct edge_set *set);

/* --- making --- */

/* Reads the edges of `node` at `revision` of the snapshot. *set is NULL when they need more than
 * `bytes_max`; otherwise the caller owns it. STORAGE_*. */
enum status edge_set_load(const struct store_snapshot *snapshot, uint64_t revision, uint64_t node,
                          enum edge_direction direction, size_t bytes_max, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

/* The range of all edges of the nodes first..last, for a scan that edge_set_read moves along. */
struct edge_range edge_set_range(enum edge_direction direction, uint64_t first, uint64_t last);

/* As edge_set_load, from a scan over a range of nodes at `revision`. Call it for ascending nodes.
 * DEADLINE soon after *cancelled (may be NULL) becomes true. After a failure the scan can only be
 * closed. */
enum status edge_set_read(struct store_scan *scan, uint64_t revision, uint64_t node,
                          enum edge_direction direction, size_t bytes_max,
                          const atomic_bool *cancelled, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

struct edge_change {
    uint64_t node;
    uint64_t revision;
    struct edge_traits traits; /* caveat and expires_at 0 = a plain edge */
    uint32_t group_key;
    bool removed;
};

/* The set after the changes, which ascend by group and node and name each edge once. To put an
 * existing edge or to remove an absent one is allowed. Shares pieces with `set`. */
struct edge_set *edge_set_update(const struct edge_set *set, const struct edge_change *changes,
                                 size_t count, uint64_t valid_from);

/* A set of no edges. */
struct edge_set *edge_set_new_empty(void);

#endif
