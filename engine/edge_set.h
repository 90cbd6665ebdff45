/* edge_set.h - all edges of one node in one direction, as one immutable block.
 *
 *   | references 4 | group_count 4 | valid_from 8 | groups 8 x group_count | far nodes 8 x edges |
 *
 * and, only when some of its edges are special (they carry a caveat or an expiration),
 *
 *   | count 4 | context_bytes 4 | traits 32 x count | places 4 x count | contexts |
 *
 * A group is one (relation, subject_relation); it has the place where its run of far nodes ends,
 * and begins where the one before it ended. A pair without edges has no group. Plain edges have no
 * bytes in the second part, and a group of plain edges alone is read without a look at it.
 * Always true: groups ascend by key, far nodes ascend within a group, nothing stands twice; places
 * of special edges ascend, and their contexts stand behind one another in the same order; the set
 * is exactly the state of its node at revision `valid_from`, edges that expired included, since
 * time goes on without a write. Nothing but `references` ever changes.
 * Threads: read anywhere by who holds a reference; the reference count is atomic. */
#ifndef BEHALF_ENGINE_EDGE_SET_H
#define BEHALF_ENGINE_EDGE_SET_H

#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/graph.h"
#include "storage/store.h"

struct edge_group {
    uint32_t key; /* edge_group_key */
    uint32_t end; /* index of the far node behind its last, and EDGE_SPECIAL when it has some */
};

struct edge_set {
    atomic_uint references;
    uint32_t group_count; /* and EDGE_SPECIAL when some group has it */
    uint64_t valid_from;
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

/* In the order of the index that a set is read from, so that groups come sorted. */
static inline uint32_t
edge_group_key(enum edge_direction direction, uint16_t relation, uint16_t subject_relation)
{
    return direction == EDGE_FORWARD ? (uint32_t)relation << 16 | subject_relation
                                     : (uint32_t)subject_relation << 16 | relation;
}

/* A sorted run of far nodes; borrowed from the set. */
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

static inline uint32_t
edge_set_edge_count(const struct edge_set *set)
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

/* --- life --- */

size_t edge_set_bytes(const struct edge_set *set);

/* Reads the edges of `node` at the snapshot's head. *set is NULL when there are more than
 * LIMIT_GRAPH_SET_EDGES, or they need more than LIMIT_GRAPH_SET_BYTES; otherwise it has one
 * reference, the caller's. STORAGE_*. */
enum status edge_set_load(const struct store_snapshot *snapshot, uint64_t node,
                          enum edge_direction direction, struct edge_set **set,
                          struct error *error) BEHALF_MUST_USE;

/* A set of no edges that many threads are given at once: references to it are not counted, so that
 * they do not all write to one place. It ends with edge_set_free_empty. */
struct edge_set *edge_set_new_empty(void);
void edge_set_free_empty(struct edge_set *set);

#define EDGE_SET_UNCOUNTED UINT_MAX

/* Relaxed: a set is uncounted from its beginning to its end, or never. */
static inline bool
edge_set_is_uncounted(struct edge_set *set)
{
    return atomic_load_explicit(&set->references, memory_order_relaxed) == EDGE_SET_UNCOUNTED;
}

static inline void
edge_set_ref(struct edge_set *set)
{
    if (edge_set_is_uncounted(set))
        return;
    /* Relaxed: who takes a reference has one already, or holds the lock of the shard that has; the
     * contents were made visible by that. */
    atomic_fetch_add_explicit(&set->references, 1, memory_order_relaxed);
}

void edge_set_unref(struct edge_set *set); /* accepts NULL */

bool edge_set_validate(const struct edge_set *set, const char **reason);

#endif
