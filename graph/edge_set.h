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
 * A group is one (relation, subject_relation); it has the place where its run of far nodes ends,
 * and begins where the one before it ended. A pair without edges has no group. Plain edges have no
 * bytes in the second part, and a group of plain edges alone is read without a look at it.
 *
 * A larger set is a directory of such blocks, its pieces, each of which holds a stretch of the
 * edges in their order; a group may go on in the next piece:
 *
 *   | piece_count 4 | 0 4 | valid_from 8 | edges 8 | piece bytes 8 | pieces 24 x piece_count |
 *
 * A change makes a new set. It copies the one block, or the directory and the piece changed, and
 * shares the other pieces with the set before it; a piece that was left out never comes back. So of
 * a row of versions each piece belongs to some that stand together, and with a version go the
 * pieces that neither of its neighbours has.
 *
 * Always true: groups ascend by key, far nodes ascend within a group, nothing stands twice; places
 * of special edges ascend, and their contexts stand behind one another in the same order; pieces
 * ascend, and none is empty; the set is exactly the state of its node at revision `valid_from`,
 * edges that expired included, since time goes on without a write. Nothing ever changes.
 * Threads: read anywhere, within a section of readers.h or by who owns it. */
#ifndef BEHALF_GRAPH_EDGE_SET_H
#define BEHALF_GRAPH_EDGE_SET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "graph/graph.h"
#include "storage/store.h"

struct edge_group {
    uint32_t key; /* edge_group_key */
    uint32_t end; /* index of the far node behind its last, and EDGE_SPECIAL when it has some */
};

struct edge_set {
    uint32_t piece_count;       /* 0 = this is one block */
    uint32_t group_count;       /* and EDGE_SPECIAL when some group has it; of a directory 0 */
    uint64_t valid_from;        /* of a piece 0 */
    struct edge_group groups[]; /* then the far nodes */
};

_Static_assert(sizeof(struct edge_set) == 16, "far nodes stay aligned and the set stays small");

#define EDGE_SPECIAL (UINT32_C(1) << 31)

/* The second part of the block. */
struct edge_specials {
    uint32_t count;
    uint32_t context_bytes;
    struct edge_traits traits[]; /* then the places, then the contexts that the traits point to */
};

_Static_assert(sizeof(struct edge_traits) == 32, "what a special edge costs beside its place");

/* A stretch of a large set. */
struct edge_piece {
    uint64_t first; /* the far node it begins with */
    const struct edge_set *set;
    uint32_t group_key; /* of that node */
    uint32_t bytes;     /* that it takes, allocated */
};

/* What follows the opening of a set with pieces. */
struct edge_directory {
    uint64_t edge_count;
    size_t piece_bytes; /* of all pieces, allocated */
    struct edge_piece pieces[];
};

/* In the order of the index that a set is read from, so that groups come sorted. */
static inline uint32_t
edge_group_key(enum edge_direction direction, uint16_t relation, uint16_t subject_relation)
{
    return direction == EDGE_FORWARD ? (uint32_t)relation << 16 | subject_relation
                                     : (uint32_t)subject_relation << 16 | relation;
}

/* --- pieces --- */

/* Of a set with pieces. */
static inline const struct edge_directory *
edge_set_directory(const struct edge_set *set)
{
    /* Through void: both are aligned for 8 bytes. */
    const void *behind = set->groups;

    return behind;
}

/* Blocks to be read one after the other. */
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

/* Of a set with pieces: the place of the one in which this edge stands, if it is there at all. */
uint32_t edge_set_piece_place(const struct edge_set *set, uint32_t group_key, uint64_t node);

/* The place of the block in which this edge stands, if it is there at all. */
static inline uint32_t
edge_set_block_place(const struct edge_set *set, uint32_t group_key, uint64_t node)
{
    return set->piece_count == 0 ? 0 : edge_set_piece_place(set, group_key, node);
}

/* --- one block: what follows is asked of blocks, not of directories --- */

/* A sorted run of far nodes; borrowed from the block. */
struct edge_run {
    const uint64_t *nodes;
    size_t count;
};

struct edge_run edge_set_run(const struct edge_set *set, uint32_t group_key);

/* The place of the first node that is not below `node`; `count` when there is none. */
size_t edge_run_lower_bound(struct edge_run run, uint64_t node);

/* Whether such an edge stands in the set, expired or not. */
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

/* The bits of graph_kind_bit of a resource's edges; all of them for a set with pieces. */
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

/* Asked before anything below: a set without special edges has no second part. */
static inline bool
edge_set_has_special(const struct edge_set *set)
{
    return (set->group_count & EDGE_SPECIAL) != 0;
}

/* The run, and whether some of its edges are special. */
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

/* Goes over the special edges of a set in the order of its far nodes. */
struct edge_special_cursor {
    const uint64_t *nodes;            /* of the set */
    const uint32_t *place;            /* in `nodes`, of the next special edge */
    const uint32_t *place_end;        /* behind the last */
    const struct edge_traits *traits; /* of the next special edge */
};

/* At the first special edge that does not stand before `node`, which points into the far nodes. */
struct edge_special_cursor edge_set_specials(const struct edge_set *set, const uint64_t *node);

/* The traits of the edge at `node`, NULL when it is plain. Each node of a run is asked for in turn,
 * from the first one on. */
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

/* Goes over all edges, in order. Begins as zeroes but for the set. */
struct edge_cursor {
    const struct edge_set *set;
    uint32_t block;                      /* at hand */
    uint32_t group;                      /* in the block */
    uint32_t place;                      /* in the block's far nodes, of the next edge */
    struct edge_special_cursor specials; /* of a block that has some, from its first edge on */
};

struct edge_item {
    uint32_t group_key;
    uint64_t node;
    const struct edge_traits *traits; /* NULL = plain; borrowed from the set */
};

/* False at the end. */
bool edge_cursor_next(struct edge_cursor *cursor, struct edge_item *item);

/* Whether two sets hold the same edges with the same traits, whatever their blocks. */
bool edge_set_equal(const struct edge_set *a, const struct edge_set *b);

bool edge_set_validate(const struct edge_set *set, const char **reason);

/* --- memory --- */

/* Of one block or one directory, without its pieces. */
size_t edge_block_bytes(const struct edge_set *set);

/* The same of one with so much in it. */
size_t edge_block_bytes_of(size_t group_count, size_t node_count, size_t special_count,
                           size_t context_bytes);
size_t edge_directory_bytes(size_t piece_count);

/* Calls `visit` for the set's own block and for each of its pieces that neither neighbour has (NULL
 * = there is none), with the bytes that it takes, allocated. */
void edge_set_visit_own(const struct edge_set *set, const struct edge_set *newer,
                        const struct edge_set *older,
                        void (*visit)(void *context, const void *block, size_t bytes),
                        void *context);

/* Allocated bytes of the set and its pieces. */
size_t edge_set_bytes(const struct edge_set *set);

/* The same, those that `newer` (may be NULL) has as well left out. */
size_t edge_set_bytes_beside(const struct edge_set *set, const struct edge_set *newer);

/* Frees the set and all its pieces; accepts NULL. */
void edge_set_free(struct edge_set *set);

/* --- making --- */

/* Reads the edges of `node` at `revision` of the snapshot. *set is NULL when they need more than
 * `bytes_max`; otherwise it is the caller's. STORAGE_*. */
enum status edge_set_load(const struct store_snapshot *snapshot, uint64_t revision, uint64_t node,
                          enum edge_direction direction, size_t bytes_max, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

/* All edges of the nodes from the first to the last: a scan for edge_set_read. */
struct edge_range edge_set_range(enum edge_direction direction, uint64_t first, uint64_t last);

/* As edge_set_load, from a scan over a range of nodes at `revision`: of one node after the other,
 * ascending. DEADLINE soon after *cancelled (may be NULL) becomes true. After a failure the scan is
 * of no use any more. */
enum status edge_set_read(struct store_scan *scan, uint64_t revision, uint64_t node,
                          enum edge_direction direction, size_t bytes_max,
                          const atomic_bool *cancelled, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

struct edge_change {
    uint64_t node;
    uint64_t revision;
    struct edge_traits traits; /* caveat and expires_at 0: a plain edge */
    uint32_t group_key;
    bool removed;
};

/* The set with the changes, which ascend by group and node and name each edge once; what is there
 * may be put and what is not there removed. It shares pieces with `set`. */
struct edge_set *edge_set_update(const struct edge_set *set, const struct edge_change *changes,
                                 size_t count, uint64_t valid_from);

/* A set of no edges. */
struct edge_set *edge_set_new_empty(void);

#endif
